//! HTTP itself: sites, hosts, bodies, methods, headers, health.

use crate::server::{Person, Server};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

#[test]
fn requests_of_other_sites_are_refused() {
    let server = Server::new();
    let owner = server.owner();
    let make = |person: &Person<'_>| person.post("/api/v1/tokens", &[], &json!({"name": "x"}));
    let origin = server.url.clone();
    make(&owner.with("origin", &origin)).is(201);
    make(&owner.with("origin", &origin).with("sec-fetch-site", "same-origin")).is(201);
    make(&owner.with("origin", "https://evil.example")).refuses(403, "cross_site");
    let same_port = server.url.rsplit(':').next().unwrap_or_default();
    make(&owner.with("origin", &format!("http://10.0.0.5:{same_port}"))).refuses(403, "cross_site");
    make(&owner.with("origin", "null")).refuses(403, "cross_site");
    make(&owner.with("sec-fetch-site", "cross-site")).refuses(403, "cross_site");
    make(&owner.with("sec-fetch-site", "same-site")).refuses(403, "cross_site");
    make(&owner.without("x-csrf-token")).refuses(403, "cross_site");
    make(&owner.with("x-csrf-token", "AAAA")).refuses(403, "cross_site");
    let sign_in = json!({"email": "ada@example.com", "password": crate::server::PASSWORD});
    let foreign = server.anybody().with("origin", "https://evil.example");
    foreign.post("/api/v1/session", &[], &sign_in).refuses(403, "cross_site");
    for host in ["evil.example", "evil.example:8420", "localhost.evil.example"] {
        owner.with("host", host).get("/api/v1/me").refuses(403, "cross_site");
    }
    let preflight = raw(
        &server,
        "OPTIONS /api/v1/me HTTP/1.1\r\nHost: HOST\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\nConnection: close\r\n\r\n",
    );
    assert!(preflight.starts_with("HTTP/1.1 405 "), "{preflight}");
    assert!(!preflight.to_lowercase().contains("access-control-allow"), "{preflight}");
}

/// The target of a request may name a host too.
#[test]
fn a_target_with_the_name_of_another_host_is_refused() {
    let server = Server::new();
    let ask = |target: &str| raw(&server, &format!("GET {target} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"));
    for foreign in ["http://evil.example/api/v1/setup", "http://ada@HOST/api/v1/setup", "http://evil.example/"] {
        let answer = ask(foreign);
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("cross_site"), "{foreign}: {answer}");
    }
    assert!(ask("http://HOST/api/v1/setup").starts_with("HTTP/1.1 200 "));
}

#[test]
fn by_plain_http_on_purpose_people_sign_in_all_the_same() {
    let server = Server::started(tempfile::tempdir().expect("a folder"), |command| {
        command.args(["--listen", "0.0.0.0:0", "--allow-plain-http"]);
    });
    let owner = server.owner();
    owner.get("/api/v1/me").is(200);
    let sign_in = json!({"email": "ada@example.com", "password": crate::server::PASSWORD});
    let answer = server.anybody().post("/api/v1/session", &[], &sign_in).is(201);
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("akao_session=akao_session_") && !cookie.contains("Secure"), "{cookie}");
    for part in ["Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{part} is not in {cookie}");
    }
    let session = server.session(&answer);
    session.get("/api/v1/me").is(200);
    let gone = session.delete("/api/v1/session", &[]).is(204);
    assert!(gone.header("set-cookie").starts_with("akao_session=; "), "{}", gone.header("set-cookie"));
    session.get("/api/v1/me").refuses(401, "unauthenticated");
}

/// Whatever stands between may go by the other one (RFC 9112, section 3.2).
#[test]
fn a_request_that_names_its_host_twice_is_refused() {
    let server = Server::new();
    for (path, second) in [("/api/v1/setup", "HOST"), ("/api/v1/setup", "evil.example"), ("/", "evil.example")] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nHost: {second}\r\nConnection: close\r\n\r\n");
        let answer = raw(&server, &request);
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains("invalid_request"),
            "{path}, {second}: {answer}"
        );
    }
}

