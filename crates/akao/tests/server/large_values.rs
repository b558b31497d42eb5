//! Large values over HTTP: as files, of the execution whose history names them alone.

use crate::server::{Answer, Person, Server};
use serde_json::{Value, json};

const ECHO: &str = "akao: 1\nid: echo\nversion: 1.0.0\ninputs: { text: { description: What is said } }\noutputs: { text: \"${text}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: SetVariable, id: keep, props: { key: text, value: \"${input.text}\" } }\n";

const BLOB: &str = "/api/v1/executions/{execution}/blobs/{digest}";

/// Longer than what stays in its place, and different for each letter.
fn long(letter: &str) -> String {
    letter.repeat(200_000)
}

fn echoed(person: &Person<'_>, letter: &str) -> (String, Value) {
    let id = person.start("echo", &json!({"text": long(letter)}));
    let ended = person.wait(&id, &["success", "failure"]);
    assert_eq!(ended["status"], "success", "{ended:#}");
    (id, ended["outputs"]["text"].clone())
}

fn fetched(person: &Person<'_>, id: &str, digest: &str) -> Answer {
    person.show(BLOB, &[id, digest])
}

#[test]
fn a_large_value_is_given_as_a_file_by_the_execution_that_names_it_alone() {
    let server = Server::new();
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    for person in [&owner, &other] {
        person.save("echo", ECHO).is(201);
    }
    let (id, reference) = echoed(&owner, "a");
    let digest = reference["$blob"].as_str().unwrap_or_else(|| panic!("a reference: {reference:#}"));
    let found = fetched(&owner, &id, digest).is(200);
    // The text is a JSON text, as it stood in its place.
    assert_eq!(found.body, json!(long("a")));
    assert_eq!(found.header("content-type"), "application/octet-stream");
    let name = format!("attachment; filename=\"value-{}.json\"", &digest[7..19]);
    assert_eq!((found.header("content-disposition"), found.header("x-content-type-options")), (&*name, "nosniff"));
    assert_eq!((found.header("content-length"), found.header("cache-control")), ("200002", "no-store"));
    let viewer = server.member(&owner, "viewer");
    fetched(&viewer, &id, digest).is(200);
    fetched(&server.anybody(), &id, digest).refuses(401, "unauthenticated");

    // What the tenant has elsewhere, what another tenant has, and what nobody has look the same.
    let (second, other_reference) = echoed(&owner, "b");
    let other_digest = other_reference["$blob"].as_str().expect("a reference");
    fetched(&owner, &second, other_digest).is(200);
    fetched(&owner, &id, other_digest).refuses(404, "not_found");
    fetched(&owner, &second, digest).refuses(404, "not_found");
    for nothing in ["sha256:00", "nothing", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"] {
        fetched(&owner, &id, nothing).refuses(404, "not_found");
    }
    fetched(&other, &id, digest).refuses(404, "not_found");
    // Naming the digest of somebody else leads nowhere either: there is nothing under it in one's own tenant.
    let named = json!({"$blob": digest, "bytes": 200_002, "media_type": "application/json"});
    let forged = other.start("echo", &json!({"text": named}));
    other.wait(&forged, &["success", "failure"]);
    fetched(&other, &forged, digest).refuses(404, "not_found");
}
