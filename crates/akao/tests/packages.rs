//! Packages as stories: installed from folders, archives and git, used by workflows, updated, taken back, and taken away.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, Said, users};
use std::{fs, path::Path, process::Command};

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
    let expected =
        ["installed", "activated", "installed", "activated", "activated", "disabled", "enabled", "uninstalled"];
    assert_eq!(acts, expected);
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
    let stored = fs::read_dir(desk.path("data/nodes/packages/sha256")).expect("the store");
    let folder = stored
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.join("main.py").exists())
        .expect("the package");
    let file = folder.join("main.py");
    let mut permissions = fs::metadata(&file).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(&file, permissions).expect("changed");
    fs::write(&file, "print('not the package')\n").expect("edited");
    let verified = desk.akao(&["verify"]);
    assert!(verified.code == 1 && verified.out.contains("main.py: its bytes are others"), "{verified:?}");
    let run = desk.akao(&["run", "w.yaml"]);
    assert_ne!(run.code, 0, "{run:?}");
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
    assert!(said(&desk, &["repo", "list"]).out.contains("1 package"));

    let found = said(&desk, &["search", "gret", "--json"]).json();
    assert_eq!(found["packages"][0]["id"], "com.example.greet", "a slip is corrected: {found}");
    assert_eq!(desk.akao(&["search", "nothing-like-this"]).code, 1);
    said(&desk, &["install", "com.example.greet@~1.0", "--yes"]);
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
