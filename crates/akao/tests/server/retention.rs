//! Finished executions are kept for a time, and then removed by the server itself.

use crate::server::{Person, Platform, Server, WITHIN};
use akao_contract::ExecutionId;
use akao_journal::{Batch, ExecutionChange, Journal, OpenOptions, Write};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const LARGE: &str =
    "akao: 1\nid: large\nversion: 1.0.0\nroot: { type: SetVariable, props: { key: all, value: \"${range(9000)}\" } }\n";

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\nroot: { type: WaitForSignal, props: { signalName: go } }\n";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Starts under a key; the execution and whether an earlier start is answered again.
fn keyed(person: &Person<'_>, key: &str) -> (String, u16) {
    let body = json!({"workflow": "large", "input": {}});
    let answer = person.with("idempotency-key", key).post("/api/v1/executions", &[], &body);
    assert!(matches!(answer.status, 200 | 201), "{:#}", answer.body);
    (answer.body["execution"].as_str().expect("an id").to_owned(), answer.status)
}

/// Makes executions look as if they had ended so many days ago. No server runs meanwhile.
fn ended_days_ago(folder: &Path, executions: &[String], days: i64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis();
    let now_ms = i64::try_from(now).expect("a time");
    let mut journal =
        Journal::open(folder, &OpenOptions { created_by: "a test".to_owned(), now_ms }).expect("a journal");
    let aged = |id: &String| Write::UpdateExecution {
        execution: id.parse::<ExecutionId>().expect("an id"),
        change: ExecutionChange { ended_ms: Some(Some(now_ms - days * DAY_MS)), ..ExecutionChange::default() },
    };
    journal.commit(&Batch { writes: executions.iter().map(aged).collect() }).expect("a commit");
}

/// Makes every large value look as if it had been stored long ago.
fn age_values(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => age_values(&path),
            path => {
                let value = std::fs::File::options().append(true).open(path).expect("a file");
                value.set_modified(SystemTime::now() - Duration::from_secs(7_200)).expect("an old one");
            }
        }
    }
}

fn figure(person: &Person<'_>, name: &str) -> u64 {
    let page = person.get("/metrics").is(200).body;
    let line = page.as_str().and_then(|page| page.lines().find_map(|line| line.strip_prefix(&format!("{name} "))));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {page}"))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < WITHIN, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn executions_that_ended_long_ago_are_removed_by_the_server() {
    let mut server = Server::new();
    let (owner_token, globex_token, old, young, open);
    {
        let owner = server.owner();
        owner_token = owner.new_token(None);
        let globex = server.other_owner(&owner, "globex");
        globex_token = globex.new_token(None);
        for person in [&owner, &globex] {
            person.save("large", LARGE).is(201);
        }
        owner.save("waits", WAITS).is(201);
        let ended = |person: &Person<'_>, key: &str| {
            let (id, _) = keyed(person, key);
            person.wait(&id, &["success"]);
            id
        };
        // More than are removed together.
        old = (0..40).map(|n| ended(&owner, &format!("old {n}"))).collect::<Vec<_>>();
        young = ended(&globex, "young");
        open = owner.start("waits", &json!({}));
        owner.wait(&open, &["waiting"]);
    }
    server.end(Signal::TERM);
    ended_days_ago(server.folder.path(), &old, 31);
    ended_days_ago(server.folder.path(), std::slice::from_ref(&young), 29);
    age_values(&server.folder.path().join("blobs"));
    let server = server.restarted_after_end();
    let (owner, globex) = (server.token(&owner_token), server.token(&globex_token));
    let left = || {
        let page = owner.ask("GET", "/api/v1/executions", &[], "?limit=200", None).is(200).body;
        page["items"].as_array().expect("a list").len()
    };
    until("the old ones are not removed", || left() == 1);
    owner.show("/api/v1/executions/{execution}", &[&old[0]]).refuses(404, "not_found");
    assert_eq!(owner.wait(&open, &["waiting"])["status"], "waiting");
    // What is kept is recognised by its key, what is not kept is not.
    assert_eq!(keyed(&globex, "young"), (young.clone(), 200));
    assert_ne!(keyed(&owner, "old 1").0, old[1]);
    let pruned = |person: &Person<'_>| -> Vec<Value> {
        let page = person.ask("GET", "/api/v1/audit", &[], "?limit=200", None).is(200).body;
        let lines = page["items"].as_array().expect("lines").clone();
        lines.into_iter().filter(|line| line["what"] == "executions.pruned").collect()
    };
    until("the audit does not tell it", || !pruned(&owner).is_empty());
    let lines = pruned(&owner);
    assert_eq!((lines.len(), &lines[0]["details"]["executions"]), (1, &json!(40)), "{lines:#?}");
    assert_eq!(lines[0]["by"], json!({"server": true}));
    assert_eq!(pruned(&globex), [] as [Value; 0]);
    let sound = owner.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200).body;
    assert!(sound["lines"].as_u64() >= Some(1), "{sound:#}");
    until("the log does not tell it", || server.log.text().contains("executions that ended long ago are removed"));
}

#[test]
fn figures_tell_what_was_removed_and_forever_removes_nothing() {
    let mut server = Server::new();
    let old = {
        let owner = server.owner();
        owner.save("large", LARGE).is(201);
        let id = owner.start("large", &json!({}));
        owner.wait(&id, &["success"]);
        id
    };
    server.end(Signal::TERM);
    ended_days_ago(server.folder.path(), std::slice::from_ref(&old), 400);
    age_values(&server.folder.path().join("blobs"));
    let again = |mut server: Server, keep: &str| {
        let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().expect("a folder"));
        let platform: Platform = server.platform.clone();
        drop(server);
        Server::on(folder, platform, |command| {
            command.args(["--keep-finished", keep]);
        })
    };
    let sign_in = json!({"email": "ada@example.com", "password": crate::server::PASSWORD});
    let mut server = again(server, "forever");
    let owner = server.session(&server.anybody().post("/api/v1/session", &[], &sign_in).is(201));
    // Longer than the first look takes to come.
    std::thread::sleep(Duration::from_secs(7));
    owner.show("/api/v1/executions/{execution}", &[&old]).is(200);
    assert_eq!(figure(&owner, "akao_executions_pruned_total"), 0);
    server.end(Signal::TERM);
    let server = again(server, "399d");
    let owner = server.session(&server.anybody().post("/api/v1/session", &[], &sign_in).is(201));
    until("nothing is removed", || figure(&owner, "akao_large_values_removed_total") > 0);
    assert_eq!(figure(&owner, "akao_executions_pruned_total"), 1);
    assert!(figure(&owner, "akao_large_values_removed_bytes_total") > 30_000);
    owner.show("/api/v1/executions/{execution}", &[&old]).refuses(404, "not_found");
}

#[test]
fn a_time_of_less_than_a_day_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(["serve", "--keep-finished", "2h", "--data-dir"]).arg(folder.path());
    let output = command.output().expect("the program runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("at least 1d"), "{told}");
}
