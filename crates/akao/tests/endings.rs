//! How `akao run` and `akao dev` end before their time: Ctrl-C, a request to end, a cancel in the queue, a record that can
//! no longer be trusted.

#[path = "support/story.rs"]
mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Story, WAITS, wait};

/// The id that a word of a line is.
fn id_in(line: &str) -> String {
    let is_id = |word: &&str| word.len() == 26 && word.chars().all(|letter| letter.is_ascii_alphanumeric());
    line.split(['`', ' ', ';', '.']).find(is_id).unwrap_or_else(|| panic!("no id in {line}")).to_owned()
}

fn document(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "not one line: {text}");
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn ctrl_c_cancels() {
    let story = Story::new();
    let mut run = story.begin(&["run", "waits.yaml", "--json"]);
    wait("the execution", || story.json(&["executions", "list", "--json"]).1["executions"][0]["status"] == "waiting");
    run.signal(Signal::INT);
    run.hears("Cancelling; Ctrl-C again leaves at once.");
    let said = run.end();
    let document = document(&said.out);
    assert_eq!((said.code, &document["status"]), (3, &json!("cancelled")), "{}", said.err);
    assert_eq!(document["error"]["message"], "Ctrl-C", "{document}");
}

#[test]
fn a_request_to_end_leaves_the_execution_where_it_is() {
    let story = Story::new();
    let mut run = story.begin(&["run", "waits.yaml"]);
    run.hears("/ waits for signal go");
    run.signal(Signal::TERM);
    let id = id_in(&run.hears("Stopped before the end"));
    let said = run.end();
    assert_eq!((said.code, said.out.as_str()), (3, ""), "{}", said.err);
    assert!(said.err.contains(&format!("`akao executions events {id} --follow`")), "{}", said.err);
    assert_eq!(story.owner(), None, "nothing goes on in the background");
    let (_, shown) = story.json(&["executions", "show", &id, "--json"]);
    assert_eq!((&shown["status"], &shown["waiting"]), (&json!("waiting"), &json!("signal go, at most 1d")), "{shown}");

    // Any command that needs it takes it up again.
    let follower = story.begin(&["executions", "events", &id, "--follow"]);
    assert_eq!(story.akao(&["executions", "signal", &id, "go"]).code, 0);
    let said = follower.end();
    let last: Value = serde_json::from_str(said.out.lines().last().expect("a line")).expect("JSON");
    assert_eq!((said.code, &last["note"], &last["status"]), (0, &json!("finished"), &json!("success")), "{}", said.err);
}

#[test]
fn a_request_to_end_lets_a_step_finish() {
    let story = Story::new();
    story.write(
        "works.yaml",
        "akao: 1\nid: works\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - { type: WaitAction, id: nap, \
         props: { duration: 1 } }\n    - { type: WaitForSignal, id: go, props: { signalName: go, timeoutMs: 0 } }\n",
    );
    let mut run = story.begin(&["run", "works.yaml", "--json"]);
    wait("the wait", || story.json(&["executions", "list", "--json"]).1["executions"][0]["waiting"] == "signal go");
    run.signal(Signal::TERM);
    run.hears("rests where it is");
    let said = run.end();
    let document = document(&said.out);
    assert_eq!((said.code, &document["status"], &document["waiting"]), (3, &json!("waiting"), &json!("signal go")));
    let steps: Vec<_> = document["steps"].as_array().expect("steps").iter().map(|step| &step["status"]).collect();
    assert_eq!(steps, ["running", "success", "running"], "{document}");
}

