//! `akao executions`: what was run can be listed, looked into, steered, forked and removed.

#[path = "support/story.rs"]
mod support;

use serde_json::json;
use support::{Story, wait};

#[test]
fn an_empty_place_has_nothing_to_show() {
    let story = Story::new();
    let said = story.akao(&["executions", "list"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert_eq!(said.err, "There are no executions yet; start one with `akao run FILE`.\n");
    assert_eq!(story.json(&["executions", "list", "--json"]), (0, json!({"executions": [], "next": null})));
    assert_eq!(story.json(&["executions", "queue", "--json"]), (0, json!({"queue": [], "running": 0, "limit": null})));
    let nothing = json!({"pruned": 0, "large_values": {"removed": 0, "bytes": 0}});
    assert_eq!(story.json(&["executions", "prune", "--json"]), (0, nothing));
    assert_eq!(story.json(&["tasks", "list", "--json"]), (0, json!({"tasks": []})));
    let (code, report) = story.json(&["doctor", "--json"]);
    assert_eq!((code, &report["sound"]), (0, &json!(true)));
    assert!(!story.path().join("data").exists(), "looking makes nothing");
}

#[test]
fn a_list_has_filters_and_pages() {
    let story = Story::new();
    for (file, code) in [("hello.yaml", 0), ("fails.yaml", 1), ("hello.yaml", 0)] {
        assert_eq!(story.akao(&["run", file]).code, code);
    }
    let said = story.akao(&["executions", "list"]);
    let rows: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "WORKFLOW", "STATE", "STARTED", "TOOK", "WAITS", "FOR"], "{}", said.out);
    let states: Vec<&str> = rows[1..].iter().map(|row| row[3]).collect();
    assert_eq!(states, ["success", "failure", "success"], "newest first");
    let count = |arguments: &[&str]| {
        let (code, told) = story.json(&[&["executions", "list", "--json"], arguments].concat());
        assert_eq!(code, 0, "{told}");
        told["executions"].as_array().expect("a list").len()
    };
    assert_eq!(count(&["--status", "failure"]), 1);
    assert_eq!(count(&["--status", "failure", "--status", "success"]), 3);
    assert_eq!(count(&["--workflow", "hello"]), 2);
    assert_eq!(count(&["--text", "ail"]), 1);
    assert_eq!(count(&["--since", "1h"]), 3);
    assert_eq!(count(&["--since", "2999-01-01T00:00:00Z"]), 0);
    let (_, first) = story.json(&["executions", "list", "--json", "--limit", "2"]);
    let next = first["next"].to_string();
    assert_eq!(count(&["--limit", "2", "--cursor", &next]), 1);
    assert!(story.akao(&["executions", "list", "--limit", "2"]).err.contains(&format!("`--cursor {next}`")));
    for (arguments, message) in [
        (["--status", "runing"], "the states are queued, running"),
        (["--since", "soon"], "`soon` is neither a duration nor a time"),
        (["--limit", "0"], "0 is not in 1..=1000"),
    ] {
        let (code, told) = story.json(&[&["executions", "list", "--json"], &arguments[..]].concat());
        assert_eq!(code, 2, "{told}");
        assert!(told["error"]["message"].as_str().is_some_and(|text| text.contains(message)), "{told}");
    }
}

