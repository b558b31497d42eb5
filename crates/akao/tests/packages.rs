//! Packages as stories: installed from folders, archives and git, used by workflows, updated, taken back, and taken away.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, Said, users};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const MANIFEST: &str = "manifest: 1\nid: com.example.greet\nname: Greet\nversion: 1.0.0\nruntime: { type: python, command: ./main.py }\n\
                        resources: { cpu: 1000m }\ninputs: { name: { type: string, required: true } }\n\
                        outputs: { text: { type: string } }\n";

const CODE: &str = "from akao import node, serve\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                    return {'text': 'Hello ' + name}\n\nif __name__ == '__main__':\n    serve(greet, version='1.0.0')\n";

fn workflow(node: &str) -> String {
    format!(
        "akao: 1\nid: try\nversion: 1.0.0\nroot: {{ type: {node}, id: work, props: {{ name: Ada }} }}\n\
         outputs: {{ text: \"${{steps.work.outputs.text}}\" }}\n"
    )
}

fn desk() -> Desk {
    let desk = Desk::new(users()[0]);
    desk.node("src/greet", MANIFEST, CODE);
    desk
}

fn release(desk: &Desk, version: &str, hello: &str) {
    let code = CODE.replace("1.0.0", version).replace("Hello", hello);
    desk.node("src/greet", &MANIFEST.replace("version: 1.0.0", &format!("version: {version}")), &code);
}

fn said(desk: &Desk, arguments: &[&str]) -> Said {
    let said = desk.akao(arguments);
    assert_eq!(said.code, 0, "{arguments:?}: {said:?}");
    said
}

