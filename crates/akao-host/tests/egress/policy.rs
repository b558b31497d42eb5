//! Which targets are open without and with grants, in every spelling.

use crate::server::{Names, grants};
use akao_host::{AddressClass, CheckedEgress, EgressOptions, check_grant, classify};
use akao_step::{Egress, EgressError, HttpCall};
use std::{sync::Arc, time::Duration};

fn get(url: &str) -> HttpCall {
    HttpCall {
        method: "GET".into(),
        url: url.into(),
        headers: vec![],
        body: vec![],
        timeout: Duration::from_secs(5),
        redirects_max: 5,
        answer_bytes_max: 1 << 20,
    }
}

#[test]
fn addresses_are_classified() {
    use AddressClass::{LinkLocal, Loopback, Metadata, Private, Public, Special};
    for (address, class) in [
        ("1.1.1.1", Public),
        ("8.8.8.8", Public),
        ("93.184.216.34", Public),
        ("172.15.255.255", Public),
        ("172.32.0.0", Public),
        ("100.63.255.255", Public),
        ("100.128.0.0", Public),
        ("192.167.255.255", Public),
        ("223.255.255.255", Public),
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.168.0.1", Private),
        ("100.64.0.1", Private),
        ("100.127.255.255", Private),
        ("169.254.0.1", LinkLocal),
        ("169.254.169.254", Metadata),
        ("169.254.170.2", Metadata),
        ("168.63.129.16", Metadata),
        ("100.100.100.200", Metadata),
        ("192.0.0.192", Metadata),
        ("0.0.0.0", Special),
        ("0.1.2.3", Special),
        ("192.0.0.1", Special),
        ("192.0.2.1", Special),
        ("192.88.99.1", Special),
        ("198.18.0.1", Special),
        ("198.19.255.255", Special),
        ("198.51.100.7", Special),
        ("203.0.113.7", Special),
        ("224.0.0.1", Special),
        ("239.255.255.255", Special),
        ("240.0.0.1", Special),
        ("255.255.255.255", Special),
        ("2606:4700:4700::1111", Public),
        ("2a00:1450:4001:81b::200e", Public),
        ("64:ff9b::8.8.8.8", Public),
        ("64:ff9b::127.0.0.1", Loopback),
        ("64:ff9b::10.0.0.1", Private),
        ("64:ff9b::169.254.169.254", Metadata),
        ("64:ff9b:1::8.8.8.8", Special),
        ("::ffff:8.8.8.8", Public),
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:169.254.169.254", Metadata),
        ("::ffff:0:127.0.0.1", Special),
        ("::127.0.0.1", Loopback),
        ("::169.254.169.254", Metadata),
        ("::8.8.8.8", Special),
        ("::1", Loopback),
        ("::", Special),
        ("::2", Special),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("fec0::1", Private),
        ("fc00::1", Private),
        ("fdff::1", Private),
        ("fd00:ec2::254", Metadata),
        ("fd20:ce::254", Metadata),
        ("ff02::1", Special),
        ("2001:db8::1", Special),
        ("2001::1", Special),
        ("2001:0:5601:5601:0:0:8000:fffe", Loopback),
        ("2001:10::1", Special),
        ("2002:7f00:1::", Loopback),
        ("2002:a9fe:a9fe::1", Metadata),
        ("2002:808:808::1", Special),
        ("2606:4700::5efe:10.0.0.1", Private),
        ("3fff::1", Special),
        ("4000::1", Special),
        ("100::1", Special),
    ] {
        assert_eq!(classify(address.parse().unwrap()), class, "{address}");
    }
}

