//! What the server tells of itself: figures, traces, its interface.

use crate::{
    hooks,
    server::{Server, WITHIN},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Command,
    sync::mpsc,
};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const OTHER: &str = "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A collector of traces, which gives the spans that it was told.
fn collector() -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (told, spans) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
            let (mut length, mut first) = (0, String::new());
            reader.read_line(&mut first).expect("a line");
            assert!(first.starts_with("POST /v1/traces "), "{first}");
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                .expect("an answer");
            let document: Value = serde_json::from_slice(&body).expect("JSON");
            let spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone();
            spans.into_iter().for_each(|span| drop(told.send(span)));
        }
    });
    (url, spans)
}

#[test]
fn a_part_of_the_traces_that_cannot_be_meant_is_refused_also_without_a_collector() {
    let folder = tempfile::tempdir().expect("a folder");
    for ratio in ["7", "-0.1", "NaN"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
        let output = command.arg(format!("--trace-ratio={ratio}")).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains("from 0 to 1"), "{ratio}: {told}");
    }
}

#[test]
fn one_trace_leads_from_a_request_to_the_steps_that_it_started() {
    let (url, spans) = collector();
    let server = Server::started(tempfile::tempdir().expect("a folder"), |command| {
        command.args(["--otlp-endpoint", &url, "--trace-ratio", "0"]);
    });
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    // Nobody who is not known decides what is told.
    server.anybody().with("traceparent", OTHER).get("/api/v1/openapi.json").is(200);
    server.anybody().with("traceparent", OTHER).get("/api/v1/executions").is(401);
    let body = json!({"workflow": "hello", "input": {"name": "Ada"}});
    let started = owner.with("traceparent", PARENT).post("/api/v1/executions", &[], &body).is(201).body;
    let execution = started["execution"].as_str().expect("an id");
    owner.wait(execution, &["success"]);
    let mut found: Vec<Value> = Vec::new();
    let names = |found: &[Value]| -> BTreeSet<String> {
        found.iter().filter_map(|span| span["name"].as_str().map(str::to_owned)).collect()
    };
    while !["POST /api/v1/executions", "execution hello", "step LogMessage"]
        .iter()
        .all(|name| names(&found).contains(*name))
    {
        found.push(spans.recv_timeout(WITHIN).unwrap_or_else(|_| panic!("not all came: {:?}", names(&found))));
    }
    let span = |name: &str| found.iter().find(|span| span["name"] == name).expect("a span");
    let (request, whole, step) = (span("POST /api/v1/executions"), span("execution hello"), span("step LogMessage"));
    for span in &found {
        assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c", "no other trace is told: {span:#}");
    }
    assert_eq!(request["parentSpanId"], "b7ad6b7169203331");
    assert_eq!((&whole["parentSpanId"], &step["parentSpanId"]), (&request["spanId"], &whole["spanId"]));
}

#[test]
fn a_schedule_a_fork_and_a_hook_are_one_trace_with_what_they_start() {
    let (url, spans) = collector();
    let server = Server::started(tempfile::tempdir().expect("a folder"), |command| {
        command.args(["--otlp-endpoint", &url, "--trace-ratio", "1"]);
    });
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let body = json!({"name": "x", "spec": {"workflow": "hello", "cron": "@yearly"}});
    let schedule = owner.post("/api/v1/schedules", &[], &body).is(201).body;
    let schedule = [schedule["schedule"].as_str().expect("an id")];
    let trigger = "/api/v1/schedules/{schedule}/trigger";
    let started = owner.with("traceparent", PARENT).ask("POST", trigger, &schedule, "", None).is(201).body;
    let first = started["execution"].as_str().expect("an id");
    owner.wait(first, &["success"]);
    let fork = "/api/v1/executions/{execution}/fork";
    let forked = owner.with("traceparent", OTHER).post(fork, &[first], &json!({"at": "/1"})).is(201).body;
    owner.wait(forked["execution"].as_str().expect("an id"), &["success"]);
    let hook = hooks::make(&owner, &json!({"workflow": "hello"}));
    let secret = hook["secret"].as_str().expect("a secret");
    let received = hooks::standard(&server, &hook, secret, "msg_1", hooks::now_s(), "{}").is(202).body;
    owner.wait(received["execution"].as_str().expect("an id"), &["success"]);
    let mut found: Vec<Value> = Vec::new();
    for request in [format!("POST {trigger}"), format!("POST {fork}"), "POST /hooks/{tenant}/{hook}".to_owned()] {
        let below = |found: &[Value], of: &Value, name: &str| {
            let is_it = |span: &&Value| {
                span["name"] == name && span["parentSpanId"] == of["spanId"] && span["traceId"] == of["traceId"]
            };
            found.iter().find(is_it).cloned()
        };
        loop {
            let whole = found.iter().find(|span| span["name"] == json!(request));
            let execution = whole.and_then(|request| below(&found, request, "execution hello"));
            if execution.is_some_and(|execution| below(&found, &execution, "step LogMessage").is_some()) {
                break;
            }
            let next = spans.recv_timeout(WITHIN);
            found.push(next.unwrap_or_else(|_| panic!("{request} leads to no step: {found:#?}")));
        }
    }
}

/// The names of figures on a page.
fn names(page: &str) -> BTreeSet<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn figures_are_read_with_a_token_that_was_made_for_it() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    owner.wait(&owner.start("hello", &json!({"name": "Ada"})), &["success"]);
    owner.get("/metrics").is(200);
    server.token(&owner.new_token(None)).get("/metrics").refuses(403, "forbidden");
    let scraper = server.token(&owner.new_token(Some(&["server.metrics"])));
    let page = scraper.get("/metrics").is(200).body;
    let page = page.as_str().expect("text");
    for line in [
        "akao_http_requests_total{operation=\"start_execution\",status=\"2xx\"} 1",
        "akao_steps_total{type=\"LogMessage\",status=\"success\"} 1",
        "akao_queue_waiting 0",
        "akao_live_connections 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
    }
    assert!(!page.contains("acme") && !page.contains("example.com"), "no name of a tenant or person");
    scraper.get("/api/v1/workflows").refuses(403, "forbidden");
    let admin = server.member(&owner, "admin");
    let asked = json!({"name": "x", "permissions": ["server.metrics"]});
    admin.post("/api/v1/tokens", &[], &asked).refuses(403, "forbidden");
    // What dashboard and alerts ask for is there.
    let known = names(page);
    for file in ["deploy/grafana/akao.json", "deploy/prometheus/alerts.yaml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        let asked: BTreeSet<&str> =
            words.filter(|word| word.starts_with("akao_") || word.starts_with("process_")).collect();
        assert!(asked.len() > 5, "{file} asks for little: {asked:?}");
        for name in asked {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            assert!(known.contains(name) || known.contains(base), "{file} asks for {name}, which is not there");
        }
    }
}

