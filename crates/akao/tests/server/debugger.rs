//! The debugger over HTTP: stopped, looked at, changed, stepped, and the past looked at.

use crate::server::Server;
use serde_json::{Value, json};

const COUNTS: &str = r#"akao: 1
id: counts
version: 1.0.0
outputs: { count: "${count}" }
root:
  type: Sequence
  children:
    - { type: SetVariable, id: first, props: { key: count, value: 1 } }
    - { type: LogMessage, id: second, props: { message: "count is ${count}" } }
    - { type: SuccessNode, id: third }
"#;

const ID: &str = "/api/v1/executions/{execution}";

#[test]
fn an_execution_is_stopped_changed_and_stepped() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("counts", COUNTS).is(201);
    let body = json!({"workflow": "counts", "breakpoints": [{"at": "second"}]});
    let started = owner.post("/api/v1/executions", &[], &body).is(201).body;
    let id = started["execution"].as_str().expect("an id");
    owner.wait(id, &["paused"]);
    let values = |query: &str| owner.ask("GET", &format!("{ID}/values"), &[id], query, None).is(200).body;
    let seen = values("");
    assert_eq!((&seen["status"], &seen["values"]["bb"]["count"]), (&json!("paused"), &json!(1)), "{seen:#}");
    assert_eq!((&seen["held"][0]["step"], &seen["held"][0]["id"]), (&json!("/1"), &json!("second")), "{seen:#}");
    assert_eq!(seen["breakpoints"], json!([{"at": "second"}]));

    let refused =
        owner.post(&format!("{ID}/breakpoints"), &[id], &json!({"at": "thrd"})).refuses(400, "invalid_request");
    assert_eq!(refused.body["suggestion"], "Did you mean `third`?", "{:#}", refused.body);
    owner.post(&format!("{ID}/breakpoints"), &[id], &json!({"at": "third", "condition": "count > 4"})).is(204);
    owner.post(&format!("{ID}/values"), &[id], &json!({"path": "bb.count", "value": 5})).is(204);
    owner.post(&format!("{ID}/go"), &[id], &json!({"mode": "continue"})).is(204);
    let held = || values("")["held"][0]["id"].clone();
    let end = std::time::Instant::now() + crate::server::WITHIN;
    while held() != "third" {
        assert!(std::time::Instant::now() < end, "{:#}", values(""));
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let cleared = |at: &str| owner.ask("DELETE", &format!("{ID}/breakpoints"), &[id], at, None);
    cleared("?at=first").refuses(400, "invalid_request");
    cleared("?at=third").is(204);
    owner.post(&format!("{ID}/go"), &[id], &json!({"mode": "sideways"})).refuses(400, "invalid_request");
    owner.post(&format!("{ID}/go"), &[id], &json!({"mode": "over"})).is(204);
    assert_eq!(owner.wait(id, &["success"])["outputs"], json!({"count": 5}));

    // What is over cannot be changed, and can be looked at as it was.
    owner.post(&format!("{ID}/values"), &[id], &json!({"path": "bb.count", "value": 6})).refuses(409, "conflict");
    let past = (0..40).map(|event| values(&format!("?event={event}"))["values"]["bb"]["count"].clone());
    let mut seen: Vec<Value> = past.collect();
    seen.dedup();
    assert_eq!(seen, [Value::Null, json!(1), json!(5)]);
    let step = |at: &str| owner.ask("GET", &format!("{ID}/step"), &[id], &format!("?at={at}"), None);
    let second = step("second").is(200).body;
    assert_eq!((&second["address"], &second["logs"][0]["message"]), (&json!("/1"), &json!("count is 5")), "{second:#}");
    assert_eq!(step("/1").is(200).body, second);
    step("nowhere").refuses(404, "not_found");
    let lines = owner.get("/api/v1/audit").is(200).body;
    let done: Vec<&str> =
        lines["items"].as_array().expect("lines").iter().filter_map(|line| line["what"].as_str()).collect();
    for what in ["execution.value_set", "execution.stepped", "execution.breakpoint_set", "execution.breakpoint_cleared"]
    {
        assert!(done.contains(&what), "{what}: {done:?}");
    }
    let told = lines.to_string();
    assert!(told.contains("bb.count") && !told.contains("\"value\""), "{told}");
}

#[test]
fn who_may_not_grant_does_not_choose_what_grants_are_used_for() {
    let server = Server::new();
    let owner = server.owner();
    let editor = server.member(&owner, "editor");
    owner.save("counts", COUNTS).is(201);
    let set = |of: &str| editor.post(&format!("{ID}/values"), &[of], &json!({"path": "bb.count", "value": 5}));
    let started = |grants: Value| {
        let body = json!({"workflow": "counts", "breakpoints": [{"at": "second"}], "grants": grants});
        let started = owner.post("/api/v1/executions", &[], &body).is(201).body;
        let id = started["execution"].as_str().expect("an id").to_owned();
        owner.wait(&id, &["paused"]);
        id
    };
    set(&started(json!([]))).is(204);
    let granted = started(json!(["network.http=api.example.com"]));
    let refused = set(&granted).refuses(403, "forbidden");
    assert!(refused.body["detail"].to_string().contains("executions.grant"), "{:#}", refused.body);
    let many: Vec<Value> = (0..1_001).map(|_| json!({"at": "second"})).collect();
    let body = json!({"workflow": "counts", "breakpoints": many});
    owner.post("/api/v1/executions", &[], &body).refuses(400, "invalid_request");
}

#[test]
fn an_editor_is_given_the_node_types() {
    let server = Server::new();
    let owner = server.owner();
    let types = owner.get("/api/v1/catalogue").is(200).body;
    let types = types["items"].as_array().expect("types");
    let of = |name: &str| types.iter().find(|found| found["name"] == name);
    for name in ["Sequence", "LogMessage", "HttpRequest"] {
        assert!(of(name).is_some_and(|found| found["props"]["type"] == "object"), "{name}");
    }
}
