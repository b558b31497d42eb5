//! `Email` against a small SMTP server.

use crate::support::Project;
use akao_contract::ErrorKind;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

type Lines = Arc<Mutex<Vec<String>>>;

/// A server that refuses recipients whose address starts with `gone` for good and with `busy` for now.
async fn serve() -> (SocketAddr, Lines) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lines = Lines::default();
    let seen = Arc::clone(&lines);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            talk(BufReader::new(socket), &seen).await;
        }
    });
    (address, lines)
}

async fn talk(mut socket: BufReader<TcpStream>, seen: &Lines) {
    socket.write_all(b"220 test\r\n").await.unwrap();
    let (mut line, mut in_data) = (String::new(), false);
    while socket.read_line(&mut line).await.unwrap_or(0) > 0 {
        let text = line.trim_end().to_owned();
        line.clear();
        seen.lock().unwrap().push(text.clone());
        let answer = match text.get(..4).unwrap_or(&text) {
            "." => "250 taken as 42\r\n",
            _ if in_data => continue,
            "EHLO" => "250-test\r\n250 AUTH PLAIN\r\n",
            "DATA" => "354 go on\r\n",
            "RCPT" if text.contains("<gone") => "550 no such person\r\n",
            "RCPT" if text.contains("<busy") => "450 later\r\n",
            "AUTH" => "235 welcome\r\n",
            _ => "250 ok\r\n",
        };
        in_data = text == "DATA";
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn props(address: SocketAddr, more: &Value) -> Value {
    let mut props = json!({
        "host": "127.0.0.1", "port": address.port(), "tls": "none", "from": "Akao <akao@example.com>",
        "to": ["ops@example.com"], "subject": "Done", "text": "All in.",
    });
    props.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    props
}

#[tokio::test]
async fn a_message_is_handed_over() {
    let (address, lines) = serve().await;
    let project = Project::new().grant(&format!("network.tcp={address}"));
    let more = json!({
        "cc": ["Tổ <to@example.com>"], "bcc": ["hidden@example.com"], "replyTo": "help@example.com",
        "subject": "Grüße", "html": "<p>All in.</p>", "username": "me", "password": "word", "text": "line\n.\nmore",
    });
    let receipt = project.output("Email", props(address, &more), "receipt").await;
    assert_eq!(
        receipt,
        json!({
            "messageId": "<blake3.key@akao>",
            "accepted": ["ops@example.com", "to@example.com", "hidden@example.com"],
            "response": "taken as 42",
        })
    );
    let seen = lines.lock().unwrap().join("\n");
    for text in [
        "MAIL FROM:<akao@example.com>",
        "RCPT TO:<hidden@example.com>",
        "AUTH PLAIN AG1lAHdvcmQ=",
        "Message-ID: <blake3.key@akao>",
        "From: Akao <akao@example.com>",
        "Reply-To: help@example.com",
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=",
        "multipart/alternative",
    ] {
        assert!(seen.contains(text), "{text} is missing in {seen}");
    }
    assert!(!seen.contains("Bcc"), "{seen}");
}

#[tokio::test]
async fn what_cannot_be_sent_is_said() {
    let (address, lines) = serve().await;
    let project = Project::new().grant(&format!("network.tcp={address}"));
    for (more, kind, message) in [
        (json!({"to": ["gone@example.com"]}), ErrorKind::User, "no such person"),
        (json!({"to": ["busy@example.com"]}), ErrorKind::Connection, "later"),
        (json!({"tls": "starttls"}), ErrorKind::Protocol, "does not offer STARTTLS"),
        (json!({"port": 1}), ErrorKind::Permission, "127.0.0.1:1 is not reachable without a grant"),
        (json!({"to": ["ops"]}), ErrorKind::Input, "`ops` in `to` is not an address"),
        (json!({"to": ["a@example.com\r\nBcc: b@example.com"]}), ErrorKind::Input, "control character"),
        (json!({"from": "A\r\nX: y <a@example.com>"}), ErrorKind::Input, "control character"),
        (json!({"subject": "Hi\r\nBcc: b@example.com"}), ErrorKind::Input, "`subject` holds a line break"),
        (json!({"text": null}), ErrorKind::Input, "give `text`, `html` or both"),
        (json!({"to": vec!["a@example.com"; 101]}), ErrorKind::Input, "more than 100 recipients"),
        (json!({"tls": "implicit", "ca": "no certificate"}), ErrorKind::Input, "`ca` holds no certificate"),
    ] {
        let (found, text) = project.failure("Email", props(address, &more)).await;
        assert!(found == kind && text.contains(message), "{more}: {found} {text}");
    }
    assert!(!lines.lock().unwrap().iter().any(|line| line == "DATA"), "something was sent");
}

/// A server that talks without an end: in one line, in many lines of one answer, or slowly.
#[tokio::test]
async fn a_server_that_never_ends_its_line_is_left() {
    for chunk in ["220 hello hello hello ", "220-hello\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            while socket.write_all(chunk.repeat(1000).as_bytes()).await.is_ok() {}
        });
        let project = Project::new().grant(&format!("network.tcp={address}"));
        let (kind, text) = project.failure("Email", props(address, &json!({"timeout": "20s"}))).await;
        assert!(matches!(kind, ErrorKind::Connection | ErrorKind::Protocol), "{chunk:?}: {kind} {text}");
        assert!(text.contains("more than") || text.contains("too l"), "{chunk:?}: {text}");
    }
}
