//! `HttpRequest` against a server on loopback.

use crate::support::Project;
use akao_contract::{ErrorKind, OutcomeStatus};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

type Requests = Arc<Mutex<Vec<String>>>;

/// Answers each request with what `answer` makes of it and of how many came before; nothing closes the connection.
async fn serve(answer: impl Fn(&str, usize) -> Option<String> + Send + 'static) -> (SocketAddr, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Requests::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let request = read(&mut socket).await;
            let count = seen.lock().unwrap().len();
            seen.lock().unwrap().push(request.clone());
            if let Some(text) = answer(&request, count) {
                socket.write_all(text.as_bytes()).await.unwrap();
            }
        }
    });
    (address, requests)
}

async fn read(socket: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0u8; 4096]);
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
}

fn answer(status: u16, media_type: &str, body: &str) -> Option<String> {
    let length = body.len();
    Some(format!("HTTP/1.1 {status} x\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"))
}

#[tokio::test]
async fn bodies_become_data_by_type_and_wish() {
    let text = "{\"a\": [1, 2.5]}";
    for (media_type, wanted, data) in [
        ("application/json", "auto", json!({"a": [1, 2.5]})),
        ("application/problem+json; charset=utf-8", "auto", json!({"a": [1, 2.5]})),
        ("text/plain", "auto", json!(text)),
        ("application/xml", "auto", json!(text)),
        ("text/plain", "json", json!({"a": [1, 2.5]})),
        ("application/json", "text", json!(text)),
    ] {
        let (address, _) = serve(move |_, _| answer(200, media_type, text)).await;
        let project = Project::new().grant(&format!("network.http={address}"));
        let props = json!({"url": format!("http://{address}/"), "responseType": wanted});
        let response = project.output("HttpRequest", props, "response").await;
        assert_eq!((&response["status"], &response["data"]), (&json!(200), &data), "{media_type} {wanted}");
        assert_eq!(response["headers"]["content-type"], media_type);
    }
    for (media_type, wanted) in [("image/png", "auto"), ("text/plain", "binary")] {
        let (address, _) = serve(move |_, _| answer(200, media_type, "bytes")).await;
        let project = Project::new().grant(&format!("network.http={address}"));
        let props = json!({"url": format!("http://{address}/"), "responseType": wanted});
        let data = project.output("HttpRequest", props, "response").await["data"].clone();
        assert_eq!(data["media_type"], media_type);
        assert_eq!(project.blob(&data), b"bytes");
    }
}

#[tokio::test]
async fn what_is_given_is_what_is_sent() {
    let (address, requests) = serve(|_, _| answer(204, "text/plain", "")).await;
    let project = Project::new().grant(&format!("network.http={address}"));
    for (props, start, lines, body) in [
        (json!({}), "GET / HTTP/1.1", vec![], ""),
        (
            json!({"query": {"a": "x y", "b": [1, true, null], "c": null}}),
            "GET /?a=x+y&b=1&b=true HTTP/1.1",
            vec![],
            "",
        ),
        (
            json!({"method": "POST", "body": {"z": 1, "a": [null]}}),
            "POST / HTTP/1.1",
            vec!["content-type: application/json", "idempotency-key: blake3:key"],
            "{\"z\":1,\"a\":[null]}",
        ),
        (
            json!({"method": "PUT", "body": "a=b", "headers": {"Content-Type": "x/y", "Idempotency-Key": "mine", "N": 5}}),
            "PUT / HTTP/1.1",
            vec!["content-type: x/y", "idempotency-key: mine", "n: 5"],
            "a=b",
        ),
        (json!({"method": "DELETE"}), "DELETE / HTTP/1.1", vec!["idempotency-key: blake3:key"], ""),
    ] {
        requests.lock().unwrap().clear();
        let mut props = props;
        props["url"] = json!(format!("http://{address}/"));
        let response = project.output("HttpRequest", props, "response").await;
        assert_eq!(response["data"], Value::Null);
        let request = requests.lock().unwrap().remove(0);
        let (head, sent) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(start), "{head}");
        assert_eq!(sent, body);
        for line in &lines {
            assert!(head.contains(line), "{line} is missing in {head}");
        }
        assert_eq!(
            head.contains("idempotency-key"),
            lines.iter().any(|line| line.starts_with("idempotency")),
            "{head}"
        );
    }
}

