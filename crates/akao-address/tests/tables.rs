//! Classes, spellings and entries, as tables.

use akao_address::{AddressClass, Entry, Host, HostPattern, Network, classify, is_plain_name, parse_host};
use proptest::prelude::*;
use std::net::IpAddr;

#[test]
fn no_form_of_ipv6_hides_a_closed_address() {
    use AddressClass::{LinkLocal, Loopback, Metadata, Private, Special};
    let closed = [
        ("127.0.0.1", Loopback),
        ("10.1.2.3", Private),
        ("172.16.9.9", Private),
        ("192.168.1.1", Private),
        ("100.64.0.1", Private),
        ("169.254.1.1", LinkLocal),
        ("169.254.169.254", Metadata),
        ("169.254.170.2", Metadata),
        ("100.100.100.200", Metadata),
        ("168.63.129.16", Metadata),
        ("0.0.0.0", Special),
        ("224.0.0.251", Special),
        ("255.255.255.255", Special),
        ("198.18.0.7", Special),
    ];
    for (inner, class) in closed {
        let [a, b, c, d] = inner.parse::<std::net::Ipv4Addr>().unwrap().octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for form in [
            format!("::ffff:{inner}"),
            format!("64:ff9b::{inner}"),
            format!("2002:{high:x}:{low:x}::1"),
            format!("2001:0:4136:e378:8000:63bf:{:x}:{:x}", !high, !low),
            format!("2606:4700::5efe:{inner}"),
            format!("2606:4700::200:5efe:{inner}"),
        ] {
            assert_eq!(classify(form.parse().unwrap()), class, "{form} carries {inner}");
        }
        let compatible: IpAddr = format!("::{inner}").parse().unwrap();
        assert_ne!(classify(compatible), AddressClass::Public, "{compatible}");
        let translated: IpAddr = format!("::ffff:0:{inner}").parse().unwrap();
        assert_ne!(classify(translated), AddressClass::Public, "{translated}");
        let local: IpAddr = format!("64:ff9b:1::{inner}").parse().unwrap();
        assert_ne!(classify(local), AddressClass::Public, "{local}");
    }
}

#[test]
fn metadata_services_of_each_cloud_are_known() {
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.42.42",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
    ] {
        assert_eq!(classify(address.parse().unwrap()), AddressClass::Metadata, "{address}");
    }
}

#[test]
fn tunnels_are_closed_whatever_they_carry() {
    for address in ["2002:808:808::1", "2001:0:4136:e378:8000:63bf:f7f7:f7f7", "::8.8.8.8", "192.88.99.1"] {
        assert_eq!(classify(address.parse().unwrap()), AddressClass::Special, "{address}");
    }
    for address in ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::1"] {
        assert_eq!(classify(address.parse().unwrap()), AddressClass::Public, "{address}");
    }
}

