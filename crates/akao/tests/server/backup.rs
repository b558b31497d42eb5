//! Backups: made under load, restored elsewhere, nothing acknowledged is missing and what was open goes on.

use crate::{
    cluster::{Cluster, Database},
    server::{Platform, Server},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\noutputs: { message: \"${message}\" }\nroot: { type: WaitForSignal, props: { signalName: go, outputKey: message } }\n";

const KEYS_PASSWORD: &str = "a few words for the keys";

fn akao(platform: &Platform, arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(arguments).arg("--json").arg("--data-dir").arg(data);
    platform.tell(&mut command);
    command.output().expect("the program runs")
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn refused(output: &Output, what: &str) {
    assert!(!output.status.success());
    let told = [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes)).concat();
    assert!(told.contains(what), "{what} is not in: {told}");
}

#[test]
fn a_backup_under_load_holds_what_was_acknowledged_and_goes_on() {
    let mut server = Server::new();
    let place = tempfile::tempdir().expect("a folder");
    let copy = place.path().join("copy");
    let name = copy.to_str().expect("a name");
    let keys = place.path().join("password");
    std::fs::write(&keys, KEYS_PASSWORD).expect("a file");
    let keys = keys.to_str().expect("a name");
    let (token, waits, before) = {
        let owner = server.owner();
        owner.save("hello", HELLO).is(201);
        owner.save("waits", WAITS).is(201);
        owner.ask("PUT", "/api/v1/secrets/{secret}", &["TOKEN"], "", Some(&json!({"value": "the secret"}))).is(201);
        let token = owner.new_token(None);
        let waits = owner.start("waits", &json!({}));
        owner.wait(&waits, &["waiting"]);
        let (person, acknowledged, over) = (server.token(&token), Mutex::new(Vec::new()), AtomicBool::new(false));
        let before = std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let id = person.start("hello", &json!({"name": "load"}));
                        acknowledged.lock().expect("no panic").push(id);
                    }
                });
            }
            while acknowledged.lock().expect("no panic").len() < 30 {
                std::thread::yield_now();
            }
            let before = acknowledged.lock().expect("no panic").clone();
            let made = akao(
                &server.platform,
                &["backup", name, "--with-keys", "--keys-password-file", keys],
                server.folder.path(),
            );
            over.store(true, Ordering::Relaxed);
            let told = done(&made);
            assert_eq!(told["with_keys"], true, "{told}");
            before
        });
        (token, waits, before)
    };
    refused(&akao(&server.platform, &["backup", name], server.folder.path()), "is there already");
    server.end(Signal::KILL);
    let target = tempfile::tempdir().expect("a folder");
    let platform = Platform::wanted();
    let dry = done(&akao(&platform, &["restore", name, "--dry-run"], target.path()));
    assert_eq!(dry["restored"], false);
    assert_eq!(std::fs::read_dir(target.path()).expect("a folder").count(), 0);
    done(&akao(&platform, &["restore", name, "--keys-password-file", keys], target.path()));
    refused(&akao(&platform, &["restore", name], target.path()), "is not empty");
    let restored = Server::over(target, platform);
    assert_eq!(restored.code, None, "the people are there");
    let owner = restored.token(&token);
    for id in &before {
        let ended = owner.wait(id, &["success", "failure", "quarantined"]);
        assert_eq!(ended["outputs"]["greeting"], "Hello, load!", "{ended:#}");
    }
    let signal = json!({"name": "go", "payload": "on"});
    owner.post("/api/v1/executions/{execution}/signal", &[&waits], &signal).is(204);
    assert_eq!(owner.wait(&waits, &["success"])["outputs"]["message"], "on");
    let listed = owner.get("/api/v1/secrets").is(200).body;
    assert_eq!(listed["items"][0]["name"], "TOKEN");
    let sound = owner.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200).body;
    assert_eq!(sound["sound"], true, "{sound}");
    let sign_in = json!({"email": "ada@example.com", "password": crate::server::PASSWORD});
    restored.anybody().post("/api/v1/session", &[], &sign_in).is(201);
}

