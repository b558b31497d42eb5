//! Custom nodes of a server, used from a command line that finds the server in its variables.

use crate::server::Server;
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

const WORKFLOW: &str = "akao: 1\nid: w\nversion: 1.0.0\ninputs: { name: { type: string, required: true } }\n\
                        outputs: { said: \"${steps.s.outputs.result}\" }\n\
                        root: { type: Thing@1.0.0, id: s, props: { name: \"${input.name}\" } }\n";

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("not one document: {output:?}"))
}

#[test]
fn a_workflow_of_a_file_runs_with_the_custom_nodes_of_the_server() {
    let server = Server::new();
    let token = server.owner().new_token(None);
    let desk = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(desk.path().join(name), text).expect("a file");
    let akao = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(arguments).arg("--json").current_dir(desk.path()).stdin(Stdio::null());
        // Both places are in the environment: the server is meant.
        command.env("AKAO_SERVER", &server.url).env("AKAO_TOKEN", &token);
        command.env("AKAO_DATA_DIR", desk.path().join("data"));
        command.env("HOME", desk.path()).env("XDG_CONFIG_HOME", desk.path().join("config"));
        command.output().expect("the program runs")
    };
    write("thing.ts", "export default ({ name }: { name: string }) => `hello ${name}`;\n");
    write("w.yaml", WORKFLOW);
    let early = akao(&["run", "w.yaml", "--set", "name=Ada"]);
    assert_eq!(early.status.code(), Some(2), "there is no such node yet: {early:?}");
    for arguments in [&["sdk", "deploy", "thing.ts"][..], &["sdk", "promote", "Thing@1.0.0"], &["validate", "w.yaml"]] {
        let done = akao(arguments);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {done:?}");
    }
    let ran = akao(&["run", "w.yaml", "--set", "name=Ada"]);
    assert_eq!((ran.status.code(), &document(&ran)["outputs"]), (Some(0), &json!({"said": "hello Ada"})), "{ran:?}");

    // What is wrong is told with its place before anything is kept.
    let nameless = akao(&["run", "w.yaml", "--set", "nobody=knows"]);
    assert_eq!(nameless.status.code(), Some(2), "{nameless:?}");
    write("bad.yaml", "akao: 1\nid: bad\nversion: 1.0.0\nroot: { type: [\n");
    let bad = akao(&["run", "bad.yaml"]);
    let message = document(&bad)["error"]["message"].to_string();
    assert!(bad.status.code() == Some(2) && message.contains("bad.yaml:"), "{bad:?}");

    // A place on the command line counts more than a variable, and two are too many.
    let here = akao(&["--data-dir", "here", "run", "w.yaml", "--set", "name=Ada"]);
    let message = document(&here)["error"]["message"].to_string();
    assert!(here.status.code() == Some(2) && message.contains("there is no custom node"), "{here:?}");
    let there = akao(&["--server", &server.url, "run", "w.yaml", "--set", "name=Ada"]);
    assert_eq!(there.status.code(), Some(0), "{there:?}");
    let both = akao(&["--server", &server.url, "--data-dir", "here", "validate", "w.yaml"]);
    assert!(document(&both)["error"]["message"].to_string().contains("cannot be used with"), "{both:?}");
}
