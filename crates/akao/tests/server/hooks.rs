//! Hooks: signed messages start executions, once. Webhooks: others are told, also after a kill.

use crate::{
    server::{Answer, Person, Server, WITHIN},
    vault::{done, vault},
};
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use ureq::{Agent, http};

const HELLO: &str = include_str!("../../../../examples/hello/workflow.yaml");

const ASKS: &str = "akao: 1\nid: asks\nversion: 1.0.0\nroot: { type: HumanTask, props: { title: Approve it } }\n";

const FAILS: &str =
    "akao: 1\nid: fails\nversion: 1.0.0\nroot: { type: FailureNode, props: { message: it was to be } }\n";

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

fn key(secret: &str) -> hmac::Key {
    let bytes = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).expect("base 64"),
        None => secret.as_bytes().to_vec(),
    };
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
}

fn signature(secret: &str, id: &str, stamp: &str, body: &str) -> String {
    format!("v1,{}", STANDARD.encode(hmac::sign(&key(secret), format!("{id}.{stamp}.{body}").as_bytes())))
}

/// Sends a message to a path of the server with these headers.
fn send(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = send_to(&format!("{}{path}", server.url), headers, body);
    server.check("POST", "/hooks/{tenant}/{hook}", &answer);
    answer
}

fn send_to(address: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(WITHIN)).build().into();
    let mut request = http::Request::builder().method("POST").uri(address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = agent.run(request.body(body.to_owned()).expect("a request")).expect("an answer");
    let text = response.body_mut().read_to_string().expect("a body");
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
    }
}

/// Sends a message as Standard Webhooks say.
pub(crate) fn standard(server: &Server, hook: &Value, secret: &str, id: &str, stamp: u64, body: &str) -> Answer {
    let stamp = stamp.to_string();
    let signed = signature(secret, id, &stamp, body);
    let headers = [("webhook-id", id), ("webhook-timestamp", &stamp), ("webhook-signature", &signed)];
    send(server, hook["path"].as_str().expect("a path"), &headers, body)
}

pub(crate) fn make(owner: &Person<'_>, spec: &Value) -> Value {
    owner.post("/api/v1/hooks", &[], &json!({"name": "a hook", "spec": spec})).is(201).body
}

#[test]
fn a_signed_message_starts_an_execution_once() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let spec = json!({"workflow": "hello", "input": {"name": {"pointer": "/body/user/name"}}, "wait_ms": 20_000});
    let hook = make(&owner, &spec);
    let secret = hook["secret"].as_str().expect("a secret");
    let body = r#"{"user": {"name": "Ada"}}"#;
    let base = now_s();
    let first = standard(&server, &hook, secret, "msg_1", base, body).is(200).body;
    assert_eq!(first["outputs"], json!({"greeting": "Hello, Ada!"}));
    standard(&server, &hook, secret, "msg_1", base - 1, body).is(200);
    let again = standard(&server, &hook, secret, "msg_1", base - 2, body).is(200).body;
    assert_eq!(
        (&again["execution"], &again["repeated"], &again["outputs"]),
        (&first["execution"], &json!(true), &first["outputs"]),
        "a sender that repeats itself hears the end too"
    );
    let stamp = now_s();
    standard(&server, &hook, secret, "msg_2", stamp, body).is(200);
    standard(&server, &hook, secret, "msg_2", stamp, body).refuses(409, "conflict");
    let list = owner.ask("GET", "/api/v1/executions", &[], "?workflow=hello", None).is(200).body;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    standard(&server, &hook, secret, "msg_3", now_s() - 400, body).refuses(401, "unauthenticated");
    standard(&server, &hook, "whsec_AAAA", "msg_4", now_s(), body).refuses(401, "unauthenticated");
    send(&server, hook["path"].as_str().expect("a path"), &[], body).refuses(401, "unauthenticated");
    standard(&server, &json!({"path": "/hooks/acme/nothing"}), secret, "msg_5", now_s(), body)
        .refuses(404, "not_found");
    standard(&server, &json!({"path": "/hooks/globex/nothing"}), secret, "msg_5", now_s(), body)
        .refuses(404, "not_found");
    standard(&server, &hook, secret, "msg_6", now_s(), "no JSON").refuses(400, "invalid_request");
    standard(&server, &hook, secret, "msg_7", now_s(), r#"{"user": {"name": 5}}"#).refuses(422, "invalid_input");
    let audit = owner.get("/api/v1/audit").is(200).body.to_string();
    assert!(audit.contains("hook.created") && !audit.contains(secret), "the secret is shown once");
    let shown = owner.show("/api/v1/hooks/{hook}", &[hook["hook"].as_str().expect("an id")]).is(200).body;
    assert!(shown.get("secret").is_none());
}

