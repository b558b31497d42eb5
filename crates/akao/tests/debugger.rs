//! Breakpoints, steps and values: at the prompt of `akao run --debug`, and from another terminal.

#[path = "support/story.rs"]
mod support;

use serde_json::{Value, json};
use support::{Story, wait};

const COUNTS: &str = r#"akao: 1
id: counts
version: 1.0.0
outputs: { count: "${count}" }
root:
  type: Sequence
  children:
    - { type: SetVariable, id: first, props: { key: count, value: 1 } }
    - { type: WaitForSignal, id: gate, props: { signalName: go } }
    - { type: LogMessage, id: second, props: { message: "count is ${count}" } }
    - { type: SuccessNode, id: third }
"#;

/// A story with an execution in the background that waits at its gate.
fn counting() -> (Story, String) {
    let story = Story::new();
    story.write("counts.yaml", COUNTS);
    let id = story.detach(&["counts.yaml"]);
    story.wait_for(&id, "waiting");
    (story, id)
}

/// Waits until this step is held; what `executions values` says then.
fn held_at(story: &Story, id: &str, step: &str) -> Value {
    let mut last = Value::Null;
    wait(&format!("{step} to be held"), || {
        last = story.json(&["executions", "values", id, "--json"]).1;
        last["held"][0]["step"] == step
    });
    last
}

#[test]
fn a_breakpoint_on_nothing_is_refused_before_the_start() {
    let story = Story::new();
    for (place, message, suggestion) in [
        ("gret", "there is no node `gret` in this workflow", "Did you mean `greet`?"),
        ("zzz", "there is no node `zzz` in this workflow", "The nodes are `greet` and `fine`."),
        ("/7", "there is no step /7 in this workflow", "The Sequence at / has the children 0 to 1."),
        ("greet:1 +", "the condition `1 +` cannot be read", ""),
    ] {
        let (code, told) = story.json(&["run", "hello.yaml", "--json", "--break", place]);
        let error = &told["error"];
        assert_eq!((code, &error["kind"]), (2, &json!("usage")), "{told}");
        assert!(error["message"].as_str().is_some_and(|text| text.starts_with(message)), "{told}");
        assert_eq!(error["suggestion"].as_str().unwrap_or_default(), suggestion, "{told}");
    }
    let said = story.akao(&["run", "hello.yaml", "--break", "gret"]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (2, "error: there is no node `gret` in this workflow\n\nhint: Did you mean `greet`?\n")
    );
    assert_eq!(story.json(&["executions", "list", "--json"]).1["executions"], json!([]), "nothing was started");
}

#[test]
fn it_is_steered_from_another_terminal() {
    let (story, id) = counting();
    let (code, told) = story.json(&["executions", "break", &id, "secnd", "--json"]);
    assert_eq!((code, &told["error"]["suggestion"]), (2, &json!("Did you mean `second`?")), "{told}");
    let (code, told) = story.json(&["executions", "break", &id, "second", "--clear", "--json"]);
    assert_eq!((code, &told["error"]["message"]), (2, &json!("there is no breakpoint at `second`")), "{told}");
    assert_eq!(told["error"]["suggestion"], "No breakpoint is set.", "{told}");
    let said = story.akao(&["executions", "break", &id, "second"]);
    assert_eq!((said.code, said.err.as_str()), (0, "Stops at second.\n"));
    let said = story.akao(&["executions", "break", &id, "third", "--clear"]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (2, "error: there is no breakpoint at `third`\n\nhint: Breakpoints are set at second.\n")
    );
    assert_eq!(story.akao(&["executions", "signal", &id, "go"]).code, 0);
    let values = held_at(&story, &id, "/2");
    assert_eq!((&values["status"], &values["values"]["bb"]["count"]), (&json!("paused"), &json!(1)), "{values}");
    let shown = story.akao(&["executions", "show", &id]);
    assert!(shown.out.contains("held by a breakpoint at /2 (second)"), "{}", shown.out);
    assert!(shown.out.contains("second LogMessage  held: breakpoint"), "{}", shown.out);

    assert_eq!(story.akao(&["executions", "set", &id, "bb.count=5"]).code, 0);
    assert_eq!(story.akao(&["executions", "step", &id]).code, 0);
    let values = held_at(&story, &id, "/3");
    assert_eq!(values["values"]["bb"]["count"], 5, "{values}");
    let (_, logs) = story.json(&["executions", "logs", &id, "--json"]);
    assert_eq!(logs["logs"][0]["message"], "count is 5", "{logs}");
    assert_eq!(story.akao(&["executions", "step", &id, "continue"]).code, 0);
    story.wait_for(&id, "success");
    // What is over has values still, and nothing that could be changed.
    let (code, values) = story.json(&["executions", "values", &id, "--json"]);
    assert_eq!((code, &values["held"], &values["values"]["bb"]["count"]), (0, &json!([]), &json!(5)), "{values}");
    let (code, told) = story.json(&["executions", "set", &id, "bb.count=6", "--json"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("conflict")), "{told}");
}

#[test]
fn a_debugger_comes_back_to_what_is_held_and_not_to_what_was() {
    let (story, id) = counting();
    for step in ["second", "third"] {
        assert_eq!(story.akao(&["executions", "break", &id, step]).code, 0);
    }
    assert_eq!(story.akao(&["executions", "signal", &id, "go"]).code, 0);
    held_at(&story, &id, "/2");
    assert_eq!(story.akao(&["executions", "step", &id, "continue"]).code, 0);
    held_at(&story, &id, "/3");
    let said = story.akao_with(&["executions", "debug", &id], "bt\nset\nb nowhere\nc\n");
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.out, "{\n  \"count\": 1\n}\n", "{}", said.err);
    assert!(said.err.contains("(akao) /3 third (breakpoint)\n"), "{}", said.err);
    assert!(said.err.contains("error: there is no node `nowhere` in this workflow\n"), "{}", said.err);
    assert_eq!(said.err.matches("(akao) ").count(), 4, "asked once for each line: {}", said.err);
}

#[test]
fn a_prompt_does_not_keep_what_goes_on_elsewhere() {
    let (story, id) = counting();
    assert_eq!(story.akao(&["executions", "break", &id, "second"]).code, 0);
    let mut terminal = story.begin(&["executions", "debug", &id]);
    terminal.hears("waits for signal go");
    assert_eq!(story.akao(&["executions", "signal", &id, "go"]).code, 0);
    terminal.hears("second is held: breakpoint");
    // Nothing is typed: somebody else lets it go on.
    assert_eq!(story.akao(&["executions", "step", &id, "continue"]).code, 0);
    let said = terminal.end();
    assert_eq!((said.code, said.out.as_str()), (0, "{\n  \"count\": 1\n}\n"), "{}", said.err);
}

#[test]
fn who_leaves_is_told_how_to_come_back() {
    let story = Story::new();
    let said = story.akao_with(&["run", "hello.yaml", "--debug", "--break", "greet"], "q\n");
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    let line = said.err.lines().find(|line| line.contains("Come back with")).expect("a word");
    let id = line.split(['`', ' ']).find(|word| word.len() == 26).expect("an id");
    story.wait_for(id, "paused");
    let said = story.akao_with(&["executions", "debug", id], "c\n");
    assert_eq!((said.code, said.out.as_str()), (0, "{\n  \"text\": \"hello world\"\n}\n"), "{}", said.err);
}
