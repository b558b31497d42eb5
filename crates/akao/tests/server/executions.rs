//! Executions: started, looked at, steered, followed, answered by people.

use crate::server::{Event, Person, Server};
use serde_json::{Value, json};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\noutputs: { message: \"${message}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: LogMessage, props: { message: before } }\n    - { id: gate, type: WaitForSignal, props: { signalName: go, outputKey: message } }\n    - { type: LogMessage, props: { message: after } }\n";

const FAILS: &str =
    "akao: 1\nid: fails\nversion: 1.0.0\nroot: { type: FailureNode, props: { message: it was to be } }\n";

const DEEP: &str = "akao: 1\nid: deep\nversion: 1.0.0\ntrees:\n  inner:\n    type: Sequence\n    children:\n      - { type: LogMessage, props: { message: before } }\n      - { id: bad, type: FailureNode, props: { message: it was to be } }\nroot:\n  type: Sequence\n  children:\n    - { type: SubTree, props: { treeId: inner } }\n";

const ASKS: &str = "akao: 1\nid: asks\nversion: 1.0.0\nroot: { type: HumanTask, props: { title: Approve it, assigneeRole: release } }\n";

const ID: &str = "/api/v1/executions/{execution}";

#[test]
fn the_error_of_an_execution_names_its_step_also_in_a_tree_of_its_own() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("deep", DEEP).is(201);
    let deep = owner.start("deep", &json!({}));
    let failed = owner.wait(&deep, &["success", "failure"]);
    assert_eq!(failed["error"]["step"]["id"], "bad");
    let last = owner.events(&deep, None, "", |_| false).pop().expect("an end");
    assert_eq!(last.data["error"]["step"], failed["error"]["step"], "the stream of events names it too");
}

const PARENT: &str = "akao: 1\nid: parent\nversion: 1.0.0\nroot:\n  type: Sequence\n  children:\n    - { type: SubWorkflow, props: { workflow: hello, inputs: { name: Child } } }\n    - { type: WaitForSignal, props: { signalName: go } }\n";

#[test]
fn what_has_ended_is_removed_by_whoever_may() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    owner.save("waits", WAITS).is(201);
    owner.save("parent", PARENT).is(201);
    let remove = |person: &Person<'_>, id: &str| person.delete(ID, &[id]);
    let start = json!({"workflow": "hello", "input": {"name": "Ada"}});
    let keyed = || owner.with("idempotency-key", "k").post("/api/v1/executions", &[], &start);
    let hello = keyed().is(201).body["execution"].as_str().expect("an id").to_owned();
    owner.wait(&hello, &["success"]);
    keyed().is(200);
    remove(&server.member(&owner, "operator"), &hello).refuses(403, "forbidden");
    remove(&server.other_owner(&owner, "globex"), &hello).refuses(404, "not_found");
    remove(&owner, &hello).is(204);
    for path in [ID, "/api/v1/executions/{execution}/steps", "/api/v1/executions/{execution}/record"] {
        owner.show(path, &[&hello]).refuses(404, "not_found");
    }
    remove(&owner, &hello).refuses(404, "not_found");
    let listed = owner.get("/api/v1/executions").is(200).body;
    assert_eq!(listed["items"], json!([]));
    // What is not there any more is not what its key means.
    assert_ne!(keyed().is(201).body["execution"], json!(hello));
    // What has not ended stays, and so does what belongs to it.
    let waits = owner.start("waits", &json!({}));
    owner.wait(&waits, &["waiting"]);
    remove(&owner, &waits).refuses(409, "conflict");
    let parent = owner.start("parent", &json!({}));
    owner.wait(&parent, &["waiting"]);
    let children = owner.ask("GET", "/api/v1/executions", &[], &format!("?parent={parent}"), None).is(200).body;
    let child = children["items"][0]["execution"].as_str().expect("a child").to_owned();
    remove(&owner, &child).refuses(409, "conflict");
    owner.post("/api/v1/executions/{execution}/cancel", &[&parent], &json!({})).is(204);
    owner.wait(&parent, &["cancelled"]);
    remove(&owner, &child).is(204);
    remove(&owner, &parent).is(204);
    owner.wait(&waits, &["waiting"]);
    let audit = owner.ask("GET", "/api/v1/audit", &[], "?limit=200", None).is(200).body;
    let lines = audit["items"].as_array().expect("lines");
    let told = |what: &str| lines.iter().filter(|line| line["what"] == what).collect::<Vec<&Value>>();
    let (removed, refused) = (told("execution.removed"), told("act.refused"));
    // What is said before it is done is said of the child twice, and that it was refused once.
    assert_eq!((removed.len(), refused.len()), (4, 1), "{removed:#?}");
    let first = &removed[3]["details"];
    assert_eq!((&first["execution"], &first["status"]), (&json!(hello), &json!("success")));
}

