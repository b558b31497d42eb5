//! Requests, redirects, bounds and deadlines against servers on loopback.

use crate::server::{Names, Server, answer, grants};
use akao_host::{CheckedEgress, EgressOptions};
use akao_step::{Egress, EgressError, HttpAnswer, HttpCall};
use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

fn call(method: &str, url: &str) -> HttpCall {
    HttpCall {
        method: method.into(),
        url: url.into(),
        headers: vec![],
        body: vec![],
        timeout: Duration::from_secs(10),
        redirects_max: 3,
        answer_bytes_max: 100_000,
    }
}

async fn send(server: &Server, call: HttpCall) -> Result<HttpAnswer, EgressError> {
    CheckedEgress::new(EgressOptions::default()).http(&grants(&[&server.grant()]), call).await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_given() {
    let server =
        Server::start(|_| answer("201 Created", &[("X-One", "1"), ("x-two", "a"), ("X-Two", "b")], b"done")).await;
    let mut call = call("PATCH", &server.url("/a%20b?x=1&y=ä#part"));
    call.headers = vec![("X-Given".into(), "grüße".into()), ("User-Agent".into(), "mine".into())];
    call.body = b"the body".to_vec();
    let got = send(&server, call).await.unwrap();
    assert_eq!((got.status, got.body.as_slice()), (201, &b"done"[..]));
    assert_eq!(got.url, server.url("/a%20b?x=1&y=%C3%A4#part"));
    let header = |name: &str| got.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect::<Vec<_>>();
    assert_eq!((header("x-one"), header("x-two")), (vec!["1".into()], vec!["a".into(), "b".into()]));
    let request = server.requests().remove(0);
    assert!(request.starts_with("PATCH /a%20b?x=1&y=%C3%A4 HTTP/1.1\r\n"), "{request}");
    for line in ["x-given: grüße", "user-agent: mine", "content-length: 8", "accept: */*"] {
        assert!(request.contains(&format!("{line}\r\n")), "{line} is missing in {request}");
    }
    assert!(request.contains(&format!("host: {}\r\n", server.address)), "{request}");
    assert!(request.ends_with("\r\n\r\nthe body"), "{request}");
}

#[tokio::test]
async fn headers_that_would_split_or_contradict_a_request_are_refused() {
    let server = Server::start(|_| answer("200 OK", &[], b"")).await;
    for (name, value) in [
        ("X-A", "1\r\nX-B: 2"),
        ("X-A", "1\n"),
        ("X-A\r\nX-B", "1"),
        ("X A", "1"),
        ("", "1"),
        ("Host", "other"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Proxy-Authorization", "x"),
    ] {
        let mut call = call("GET", &server.url("/"));
        call.headers = vec![(name.into(), value.into())];
        let error = send(&server, call).await.unwrap_err();
        assert!(matches!(error, EgressError::Request(_)), "{name}: {error}");
    }
    for method in ["", "GE T", "CONNECT", "GET\r\n"] {
        assert!(send(&server, call(method, &server.url("/"))).await.is_err(), "{method:?}");
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn redirects_follow_the_method_rules() {
    let server = Server::start(|request| {
        let path = request.split(' ').nth(1).unwrap();
        match path.strip_prefix("/go/") {
            Some(status) => answer(&format!("{status} x"), &[("Location", "../end")], b"moved"),
            None => answer("200 OK", &[], b"end"),
        }
    })
    .await;
    for (method, status, followed) in [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("PUT", 302, "PUT"),
        ("HEAD", 303, "HEAD"),
        ("POST", 307, "POST"),
        ("DELETE", 308, "DELETE"),
        ("GET", 302, "GET"),
    ] {
        server.requests.lock().unwrap().clear();
        let mut call = call(method, &server.url(&format!("/go/{status}")));
        call.headers = vec![("content-type".into(), "text/plain".into()), ("authorization".into(), "mine".into())];
        call.body = if method == "HEAD" { vec![] } else { b"payload".to_vec() };
        let got = send(&server, call).await.unwrap();
        assert_eq!((got.status, got.url), (200, server.url("/end")), "{method} {status}");
        let second = server.requests().remove(1);
        let keeps = followed == method && method != "HEAD";
        assert!(second.starts_with(&format!("{followed} /end ")), "{method} {status}: {second}");
        assert_eq!(second.contains("payload"), keeps, "{method} {status}: {second}");
        assert_eq!(second.contains("content-type"), followed == method, "{method} {status}: {second}");
        assert!(second.contains("authorization: mine"), "the same origin keeps credentials");
    }
}

#[tokio::test]
async fn redirects_are_bounded_and_may_be_off() {
    let server = Server::start(|_| answer("302 Found", &[("Location", "/again")], b"")).await;
    let error = send(&server, call("GET", &server.url("/"))).await.unwrap_err();
    assert!(matches!(error, EgressError::Protocol(_)), "{error}");
    assert_eq!(server.requests().len(), 4);
    let none = HttpCall { redirects_max: 0, ..call("GET", &server.url("/")) };
    assert_eq!(send(&server, none).await.unwrap().status, 302);
    for location in ["ftp://x/", "file:///etc/passwd", "http://user:word@127.0.0.1/", "http://[/"] {
        let server = Server::start(move |_| answer("302 Found", &[("Location", location)], b"")).await;
        assert!(send(&server, call("GET", &server.url("/"))).await.is_err(), "{location}");
    }
}

#[tokio::test]
async fn a_redirect_is_checked_and_another_origin_is_not_told_credentials() {
    let inner = Server::start(|_| answer("200 OK", &[], b"inner")).await;
    let location = inner.url("/secret");
    let outer = Server::start(move |_| answer("302 Found", &[("Location", &location)], b"")).await;
    let mut call = call("GET", &outer.url("/"));
    for name in ["Authorization", "Cookie", "X-Api-Key", "X-Other"] {
        call.headers.push((name.into(), "mine".into()));
    }
    let egress = CheckedEgress::new(EgressOptions::default());

    let denied = egress.http(&grants(&[&outer.grant()]), call.clone()).await.unwrap_err();
    assert!(matches!(&denied, EgressError::Denied { grant, .. } if *grant == Some(inner.grant())), "{denied}");
    assert_eq!(inner.requests(), Vec::<String>::new());

    let both = grants(&[&outer.grant(), &inner.grant()]);
    assert_eq!(egress.http(&both, call).await.unwrap().body, b"inner");
    let request = inner.requests().remove(0);
    assert_eq!(request.matches("mine").count(), 1, "{request}");
    assert!(request.contains("x-other: mine"), "{request}");
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_checked_address_is_dialled() {
    let server = Server::start(|_| answer("200 OK", &[], b"mine")).await;
    // The answer turns to a forbidden address as soon as it was asked once: the second answer must never be used.
    let names = Arc::new(Names::changing(&[("rebind.example", vec![&["127.0.0.1"][..], &["169.254.169.254"]])]));
    let egress = CheckedEgress::with_resolver(EgressOptions::default(), Arc::clone(&names) as _);
    let grant = grants(&[&format!("network.http=rebind.example:{}", server.address.port())]);
    let url = format!("http://rebind.example:{}/", server.address.port());

    assert_eq!(egress.http(&grant, call("GET", &url)).await.unwrap().body, b"mine");
    assert_eq!(*names.asked.lock().unwrap(), ["rebind.example"]);

    let error = egress.http(&grant, call("GET", &url)).await.unwrap_err();
    assert!(matches!(error, EgressError::Denied { .. }), "the next request is checked anew: {error}");
}

#[tokio::test]
async fn of_several_addresses_only_those_that_pass_are_dialled() {
    let server = Server::start(|_| answer("200 OK", &[], b"mine")).await;
    let port = server.address.port();
    let names = Names::of(&[("two.example", &["127.0.0.2", "127.0.0.1"]), ("none.example", &[])]);
    let egress = CheckedEgress::with_resolver(EgressOptions::default(), Arc::new(names));
    let grant = grants(&[&format!("network.http=127.0.0.1:{port}")]);
    assert_eq!(egress.http(&grant, call("GET", &format!("http://two.example:{port}/"))).await.unwrap().body, b"mine");
    for host in ["none.example", "unknown.example"] {
        let error = egress.http(&grant, call("GET", &format!("http://{host}/"))).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot resolve {host}"));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn answers_are_decoded_and_the_bound_holds_for_what_comes_out() {
    let text = b"a body that is worth compressing ".repeat(50);
    let bomb = vec![0u8; 10_000_000];
    let zstd = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
    for (coding, small, large) in [("gzip", gzip(&text), gzip(&bomb)), ("zstd", zstd(&text), zstd(&bomb))] {
        for (bytes, expected) in [(small, Some(&text)), (large, None), (b"\x1f\x8bbroken".to_vec(), None)] {
            let length = bytes.len();
            let server = Server::start(move |_| answer("200 OK", &[("Content-Encoding", coding)], &bytes)).await;
            let got = send(&server, call("GET", &server.url("/"))).await;
            match (got, expected) {
                (Ok(got), Some(expected)) => {
                    assert_eq!(&got.body, expected);
                    assert!(got.headers.iter().all(|(name, _)| !name.starts_with("content-")), "{:?}", got.headers);
                }
                (Err(EgressError::TooLarge(100_000) | EgressError::Protocol(_)), None) => {}
                (got, _) => panic!("{coding} of {length} bytes: {got:?}"),
            }
        }
    }
}

#[tokio::test]
async fn large_endless_slow_and_broken_answers_end_in_errors() {
    let large = Server::start(|_| answer("200 OK", &[], &vec![b'x'; 100_001])).await;
    assert!(matches!(send(&large, call("GET", &large.url("/"))).await, Err(EgressError::TooLarge(100_000))));

    let silent = Server::start(|_| Vec::new()).await;
    let started = Instant::now();
    let short = HttpCall { timeout: Duration::from_millis(300), ..call("GET", &silent.url("/")) };
    assert!(matches!(send(&silent, short).await, Err(EgressError::Timeout(_))));
    assert!(started.elapsed() < Duration::from_secs(5));

    let cut = Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()).await;
    assert!(matches!(send(&cut, call("GET", &cut.url("/"))).await, Err(EgressError::Connection(_))));
    let other = Server::start(|_| b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()).await;
    assert!(matches!(send(&other, call("GET", &other.url("/"))).await, Err(EgressError::Protocol(_))));

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let grant = grants(&[&format!("network.http={closed}")]);
    let egress = CheckedEgress::new(EgressOptions::default());
    let error = egress.http(&grant, call("GET", &format!("http://{closed}/"))).await.unwrap_err();
    assert!(matches!(error, EgressError::Connection(_)), "{error}");
}

/// Runs a test of this file again, in a process whose proxy variables lead nowhere.
#[test]
fn proxy_variables_are_not_read() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, "http://127.0.0.1:1");
    }
    let output = again.args(["--exact", "exchange::a_request_arrives_as_it_was_given"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