#[test]
fn the_interface_is_told_in_two_versions_and_on_a_page() {
    let server = Server::new();
    let anybody = server.anybody();
    let newest = anybody.get("/api/v1/openapi.json").is(200).body;
    let older = anybody.get("/api/v1/openapi-3.0.json").is(200).body;
    assert_eq!((&newest["openapi"], &older["openapi"]), (&json!("3.1.0"), &json!("3.0.3")));
    let page = anybody.get("/reference").is(200);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.body.as_str().expect("text");
    assert!(
        !text.contains("<script>") && !text.contains(" style=") && !text.contains("http"),
        "all of it is this server's"
    );
    anybody.get("/reference.js").is(200);
    anybody.get("/reference.css").is(200);
}

#[test]
fn lines_for_the_operator_are_json_on_standard_output() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_akao"));
    let folder = tempfile::tempdir().expect("a folder");
    command.args(["serve", "-v", "--listen", "127.0.0.1:0", "--json", "--data-dir"]).arg(folder.path());
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let told: Value = serde_json::from_str(&line).expect("JSON");
    let url = told["url"].as_str().expect("an address");
    let asked = ureq::get(format!("{url}/healthz")).call().expect("an answer");
    let id = asked.headers()["x-request-id"].to_str().expect("text").to_owned();
    let found = out.lines().map_while(Result::ok).find_map(|line| {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        (line["correlationId"] == json!(id)).then_some(line)
    });
    assert_eq!(found.expect("a line of the request")["level"], "DEBUG");
    // Memory that is idle is not rounded up to huge pages.
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("the process is there");
    let huge = status.lines().find_map(|line| line.strip_prefix("THP_enabled:"));
    assert!(huge.is_none_or(|enabled| enabled.trim() == "0"), "{status}");
    child.kill().expect("it is there");
    child.wait().expect("it ends");
}