#[test]
fn a_backup_that_is_not_what_was_written_is_not_restored() {
    let mut server = Server::new();
    server.owner().save("hello", HELLO).is(201);
    let place = tempfile::tempdir().expect("a folder");
    let copy = place.path().join("copy");
    let name = copy.to_str().expect("a name");
    let without = akao(&server.platform, &["backup", name, "--with-keys"], server.folder.path());
    refused(&without, "under a password only");
    assert!(!copy.exists());
    let inside = server.folder.path().join("copy");
    refused(
        &akao(&server.platform, &["backup", inside.to_str().expect("a name")], server.folder.path()),
        "is within the data directory",
    );
    done(&akao(&server.platform, &["backup", name], server.folder.path()));
    let key = std::fs::read(server.folder.path().join("master.key")).expect("a key");
    server.end(Signal::TERM);
    assert!(!copy.join("keys.sealed").exists() && !copy.join("master.key").exists());
    let journal = std::fs::read(copy.join("journal.db")).expect("a copy");
    let mut damaged = journal.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let target = tempfile::tempdir().expect("a folder");
    let restore = || akao(&Platform::wanted(), &["restore", name], target.path());
    std::fs::write(copy.join("journal.db"), &damaged).expect("a file");
    refused(&restore(), "journal.db is not what was backed up");
    std::fs::remove_file(copy.join("journal.db")).expect("a file");
    refused(&restore(), "journal.db is not what was backed up");
    std::fs::write(copy.join("journal.db"), &journal).expect("a file");
    let manifest = std::fs::read_to_string(copy.join("manifest.json")).expect("a manifest");
    std::fs::write(copy.join("manifest.json"), manifest.replace("journal.db", "../journal.db")).expect("a file");
    refused(&restore(), "which is outside of it");
    std::fs::write(copy.join("manifest.json"), manifest.replacen("1", "9", 1)).expect("a file");
    refused(&restore(), "has the form 9");
    std::fs::write(copy.join("manifest.json"), &manifest).expect("a file");
    refused(
        &akao(&Platform::wanted(), &["restore", place.path().to_str().expect("a name")], target.path()),
        "is not a backup",
    );
    assert_eq!(std::fs::read_dir(target.path()).expect("a folder").count(), 0, "nothing was restored");
    let platform = Platform::wanted();
    let told = done(&akao(&platform, &["restore", name], target.path()));
    assert_eq!(told["with_keys"], false);
    let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(target.path());
    platform.tell(&mut command);
    refused(&command.output().expect("the program runs"), "are sealed with the master key");
    std::fs::write(target.path().join("master.key"), key).expect("a file");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(target.path().join("master.key"), mode).expect("a mode");
    let restored = Server::over(target, platform);
    let sign_in = json!({"email": "ada@example.com", "password": crate::server::PASSWORD});
    restored.anybody().post("/api/v1/session", &[], &sign_in).is(201);
}

/// Every path below a folder, with its rights.
fn rights(folder: &Path) -> BTreeMap<String, u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut found, mut left) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        let mode = path.symlink_metadata().expect("it is there").permissions().mode();
        if path.is_dir() {
            left.extend(path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()));
        }
        let name = path.strip_prefix(folder).expect("below it").to_str().expect("a name").to_owned();
        found.insert(name, mode & 0o777);
    }
    found
}

/// A package is recognised by its content and its rights, which a backup keeps beside those of its own files.
#[test]
fn a_package_that_is_restored_is_what_was_installed() {
    let (data, target) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let node = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/nodes/text-outline");
    done(&akao(&Platform::File, &["install", node, "--yes"], data.path()));
    let server = Server::over(data, Platform::wanted());
    let place = tempfile::tempdir().expect("a folder");
    let copy = place.path().join("copy");
    let name = copy.to_str().expect("a name");
    done(&akao(&server.platform, &["backup", name], server.folder.path()));
    let open = rights(&copy).into_iter().filter(|(_, mode)| mode & 0o077 != 0).collect::<Vec<_>>();
    assert_eq!(open, [], "what is in a backup is its owner's alone");
    done(&akao(&Platform::wanted(), &["restore", name], target.path()));
    let packages = |data: &Path| rights(&data.join("nodes/packages"));
    let (before, after) = (packages(server.folder.path()), packages(target.path()));
    assert!(before.values().any(|mode| *mode == 0o555), "a package that is stored is sealed: {before:?}");
    assert_eq!(before, after);
    done(&akao(&Platform::File, &["verify"], target.path()));
}

