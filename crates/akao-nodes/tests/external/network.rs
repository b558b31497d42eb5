//! What a node in its sandbox reaches through the broker, and what is told of what it does not. Each test of a denial first
//! shows that the same act works where it is granted, or that the forbidden address does answer outside.

use crate::{
    Case,
    ground::{Ground, Package, run, settings, until},
    world::{OWN_PUBLIC, Server},
};
use akao_nodes::LaunchOptions;
use serde_json::{Value, json};
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

pub(crate) const CASES: &[Case] = &[
    ("case_63_without_a_grant_everything_fails_fast", case_63),
    ("case_64_a_name_that_is_not_listed_does_not_exist", case_64),
    ("case_65_the_address_of_a_listed_host_needs_a_network", case_65),
    ("case_66_metadata_services_are_closed", case_66),
    ("case_67_68_this_machine_is_closed_however_it_is_written", case_67_68),
    ("case_69_an_answer_that_turns_private_is_not_dialled", case_69),
    ("case_70_71_a_redirect_and_a_proxy_are_judged_like_any_connection", case_70_71),
    ("case_72_80_nothing_leaves_by_questions_or_by_another_resolver", case_72_80),
    ("case_73_a_name_has_one_form", case_73),
    ("case_74_other_protocols_are_contained", case_74),
    ("case_75_a_listener_is_in_the_nodes_own_network", case_75),
    ("case_76_strict_names_are_an_operators_choice", case_76),
    ("case_77_a_network_ends_with_its_process_and_comes_with_the_next", case_77),
    ("case_78_a_flood_of_connections_is_the_nodes_own", case_78),
    ("a_grant_that_names_an_address_opens_it_for_an_operator", operator),
    ("denials_without_end_are_few_lines", few_lines),
];

/// The name that is granted, and where it leads.
const LISTED: (&str, &str) = ("api.example", "93.184.216.34");

fn nobody() -> [IpAddr; 0] {
    []
}

/// A ground on which the listed name leads to its address.
fn ground() -> Ground {
    let ground = Ground::new();
    ground.names.then(LISTED.0, &[LISTED.1]);
    ground
}

/// A package that asks for the listed name.
fn listed(port: u16) -> Package {
    Package::with_hosts(&[&format!("{}:{port}", LISTED.0)])
}

/// Fails unless the listed name answers: the control of every denial.
async fn control(ground: &Ground, package: &Package, server: &Server) {
    let said = ground.says(package, &format!("out = talk({:?}, {})", LISTED.0, server.port)).await;
    assert_eq!(said, "hello", "the listed name answers");
    assert_eq!(server.reached(), [LISTED.1.parse::<IpAddr>().unwrap()]);
}

fn is_denied(said: &Value) -> bool {
    matches!(said.as_str(), Some("ECONNREFUSED" | "ECONNRESET" | "ENETUNREACH" | "EADDRNOTAVAIL" | "EPERM" | "EACCES"))
}

fn case_63() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        for address in [LISTED.1, "8.8.8.8", "10.77.0.1", "fd00:ec2::254"] {
            server.must_answer_at(address);
        }
        control(&ground, &listed(server.port), &server).await;
        let begun = Instant::now();
        let code = format!(
            "def udp(address):\n    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:\n        s.settimeout(5)\n        \
             s.sendto(b'x', address)\n        s.recv(1)\n\
             out = [talk(a, {port}) for a in ['{listed}', '8.8.8.8', '10.77.0.1', '127.0.0.1', 'fd00:ec2::254', '::1']]\n\
             out += [tried(udp, ('8.8.8.8', 53)), tried(udp, ('{listed}', {port}))]\n\
             out += [tried(socket.socket, socket.AF_INET, kind, number).__class__.__name__ for kind, number in \
             [(socket.SOCK_RAW, 1), (socket.SOCK_DGRAM, 1)]]\n\
             out += [tried(socket.getaddrinfo, '{name}', {port})]",
            port = server.port,
            listed = LISTED.1,
            name = LISTED.0,
        );
        let said = ground.says(&Package::acts(), &code).await;
        let said = said.as_array().unwrap();
        assert!(said[..8].iter().all(is_denied), "{said:?}");
        assert_eq!(said[8..10], [json!("str"), json!("str")], "no socket for ICMP: {said:?}");
        assert!(said[10].as_str().unwrap().starts_with("EAI_"), "{said:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(server.reached(), nobody());
        ground.end().await;
    });
}

