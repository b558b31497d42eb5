//! Stories of the command line: what is typed and everything that comes back.

#[path = "support/story.rs"]
mod support;

use std::fs;
use support::{Story, WAITS};

#[test]
fn a_workflow_runs_and_prints_its_outputs() {
    let story = Story::new();
    let said = story.akao(&["run", "hello.yaml", "--set", "who=Ada"]);
    assert_eq!((said.code, said.out.as_str()), (0, "{\n  \"text\": \"hello Ada\"\n}\n"), "{}", said.err);
    assert!(said.err.contains("✓ /0 greet LogMessage"), "{}", said.err);
    assert!(said.err.contains("success in "), "{}", said.err);
}

#[test]
fn with_json_there_is_one_document() {
    let story = Story::new();
    let (code, document) = story.json(&["run", "hello.yaml", "--json"]);
    assert_eq!(code, 0);
    assert_eq!(document["status"], "success");
    assert_eq!(document["outputs"], serde_json::json!({"text": "hello world"}));
    assert_eq!(document["error"], serde_json::Value::Null);
    let steps = document["steps"].as_array().expect("steps");
    let ids: Vec<&str> = steps.iter().filter_map(|step| step["address"].as_str()).collect();
    assert_eq!(ids, ["/", "/0", "/1"]);
    assert_eq!(steps[1]["type"], "LogMessage");

    let id = document["execution"].as_str().expect("an id");
    let (code, replayed) = story.json(&["executions", "replay", id, "--json"]);
    assert_eq!((code, &replayed["equal"]), (0, &serde_json::json!(true)));
    let (_, listed) = story.json(&["executions", "list", "--json"]);
    assert_eq!(listed["executions"][0]["execution"], id);
}

#[test]
fn ends_and_mistakes_have_their_codes() {
    let story = Story::new();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["run", "hello.yaml", "--json"], 0, "success"),
        (&["run", "fails.yaml", "--json"], 1, "failure"),
        (&["run", "nowhere.yaml", "--json"], 2, "cannot read nowhere.yaml"),
        (&["run", "hello.yaml", "--json", "--set", "no=1"], 2, "the input does not fit the workflow"),
        (&["run", "hello.yaml", "--json", "--grant", "fly"], 2, "there is no permission"),
        (&["run", "hello.yaml", "--json", "--wrong"], 2, "unexpected argument"),
        (&["executions", "show", "01ZZZZ", "--json"], 1, "there is no execution"),
    ];
    for (arguments, code, expected) in cases {
        let said = story.akao(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {} {}", said.out, said.err);
        assert!(said.out.contains(expected), "{arguments:?}: {}", said.out);
        assert_eq!(said.out.lines().count(), 1, "{arguments:?}: {}", said.out);
    }
}

#[test]
fn a_detached_execution_goes_on_in_the_background() {
    let story = Story::new();
    let (code, started) = story.json(&["run", "waits.yaml", "--detach", "--json"]);
    assert_eq!(code, 0, "{started}");
    let id = started["execution"].as_str().expect("an id").to_owned();
    story.wait_for(&id, "waiting");
    let sent = story.akao(&["executions", "signal", &id, "go", "--payload", "{\"n\":1}"]);
    assert_eq!((sent.code, sent.out.as_str()), (0, ""), "{}", sent.err);
    story.wait_for(&id, "success");
    let (code, shown) = story.json(&["executions", "show", &id, "--json"]);
    assert_eq!((code, &shown["outputs"]), (0, &serde_json::json!({"got": {"n": 1}})));
}

#[test]
fn who_waits_in_the_queue_is_told_that_it_was_cancelled() {
    let story = Story::new();
    let alone = format!("{WAITS}settings: {{ concurrency: {{ limit: 1 }} }}\n");
    fs::write(story.path().join("alone.yaml"), alone).expect("a file");
    let (_, first) = story.json(&["run", "alone.yaml", "--detach", "--json"]);
    let first = first["execution"].as_str().expect("an id").to_owned();
    let (_, second) = story.json(&["run", "alone.yaml", "--detach", "--json", "--idempotency-key", "second"]);
    assert_eq!((&second["status"], &second["position"]), (&"queued".into(), &1.into()));
    let second = second["execution"].as_str().expect("an id").to_owned();
    // The same key: this one waits for the end of the execution that is queued.
    let ended = std::thread::scope(|scope| {
        let follower = scope.spawn(|| story.json(&["run", "alone.yaml", "--json", "--idempotency-key", "second"]));
        assert_eq!(story.akao(&["executions", "cancel", &second]).code, 0);
        follower.join().expect("it ends")
    });
    assert_eq!((ended.0, &ended.1["status"], &ended.1["execution"]), (3, &"cancelled".into(), &second.into()));
    assert_eq!(story.akao(&["executions", "signal", &first, "go"]).code, 0);
    story.wait_for(&first, "success");
}

#[test]
fn an_export_is_replayed_and_taken_in_elsewhere() {
    let (here, there) = (Story::new(), Story::new());
    let (_, document) = here.json(&["run", "hello.yaml", "--json"]);
    let id = document["execution"].as_str().expect("an id");
    let file = there.path().join("run.akao");
    let said = here.akao(&["executions", "export", id, "-o", &file.display().to_string()]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(there.akao(&["executions", "replay", "run.akao"]).code, 0);
    let (code, taken) = there.json(&["executions", "import", "run.akao", "--json"]);
    assert_eq!((code, taken["execution"].as_str()), (0, Some(id)), "{taken}");
}

#[test]
fn a_debugger_stops_looks_changes_and_goes_on() {
    let story = Story::new();
    let typed = "bt\np input.who\nset input.who \"Eve\"\nc\n";
    let said = story.akao_with(&["run", "hello.yaml", "--debug", "--break", "greet", "--set", "who=Ada"], typed);
    assert_eq!((said.code, said.out.as_str()), (0, "{\n  \"text\": \"hello Eve\"\n}\n"), "{}", said.err);
    assert!(said.err.contains("/0 greet (breakpoint)"), "{}", said.err);
    assert!(said.err.contains("\"Ada\""), "{}", said.err);
}

#[test]
fn the_data_directory_is_examined() {
    let story = Story::new();
    story.akao(&["run", "hello.yaml"]);
    let (code, report) = story.json(&["doctor", "--json"]);
    assert_eq!((code, &report["sound"], &report["executions"]["success"]), (0, &true.into(), &1.into()));
}