#[test]
fn an_execution_is_started_listed_and_looked_at() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    owner.save("fails", FAILS).is(201);
    let hello = owner.start("hello", &json!({"name": "Ada"}));
    let ended = owner.wait(&hello, &["success", "failure"]);
    assert_eq!(ended["outputs"], json!({"greeting": "Hello, Ada!"}));
    let failed = owner.wait(&owner.start("fails", &json!({})), &["success", "failure"]);
    assert_eq!((&failed["status"], &failed["outputs"]), (&json!("failure"), &json!({})));
    assert!(failed["error"]["message"].as_str().is_some_and(|told| told.contains("it was to be")), "{failed:#}");
    assert_eq!(failed["error"]["step"], json!({"address": "/", "id": "/"}));
    let steps = owner.show("/api/v1/executions/{execution}/steps", &[&hello]).is(200).body;
    let types: Vec<&str> =
        steps["items"].as_array().expect("steps").iter().filter_map(|step| step["type"].as_str()).collect();
    assert_eq!(types, ["Sequence", "SetVariable", "LogMessage"]);
    let replayed = owner.ask("POST", "/api/v1/executions/{execution}/replay", &[&hello], "", None).is(200).body;
    assert_eq!(replayed["equal"], true);
    let list = |query: &str| owner.ask("GET", "/api/v1/executions", &[], query, None).is(200).body;
    assert_eq!(list("?status=failure")["items"][0]["workflow"], "fails");
    assert_eq!(list("?workflow=hello&status=failure")["items"], json!([]));
    let first = list("?limit=1");
    let next = first["next"].as_str().expect("a second page");
    let second = list(&format!("?limit=1&cursor={next}"));
    assert_eq!((&first["items"][0]["workflow"], &second["items"][0]["workflow"]), (&json!("fails"), &json!("hello")));
    for (query, what) in [("?limit=0", "limit"), ("?cursor=x", "cursor"), ("?since=now", "since"), ("?stat=x", "stat")]
    {
        let refused = owner.ask("GET", "/api/v1/executions", &[], query, None).refuses(400, "invalid_request");
        assert!(refused.body["detail"].as_str().is_some_and(|told| told.contains(what)), "{:#}", refused.body);
    }
}

#[test]
fn a_start_is_done_once_for_each_key() {
    let server = Server::new();
    let owner = server.owner();
    let tag = owner.save("hello", HELLO).is(201).header("etag").to_owned();
    let keyed = owner.with("idempotency-key", "order-17");
    let start = |input: &Value| keyed.post("/api/v1/executions", &[], &json!({"workflow": "hello", "input": input}));
    let first = start(&json!({"name": "Ada"})).is(201).body;
    let again = start(&json!({"name": "Ada"})).is(200).body;
    assert_eq!((&again["execution"], &again["repeated"]), (&first["execution"], &json!(true)));
    start(&json!({"name": "Bob"})).refuses(422, "idempotency_key_reused");
    let newer = json!({"source": HELLO.replace("version: 1.0.0", "version: 2.0.0")});
    owner.with("if-match", &tag).post("/api/v1/workflows/{workflow}/versions", &["hello"], &newer).is(201);
    let later = start(&json!({"name": "Ada"})).is(200).body;
    assert_eq!(later["execution"], first["execution"], "a newer version does not make the request another one");
}

#[test]
fn bad_starts_are_refused_with_what_is_wrong() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let start = |body: Value| owner.post("/api/v1/executions", &[], &body);
    start(json!({"workflow": "nothing"})).refuses(404, "not_found");
    start(json!({"workflow": "hello", "version": "9.9.9"})).refuses(404, "not_found");
    let refused = start(json!({"workflow": "hello", "input": {"name": 5}})).refuses(422, "invalid_input").body;
    assert!(refused["problems"][0]["message"].as_str().is_some_and(|told| told.starts_with("name: ")), "{refused:#}");
    start(json!({"workflow": "hello", "inputs": {}})).refuses(400, "invalid_request");
    start(json!({"workflow": "hello", "grants": ["filesystem.read=volume://x"]})).refuses(400, "invalid_request");
    start(json!({"workflow": "hello", "grants": ["network.http=example.com"]})).is(201);
    let editor = server.member(&owner, "editor");
    let granted = json!({"workflow": "hello", "grants": ["network.http=example.com"]});
    editor.post("/api/v1/executions", &[], &granted).refuses(403, "forbidden");
}

