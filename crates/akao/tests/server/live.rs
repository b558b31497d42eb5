//! The one connection of a console: subscriptions, taking up again, and who is let in.

use crate::server::{Person, Server, WITHIN};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use tungstenite::{Error, Message, WebSocket, client::IntoClientRequest, handshake::HandshakeError};

const WAITS: &str = "akao: 1\nid: waits\nversion: 1.0.0\noutputs: { message: \"${message}\" }\nroot:\n  type: Sequence\n  children:\n    - { type: LogMessage, props: { message: before } }\n    - { id: gate, type: WaitForSignal, props: { signalName: go, outputKey: message } }\n";

const ASKS: &str = "akao: 1\nid: asks\nversion: 1.0.0\nroot: { type: HumanTask, props: { title: Approve it } }\n";

const ALONE: &str = "akao: 1\nid: alone\nversion: 1.0.0\nsettings: { concurrency: { key: one, limit: 1 } }\nroot: { type: WaitForSignal, props: { signalName: go, outputKey: message } }\n";

struct Live(WebSocket<TcpStream>);

impl Live {
    /// A connection with these headers; the status when it is refused.
    fn try_open(person: &Person<'_>, origin: Option<&str>) -> Result<Self, u16> {
        let address = person.server.url.trim_start_matches("http://").to_owned();
        let mut request = format!("ws://{address}/api/v1/live").into_client_request().expect("a request");
        for (name, value) in &person.headers {
            let name: ureq::http::HeaderName = name.parse().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a value"));
        }
        let stream = TcpStream::connect(&address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let mut shaking = tungstenite::client(request, stream);
        loop {
            match shaking {
                Ok((socket, _)) => return Ok(Self(socket)),
                Err(HandshakeError::Interrupted(middle)) => shaking = middle.handshake(),
                Err(HandshakeError::Failure(Error::Http(response))) => return Err(response.status().as_u16()),
                Err(other) => panic!("{other}"),
            }
        }
    }

    fn open(person: &Person<'_>) -> Self {
        let origin = person.server.url.clone();
        let mut live = Self::try_open(person, Some(&origin)).expect("it is let in");
        let csrf = person.headers.iter().find(|(name, _)| name == "x-csrf-token").map(|(_, value)| value);
        live.say(&json!({"type": "hello", "csrf": csrf}));
        live.until("ready", |message| message["type"] == "ready");
        live
    }

    fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).expect("it is sent");
    }

    /// The next message; none when the connection was closed, with the code.
    fn next(&mut self) -> Result<Value, u16> {
        let end = Instant::now() + WITHIN;
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(frame)) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
                {
                    assert!(Instant::now() < end, "nothing came");
                }
                Err(_) => return Err(0),
            }
        }
    }

    /// The messages up to one that is wanted.
    #[track_caller]
    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let (end, mut seen) = (Instant::now() + WITHIN, Vec::new());
        loop {
            let message = self.next().unwrap_or_else(|code| panic!("closed with {code} before {what}: {seen:#?}"));
            let last = wanted(&message);
            seen.push(message);
            if last {
                return seen;
            }
            assert!(Instant::now() < end, "{what} did not come: {seen:#?}");
        }
    }
}

fn is_event<'a>(id: &'a str, event: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |message| message["type"] == "event" && message["id"] == id && message["event"] == event
}

