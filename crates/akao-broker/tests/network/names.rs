//! Names: who has an address, who has none, and that nothing is asked outside.

use crate::{
    Case,
    sandbox::{Bench, NO_ERROR, NO_SUCH_NAME, Names, REFUSED, ask, hello, policy, query, query_labels},
    world::{Got, Server},
};
use akao_broker::{Act, Limits, NAME_SERVER, Policy, Verdict};
use std::net::IpAddr;

pub(crate) const CASES: &[Case] = &[
    ("case_63_without_grants_everything_fails_at_once", case_63),
    ("case_64_a_name_that_is_not_listed_does_not_exist", case_64),
    ("case_72_queries_carry_nothing_out", case_72),
    ("case_73_no_spelling_is_taken_for_another_name", case_73),
    ("names_are_addresses_of_one_sandbox_only", names_are_private),
    ("the_name_server_answers_at_loopback_too", loopback_name_server),
    ("names_without_number_end", names_end),
    ("garbage_does_not_stop_the_name_server", garbage),
];

fn case_63() {
    let (server, names) = (Server::start(), Names::of(&[("api.example", &["93.184.216.34"])]));
    let bench = Bench::new(names.clone());
    let closed = bench.sandbox("closed", Policy::closed(), Limits::default());
    assert_eq!(closed.lookup("api.example"), None);
    for address in ["93.184.216.34", "10.77.0.1", "127.0.0.1", "198.18.0.2", "169.254.169.254", "::1", "fd00::1"] {
        for port in [80, 443, 53, server.port] {
            assert_eq!(closed.connect(address, port), Got::Refused, "{address}:{port}");
        }
    }
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    assert_eq!(names.asked(), [] as [String; 0]);
    assert!(server.answers_at("93.184.216.34"), "the address answers outside");
}

fn case_64() {
    let server = Server::start();
    let names = Names::of(&[("api.example", &["93.184.216.34"]), ("other.example", &["93.184.216.35"])]);
    let bench = Bench::new(names.clone());
    let own = policy(&[&format!("api.example:{}", server.port), "second.example:1"], &[]);
    let sandbox = bench.sandbox("node", own, Limits::default());
    let answer = sandbox.inside.run(|| ask(NAME_SERVER.into(), &query("other.example", 1)));
    assert_eq!((answer.code, answer.records), (NO_SUCH_NAME, 0));
    let event = bench.event("the denied name", |event| event.target == "other.example");
    assert_eq!((event.act, event.verdict, &*event.sandbox), (Act::Query, Verdict::Denied, "node"));
    assert_eq!(event.reason.to_string(), "it is not granted");

    assert_eq!(sandbox.connect_name("api.example", server.port), hello());
    assert_eq!(server.reached(), ["93.184.216.34".parse::<IpAddr>().unwrap()]);
    assert_eq!(names.asked(), ["api.example"]);
    assert!(sandbox.connect_name("api.example", 1).is_denied(), "a port of another name");
    assert_eq!(bench.denial("api.example", 1), "the port is not granted");
    let event = bench.event("the connection", |event| event.act == Act::Connect);
    assert_eq!((event.target.as_str(), event.port, event.verdict), ("api.example", server.port, Verdict::Allowed));
    assert_eq!(event.dialled, Some("93.184.216.34".parse().unwrap()));
    let aaaa = sandbox.inside.run(|| ask(NAME_SERVER.into(), &query("api.example", 28)));
    assert_eq!((aaaa.code, aaaa.records), (NO_ERROR, 0));
}

fn case_72() {
    let (server, names) = (Server::start(), Names::of(&[("api.example", &["93.184.216.34"])]));
    let bench = Bench::new(names.clone());
    let sandbox = bench.sandbox("node", policy(&["api.example:443,853"], &[]), Limits::default());
    let long = "a".repeat(63);
    let tunnels = [
        format!("{long}.{long}.{long}.api.example"),
        "c2VjcmV0LXRva2Vu.api.example".to_owned(),
        "0123456789abcdef.evil.example".to_owned(),
    ];
    for name in tunnels {
        for kind in [1, 16, 28, 5, 10, 33, 255] {
            let query = query(&name, kind);
            let answer = sandbox.inside.run(move || ask(NAME_SERVER.into(), &query));
            assert_eq!((answer.code, answer.records), (NO_SUCH_NAME, 0), "{name} {kind}");
        }
    }
    for kind in [16, 28, 5, 10, 33, 65, 255] {
        let answer = sandbox.inside.run(move || ask(NAME_SERVER.into(), &query("api.example", kind)));
        assert_eq!((answer.code, answer.records), (NO_ERROR, 0), "api.example {kind}");
    }
    for other in ["8.8.8.8", "93.184.216.34", "198.18.0.2", "2001:4860:4860::8888"] {
        let server: IpAddr = other.parse().unwrap();
        let answer = sandbox.inside.run(move || ask(server, &query("api.example", 1)));
        assert_eq!((answer.code, answer.records), (REFUSED, 0), "{other}");
        let event = bench.event("another name server", |event| event.act == Act::Query && event.target == other);
        assert_eq!(event.reason.to_string(), "the sandbox has a name server of its own");
    }
    for (address, port) in [("8.8.8.8", 53), ("8.8.8.8", 853), ("1.1.1.1", 443), ("1.1.1.1", 853), ("9.9.9.9", 443)] {
        assert!(sandbox.connect(address, port).is_denied(), "{address}:{port}");
    }
    assert_eq!(names.asked(), [] as [String; 0], "nothing was asked outside");
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    assert_eq!(sandbox.lookup("api.example"), Some("198.18.0.2".parse().unwrap()));
}

