//! `dev.akao.email` against mail servers that speak SMTP with and without TLS.

use crate::{Installed, PASSWORD, certificate::Certificate, desk::users, standin::StandIn};
use serde_json::{Value, json};

/// A mail server that shows a certificate; `user` must sign in.
fn server(certificate: &Certificate, tls: &str, user: Option<&str>) -> StandIn {
    let mut given = json!({"tls": tls, "cert": certificate.file(), "key": certificate.key(), "password": PASSWORD});
    if let Some(user) = user {
        given["user"] = json!(user);
    }
    StandIn::start("smtp.mjs", &given)
}

fn installed(user: u32, ca: &str, servers: &[&StandIn]) -> Installed {
    let usual = json!({
        "host": "127.0.0.1", "ca": ca, "from": "Akao <akao@example.com>", "to": ["ops@example.com"], "subject": "Done",
        "text": "All in.",
    });
    let hosts: Vec<String> = servers.iter().map(|server| server.host()).collect();
    Installed::new(user, "email", "SMTP_PASSWORD", usual, &hosts)
}

#[test]
fn a_message_is_handed_over_after_starttls_and_a_login() {
    for user in users() {
        let certificate = Certificate::new();
        let there = server(&certificate, "starttls", Some("robot"));
        let node = installed(user, &certificate.pem, &[&there]);
        let ended = node.step(json!({
            "port": there.port, "user": "robot", "cc": ["Tổ <to@example.com>"], "bcc": ["hidden@example.com"],
            "replyTo": "help@example.com", "subject": "Grüße ${input.name}", "text": "line\n.\nmore", "html": "<p>All in.</p>",
            "attachments": [
                {"filename": "a.csv", "content": "a,b\n", "contentType": "text/csv"},
                {"filename": "b.bin", "content": {"$base64": "AP8="}},
            ],
        }));
        let outputs = ended.outputs();
        assert_eq!(outputs["accepted"], json!(["ops@example.com", "to@example.com", "hidden@example.com"]));
        assert_eq!((&outputs["rejected"], &outputs["response"]), (&json!([]), &json!("250 taken as 42")));
        let told = there.told(1);
        let (message, data) = (&told[0], told[0]["data"].as_str().expect("a text"));
        assert_eq!((told.len(), &message["secure"], &message["user"]), (1, &json!(true), &json!("robot")));
        assert_eq!((&message["from"], &message["to"]), (&json!("akao@example.com"), &outputs["accepted"]));
        let id = format!("Message-ID: {}", outputs["messageId"].as_str().expect("an id"));
        for part in [
            &*id,
            "From: Akao <akao@example.com>",
            "Cc: =?UTF-8?B?VOG7lQ==?= <to@example.com>",
            "Reply-To: help@example.com",
            "Subject: =?UTF-8?",
            "multipart/alternative",
            "\nline\n.\nmore\n",
            "<p>All in.</p>",
            "filename=a.csv\n\nYSxiCg==",
            "filename=b.bin\n\nAP8=",
        ] {
            assert!(data.contains(part), "{part} is missing in {data}");
        }
        assert!(!data.contains("hidden"), "{data}");
    }
}

#[test]
fn without_a_secure_connection_nothing_is_sent() {
    let certificate = Certificate::new();
    let [starttls, implicit, plain] = ["starttls", "implicit", "none"].map(|tls| server(&certificate, tls, None));
    let other = Certificate::new();
    let node = installed(users()[0], &certificate.pem, &[&starttls, &implicit, &plain]);
    let ended = node.steps(&[
        json!({"port": implicit.port, "tls": "implicit"}),
        json!({"port": implicit.port, "tls": "implicit", "ca": null}),
        json!({"port": starttls.port, "ca": other.pem}),
        json!({"port": plain.port}),
        json!({"port": plain.port, "tls": "implicit"}),
        json!({"port": starttls.port, "tls": "none", "user": "robot", "host": "smtp.example.com"}),
        json!({"port": plain.port, "tls": "none"}),
    ]);
    assert_eq!(ended[0].outputs()["accepted"], json!(["ops@example.com"]));
    assert_eq!(implicit.told(1)[0]["secure"], true);
    for (at, words) in [(1, "certificate"), (2, "certificate"), (3, "STARTTLS"), (4, "SSL")] {
        ended[at].failed("protocol", words, false);
    }
    ended[5].failed("input", "a password is not sent without TLS", false);
    assert_eq!((ended[6].outputs()["accepted"].clone(), plain.told(1).len()), (json!(["ops@example.com"]), 1));
    assert!(starttls.told(0).is_empty() && implicit.told(0).is_empty(), "nothing else was handed over");
}

#[test]
fn refusals_have_a_kind_and_values_add_neither_recipients_nor_headers() {
    let certificate = Certificate::new();
    let (open, closed) = (server(&certificate, "none", None), server(&certificate, "none", Some("robot")));
    let node = installed(users()[0], &certificate.pem, &[&open, &closed]);
    let cases = [
        (json!({"to": ["gone@example.com"]}), "user", "no such person", false),
        (json!({"to": ["busy@example.com"]}), "connection", "later", true),
        (json!({"to": ["slow@example.com"], "timeout": 1000}), "timeout", "whether it was done is not known", false),
        (json!({"port": closed.port, "user": "stranger"}), "permission", "who are you", false),
        (json!({"port": closed.port}), "user", "sign in first", false),
        (json!({"port": 1}), "connection", "`detail.grant`", true),
        (json!({"to": ["ops"]}), "input", "is not an address", false),
        (json!({"to": ["a@example.com, b@example.com"]}), "input", "one address is wanted", false),
        (json!({"to": ["all: a@example.com;"]}), "input", "one address is wanted", false),
        (json!({"to": ["a@example.com\r\nBcc: b@example.com"]}), "input", "control character", false),
        (json!({"from": "A\r\nX: y <a@example.com>"}), "input", "control character", false),
        (json!({"subject": "Hi\r\nBcc: b@example.com"}), "input", "`subject` holds a line break", false),
        (json!({"text": null}), "input", "give `text`, `html` or both", false),
        (json!({"to": vec!["a@example.com"; 101]}), "input", "more than 100 recipients", false),
        (json!({"ca": "none"}), "input", "`ca` holds no certificate", false),
        (json!({"attachments": [{"filename": "x", "path": "/etc/passwd"}]}), "input", "`content`", false),
        (json!({"attachments": [{"filename": "x", "content": {"$base64": "AP8=, AA"}}]}), "input", "not base64", false),
        (json!({"attachments": [{"filename": "x", "content": {"$base64": "A"}}]}), "input", "not base64", false),
    ];
    let plain = |props: &Value| {
        let mut all = json!({"port": open.port, "tls": "none"});
        all.as_object_mut().expect("an object").extend(props.as_object().expect("an object").clone());
        all
    };
    let mut props: Vec<Value> = cases.iter().map(|(props, ..)| plain(props)).collect();
    props.push(plain(&json!({"to": ["gone@example.com", "a@example.com"]})));
    let ended = node.steps(&props);
    for ((_, kind, words, retryable), ended) in cases.iter().zip(&ended) {
        ended.failed(kind, words, *retryable);
    }
    let last = ended[cases.len()].outputs();
    assert_eq!(last["accepted"], json!(["a@example.com"]));
    assert_eq!(last["rejected"], json!([{"address": "gone@example.com", "response": "550 no such person"}]));
    assert_eq!(open.told(1).len(), 1, "nothing else was handed over");
}
