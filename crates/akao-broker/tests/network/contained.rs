//! What a node can do inside its own network, and what becomes of it when the broker or the policy fails.

use crate::{
    Case,
    sandbox::{Bench, Names, hello, policy},
    world::{Got, Inside, PATIENCE, Server, attempt, exchange},
};
use akao_broker::{AttachError, Limits, Policy, PolicySpec};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
};

pub(crate) const CASES: &[Case] = &[
    ("case_71_a_proxy_inside_gets_the_same_verdict", case_71),
    ("case_75_listening_inside_is_seen_by_nobody", case_75),
    ("case_77_a_policy_that_is_malformed_or_empty_opens_nothing", case_77_policy),
    ("case_77_without_its_broker_a_sandbox_reaches_nothing", case_77_broker),
    ("case_80_guessing_addresses_instead_of_asking_leads_nowhere", case_80),
];

/// A proxy as a node could run one: it reads `CONNECT ADDRESS:PORT` and a line's end, and relays.
fn proxy(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut client = stream.unwrap();
        thread::spawn(move || {
            let mut line = Vec::new();
            let mut byte = [0];
            while client.read(&mut byte).unwrap_or(0) == 1 && byte[0] != b'\n' {
                line.push(byte[0]);
            }
            let line = String::from_utf8(line).unwrap();
            let target: SocketAddr = line.strip_prefix("CONNECT ").unwrap().parse().unwrap();
            let Ok(mut server) = TcpStream::connect(target) else { return };
            let (mut back, mut there) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let up = thread::spawn(move || io::copy(&mut there, &mut server));
            let _ = io::copy(&mut back, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
            let _ = up.join();
        });
    }
}

fn case_71() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let sandbox = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), Limits::default());
    let at = sandbox.lookup("api.example").unwrap();
    let through_proxy = move |target: IpAddr| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxied = listener.local_addr().unwrap();
        // A thread stays in the namespace of the one that started it.
        thread::spawn(move || proxy(&listener));
        let mut stream = TcpStream::connect(proxied).unwrap();
        writeln!(stream, "CONNECT {}", SocketAddr::new(target, port)).unwrap();
        exchange(&stream, b"hello")
    };
    for (target, open) in [(at, true), ("93.184.216.34".parse().unwrap(), false), ("10.77.0.1".parse().unwrap(), false)]
    {
        let got = sandbox.inside.run(move || through_proxy(target));
        assert_eq!(got == hello(), open, "{target}: {got:?}");
    }
    assert_eq!(server.reached(), ["93.184.216.34".parse::<IpAddr>().unwrap()]);
    assert_eq!(bench.denial("10.77.0.1", port), "it leads to 10.77.0.1, a private address");
}

fn case_75() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let sandbox = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), Limits::default());
    let at = sandbox.lookup("api.example").unwrap();
    for place in [format!("[::]:{port}"), format!("127.0.0.1:{port}"), format!("{at}:{port}"), "[::]:53".to_owned()] {
        let taken = sandbox.inside.run(move || match place.ends_with(":53") {
            true => std::net::UdpSocket::bind(&place).map(drop),
            false => TcpListener::bind(&place).map(drop),
        });
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
    // A port of its own it may have; nobody outside comes to it.
    let (listener, own) = sandbox.inside.run(|| {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    });
    assert_eq!(attempt("127.0.0.1".parse().unwrap(), own, b"hello"), Got::Refused);
    assert_eq!(attempt("10.99.0.1".parse().unwrap(), own, b"hello"), Got::Refused);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    sandbox.inside.run(move || TcpStream::connect(("127.0.0.1", own)).map(drop)).expect("the control: it listens");
    assert_eq!(sandbox.connect_name("api.example", port), hello());
}