#[test]
fn of_deliveries_at_the_same_time_one_counts() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let hook = make(&owner, &json!({"workflow": "hello", "wait_ms": 20_000}));
    let secret = hook["secret"].as_str().expect("a secret");
    let stamp = now_s();
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let one = || standard(&server, &hook, secret, "msg_1", stamp, r#"{"name": "Ada"}"#).status;
        let sent: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
        sent.into_iter().map(|sent| sent.join().expect("an answer")).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    // What could not be read is not what is missing.
    let path = hook["path"].as_str().expect("a path");
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 2\r\n");
    write!(stream, "{head}webhook-id: msg_\u{e9}\r\n\r\n{{}}").expect("a message");
    let mut odd = String::new();
    stream.read_to_string(&mut odd).expect("an answer");
    assert!(odd.starts_with("HTTP/1.1 400 ") && odd.contains("`webhook-id` is not plain text"), "{odd}");
}

#[test]
fn a_secret_is_rotated_with_an_overlap_and_github_is_understood() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let spec = json!({"workflow": "hello", "scheme": "github", "per_minute": 3,
        "input": {"name": {"pointer": "/headers/x-github-event"}}});
    let hook = make(&owner, &spec);
    let (id, secret) = (hook["hook"].as_str().expect("an id"), hook["secret"].as_str().expect("a secret"));
    let path = hook["path"].as_str().expect("a path");
    let github = |secret: &str, body: &str| {
        let tag = hmac::sign(&key(secret), body.as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let signed = format!("sha256={hex}");
        send(&server, path, &[("x-hub-signature-256", &signed), ("x-github-event", "push")], body)
    };
    let started = github(secret, "{\"n\": 1}").is(202).body;
    owner.wait(started["execution"].as_str().expect("an id"), &["success"]);
    let again = github(secret, "{\"n\": 1}").is(202).body;
    assert_eq!((&again["execution"], &again["repeated"]), (&started["execution"], &json!(true)));
    let rotated = owner.post("/api/v1/hooks/{hook}/rotate", &[id], &json!({"overlap_s": 1})).is(200).body;
    let newer = rotated["secret"].as_str().expect("a secret");
    assert_ne!(newer, secret);
    github(newer, "{\"n\": 2}").is(202);
    let limited = github(newer, "{\"n\": 3}");
    limited.refuses(429, "too_many_requests");
    std::thread::sleep(Duration::from_millis(1_100));
    github(secret, "{\"n\": 4}").refuses(401, "unauthenticated");
    owner.ask("POST", "/api/v1/hooks/{hook}/pause", &[id], "", None).is(200);
    github(newer, "{\"n\": 5}").refuses(409, "conflict");
    owner.delete("/api/v1/hooks/{hook}", &[id]).is(204);
    github(newer, "{\"n\": 6}").refuses(404, "not_found");
}