#[test]
fn one_execution_is_looked_into() {
    let story = Story::new();
    let (_, run) = story.json(&["run", "hello.yaml", "--json"]);
    let id = run["execution"].as_str().expect("an id");
    let shown = story.akao(&["executions", "show", &id[..25]]);
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.out.starts_with(&format!("{id} hello 1.0.0\nsuccess in ")), "{}", shown.out);
    assert!(shown.out.contains("  ✓ greet LogMessage "), "{}", shown.out);
    assert!(shown.out.ends_with("{\n  \"text\": \"hello world\"\n}\n"), "{}", shown.out);
    for name in ["greet", "/0"] {
        let (code, step) = story.json(&["executions", "show", id, "--step", name, "--json"]);
        assert_eq!((code, &step["address"], &step["status"]), (0, &json!("/0"), &json!("success")), "{step}");
        assert_eq!(step["outputs"]["message"], "hello world", "{step}");
        assert_eq!(step["logs"][0]["message"], "hello world", "{step}");
    }
    let (code, told) = story.json(&["executions", "show", id, "--step", "nobody", "--json"]);
    assert_eq!((code, &told["error"]["message"]), (1, &json!("no step `nobody` was started")));

    let logs = story.akao(&["executions", "logs", id]);
    assert!(logs.out.ends_with(" info  /0 greet  hello world\n"), "{}", logs.out);
    let none: [&[&str]; 3] = [&["--level", "warn"], &["--text", "bye"], &["--step", "fine"]];
    for filter in none {
        let (_, logs) = story.json(&[&["executions", "logs", id, "--json"], filter].concat());
        assert_eq!(logs["logs"], json!([]), "{filter:?}");
    }

    let events = story.akao(&["executions", "events", id]);
    let lines: Vec<serde_json::Value> =
        events.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["seq"], &lines[0]["execution"]), (&json!(0), &json!(id)), "{}", events.out);
    assert_eq!(lines.last().map(|line| &line["note"]), Some(&json!("finished")), "{}", events.out);
    let (code, document) = story.json(&["executions", "events", id, "--from", "1", "--json"]);
    assert_eq!((code, &document["events"][0]["seq"]), (0, &json!(1)), "{document}");
    let (code, told) = story.json(&["executions", "events", id, "--follow", "--json"]);
    assert_eq!((code, &told["error"]["kind"]), (2, &json!("usage")), "{told}");
}

#[test]
fn a_pause_holds_and_a_cancel_says_why() {
    let story = Story::new();
    let id = story.detach(&["waits.yaml"]);
    story.wait_for(&id, "waiting");
    let shown = story.akao(&["executions", "show", &id]);
    assert!(shown.out.contains("\nwaits for signal go, at most 1d\n"), "{}", shown.out);
    let (code, told) = story.json(&["executions", "resume", &id, "--json"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("conflict")), "{told}");
    let said = story.akao(&["executions", "pause", &id]);
    assert!(said.code == 0 && said.err.contains(&format!("go on with `akao executions resume {id}`")), "{}", said.err);
    assert_eq!(story.akao(&["executions", "resume", &id]).code, 0);
    let said = story.akao(&["executions", "cancel", &id, "--reason", "enough"]);
    assert_eq!((said.code, said.err), (0, format!("Cancelling {id}.\n")));
    story.wait_for(&id, "cancelled");
    let (_, shown) = story.json(&["executions", "show", &id, "--json"]);
    assert_eq!(shown["error"]["message"], "enough", "{shown}");
    for command in ["cancel", "pause", "resume"] {
        let (code, told) = story.json(&["executions", command, &id, "--json"]);
        assert_eq!((code, &told["error"]["kind"]), (1, &json!("conflict")), "{command}: {told}");
    }
    let (code, told) = story.json(&["executions", "signal", &id, "go", "--json"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("conflict")), "{told}");
    let (code, told) = story.json(&["executions", "signal", &id, "go", "--payload", "{", "--json"]);
    assert_eq!(code, 2, "{told}");
    assert!(told["error"]["message"].as_str().is_some_and(|text| text.contains("--payload")), "{told}");
}

#[test]
fn a_fork_begins_in_its_own_time_with_other_values() {
    let story = Story::new();
    let (_, run) = story.json(&["run", "hello.yaml", "--json"]);
    let id = run["execution"].as_str().expect("an id");
    let started = |id: &str| story.json(&["executions", "list", "--json", "--text", id]).1["executions"][0].clone();
    let before = started(id);
    // The times are written in milliseconds.
    wait("another moment", || {
        jiff::Timestamp::now().to_string()[..19] > before["started_at"].as_str().expect("a time")[..19]
    });
    let (code, forked) =
        story.json(&["executions", "fork", id, "--at", "greet", "--set", "input.who=\"Eve\"", "--json"]);
    assert_eq!(code, 0, "{forked}");
    let fork = forked["execution"].as_str().expect("an id");
    story.wait_for(fork, "success");
    let after = started(fork);
    assert!(after["started_at"].as_str() > before["started_at"].as_str(), "{before} {after}");
    assert!(after["duration_ms"].as_i64().is_some_and(|ms| (0..10_000).contains(&ms)), "{after}");
    assert_eq!(after["forked_from"], id);
    let (_, shown) = story.json(&["executions", "show", fork, "--json"]);
    assert_eq!(shown["outputs"], json!({"text": "hello Eve"}));
    assert_eq!(story.akao(&["executions", "replay", fork]).code, 0);
    let (code, told) = story.json(&["executions", "fork", id, "--at", "nobody", "--json"]);
    assert!((code == 1 || code == 2) && told["error"]["message"].as_str().is_some(), "{told}");
    let (code, told) = story.json(&["executions", "fork", id, "--at", "greet", "--set", "who", "--json"]);
    assert_eq!(code, 2, "{told}");
}