#[test]
fn hosts_have_one_spelling() {
    let name = |text: &str| Host::Domain(text.to_owned());
    let address = |text: &str| match text.parse().unwrap() {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    };
    for (text, host) in [
        ("EXAMPLE.com.", name("example.com")),
        ("bücher.example", name("xn--bcher-kva.example")),
        ("ⓔxample.com", name("example.com")),
        // The first letter is Cyrillic.
        ("еxample.com", name("xn--xample-2of.com")),
        ("a.example.com.evil.net", name("a.example.com.evil.net")),
        ("127.1", address("127.0.0.1")),
        ("0177.0.0.1", address("127.0.0.1")),
        ("0x7f.1", address("127.0.0.1")),
        ("2130706433", address("127.0.0.1")),
        ("127.0.0.1.", address("127.0.0.1")),
        ("0", address("0.0.0.0")),
        ("::1", address("::1")),
        ("[::1]", address("::1")),
    ] {
        assert_eq!(parse_host(text), Ok(host), "{text}");
    }
    for text in ["", ".", "a..", "[127.0.0.1]", "[::1", "a b", "a%00b", "a\0b", "a/b", "a:80", "1.2.3.4.5", "256.1.1.1"]
    {
        assert!(parse_host(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_plain_name_needs_no_second_reading() {
    for (name, plain) in [
        ("example.com", true),
        ("_srv._tcp.example.com", true),
        ("xn--bcher-kva.example", true),
        ("localhost", true),
        ("EXAMPLE.com", false),
        ("example.com.", false),
        (".example.com", false),
        ("a..b", false),
        ("", false),
        ("127.0.0.1", false),
        ("2130706433", false),
        ("0x7f000001", false),
        ("%65xample.com", false),
        ("bücher.example", false),
        ("xn--a.example", false),
        ("a b.example", false),
        ("*.example.com", false),
    ] {
        assert_eq!(is_plain_name(name), plain, "{name:?}");
    }
    let long = format!("{}.example", "a".repeat(63));
    assert!(is_plain_name(&long));
    assert!(!is_plain_name(&format!("a{long}")), "a label of 64 bytes");
    let label = "a".repeat(62);
    let longest = [label.as_str(); 4].join(".");
    assert!(is_plain_name(&format!("{longest}.a")));
    assert!(!is_plain_name(&format!("{longest}.aaa")), "a name of 255 bytes");
}

#[test]
fn entries_open_what_they_name_and_nothing_beside() {
    for (entry, name, port, open) in [
        ("api.example.com", "api.example.com", 443, true),
        ("api.example.com", "api.example.com", 80, true),
        ("api.example.com", "api.example.com", 22, false),
        ("API.Example.com.:5432", "api.example.com", 5432, true),
        ("api.example.com:80,8080", "api.example.com", 8080, true),
        ("api.example.com:80,8080", "api.example.com", 443, false),
        ("*.example.com", "a.example.com", 443, true),
        ("*.example.com", "a.b.example.com", 443, true),
        ("*.example.com", "example.com", 443, false),
        ("*.example.com", "evilexample.com", 443, false),
        ("*.example.com", "a.example.com.evil.net", 443, false),
        ("example.com", "a.example.com", 443, false),
        ("bücher.example", "xn--bcher-kva.example", 443, true),
        ("10.0.0.0/8", "10.0.0.1", 443, false),
    ] {
        assert_eq!(entry.parse::<Entry>().unwrap().opens_name(name, port), open, "{entry} {name} {port}");
    }
    for (entry, address, port, open) in [
        ("10.0.0.0/8:5432", "10.9.8.7", 5432, true),
        ("10.0.0.0/8:5432", "10.9.8.7", 5433, false),
        ("10.0.0.0/8:5432", "11.0.0.1", 5432, false),
        ("10.0.0.0/8:5432", "::ffff:10.0.0.1", 5432, true),
        ("1.2.3.4", "1.2.3.4", 443, true),
        ("1.2.3.4", "1.2.3.5", 443, false),
        ("[fd00::/8]:1", "fd12::7", 1, true),
        ("[fd00::/8]:1", "fe80::7", 1, false),
        ("[::1]:1", "::1", 1, true),
        ("::1", "::1", 443, true),
        ("0.0.0.0/0", "::1", 443, false),
        ("example.com", "93.184.216.34", 443, false),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(entry.parse::<Entry>().unwrap().opens_address(address, port), open, "{entry} {address} {port}");
    }
}

#[test]
fn an_entry_that_is_not_plain_is_refused() {
    let too_many = format!("host:{}", (1..=33).map(|port| port.to_string()).collect::<Vec<_>>().join(","));
    for entry in [
        "",
        "*",
        "*.",
        "*.*",
        "a.*.b",
        "*a.example",
        "*.10.0.0.1",
        "host:",
        "host:0",
        "host:65536",
        "host:http",
        "host:*",
        "host:80,",
        "host:80,,81",
        "host:+80",
        "host: 80",
        "host:80-90",
        "host/8",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0/8",
        "[::1",
        "[::1]8",
        "[::1]:",
        ":80",
        "https://host/",
        "127.1",
        "0177.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.0.0.1.",
        "%65xample.com",
        "exa%00mple.com",
        "a\0b",
        "a b",
        "host\n",
        "user@host",
        "host#x",
        "host?x",
        "[127.0.0.1]x",
        "a..b",
        "xn--a.example",
    ]
    .into_iter()
    .chain([too_many.as_str()])
    {
        let parsed = entry.parse::<Entry>();
        assert!(parsed.is_err(), "{entry:?}: {parsed:?}");
    }
}

#[test]
fn networks_are_read_and_shown() {
    for (text, shown) in
        [("10.0.0.0/8", "10.0.0.0/8"), ("1.2.3.4/32", "1.2.3.4"), ("::ffff:1.2.3.4", "1.2.3.4"), ("::/0", "::/0")]
    {
        assert_eq!(text.parse::<Network>().unwrap().to_string(), shown);
    }
    let error = "10.0.0.0/33".parse::<Network>().unwrap_err();
    assert_eq!(error.to_string(), "`10.0.0.0/33` is not a network such as 10.0.0.0/8");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = parse_host(&text);
        let _ = HostPattern::parse(&text);
        let _ = text.parse::<Entry>();
        prop_assert!(!is_plain_name(&text) || parse_host(&text) == Ok(Host::Domain(text.clone())));
    }

    #[test]
    fn a_mapped_address_has_the_class_of_what_it_maps(bits: u32) {
        let plain = std::net::Ipv4Addr::from_bits(bits);
        prop_assert_eq!(classify(plain.into()), classify(plain.to_ipv6_mapped().into()));
    }

    #[test]
    fn public_ipv6_is_in_the_unicast_block_or_translated(bits: u128) {
        let address = std::net::Ipv6Addr::from_bits(bits);
        let public = classify(address.into()) == AddressClass::Public;
        prop_assert!(!public || bits >> 125 == 1);
    }
}