#[test]
fn a_secret_that_was_promised_to_count_is_not_replaced_unless_that_is_said() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let hook = make(&owner, &json!({"workflow": "hello"}));
    let webhook = json!({"name": "all", "spec": {"url": "https://example.com/"}});
    let webhook = owner.post("/api/v1/webhooks", &[], &webhook).is(201).body;
    for (rotate, id) in
        [("/api/v1/hooks/{hook}/rotate", &hook["hook"]), ("/api/v1/webhooks/{webhook}/rotate", &webhook["webhook"])]
    {
        let id = [id.as_str().expect("an id")];
        let first = owner.post(rotate, &id, &json!({"overlap_s": 0})).is(200).body;
        assert!(first["old_secret_until"].is_null(), "{first}");
        let until = owner.post(rotate, &id, &json!({})).is(200).body["old_secret_until"].clone();
        for again in [json!({}), json!({"overlap_s": 0}), json!({"replace_old": false})] {
            let refused = owner.post(rotate, &id, &again).refuses(409, "conflict").body;
            assert!(
                refused["detail"].as_str().is_some_and(|why| why.contains(until.as_str().expect("a time"))),
                "{refused}"
            );
            assert!(refused.to_string().contains("replace_old"), "{refused}");
        }
        let forced = owner.post(rotate, &id, &json!({"replace_old": true, "overlap_s": 1})).is(200).body;
        // One that counts no more is in nobody's way.
        let end = Instant::now() + WITHIN;
        while owner.post(rotate, &id, &json!({})).status != 200 {
            assert!(Instant::now() < end, "{forced:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // What was refused has replaced nothing: both secrets start.
    let hook = make(&owner, &json!({"workflow": "hello"}));
    let (id, first) = (hook["hook"].as_str().expect("an id"), hook["secret"].as_str().expect("a secret"));
    let second = owner.post("/api/v1/hooks/{hook}/rotate", &[id], &json!({})).is(200).body;
    owner.post("/api/v1/hooks/{hook}/rotate", &[id], &json!({})).refuses(409, "conflict");
    for (message, secret) in [("msg_1", first), ("msg_2", second["secret"].as_str().expect("a secret"))] {
        standard(&server, &hook, secret, message, now_s(), r#"{"name": "Ada"}"#).is(202);
    }
}

#[test]
fn an_answer_that_waits_comes_when_the_server_ends() {
    let mut server = Server::new();
    let (address, headers, asks) = {
        let owner = server.owner();
        owner.save("asks", ASKS).is(201);
        let hook = make(&owner, &json!({"workflow": "asks", "wait_ms": 30_000}));
        let stamp = now_s().to_string();
        let signed = signature(hook["secret"].as_str().expect("a secret"), "msg_1", &stamp, "{}");
        let headers = [("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", stamp), ("webhook-signature", signed)];
        (format!("{}{}", server.url, hook["path"].as_str().expect("a path")), headers, owner.new_token(None))
    };
    let sent = std::thread::spawn(move || {
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        send_to(&address, &headers, "{}")
    });
    let execution = {
        let owner = server.token(&asks);
        let end = Instant::now() + WITHIN;
        loop {
            let list = owner.ask("GET", "/api/v1/executions", &[], "?status=waiting", None).is(200).body;
            if let Some(found) = list["items"][0]["execution"].as_str() {
                break found.to_owned();
            }
            assert!(Instant::now() < end, "{list:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    assert!(server.end(Signal::TERM).success());
    let answer = sent.join().expect("an answer").is(202).body;
    assert_eq!((&answer["execution"], &answer["status"]), (&json!(execution), &Value::Null), "{answer:#}");
    let server = server.restarted_after_end();
    assert_eq!(server.token(&asks).wait(&execution, &["waiting"])["execution"], json!(execution));
}

#[test]
fn a_hook_of_somebody_who_has_left_stops() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let editor = server.member(&owner, "editor");
    let hook = make(&editor, &json!({"workflow": "hello"}));
    let secret = hook["secret"].as_str().expect("a secret");
    standard(&server, &hook, secret, "msg_1", now_s(), r#"{"name": "Ada"}"#).is(202);
    let user = editor.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned();
    owner.delete("/api/v1/members/{user}", &[&user]).is(204);
    standard(&server, &hook, secret, "msg_2", now_s(), r#"{"name": "Ada"}"#).refuses(409, "conflict");
    let shown = owner.show("/api/v1/hooks/{hook}", &[hook["hook"].as_str().expect("an id")]).is(200).body;
    assert_eq!(shown["state"], "stopped");
    assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("does not belong")), "{shown:#}");
}

#[test]
fn a_hook_with_grants_is_given_to_nobody_who_may_not_grant() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let hook = make(&owner, &json!({"workflow": "hello", "grants": ["network.http=example.com"]}));
    let id = hook["hook"].as_str().expect("an id");
    assert!(hook["spec"]["version"].is_string(), "what is granted something is a fixed version: {hook:#}");
    let plain = make(&owner, &json!({"workflow": "hello"}));
    assert!(plain["spec"]["version"].is_null(), "{plain:#}");
    let editor = server.member(&owner, "editor");
    let rotate = "/api/v1/hooks/{hook}/rotate";
    editor.post(rotate, &[id], &json!({})).refuses(403, "forbidden");
    let shown = owner.show("/api/v1/hooks/{hook}", &[id]).is(200).body;
    assert_eq!((&shown["user"], &shown["old_secret_until"]), (&hook["user"], &Value::Null));
    // Whoever learns a secret is the person in whose name it starts.
    let plain = plain["hook"].as_str().expect("an id");
    let rotated = editor.post(rotate, &[plain], &json!({})).is(200).body;
    assert_eq!(rotated["user"], editor.get("/api/v1/me").is(200).body["user"]);
}

/// Who is told: an address on this machine, what came there, and the status that it answers.
struct Receiver {
    url: String,
    came: mpsc::Receiver<(Vec<(String, String)>, String)>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/told", listener.local_addr().expect("an address"));
        let (told, came) = mpsc::channel();
        let status = Arc::new(AtomicU16::new(204));
        let answers = Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
                let (mut headers, mut length, mut line) = (Vec::new(), 0, String::new());
                if reader.read_line(&mut line).is_err() {
                    continue;
                }
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
                        break;
                    }
                    let (name, value) = line.split_once(':').expect("a header");
                    let (name, value) = (name.to_lowercase(), value.trim().to_owned());
                    if name == "content-length" {
                        length = value.parse().expect("a number");
                    }
                    headers.push((name, value));
                }
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let status = answers.load(Ordering::SeqCst);
                let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = told.send((headers, String::from_utf8(body).expect("text")));
            }
        });
        Self { url, came, status }
    }

    /// The next message, whose signature fits: its id and what it says.
    #[track_caller]
    fn next(&self, secrets: &[&str]) -> (String, Value) {
        let (headers, body) = self.came.recv_timeout(WITHIN).expect("a message");
        let header = |name: &str| {
            headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (id, stamp) = (header("webhook-id"), header("webhook-timestamp"));
        let expected: Vec<String> = secrets.iter().map(|secret| signature(secret, &id, &stamp, &body)).collect();
        assert_eq!(header("webhook-signature"), expected.join(" "));
        assert!(stamp.parse::<u64>().is_ok_and(|stamp| stamp.abs_diff(now_s()) < 60), "{stamp}");
        (id, serde_json::from_str(&body).expect("JSON"))
    }
}