#[test]
fn what_has_ended_is_pruned_and_what_has_not_stays() {
    let story = Story::new();
    assert_eq!(story.akao(&["run", "hello.yaml"]).code, 0);
    let id = story.detach(&["waits.yaml"]);
    story.wait_for(&id, "waiting");
    let pruned = |more: &[&str]| {
        let (code, told) = story.json(&[&["executions", "prune", "--json"], more].concat());
        (code, told["pruned"].clone())
    };
    assert_eq!(pruned(&[]), (0, json!(0)), "nothing is 30 days old");
    assert_eq!(pruned(&["--older-than", "0s"]), (0, json!(1)));
    let (_, left) = story.json(&["executions", "list", "--json"]);
    assert_eq!(left["executions"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(left["executions"][0]["execution"], id.as_str());
    let (code, told) = story.json(&["executions", "prune", "--older-than", "long", "--json"]);
    assert_eq!(code, 2, "{told}");
    assert_eq!(story.akao(&["executions", "cancel", &id]).code, 0);
    story.wait_for(&id, "cancelled");
}

#[test]
fn large_values_go_with_the_last_execution_that_refers_to_them() {
    let story = Story::new();
    let large = |id: &str, numbers: &str| {
        format!(
            "akao: 1\nid: {id}\nversion: 1.0.0\noutputs: {{ size: \"${{bb.all | length}}\" }}\nroot:\n  type: MemorySequence\n  children:\n    \
             - {{ type: SetVariable, props: {{ key: all, value: \"${{{numbers}}}\" }} }}\n    - {{ type: LogMessage, id: log, props: {{ message: set }} }}\n"
        )
    };
    let values = || {
        let mut files = Vec::new();
        let mut folders = vec![story.path().join("data/blobs/local")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files
    };
    let run = |file: &str| {
        let (code, told) = story.json(&["run", file, "--json"]);
        assert_eq!(code, 0, "{told}");
        told["execution"].as_str().expect("an id").to_owned()
    };
    std::fs::write(story.path().join("one.yaml"), large("one", "range(9000)")).expect("a file");
    std::fs::write(story.path().join("two.yaml"), large("two", "range(1, 9001)")).expect("a file");
    let (_, second) = (run("one.yaml"), run("two.yaml"));
    let both = values();
    assert!(both.len() >= 2, "{both:?}");
    let (code, forked) = story.json(&["executions", "fork", &second, "--at", "log", "--json"]);
    assert_eq!(code, 0, "{forked}");
    let fork = forked["execution"].as_str().expect("an id").to_owned();
    story.wait_for(&fork, "success");
    let parked = story.detach(&["waits.yaml"]);
    story.wait_for(&parked, "waiting");
    let prune = |older_than: &str| {
        let (code, told) = story.json(&["executions", "prune", "--older-than", older_than, "--json"]);
        assert_eq!(code, 0, "{told}");
        told
    };
    // What was stored a moment ago stays, whoever refers to it.
    assert_eq!(prune("0s"), json!({"pruned": 3, "large_values": {"removed": 0, "bytes": 0}}));
    let again = run("two.yaml");
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    let age = |path: &std::path::PathBuf| {
        std::fs::File::options().append(true).open(path).expect("a value").set_modified(hours_ago).expect("an old one")
    };
    values().iter().for_each(age);
    let told = prune("1h");
    assert!(told["pruned"] == json!(0) && told["large_values"]["removed"].as_u64() > Some(0), "{told}");
    let left = values();
    assert!(!left.is_empty() && left.len() < both.len(), "{left:?}");
    assert_eq!(story.akao(&["executions", "replay", &again]).code, 0);
    let (_, shown) = story.json(&["executions", "show", &again, "--json"]);
    assert_eq!(shown["outputs"]["size"], json!(9000), "{shown}");
    assert!(
        story.akao(&["executions", "prune", "--older-than", "0s"]).out.starts_with("removed 1 execution and "),
        "the last one"
    );
    assert_eq!(values(), Vec::<std::path::PathBuf>::new());
    assert_eq!(story.akao(&["executions", "cancel", &parked]).code, 0);
    story.wait_for(&parked, "cancelled");
}
