//! Keys: shown by their fingerprints, made anew by the program while the server runs, and of no use any more afterwards.

use crate::server::{Person, Server};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    fs,
    process::{Command, Output},
};

const PATH: &str = "/api/v1/secrets/{secret}";

/// Fails with a message that holds the secret, which is told masked by whoever could open it.
const USES: &str =
    "akao: 1\nid: uses\nversion: 1.0.0\nroot: { type: FailureNode, props: { message: \"opened ${secrets.TOKEN}\" } }\n";

const VALUE: &str = "the-value-under-test";

pub(crate) fn vault(server: &Server, arguments: &[&str], more: impl FnOnce(&mut Command)) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.arg("vault").args(arguments).args(["--json", "--data-dir"]).arg(server.folder.path());
    server.platform.tell(&mut command);
    more(&mut command);
    command.output().expect("the program runs")
}

pub(crate) fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", told(output));
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn told(output: &Output) -> String {
    [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn refused(output: &Output, code: i32, words: &str) {
    let told = told(output);
    assert!(output.status.code() == Some(code) && told.contains(words), "{words} with {code}: {told}");
}

fn master_key(server: &Server) -> String {
    let shown = done(&vault(server, &["show"], |_| ()));
    let place = server.folder.path().join("master.key");
    assert_eq!(shown["place"], place.to_str().expect("a name"), "{shown}");
    let keys = shown["master_keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 1, "{shown}");
    keys[0].as_str().expect("a fingerprint").to_owned()
}

/// What is sealed is opened: a secret by a step, people by the list of members.
fn opens(person: &Person<'_>) {
    let body = json!({"workflow": "uses", "grants": ["secrets=TOKEN"]});
    let started = person.post("/api/v1/executions", &[], &body).is(201).body;
    let ended = person.wait(started["execution"].as_str().expect("an id"), &["success", "failure"]);
    assert_eq!(ended["error"]["message"], "opened ***", "{ended:#}");
    let members = person.get("/api/v1/members").is(200).body;
    assert!(members.to_string().contains("ada@example.com"), "{members:#}");
}

#[test]
fn every_key_is_made_anew_while_the_server_runs() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("uses", USES).is(201);
    owner.ask("PUT", PATH, &["TOKEN"], "", Some(&json!({"value": VALUE}))).is(201);
    opens(&owner);
    let key = server.folder.path().join("master.key");
    let (first, old) = (master_key(&server), fs::read(&key).expect("a key"));
    let rotated = done(&vault(&server, &["rotate"], |_| ()));
    assert!(rotated["rotated"] == "the master key" && rotated["sealed_again"].as_u64() >= Some(2), "{rotated}");
    let second = master_key(&server);
    assert_ne!(first, second);
    opens(&owner);
    let rotated = done(&vault(&server, &["rotate", "--tenant", "acme"], |_| ()));
    assert!(rotated["rotated"] == "the data key of acme" && rotated["sealed_again"].as_u64() >= Some(1), "{rotated}");
    let rotated = done(&vault(&server, &["rotate", "--people"], |_| ()));
    assert!(rotated["rotated"] == "the data key of the server", "{rotated}");
    assert!(rotated["sealed_again"].as_u64() >= Some(1), "{rotated}");
    assert_eq!(master_key(&server), second, "data keys are wrapped by the same master key");
    opens(&owner);
    let token = owner.new_token(None);
    drop(owner);
    let mut server = server.restarted(Signal::TERM);
    opens(&server.token(&token));

    // The old key opens nothing any more, also not for whoever kept a copy; the new one stays as it is.
    assert!(server.end(Signal::TERM).success());
    let new = fs::read(&key).unwrap_or_default();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let kept = elsewhere.path().join("kept.key");
    fs::write(&kept, &old).expect("a file");
    let name = kept.to_str().expect("a name").to_owned();
    let output = vault(&server, &["rotate", "--people", "--master-key-file", &name], |_| ());
    assert!(!output.status.success(), "{}", told(&output));
    for secret in [&old, &new] {
        let text = String::from_utf8_lossy(secret).trim().to_owned();
        assert!(text.len() < 16 || !told(&output).contains(&text), "a key is told");
    }
}

#[test]
fn what_cannot_be_rotated_says_why() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("uses", USES).is(201);
    owner.ask("PUT", PATH, &["TOKEN"], "", Some(&json!({"value": VALUE}))).is(201);
    refused(&vault(&server, &["rotate", "--tenant", "nobody"], |_| ()), 1, "there is no tenant `nobody`");
    refused(&vault(&server, &["rotate", "--tenant", "acme", "--people"], |_| ()), 2, "cannot be used with");
    let lock =
        fs::File::options().write(true).create(true).truncate(false).open(server.folder.path().join("vault.lock"));
    let lock = lock.expect("a file");
    lock.try_lock().expect("nobody has it");
    refused(&vault(&server, &["rotate"], |_| ()), 2, "keys are being rotated already");
    drop(lock);

    // A key that a command prints cannot be replaced by us; what it is recognised by is shown all the same.
    let key = server.folder.path().join("master.key");
    let by_command = |arguments: &[&str]| {
        let command = format!("cat {}", key.display());
        vault(&server, arguments, |process| {
            process.env("AKAO_MASTER_KEY_COMMAND", command);
        })
    };
    let shown = done(&by_command(&["show"]));
    assert_eq!(shown["master_keys"], json!([master_key(&server)]));
    let refusal = by_command(&["rotate"]);
    assert!(!refusal.status.success(), "{}", told(&refusal));
    let both = vault(&server, &["show"], |process| {
        process.env("AKAO_MASTER_KEY", "0".repeat(64)).env("AKAO_MASTER_KEY_FILE", &key);
    });
    refused(&both, 2, "Give it in one way");
    opens(&owner);

    let empty = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(["vault", "rotate", "--json", "--data-dir"]).arg(empty.path());
    refused(&command.output().expect("it runs"), 1, "there is no master key");
    // What is not there is told by the same code to people and to programs.
    for json in [&[][..], &["--json"]] {
        for what in [["vault", "show"], ["operator", "show"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
            command.args(what).args(json).arg("--data-dir").arg(empty.path());
            let output = command.output().expect("it runs");
            assert_eq!(output.status.code(), Some(1), "{what:?} {json:?}: {}", told(&output));
        }
    }
}

#[test]
fn a_server_that_nobody_looks_after_is_told_by_the_same_code_to_people_and_to_programs() {
    let server = Server::new();
    for json in [&[][..], &["--json"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["operator", "show"]).args(json).arg("--data-dir").arg(server.folder.path());
        server.platform.tell(&mut command);
        refused(&command.output().expect("it runs"), 1, "nobody looks after this server");
    }
}