#[test]
fn events_of_an_execution_are_told_and_taken_up_again() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let execution = owner.start("waits", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let mut live = Live::open(&owner);
    live.say(&json!({"type": "subscribe", "id": "a", "what": "execution", "execution": execution}));
    let first =
        live.until("the wait", |message| message["data"]["status"] == "waiting" && message["event"] == "status");
    assert!(first.iter().any(is_event("a", "start")) && first.iter().any(is_event("a", "log")), "{first:#?}");
    let cursor = first.last().expect("one")["cursor"].as_str().expect("a cursor").to_owned();
    drop(live);
    owner.post("/api/v1/executions/{execution}/signal", &[&execution], &json!({"name": "go", "payload": 5})).is(204);
    let mut live = Live::open(&server.token(&owner.new_token(None)));
    let again = json!({"type": "subscribe", "id": "b", "what": "execution", "execution": execution, "after": cursor});
    live.say(&again);
    let rest = live.until("the end", |message| message["type"] == "ended");
    assert!(rest.iter().any(is_event("b", "complete")), "{rest:#?}");
    assert!(!rest.iter().any(is_event("b", "start")), "what was seen is not told again: {rest:#?}");
    live.say(&again);
    live.until("a second one", |message| message["type"] == "subscribed");
    live.say(&json!({"type": "unsubscribe", "id": "b"}));
    live.until("its end", |message| message["type"] == "unsubscribed");
    live.say(&json!({"type": "subscribe", "id": "c", "what": "execution", "execution": "nothing"}));
    let refused = live.until("a refusal", |message| message["type"] == "error");
    assert_eq!(refused.last().expect("one")["code"], "not_found");
}

#[test]
fn lists_the_queue_and_tasks_are_told_to_their_tenant_alone() {
    let server = Server::new();
    let owner = server.owner();
    let stranger = server.other_owner(&owner, "globex");
    for (id, source) in [("asks", ASKS), ("alone", ALONE), ("waits", WAITS)] {
        owner.save(id, source).is(201);
    }
    let (mut live, mut foreign) = (Live::open(&owner), Live::open(&stranger));
    for live in [&mut live, &mut foreign] {
        for what in ["executions", "queue", "tasks"] {
            live.say(&json!({"type": "subscribe", "id": what, "what": what}));
            live.until(what, |message| message["type"] == "subscribed" && message["id"] == what);
        }
    }
    let asks = owner.start("asks", &json!({}));
    let seen = live.until("its task", is_event("tasks", "tasks"));
    let task = &seen.last().expect("one")["data"];
    assert_eq!((&task["execution"], &task["items"][0]["title"]), (&json!(asks), &json!("Approve it")));
    let first = owner.start("alone", &json!({}));
    let second = owner.start("alone", &json!({}));
    let seen = live.until("the queue", |message| {
        is_event("queue", "queue")(message) && message["data"]["items"][0]["id"] == json!(second)
    });
    let cursor = seen.iter().rev().find_map(|message| message["cursor"].as_str()).expect("a cursor").to_owned();
    owner.ask("POST", "/api/v1/executions/{execution}/cancel", &[&first], "", Some(&json!({}))).is(204);
    live.until("its end", |message| {
        is_event("executions", "execution")(message)
            && message["data"]["execution"] == json!(first)
            && message["data"]["status"] == "cancelled"
    });
    drop(live);
    let mut live = Live::open(&owner);
    live.say(&json!({"type": "subscribe", "id": "list", "what": "executions", "after": cursor}));
    live.until("what was missed", |message| message["data"]["execution"] == json!(first));
    foreign.say(&json!({"type": "ping"}));
    let heard = foreign.until("an answer", |message| message["type"] == "pong");
    let text = json!(heard).to_string();
    for id in [&asks, &first, &second] {
        assert!(!text.contains(id.as_str()), "{text}");
    }
}

#[test]
fn who_may_not_is_not_let_in_or_sent_away() {
    let server = Server::new();
    let owner = server.owner();
    let own = Some(server.url.as_str());
    assert_eq!(Live::try_open(&server.anybody(), own).err(), Some(401));
    assert_eq!(Live::try_open(&owner, Some("https://evil.example")).err(), Some(403));
    assert_eq!(Live::try_open(&owner, None).err(), Some(403), "a browser always says which page asks");
    let mut without = Live::try_open(&owner, own).expect("it is let in");
    without.say(&json!({"type": "hello", "csrf": "guessed"}));
    assert_eq!(without.next(), Err(4401));
    let mut silent = Live::try_open(&owner, own).expect("it is let in");
    silent.say(&json!({"type": "subscribe", "id": "a", "what": "executions"}));
    assert_eq!(silent.next(), Err(4401));
    let narrow = server.token(&owner.new_token(Some(&["tokens.own"])));
    let mut live = Live::open(&narrow);
    live.say(&json!({"type": "subscribe", "id": "a", "what": "executions"}));
    let refused = live.until("a refusal", |message| message["type"] == "error");
    assert_eq!(refused.last().expect("one")["code"], "forbidden");
    live.say(&json!({"type": "nonsense"}));
    assert_eq!(live.next(), Err(1008));
    let many: Vec<Live> = (0..16).map(|_| Live::open(&narrow)).collect();
    assert_eq!(Live::try_open(&narrow, own).err(), Some(429));
    drop(many);
    owner.get("/api/v1/live").refuses(400, "invalid_request");
}

