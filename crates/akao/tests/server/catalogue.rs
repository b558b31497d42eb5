//! What workflows may be made of, what their steps wrote, what waits, and what the audit knows of it.

use crate::server::Server;
use serde_json::{Value, json};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const TALKS: &str = "akao: 1\nid: talks\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - { type: LogMessage, props: { message: The first, level: info } }\n    - { type: LogMessage, props: { message: The second, level: error } }\n    - { type: LogMessage, props: { message: Another, level: warn } }\n";

/// One at a time, so that a second one waits.
const ALONE: &str = "akao: 1\nid: alone\nversion: 1.0.0\nsettings: { concurrency: { key: one, limit: 1 } }\nroot: { type: WaitForSignal, props: { signalName: go, outputKey: message } }\n";

fn texts<'v>(list: &'v Value, name: &str) -> Vec<&'v str> {
    list["items"].as_array().expect("a list").iter().filter_map(|item| item[name].as_str()).collect()
}

#[test]
fn node_types_are_listed_and_shown_with_what_they_declare() {
    let server = Server::new();
    let owner = server.owner();
    let ask = |query: &str| owner.ask("GET", "/api/v1/node-types", &[], query, None);
    let first = ask("?limit=2").is(200).body;
    let next = first["next"].as_str().expect("a second page").to_owned();
    assert_eq!(texts(&ask(&format!("?limit=1&cursor={next}")).is(200).body, "type").len(), 1);
    let waiting = ask("?category=waiting").is(200).body;
    assert!(texts(&waiting, "type").contains(&"HumanTask"), "{waiting:#}");
    let shown = owner.show("/api/v1/node-types/{type}", &["HttpRequest"]).is(200).body;
    assert!(shown["props"]["properties"]["url"].is_object(), "{shown:#}");
    owner.show("/api/v1/node-types/{type}", &["Nothing"]).refuses(404, "not_found");
    assert_eq!(owner.get("/api/v1/packages").is(200).body["items"], json!([]));
    let environments = owner.get("/api/v1/environments").is(200).body;
    assert_eq!(texts(&environments, "name"), ["default", "default"], "what the languages have of their own");
    assert_eq!(texts(&environments, "language"), ["JavaScript", "Python"]);
    let has = |at: usize, module: &str| {
        environments["items"][at]["modules"].as_array().is_some_and(|modules| modules.contains(&json!(module)))
    };
    assert!(has(0, "fetch") && has(1, "decimal"), "{environments:#}");
    assert!(!environments.to_string().contains('/'), "nothing of the machine's folders: {environments:#}");
    let next = owner.ask("GET", "/api/v1/environments", &[], "?limit=1", None).is(200).body;
    let next = next["next"].as_str().expect("a second page").to_owned();
    let second = owner.ask("GET", "/api/v1/environments", &[], &format!("?limit=1&cursor={next}"), None).is(200).body;
    assert_eq!(texts(&second, "language"), ["Python"]);
}

#[test]
fn lines_are_found_by_level_and_words_page_by_page() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("talks", TALKS).is(201);
    let execution = owner.start("talks", &json!({}));
    owner.wait(&execution, &["success"]);
    let logs =
        |query: &str| owner.ask("GET", "/api/v1/executions/{execution}/logs", &[&execution], query, None).is(200).body;
    assert_eq!(texts(&logs(""), "message"), ["The first", "The second", "Another"]);
    assert_eq!(texts(&logs("?level=warn"), "message"), ["The second", "Another"]);
    assert_eq!(texts(&logs("?search=THE&level=error"), "message"), ["The second"]);
    let first = logs("?limit=2");
    let rest = logs(&format!("?limit=2&cursor={}", first["next"].as_str().expect("a second page")));
    assert_eq!((texts(&rest, "message"), &rest["next"]), (vec!["Another"], &Value::Null));
    let refused = owner.ask("GET", "/api/v1/executions/{execution}/logs", &[&execution], "?level=loud", None);
    refused.refuses(400, "invalid_request");
}

#[test]
fn whoever_waits_in_the_queue_can_be_taken_out_of_it() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("alone", ALONE).is(201);
    let (first, second) = (owner.start("alone", &json!({})), owner.start("alone", &json!({})));
    let queue = owner.get("/api/v1/queue").is(200).body;
    assert_eq!((texts(&queue, "id"), &queue["items"][0]["position"]), (vec![second.as_str()], &json!(1)));
    owner.delete("/api/v1/queue/{execution}", &[&first]).refuses(409, "conflict");
    owner.delete("/api/v1/queue/{execution}", &[&second]).is(204);
    owner.wait(&second, &["cancelled"]);
    assert_eq!(owner.get("/api/v1/queue").is(200).body["items"], json!([]));
}

#[test]
fn what_is_done_to_executions_stands_in_the_audit_before_it_is_done() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let execution = owner.start("hello", &json!({"name": "Ada"}));
    owner.wait(&execution, &["success"]);
    let keyed = owner.with("idempotency-key", "once");
    let body = json!({"workflow": "hello", "input": {"name": "Bob"}});
    let second = keyed.post("/api/v1/executions", &[], &body).is(201).body["execution"].clone();
    keyed.post("/api/v1/executions", &[], &body).is(200);
    owner.ask("POST", "/api/v1/executions/{execution}/pause", &[&execution], "", None).refuses(409, "conflict");
    let fork = owner.post("/api/v1/executions/{execution}/fork", &[&execution], &json!({"at": "/"})).is(201).body;
    let audit = owner.get("/api/v1/audit").is(200).body;
    let lines: Vec<&Value> = audit["items"].as_array().expect("lines").iter().rev().collect();
    let told: Vec<(&str, &Value)> = lines
        .iter()
        .filter_map(|line| Some((line["what"].as_str()?, &line["details"])))
        .filter(|(what, _)| what.starts_with("execution.") || *what == "act.refused")
        .collect();
    let words: Vec<&str> = told.iter().map(|(what, _)| *what).collect();
    assert_eq!(
        words,
        ["execution.started", "execution.started", "execution.paused", "act.refused", "execution.forked"],
        "a key that was used starts nothing more"
    );
    let started = told[0].1;
    assert_eq!(
        (&started["execution"], &started["workflow"], &started["version"]),
        (&json!(execution), &json!("hello"), &json!("1.0.0"))
    );
    assert_eq!(told[1].1["execution"], second);
    assert_eq!((&told[3].1["act"], &told[3].1["code"]), (&json!("execution.paused"), &json!("conflict")));
    assert_eq!(told[4].1["made"], fork["execution"]);
    owner.ask("POST", "/api/v1/audit/verify", &[], "", None).is(200);
}