fn case_77_policy() {
    for spec in [
        PolicySpec { allow: vec!["api.example".into(), "10.0.0.0/33".into()], ..PolicySpec::default() },
        PolicySpec { allow: vec!["api.example".into(), String::new()], ..PolicySpec::default() },
        PolicySpec { allow: vec!["api.example:*".into()], ..PolicySpec::default() },
        PolicySpec { allow: vec!["*".into()], ..PolicySpec::default() },
        PolicySpec {
            allow: vec!["api.example".into()],
            operator_networks: vec!["all".into()],
            ..PolicySpec::default()
        },
        PolicySpec { allow: (1..=33).map(|port| format!("api.example:{port}")).collect(), ..PolicySpec::default() },
        PolicySpec { allow: vec!["api.example".into(); 1025], ..PolicySpec::default() },
    ] {
        assert!(Policy::new(&spec).is_err(), "{:?}", spec.allow.last());
    }
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let empty =
        Policy::new(&PolicySpec { operator_networks: vec!["0.0.0.0/0".into()], ..PolicySpec::default() }).unwrap();
    assert!(empty.ports().is_empty());
    // Listeners that a policy does not name are never served.
    let _guard = bench.runtime.enter();
    for policy in [empty, Policy::closed(), policy(&["api.example:1"], &[])] {
        let (inside, sockets) = Inside::new([port]);
        let refused = bench.broker.attach("node", sockets, policy, Limits::default());
        assert!(matches!(refused, Err(AttachError::Port(named)) if named == port));
        for place in ["198.18.0.2", "93.184.216.34"] {
            assert_eq!(inside.run(move || attempt(place.parse().unwrap(), port, b"hello")), Got::Refused);
        }
    }
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
}

fn case_77_broker() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let own = policy(&[&format!("api.example:{port}"), &format!("93.184.216.0/24:{port}")], &[]);
    let mut sandbox = bench.sandbox("node", own.clone(), Limits::default());
    let at = sandbox.lookup("api.example").unwrap();
    let open = sandbox.inside.run(move || {
        let stream = TcpStream::connect((at, port)).unwrap();
        assert_eq!(exchange(&stream, b"hello"), hello());
        stream
    });
    let usage = bench.runtime.block_on(sandbox.attached.take().unwrap().close());
    assert_eq!((usage.opened, usage.bytes_out, usage.bytes_in), (1, 5, 5));
    assert_eq!(exchange(&open, b"hello"), Got::Reset, "what was open is reset, not finished");
    assert_eq!(sandbox.inside.run(move || attempt(at, port, b"hello")), Got::Refused);
    assert_eq!(sandbox.connect("93.184.216.34", port), Got::Refused);
    let silent = sandbox.inside.run(|| {
        let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect("198.18.0.1:53").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send(&crate::sandbox::query("api.example", 1)).unwrap();
        socket.recv(&mut [0; 512]).unwrap_err().kind()
    });
    assert_eq!(silent, io::ErrorKind::ConnectionRefused, "nobody answers names");
    let again = bench.sandbox("another", own, Limits::default());
    assert_eq!(again.connect("93.184.216.34", port), hello());
    server.reached();
}

fn case_80() {
    let server = Server::start();
    let port = server.port;
    let names = Names::of(&[("api.example", &["93.184.216.34"]), ("other.example", &["93.184.216.35"])]);
    let bench = Bench::new(names.clone());
    let sandbox = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), Limits::default());
    for guess in ["198.18.0.0", "198.18.0.1", "198.18.0.2", "198.18.255.255", "198.19.255.255"] {
        assert!(sandbox.connect(guess, port).is_denied(), "{guess}");
        assert_eq!(bench.denial(guess, port), "the address stands for no name");
    }
    // Addresses that a resolver of the node's own would know.
    for known in ["93.184.216.34", "93.184.216.35"] {
        assert!(sandbox.connect(known, port).is_denied(), "{known}");
    }
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    assert_eq!(sandbox.connect_name("api.example", port), hello());
    assert_eq!(names.asked(), ["api.example"]);
}