fn case_64() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        ground.names.then("evil.example", &["93.184.216.99"]);
        let package = listed(server.port);
        control(&ground, &package, &server).await;
        let code = format!(
            "out = [tried(socket.getaddrinfo, 'evil.example', {0}), query('evil.example')['code'], query('{1}')]",
            server.port, LISTED.0
        );
        let said = ground.says(&package, &code).await;
        assert!(said[0].as_str().unwrap().starts_with("EAI_"), "{said}");
        assert_eq!((&said[1], &said[2]), (&json!(3), &json!({"code": 0, "records": 1})));
        ground.audit.denied("query evil.example:53: it is not granted").await;
        assert_eq!(ground.names.asked(), [LISTED.0], "only what is granted is asked for");
        let told = ground.audit.all();
        let (subject, _) = told.iter().find(|(_, event)| format!("{event:?}").contains("evil")).unwrap();
        assert_eq!((subject.tenant.as_str(), subject.package.as_str()), ("local", "com.example.acts"));
        assert!(subject.process.is_some() && subject.version.as_deref() == Some("1.0.0"), "{subject:?}");
        ground.end().await;
    });
}

fn case_65() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let port = server.port;
        let package = listed(port);
        control(&ground, &package, &server).await;
        let talk = format!("out = [talk('{0}', {port}), talk('::ffff:{0}', {port})]", LISTED.1);
        assert_eq!(ground.says(&package, &talk).await, json!(["ECONNRESET", "ECONNRESET"]));
        ground.audit.denied(&format!("connect {}:{port}: it is not granted", LISTED.1)).await;
        assert_eq!(server.reached(), nobody());
        let network = Package::with_hosts(&[&format!("93.184.216.32/28:{port}")]);
        assert_eq!(ground.says(&network, &talk).await, json!(["hello", "hello"]));
        let beside = format!("out = talk('93.184.216.48', {port})");
        assert_eq!(ground.says(&network, &beside).await, "ECONNRESET");
        ground.end().await;
    });
}

fn case_66() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let port = server.port;
        let services = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254"];
        let mut hosts = vec![format!("{}:{port}", LISTED.0), format!("0.0.0.0/0:{port}"), format!("[::/0]:{port}")];
        for (at, service) in services.iter().enumerate() {
            server.must_answer_at(service);
            ground.names.then(&format!("m{at}.example"), &[service]);
            hosts.push(format!("m{at}.example:{port}"));
        }
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let package = Package::with_hosts(&hosts);
        control(&ground, &package, &server).await;
        for (at, service) in services.iter().enumerate() {
            let name = format!("m{at}.example");
            let said =
                ground.says(&package, &format!("out = [talk('{service}', {port}), talk('{name}', {port})]")).await;
            assert_eq!(said, json!(["ECONNRESET", "ECONNRESET"]), "{service}");
            for target in [*service, name.as_str()] {
                ground
                    .audit
                    .denied(&format!("connect {target}:{port}: it leads to {service}, a cloud metadata address"))
                    .await;
            }
        }
        assert_eq!(server.reached(), nobody());
        ground.end().await;
    });
}

fn case_67_68() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let port = server.port;
        for place in ["127.0.0.1", "::1", "10.99.0.1", OWN_PUBLIC, "64:ff9b::a4d:1", "2002:a4d:1::1"] {
            server.must_answer_at(place);
        }
        let package = Package::with_hosts(&[
            &format!("{}:{port}", LISTED.0),
            &format!("0.0.0.0/0:{port}"),
            &format!("[::/0]:{port}"),
        ]);
        control(&ground, &package, &server).await;
        let places = [
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "0x7f000001",
            "10.99.0.1",
            OWN_PUBLIC,
            "64:ff9b::a4d:1",
            "64:ff9b::7f00:1",
            "2002:a4d:1::1",
            "2001:0:5db8:d822:0:0:f5b2:fffe",
            "::10.77.0.1",
        ];
        let code = format!("out = {{place: talk(place, {port}) for place in {}}}", json!(places));
        let said = ground.says(&package, &code).await;
        for place in places {
            assert!(is_denied(&said[place]), "{place}: {}", said[place]);
        }
        assert_eq!(server.reached(), nobody());
        ground
            .audit
            .denied(&format!("connect {OWN_PUBLIC}:{port}: it leads to {OWN_PUBLIC}, an address of this machine"))
            .await;
        ground.end().await;
    });
}

