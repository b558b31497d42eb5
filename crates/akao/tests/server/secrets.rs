//! Secrets that the server keeps: given, used by steps of their tenant, shown to nobody.

use crate::server::{Person, Platform, Server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;

const PATH: &str = "/api/v1/secrets/{secret}";

/// Uses a secret where it is shown, and where it is computed with.
const SHOWS: &str = "akao: 1\nid: shows\nversion: 1.0.0\noutputs: { shown: \"${shown}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: LogMessage, props: { message: \"it is ${secrets.TOKEN}\" } }\n    - { id: shown, type: SetVariable, props: { key: shown, value: \"it is ${secrets.TOKEN}\" } }\n    - { type: FailureNode, props: { message: \"no: ${secrets.TOKEN}\" } }\n";

fn put(person: &Person<'_>, name: &str, value: &str) -> crate::server::Answer {
    person.ask("PUT", PATH, &[name], "", Some(&json!({"value": value})))
}

#[test]
fn a_secret_is_given_and_never_shown() {
    let server = Server::new();
    let owner = server.owner();
    let value = "correct-horse-battery";
    let made = put(&owner, "TOKEN", value).is(201);
    assert_eq!(made.header("location"), "/api/v1/secrets/TOKEN");
    assert_eq!((&made.body["version"], &made.body["name"]), (&json!(1), &json!("TOKEN")));
    let again = put(&owner, "TOKEN", "another-value").is(200).body;
    assert_eq!((&again["version"], &again["created_at"]), (&json!(2), &made.body["created_at"]));
    put(&owner, "OTHER", value).is(201);
    let listed = owner.get("/api/v1/secrets").is(200).body;
    let names: Vec<&str> =
        listed["items"].as_array().expect("a list").iter().filter_map(|item| item["name"].as_str()).collect();
    assert_eq!(names, ["OTHER", "TOKEN"]);
    let page = owner.ask("GET", "/api/v1/secrets", &[], "?limit=1", None).is(200).body;
    let next = format!("?limit=1&cursor={}", page["next"].as_str().expect("a second page"));
    assert_eq!(owner.ask("GET", "/api/v1/secrets", &[], &next, None).is(200).body["items"][0]["name"], "TOKEN");
    let shown = owner.show(PATH, &["TOKEN"]).is(200).body;
    let audit = owner.get("/api/v1/audit").is(200).body;
    for document in [&listed, &shown, &made.body, &audit] {
        assert!(
            !document.to_string().contains(value) && !document.to_string().contains("another-value"),
            "{document:#}"
        );
    }
    let what: Vec<&str> =
        audit["items"].as_array().expect("lines").iter().filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(&what[..3], ["secret.set", "secret.set", "secret.set"]);
    for (name, value) in [("a-b", "long enough"), ("1A", "long enough"), ("A", "abc"), ("A", "")] {
        put(&owner, name, value).refuses(400, "invalid_request");
    }
    put(&owner, "A", &"x".repeat(70_000)).refuses(400, "invalid_request");
    let editor = server.member(&owner, "editor");
    editor.show(PATH, &["TOKEN"]).is(200);
    put(&editor, "TOKEN", value).refuses(403, "forbidden");
    server.member(&owner, "viewer").get("/api/v1/secrets").refuses(403, "forbidden");
    owner.delete(PATH, &["TOKEN"]).is(204);
    owner.delete(PATH, &["TOKEN"]).refuses(404, "not_found");
    owner.show(PATH, &["TOKEN"]).refuses(404, "not_found");
}

#[test]
fn steps_of_a_tenant_use_what_was_granted_and_nobody_elses() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("shows", SHOWS).is(201);
    let start = |person: &Person<'_>, grants: Value| {
        person.post("/api/v1/executions", &[], &json!({"workflow": "shows", "grants": grants}))
    };
    let refused = start(&owner, json!([])).refuses(400, "invalid_request").body;
    assert_eq!(refused["suggestion"], "Start it with the grant `secrets=TOKEN`.", "{refused:#}");
    start(&owner, json!(["secrets=TOKEN"])).refuses(400, "invalid_request");
    put(&owner, "TOKEN", "the-planted-value").is(201);
    let editor = server.member(&owner, "editor");
    start(&editor, json!(["secrets=TOKEN"])).refuses(403, "forbidden");
    // The same name is another secret in another tenant, or none.
    let stranger = server.other_owner(&owner, "globex");
    stranger.save("shows", SHOWS).is(201);
    start(&stranger, json!(["secrets=TOKEN"])).refuses(400, "invalid_request");
    stranger.show(PATH, &["TOKEN"]).refuses(404, "not_found");
    put(&stranger, "TOKEN", "value-of-the-stranger").is(201);
    for (person, value) in [(&owner, "the-planted-value"), (&stranger, "value-of-the-stranger")] {
        let started = start(person, json!(["secrets=TOKEN"])).is(201).body;
        let id = started["execution"].as_str().expect("an id").to_owned();
        let ended = person.wait(&id, &["success", "failure"]);
        assert_eq!(ended["status"], "failure", "{ended:#}");
        assert!(ended["error"]["message"].as_str().is_some_and(|told| told.contains("no: ***")), "{ended:#}");
        let steps = person.show("/api/v1/executions/{execution}/steps", &[&id]).is(200).body;
        assert!(steps.to_string().contains("it is ***"), "{steps:#}");
        let events = person.events(&id, None, "", |_| false);
        let told = format!("{ended}{steps}{events:?}");
        assert!(!told.contains(value), "{told}");
    }
    // Taken away between the start and the step.
    let gate = SHOWS
        .replace("id: shows\nversion", "id: gate\nversion")
        .replace("  children:\n", "  children:\n    - { type: WaitForSignal, props: { signalName: go } }\n");
    owner.save("gate", &gate).is(201);
    let body = json!({"workflow": "gate", "grants": ["secrets=TOKEN"]});
    let waits = owner.post("/api/v1/executions", &[], &body).is(201).body;
    let waits = waits["execution"].as_str().expect("an id");
    owner.wait(waits, &["waiting"]);
    owner.delete(PATH, &["TOKEN"]).is(204);
    owner.post("/api/v1/executions/{execution}/signal", &[waits], &json!({"name": "go"})).is(204);
    let ended = owner.wait(waits, &["success", "failure"]);
    assert!(
        ended["error"]["message"].as_str().is_some_and(|told| told.contains("there is no secret `TOKEN`")),
        "{ended:#}"
    );
}

