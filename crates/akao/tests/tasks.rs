//! `akao tasks`: what waits for people is found, looked at and answered.

#[path = "support/story.rs"]
mod support;

use serde_json::json;
use support::Story;

const FORM: &str = r#"akao: 1
id: form
version: 1.0.0
outputs: { decision: "${steps.ask.outputs.decision}" }
root:
  type: HumanTask
  id: ask
  props:
    title: How many?
    assignee: ada
    timeoutMs: 300000
    form: { type: object, required: [count], properties: { count: { type: integer } } }
"#;

#[test]
fn a_task_is_found_looked_at_and_approved() {
    let story = Story::new();
    let said = story.akao(&["tasks", "list"]);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", "Nothing waits for anybody.\n"));
    let id = story.detach(&["asks.yaml"]);
    story.wait_for(&id, "waiting");
    let said = story.akao(&["tasks", "list"]);
    assert!(said.out.starts_with("TASK") && said.out.contains("Ship it?"), "{}", said.out);
    assert!(said.err.contains("akao tasks complete TASK --approve"), "{}", said.err);
    let (_, listed) = story.json(&["tasks", "list", "--json"]);
    let task = listed["tasks"][0]["task"].as_str().expect("a name").to_owned();
    assert_eq!(listed["tasks"][0]["status"], "open", "{listed}");
    let shown = story.akao(&["tasks", "show", &task]);
    assert_eq!((shown.code, shown.out.as_str()), (0, "Ship it?\nThe build is green.\nopen, for anybody\n"));
    let (code, done) = story.json(&["tasks", "complete", &task, "--approve", "--by", "ada", "--json"]);
    assert_eq!((code, &done), (0, &json!({"task": task, "decision": "approved"})));
    story.wait_for(&id, "success");
    let (code, told) = story.json(&["tasks", "complete", &task, "--reject", "--json"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("conflict")), "{told}");
    assert_eq!(story.json(&["tasks", "list", "--json"]).1, json!({"tasks": []}));
    let (_, all) = story.json(&["tasks", "list", "--all", "--json"]);
    assert_eq!(all["tasks"][0]["result"]["by"], "ada", "{all}");
}

#[test]
fn a_form_is_checked_and_its_content_arrives() {
    let story = Story::new();
    story.write("form.yaml", FORM);
    let id = story.detach(&["form.yaml"]);
    story.wait_for(&id, "waiting");
    let (_, shown) = story.json(&["executions", "show", &id, "--json"]);
    assert_eq!(shown["waiting"], "task \"How many?\", at most 5m", "{shown}");
    assert_eq!(story.json(&["tasks", "list", "--assignee", "bob", "--json"]).1, json!({"tasks": []}));
    let (_, listed) = story.json(&["tasks", "list", "--assignee", "ada", "--json"]);
    let task = listed["tasks"][0]["task"].as_str().expect("a name").to_owned();
    for data in [&[][..], &["--data", "{\"count\": \"many\"}"]] {
        let (code, told) = story.json(&[&["tasks", "complete", &task, "--json"], data].concat());
        assert_eq!((code, &told["error"]["kind"]), (2, &json!("usage")), "{told}");
        assert!(told["error"]["suggestion"].as_str().is_some_and(|text| text.contains("akao tasks show")), "{told}");
    }
    story.write("answer.yaml", "count: 3\n");
    assert_eq!(story.akao(&["tasks", "complete", &task, "--data", "@answer.yaml"]).code, 0);
    story.wait_for(&id, "success");
    let (_, shown) = story.json(&["executions", "show", &id, "--json"]);
    assert_eq!(shown["outputs"]["decision"]["data"], json!({"count": 3}), "{shown}");
}

#[test]
fn a_run_that_waits_for_a_person_says_how_to_answer() {
    let story = Story::new();
    let mut run = story.begin(&["run", "asks.yaml"]);
    let line = run.hears("Complete it with: akao tasks complete ");
    let task = line.split(' ').find(|word| word.contains(':') && word.len() > 26).expect("a name");
    let said = story.akao(&["tasks", "complete", task, "--reject"]);
    assert_eq!((said.code, said.err.as_str()), (0, "The task is rejected.\n"));
    let said = run.end();
    assert_eq!(said.code, 1, "{}", said.err);
    for (name, code) in [("nonsense", 2), ("01ZZ:1", 1), (&format!("{}99", task), 1)] {
        let (answered, told) = story.json(&["tasks", "show", name, "--json"]);
        assert_eq!(answered, code, "{name}: {told}");
    }
}
