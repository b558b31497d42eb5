//! Kill lists while a server runs: a list of a repository that changes counts without anybody asking, one that cannot be had is told
//! and keeps nobody from working, and what it had said goes on holding.

use crate::{
    desk::Desk,
    packages::{GREET, ended, on, publish, release, said, workflow},
    server::{Person, Server, WITHIN},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A repository that is served on this machine.
struct Repository {
    child: Child,
    address: String,
}

impl Repository {
    fn serve(desk: &Desk, address: &str) -> Self {
        let mut command = desk.command(&["repo", "serve", "packages", "--listen", address, "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let address = told["address"].as_str().expect("an address").to_owned();
        Self { child, address }
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds, and shows what there was last when it never does.
#[track_caller]
fn until<T: std::fmt::Debug>(what: &str, look: impl Fn() -> T, holds: impl Fn(&T) -> bool) -> T {
    let begun = Instant::now();
    loop {
        let found = look();
        if holds(&found) {
            return found;
        }
        assert!(begun.elapsed() < WITHIN, "{what} did not come; last: {found:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn done(desk: &Desk, arguments: &[&str]) -> Value {
    let said = desk.akao(&[arguments, &["--json"]].concat());
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said.json()
}

/// The value of a figure, by its name with its labels.
fn figure(owner: &Person<'_>, name: &str) -> Option<u64> {
    let page = owner.get("/metrics").is(200).body;
    let lines = page.as_str().expect("text").lines();
    lines.filter_map(|line| line.rsplit_once(' ')).find(|(known, _)| *known == name)?.1.parse().ok()
}

fn package(owner: &Person<'_>) -> Value {
    owner.get("/api/v1/packages").is(200).body["items"][0].clone()
}

/// What the operator sees of looks at the list of the one repository: whether there was one, and why the last did not get it.
fn look(owner: &Person<'_>) -> (bool, Option<String>) {
    let page = owner.get("/api/v1/packages/repositories").is(200).body;
    let one = &page["items"][0];
    assert_eq!((&one["repository"], &one["prefixes"]), (&json!("own"), &json!(["com.example"])), "{page:#}");
    let missing = one["kill_list"]["missing"].as_str().map(str::to_owned);
    (one["kill_list"]["looked_at"].is_string(), missing)
}

const MISSING: &str = "akao_kill_list_missing{repository=\"own\"}";

#[test]
fn a_running_server_takes_up_what_a_repositorys_kill_list_says() {
    let desk = Desk::own_user();
    done(&desk, &["key", "new", "me"]);
    let fingerprint = done(&desk, &["repo", "init", "packages"])["fingerprint"].as_str().expect("one").to_owned();
    publish(&desk, "1.0.0", "Hello", "");
    let repository = Repository::serve(&desk, "127.0.0.1:0");
    let address = repository.address.clone();
    let server = Server::with(tempfile::tempdir().expect("a folder"), |command| {
        command.args(["--check-kill-lists", "1s"]);
    });
    let owner = server.owner();
    let url = format!("http://{address}/");
    let add = ["repo", "add", "own", &url, "--prefix", "com.example", "--fingerprint", &fingerprint, "--vouches"];
    on(&server, &desk, &add);
    on(&server, &desk, &["install", GREET, "--yes"]);
    owner.save("w", &workflow("w", "1.0.0", GREET, "Ada")).is(201);
    assert!(said(&owner, "w", &[]).starts_with("Hello Ada"));
    until("a look at the list", || figure(&owner, MISSING), |found| *found == Some(0));
    assert_eq!(look(&owner), (true, None));
    server.other_owner(&owner, "globex").get("/api/v1/packages/repositories").refuses(403, "forbidden");
    assert_eq!(figure(&owner, "akao_package_versions_blocked"), Some(0));

    // Nobody does anything at the server from here on.
    done(&desk, &["repo", "kill", "packages", "com.example.greet@=1.0.0", "--reason", "it tells names to others"]);
    let blocked = until("the list", || package(&owner), |one| one["status"] == "blocked");
    assert_eq!(blocked["reason"], "it tells names to others");
    let started = owner.post("/api/v1/executions", &[], &json!({"workflow": "w", "input": {}}));
    let refused = started.refuses(409, "conflict").body;
    assert!(refused["detail"].to_string().contains("must not run any more: it tells names to others"), "{refused:#}");
    until("the figure", || figure(&owner, "akao_package_versions_blocked"), |found| *found == Some(1));
    let audit = on(&server, &desk, &["audit", "--package", GREET, "--json"]).json();
    let entries = audit["entries"].as_array().expect("entries").clone();
    let acts: Vec<&str> = entries.iter().filter_map(|entry| entry["act"].as_str()).collect();
    assert!(acts.ends_with(&["blocking", "disabling", "blocked", "disabled"]), "{acts:?}");
    assert_eq!(entries.last().expect("one")["by"], "the server");
    let stays = on(&server, &desk, &["update", "--all", "--yes"]).err;
    let told = stays.lines().any(|line| line.ends_with("the kill list forbids it: it tells names to others."));
    assert!(told && !stays.contains('\u{fffd}'), "why nothing is taken is told in lines: {stays}");

    // A repository that is away is told once, and what it said before holds.
    drop(repository);
    until("that it is away", || figure(&owner, MISSING), |found| *found == Some(1));
    let looks = figure(&owner, "akao_kill_list_looks_total").expect("looks");
    until("two more looks", || figure(&owner, "akao_kill_list_looks_total"), |found| *found >= Some(looks + 2));
    owner.get("/readyz").is(200);
    assert_eq!(package(&owner)["status"], "blocked");
    let (looked, why) = look(&owner);
    assert!(looked && why.is_some(), "the look before is still known: {why:?}");
    let listed = on(&server, &desk, &["repo", "list"]).out;
    assert!(listed.contains("not had since"), "{listed}");
    assert_eq!(server.log.text().matches("the kill list of the repository `own` cannot be had").count(), 1);

    // What is lifted may run again once somebody enables it.
    done(&desk, &["repo", "lift", "packages", "com.example.greet"]);
    let repository = Repository::serve(&desk, &address);
    let lifted = until("the newer list", || package(&owner), |one| one["status"] == "disabled");
    assert_eq!(lifted["reason"], "it tells names to others");
    // It is told once all of it is written.
    let again = "the kill list of the repository `own` is not missing any more";
    until("that it is there again", || server.log.text(), |text| text.contains(again));
    owner.ask("POST", "/api/v1/packages/{package}/enable", &[GREET], "", None).is(200);
    assert!(said(&owner, "w", &[]).starts_with("Hello Ada"));
    drop(repository);
}

#[test]
fn a_server_begins_without_its_repositories_and_leaves_them_alone_where_it_is_told_to() {
    let desk = Desk::own_user();
    done(&desk, &["key", "new", "me"]);
    let fingerprint = done(&desk, &["repo", "init", "packages"])["fingerprint"].as_str().expect("one").to_owned();
    publish(&desk, "1.0.0", "Hello", "");
    // It takes connections and says nothing, as a firewall may.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let repository = Repository::serve(&desk, "127.0.0.1:0");
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_string_lossy().into_owned();
    let url = format!("http://{}/", repository.address);
    let add = ["repo", "add", "own", &url, "--prefix", "com.example", "--fingerprint", &fingerprint];
    done(&desk, &[&add[..], &["--vouches", "--data-dir", &data]].concat());
    done(&desk, &["install", GREET, "--yes", "--data-dir", &data]);
    drop(repository);
    let config = folder.path().join("config/repositories.toml");
    let list = std::fs::read_to_string(&config).expect("a list");
    let quiet = format!("http://{}/", silent.local_addr().expect("an address"));
    std::fs::write(&config, list.replace(&url, &quiet)).expect("another place");

    let begun = Instant::now();
    let server = Server::with(folder, |command| {
        command.args(["--check-kill-lists", "1s"]);
    });
    let owner = server.owner();
    owner.get("/readyz").is(200);
    owner.save("w", &workflow("w", "1.0.0", GREET, "Ada")).is(201);
    assert!(said(&owner, "w", &[]).starts_with("Hello Ada"), "a look that hangs keeps nobody from working");
    assert!(begun.elapsed() < WITHIN);
    assert_eq!(figure(&owner, "akao_kill_list_looks_total"), Some(0), "the look still waits for the repository");

    let never = Server::with(tempfile::tempdir().expect("a folder"), |command| {
        command.args(["--check-kill-lists", "never"]);
    });
    let owner = never.owner();
    assert_eq!(owner.get("/api/v1/packages/repositories").is(200).body["items"], json!([]));
    release(&desk, "1.0.0", "Hello", "");
    on(&never, &desk, &["install", "./src/greet", "--yes"]);
    owner.save("w", &workflow("w", "1.0.0", GREET, "Ada")).is(201);
    assert_eq!(ended(&owner, "w", &[])["status"], "success");
    assert_eq!(figure(&owner, "akao_kill_list_looks_total"), Some(0));
}
