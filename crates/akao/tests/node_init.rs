//! `akao node init` as a story: in every language, the folder that it makes is a node that runs, is tested and is a step.

#[path = "support/desk.rs"]
mod desk;

use desk::{Desk, users};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

/// A workflow with the new node in it.
const WORKFLOW: &str = "akao: 1\nid: try\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    \
                        - { type: ./my-node, id: work, props: { name: Ada, times: 2 } }\n\
                        outputs: { text: \"${steps.work.outputs.text}\" }\n";

/// Runs the node's own `build.sh`, by who runs the tests: others have no toolchain at hand.
fn build(desk: &Desk, name: &str) {
    let folder = desk.path(name);
    let mut script = Command::new(folder.join("build.sh"));
    // What is made on the way is kept between runs. Go's registry and other toolchains are not asked.
    script.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/nodes"));
    script.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    let output = script.output().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "build.sh in {name} needs what `cargo xtask setup` installs: {told}");
}

/// The node of a language from `init` to a step of a workflow.
fn story(user: u32, language: &str, is_built: bool) {
    let desk = Desk::new(user);
    let init = desk.akao(&["node", "init", "My Node", "--lang", language]);
    assert!(init.code == 0 && init.err.contains("Wrote my-node: the node com.example.my-node"), "{init:?}");
    let readme = fs::read_to_string(desk.path("my-node/README.md")).expect("a README");
    assert!(readme.starts_with("# My node\n") && readme.contains("akao node test"), "{readme}");
    if is_built {
        let early = desk.akao(&["node", "run", "my-node", "--set", "name=Ada"]);
        assert!(early.code == 2 && early.err.contains("run `./build.sh` in the folder"), "{early:?}");
        build(&desk, "my-node");
    }
    let checked = desk.akao(&["node", "validate", "my-node"]);
    assert!(checked.code == 0 && checked.out.contains("✓ it ends on `node.shutdown`"), "{language}: {checked:?}");
    assert!(!checked.err.contains("warning"), "{language}: {checked:?}");
    let tested = desk.akao(&["node", "test", "my-node", "--json"]).json();
    assert_eq!((&tested["passed"], &tested["failed"]), (&json!(3), &json!(0)), "{language}: {tested}");
    let run = desk.akao(&["node", "run", "my-node", "--set", "name=Ada", "--json"]);
    assert_eq!(run.json()["outputs"], json!({"text": "Hello Ada"}), "{language}: {run:?}");
    desk.write("w.yaml", WORKFLOW);
    let step = desk.akao(&["run", "w.yaml", "--json"]);
    assert_eq!(step.json()["outputs"], json!({"text": "Hello Ada, Hello Ada"}), "{language}: {step:?}");
}

#[test]
fn a_new_node_in_python_works_at_once() {
    users().into_iter().for_each(|user| story(user, "python", false));
}

#[test]
fn a_new_node_in_javascript_works_at_once() {
    users().into_iter().for_each(|user| story(user, "javascript", false));
}

#[test]
fn a_new_node_in_typescript_works_at_once() {
    users().into_iter().for_each(|user| story(user, "typescript", false));
}

#[test]
fn a_new_node_in_the_shell_works_at_once() {
    users().into_iter().for_each(|user| story(user, "shell", false));
}

#[test]
fn a_new_node_in_go_works_once_it_is_built() {
    users().into_iter().for_each(|user| story(user, "go", true));
}

#[test]
fn a_new_node_in_rust_works_once_it_is_built() {
    // Building takes long, and who runs it changes nothing of what is built.
    story(users()[0], "rust", true);
}

/// What the SDK offers beyond a call must work inside the sandbox too, where only some programs can be called.
#[test]
fn a_node_in_the_shell_hands_over_files_and_keeps_values() {
    for user in users() {
        let desk = Desk::new(user);
        assert_eq!(desk.akao(&["node", "init", "keep", "--lang", "shell"]).code, 0);
        let main = fs::read_to_string(desk.path("keep/main.sh")).expect("the script");
        let own = "  akao_return \"$(jq -cn --arg text \"$text\" '{text: $text}')\"\n";
        let new = "  echo \"$text\" >\"$(akao_workspace)/a.txt\"\n  blob=$(akao_blob_put a.txt text/plain)\n  \
                   file=$(akao_blob_get \"$blob\" b.txt)\n  akao_state_put key \"$blob\"\n  \
                   akao_return \"$(jq -cn --arg text \"$(cat \"$file\")\" '{text: $text}')\"\n";
        assert!(main.contains(own), "{main}");
        desk.write("keep/main.sh", &main.replace(own, new));
        let run = desk.akao(&["node", "run", "keep", "--set", "name=Ada", "--json"]);
        assert_eq!(run.json()["outputs"], json!({"text": "Hello Ada"}), "{run:?}");
    }
}

#[test]
fn what_is_there_already_is_kept_and_what_is_missing_is_named() {
    let desk = Desk::new(users()[0]);
    let made = desk.akao(&["node", "init", "nodes/OrderCheck", "--lang", "shell", "--id", "org.acme.check", "--json"]);
    let report = made.json();
    assert_eq!((&report["folder"], &report["id"]), (&json!("nodes/order-check"), &json!("org.acme.check")), "{made:?}");
    let manifest = fs::read_to_string(desk.path("nodes/order-check/_.yaml")).expect("a manifest");
    assert!(manifest.contains("id: org.acme.check\nname: \"Order check\"\n"), "{manifest}");
    let listed: Vec<&str> = report["files"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for file in ["_.yaml", "README.md", "main.sh", "akao.sh", "tests/cases.yaml"] {
        assert!(listed.contains(&file) && desk.path("nodes/order-check").join(file).is_file(), "{file}: {listed:?}");
    }
    let script = fs::metadata(desk.path("nodes/order-check/main.sh")).expect("the script");
    assert_eq!(script.permissions().mode() & 0o700, 0o700, "a script can be run");
    let again = desk.akao(&["node", "init", "nodes/order-check", "--lang", "go"]);
    assert!(again.code == 2 && again.err.contains("nodes/order-check is there already"), "{again:?}");
    assert!(!desk.path("nodes/order-check/main.go").exists());
    std::os::unix::fs::symlink("main.sh", desk.path("nodes/order-check/link")).expect("a link");
    let linked = desk.akao(&["node", "validate", "nodes/order-check"]);
    assert!(linked.code == 2 && linked.err.contains("`link` is a link"), "what is in the way is named: {linked:?}");
    desk.write("file", "");
    fs::create_dir(desk.path("empty")).expect("a folder");
    desk.own(&desk.path("empty"));
    assert_eq!(desk.akao(&["node", "init", "empty", "--lang", "go"]).code, 0, "an empty folder is filled");
    for (arguments, message) in [
        (&["node", "init"][..], "the name of the node is missing"),
        (&["node", "init", "a"], "the language is missing"),
        (&["node", "init", "a", "--lang", "cobol"], "invalid value 'cobol'"),
        (&["node", "init", "1a", "--lang", "go"], "`1a` cannot be the name of a node"),
        (&["node", "init", "a", "--lang", "go", "--id", "acme"], "the id cannot be used"),
        (&["node", "init", "file", "--lang", "go"], "file is a file"),
    ] {
        let said = desk.akao(arguments);
        assert!(said.code == 2 && said.err.contains(message), "{arguments:?}: {said:?}");
    }
    assert!(!desk.path("a").exists());
}