/// The answer of a stream of events by a token, as it goes on.
fn stream_of(server: &Server, execution: &str, token: &str) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "GET /api/v1/executions/{execution}/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("a request");
    // Far less than the time between two signs of life.
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    stream
}

#[test]
fn whoever_is_refused_from_now_on_hears_nothing_more_at_once() {
    let server = Server::new();
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let execution = owner.start("waits", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let made = owner.post("/api/v1/tokens", &[], &json!({"name": "a test"})).is(201).body;
    let (id, token) = (made["id"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    let mut live = Live::open(&server.token(token));
    live.say(&json!({"type": "subscribe", "id": "a", "what": "execution", "execution": execution}));
    live.until("the wait", |message| message["data"]["status"] == "waiting" && message["event"] == "status");
    let mut events = stream_of(&server, &execution, token);
    let (mut heard, mut some) = (String::new(), [0; 1024]);
    while !heard.contains("\"waiting\"") {
        let bytes = events.read(&mut some).expect("it goes on");
        assert!(bytes > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&some[..bytes]));
    }
    // Somebody else is made a member meanwhile, which ends nothing.
    let viewer = server.member(&owner, "viewer");
    viewer.get("/api/v1/me").is(200);
    let begun = Instant::now();
    owner.delete("/api/v1/tokens/{token}", &[id]).is(204);
    owner.post("/api/v1/executions/{execution}/signal", &[&execution], &json!({"name": "go", "payload": 5})).is(204);
    owner.wait(&execution, &["success"]);
    let mut rest = String::new();
    events.read_to_string(&mut rest).expect("the stream ends");
    assert!(!rest.contains("success") && !rest.contains("complete"), "{rest}");
    let code = loop {
        match live.next() {
            Ok(message) => assert!(!message.to_string().contains("success"), "{message:#}"),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 4401);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// One who opens all streams that they can leaves some for others.
#[test]
fn who_holds_many_streams_leaves_some_for_others() {
    const OF_PERSON_MAX: usize = 1_000;
    crate::server::raise_file_limit();
    let server = Server::new();
    let owner = server.owner();
    owner.save("waits", WAITS).is(201);
    let execution = owner.start("waits", &json!({}));
    owner.wait(&execution, &["waiting"]);
    let viewer = server.member(&owner, "viewer").new_token(None);
    let other = owner.new_token(None);
    let open = |token: &str| {
        let mut stream = stream_of(&server, &execution, token);
        let mut head = vec![0; 12];
        stream.read_exact(&mut head).expect("an answer");
        (String::from_utf8(head).expect("text"), stream)
    };
    let mut held = Vec::new();
    for number in 0..OF_PERSON_MAX {
        let (head, stream) = open(&viewer);
        assert_eq!(head, "HTTP/1.1 200", "stream {number}");
        held.push(stream);
    }
    let (head, mut refused) = open(&viewer);
    let mut rest = String::new();
    refused.read_to_string(&mut rest).expect("a refusal");
    assert_eq!(head, "HTTP/1.1 429");
    assert!(rest.to_lowercase().contains("retry-after: 10") && rest.contains("too_many_requests"), "{rest}");
    assert_eq!(open(&other).0, "HTTP/1.1 200", "others have theirs");
    drop(held);
    let end = Instant::now() + WITHIN;
    while open(&viewer).0 != "HTTP/1.1 200" {
        assert!(Instant::now() < end, "places are given back");
    }
}