/// Every file below a folder that holds one of the texts.
fn found(folder: &Path, texts: &[&str], looked_at: &mut usize) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            places.extend(found(&path, texts, looked_at));
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        *looked_at += 1;
        for text in texts {
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                places.push(format!("{text} in {}", path.display()));
            }
        }
    }
    places
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let mut server = Server::started(tempfile::tempdir().expect("a folder"), |command| {
        command.arg("-v");
    });
    let (value, addresses) = ("planted-GKzc8QvW2x", ["ada@example.com", "planted@example.com"]);
    {
        let owner = server.owner();
        owner.save("shows", SHOWS).is(201);
        put(&owner, "TOKEN", value).is(201);
        put(&owner, "TOKEN", value).is(200);
        owner.post("/api/v1/members", &[], &json!({"email": "planted@example.com", "role": "viewer"})).is(201);
        let body = json!({"workflow": "shows", "grants": ["secrets=TOKEN"]});
        let started = owner.post("/api/v1/executions", &[], &body).is(201).body;
        let id = started["execution"].as_str().expect("an id").to_owned();
        owner.wait(&id, &["success", "failure"]);
        let metrics = owner.get("/metrics").is(200).body.to_string();
        assert!(!metrics.contains(value) && !metrics.contains("ada@"), "{metrics}");
    }
    let backup = tempfile::tempdir().expect("a folder");
    let copy = backup.path().join("copy");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(["backup", "--data-dir"]).arg(server.folder.path()).arg(&copy);
    command.args(["--with-keys"]).env("AKAO_BACKUP_PASSWORD", "a few words for the keys");
    server.platform.tell(&mut command);
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let key = std::fs::read_to_string(server.folder.path().join("master.key")).expect("a key");
    let key = key.lines().last().expect("a key").to_owned();
    server.end(Signal::TERM);
    let texts = [value, addresses[0], addresses[1]];
    let mut looked_at = 0;
    assert_eq!(found(server.folder.path(), &texts, &mut looked_at), [""; 0]);
    assert_eq!(found(&copy, &[value, addresses[0], addresses[1], &key], &mut looked_at), [""; 0]);
    assert!(looked_at >= 6, "{looked_at} files");
    if let Platform::Postgres(database) = &server.platform {
        let dump = database.dump();
        assert!(texts.iter().all(|text| !dump.contains(text)));
    }
    let told = server.log.text();
    assert!(told.contains("correlationId") && texts.iter().all(|text| !told.contains(text)), "{told}");
}