fn case_69() {
    run(async {
        let (server, ground) = (Server::echo(), Ground::new());
        server.must_answer_at("10.77.0.1");
        ground.names.then("turn.example.com", &[LISTED.1]);
        ground.names.then("turn.example.com", &["10.77.0.1"]);
        ground.names.then("both.example.com", &["10.77.0.1", LISTED.1, "127.0.0.1"]);
        let port = server.port;
        let package = Package::with_hosts(&[&format!("*.example.com:{port}")]);
        let code = format!(
            "out = [talk('turn.example.com', {port}), talk('turn.example.com', {port}), talk('both.example.com', {port})]"
        );
        assert_eq!(ground.says(&package, &code).await, json!(["hello", "ECONNRESET", "hello"]));
        let listed: IpAddr = LISTED.1.parse().unwrap();
        assert_eq!(server.reached(), [listed, listed], "the private address is never dialled");
        // The broker answers the node before it tells the audit.
        let is_told = |denial: &String| denial.starts_with("connect turn.example.com:") && denial.contains("10.77.0.1");
        until("the denial", || ground.audit.denials(), |told| told.iter().any(is_told)).await;
        ground.end().await;
    });
}

fn case_70_71() {
    run(async {
        let (secret, ground) = (Server::echo(), ground());
        secret.must_answer_at("93.184.216.99");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nfine";
        let plain = Server::http(answer.to_owned());
        let places =
            [format!("http://93.184.216.99:{}/", secret.port), format!("http://evil.example:{}/", secret.port)];
        let hops = places.map(|place| {
            Server::http(format!(
                "HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ))
        });
        // The port of the second hop is open for the listed name, so that the broker is what decides.
        let ports = [plain.port, hops[0].port, hops[1].port, secret.port];
        let hosts = ports.map(|port| format!("{}:{port}", LISTED.0));
        let package = Package::with_hosts(&hosts.each_ref().map(String::as_str));
        let code = format!(
            "import urllib.request, urllib.error\ndef fetch(port):\n    try:\n        return urllib.request.urlopen('http://{}:%d/' % port).read().decode()\n    \
             except OSError as error:\n        return str(getattr(error, 'reason', error))\nout = [fetch(port) for port in {:?}]",
            LISTED.0,
            [plain.port, hops[0].port, hops[1].port]
        );
        let said = ground.says(&package, &code).await;
        assert_eq!(said[0], "fine");
        assert!(said[1].as_str().unwrap().contains("reset"), "{said}");
        assert!(
            said[2].as_str().unwrap().contains("not known") || said[2].as_str().unwrap().contains("resolution"),
            "{said}"
        );
        assert!(hops.iter().all(|hop| hop.reached().len() == 1), "the first hop was made");
        ground.audit.denied(&format!("connect 93.184.216.99:{}: it is not granted", secret.port)).await;
        // A proxy of the node's own inside goes the same way.
        let proxy = format!(
            "proxy = socket.create_server(('127.0.0.1', 0))\ndef relay():\n    while True:\n        inner, _ = proxy.accept()\n        host, port = inner.recv(99).decode().split()\n        \
             inner.sendall(talk(host, int(port)).encode().ljust(20))\n        inner.close()\nthreading.Thread(target=relay, daemon=True).start()\n\
             def by(host):\n    with socket.create_connection(proxy.getsockname()) as s:\n        s.sendall(('%s {port}' % host).encode())\n        return s.recv(20).decode().strip()\n\
             out = [by('{listed}'), by('93.184.216.99'), by('169.254.169.254')]",
            port = secret.port,
            listed = LISTED.0
        );
        assert_eq!(ground.says(&package, &proxy).await, json!(["hello", "ECONNRESET", "ECONNRESET"]));
        assert_eq!(secret.reached(), [LISTED.1.parse::<IpAddr>().unwrap()]);
        ground.end().await;
    });
}

fn case_72_80() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let package = listed(server.port);
        control(&ground, &package, &server).await;
        ground.names.asked();
        let code = "long = '.'.join(['s' * 63] * 3)\n\
             out = [query(long + '.evil.example')['code'], query('secret.evil.example', 16)['code'], query('api.example', 16), query('data.api.example')['code']]\n\
             out += [query('api.example', 1, server)['code'] for server in ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888']]\n\
             out += [talk('8.8.8.8', port) for port in [53, 443, 853]]\n\
             os.environ.update(http_proxy='http://8.8.8.8:3128', LD_PRELOAD='/package/none.so', RES_OPTIONS='attempts:1', LOCALDOMAIN='evil.example')\n\
             out += [talk('8.8.8.8', 3128)]\n\
             try:\n    open('/etc/resolv.conf', 'w')\nexcept OSError as error:\n    out += [errno.errorcode[error.errno]]";
        let all = ground.says(&package, code).await;
        let said = all.as_array().unwrap();
        assert_eq!(said[0..4], [json!(3), json!(3), json!({"code": 0, "records": 0}), json!(3)]);
        assert_eq!(said[4..7], [json!(5), json!(5), json!(5)], "other servers refuse");
        assert!(said[7..11].iter().all(is_denied), "{said:?}");
        assert!(["EROFS", "EACCES"].contains(&said[11].as_str().unwrap()), "{said:?}");
        ground.audit.denied("query secret.evil.example:53: it is not granted").await;
        let is_told = |denial: &String| denial.ends_with("the sandbox has a name server of its own");
        until("the denial", || ground.audit.denials(), |told| told.iter().any(is_told)).await;
        assert_eq!(ground.names.asked(), [] as [String; 0], "no question leaves");
        assert_eq!(server.reached(), nobody());
        ground.end().await;
    });
}

