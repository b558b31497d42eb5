//! Schedules as people meet them, and what a kill does to them.

use crate::server::{Server, WITHIN};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const ID: &str = "/api/v1/schedules/{schedule}";

fn body(name: &str, cron: &str) -> Value {
    json!({"name": name, "spec": {"workflow": "hello", "input": {"name": "Ada"}, "cron": cron, "overlap": "allow"}})
}

#[test]
fn a_schedule_is_made_changed_paused_and_taken_away() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let asked = json!({"cron": "30 2 * * *", "zone": "Europe/Berlin", "count": 2});
    let preview = owner.post("/api/v1/schedules/preview", &[], &asked).is(200).body;
    assert_eq!(preview["items"].as_array().expect("times").len(), 2);
    owner.post("/api/v1/schedules/preview", &[], &json!({"cron": "61 * * * *"})).refuses(400, "invalid_request");
    let made = owner.post("/api/v1/schedules", &[], &body("nightly", "30 2 * * *")).is(201);
    let id = made.body["schedule"].as_str().expect("an id").to_owned();
    let tag = made.header("etag").to_owned();
    let put = |person: &crate::server::Person<'_>, body: &Value| person.ask("PUT", ID, &[&id], "", Some(body));
    put(&owner, &body("weekly", "@weekly")).refuses(428, "precondition_required");
    let changed = put(&owner.with("if-match", &tag), &body("weekly", "@weekly")).is(200);
    assert_eq!((&changed.body["name"], &changed.body["state"]), (&json!("weekly"), &json!("active")));
    put(&owner.with("if-match", &tag), &body("again", "@weekly")).refuses(412, "precondition_failed");
    let paused = owner.ask("POST", "/api/v1/schedules/{schedule}/pause", &[&id], "", None).is(200).body;
    assert_eq!((&paused["state"], &paused["next_at"]), (&json!("paused"), &Value::Null));
    let resumed = owner.ask("POST", "/api/v1/schedules/{schedule}/resume", &[&id], "", None).is(200).body;
    assert!(resumed["next_at"].is_string(), "{resumed:#}");
    let triggered = owner.ask("POST", "/api/v1/schedules/{schedule}/trigger", &[&id], "", None).is(201).body;
    owner.wait(triggered["execution"].as_str().expect("an id"), &["success"]);
    let times = owner.ask("GET", "/api/v1/schedules/{schedule}/times", &[&id], "?count=3", None).is(200).body;
    assert_eq!(times["items"].as_array().expect("times").len(), 3);
    assert_eq!(owner.get("/api/v1/schedules").is(200).body["items"][0]["schedule"], json!(id));
    owner.delete(ID, &[&id]).is(204);
    owner.show(ID, &[&id]).refuses(404, "not_found");
    let reserved = owner.with("idempotency-key", "akao:schedule:x");
    let start = json!({"workflow": "hello", "input": {"name": "Ada"}});
    reserved.post("/api/v1/executions", &[], &start).refuses(400, "invalid_request");
}

#[test]
fn a_kill_neither_loses_nor_doubles_a_time() {
    let mut server = Server::new();
    let (token, id) = {
        let owner = server.owner();
        owner.save("hello", HELLO).is(201);
        let mut body = body("often", "* * * * * *");
        body["spec"]["catch_up"] = json!("all");
        let made = owner.post("/api/v1/schedules", &[], &body).is(201).body;
        (owner.new_token(None), made["schedule"].as_str().expect("an id").to_owned())
    };
    let fires = |server: &Server| {
        let list = server.token(&token).ask("GET", "/api/v1/schedules/{schedule}/fires", &[&id], "?limit=200", None);
        list.is(200).body["items"].as_array().expect("a list").clone()
    };
    for pause_ms in [950, 1_030, 1_010] {
        std::thread::sleep(Duration::from_millis(pause_ms));
        server.end(Signal::KILL);
        server = server.restarted_after_end();
    }
    let end = Instant::now() + WITHIN;
    let found = loop {
        let found = fires(&server);
        if found.len() >= 4 && found.iter().all(|fire| fire["state"] == "started") {
            break found;
        }
        assert!(Instant::now() < end, "{found:#?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let owner = server.token(&token);
    owner.ask("POST", "/api/v1/schedules/{schedule}/pause", &[&id], "", None).is(200);
    let times: BTreeSet<&str> = found.iter().filter_map(|fire| fire["at"].as_str()).collect();
    let seconds: Vec<i64> = times.iter().map(|time| second(time)).collect();
    assert!(seconds.windows(2).all(|pair| pair[1] == pair[0] + 1), "no second is missing: {times:?}");
    let started: BTreeSet<&str> = found.iter().filter_map(|fire| fire["execution"].as_str()).collect();
    assert_eq!(started.len(), found.len(), "each time has an execution of its own");
    // What the journal holds is what the schedule says, and nothing more.
    let later = fires(&server);
    let said: BTreeSet<&str> = later.iter().filter_map(|fire| fire["execution"].as_str()).collect();
    let list = owner.ask("GET", "/api/v1/executions", &[], "?limit=200", None).is(200).body;
    let there: BTreeSet<&str> =
        list["items"].as_array().expect("a list").iter().filter_map(|item| item["execution"].as_str()).collect();
    assert!(there.len() <= said.len() + 1, "{} executions for {} times", there.len(), said.len());
    assert!(said.is_subset(&there));
}

/// Seconds since the beginning of Unix time of `2026-01-31T08:00:00Z`.
fn second(time: &str) -> i64 {
    time.parse::<jiff::Timestamp>().expect("a time").as_second()
}
