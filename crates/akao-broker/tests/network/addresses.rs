//! Addresses: which are dialled, however they are named.

use crate::{
    Case,
    sandbox::{Bench, Names, hello, policy},
    world::{OWN_PUBLIC, Server},
};
use akao_broker::{Act, Limits, Verdict};
use std::net::IpAddr;

pub(crate) const CASES: &[Case] = &[
    ("case_65_the_address_of_a_listed_host_needs_a_network", case_65),
    ("case_66_metadata_services_are_closed", case_66),
    ("case_67_this_machine_is_closed", case_67),
    ("case_68_no_wrapping_opens_a_private_address", case_68),
    ("case_69_an_answer_that_turns_private_is_not_dialled", case_69),
    ("case_70_a_redirect_is_judged_like_any_connection", case_70),
    ("private_networks_need_the_operator_and_the_list", private_networks),
    ("the_next_address_is_tried_when_one_does_not_answer", next_address),
    ("a_name_without_addresses_fails", unresolved),
];

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn case_65() {
    let server = Server::start();
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"])]));
    let port = server.port;
    let by_name = policy(&[&format!("api.example:{port}")], &[]);
    let by_name = bench.sandbox("by name", by_name, Limits::default());
    assert!(by_name.connect("93.184.216.34", port).is_denied());
    assert_eq!(bench.denial("93.184.216.34", port), "it is not granted");
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    assert_eq!(by_name.connect_name("api.example", port), hello());

    let by_network = policy(&[&format!("93.184.216.0/28:{port}"), "93.184.216.64/28:1"], &[]);
    let by_network = bench.sandbox("by network", by_network, Limits::default());
    assert_eq!(by_network.connect("93.184.216.15", port), hello());
    assert_eq!(by_network.connect("::ffff:93.184.216.15", port), hello());
    assert!(by_network.connect("93.184.216.16", port).is_denied());
    assert!(by_network.connect("93.184.216.65", port).is_denied());
    assert_eq!(bench.denial("93.184.216.65", port), "the port is not granted");
    assert_eq!(by_network.lookup("api.example"), None);
}

fn case_66() {
    let server = Server::start();
    let port = server.port;
    let services =
        ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"];
    let names = Names::of(&[]);
    let listed: Vec<String> = (0..services.len()).map(|at| format!("m{at}.example:{port}")).collect();
    for (at, service) in services.iter().enumerate() {
        names.then(&format!("m{at}.example"), &[service]);
        assert!(server.answers_at(service), "{service} answers outside");
    }
    let mut allow: Vec<&str> = listed.iter().map(String::as_str).collect();
    let (v4, v6) = (format!("0.0.0.0/0:{port}"), format!("[::/0]:{port}"));
    allow.extend([v4.as_str(), v6.as_str()]);
    let bench = Bench::new(names);
    let sandbox = bench.sandbox("node", policy(&allow, &["0.0.0.0/0", "::/0"]), Limits::default());
    for (at, service) in services.iter().enumerate() {
        assert!(sandbox.connect(service, port).is_denied(), "{service}");
        let reason = format!("it leads to {service}, a cloud metadata address");
        assert_eq!(bench.denial(service, port), reason);
        let name = format!("m{at}.example");
        assert!(sandbox.connect_name(&name, port).is_denied(), "{name}");
        assert_eq!(bench.denial(&name, port), reason);
    }
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    let exact = policy(&allow, &["169.254.169.254"]);
    let exact = bench.sandbox("exact", exact, Limits::default());
    assert_eq!(exact.connect("169.254.169.254", port), hello());
    assert!(exact.connect("169.254.170.2", port).is_denied());
}

fn case_67() {
    let server = Server::start();
    let port = server.port;
    let own = OWN_PUBLIC.to_string();
    let places =
        ["127.0.0.1", "127.1.2.3", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "10.99.0.1", &own];
    let names = Names::of(&[]);
    let mut allow = vec![format!("0.0.0.0/0:{port}"), format!("[::/0]:{port}")];
    for (at, place) in places.iter().enumerate() {
        names.then(&format!("h{at}.example"), &[place]);
        allow.push(format!("h{at}.example:{port}"));
    }
    let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
    for place in ["127.0.0.1", "::1", "10.99.0.1", own.as_str()] {
        assert!(server.answers_at(place), "{place} answers outside");
    }
    let bench = Bench::new(names);
    let sandbox = bench.sandbox("node", policy(&allow, &[]), Limits::default());
    for (at, place) in places.iter().enumerate() {
        assert!(sandbox.connect(place, port).is_denied(), "{place}");
        assert!(sandbox.connect_name(&format!("h{at}.example"), port).is_denied(), "a name of {place}");
    }
    assert_eq!(bench.denial(&own, port), format!("it leads to {own}, an address of this machine"));
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    for number in ["127.1", "2130706433", "0177.0.0.1", "0x7f000001", "localhost"] {
        assert_eq!(sandbox.lookup(number), None, "{number}");
    }
    let opened = bench.sandbox("opened", policy(&allow, &["127.0.0.0/8", &own]), Limits::default());
    assert_eq!(opened.connect("127.0.0.1", port), hello());
    assert_eq!(opened.connect(&own, port), hello());
}