#[tokio::test]
async fn no_spelling_reaches_an_address_that_is_not_granted() {
    let egress = CheckedEgress::with_resolver(
        EgressOptions::default(),
        Arc::new(Names::of(&[
            ("inner.example", &["10.0.0.5"]),
            ("localhost", &["127.0.0.1", "::1"]),
            ("metadata.google.internal", &["169.254.169.254"]),
            ("mixed6.example", &["::ffff:192.168.1.1", "fe80::1"]),
        ])),
    );
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0X7F.0x0.0x0.0x1/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0177.0.0.01/",
        "http://127.0.0.1./",
        "http://%31%32%37.0.0.1/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http:127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        " http://127.0.0.1/ ",
        "ht\ntp://127.0.\t0.1/",
        "HTTP://LOCALHOST/",
        "http://localhost./",
        "http://ⓛocalhost/",
        "http://0/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://0xa9fea9fe/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "https://10.0.0.1/",
        "https://inner.example/",
        "https://INNER.example./",
        "http://mixed6.example/",
        "http://192.168.1.1:443/",
        "http://8.8.8.8:22/",
        "http://8.8.8.8:8080/",
    ] {
        match egress.http(&[], get(url)).await {
            Err(EgressError::Denied { grant: Some(grant), .. }) => {
                assert!(grant.starts_with("network.http="), "{url}: {grant}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
    for url in [
        "",
        "127.0.0.1",
        "ftp://host/",
        "file:///etc/passwd",
        "http://",
        "http://user:hunter2@host/",
        "http://user:hunter2@[/",
        "http://u@host/",
        "http://[::1%25lo]/",
        "http://a b/",
        "http://[127.0.0.1]/",
        "http://256.1.1.1/",
        "http://1.2.3.4.5/",
        "http://host:0/",
        "http://host..../",
        "http://host:99999/",
        "gopher://x/",
        "unix:/run/x",
    ] {
        let error = egress.http(&[], get(url)).await.unwrap_err();
        assert!(matches!(error, EgressError::Request(_)), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"), "the password is repeated");
    }
}

/// Whether the target passes the check; then dialling it fails, which nobody waits for.
async fn passes(egress: &CheckedEgress, grant: &[&str], host: &str, port: u16) -> bool {
    match egress.reach(&grants(grant), host, port).await {
        Ok(reach) => reach.addresses.iter().all(|address| address.port() == port),
        Err(EgressError::Denied { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_grant_opens_what_it_names_and_nothing_beside() {
    let egress = CheckedEgress::with_resolver(
        EgressOptions::default(),
        Arc::new(Names::of(&[
            ("db.corp", &["10.1.2.3"]),
            ("deep.db.corp", &["10.1.2.4"]),
            ("self.corp", &["127.0.0.1"]),
            ("cloud.corp", &["169.254.169.254"]),
            ("localhost", &["127.0.0.1"]),
            ("public.example", &["93.184.216.34"]),
            ("xn--bcher-kva.example", &["93.184.216.35"]),
        ])),
    );
    for (grant, host, port, open) in [
        (&[][..], "public.example", 443, false),
        (&["network.http=public.example:443"], "public.example", 443, false),
        (&["network.tcp"], "public.example", 443, false),
        (&["network.tcp=public.example:443"], "public.example", 443, true),
        (&["network.tcp=public.example:443"], "PUBLIC.example.", 443, true),
        (&["network.tcp=public.example:443"], "public.example", 444, false),
        (&["network.tcp=public.example"], "public.example", 443, false),
        (&["network.tcp=public.example:*"], "public.example", 9, true),
        (&["network.tcp=bücher.example:5432"], "bücher.EXAMPLE", 5432, true),
        (&["network.tcp=db.corp:5432"], "db.corp", 5432, true),
        (&["network.tcp=db.corp:5432"], "10.1.2.3", 5432, false),
        (&["network.tcp=db.corp:5432"], "deep.db.corp", 5432, false),
        (&["network.tcp=*.corp:5432"], "db.corp", 5432, true),
        (&["network.tcp=*.corp:5432"], "deep.db.corp", 5432, true),
        (&["network.tcp=*.corp:5432"], "self.corp", 5432, false),
        (&["network.tcp=*.db.corp:5432"], "db.corp", 5432, false),
        (&["network.tcp=self.corp:5432"], "self.corp", 5432, true),
        (&["network.tcp=cloud.corp:80"], "cloud.corp", 80, false),
        (&["network.tcp=169.254.0.0/16:80"], "cloud.corp", 80, false),
        (&["network.tcp=169.254.169.254:80"], "cloud.corp", 80, true),
        (&["network.tcp=169.254.169.254:80"], "2852039166", 80, true),
        (&["network.tcp=10.0.0.0/8:5432"], "db.corp", 5432, true),
        (&["network.tcp=10.2.0.0/16:5432"], "db.corp", 5432, false),
        (&["network.tcp=0.0.0.0/0:5432"], "db.corp", 5432, true),
        (&["network.tcp=127.0.0.1:1"], "127.1", 1, true),
        (&["network.tcp=127.1:1"], "127.0.0.1", 1, true),
        (&["network.tcp=127.0.0.1:1"], "::ffff:127.0.0.1", 1, true),
        (&["network.tcp=localhost:1"], "127.0.0.1", 1, false),
        (&["network.tcp=[::1]:1"], "::1", 1, true),
        (&["network.tcp=[::1]:1"], "[::1]", 1, true),
        (&["network.tcp=[fd00::/8]:1"], "fd12::7", 1, true),
        (&["network.tcp=[fd00::/8]:1"], "fe80::7", 1, false),
        (&["network.tcp=db.corp:1", "network.tcp=db.corp:2"], "db.corp", 2, true),
    ] {
        assert_eq!(passes(&egress, grant, host, port).await, open, "{grant:?} {host} {port}");
    }
}

#[tokio::test]
async fn a_name_that_nothing_could_open_is_refused_before_it_is_resolved() {
    let closed = || EgressOptions { public_web: false, ..EgressOptions::default() };
    let public_only = || EgressOptions { public_only: true, ..closed() };
    let http = |grant| grants(&[grant]);
    for (options, granted, url, reason) in [
        (closed(), vec![], "http://secret.evil.test/", "it is not granted"),
        (closed(), vec![], "http://localhost:1/", "it is not granted"),
        (closed(), http("network.http"), "http://secret.evil.test/", "it is not granted"),
        (closed(), http("network.http=api.example"), "http://secret.evil.test/", "it is not granted"),
        (closed(), http("network.http=*.api.example"), "http://api.example/", "it is not granted"),
        (closed(), http("network.http=evil.test"), "http://evil.test:8080/", "it is not granted"),
        (closed(), http("network.http=10.0.0.0/8"), "http://evil.test:8080/", "it is not granted"),
        (public_only(), http("network.http=10.1.0.0/16"), "http://evil.test/", "it is not granted"),
        (public_only(), http("network.http=[fd00::/8]"), "http://evil.test/", "it is not granted"),
        (public_only(), http("network.http=169.254.169.254"), "http://evil.test/", "it is not granted"),
        (closed(), http("network.tcp=evil.test:80"), "http://evil.test/", "it is not granted"),
        (EgressOptions::default(), vec![], "http://evil.test:8080/", "port 8080 is not 80 or 443"),
    ] {
        let names = Arc::new(Names::of(&[("localhost", &["127.0.0.1"]), ("secret.evil.test", &["93.184.216.34"])]));
        let egress = CheckedEgress::with_resolver(options, names.clone());
        let error = egress.http(&granted, get(url)).await.unwrap_err();
        assert!(
            matches!(&error, EgressError::Denied { reason: told, grant: Some(_), .. } if told == reason),
            "{url} {granted:?}: {error}"
        );
        let is_denied = matches!(egress.reach(&[], "secret.evil.test", 5432).await, Err(EgressError::Denied { .. }));
        assert!(is_denied, "nor is it for other connections");
        assert!(names.asked.lock().unwrap().is_empty(), "{url} was resolved");
    }
}

#[tokio::test]
async fn a_network_that_may_be_public_lets_names_be_looked_up() {
    let options = || EgressOptions { public_web: false, public_only: true, ..EgressOptions::default() };
    for (network, host) in [("93.184.0.0/16", "public.example"), ("0.0.0.0/0", "public.example")] {
        let names = Names::of(&[("public.example", &["93.184.216.34"])]);
        let egress = CheckedEgress::with_resolver(options(), Arc::new(names));
        assert!(passes(&egress, &[&format!("network.tcp={network}:1")], host, 1).await, "{network}");
    }
}

#[tokio::test]
async fn a_refusal_says_no_address_of_a_name() {
    let names = Names::of(&[
        ("inner.example", &["10.0.0.5"]),
        ("self.example", &["127.0.0.1"]),
        ("cloud.example", &["169.254.170.2"]),
    ]);
    let egress = CheckedEgress::with_resolver(EgressOptions::default(), Arc::new(names));
    for (granted, url, reason) in [
        (vec![], "http://inner.example/", "it resolves to a private address"),
        (grants(&["network.http=*.example"]), "http://self.example/", "it resolves to a loopback address"),
        (
            vec![],
            "http://cloud.example/",
            "it resolves to a cloud metadata address, which nothing but a grant of the address opens",
        ),
    ] {
        let error = egress.http(&granted, get(url)).await.unwrap_err();
        assert!(error.to_string().ends_with(reason), "{error}");
        let EgressError::Denied { grant: Some(grant), .. } = &error else { panic!("{error:?}") };
        let host = url.trim_start_matches("http://").trim_end_matches('/');
        assert_eq!(*grant, format!("network.http={host}:80"));
    }
}

#[tokio::test]
async fn the_public_web_can_be_closed() {
    let options = EgressOptions { public_web: false, ..EgressOptions::default() };
    let egress = CheckedEgress::with_resolver(options, Arc::new(Names::of(&[("public.example", &["93.184.216.34"])])));
    let error = egress.http(&grants(&["network.http"]), get("https://public.example/")).await.unwrap_err();
    let message = "public.example:443 is not reachable without a grant: it is not granted";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn nothing_but_the_public_can_be_open_whatever_is_granted() {
    let options = EgressOptions { public_only: true, ..EgressOptions::default() };
    let names = Names::of(&[("public.example", &["93.184.216.34"]), ("inside.example", &["10.0.0.5"])]);
    let egress = CheckedEgress::with_resolver(options, Arc::new(names));
    for (grant, host, open) in [
        (&["network.tcp=public.example:1"], "public.example", true),
        (&["network.tcp=inside.example:1"], "inside.example", false),
        (&["network.tcp=*.example:1"], "inside.example", false),
        (&["network.tcp=127.0.0.1:1"], "127.0.0.1", false),
        (&["network.tcp=169.254.169.254:1"], "169.254.169.254", false),
        (&["network.tcp=[::1]:1"], "::1", false),
        (&["network.tcp=10.0.0.0/8:1"], "10.0.0.5", false),
    ] {
        assert_eq!(passes(&egress, grant, host, 1).await, open, "{grant:?} {host}");
    }
    let error = egress.http(&grants(&["network.http=127.0.0.1:1"]), get("http://127.0.0.1:1/")).await.unwrap_err();
    assert!(matches!(&error, EgressError::Denied { grant: None, .. }), "no grant would help: {error:?}");
    assert!(error.to_string().ends_with(", and only public addresses are open"), "{error}");
}

#[test]
fn mistakes_in_grants_are_told() {
    for (grant, good) in [
        ("network.http", true),
        ("network.http=api.example.com", true),
        ("network.http=*.example.com:8443", true),
        ("network.http=[::1]:80", true),
        ("network.http=::1", true),
        ("network.tcp=db:5432", true),
        ("filesystem.read=volume://a", true),
        ("network.tcp=db", false),
        ("network.http=host:", false),
        ("network.http=host:0", false),
        ("network.http=host:65536", false),
        ("network.http=host:http", false),
        ("network.http=*", false),
        ("network.http=*.10.0.0.1", false),
        ("network.http=a.*.b", false),
        ("network.http=https://host/", false),
        ("network.http=10.0.0.0/33", false),
        ("network.http=host/8", false),
        ("network.http=[::1", false),
        ("network.http=[::1]8", false),
        ("network.http=:80", false),
    ] {
        assert_eq!(check_grant(&grant.parse().unwrap()).is_ok(), good, "{grant}");
    }
}
