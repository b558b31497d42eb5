//! Whom a data directory trusts and what it demands, as stories: policy, kill list, keys that change, packages that are
//! deprecated or deleted; and how the health of packages is told.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, Said, users};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

const CODE: &str = "from akao import node, serve\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    return {'text': 'Hello ' + name}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";

const WORKFLOW: &str =
    "akao: 1\nid: try\nversion: 1.0.0\nroot: { type: com.example.greet, id: work, props: { name: Ada } }\n";

fn package(desk: &Desk, folder: &str, id: &str, version: &str) {
    let manifest = format!(
        "manifest: 1\nid: {id}\nname: Node of {id}\ndescription: Greets people by their name.\nversion: {version}\n\
         runtime: {{ type: python, command: ./main.py }}\nresources: {{ cpu: 1000m }}\n\
         inputs: {{ name: {{ type: string, required: true }} }}\noutputs: {{ text: {{ type: string }} }}\n"
    );
    desk.node(folder, &manifest, &CODE.replace("com.example.greet", id).replace("1.0.0", version));
    desk.write(&format!("{folder}/LICENSE"), "Do what you like.\n");
    desk.write(&format!("{folder}/README.md"), "# Greet\n");
}

fn desk() -> Desk {
    let desk = Desk::new(users()[0]);
    package(&desk, "greet", "com.example.greet", "1.0.0");
    desk
}