#[tokio::test]
async fn other_statuses_fail_and_keep_the_answer() {
    for (status, kind, retryable) in [
        (302, ErrorKind::User, false),
        (400, ErrorKind::User, false),
        (401, ErrorKind::User, false),
        (404, ErrorKind::NotFound, false),
        (410, ErrorKind::NotFound, false),
        (429, ErrorKind::Connection, true),
        (503, ErrorKind::Connection, true),
    ] {
        let (address, requests) = serve(move |_, _| answer(status, "application/json", "{\"why\":1}")).await;
        let project = Project::new().grant(&format!("network.http={address}"));
        let props = json!({"url": format!("http://{address}/"), "retry": {"maxAttempts": 3, "backoffMs": 1}});
        let outcome = project.run("HttpRequest", props).await;
        let error = outcome.error.unwrap();
        assert_eq!((error.kind, error.retryable, &error.detail["status"]), (kind, retryable, &json!(status)));
        assert_eq!(outcome.outputs["response"]["data"], json!({"why": 1}), "{status}");
        assert_eq!(requests.lock().unwrap().len(), 1, "an answer is final");
    }
}

#[tokio::test]
async fn transport_errors_are_tried_again_as_often_as_asked() {
    let (address, requests) = serve(|_, count| if count < 2 { None } else { answer(200, "text/plain", "third") }).await;
    let project = Project::new().grant(&format!("network.http={address}"));
    let props = |attempts: u32| json!({"url": format!("http://{address}/"), "retry": {"maxAttempts": attempts, "backoffMs": 1}});
    assert_eq!(project.failure("HttpRequest", props(2)).await.0, ErrorKind::Connection);
    assert_eq!(requests.lock().unwrap().len(), 2);
    requests.lock().unwrap().clear();
    assert_eq!(project.output("HttpRequest", props(3), "response").await["data"], "third");
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let (address, _) = serve(|_, _| answer(200, "text/plain", "not json")).await;
    let project = Project::new().grant(&format!("network.http={address}"));
    let url = format!("http://{address}/");
    for (props, kind, message) in [
        (json!({"url": "http://127.0.0.1:9/"}), ErrorKind::Permission, "127.0.0.1:9 is not reachable without a grant"),
        (json!({"url": url, "responseType": "json"}), ErrorKind::Protocol, "is not JSON"),
        (json!({"url": "ftp://x/"}), ErrorKind::Input, "the scheme `ftp` is not http or https"),
        (json!({"url": url, "headers": {"a": {}}}), ErrorKind::Input, "the header `a` is an object"),
        (json!({"url": url, "query": {"a": [[]]}}), ErrorKind::Input, "the query parameter `a` is a list"),
        (json!({"url": url, "timeout": "soon"}), ErrorKind::Input, "`soon` is not a duration"),
        (json!({}), ErrorKind::Input, "missing field `url`"),
    ] {
        let (found, text) = project.failure("HttpRequest", props.clone()).await;
        assert!(found == kind && text.contains(message), "{props}: {found} {text}");
    }
    let denied = project.run("HttpRequest", json!({"url": "http://localhost:9/"})).await.error.unwrap();
    assert_eq!(denied.detail["grant"], "network.http=localhost:9");
}

#[tokio::test]
async fn an_answer_that_would_become_huge_is_refused() {
    let cases = [
        ("auto", format!("[{}0]", "0,".repeat(2_100_000)), ErrorKind::Resource, "more than 2000000 values"),
        ("json", format!("[{}0]", "{},".repeat(2_100_000)), ErrorKind::Resource, "more than 2000000 values"),
        ("json", "[".repeat(100_000), ErrorKind::Protocol, "recursion limit"),
    ];
    for (wanted, body, kind, message) in cases {
        let (address, _) = serve(move |_, _| answer(200, "application/json", &body)).await;
        let project = Project::new().grant(&format!("network.http={address}"));
        let props = json!({"url": format!("http://{address}/"), "responseType": wanted});
        let (found, text) = project.failure("HttpRequest", props).await;
        assert!(found == kind && text.contains(message), "{wanted}: {found} {text:.200}");
    }
}

#[tokio::test]
async fn a_halted_request_ends_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let project = Project::new().grant(&format!("network.http={address}"));
    let cancel = project.cancel.clone();
    let halt = async {
        let held = listener.accept().await.unwrap();
        cancel.cancel();
        held
    };
    let props = json!({"url": format!("http://{address}/")});
    let (outcome, _held) = tokio::join!(project.run("HttpRequest", props), halt);
    assert_eq!(outcome.status, OutcomeStatus::Cancelled);
}