fn case_73() {
    run(async {
        let (server, ground) = (Server::echo(), Ground::new());
        let port = server.port;
        for name in ["a.example.com", "evilexample.com", "a.example.com.evil.net", "example.com"] {
            ground.names.then(name, &[LISTED.1]);
        }
        let package = Package::with_hosts(&[&format!("*.example.com:{port}")]);
        let names = [
            "a.example.com",
            "A.EXAMPLE.com.",
            "example.com",
            "evilexample.com",
            "a.example.com.evil.net",
            "a.example.com%00.evil.net",
            "\u{430}.example.com.evil.net",
        ];
        let code = format!(
            "out = []\nfor name in {}:\n    try:\n        out.append(talk(name, {port}))\n    except (UnicodeError, ValueError):\n        out.append('EAI_NAME')",
            json!(names)
        );
        let all = ground.says(&package, &code).await;
        let said = all.as_array().unwrap();
        assert_eq!(said[0..2], [json!("hello"), json!("hello")], "{said:?}");
        for (name, said) in names.iter().zip(said).skip(2) {
            assert!(said.as_str().unwrap().starts_with("EAI_"), "{name}: {said}");
        }
        assert!(ground.names.asked().iter().all(|asked| asked == "a.example.com"));
        ground.end().await;
    });
}