#[test]
fn an_execution_is_paused_signalled_forked_and_cancelled() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let post = |what: &str, id: &str, body: Option<Value>| {
        owner.ask("POST", &format!("{ID}/{what}"), &[id], "", body.as_ref())
    };
    let waits = owner.start("waits", &json!({}));
    owner.wait(&waits, &["waiting"]);
    post("signal", &waits, Some(json!({"name": "go", "payload": "hello"}))).is(204);
    assert_eq!(owner.wait(&waits, &["success"])["outputs"]["message"], "hello");
    post("cancel", &waits, Some(json!({}))).refuses(409, "conflict");
    let forked = post("fork", &waits, Some(json!({"at": "gate"}))).is(201).body;
    let fork = forked["execution"].as_str().expect("an id");
    assert_eq!(owner.wait(fork, &["waiting"])["forked_from"], waits.as_str());
    post("pause", fork, None).is(204);
    owner.wait(fork, &["paused"]);
    post("resume", fork, None).is(204);
    owner.wait(fork, &["waiting"]);
    post("cancel", fork, Some(json!({"reason": "enough"}))).is(204);
    owner.wait(fork, &["cancelled"]);
    post("signal", fork, Some(json!({"name": "go"}))).refuses(409, "conflict");
}

#[test]
fn a_fork_needs_what_its_origin_was_given_and_a_tenant_does_not_reach_this_machine() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let body = json!({"workflow": "waits", "grants": ["network.http=example.com"]});
    let granted = owner.post("/api/v1/executions", &[], &body).is(201).body;
    let granted = granted["execution"].as_str().expect("an id");
    owner.wait(granted, &["waiting"]);
    let editor = server.member(&owner, "editor");
    let fork = |person: &Person<'_>, id: &str| person.post(&format!("{ID}/fork"), &[id], &json!({"at": "gate"}));
    fork(&editor, granted).refuses(403, "forbidden");
    fork(&owner, granted).is(201);
    let plain = editor.start("waits", &json!({}));
    editor.wait(&plain, &["waiting"]);
    fork(&editor, &plain).is(201);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asks = format!(
        "akao: 1\nid: asks-here\nversion: 1.0.0\nroot: {{ type: HttpRequest, props: {{ url: \"http://127.0.0.1:{port}/\" }} }}\n"
    );
    owner.save("asks-here", &asks).is(201);
    for grants in [json!([format!("network.http=127.0.0.1:{port}")]), json!([])] {
        let body = json!({"workflow": "asks-here", "grants": grants});
        let started = owner.post("/api/v1/executions", &[], &body).is(201).body;
        let ended = owner.wait(started["execution"].as_str().expect("an id"), &["success", "failure"]);
        assert_eq!(ended["status"], "failure", "{ended:#}");
        assert_eq!(ended["error"]["kind"], "permission", "{ended:#}");
    }
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "somebody came");
}