fn private() -> Server {
    Server::started(tempfile::tempdir().expect("a folder"), |command| {
        command.arg("--allow-private-webhooks");
    })
}

#[test]
fn others_are_told_signed_and_again_until_they_take_it() {
    let server = private();
    let owner = server.owner();
    for (id, source) in [("hello", HELLO), ("asks", ASKS), ("fails", FAILS)] {
        owner.save(id, source).is(201);
    }
    owner.wait(&owner.start("hello", &json!({"name": "before"})), &["success"]);
    let receiver = Receiver::new();
    let body = json!({"name": "all", "spec": {"url": receiver.url}});
    let made = owner.post("/api/v1/webhooks", &[], &body).is(201).body;
    let (id, secret) = (made["webhook"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    let hello = owner.start("hello", &json!({"name": "Ada"}));
    let (_, told) = receiver.next(&[secret]);
    assert_eq!(
        (&told["type"], &told["data"]["execution"]),
        (&json!("execution.succeeded"), &json!(hello)),
        "nothing from before"
    );
    assert!(!told.to_string().contains("Ada"), "no value of the execution: {told}");
    let asks = owner.start("asks", &json!({}));
    let (_, told) = receiver.next(&[secret]);
    assert_eq!((&told["type"], &told["data"]["execution"]), (&json!("task.opened"), &json!(asks)));
    receiver.status.store(500, Ordering::SeqCst);
    let fails = owner.start("fails", &json!({}));
    let (message, told) = receiver.next(&[secret]);
    assert_eq!((&told["type"], &told["data"]["execution"]), (&json!("execution.failed"), &json!(fails)));
    assert!(told["data"]["error"]["kind"].is_string() && !told.to_string().contains("it was to be"), "{told}");
    receiver.status.store(204, Ordering::SeqCst);
    let newer = owner.post("/api/v1/webhooks/{webhook}/rotate", &[id], &json!({})).is(200).body;
    let newer = newer["secret"].as_str().expect("a secret");
    let (again, _) = receiver.next(&[newer, secret]);
    assert_eq!(again, message, "the second attempt has the same id");
    let list = |query: &str| owner.ask("GET", "/api/v1/webhooks/{webhook}/deliveries", &[id], query, None).is(200).body;
    let end = Instant::now() + WITHIN;
    let delivered = loop {
        let delivered = list("?state=delivered")["items"].as_array().expect("a list").clone();
        if delivered.len() == 3 {
            break delivered;
        }
        assert!(Instant::now() < end, "{delivered:#?}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&delivered[0]["attempts"], &delivered[0]["status"]), (&json!(2), &json!(204)));
    let delivery = delivered[0]["delivery"].as_str().expect("an id");
    let redeliver = "/api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver";
    owner.ask("POST", redeliver, &[id, delivery], "", None).is(202);
    assert_eq!(receiver.next(&[newer, secret]).0, message);
    receiver.status.store(410, Ordering::SeqCst);
    owner.start("hello", &json!({"name": "Bob"}));
    receiver.next(&[newer, secret]);
    let end = Instant::now() + WITHIN;
    while owner.show("/api/v1/webhooks/{webhook}", &[id]).is(200).body["state"] != "disabled" {
        assert!(Instant::now() < end, "an address that is gone is not told any more");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_webhook_is_told_what_its_person_may_see_and_only_while_it_is_active() {
    let server = private();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    owner.save("asks", ASKS).is(201);
    let before = owner.start("asks", &json!({}));
    owner.wait(&before, &["waiting"]);
    let editor = server.member(&owner, "editor");
    let receiver = Receiver::new();
    let made = editor.post("/api/v1/webhooks", &[], &json!({"name": "all", "spec": {"url": receiver.url}}));
    let made = made.is(201).body;
    let (id, secret) = (made["webhook"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    // The execution changes now; its task is older than the webhook.
    owner.ask("POST", "/api/v1/executions/{execution}/pause", &[&before], "", None).is(204);
    let first = owner.start("hello", &json!({"name": "Ada"}));
    assert_eq!(receiver.next(&[secret]).1["data"]["execution"], json!(first));
    owner.ask("POST", "/api/v1/webhooks/{webhook}/pause", &[id], "", None).is(200);
    owner.wait(&owner.start("hello", &json!({"name": "nobody"})), &["success"]);
    editor.ask("POST", "/api/v1/webhooks/{webhook}/resume", &[id], "", None).is(200);
    let second = owner.start("hello", &json!({"name": "Bob"}));
    assert_eq!(receiver.next(&[secret]).1["data"]["execution"], json!(second), "nothing of the rest between");
    let user = editor.get("/api/v1/me").is(200).body["user"].as_str().expect("an id").to_owned();
    owner.delete("/api/v1/members/{user}", &[&user]).is(204);
    owner.start("hello", &json!({"name": "Eve"}));
    let end = Instant::now() + WITHIN;
    let shown = loop {
        let shown = owner.show("/api/v1/webhooks/{webhook}", &[id]).is(200).body;
        if shown["state"] == "disabled" {
            break shown;
        }
        assert!(Instant::now() < end, "{shown:#}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("does not belong")), "{shown:#}");
    assert!(receiver.came.try_recv().is_err(), "what nobody may see is not told");
}

#[test]
fn others_are_told_after_keys_were_made_anew_and_what_does_not_open_says_so() {
    let server = private();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let receiver = Receiver::new();
    let body = json!({"name": "all", "spec": {"url": receiver.url}});
    let made = owner.post("/api/v1/webhooks", &[], &body).is(201).body;
    let (id, secret) = (made["webhook"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    let rotated = owner.post("/api/v1/webhooks/{webhook}/rotate", &[id], &json!({})).is(200).body;
    let secrets = [rotated["secret"].as_str().expect("a secret"), secret];
    let start = |name: &str| owner.start("hello", &json!({"name": name}));
    let first = start("first");
    assert_eq!(receiver.next(&secrets).1["data"]["execution"], json!(first));
    for what in [&["rotate", "--tenant", "acme"][..], &["rotate", "--people"], &["rotate"]] {
        done(&vault(&server, what, |_| ()));
        let next = start("next");
        assert_eq!(receiver.next(&secrets).1["data"]["execution"], json!(next), "{what:?}");
    }
    // Whatever of it does not open: the delivery says so, and is tried again.
    let newest = || owner.show("/api/v1/webhooks/{webhook}/deliveries", &[id]).is(200).body["items"][0].clone();
    let seal = |column: &str, value: &str| server.edit(&format!("UPDATE webhook SET {column} = {value}"));
    let last = start("last");
    assert_eq!(receiver.next(&secrets).1["data"]["execution"], json!(last));
    seal("secret", "'v1.99.' || secret");
    let hidden = start("hidden");
    let attempts = || newest()["attempts"].as_i64().filter(|_| newest()["subject"] == hidden).unwrap_or(0);
    let mut before = 0;
    for other in ["secret", "spec"] {
        let end = Instant::now() + WITHIN;
        while attempts() <= before {
            assert!(Instant::now() < end, "{other}: {:#}", newest());
            std::thread::sleep(Duration::from_millis(20));
        }
        let told = newest();
        assert_eq!((&told["state"], &told["status"]), (&json!("pending"), &Value::Null), "{told:#}");
        assert!(told["error"].as_str().is_some_and(|error| error.contains("cannot be opened")), "{told:#}");
        // At no moment does all of it open, so that no attempt in between succeeds.
        if other == "secret" {
            seal("spec", "'v1.99.' || spec");
        }
        seal(other, &format!("substr({other}, 7)"));
        before = attempts();
    }
    let delivery = newest()["delivery"].as_str().expect("an id").to_owned();
    let redeliver = "/api/v1/webhooks/{webhook}/deliveries/{delivery}/redeliver";
    owner.ask("POST", redeliver, &[id, &delivery], "", None).is(202);
    assert_eq!(receiver.next(&secrets).1["data"]["execution"], json!(hidden));
}

#[test]
fn an_address_that_does_not_answer_keeps_no_other_waiting() {
    let server = private();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let (deaf, receiver) = (Receiver::new(), Receiver::new());
    deaf.status.store(500, Ordering::SeqCst);
    let make =
        |receiver: &Receiver| owner.post("/api/v1/webhooks", &[], &json!({"name": "x", "spec": {"url": receiver.url}}));
    make(&deaf).is(201);
    let secret = make(&receiver).is(201).body["secret"].as_str().expect("a secret").to_owned();
    // More than one look takes of a webhook.
    let ids: Vec<String> = (0..60).map(|number| owner.start("hello", &json!({"name": format!("{number}")}))).collect();
    let told: Vec<Value> = ids.iter().map(|_| receiver.next(&[&secret]).1["data"]["execution"].clone()).collect();
    assert!(ids.iter().all(|id| told.contains(&json!(id))), "{told:?}");
}

#[test]
fn what_happened_before_a_kill_is_told_after_it_once() {
    let mut server = private();
    let receiver = Receiver::new();
    let (token, secret) = {
        let owner = server.owner();
        owner.save("hello", HELLO).is(201);
        let body = json!({"name": "all", "spec": {"url": receiver.url, "events": ["execution.succeeded"]}});
        let made = owner.post("/api/v1/webhooks", &[], &body).is(201).body;
        (owner.new_token(None), made["secret"].as_str().expect("a secret").to_owned())
    };
    receiver.status.store(503, Ordering::SeqCst);
    let ids: Vec<String> = {
        let owner = server.token(&token);
        (0..5).map(|number| owner.start("hello", &json!({"name": format!("{number}")}))).collect()
    };
    ids.iter().for_each(|id| drop(server.token(&token).wait(id, &["success"])));
    server.end(Signal::KILL);
    // What it sent before it was killed may still be read.
    while receiver.came.recv_timeout(Duration::from_millis(300)).is_ok() {}
    receiver.status.store(204, Ordering::SeqCst);
    let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().expect("a folder"));
    let platform = server.platform.clone();
    drop(server);
    let server = Server::on(folder, platform, |command| {
        command.arg("--allow-private-webhooks");
    });
    let mut told: Vec<String> =
        (0..5).map(|_| receiver.next(&[&secret]).1["data"]["execution"].as_str().expect("an id").to_owned()).collect();
    told.sort();
    let mut expected = ids;
    expected.sort();
    assert_eq!(told, expected);
    assert!(receiver.came.recv_timeout(Duration::from_millis(300)).is_err(), "nothing twice");
    drop(server);
}

#[test]
fn private_addresses_are_not_reached_unless_the_operator_says_so() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", HELLO).is(201);
    let make = |url: &str| owner.post("/api/v1/webhooks", &[], &json!({"name": "x", "spec": {"url": url}}));
    for url in [
        "http://example.com/",
        "ftp://example.com/",
        "https://ada:secret@example.com/",
        "no address",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1:8443/",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
    ] {
        make(url).refuses(400, "invalid_request");
    }
    let made = make("https://example.com:8443/key/of/a/chat?token=x").is(201).body;
    assert_eq!(made["spec"]["url"], "https://example.com:8443/key/of/a/chat?token=x");
    let viewer = server.member(&owner, "viewer");
    let shown = viewer.show("/api/v1/webhooks/{webhook}", &[made["webhook"].as_str().expect("an id")]).is(200).body;
    assert_eq!(shown["spec"]["url"], "https://example.com:8443/…", "an address may be all that keeps others from it");
    assert!(!viewer.get("/api/v1/webhooks").is(200).body.to_string().contains("token"));
    assert!(!owner.get("/api/v1/audit").is(200).body.to_string().contains("/key/of"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // What a name stands for is known when it is told.
    let port = listener.local_addr().expect("an address").port();
    let made = make(&format!("https://localhost:{port}/")).is(201);
    let id = made.body["webhook"].as_str().expect("an id");
    let change = json!({"name": "x", "spec": {"url": "https://192.168.0.1/"}});
    let known = owner.with("if-match", made.header("etag"));
    known.ask("PUT", "/api/v1/webhooks/{webhook}", &[id], "", Some(&change)).refuses(400, "invalid_request");
    owner.start("hello", &json!({"name": "Ada"}));
    let end = Instant::now() + WITHIN;
    let error = loop {
        let list = owner.show("/api/v1/webhooks/{webhook}/deliveries", &[id]).is(200).body;
        if let Some(error) = list["items"][0]["error"].as_str() {
            break error.to_owned();
        }
        assert!(Instant::now() < end, "{list:#}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(error.contains("is not reached by webhooks"), "{error}");
    listener.set_nonblocking(true).expect("a setting");
    assert!(listener.accept().is_err(), "nobody came");
}