fn case_74() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        server.must_answer_at("93.184.216.99");
        let port = server.port;
        let package = listed(port);
        control(&ground, &package, &server).await;
        // MPTCP, SCTP, UDP-Lite, raw, packet, netlink, vsock; TCP Fast Open; QUIC's UDP.
        let code = format!(
            "def by(family, kind, number, address):\n    with socket.socket(family, kind, number) as s:\n        s.settimeout(5)\n        s.connect(address)\n        return exchange(s, b'hello')\n\
             there = ('93.184.216.99', {port})\n\
             def fast():\n    with socket.socket() as s:\n        s.sendto(b'hello', 0x20000000, there)\n        return s.recv(5).decode() or 'ECONNRESET'\n\
             out = {{'mptcp': tried(by, 2, 1, 262, there), 'sctp': tried(by, 2, 1, 132, there), 'udplite': tried(by, 2, 2, 136, there),\n\
             'raw': tried(by, 2, 3, 255, there), 'packet': tried(by, 17, 3, 768, there), 'quic': tried(by, 2, 2, 0, there), 'fast': tried(fast),\n\
             'vsock': tried(socket.socket, 40, 1), 'netlink': tried(socket.socket, 16, 3), 'alg': tried(socket.socket, 38, 5),\n\
             'listed': talk('{}', {port})}}",
            LISTED.0
        );
        let said = ground.says(&package, &code).await;
        for (name, said) in said.as_object().unwrap().iter().filter(|(name, _)| *name != "listed") {
            let denied = [
                "EPERM",
                "EACCES",
                "ECONNRESET",
                "ECONNREFUSED",
                "EPROTONOSUPPORT",
                "ESOCKTNOSUPPORT",
                "EAFNOSUPPORT",
                "SILENCE",
            ];
            assert!(said.as_str().is_some_and(|said| denied.contains(&said)), "{name}: {said}");
        }
        assert_eq!(said["listed"], "hello");
        assert_eq!(server.reached().len(), 1, "the listed name alone was reached");
        ground.end().await;
    });
}

fn case_75() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let port = server.port;
        let package = listed(port);
        // The listener of the broker cannot be shared, and one of the node's own is seen by nobody else.
        let code = format!(
            "def take(address, family=socket.AF_INET):\n    s = socket.socket(family)\n    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n    s.bind(address)\n    s.listen()\n    KEPT.setdefault('kept', []).append(s)\n\
             out = [tried(take, ('::', {port}), socket.AF_INET6), tried(take, ('0.0.0.0', {port})), tried(take, ('0.0.0.0', 4711)), tried(talk, '{}', {port})]",
            LISTED.0
        );
        let said = ground.says(&package, &code).await;
        assert_eq!((&said[0], &said[2], &said[3]), (&json!("EADDRINUSE"), &json!("done"), &json!("hello")), "{said}");
        assert_eq!(said[1], "EADDRINUSE", "{said}");
        assert!(std::net::TcpStream::connect(("127.0.0.1", 4711)).is_err(), "nothing listens outside");
        let other = ground.run(ground.code(&package, "out = talk('127.0.0.1', 4711)").of("neighbour")).await;
        assert!(is_denied(&other.result()), "{other:?}");
        ground.end().await;
    });
}

fn case_76() {
    run(async {
        for strict in [false, true] {
            let server = Server::echo();
            let options = LaunchOptions { server_name_required: strict, ..LaunchOptions::default() };
            let ground = Ground::with(options, settings());
            ground.names.then(LISTED.0, &[LISTED.1]);
            let code = format!(
                "def ask(host):\n    with socket.create_connection(('{name}', {port}), 5) as s:\n        \
                 return exchange(s, b'GET / HTTP/1.1\\r\\nHost: ' + host + b'\\r\\n\\r\\n')[:3]\n\
                 out = [tried(ask, b'{name}'), tried(ask, b'other.example')]",
                name = LISTED.0,
                port = server.port,
            );
            let said = ground.says(&listed(server.port), &code).await;
            assert_eq!(said[0], "GET", "the granted name answers in either mode: {said}");
            if strict {
                assert!(said[1] != "GET" && (is_denied(&said[1]) || said[1] == "CLO"), "{said}");
                let told = format!("connect {}:{}: the first bytes ask for `other.example`", LISTED.0, server.port);
                ground.audit.denied(&told).await;
                assert_eq!(server.reached().len(), 1);
            } else {
                assert_eq!(said[1], "GET", "without it, whoever is at the address may be asked for another name");
            }
            ground.end().await;
        }
    });
}

fn case_77() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let package = listed(server.port);
        control(&ground, &package, &server).await;
        // Whoever still holds a connection when the process ends is cut off, and the next process has its own network.
        let code =
            format!("s = socket.create_connection(('{}', {}))\nexchange(s, b'x')\nos._exit(3)", LISTED.0, server.port);
        let ended = ground.run(ground.code(&package, &code)).await;
        assert_eq!(ended.error().detail["cause"], "crashed", "{ended:?}");
        server.reached();
        control(&ground, &package, &server).await;
        // The same content with other grants is another process with another network.
        let without = ground.code(&Package::acts(), &format!("out = talk('{}', {})", LISTED.0, server.port));
        assert!(ground.run(without).await.result().as_str().unwrap().starts_with("EAI_"));
        let refused = ground.run(crate::ground::Step { grants: Vec::new(), ..ground.code(&package, "out = 1") }).await;
        assert_eq!(refused.error().detail["reason"], "not_granted", "{refused:?}");
        ground.end().await;
    });
}