/// What lies beside `name` in its folder.
fn beside(folder: &Path) -> Vec<String> {
    let names = folder.read_dir().expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn what_lies_beside_a_backup_or_a_data_directory_is_left_alone() {
    use std::os::unix::fs::symlink;
    let server = Server::new();
    server.owner().save("hello", HELLO).is(201);
    let (place, keys) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let password = keys.path().join("password");
    std::fs::write(&password, KEYS_PASSWORD).expect("a file");
    let password = ["--keys-password-file", password.to_str().expect("a name")];
    let at = |name: &str| place.path().join(name).to_str().expect("a name").to_owned();
    for name in ["copy.partial", "data.partial"] {
        std::fs::create_dir(place.path().join(name)).expect("a folder");
        std::fs::write(place.path().join(name).join("theirs"), "theirs").expect("a file");
    }
    let backup = |to: &str| {
        akao(&server.platform, &[&["backup", to, "--with-keys"], &password[..]].concat(), server.folder.path())
    };
    done(&backup(&at("copy")));
    let restore = |to: &Path| akao(&Platform::wanted(), &[&["restore", &at("copy")], &password[..]].concat(), to);
    done(&restore(&place.path().join("data")));
    let whole = ["copy", "copy.partial", "data", "data.partial"];
    assert_eq!(beside(place.path()), whole);
    for name in ["copy.partial", "data.partial"] {
        assert_eq!(std::fs::read_to_string(place.path().join(name).join("theirs")).expect("a file"), "theirs");
    }

    // A link is followed; one that leads nowhere is refused before anything is written.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = elsewhere.path().join("target");
    std::fs::create_dir(&target).expect("a folder");
    let link = elsewhere.path().join("link");
    symlink(&target, &link).expect("a link");
    done(&restore(&link.join("")));
    assert!(link.is_symlink() && target.join("master.key").exists() && target.join("journal.db").exists());
    assert_eq!(beside(elsewhere.path()), ["link", "target"]);
    refused(&restore(&link), "is not empty");
    let nowhere = elsewhere.path().join("nowhere");
    symlink(elsewhere.path().join("nothing"), &nowhere).expect("a link");
    refused(&restore(&nowhere), "is a link that leads nowhere");
    assert_eq!(beside(elsewhere.path()), ["link", "nowhere", "target"]);

    // What fails on the way leaves nothing, the key least of all: here a folder that is to be where a file is.
    let manifest = place.path().join("copy/manifest.json");
    let mut told: Value = serde_json::from_slice(&std::fs::read(&manifest).expect("a file")).expect("a document");
    told["folders"].as_array_mut().expect("a list").push(json!({"path": "journal.db", "mode": 0o755}));
    std::fs::write(&manifest, told.to_string()).expect("a file");
    refused(&restore(&place.path().join("again")), "cannot be restored to");
    assert_eq!(beside(place.path()), whole);
}

#[test]
fn a_backup_names_the_key_it_needs_and_does_not_say_that_it_has_one_it_has_not() {
    let key = "3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let server = Server::with(tempfile::tempdir().expect("a folder"), |command| {
        command.env("AKAO_MASTER_KEY", key);
    });
    server.owner().save("hello", HELLO).is(201);
    let place = tempfile::tempdir().expect("a folder");
    let at = |name: &str| place.path().join(name).to_str().expect("a name").to_owned();
    let run = |name: &str, with_keys: bool, key: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["backup", &at(name), "--json", "--data-dir"]).arg(server.folder.path());
        command.env("AKAO_BACKUP_PASSWORD", KEYS_PASSWORD);
        if with_keys {
            command.arg("--with-keys");
        }
        server.platform.tell(&mut command);
        key.map(|key| command.env("AKAO_MASTER_KEY", key));
        command.output().expect("the program runs")
    };
    refused(&run("none", true, None), "platform data are sealed with the master key");
    let show = akao(&server.platform, &["operator", "show"], server.folder.path());
    refused(&show, "are sealed with the master key");
    let other = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    refused(&run("other", true, Some(other)), "which is not in AKAO_MASTER_KEY");
    assert_eq!(beside(place.path()), [] as [&str; 0]);
    let (plain, whole) = (done(&run("plain", false, None)), done(&run("whole", true, Some(key))));
    assert_eq!((&plain["with_keys"], &whole["with_keys"]), (&json!(false), &json!(true)));
    assert_eq!(plain["master_keys"], whole["master_keys"]);
    assert_eq!(plain["master_keys"].as_array().map(Vec::len), Some(1), "{plain}");
}

#[test]
fn a_dry_run_looks_into_the_database() {
    let cluster = Arc::new(Cluster::start());
    let platform = |database| Platform::Postgres(Arc::new(database));
    let server = Server::over(tempfile::tempdir().expect("a folder"), platform(Database::within(Arc::clone(&cluster))));
    server.owner().save("hello", HELLO).is(201);
    let place = tempfile::tempdir().expect("a folder");
    let copy = place.path().join("copy").to_str().expect("a name").to_owned();
    done(&akao(&server.platform, &["backup", &copy], server.folder.path()));
    let data = place.path().join("data");
    let dry = |platform: &Platform| akao(platform, &["restore", &copy, "--dry-run"], &data);
    refused(&dry(&server.platform), "has platform data already");
    let away = "postgres://akao:hunter2@127.0.0.1:1/akao";
    refused(&akao(&Platform::File, &["restore", &copy, "--dry-run", "--store", away], &data), "cannot be reached");
    let (empty, seen) =
        (Database::within(Arc::clone(&cluster)), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
    let (url, before) = (empty.url(), empty.sql(seen));
    done(&akao(&Platform::File, &["restore", &copy, "--dry-run", "--store", &url], &data));
    assert_eq!(empty.sql(seen), before, "nothing is made");
    refused(&akao(&server.platform, &["restore", &copy], &data), "has platform data already");
    assert_eq!(beside(place.path()), ["copy"]);
    done(&akao(&Platform::File, &["restore", &copy, "--store", &url], &data));
    assert_eq!(beside(place.path()), ["copy", "data"]);
}
