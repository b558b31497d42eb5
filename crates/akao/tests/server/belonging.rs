//! A data directory belongs to its platform data: without them nothing is made in their place, and with others it is not served.

use crate::{
    cluster::{Cluster, Database},
    server::{PASSWORD, Platform, Server, WITHIN},
};
use rustix::process::Signal;
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Instant,
};

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\nroot: { type: WaitForSignal, props: { signalName: go } }\n";

const HELLO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello/workflow.yaml");

fn akao(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(arguments).arg("--json").arg("--data-dir").arg(data).output().expect("the program runs")
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    let told = [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes)).concat();
    assert!(!output.status.success() && told.contains(words), "`{words}` is not in: {told}");
}

/// A server that was set up, with an execution that waits.
fn in_use(folder: tempfile::TempDir, platform: Platform) -> (Server, String, String) {
    let server = Server::over(folder, platform);
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let (token, execution) = (owner.new_token(None), owner.start("waits", &json!({})));
    owner.wait(&execution, &["waiting"]);
    (server, token, execution)
}

/// Every command that reads or changes platform data, on a data directory, each with a folder for a backup.
fn commands(place: &Path, more: &[&str]) -> Vec<(Vec<String>, &'static str)> {
    let backup = place.join("backup").to_str().expect("a name").to_owned();
    [
        (vec!["vault", "rotate"], "rotate"),
        (vec!["vault", "rotate", "--people"], "people"),
        (vec!["vault", "rotate", "--tenant", "acme"], "tenant"),
        (vec!["operator", "show"], "show"),
        (vec!["operator", "appoint", "ada@example.com"], "appoint"),
        (vec!["operator", "delete-tenant", "acme", "--confirm", "acme", "--cancel"], "delete"),
        (vec!["backup", &backup], "backup"),
        (vec!["serve", "--listen", "127.0.0.1:0"], "serve"),
    ]
    .into_iter()
    .map(|(arguments, name)| (arguments.into_iter().chain(more.iter().copied()).map(str::to_owned).collect(), name))
    .collect()
}

#[track_caller]
fn all_refuse(data: &Path, place: &Path, more: &[&str], words: &str) {
    for (arguments, name) in commands(place, more) {
        eprintln!("{name}");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(&akao(data, &arguments), words);
    }
    let left: Vec<_> = fs::read_dir(place).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("backup")), "{left:?}");
}