fn case_78() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let port = server.port;
        let package = listed(port);
        control(&ground, &package, &server).await;
        let flood = format!(
            "held = []\nfor _ in range(150):\n    try:\n        s = socket.create_connection(('{}', {port}), 10)\n        if exchange(s, b'x') == 'x':\n            held.append(s)\n    \
             except OSError:\n        pass\nout = len(held)\ntime.sleep(1)",
            LISTED.0
        );
        let begun = ground.begin(ground.code(&package, &flood));
        let flood = tokio::spawn(begun);
        let mut longest = Duration::ZERO;
        let mut calls = 0;
        while !flood.is_finished() {
            let step = ground.code(&package, &format!("out = talk('{}', {port})", LISTED.0)).of("neighbour");
            let begun = Instant::now();
            assert_eq!(ground.run(step).await.result(), "hello", "the neighbour's connections go on");
            longest = longest.max(begun.elapsed());
            calls += 1;
        }
        let held = flood.await.unwrap().result();
        assert_eq!(held, 64, "as many connections as one sandbox may have");
        assert!(calls > 3 && longest < Duration::from_secs(20), "{calls} calls, the longest took {longest:?}");
        ground.audit.denied(&format!("connect {}:{port}: there are too many connections", LISTED.0)).await;
        ground.end().await;
    });
}

fn operator() {
    run(async {
        let server = Server::echo();
        let port = server.port;
        let options = LaunchOptions { granted_addresses_are_open: true, ..LaunchOptions::default() };
        let ground = Ground::with(options, settings());
        ground.names.then("home.example", &["127.0.0.1"]);
        let package = Package::with_hosts(&[&format!("10.77.0.1:{port}"), &format!("home.example:{port}")]);
        let code =
            format!("out = [talk('10.77.0.1', {port}), talk('10.77.0.2', {port}), talk('home.example', {port})]");
        let said = ground.says(&package, &code).await;
        assert_eq!(said, json!(["hello", "ECONNRESET", "ECONNRESET"]), "a name opens nothing that is not public");
        // A tenant of a server does not look after the machine: what is not public is the operator's to grant.
        let home = format!("10.77.0.1:{port}");
        let theirs = async |hosts: &[&str]| {
            let code = format!("out = talk('10.77.0.1', {port})");
            ground.run(ground.code(&Package::with_hosts(hosts), &code).of("neighbour")).await.result()
        };
        assert_eq!(
            theirs(&[home.as_str(), "one.example:80"]).await,
            "ECONNRESET",
            "an address that a tenant grants is closed"
        );
        ground.lasting.give(&format!("network.tcp={home}"));
        assert_eq!(
            theirs(&[home.as_str(), "two.example:80"]).await,
            "ECONNRESET",
            "so is all beside a host that it grants"
        );
        assert_eq!(theirs(&[home.as_str()]).await, "hello");
        ground.end().await;
        let closed = Ground::new();
        assert_eq!(closed.says(&package, &code).await[0], "ECONNRESET", "where others grant, an address stays closed");
        closed.end().await;
    });
}

fn few_lines() {
    run(async {
        let (server, ground) = (Server::echo(), ground());
        let package = listed(server.port);
        control(&ground, &package, &server).await;
        let code = "out = {query('n%d.evil.example' % number)['code'] for number in range(1500)} == {3}";
        assert_eq!(ground.says(&package, code).await, true);
        let lines = ground.audit.denials().len();
        assert!((10..=400).contains(&lines), "1,500 denials with names of their own are {lines} lines");
        // Another's denials are told all the same.
        let other = ground.code(&package, "out = query('other.evil.example')['code']").of("neighbour");
        assert_eq!(ground.run(other).await.result(), 3);
        ground.audit.denied("query other.evil.example:53: it is not granted").await;
        ground.end().await;
    });
}