#[test]
fn a_person_answers_a_task_in_its_own_name() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("asks", ASKS).is(201);
    let operator = server.member(&owner, "operator");
    let execution = owner.start("asks", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let listed = operator.ask("GET", "/api/v1/tasks", &[], "?status=open&role=release", None).is(200).body;
    let task = listed["items"][0]["task"].as_str().expect("a task").to_owned();
    let answer = json!({"approved": true, "comment": "looks good"});
    let complete = "/api/v1/tasks/{task}/complete";
    server.member(&owner, "editor").post(complete, &[&task], &answer).refuses(403, "forbidden");
    operator.post(complete, &[&task], &answer).refuses(403, "forbidden");
    owner.post("/api/v1/teams", &[], &json!({"team": "release", "role": "viewer"})).is(201);
    let user = operator.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned();
    owner.ask("PUT", "/api/v1/teams/{team}/members/{user}", &["release", &user], "", None).is(204);
    operator.post(complete, &[&task], &json!({"approved": true, "by": "somebody"})).refuses(400, "invalid_request");
    operator.post(complete, &[&task], &answer).is(204);
    operator.post(complete, &[&task], &answer).refuses(409, "conflict");
    let shown = operator.show("/api/v1/tasks/{task}", &[&task]).is(200).body;
    assert_eq!(shown["result"]["by"], "operator@example.com", "{shown:#}");
    owner.wait(&execution, &["success"]);
    let cases = [("assignee: Operator@example.com", true), ("assigneeRole: operator", true), ("assignee: eve", false)];
    for ((whom, is_for), number) in cases.into_iter().zip(1..) {
        let workflow = format!("asks-{number}");
        let text = ASKS.replace("id: asks", &format!("id: {workflow}")).replace("assigneeRole: release", whom);
        owner.save(&workflow, &text).is(201);
        let execution = owner.start(&workflow, &json!({}));
        owner.wait(&execution, &["waiting"]);
        let listed = operator.ask("GET", "/api/v1/tasks", &[], &format!("?execution={execution}"), None).is(200).body;
        let task = listed["items"][0]["task"].as_str().expect("a task").to_owned();
        match is_for {
            true => drop(operator.post(complete, &[&task], &answer).is(204)),
            false => {
                operator.post(complete, &[&task], &answer).refuses(403, "forbidden");
                owner.post(complete, &[&task], &answer).is(204);
            }
        }
    }
}

/// What of a stream is durable.
fn durable(events: &[Event]) -> Vec<Event> {
    events.iter().filter(|event| event.id.is_some()).cloned().collect()
}

fn all_events(owner: &Person<'_>, execution: &str) -> Vec<Event> {
    owner.events(execution, None, "", |_| false)
}

#[test]
fn events_can_be_taken_up_behind_any_of_them() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let execution = owner.start("hello", &json!({}));
    let events = all_events(&owner, &execution);
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((names.first(), names.last()), (Some(&"start"), Some(&"complete")), "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "log").count(), 1, "{names:?}");
    assert_eq!(events.last().expect("an end").data["outputs"], json!({"greeting": "Hello, world!"}));
    let durable = durable(&events);
    for (at, event) in durable.iter().enumerate() {
        let rest = owner.events(&execution, event.id.as_deref(), "", |_| false);
        assert_eq!(rest, durable[at + 1..], "behind {:?}", event.id);
    }
    let live = owner.events(&execution, None, "?live=true", |_| false);
    assert_eq!(live, durable, "who comes late sees the same");
    let bad = owner.with("last-event-id", "yesterday");
    bad.show("/api/v1/executions/{execution}/events", &[&execution]).refuses(400, "invalid_request");
}

#[test]
fn who_follows_from_the_beginning_and_who_comes_back_see_the_same() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let execution = owner.start("waits", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let is_waiting = |event: &Event| event.data["status"] == "waiting";
    let before = owner.events(&execution, None, "", is_waiting);
    let (early, late) = std::thread::scope(|scope| {
        let early = scope
            .spawn(|| owner.events(&execution, before.last().and_then(|event| event.id.as_deref()), "", |_| false));
        let signal = json!({"name": "go", "payload": 1});
        owner.post("/api/v1/executions/{execution}/signal", &[&execution], &signal).is(204);
        owner.wait(&execution, &["success"]);
        (early.join().expect("no panic"), all_events(&owner, &execution))
    });
    let joined: Vec<Event> = durable(&before).into_iter().chain(durable(&early)).collect();
    assert_eq!(joined, durable(&late));
}

#[test]
fn a_stream_ends_with_the_server_and_goes_on_with_the_next() {
    let server = Server::new();
    let (execution, token, seen) = {
        let owner = server.owner();
        owner.save("waits", WAITS).is(201);
        let execution = owner.start("waits", &json!({}));
        owner.wait(&execution, &["waiting"]);
        let seen = owner.events(&execution, None, "", |event| event.data["status"] == "waiting");
        (execution, owner.new_token(None), seen)
    };
    let server = server.restarted(rustix::process::Signal::TERM);
    let owner = server.token(&token);
    let signal = json!({"name": "go", "payload": 1});
    owner.post("/api/v1/executions/{execution}/signal", &[&execution], &signal).is(204);
    owner.wait(&execution, &["success"]);
    let rest = owner.events(&execution, seen.last().and_then(|event| event.id.as_deref()), "", |_| false);
    let joined: Vec<Event> = durable(&seen).into_iter().chain(durable(&rest)).collect();
    assert_eq!(joined, durable(&all_events(&owner, &execution)));
}