fn said(desk: &Desk, arguments: &[&str]) -> Said {
    let said = desk.akao(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said
}

fn done(desk: &Desk, arguments: &[&str]) -> Value {
    said(desk, &[arguments, &["--json"]].concat()).json()
}

/// A refusal that tells why and what to do.
fn refused(desk: &Desk, arguments: &[&str], told: &str, hint: &str) {
    let said = desk.akao(arguments);
    assert!(said.code != 0 && said.err.contains(told) && said.err.contains(hint), "{arguments:?}: {said:?}");
}

#[test]
fn the_policy_is_shown_changed_in_part_and_holds() {
    let desk = desk();
    assert_eq!(done(&desk, &["policy", "show"])["repository"], "trusted");
    assert!(!desk.path("data/config").exists(), "a look writes nothing");
    let set = ["policy", "set", "--folder", "trusted", "--cool-down", "7d", "--publisher", "org.example."];
    let changed = done(&desk, &set);
    assert_eq!((&changed["cool_down"], changed["changes"].as_array().map(Vec::len)), (&"7d".into(), Some(3)));
    assert_eq!(done(&desk, &["policy", "show"])["git"], "first_use", "what is not named stays");
    refused(&desk, &["install", "./greet", "--yes"], "does not allow the publisher `com.example`", "hint:");
    said(&desk, &["policy", "set", "--any-publisher"]);
    refused(&desk, &["install", "./greet", "--yes"], "it is not signed", "hint:");
    said(&desk, &["policy", "set", "--folder", "optional"]);
    assert!(said(&desk, &["policy", "set", "--folder", "optional"]).err.contains("It is so already"));
    said(&desk, &["install", "./greet", "--yes"]);
    refused(&desk, &["policy", "set"], "required", "--help");
    refused(&desk, &["policy", "set", "--cool-down", "soon"], "soon", "--help");
    let audit = said(&desk, &["audit"]);
    assert!(audit.out.contains("signature of folders: by a trusted key, was optional"), "{audit:?}");
}

#[test]
fn an_operators_kill_list_is_made_signed_taken_in_and_lifted() {
    let desk = desk();
    done(&desk, &["key", "new", "guard"]);
    said(&desk, &["install", "./greet", "--yes"]);
    said(&desk, &["kill-list", "add", "list.json", "com.example.greet@<1.1", "--reason", "it tells names"]);
    refused(&desk, &["kill-list", "take", "list.json"], "no key that may sign kill lists", "--kill-list-key");
    said(&desk, &["policy", "set", "--kill-list-key", "guard"]);
    let taken = said(&desk, &["kill-list", "take", "list.json"]);
    assert!(taken.err.contains("com.example.greet 1.0.0 must not run: it tells names"), "{taken:?}");
    assert_eq!(done(&desk, &["kill-list", "show"])["number"], 1);
    desk.write("w.yaml", WORKFLOW);
    assert_eq!(desk.akao(&["run", "w.yaml"]).code, 2);
    refused(&desk, &["install", "./greet", "--yes"], "it must not run: it tells names", "hint:");

    fs::copy(desk.path("list.json"), desk.path("old.json")).expect("a copy");
    fs::copy(desk.path("list.json.minisig"), desk.path("old.json.minisig")).expect("a copy");
    refused(&desk, &["kill-list", "lift", "list.json", "com.example.other"], "is not on the kill list", "");
    said(&desk, &["kill-list", "lift", "list.json", "com.example.greet"]);
    said(&desk, &["kill-list", "take", "list.json"]);
    refused(&desk, &["kill-list", "take", "old.json"], "it is number 1, and number 2 is known", "hint:");
    said(&desk, &["enable", "com.example.greet"]);
    said(&desk, &["run", "w.yaml"]);

    // Edited, it holds for nobody; by another key, neither.
    let text = fs::read_to_string(desk.path("list.json")).expect("a list");
    desk.write("list.json", &text.replace("\"number\":2", "\"number\":9"));
    refused(&desk, &["kill-list", "take", "list.json"], "signature does not hold", "hint:");
    refused(&desk, &["kill-list", "add", "list.json", "com.example.x", "--reason", "x"], "cannot be changed", "--key");
    done(&desk, &["key", "new", "next"]);
    refused(&desk, &["policy", "set", "--kill-list-key", "next"], "none of these keys", "take in one");
    said(&desk, &["policy", "set", "--no-kill-list"]);
    assert!(said(&desk, &["kill-list", "show"]).err.contains("No kill list of the operator"));
}

#[test]
fn what_a_kill_list_could_not_stop_is_told_to_the_audit_and_nothing_else_of_it() {
    let desk = desk();
    done(&desk, &["key", "new", "guard"]);
    said(&desk, &["policy", "set", "--kill-list-key", "guard"]);
    said(&desk, &["install", "./greet", "--yes"]);
    said(&desk, &["kill-list", "add", "list.json", "com.example.greet", "--reason", "it tells names"]);
    fs::create_dir_all(desk.path("data/nodes/disabled/com.example.greet.json")).expect("a folder where a record goes");
    refused(&desk, &["kill-list", "take", "list.json"], "cannot be moved", "hint:");
    let audit = done(&desk, &["audit", "--package", "com.example.greet"]);
    let told = audit.to_string();
    let wanted = |what: &str| told.contains(&format!("\"wanted\":\"{what}\""));
    assert!(told.contains("\"blocked\"") && wanted("disabling") && !wanted("blocking"), "{told}");
}

#[test]
fn what_was_killed_does_not_begin_in_executions_that_are_under_way() {
    let desk = desk();
    done(&desk, &["key", "new", "guard"]);
    said(&desk, &["policy", "set", "--kill-list-key", "guard"]);
    said(&desk, &["install", "./greet", "--yes"]);
    let waits = "{ type: WaitForSignal, id: go, props: { signalName: go } }";
    let root =
        format!("root: {{ type: Sequence, children: [{waits}, {}] }}", &WORKFLOW[WORKFLOW.find("{ type").unwrap()..]);
    desk.write("later.yaml", &format!("akao: 1\nid: later\nversion: 1.0.0\n{root}"));
    let later = done(&desk, &["run", "later.yaml", "--detach"])["execution"].as_str().expect("an id").to_owned();
    said(&desk, &["kill-list", "add", "list.json", "com.example.greet", "--reason", "it tells names"]);
    said(&desk, &["kill-list", "take", "list.json"]);
    said(&desk, &["executions", "signal", &later, "go"]);
    let begun = std::time::Instant::now();
    let ended = loop {
        let shown = done(&desk, &["executions", "show", &later]);
        if shown["status"] != "running" && shown["status"] != "waiting" {
            break shown;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{shown}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(ended["status"], "failure", "{ended}");
    assert!(ended.to_string().contains("must not run any more: it tells names"), "{ended}");
}

#[test]
fn a_publishers_key_is_replaced_by_its_own_word_and_a_pin_is_forgotten() {
    let desk = desk();
    for name in ["old", "new"] {
        done(&desk, &["key", "new", name]);
    }
    let sign = |key: &str| {
        said(&desk, &["node", "pack", "greet", "-o", "greet.akao"]);
        said(&desk, &["node", "sign", "greet.akao", "--key", key]);
    };
    said(&desk, &["key", "trust", "old", "--prefix", "com.example."]);
    sign("new");
    refused(&desk, &["install", "./greet.akao", "--key", "new", "--yes"], "no key that is trusted", "hint:");
    refused(&desk, &["key", "accept", "key-rotation.json"], "there is no file", "hint:");
    let rotate = ["key", "rotate", "new", "--prefix", "com.example.", "--retire"];
    refused(&desk, &[&rotate[..], &["--key", "new"]].concat(), "is the one that signs", "hint:");
    said(&desk, &[&rotate[..], &["--key", "old"]].concat());
    let text = fs::read_to_string(desk.path("key-rotation.json")).expect("a file");
    desk.write("forged.json", &text.replace("com.example.", "com.other."));
    fs::copy(desk.path("key-rotation.json.minisig"), desk.path("forged.json.minisig")).expect("a copy");
    refused(&desk, &["key", "accept", "forged.json"], "is not accepted", "hint:");
    assert_eq!(done(&desk, &["key", "accept", "key-rotation.json"])["retired"], true);
    let acts = said(&desk, &["audit", "--package", "com.example."]).out;
    assert!(acts.contains("trusted") && acts.contains("accepted"), "both stand under their prefix: {acts}");
    said(&desk, &["install", "./greet.akao", "--key", "new", "--yes"]);
    sign("old");
    refused(&desk, &["install", "./greet.akao", "--key", "old", "--yes"], "which was revoked", "hint:");

    package(&desk, "greet", "org.pinned.greet", "1.0.0");
    sign("new");
    said(&desk, &["install", "./greet.akao", "--key", "new", "--yes"]);
    package(&desk, "greet", "org.pinned.greet", "1.1.0");
    done(&desk, &["key", "new", "third"]);
    sign("third");
    let install = ["install", "./greet.akao", "--key", "third", "--yes"];
    refused(&desk, &install, "it was pinned to the key", "hint:");
    said(&desk, &["key", "unpin", "org.pinned.greet"]);
    refused(&desk, &["key", "unpin", "org.pinned.greet"], "is bound to no key", "akao key list");
    said(&desk, &install);
    // A key that is only pinned can be revoked as well.
    let pins = done(&desk, &["key", "list"]);
    let print = pins["pins"][0]["fingerprint"].as_str().expect("a pin").to_owned();
    said(&desk, &["key", "revoke", &print, "--reason", "lost"]);
    let acts = said(&desk, &["audit"]).out;
    for act in ["trusted", "accepted", "unpinned", "revoked"] {
        assert!(acts.contains(act), "{act}: {acts}");
    }
}

#[test]
fn a_package_is_deprecated_in_favour_of_another_and_deleted_for_good() {
    let desk = desk();
    done(&desk, &["key", "new", "me"]);
    let root = done(&desk, &["repo", "init", "packages"]);
    let publish = |folder: &str| {
        said(&desk, &["node", "pack", folder, "-o", "out.akao"]);
        said(&desk, &["node", "sign", "out.akao"]);
        desk.akao(&["node", "publish", "out.akao", "--repo", "packages"])
    };
    assert_eq!(publish("greet").code, 0);
    let print = root["fingerprint"].as_str().expect("a fingerprint");
    said(&desk, &["repo", "add", "own", "packages", "--prefix", "com.example", "--fingerprint", print, "--vouches"]);
    said(&desk, &["install", "com.example.greet", "--yes"]);
    let deprecate = ["node", "deprecate", "com.example.greet", "--repo", "packages"];
    refused(&desk, &deprecate, "--reason", "--help");
    let word = ["--reason", "it is slow", "--successor", "com.example.salute"];
    said(&desk, &[&deprecate[..], &word].concat());
    refused(
        &desk,
        &["node", "deprecate", "com.example.none", "--repo", "packages", "--reason", "x"],
        "there is no",
        "",
    );
    let told = "it is slow. Use com.example.salute instead.";
    assert!(said(&desk, &["search", "greet"]).out.contains(&format!("deprecated: {told}")));
    assert_eq!(done(&desk, &["search", "greet"])["packages"][0]["successor"], "com.example.salute");
    let looked = said(&desk, &["install", "com.example.greet", "--dry-run"]);
    assert!(looked.err.contains(&format!("warning: it is deprecated: {told}")), "{looked:?}");
    package(&desk, "greet", "com.example.greet", "1.1.0");
    assert_eq!(publish("greet").code, 0);
    said(&desk, &["update", "--all", "--automatic", "--yes"]);
    let listed = said(&desk, &["list-nodes"]);
    assert!(listed.err.contains("it is deprecated: it is slow"), "{listed:?}");
    assert!(listed.err.contains("1.1.0 is there; `akao update com.example.greet` takes it"), "{listed:?}");
    said(&desk, &[&deprecate[..], &["--undo"]].concat());
    assert_eq!(done(&desk, &["search", "greet"])["packages"][0]["deprecated"], Value::Null);

    let delete = ["repo", "delete", "packages", "com.example.greet", "--reason", "a wrong name"];
    refused(&desk, &delete, "nobody is there to agree", "--yes");
    assert_eq!(done(&desk, &[&delete[..], &["--yes"]].concat())["versions"], 2);
    refused(&desk, &[&delete[..], &["--yes"]].concat(), "there is no com.example.greet", "stays deleted");
    let again = publish("greet");
    assert!(again.code == 1 && again.err.contains("its id is never given again"), "{again:?}");
    assert_eq!(said(&desk, &["list-nodes"]).out.matches("com.example.greet").count(), 1, "what is installed stays");
}

/// The folder of a stored content.
fn stored(desk: &Desk, folder: &str) -> PathBuf {
    let packages = desk.path("data/nodes/packages/sha256");
    let mut found = fs::read_dir(packages).expect("a store").map(|entry| entry.expect("an entry").path());
    let named = format!("id: {folder}");
    found.find(|path| fs::read_to_string(path.join("_.yaml")).is_ok_and(|text| text.contains(&named))).expect(folder)
}

#[test]
fn the_health_of_packages_is_told_without_running_them() {
    let desk = desk();
    said(&desk, &["install", "./greet", "--yes"]);
    desk.write(
        "salute/_.yaml",
        "manifest: 1\nid: com.example.salute\nname: Salute\nversion: 1.0.0\n\
         runtime: { type: java, command: ./salute.jar }\noutputs: { text: { type: string } }\n",
    );
    desk.write("salute/salute.jar", "not a program");
    said(&desk, &["install", "./salute", "--yes"]);
    let health = |id: &str| {
        let listed = done(&desk, &["list-nodes"]);
        let node = listed["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["type"] == id)).cloned();
        node.map(|node| node["package"]["health"].clone()).unwrap_or_default()
    };
    assert_eq!(health("com.example.greet")["state"], "ok");
    let java = ["/usr/bin/java", "/usr/local/bin/java", "/bin/java"].iter().any(|place| PathBuf::from(place).is_file());
    let expected = if java { Value::Null } else { "java is missing".into() };
    assert_eq!(health("com.example.salute")["detail"], expected);
    let store = stored(&desk, "com.example.greet");
    let open = |path: &PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    let (code, text) = (store.join("main.py"), fs::read_to_string(store.join("main.py")).expect("a file"));
    open(&code, 0o644);
    assert_eq!(health("com.example.greet")["detail"], "`main.py` has other rights");
    fs::write(&code, "evil").expect("a file");
    assert_eq!(health("com.example.greet")["detail"], "`main.py` was changed");
    fs::write(&code, &text).expect("a file");
    open(&code, 0o444);
    assert_eq!(health("com.example.greet")["state"], "ok");
    let manifest = store.join("_.yaml");
    open(&store, 0o755);
    fs::remove_file(&manifest).expect("it was there");
    assert_eq!(health("com.example.greet")["state"], "damaged", "a package without a manifest is listed all the same");
    assert!(said(&desk, &["list-nodes"]).out.contains("damaged: `_.yaml` is missing"));
}

#[test]
fn contents_that_are_old_go_unless_an_execution_names_them() {
    let desk = desk();
    let age = |path: &PathBuf| {
        let then = SystemTime::now() - Duration::from_secs(7_200);
        fs::File::open(path).and_then(|folder| folder.set_modified(then)).expect("an age");
    };
    package(&desk, "other", "com.example.other", "1.0.0");
    package(&desk, "fresh", "com.example.fresh", "1.0.0");
    for folder in ["greet", "other", "fresh"] {
        said(&desk, &["install", &format!("./{folder}"), "--yes"]);
    }
    desk.write("w.yaml", WORKFLOW);
    said(&desk, &["run", "w.yaml"]);
    let [greet, other, fresh] = ["greet", "other", "fresh"].map(|name| stored(&desk, &format!("com.example.{name}")));
    age(&greet);
    age(&other);
    for name in ["greet", "fresh", "other"] {
        done(&desk, &["uninstall", &format!("com.example.{name}"), "--yes"]);
    }
    assert!(greet.exists(), "the execution that has ended can still be replayed");
    assert!(!other.exists(), "nobody refers to it");
    assert!(fresh.exists(), "it was stored a moment ago");
    age(&fresh);
    package(&desk, "last", "com.example.last", "1.0.0");
    said(&desk, &["install", "./last", "--yes"]);
    let collected = done(&desk, &["uninstall", "com.example.last", "--yes"]);
    assert_eq!(collected["collected"].as_array().map(Vec::len), Some(1));
    assert!(!fresh.exists() && greet.exists());
}