fn case_73() {
    let bench = Bench::new(Names::of(&[]));
    let own = policy(&["example.com", "*.wild.example", "bücher.example"], &["0.0.0.0/0"]);
    let sandbox = bench.sandbox("node", own, Limits::default());
    let known = ["EXAMPLE.com.", "example.com", "a.wild.example", "A.B.WILD.example", "xn--bcher-kva.example"];
    for name in known {
        assert!(sandbox.lookup(name).is_some(), "{name}");
    }
    assert_eq!(sandbox.lookup("EXAMPLE.com."), sandbox.lookup("example.com"));
    let labels: &[&[&[u8]]] = &[
        &[b"[example", b"com]"],
        &[b"example", b"com]"],
        &[b"example%00", b"com"],
        &[b"example\0", b"com"],
        &[b"example", b"com\0"],
        &[b"example", b"com%00"],
        &[b"example", b"com", b"evil", b"net"],
        &[b"a", b"example", b"com"],
        &[b"a", b"example", b"com", b"evil", b"net"],
        &[b"evilwild", b"example"],
        &[b"wild", b"example"],
        &[b"a", b"wild", b"example", b"evil", b"net"],
        // A dot within a label is part of the label.
        &[b"example.com"],
        &[b"a.wild.example"],
        &[b"a.wild", b"example"],
        &["bücher".as_bytes(), b"example"],
        // The first letter is Cyrillic, as it is and as IDNA writes it.
        &["еxample".as_bytes(), b"com"],
        &[b"xn--xample-2of", b"com"],
        &["example。com".as_bytes()],
        &["ｅxample".as_bytes(), b"com"],
        &[b"example", b"com:80"],
        &[b"user@example", b"com"],
        &[b"example", b"com/"],
        &[b"example ", b"com"],
        &[b"\xff\xfe", b"com"],
        &[b"*", b"wild", b"example"],
        &[b"127", b"0", b"0", b"1"],
        &[b"127", b"1"],
        &[b"0177", b"0", b"0", b"1"],
        &[b"0x7f", b"1"],
        &[b"2130706433"],
        &[b"localhost"],
        &[],
    ];
    for labels in labels {
        let query = query_labels(labels, 1);
        let answer = sandbox.inside.run(move || ask(NAME_SERVER.into(), &query));
        let shown: Vec<String> = labels.iter().map(|label| label.escape_ascii().to_string()).collect();
        assert_eq!((answer.code, answer.records), (NO_SUCH_NAME, 0), "{shown:?}");
    }
}

fn names_are_private() {
    let (server, names) =
        (Server::start(), Names::of(&[("a.example", &["93.184.216.1"]), ("b.example", &["93.184.216.2"])]));
    let bench = Bench::new(names);
    let of = |name: &str| policy(&[&format!("{name}:{}", server.port)], &[]);
    let (one, two) = (of("a.example"), of("b.example"));
    let (one, two) = (bench.sandbox("one", one, Limits::default()), bench.sandbox("two", two, Limits::default()));
    let (first, second) = (one.lookup("a.example"), two.lookup("b.example"));
    assert_eq!(first, second, "the same address stands for another name in another sandbox");
    assert_eq!((one.lookup("b.example"), two.lookup("a.example")), (None, None));
    assert_eq!(two.connect("198.18.0.2", server.port), hello());
    assert_eq!(server.reached(), ["93.184.216.2".parse::<IpAddr>().unwrap()]);
}

fn loopback_name_server() {
    let bench = Bench::new(Names::of(&[]));
    let sandbox = bench.sandbox("node", policy(&["api.example"], &[]), Limits::default());
    for server in ["127.0.0.1", "127.0.0.53", "::1", "198.18.0.1"] {
        let server: IpAddr = server.parse().unwrap();
        let answer = sandbox.inside.run(move || ask(server, &query("api.example", 1)));
        assert_eq!(answer.address(), Some("198.18.0.2".parse().unwrap()), "{server}");
    }
}

fn names_end() {
    let bench = Bench::new(Names::of(&[]));
    let limits = Limits { names_max: 3, ..Limits::default() };
    let sandbox = bench.sandbox("node", policy(&["*.wild.example"], &[]), limits);
    let given: Vec<bool> = (0..5).map(|at| sandbox.lookup(&format!("n{at}.wild.example")).is_some()).collect();
    assert_eq!(given, [true, true, true, false, false]);
    assert!(sandbox.lookup("n0.wild.example").is_some(), "names that have an address keep it");
    let event = bench.event("too many names", |event| event.target == "n3.wild.example");
    assert_eq!(event.reason.to_string(), "the sandbox has asked for too many names");
}

fn garbage() {
    let bench = Bench::new(Names::of(&[]));
    let limits = Limits { queries_per_second_max: 1_000_000, ..Limits::default() };
    let sandbox = bench.sandbox("node", policy(&["api.example"], &[]), limits);
    sandbox.inside.run(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        for length in (0..60_000).step_by(37) {
            let bytes: Vec<u8> = (0..length)
                .map(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    seed as u8
                })
                .collect();
            // A full socket loses what does not fit, which is as good.
            let _ = socket.send_to(&bytes, "198.18.0.1:53");
        }
        // So may a query be that comes while the garbage is still there.
        socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        let answered = (0..2000).any(|_| {
            socket.send_to(&query("api.example", 1), "198.18.0.1:53").unwrap();
            let mut answer = [0; 512];
            socket.recv(&mut answer).is_ok() && answer[..2] == [0x12, 0x34] && answer[7] == 1
        });
        assert!(answered, "the name server answers no more");
    });
    assert_eq!(sandbox.lookup("api.example"), Some("198.18.0.2".parse().unwrap()));
}
