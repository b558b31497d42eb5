//! The stories with platform data in a real PostgreSQL. They are the same stories: this test runs them again in a process of
//! their own. A usual run takes those of the list below, the nightly suite takes all.

use crate::{
    cluster::Cluster,
    server::{Platform, STORE_VARIABLE, Server},
};
use serde_json::json;
use std::{process::Command, sync::Arc, time::Instant};

/// Those that ask the most of platform data in the least time.
const STORIES: [&str; 4] = ["people::", "access::", "workflows::", "secrets::"];

/// Runs stories again, in a process that has PostgreSQL under its servers. There it is not run itself.
fn stories_hold(of: &[&str]) {
    if std::env::var_os(STORE_VARIABLE).is_some() {
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.env(STORE_VARIABLE, "postgres").args(of).output().expect("the stories run");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("test people::"), "stories were run: {told}");
}

#[test]
fn the_stories_hold_with_platform_data_in_postgresql() {
    stories_hold(&STORIES);
}

#[test]
#[ignore = "takes long; the nightly suite runs it"]
fn every_story_holds_with_platform_data_in_postgresql() {
    stories_hold(&[]);
}

#[test]
fn a_server_outlives_its_database() {
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(crate::cluster::Database::within(Arc::clone(&cluster)));
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::over(folder, Platform::Postgres(database));
    let owner = server.owner();
    let token = server.token(&owner.new_token(None));
    token.get("/api/v1/workflows").is(200);
    cluster.stop();
    let gone = token.get("/api/v1/workflows").refuses(503, "unavailable");
    assert!(gone.header("retry-after").parse::<u64>().is_ok());
    server.anybody().get("/readyz").is(503);
    server.anybody().get("/healthz").is(200);
    cluster.run();
    let back = Instant::now();
    while token.get("/api/v1/workflows").status != 200 {
        assert!(back.elapsed() < crate::server::WITHIN, "it does not come back");
    }
    server.anybody().get("/readyz").is(200);
    owner.post("/api/v1/tokens", &[], &json!({"name": "another"})).is(201);
}

#[test]
fn a_database_that_cannot_be_used_is_told_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |url: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path()).args(more);
        let output = command.env("AKAO_STORE", url).output().expect("the program runs");
        assert!(!output.status.success());
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!told.contains("hunter2"), "{told}");
        told
    };
    for more in [&[][..], &["--json"], &["-v"]] {
        let told = run("postgres://akao:hunter2@127.0.0.1:1/akao", more);
        assert!(told.contains("the PostgreSQL database `akao` at 127.0.0.1:1 cannot be reached"), "{told}");
        assert!(run("mysql://akao:hunter2@127.0.0.1/akao", more).contains("postgres://USER:PASSWORD@HOST"), "scheme");
        assert!(run("postgres://akao:hunter2@127.0.0.1", more).contains("names no database"), "database");
        assert!(run("postgres://akao:hunter2@127.0.0.1:bad/akao", more).contains("not understood"), "port");
    }
}

#[test]
fn the_command_line_looks_into_the_database_before_it_takes_a_package_away() {
    let database = Arc::new(crate::cluster::Database::within(Arc::new(Cluster::start())));
    let url = database.url();
    let server = Server::over(tempfile::tempdir().expect("a folder"), Platform::Postgres(database));
    let (owner, desk) = (server.owner(), crate::desk::Desk::own_user());
    crate::packages::release(&desk, "1.0.0", "Hello", "");
    let folder = server.folder.path().to_string_lossy().into_owned();
    let akao = |arguments: &[&str]| desk.akao(&[arguments, &["--data-dir", &folder]].concat());
    assert_eq!(akao(&["install", "./src/greet", "--yes"]).code, 0);
    owner
        .save("w", "akao: 1\nid: w\nversion: 1.0.0\nroot: { type: com.example.greet, props: { name: Ada } }\n")
        .is(201);
    let uninstall = |more: &[&str]| akao(&[&["uninstall", "com.example.greet", "--yes"], more].concat());
    let used = uninstall(&["--store", &url]);
    assert!(used.code == 1 && used.err.contains("is used by 1 workflow of the tenant `acme`"), "{used:?}");
    let unknown = uninstall(&[]);
    assert!(unknown.code == 1 && unknown.err.contains("keeps its platform data in PostgreSQL"), "{unknown:?}");
    let away = uninstall(&["--store", "postgres://akao:hunter2@127.0.0.1:1/akao"]);
    assert!(away.code == 1 && away.err.contains("cannot be reached") && !away.err.contains("hunter2"), "{away:?}");
    assert_eq!(uninstall(&["--force"]).code, 0);
}