fn text_of(desk: &Desk, file: &str) -> String {
    let run = said(desk, &["run", file, "--json"]).json();
    run["outputs"]["text"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_package_is_shown_agreed_to_installed_used_updated_taken_back_and_taken_away() {
    let desk = desk();
    desk.write("w.yaml", &workflow("com.example.greet@^1.0"));
    let missing = desk.akao(&["validate", "w.yaml"]);
    assert!(missing.code == 2 && missing.out.contains("`akao install com.example.greet@^1.0`"), "{missing:?}");

    let looked = said(&desk, &["install", "./src/greet", "--dry-run"]);
    assert!(looked.err.contains("com.example.greet 1.0.0") && looked.err.contains("agree: it is new"), "{looked:?}");
    assert!(!desk.path("data/nodes").exists(), "a look writes nothing");
    let alone = desk.akao(&["install", "./src/greet"]);
    assert!(alone.code == 2 && alone.err.contains("nobody is there to agree"), "{alone:?}");

    said(&desk, &["install", "./src/greet", "--yes"]);
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada");
    let listed = said(&desk, &["list-nodes"]);
    assert!(
        listed.out.lines().any(|line| line.contains("com.example.greet") && line.contains("installed 1.0.0")),
        "{listed:?}"
    );
    assert!(said(&desk, &["node-info", "com.example.greet"]).out.contains("com.example.greet"));

    assert!(said(&desk, &["search", "gret"]).out.contains("com.example.greet"), "what is installed is found, too");
    assert_eq!(desk.akao(&["search", "accounting"]).code, 1);

    release(&desk, "1.1.0", "Hi");
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada", "the folder is not what is installed");
    let updated = said(&desk, &["update", "com.example.greet", "--yes"]);
    assert!(updated.err.contains("1.1.0 (now 1.0.0)"), "{updated:?}");
    assert_eq!(text_of(&desk, "w.yaml"), "Hi Ada");
    said(&desk, &["rollback", "com.example.greet"]);
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada");

    said(&desk, &["disable", "com.example.greet", "--reason", "it greets too much"]);
    let disabled = desk.akao(&["run", "w.yaml"]);
    assert!(disabled.code == 2 && disabled.err.contains("is disabled: it greets too much"), "{disabled:?}");
    // What was run before is not forked either, since the fork would run the package.
    let before = said(&desk, &["executions", "list", "--json"]).json()["executions"][0]["execution"].clone();
    let fork = ["executions", "fork", before.as_str().expect("an id"), "--at", "/", "--json"];
    let refused = desk.akao(&fork);
    let told = refused.json()["error"]["message"].to_string();
    assert!(
        refused.code == 1 && told.contains("cannot be forked: `com.example.greet` is disabled: it greets too much"),
        "{refused:?}"
    );
    said(&desk, &["enable", "com.example.greet"]);
    let forked = said(&desk, &fork).json()["execution"].clone();
    said(&desk, &["executions", "events", forked.as_str().expect("an id"), "--follow"]);

    assert!(said(&desk, &["verify"]).out.contains("everything is as it was installed"));
    said(&desk, &["uninstall", "com.example.greet", "--yes"]);
    assert_eq!(desk.akao(&["run", "w.yaml"]).code, 2);
    let audit = said(&desk, &["audit", "--package", "com.example.greet", "--json"]).json();
    assert!(said(&desk, &["audit", "--verify"]).out.contains("in the chain"));
    let acts: Vec<&str> =
        audit["entries"].as_array().expect("entries").iter().filter_map(|entry| entry["act"].as_str()).collect();
    // Each act is announced before it is done.
    let expected = [
        vec![
            "installing",
            "installed",
            "activated",
            "installing",
            "installed",
            "activated",
            "rolling_back",
            "activated",
        ],
        vec!["disabling", "disabled", "enabling", "enabled", "uninstalling", "uninstalled"],
    ];
    assert_eq!(acts, expected.concat());
}

/// The acts in the audit, oldest first.
fn acts(desk: &Desk) -> Vec<String> {
    let audit = said(desk, &["audit", "--json"]).json();
    let entries = audit["entries"].as_array().expect("entries").clone();
    entries.iter().filter_map(|entry| entry["act"].as_str().map(str::to_owned)).collect()
}

/// Starts a command while somebody else holds the lock of what is installed, and kills it once it waits for that: behind the lock is
/// the first write of a record, so whatever is in the audit by then cannot be lost.
fn killed_before_the_first_record(desk: &Desk, arguments: &[&str], announced: &str) {
    let lock = fs::File::open(desk.path("data/nodes/lock")).expect("the lock");
    lock.lock().expect("nobody else holds it");
    let before = acts(desk).len();
    let mut child = desk.command(arguments).stderr(std::process::Stdio::null()).spawn().expect("it starts");
    let patience = std::time::Instant::now();
    while acts(desk).len() == before {
        assert!(patience.elapsed().as_secs() < 60, "{arguments:?} announces nothing");
        std::thread::yield_now();
    }
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    assert_eq!(acts(desk).get(before).map(String::as_str), Some(announced), "{arguments:?}");
}

#[test]
fn what_a_killed_command_was_about_to_do_is_in_the_audit() {
    let desk = desk();
    said(&desk, &["install", "./src/greet", "--yes"]);
    release(&desk, "1.1.0", "Hi");
    killed_before_the_first_record(&desk, &["update", "com.example.greet", "--yes"], "installing");
    let listed = said(&desk, &["list-nodes"]);
    assert!(listed.out.contains("installed 1.0.0"), "it was killed before: {listed:?}");
    let last =
        |desk: &Desk| said(desk, &["audit", "--json"]).json()["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((last(&desk)["version"].as_str(), last(&desk)["signature"].as_str()), (Some("1.1.0"), Some("absent")));
    killed_before_the_first_record(&desk, &["disable", "com.example.greet", "--reason", "no"], "disabling");
    killed_before_the_first_record(&desk, &["uninstall", "com.example.greet", "--yes"], "uninstalling");
    said(&desk, &["update", "com.example.greet", "--yes"]);
    killed_before_the_first_record(&desk, &["rollback", "com.example.greet"], "rolling_back");
    assert!(said(&desk, &["audit", "--verify"]).out.contains("in the chain"));
}

#[test]
fn what_is_refused_is_in_the_audit_and_an_audit_that_cannot_be_written_refuses_everything() {
    let desk = desk();
    let missing = desk.akao(&["uninstall", "com.example.greet", "--yes"]);
    assert!(missing.code == 1 && missing.err.contains("is not installed"), "{missing:?}");
    said(&desk, &["policy", "set", "--publisher", "org.example."]);
    let refused = desk.akao(&["install", "./src/greet", "--yes"]);
    assert!(refused.code == 1 && refused.err.contains("is refused"), "{refused:?}");
    assert_eq!(acts(&desk).last().map(String::as_str), Some("not_done"));
    said(&desk, &["policy", "set", "--any-publisher"]);

    said(&desk, &["install", "./src/greet", "--yes"]);
    release(&desk, "1.1.0", "Hi");
    let (audit, away) = (desk.path("data/nodes/audit.jsonl"), desk.path("data/nodes/away.jsonl"));
    fs::rename(&audit, &away).expect("the audit is there");
    fs::create_dir(&audit).expect("something else in its place");
    for arguments in [
        &["install", "./src/greet", "--yes"][..],
        &["update", "com.example.greet", "--yes"],
        &["disable", "com.example.greet"],
        &["uninstall", "com.example.greet", "--yes"],
        &["uninstall", "com.example.greet", "--yes", "--force"],
    ] {
        let refused = desk.akao(arguments);
        assert!(refused.code == 1 && refused.err.contains("nothing was changed"), "{arguments:?}: {refused:?}");
        assert!(said(&desk, &["list-nodes"]).out.contains("installed 1.0.0"), "{arguments:?}");
    }
    fs::remove_dir(&audit).expect("it is empty");
    fs::rename(&away, &audit).expect("the audit comes back");
    assert!(said(&desk, &["audit", "--verify"]).out.contains("in the chain"));

    // Without both files there is nothing to hold it against, and what is installed has been told to one.
    fs::remove_file(&audit).expect("gone");
    fs::remove_file(desk.path("data/nodes/audit.head")).expect("gone");
    let gone = desk.akao(&["audit", "--verify"]);
    assert!(gone.code == 1 && gone.out.contains("there is no audit, and 1 package is installed"), "{gone:?}");
    assert_eq!(desk.akao(&["audit", "--verify", "--json"]).json()["sound"], false);
    said(&desk, &["uninstall", "com.example.greet", "--yes"]);
}

#[test]
fn what_a_lock_file_pins_is_not_taken_away_unless_forced() {
    let desk = desk();
    said(&desk, &["install", "./src/greet", "--yes"]);
    desk.write("project/w.yaml", &workflow("com.example.greet"));
    said(&desk, &["lock", "project/w.yaml"]);
    let uninstall = ["uninstall", "com.example.greet", "--yes"];
    let refused = desk.akao(&uninstall);
    assert!(refused.code == 1 && refused.err.contains("project/akao.lock"), "{refused:?}");
    // From another folder: it is remembered.
    desk.write("elsewhere/empty", "");
    let mut command = desk.command(&uninstall);
    let refused = command.current_dir(desk.path("elsewhere")).output().expect("it runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("project/akao.lock"), "{refused:?}");
    // One that nobody remembers, in the project that the command runs in.
    fs::remove_file(desk.path("data/nodes/locks.json")).expect("it remembers");
    desk.write("project/deep/empty", "");
    fs::create_dir(desk.path("project/.git")).expect("a project");
    let refused = desk.command(&uninstall).current_dir(desk.path("project/deep")).output().expect("it runs");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("project/akao.lock"), "{refused:?}");
    said(&desk, &["uninstall", "com.example.greet", "--yes", "--force"]);
    assert!(said(&desk, &["audit"]).out.contains("force true"));

    // What is gone pins nothing.
    said(&desk, &["install", "--locked", "project", "--yes"]);
    assert_eq!(desk.akao(&uninstall).code, 1);
    fs::remove_file(desk.path("project/akao.lock")).expect("gone");
    said(&desk, &uninstall);
}

#[test]
fn an_installed_package_is_found_by_what_its_manifest_says() {
    let desk = desk();
    let more = "description: Sends friendly words to customers\npermissions: [ { network.http: { hosts: [ \"api.example.com:443\" ] } } ]\n";
    desk.node("src/greet", &MANIFEST.replace("name: Greet\n", &format!("name: Greet\n{more}")), CODE);
    said(&desk, &["install", "./src/greet", "--yes", "--no-grants"]);
    let described = &said(&desk, &["search", "greet", "--json"]).json()["packages"][0]["description"];
    assert_eq!(described, "Sends friendly words to customers");
    for query in ["customers", "custommers", "permission:network.http", "greet", "name:greet", "com.example.greet"] {
        let found = said(&desk, &["search", query, "--json"]).json();
        assert_eq!(found["packages"][0]["id"], "com.example.greet", "{query}");
    }
    assert_eq!(desk.akao(&["search", "permission:files.read"]).code, 1);
    assert_eq!(desk.akao(&["search", "capability:network.http"]).code, 1);
}

#[test]
fn the_command_for_what_is_missing_can_be_given_to_a_shell() {
    let desk = desk();
    desk.write("w.yaml", &workflow("\"com.example.greet@>=1.0, <2\""));
    let missing = desk.akao(&["validate", "w.yaml"]);
    assert!(missing.out.contains("`akao install 'com.example.greet@>=1.0, <2'`"), "{missing:?}");
}

#[test]
fn a_killed_package_is_not_advised_to_be_enabled() {
    let desk = desk();
    said(&desk, &["install", "./src/greet", "--yes"]);
    desk.write("w.yaml", &workflow("com.example.greet"));
    said(&desk, &["key", "new", "operator"]);
    said(&desk, &["policy", "set", "--kill-list-key", "operator"]);
    said(&desk, &["kill-list", "add", "list.json", "com.example.greet", "--reason", "it steals", "--key", "operator"]);
    said(&desk, &["kill-list", "take", "list.json"]);
    let killed = desk.akao(&["validate", "w.yaml"]);
    assert!(killed.code == 2 && killed.out.contains("must not run: it steals"), "{killed:?}");
    assert!(!killed.out.contains("Enable"), "{killed:?}");
}

#[test]
fn an_unsigned_folder_takes_the_place_of_a_signed_package_only_by_its_own_word() {
    let desk = desk();
    for file in ["LICENSE", "README.md"] {
        desk.write(&format!("src/greet/{file}"), "Greets.\n");
    }
    said(&desk, &["key", "new", "me"]);
    said(&desk, &["node", "pack", "src/greet", "-o", "greet.akao"]);
    said(&desk, &["node", "sign", "greet.akao", "--key", "me"]);
    said(&desk, &["install", "./greet.akao", "--key", "me", "--yes"]);
    desk.write("src/greet/README.md", "Greets otherwise.\n");
    let looked = said(&desk, &["install", "./src/greet", "--dry-run"]);
    assert!(looked.err.contains("agree: it is the same version, 1.0.0, with other content"), "{looked:?}");
    let refused = desk.akao(&["install", "./src/greet", "--yes"]);
    assert!(refused.code == 1 && refused.err.contains("--replace-signed"), "{refused:?}");
    said(&desk, &["install", "./src/greet", "--yes", "--replace-signed"]);
}

#[test]
fn what_others_say_looks_like_nothing_of_the_program() {
    let desk = desk();
    let forged = "Greets\n2026-01-01  com.example.real 1.0.0  \u{202e}safe";
    let manifest =
        MANIFEST.replace("name: Greet\n", &format!("name: Greet\ndescription: {}\n", serde_json::json!(forged)));
    desk.node("src/greet", &manifest, CODE);
    said(&desk, &["install", "./src/greet", "--yes"]);
    said(&desk, &["disable", "com.example.greet", "--reason", "bad\n2026-01-01  com.example.forged  ok"]);
    for arguments in [&["audit"][..], &["list-nodes"], &["search", "greet"]] {
        let shown = said(&desk, arguments);
        assert!(!shown.out.lines().any(|line| line.starts_with("2026-01-01")), "{arguments:?}: {shown:?}");
    }
    for arguments in [&["audit"][..], &["list-nodes"], &["search", "greet"], &["node-info", "com.example.greet"]] {
        let shown = said(&desk, arguments);
        assert!(!shown.out.contains(['\u{202e}', '\u{1b}']), "{arguments:?}: {shown:?}");
    }
}

#[test]
fn an_update_that_asks_for_more_stops_and_what_was_granted_counts_for_that_package_alone() {
    let desk = desk();
    said(&desk, &["install", "./src/greet", "--yes"]);
    let code = "from akao import node, serve\nimport socket\n\n@node('com.example.greet')\ndef greet(context, name: str):\n    \
                try:\n        socket.getaddrinfo('api.example.com', 443)\n        return {'text': 'found'}\n    except OSError:\n        \
                return {'text': 'none'}\n\nif __name__ == '__main__':\n    serve(greet, version='1.1.0')\n";
    let wider = MANIFEST.replace("version: 1.0.0", "version: 1.1.0")
        + "permissions:\n  - network.http: { hosts: [\"api.example.com:443\"] }\n";
    desk.node("src/greet", &wider, code);
    let stopped = desk.akao(&["update", "com.example.greet"]);
    assert!(stopped.code == 2 && stopped.err.contains("network.http=api.example.com:443"), "{stopped:?}");
    assert_eq!(
        said(&desk, &["list-nodes", "--json"]).json()["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .find(|node| node["type"] == "com.example.greet")
            .expect("it is listed")["version"],
        "1.0.0"
    );

    said(&desk, &["update", "com.example.greet", "--yes", "--no-grants"]);
    said(&desk, &["update", "--all", "--yes"]);
    desk.write("w.yaml", &workflow("com.example.greet"));
    let refused = desk.akao(&["run", "w.yaml", "--json"]).json();
    assert_eq!(refused["error"]["kind"], "permission", "nothing was granted: {refused}");
    said(&desk, &["uninstall", "com.example.greet", "--yes"]);
    said(&desk, &["install", "./src/greet", "--yes"]);
    assert_eq!(text_of(&desk, "w.yaml"), "found", "a granted name is answered with an address of the sandbox");

    // Another package that asks for the same has nothing of it.
    let other = wider.replace("com.example.greet", "com.example.other");
    desk.node("nodes/other", &other, &code.replace("com.example.greet", "com.example.other"));
    desk.write("other.yaml", &workflow("./nodes/other"));
    let refused = desk.akao(&["run", "other.yaml", "--json"]).json();
    assert_eq!(refused["error"]["kind"], "permission", "{refused}");
}

#[test]
fn what_is_damaged_is_named_and_not_run() {
    let desk = desk();
    said(&desk, &["install", "./src/greet", "--yes"]);
    desk.write("w.yaml", &workflow("com.example.greet"));
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada");
    let contents = || {
        let stored = fs::read_dir(desk.path("data/nodes/packages/sha256")).expect("the store");
        let paths = stored.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.join("main.py").exists()).collect::<Vec<_>>()
    };
    let file = contents()[0].join("main.py");
    // It would work, and say something else.
    let code = fs::read_to_string(&file).expect("its code").replace("Hello", "Evil");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("changed");
    fs::write(&file, code).expect("edited");
    let verified = desk.akao(&["verify"]);
    assert!(verified.code == 1 && verified.out.contains("main.py: its bytes are others"), "{verified:?}");
    let again = "Install the same version again";
    assert!(verified.err.contains(again) && !verified.err.contains("--force"), "{verified:?}");
    desk.write("data/nodes/external/com.example.broken.json", "no record");
    let verified = desk.akao(&["verify"]);
    assert!(verified.err.contains(again), "what a record lacks is no advice for others: {verified:?}");
    assert!(
        verified.err.contains("whose record cannot be used is not run. Uninstall it with `--force`"),
        "{verified:?}"
    );
    fs::remove_file(desk.path("data/nodes/external/com.example.broken.json")).expect("it is taken away");
    for command in ["run", "validate"] {
        let refused = desk.akao(&[command, "w.yaml"]);
        let told = format!("{}{}", refused.out, refused.err);
        assert!(refused.code == 2 && told.contains("com.example.greet 1.0.0 is damaged in the store"), "{refused:?}");
        assert!(told.contains("install it again"), "{told}");
    }
    assert_eq!(contents().len(), 1, "what was put there has not become a package");
    said(&desk, &["install", "./src/greet", "--yes"]);
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada");
}

#[test]
fn a_commit_of_a_git_repository_is_installed_and_a_lock_brings_the_same_elsewhere() {
    let desk = desk();
    let repository = desk.path("src/greet");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.com"]).args(arguments).current_dir(&repository);
        assert!(command.output().expect("git runs").status.success(), "{arguments:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["tag", "v1"]);
    release(&desk, "1.1.0", "Hi");
    git(&["commit", "-q", "-a", "-m", "two"]);
    let source = format!("git+file://{}#v1", repository.display());
    let installed = said(&desk, &["install", &source, "--yes", "--json"]).json();
    assert_eq!(installed["packages"][0]["version"], "1.0.0", "{installed}");
    desk.write("w.yaml", &workflow("com.example.greet"));
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada");
    said(&desk, &["lock", "w.yaml"]);
    let lock = fs::read_to_string(desk.path("akao.lock")).expect("a lock");
    assert!(lock.contains("com.example.greet") && lock.contains("sha256:"), "{lock}");

    desk.write("akao.lock", &lock.replacen("sha256:", "sha256:0", 1));
    let damaged = desk.akao(&["run", "w.yaml"]);
    assert!(damaged.code == 2 && damaged.err.contains("akao.lock is damaged"), "{damaged:?}");
    let key = format!("publisher = \"sha256:{}\"\n\n[package.source]", "0".repeat(64));
    desk.write("akao.lock", &lock.replacen("\n[package.source]", &key, 1));
    let signed = desk.akao(&["run", "w.yaml"]);
    assert!(signed.code == 2 && signed.err.contains("is installed as signed by nobody"), "{signed:?}");
    desk.write("akao.lock", &lock);

    // Elsewhere nothing is installed, and the branch has gone on.
    let fresh = ["--data-dir", "elsewhere"];
    said(&desk, &[&["install", "--locked", "--yes"], &fresh[..]].concat());
    let run = said(&desk, &[&["run", "w.yaml", "--json"], &fresh[..]].concat()).json();
    assert_eq!(run["outputs"]["text"], "Hello Ada");
    let changed = lock.replacen("version = \"1.0.0\"", "version = \"1.0.1\"", 1);
    assert_ne!(changed, lock);
    desk.write("akao.lock", &changed);
    let refused = desk.akao(&["install", "--locked", "--yes", "--data-dir", "third"]);
    assert!(
        refused.code != 0 && !Path::new(&desk.path("third/nodes/external/com.example.greet.json")).exists(),
        "{refused:?}"
    );
}

#[test]
fn what_is_no_source_is_told_with_a_cure() {
    let desk = desk();
    for (source, told) in [
        ("greet", "./greet"),
        ("https://example.com/x.git", "git+https://example.com/x.git"),
        ("./nothing", "nothing"),
        ("com.example.none@^1", "Add a repository for it"),
    ] {
        let refused = desk.akao(&["install", source, "--yes"]);
        assert!(refused.code != 0 && refused.err.contains(told), "{source}: {refused:?}");
    }
}

#[test]
fn a_package_is_found_and_installed_from_a_repository_and_a_yanked_version_is_left_out() {
    let desk = desk();
    let publish = |version: &str, hello: &str| {
        release(&desk, version, hello);
        let manifest = fs::read_to_string(desk.path("src/greet/_.yaml")).expect("a manifest");
        desk.write("src/greet/_.yaml", &format!("description: Greets people by their name.\n{manifest}"));
        desk.write("src/greet/LICENSE", "Do what you like.\n");
        desk.write("src/greet/README.md", "# Greet\n");
        said(&desk, &["node", "pack", "src/greet", "-o", "greet.akao"]);
        said(&desk, &["node", "sign", "greet.akao"]);
        said(&desk, &["node", "publish", "greet.akao", "--repo", "packages"]);
    };
    said(&desk, &["key", "new", "me"]);
    let root = said(&desk, &["repo", "init", "packages", "--json"]).json();
    let fingerprint = root["fingerprint"].as_str().expect("a fingerprint").to_owned();
    publish("1.0.0", "Hello");
    publish("1.1.0", "Hi");

    let add = ["repo", "add", "own", "packages", "--prefix", "com.example"];
    let unseen = desk.akao(&add);
    assert!(unseen.code == 2 && unseen.err.contains(&fingerprint), "{unseen:?}");
    let other = format!("sha256:{}", "0".repeat(64));
    let wrong = desk.akao(&[&add[..], &["--fingerprint", &other]].concat());
    assert!(wrong.code == 1 && wrong.err.contains("has the fingerprint"), "{wrong:?}");
    said(&desk, &[&add[..], &["--fingerprint", &fingerprint, "--vouches"]].concat());
    let listed = said(&desk, &["repo", "list"]).out;
    assert!(
        listed.contains("1 package") && listed.contains("never"),
        "nothing was held against its list yet: {listed}"
    );

    let found = said(&desk, &["search", "gret", "--json"]).json();
    assert_eq!(found["packages"][0]["id"], "com.example.greet", "a slip is corrected: {found}");
    assert_eq!(desk.akao(&["search", "nothing-like-this"]).code, 1);
    said(&desk, &["install", "com.example.greet@~1.0", "--yes"]);
    let listed = said(&desk, &["repo", "list", "--json"]).json();
    let kill_list = &listed["repositories"][0]["kill_list"];
    assert!(kill_list["looked_at"].is_string() && kill_list["missing"].is_null(), "{listed:#}");
    desk.write("w.yaml", &workflow("com.example.greet"));
    assert_eq!(text_of(&desk, "w.yaml"), "Hello Ada");
    said(&desk, &["node", "yank", "com.example.greet@1.1.0", "--repo", "packages", "--reason", "it is rude"]);
    let kept = said(&desk, &["update", "--all", "--yes"]);
    assert!(kept.err.contains("not 1.1.0: it is yanked: it is rude"), "{kept:?}");
    publish("1.2.0", "Good day,");
    said(&desk, &["update", "--all", "--yes"]);
    assert_eq!(text_of(&desk, "w.yaml"), "Good day, Ada");
    said(&desk, &["repo", "kill", "packages", "com.example.greet@=1.2.0", "--reason", "it tells names to others"]);
    let killed = said(&desk, &["update", "--all", "--yes"]);
    assert!(killed.err.contains("must not run: it tells names to others"), "{killed:?}");
    assert_eq!(desk.akao(&["run", "w.yaml"]).code, 2, "what a kill list names is not run");
    said(&desk, &["repo", "lift", "packages", "com.example.greet"]);
    said(&desk, &["update", "--all", "--yes"]);
    said(&desk, &["enable", "com.example.greet"]);
    said(&desk, &["repo", "remove", "own"]);
    assert_eq!(text_of(&desk, "w.yaml"), "Good day, Ada", "what is installed stays");
}

#[test]
fn the_nodes_of_a_package_are_shown_with_who_published_it_and_what_it_may_do() {
    let desk = desk();
    let several = "manifest: 1\nid: com.example.pair\nname: Pair\nversion: 1.0.0\nruntime: { type: python, command: ./main.py }\n\
                   permissions: [ { network.http: { hosts: [ \"api.example.com:443\" ] } } ]\n\
                   nodes:\n  - { id: com.example.pair.one, name: One }\n  - { id: com.example.pair.two, name: Two }\n";
    desk.node("src/pair", several, CODE);
    let planned = said(&desk, &["install", "./src/pair", "--dry-run"]);
    assert!(planned.err.contains("publisher   com.example: no signature says that it is them"), "{planned:?}");
    said(&desk, &["install", "./src/pair", "--yes"]);
    let package = said(&desk, &["node-info", "com.example.pair"]);
    for told in ["com.example.pair.one", "com.example.pair.two", "nobody has signed it", "src/pair", "installed; ok"] {
        assert!(package.out.contains(told), "{told}: {package:?}");
    }
    assert!(package.out.contains("granted    network.http=api.example.com:443"), "{package:?}");
    assert!(package.out.lines().any(|line| line.starts_with("limits ") && line.contains("memory")), "{package:?}");
    let one = said(&desk, &["node-info", "com.example.pair.two", "--json"]).json();
    assert_eq!((&one["name"], &one["package"]["id"]), (&"com.example.pair.two".into(), &"com.example.pair".into()));
    assert_eq!(one["package"]["grants"][0], "network.http=api.example.com:443");
    let folder = said(&desk, &["node-info", "./src/pair"]);
    assert!(folder.out.contains("com.example.pair.one") && folder.out.contains("com.example.pair.two"), "{folder:?}");
    let listed = said(&desk, &["list-nodes"]);
    assert!(
        listed.out.lines().any(|line| line.contains("com.example.pair.one") && line.contains("src/pair")),
        "{listed:?}"
    );
}