fn case_68() {
    let server = Server::start();
    let port = server.port;
    let wrapped = [
        "64:ff9b::7f00:1",
        "64:ff9b::a4d:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a4d:1",
        "2002:7f00:1::1",
        "2002:a4d:1::1",
        "2002:a9fe:a9fe::1",
        "2002:5db8:d822::1",
        "2001:0:5db8:d822:0:0:f5b2:fffe",
        "::a4d:1",
        "::a9fe:a9fe",
        "::5db8:d822",
        "::ffff:10.77.0.1",
        "::ffff:0:10.77.0.1",
        "::ffff:169.254.169.254",
        "fe80::5efe:10.77.0.1",
        "fd00::5efe:93.184.216.34",
    ];
    let names = Names::of(&[]);
    let mut allow = vec![format!("0.0.0.0/0:{port}"), format!("[::/0]:{port}")];
    for (at, form) in wrapped.iter().enumerate() {
        names.then(&format!("w{at}.example"), &[form]);
        allow.push(format!("w{at}.example:{port}"));
    }
    let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
    let bench = Bench::new(names);
    let sandbox = bench.sandbox("node", policy(&allow, &[]), Limits::default());
    for (at, form) in wrapped.iter().enumerate() {
        assert!(sandbox.connect(form, port).is_denied(), "{form}");
        assert!(sandbox.connect_name(&format!("w{at}.example"), port).is_denied(), "a name of {form}");
    }
    assert_eq!(server.reached(), [] as [IpAddr; 0]);
    for reachable in ["64:ff9b::a4d:1", "2002:a4d:1::1", "10.77.0.1"] {
        assert!(server.answers_at(reachable), "{reachable} answers outside");
    }
    assert_eq!(sandbox.connect("64:ff9b::5db8:d822", port), hello(), "NAT64 of a public address");
}

fn case_69() {
    let server = Server::start();
    let port = server.port;
    let names = Names::of(&[("both.example", &["10.77.0.1", "93.184.216.34", "169.254.169.254", "::ffff:10.77.0.1"])]);
    names.then("turns.example", &["93.184.216.34"]);
    names.then("turns.example", &["10.77.0.1"]);
    assert!(server.answers_at("10.77.0.1"), "the private address answers outside");
    let bench = Bench::new(names.clone());
    let own = policy(&[&format!("turns.example:{port}"), &format!("both.example:{port}")], &[]);
    let sandbox = bench.sandbox("node", own, Limits::default());
    assert_eq!(sandbox.connect_name("turns.example", port), hello());
    for _ in 0..3 {
        assert!(sandbox.connect_name("turns.example", port).is_denied());
    }
    assert_eq!(bench.denial("turns.example", port), "it leads to 10.77.0.1, a private address");
    for _ in 0..3 {
        assert_eq!(sandbox.connect_name("both.example", port), hello());
    }
    assert_eq!(server.reached(), [address("93.184.216.34"); 4]);
    assert_eq!(names.asked().len(), 7, "a name is resolved anew for each connection");
}

fn case_70() {
    let server = Server::start();
    let port = server.port;
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.216.34"]), ("other.example", &["93.184.216.35"])]));
    let sandbox = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), Limits::default());
    // The server sends back what it is sent; so the node is told to go on elsewhere.
    let at = sandbox.lookup("api.example").unwrap();
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: http://other.example:{port}/\r\n\r\n").into_bytes();
    let sent = redirect.clone();
    let got = sandbox.inside.run(move || crate::world::attempt(at, port, &sent));
    assert_eq!(got, crate::world::Got::Echo(redirect));
    assert_eq!(sandbox.lookup("other.example"), None);
    assert!(sandbox.connect("93.184.216.35", port).is_denied());
    assert_eq!(server.reached(), [address("93.184.216.34")]);
    let both = policy(&[&format!("api.example:{port}"), &format!("other.example:{port}")], &[]);
    let both = bench.sandbox("both", both, Limits::default());
    assert_eq!(both.connect_name("other.example", port), hello());
}

fn private_networks() {
    let server = Server::start();
    let port = server.port;
    let (network, name) = (format!("10.77.0.0/16:{port}"), format!("db.corp:{port}"));
    let bench = Bench::new(Names::of(&[("db.corp", &["10.77.3.4"])]));
    for (allow, operator, by_address, by_name) in [
        (&[network.as_str(), name.as_str()][..], &[][..], false, false),
        (&[name.as_str()], &["10.77.0.0/16"], false, true),
        (&[network.as_str()], &["10.77.0.0/16"], true, false),
        (&[network.as_str(), name.as_str()], &["10.77.4.0/24"], false, false),
        (&[network.as_str(), name.as_str()], &["10.0.0.0/8"], true, true),
    ] {
        let sandbox = bench.sandbox("node", policy(allow, operator), Limits::default());
        let shown = format!("{allow:?} {operator:?}");
        assert_eq!(sandbox.connect("10.77.3.4", port) == hello(), by_address, "{shown}");
        let named = sandbox.lookup("db.corp").is_some() && sandbox.connect_name("db.corp", port) == hello();
        assert_eq!(named, by_name, "{shown}");
    }
}

fn next_address() {
    let server = Server::start();
    let port = server.port;
    // Nothing leads to the first.
    let bench = Bench::new(Names::of(&[("api.example", &["93.184.218.1", "93.184.216.34"])]));
    let sandbox = bench.sandbox("node", policy(&[&format!("api.example:{port}")], &[]), Limits::default());
    assert_eq!(sandbox.connect_name("api.example", port), hello());
    assert_eq!(server.reached(), [address("93.184.216.34")]);
}

fn unresolved() {
    let bench = Bench::new(Names::of(&[]));
    let sandbox = bench.sandbox("node", policy(&["gone.example:81"], &[]), Limits::default());
    assert!(sandbox.connect_name("gone.example", 81).is_denied());
    let event = bench.event("the failure", |event| event.act == Act::Connect);
    assert_eq!((event.verdict, event.reason.to_string().as_str()), (Verdict::Failed, "the name has no address"));
}