#[test]
fn what_is_cancelled_in_the_queue_has_no_step_to_look_at() {
    let story = Story::new();
    story.write("alone.yaml", &format!("{WAITS}settings: {{ concurrency: {{ limit: 1 }} }}\n"));
    let first = story.detach(&["alone.yaml"]);
    let mut queued = story.begin(&["run", "alone.yaml"]);
    let second = id_in(&queued.hears("Queued at place 1"));
    let said = story.akao(&["executions", "queue"]);
    assert!(said.code == 0 && said.out.contains(&second), "{} {}", said.out, said.err);
    assert_eq!(story.akao(&["executions", "cancel", &second, "--reason", "not today"]).code, 0);
    let said = queued.end();
    assert_eq!((said.code, said.out.as_str()), (3, ""), "{}", said.err);
    assert!(said.err.contains("error: cancelled: not today\n"), "{}", said.err);
    assert!(!said.err.contains("--step") && !said.err.contains("at step"), "{}", said.err);
    let shown = story.akao(&["executions", "show", &second]);
    assert!(shown.code == 0 && !shown.out.contains("at step"), "{}", shown.out);
    assert_eq!(story.akao(&["executions", "cancel", &first]).code, 0);
    story.wait_for(&first, "cancelled");
}

#[test]
fn followers_of_what_is_quarantined_are_told() {
    let story = Story::new();
    let id = story.detach(&["waits.yaml", "--idempotency-key", "once"]);
    story.wait_for(&id, "waiting");
    let owner = story.owner().expect("an owner");
    rustix::process::kill_process(owner, Signal::KILL).expect("it is there");
    wait("the owner to be gone", || story.owner().is_none());
    // Nobody needs the execution yet, so the next owner has not read it when its record is damaged.
    let mut follower = story.begin(&["run", "waits.yaml", "--idempotency-key", "once"]);
    let lines = story.begin(&["executions", "events", &id, "--follow"]);
    follower.hears("waits for signal go");
    let journal = rusqlite::Connection::open(story.path().join("data/journal.db")).expect("the journal");
    journal.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
    let damaged = journal.execute("UPDATE frame SET body = zeroblob(length(body))", []).expect("frames");
    assert!(damaged > 0, "there is something to damage");
    let (code, told) = story.json(&["executions", "signal", &id, "go", "--json"]);
    assert_eq!((code, &told["error"]["kind"]), (4, &json!("quarantined")), "{told}");
    let said = follower.end();
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{}", said.err);
    assert!(said.err.contains("error: the execution is quarantined: "), "{}", said.err);
    assert!(said.err.contains("`akao doctor`"), "{}", said.err);
    let said = lines.end();
    assert_eq!(said.code, 4, "{} {}", said.out, said.err);
}

#[test]
fn dev_cancels_its_run_once_and_says_so() {
    let story = Story::new();
    let mut dev = story.begin(&["dev", "waits.yaml"]);
    wait("the execution", || story.json(&["executions", "list", "--json"]).1["executions"][0]["status"] == "waiting");
    dev.signal(Signal::INT);
    dev.hears("Cancelling");
    let said = dev.end();
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.out.contains("cancelled in ") && said.out.contains("Ctrl-C"), "{}", said.out);
}

#[test]
fn dev_passes_a_request_to_end_on_and_ends_well_when_nothing_runs() {
    let story = Story::new();
    let mut dev = story.begin(&["dev", "waits.yaml"]);
    wait("the execution", || story.json(&["executions", "list", "--json"]).1["executions"][0]["status"] == "waiting");
    dev.signal(Signal::TERM);
    let id = id_in(&dev.hears("rests where it is"));
    let said = dev.end();
    assert_eq!(said.code, 3, "{}", said.err);
    let (_, shown) = story.json(&["executions", "show", &id, "--json"]);
    assert_eq!(shown["status"], "waiting");

    let mut dev = story.begin(&["dev", "hello.yaml"]);
    dev.hears("Waiting for a save; Ctrl-C ends.");
    story.write("hello.yaml", &support::HELLO.replace("hello ${", "good day ${"));
    dev.hears("Waiting for a save; Ctrl-C ends.");
    dev.signal(Signal::INT);
    let said = dev.end();
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("~ text: \"good day world\"  (was \"hello world\")"), "{}", said.out);
}