#[test]
fn a_server_that_forgets_its_database_neither_begins_anew_nor_loses_a_key() {
    let cluster = Arc::new(Cluster::start());
    let database = Arc::new(Database::within(Arc::clone(&cluster)));
    let place = tempfile::tempdir().expect("a folder");
    let (mut server, token, execution) =
        in_use(tempfile::tempdir().expect("a folder"), Platform::Postgres(Arc::clone(&database)));
    server.end(Signal::TERM);
    let data = server.folder.path().to_owned();
    let (key, mark) = (data.join("master.key"), data.join("platform.mark"));
    let before = fs::read(&key).expect("a key");

    // Without the database, marked and as an earlier version left it.
    let marked = fs::read(&mark).expect("the server marks its data directory");
    for is_marked in [true, false] {
        if !is_marked {
            fs::remove_file(&mark).expect("it is there");
        }
        all_refuse(&data, place.path(), &[], "keeps its platform data in PostgreSQL");
        assert!(!data.join("platform.db").exists());
        assert_eq!(fs::read(&key).expect("a key"), before);
    }

    // With a database that is not its own, into which nothing is written.
    let other = Database::within(cluster);
    let serve = |more: &[&str]| akao(&data, &[&["serve", "--listen", "127.0.0.1:0"], more].concat());
    refused(&serve(&["--store", &other.url()]), "is empty, and the server of this data directory");
    refused(&akao(&data, &["vault", "rotate", "--store", &other.url()]), "there are no platform data in");
    assert_eq!(other.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");

    // With platform data of somebody else, whose key is at hand.
    let stranger = Server::over(tempfile::tempdir().expect("a folder"), Platform::File);
    let body = json!({
        "code": stranger.code, "tenant": "globex", "email": "eve@example.com", "name": "Eve", "password": PASSWORD,
    });
    stranger.anybody().post("/api/v1/setup", &[], &body).is(201);
    let theirs = place.path().join("theirs.key");
    fs::copy(stranger.folder.path().join("master.key"), &theirs).expect("a key");
    let copy = place.path().join("copy");
    assert!(akao(stranger.folder.path(), &["backup", copy.to_str().expect("a name")]).status.success());
    fs::copy(copy.join("platform.db"), data.join("platform.db")).expect("a file");
    let by_their_key = ["--master-key-file", theirs.to_str().expect("a name")];
    let kept = fs::read(&theirs).expect("a key");
    all_refuse(&data, place.path(), &by_their_key, "holds executions of the tenant `acme`");
    fs::write(&mark, &marked).expect("a file");
    all_refuse(&data, place.path(), &by_their_key, "belongs to other platform data");
    assert_eq!((fs::read(&key).expect("a key"), fs::read(&theirs).expect("a key")), (before, kept));

    // With its own it goes on, whatever lies beside it, and marks what an earlier version left without a mark.
    fs::remove_file(&mark).expect("it is there");
    let server = server.restarted_after_end();
    assert_eq!(server.code, None, "it is set up");
    assert_eq!(server.token(&token).wait(&execution, &["waiting"])["status"], "waiting");
    assert_eq!(fs::read(&mark).expect("a mark"), marked);
    let rotated = akao(&data, &["vault", "rotate", "--store", &database.url()]);
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    server.token(&token).get("/api/v1/members").is(200);
}

#[test]
fn a_server_that_is_given_an_empty_database_does_not_offer_its_setup_again() {
    let database = Database::within(Arc::new(Cluster::start()));
    let folder = tempfile::tempdir().expect("a folder");
    // What was run on this machine before is nobody's who is at the server.
    assert!(akao(folder.path(), &["run", HELLO]).status.success());
    let (mut server, token, execution) = in_use(folder, Platform::File);
    server.end(Signal::TERM);
    let data = server.folder.path().to_owned();
    for is_marked in [true, false] {
        if !is_marked {
            fs::remove_file(data.join("platform.mark")).expect("a mark");
        }
        let serve = akao(&data, &["serve", "--listen", "127.0.0.1:0", "--store", &database.url()]);
        refused(&serve, "is empty, and the server of this data directory");
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    let server = server.restarted_after_end();
    assert_eq!(server.code, None, "it is set up");
    server.token(&token).wait(&execution, &["waiting"]);
}

#[test]
fn a_tenant_that_was_deleted_keeps_no_server_from_starting() {
    let server = Server::over(tempfile::tempdir().expect("a folder"), Platform::File);
    let owner = server.owner();
    let other = server.other_owner(&owner, "globex");
    other.save("waits", WAITS).is(201);
    other.wait(&other.start("waits", &json!({})), &["waiting"]);
    owner.ask("DELETE", "/api/v1/tenants/{tenant}", &["globex"], "?confirm=globex&cancel=true", None).is(202);
    let begun = Instant::now();
    while owner.get("/api/v1/tenants").is(200).body["items"].as_array().expect("tenants").len() > 1 {
        assert!(begun.elapsed() < WITHIN, "it does not go");
    }
    let token = owner.new_token(None);
    drop((owner, other));
    let mut server = server;
    assert!(server.end(Signal::TERM).success());
    fs::remove_file(server.folder.path().join("platform.mark")).expect("a mark");
    let server = server.restarted_after_end();
    server.token(&token).get("/api/v1/workflows").is(200);
}

/// A key as an operator would write it, with these rights.
fn put_key(data: &Path, mode: u32) {
    let file = data.join("master.key");
    fs::write(&file, "3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("rights");
}

#[test]
fn a_key_that_waits_for_the_first_start_does_not_prevent_it() {
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let fresh = tempfile::tempdir().expect("a folder");
    put_key(fresh.path(), 0o644);
    refused(&akao(fresh.path(), &serve), "can be read by others");
    assert_eq!(fs::read_dir(fresh.path()).expect("a folder").count(), 1, "nothing was made beside the key");
    put_key(fresh.path(), 0o600);
    assert!(Server::over(fresh, Platform::File).code.is_some());

    // Nor does it beside what was run on this machine, which is copied without platform data.
    let (used, place) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    assert!(akao(used.path(), &["run", HELLO]).status.success());
    put_key(used.path(), 0o600);
    let copy = place.path().join("copy");
    let made = akao(used.path(), &["backup", copy.to_str().expect("a name")]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(copy.join("journal.db").exists() && !copy.join("platform.db").exists());
    refused(&akao(used.path(), &["vault", "rotate"]), "no server was ever run");
    assert!(Server::over(used, Platform::File).code.is_some());
}

/// The folder of a server that has ended.
fn left_by(mut server: Server) -> tempfile::TempDir {
    assert!(server.end(Signal::TERM).success());
    std::mem::replace(&mut server.folder, tempfile::tempdir().expect("a folder"))
}

#[test]
fn a_server_that_nobody_has_set_up_may_still_get_a_database() {
    let folder = left_by(Server::over(tempfile::tempdir().expect("a folder"), Platform::File));
    let mark = folder.path().join("platform.mark");
    let before = fs::read(&mark).expect("a mark");
    let database = Arc::new(Database::within(Arc::new(Cluster::start())));
    let (server, ..) = in_use(folder, Platform::Postgres(database));
    assert_ne!(fs::read(&mark).expect("a mark"), before);
    // From now on it belongs there.
    let folder = left_by(server);
    refused(&akao(folder.path(), &["serve", "--listen", "127.0.0.1:0"]), "belongs to other platform data");
}

/// The number of the schema of a file, which is changed by as many.
fn schema(file: &Path, change: i64) -> i64 {
    let connection = rusqlite::Connection::open(file).expect("platform data");
    let number: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a number");
    connection.pragma_update(None, "user_version", number + change).expect("an edit");
    number + change
}

#[test]
fn data_of_an_older_schema_are_left_as_they_are_where_they_are_not_the_right_ones() {
    let cluster = Arc::new(Cluster::start());
    let (folder, place) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (server, ..) = in_use(folder, Platform::Postgres(Arc::new(Database::within(Arc::clone(&cluster)))));
    let folder = left_by(server);
    let (data, file) = (folder.path(), folder.path().join("platform.db"));
    let stranger = Server::over(tempfile::tempdir().expect("a folder"), Platform::File);
    let body = json!({
        "code": stranger.code, "tenant": "globex", "email": "eve@example.com", "name": "Eve", "password": PASSWORD,
    });
    stranger.anybody().post("/api/v1/setup", &[], &body).is(201);
    let theirs = left_by(stranger);
    fs::copy(theirs.path().join("platform.db"), &file).expect("a file");
    let older = schema(&file, -1);
    let key = theirs.path().join("master.key");
    let by_their_key = ["--master-key-file", key.to_str().expect("a name")];
    all_refuse(data, place.path(), &by_their_key, "belongs to other platform data");
    fs::remove_file(data.join("platform.mark")).expect("a mark");
    all_refuse(data, place.path(), &by_their_key, "holds executions of the tenant `acme`");
    assert_eq!(schema(&file, 0), older, "nothing was changed");

    // The same of a database, which is not even copied: there is no copy yet when the server of this version has changed it.
    let other = Arc::new(Database::within(cluster));
    let own = Server::over(tempfile::tempdir().expect("a folder"), Platform::Postgres(Arc::clone(&other)));
    own.owner();
    let own = left_by(own);
    let older = other.sql("UPDATE akao_schema SET number = number - 1 RETURNING number");
    let (url, key) = (other.url(), own.path().join("master.key"));
    let there = ["--store", &url, "--master-key-file", key.to_str().expect("a name")];
    fs::write(theirs.path().join("platform.mark"), "of others\n").expect("a file");
    for arguments in [&["vault", "rotate"][..], &["operator", "show"], &["serve", "--listen", "127.0.0.1:0"]] {
        refused(&akao(theirs.path(), &[arguments, &there].concat()), "belongs to other platform data");
    }
    let copy = place.path().join("backup");
    let backup = akao(own.path(), &["backup", copy.to_str().expect("a name"), "--store", &url]);
    refused(&backup, "Make the copy with the version of Akao that serves it.");
    assert_eq!(other.sql("SELECT number FROM akao_schema"), older);
}

#[test]
fn a_copy_from_before_there_were_numbers_is_told_by_its_tenants() {
    let (server, token, execution) = in_use(tempfile::tempdir().expect("a folder"), Platform::File);
    let (folder, place) = (left_by(server), tempfile::tempdir().expect("a folder"));
    let (file, mark) = (folder.path().join("platform.db"), folder.path().join("platform.mark"));
    let before = fs::read(&mark).expect("a mark");
    let copy = |name: &str| {
        let to = place.path().join(name);
        let made = akao(folder.path(), &["backup", to.to_str().expect("a name")]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::read(to.join("platform.mark")).ok()
    };
    // A copy has the number that its data have, whatever the data directory says.
    fs::remove_file(&mark).expect("a mark");
    assert_eq!(copy("with").as_ref(), Some(&before));
    fs::write(&mark, &before).expect("a mark");
    let edit = |sql: &str| rusqlite::Connection::open(&file).and_then(|file| file.execute_batch(sql)).expect("an edit");
    edit("DELETE FROM place WHERE name = 'platform'");
    assert_eq!(copy("without"), None);

    // Those that know nobody who has executions here are refused as ever.
    edit("PRAGMA foreign_keys = OFF; UPDATE tenant SET name = 'globex'");
    refused(&akao(folder.path(), &["serve", "--listen", "127.0.0.1:0"]), "holds executions of the tenant `acme`");
    edit("PRAGMA foreign_keys = OFF; UPDATE tenant SET name = 'acme'");
    let server = Server::over(folder, Platform::File).restarted_after_end();
    assert_ne!(fs::read(server.folder.path().join("platform.mark")).expect("a mark"), before);
    server.token(&token).wait(&execution, &["waiting"]);
}

#[test]
fn a_backup_of_an_older_schema_has_its_keys_or_is_refused() {
    let server = Server::over(tempfile::tempdir().expect("a folder"), Platform::File);
    server.owner();
    let (folder, place) = (left_by(server), tempfile::tempdir().expect("a folder"));
    let (key, copy) = (folder.path().join("master.key"), place.path().join("copy"));
    schema(&folder.path().join("platform.db"), -1);
    let backup = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["backup", "--with-keys", "--json", "--data-dir"]).arg(folder.path()).arg(&copy);
        command.env("AKAO_BACKUP_PASSWORD", "a few words for the keys").output().expect("the program runs")
    };
    fs::rename(&key, place.path().join("away")).expect("it is there");
    refused(&backup(), "platform data are sealed with the master key");
    fs::rename(place.path().join("away"), &key).expect("it is there");
    let told: serde_json::Value = serde_json::from_slice(&backup().stdout).expect("a document");
    assert_eq!((&told["with_keys"], told["master_keys"].as_array().map(Vec::len)), (&json!(true), Some(1)), "{told}");
    assert!(copy.join("keys.sealed").exists());
}
