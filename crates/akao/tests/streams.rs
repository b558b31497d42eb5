//! What goes where: one document with `--json` whatever happens, colours only where they are wanted, and a reader that
//! goes away.

#[path = "support/story.rs"]
mod support;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};
use support::Story;

/// What is typed, where `ID` stands for an execution that has succeeded, and the exit code.
const CASES: &[(&str, i32)] = &[
    ("run wrong.yaml", 2),
    ("run none.yaml", 2),
    ("run hello.yaml --grant fly", 2),
    ("run hello.yaml --secret x", 2),
    ("run hello.yaml --volume x", 2),
    ("run hello.yaml --input {", 2),
    ("run hello.yaml --events jsonl", 2),
    ("new fresh", 0),
    ("new hello", 2),
    ("dev hello.yaml", 2),
    ("validate hello.yaml wrong.yaml", 2),
    ("validate none.yaml", 2),
    ("schema", 0),
    ("schema --node Sequence", 0),
    ("schema --node Sequense", 2),
    ("fmt --check crooked.yaml", 1),
    ("fmt crooked.yaml", 0),
    ("fmt none.yaml", 2),
    ("diff hello.yaml fails.yaml", 1),
    ("diff hello.yaml wrong.yaml", 2),
    ("graph hello.yaml", 0),
    ("graph hello.yaml --format mermaid", 0),
    ("graph hello.yaml -o g.svg", 0),
    ("graph wrong.yaml", 2),
    ("import p.xml", 0),
    ("import none.xml", 2),
    ("executions list", 0),
    ("executions queue", 0),
    ("executions show ID", 0),
    ("executions show ID --step greet", 0),
    ("executions show", 2),
    ("executions logs ID", 0),
    ("executions logs ID --level loud", 2),
    ("executions events ID", 0),
    ("executions values ID", 0),
    ("executions break ID greet", 1),
    ("executions step ID", 1),
    ("executions set ID bb.x=1", 1),
    ("executions debug ID", 1),
    ("executions signal ID go", 1),
    ("executions cancel ID", 1),
    ("executions pause ID", 1),
    ("executions resume ID", 1),
    ("executions replay ID", 0),
    ("executions replay nothing", 1),
    ("executions export ID -o x.akao", 0),
    ("executions export ID", 2),
    ("executions import x.akao", 1),
    ("executions import hello.yaml", 2),
    ("executions fork ID --at greet", 0),
    ("executions prune", 0),
    ("executions", 2),
    ("tasks list", 0),
    ("tasks show x", 2),
    ("tasks complete ID:9", 1),
    ("list-nodes", 0),
    ("list-nodes --category none", 2),
    ("node-info Sequence", 0),
    ("node-info Sequense", 2),
    ("doctor", 0),
    ("completions bash", 2),
    ("completions tcsh", 2),
    ("fly", 2),
];

#[test]
fn every_command_answers_with_one_document() {
    let story = Story::new();
    story.write("crooked.yaml", "id: good\nakao: 1\nversion: 1.0.0\nroot: {type: SuccessNode}\n");
    story.write("wrong.yaml", "akao: 1\nid: bad\nversion: 1.0.0\nroot: { type: Sequense }\n");
    story.write(
        "p.xml",
        "<root BTCPP_format=\"4\"><BehaviorTree ID=\"Main\"><Sleep msec=\"20\"/></BehaviorTree></root>",
    );
    let (_, run) = story.json(&["run", "hello.yaml", "--json"]);
    let id = run["execution"].as_str().expect("an id");
    for (line, code) in CASES {
        let line = line.replace("ID", id);
        let arguments: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let said = story.akao(&arguments);
        assert_eq!(said.code, *code, "akao {line}: {} {}", said.out, said.err);
        assert_eq!(said.out.lines().count(), 1, "akao {line}: {} {}", said.out, said.err);
        let document: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        assert!(document.is_object(), "akao {line}: {}", said.out);
        // A verdict such as that of `diff` or `validate` is an answer; everything else that ends badly is an error.
        let verdict = ["validate", "diff", "fmt"].iter().any(|command| line.starts_with(command));
        if *code != 0 && !verdict {
            let message = document["error"]["message"].as_str().unwrap_or_default();
            assert!(!message.is_empty() && !message.contains('\n'), "akao {line}: {}", said.out);
            assert!(!document["error"]["kind"].as_str().unwrap_or_default().is_empty(), "akao {line}: {}", said.out);
        }
    }
}

#[test]
fn colours_are_for_terminals_and_can_be_switched_off() {
    let story = Story::new();
    let colored = |arguments: &[&str]| {
        let said = story.akao(arguments);
        (said.out.contains('\u{1b}'), said.err.contains('\u{1b}'))
    };
    assert_eq!(colored(&["run", "fails.yaml"]), (false, false), "neither stream is a terminal");
    assert_eq!(colored(&["run", "fails.yaml", "--color", "never"]), (false, false));
    assert_eq!(colored(&["run", "fails.yaml", "--color", "always"]), (false, true));
    assert_eq!(colored(&["graph", "hello.yaml"]), (false, false));
    assert_eq!(colored(&["graph", "hello.yaml", "--color", "always"]), (true, false));
    assert_eq!(colored(&["--help"]), (false, false));
}

#[test]
fn quiet_leaves_the_result_and_the_errors() {
    let story = Story::new();
    let said = story.akao(&["run", "hello.yaml", "--quiet"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("{\n  \"text\": \"hello world\"\n}\n", ""));
    let said = story.akao(&["run", "fails.yaml", "-q"]);
    assert!(said.code == 1 && said.err.starts_with("error: "), "{}", said.err);
    let said = story.akao(&["executions", "list", "-q", "--status", "queued"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""));
}

#[test]
fn a_reader_that_goes_away_is_no_mistake() {
    let story = Story::new();
    let (_, run) = story.json(&["run", "hello.yaml", "--json"]);
    let id = run["execution"].as_str().expect("an id");
    let lines = [
        "--help".to_owned(),
        "list-nodes".to_owned(),
        "node-info Sequence".to_owned(),
        "schema".to_owned(),
        "completions bash".to_owned(),
        "graph hello.yaml".to_owned(),
        format!("executions events {id}"),
        format!("executions show {id}"),
        format!("executions export {id}"),
        "run hello.yaml --events jsonl".to_owned(),
        "validate hello.yaml".to_owned(),
    ];
    for line in lines {
        let mut child = Command::new(env!("CARGO_BIN_EXE_akao"))
            .args(line.split(' '))
            .current_dir(story.path())
            .env("AKAO_DATA_DIR", story.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut first = String::new();
        BufReader::with_capacity(1, child.stdout.take().expect("its output")).read_line(&mut first).expect("a line");
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "akao {line}: {err}");
        assert!(!err.contains("error") && !err.contains("panicked"), "akao {line}: {err}");
    }
}
