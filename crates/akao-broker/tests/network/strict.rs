//! The strict mode: what the first bytes say must be what was connected to.

use crate::{
    Case,
    sandbox::{Bench, Names},
    world::{Got, Server, attempt},
};
use akao_broker::{Limits, Policy, PolicySpec};
use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::ServerName};
use std::{net::IpAddr, sync::Arc, time::Duration};

pub(crate) const CASES: &[Case] = &[
    ("case_76_another_server_name_is_denied_in_strict_mode", case_76),
    ("case_79_a_request_that_can_be_read_in_two_ways_is_denied", case_79),
    ("case_78_first_bytes_that_never_end_are_given_up", slow_first_bytes),
];

fn own_policy(port: u16, server_name_required: bool) -> Policy {
    let allow = vec![format!("api.example:{port}"), format!("93.184.216.0/24:{port}")];
    Policy::new(&PolicySpec { allow, server_name_required, ..PolicySpec::default() }).unwrap()
}

/// The first bytes that a TLS client sends.
fn hello(name: ServerName<'static>) -> Vec<u8> {
    let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

fn case_76() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let strict = bench.sandbox("strict", own_policy(port, true), Limits::default());
    let at = strict.lookup("api.example").unwrap();
    let named = |name: &'static str| hello(ServerName::try_from(name).unwrap());
    let http = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes();
    for (what, bytes, open) in [
        ("the name by SNI", named("api.example"), true),
        ("the name in capitals by SNI", named("API.example"), true),
        ("another name by SNI", named("other.example"), false),
        ("a name below by SNI", named("a.api.example"), false),
        ("no SNI", named("93.184.216.34"), false),
        ("the name by Host", http("api.example"), true),
        ("the name and port by Host", http(&format!("api.example:{port}")), true),
        ("another name by Host", http("other.example"), false),
        ("another port by Host", http("api.example:1"), false),
        ("neither TLS nor HTTP", b"\x00\x01\x02 no protocol \r\n\r\n".to_vec(), false),
    ] {
        let sent = bytes.clone();
        let got = strict.inside.run(move || attempt(at, port, &sent));
        assert_eq!(got == Got::Echo(bytes), open, "{what}: {got:?}");
        assert_eq!(server.reached().len(), usize::from(open), "{what}");
    }
    let event = bench.event("the other name", |event| event.reason.to_string().contains("other.example"));
    assert_eq!(
        (event.target.as_str(), event.reason.to_string().as_str()),
        ("api.example", "the first bytes ask for `other.example`")
    );
    // An address that was granted as one has no name to say.
    let sent = named("other.example");
    let direct: IpAddr = "93.184.216.34".parse().unwrap();
    let expected = Got::Echo(sent.clone());
    assert_eq!(strict.inside.run(move || attempt(direct, port, &sent)), expected);

    let lax = bench.sandbox("lax", own_policy(port, false), Limits::default());
    let at = lax.lookup("api.example").unwrap();
    let sent = named("other.example");
    let expected = Got::Echo(sent.clone());
    assert_eq!(lax.inside.run(move || attempt(at, port, &sent)), expected, "as documented, when not strict");
}

fn case_79() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let strict = bench.sandbox("strict", own_policy(port, true), Limits::default());
    let at = strict.lookup("api.example").unwrap();
    for (what, request, open) in [
        ("control", "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 2\r\n\r\nab", true),
        (
            "two lengths",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",
            false,
        ),
        (
            "length and coding",
            "POST / HTTP/1.1\r\nHost: api.example\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab",
            false,
        ),
        ("absolute form", "GET http://other.example/ HTTP/1.1\r\nHost: api.example\r\n\r\n", false),
        ("two hosts", "GET / HTTP/1.1\r\nHost: api.example\r\nHost: other.example\r\n\r\n", false),
        (
            "pipelining",
            "GET / HTTP/1.1\r\nHost: api.example\r\n\r\nGET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
            false,
        ),
        ("a tunnel", "CONNECT other.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n", false),
        ("bare line feeds", "GET / HTTP/1.1\nHost: api.example\n\n", false),
        ("a space before the colon", "GET / HTTP/1.1\r\nHost : api.example\r\n\r\n", false),
    ] {
        let got = strict.inside.run(move || attempt(at, port, request.as_bytes()));
        assert_eq!(got == Got::Echo(request.as_bytes().to_vec()), open, "{what}: {got:?}");
        assert_eq!(server.reached().len(), usize::from(open), "{what}");
    }
}

fn slow_first_bytes() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let limits = Limits { open_timeout: Duration::from_millis(300), ..Limits::default() };
    let strict = bench.sandbox("strict", own_policy(port, true), limits);
    let at = strict.lookup("api.example").unwrap();
    // The request never ends; the node waits for an answer.
    let got = strict.inside.run(move || attempt(at, port, b"GET / HTTP/1.1\r\nHost: api.exa"));
    assert_eq!(got, Got::Reset);
    let endless = vec![b'a'; 64 * 1024];
    let got = strict.inside.run(move || attempt(at, port, &[b"GET / HTTP/1.1\r\nX: ".to_vec(), endless].concat()));
    assert_eq!(got, Got::Reset);
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
}