#[test]
fn a_head_that_is_longer_than_it_may_be_is_refused() {
    let server = Server::new();
    let ask = |bytes: usize| {
        let long = "x".repeat(bytes);
        raw(&server, &format!("GET /healthz HTTP/1.1\r\nHost: HOST\r\nX-Long: {long}\r\nConnection: close\r\n\r\n"))
    };
    assert!(ask(30 << 10).starts_with("HTTP/1.1 200 "));
    for bytes in [33 << 10, 40 << 10] {
        let answer = ask(bytes);
        assert!(answer.starts_with("HTTP/1.1 431 "), "{bytes}: {answer}");
    }
}

/// Connections on which nothing is asked end soon, and one address does not hold all that there are.
#[test]
fn idle_connections_of_one_address_leave_some_for_others() {
    const OF_SOURCE_MAX: usize = 3_072;
    const ALL: usize = 4_096;
    crate::server::raise_file_limit();
    let server = Server::new();
    let host = server.url.trim_start_matches("http://");
    let mut idle: Vec<TcpStream> = (0..ALL + 10).filter_map(|_| TcpStream::connect(host).ok()).collect();
    // Another address of this machine is another source.
    let health = || {
        let address: std::net::SocketAddr = host.parse().expect("an address");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind("127.0.0.2:0".parse().expect("an address")).expect("an address of this machine");
            let stream = socket.connect(address).await.expect("a connection").into_std().expect("a connection");
            stream.set_nonblocking(false).expect("a connection");
            stream
        });
        stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("a limit");
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(health().starts_with("HTTP/1.1 200 "));
    let ended = |stream: &mut TcpStream, wait: u64| {
        stream.set_read_timeout(Some(std::time::Duration::from_millis(wait))).expect("a limit");
        match stream.read(&mut [0]) {
            Ok(bytes) => bytes == 0,
            Err(error) => !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
        }
    };
    // Several threads take connections in, so that not those that came last are the ones that are refused.
    let refused = idle.iter_mut().filter_map(|stream| ended(stream, 1).then_some(())).count();
    assert!(refused >= idle.len() - OF_SOURCE_MAX, "{refused} of {}", idle.len());
    drop(idle);
    let begun = std::time::Instant::now();
    let health = "GET /healthz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";
    while !raw(&server, health).starts_with("HTTP/1.1 200 ") {
        assert!(begun.elapsed() < crate::server::WITHIN, "what was closed holds its place");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let begun = std::time::Instant::now();
    let mut fresh = TcpStream::connect(host).expect("a connection");
    assert!(ended(&mut fresh, 28_000), "nothing was asked on it");
    assert!(begun.elapsed() > std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Whoever announces too much hears so before it is sent.
#[test]
fn a_body_that_is_announced_too_long_is_refused_at_once() {
    let server = Server::new();
    let host = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).expect("a limit");
    let head = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("a head");
    let answer = one_answer(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// The answer to bytes as they are.
fn raw(server: &Server, request: &str) -> String {
    let host = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.write_all(request.replace("HOST", host).as_bytes()).expect("a request");
    let mut answer = String::new();
    // A connection that is cut off has said what it had to say.
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// What is refused, or takes no body, is answered before the body is there. The connection is used for the next request all the same.
#[test]
fn a_connection_survives_a_body_that_nobody_wanted() {
    let server = Server::new();
    let host = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream.set_read_timeout(Some(crate::server::WITHIN)).expect("a limit");
    for (request, status) in [
        ("POST /api/v1/tokens", "401"),
        ("POST /api/v1/nothing", "404"),
        ("PUT /api/v1/me", "405"),
        ("POST /api/v1/session", "415"),
        ("GET /healthz", "200"),
    ] {
        for (how, body) in [("Content-Length: 4", "null"), ("Transfer-Encoding: chunked", "4\r\nnull\r\n0\r\n\r\n")] {
            let head = format!("{request} HTTP/1.1\r\nHost: {host}\r\n{how}\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("a head");
            std::thread::sleep(std::time::Duration::from_millis(50));
            stream.write_all(body.as_bytes()).unwrap_or_else(|error| panic!("{request}: {error}"));
            let answer = one_answer(&mut stream);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}, {how}: {answer}");
            assert!(!answer.to_lowercase().contains("connection: close"), "{request}, {how}: {answer}");
        }
    }
}

/// Starts that are under way hold up no other request, and beyond some of them whoever comes is told when to come again.
#[test]
fn more_starts_than_can_be_taken_in_time_are_told_to_come_again() {
    const STARTS_MAX: usize = 256;
    const FURTHER: usize = 10;
    let server = Server::new();
    let owner = server.owner();
    owner.save("hello", include_str!("../../../../examples/hello/workflow.yaml")).is(201);
    let token = owner.new_token(None);
    let host = server.url.trim_start_matches("http://");
    let begin = || {
        let mut stream = TcpStream::connect(host).expect("a connection");
        let head = format!(
            "POST /api/v1/executions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("a head");
        stream
    };
    // Each that is let in waits for its body.
    let mut waiting: Vec<TcpStream> = (0..STARTS_MAX + FURTHER).map(|_| begin()).collect();
    let mut refused = Vec::new();
    let begun = std::time::Instant::now();
    while refused.len() < FURTHER && begun.elapsed() < crate::server::WITHIN {
        let answered = waiting.extract_if(.., |stream| {
            stream.set_read_timeout(Some(std::time::Duration::from_millis(2))).expect("a limit");
            stream.peek(&mut [0]).is_ok()
        });
        refused.extend(answered);
    }
    assert_eq!((waiting.len(), refused.len()), (STARTS_MAX, FURTHER));
    for stream in waiting.iter().chain(&refused) {
        stream.set_read_timeout(Some(crate::server::WITHIN)).expect("a limit");
    }
    for stream in &mut refused {
        let answer = one_answer(stream);
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
    }
    owner.get("/api/v1/me").is(200);
    for stream in &mut waiting {
        stream.write_all(br#"{"workflow":"hello"}"#).expect("a body");
    }
    for stream in &mut waiting {
        let answer = one_answer(stream);
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
    owner.start("hello", &serde_json::json!({}));
}

/// The head of the next answer on a connection; its body is read too.
fn one_answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the answer goes on");
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).expect("text").to_lowercase().replacen("http", "HTTP", 1);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    stream.read_exact(&mut body).expect("a body");
    head
}

#[test]
fn bodies_and_methods_that_a_route_does_not_take_are_refused() {
    let server = Server::new();
    let owner = server.owner();
    let token = owner.new_token(None);
    let post = |media: &str, body: &str| {
        let length = body.len();
        raw(
            &server,
            &format!(
                "POST /api/v1/validate HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            ),
        )
    };
    assert!(post("text/plain", "{}").starts_with("HTTP/1.1 415 "));
    assert!(post("application/json", "{").starts_with("HTTP/1.1 400 "));
    assert!(post("application/json", r#"{"source": "a", "source": "b"}"#).starts_with("HTTP/1.1 400 "));
    assert!(
        post("application/json", r#"["a: 1"]"#).starts_with("HTTP/1.1 400 "),
        "values in their order are no object"
    );
    assert!(post("application/json; charset=utf-8", r#"{"source": "a: 1"}"#).starts_with("HTTP/1.1 200 "));
    let deep = format!(r#"{{"source": {}"#, "[".repeat(100_000));
    assert!(post("application/json", &deep).starts_with("HTTP/1.1 400 "));
    let owner_post = |body: &serde_json::Value| owner.post("/api/v1/validate", &[], body);
    owner_post(&json!({"source": "x".repeat(6 << 20)})).refuses(413, "too_large");
    owner_post(&json!({"sauce": "x"})).refuses(400, "invalid_request");
    let other = raw(&server, "PATCH /api/v1/me HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    assert!(other.starts_with("HTTP/1.1 405 ") && other.contains("method_not_allowed"), "{other}");
    let missing = raw(&server, "GET /api/v2/me HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("application/problem+json"), "{missing}");
    for path in ["/api/v1/executions/%ff", "/api/v1/executions/..%2f..%2fetc%2fpasswd", "/api/v1/workflows/a%00b"] {
        let answer = raw(
            &server,
            &format!("GET {path} HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"),
        );
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let huge = raw(&server, &format!("GET / HTTP/1.1\r\nHost: HOST\r\nX-Long: {}\r\n\r\n", "x".repeat(64 << 10)));
    assert!(huge.is_empty() || huge.starts_with("HTTP/1.1 431 ") || huge.starts_with("HTTP/1.1 400 "), "{huge}");
    owner.get("/api/v1/me").is(200);
}

#[test]
fn every_answer_protects_browsers_and_has_a_number() {
    let server = Server::new();
    let owner = server.owner();
    let answers = [
        owner.get("/api/v1/me").is(200),
        server.anybody().get("/healthz").is(200),
        server.anybody().get("/api/v1/me").is(401),
    ];
    let mut numbers = std::collections::BTreeSet::new();
    for answer in &answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert!(numbers.insert(answer.header("x-request-id").to_owned()), "each request has a number of its own");
    }
    assert_eq!(answers[2].body["request_id"], answers[2].header("x-request-id"));
}

#[test]
fn machines_see_how_the_server_is() {
    let server = Server::new();
    let anybody = server.anybody();
    assert_eq!(anybody.get("/healthz").is(200).body["status"], "alive");
    assert_eq!(anybody.get("/readyz").is(200).body["status"], "ready");
    let owner = server.owner();
    owner.get("/api/v1/me").is(200);
    let metrics = owner.get("/metrics").is(200);
    let text = metrics.body.as_str().expect("text");
    for line in ["akao_http_requests_total{operation=\"me\",status=\"2xx\"} 1", "akao_executions_live 0"] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("acme") && !text.contains("example.com"), "{text}");
}

#[test]
fn with_a_certificate_it_speaks_https_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let server = Server::started(folder, |command| {
        command.arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(&key);
    });
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let address = server.url.trim_start_matches("https://").to_owned();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let answer = over_tls(&address, &made.cert, &request).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("strict-transport-security: max-age="), "{answer}");
    let mut plain = TcpStream::connect(&address).expect("a connection");
    plain.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "plain HTTP is not answered");
}

/// The answer over TLS of a server that shows this certificate; none when it shows another.
fn over_tls(address: &str, certificate: &rcgen::Certificate, request: &str) -> Option<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der().clone()).expect("a root");
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let connection = rustls::ClientConnection::new(std::sync::Arc::new(client), name).expect("a client");
    let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(address).expect("a connection"));
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    Some(answer)
}

#[test]
fn a_certificate_is_read_again_when_it_changes_and_kept_when_it_cannot_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let make = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let place = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        std::fs::write(&certificate, made.cert.pem()).expect("a file");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    };
    let (first, second) = (make(), make());
    place(&first);
    let server = Server::started(folder, |command| {
        command.arg("--tls-cert").arg(&certificate).arg("--tls-key").arg(&key);
    });
    let address = server.url.trim_start_matches("https://").to_owned();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let shows = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        over_tls(&address, &made.cert, &request).is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    };
    let wait = |what: &str, until: &dyn Fn() -> bool| {
        let end = std::time::Instant::now() + crate::server::WITHIN;
        while !until() {
            assert!(std::time::Instant::now() < end, "{what}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    assert!(shows(&first) && !shows(&second));
    std::fs::write(&key, "not a key").expect("a file");
    let told = |what: &str| server.log.text().contains(what);
    wait("what cannot be used is told", &|| told("the certificate before it goes on"));
    assert!(shows(&first), "the certificate before it goes on");
    place(&second);
    wait("the new certificate is shown", &|| shows(&second));
    assert!(!shows(&first));
}
