//! The helpers beside the language: URLs held against another implementation, text, copies, base64.

mod support;

use akao_node::{Value, json};
use support::{failure, outcome, result};
use url::Url;

const URLS: &[(&str, Option<&str>)] = &[
    ("https://example.com", None),
    ("HTTP://User:pa ss@EXAMPLE.com:80/a/../b?x=1 2#f g", None),
    ("//x/y", Some("https://a/b")),
    ("../c?d#e", Some("https://h:8443/a/b/c")),
    ("?q", Some("https://h/p?x#y")),
    ("#f", Some("https://h/p?x#y")),
    ("http:foo", Some("http://h/a/b")),
    ("http:/foo", Some("http://h/a/b")),
    (r"http:\\x\y\..\z", None),
    ("mailto:a@b.c", None),
    ("data:text/plain,hello%20world#a b", None),
    ("foo://bar/../baz", None),
    ("foo:/a//b/./c", None),
    ("foo:///a", None),
    ("http://1.2.3", None),
    ("http://0x7f.1/", None),
    ("http://256.256.256.256/", None),
    ("http://[::1]:8080/", None),
    ("http://[1:0:0:2::3]/", None),
    ("http://[::ffff:1.2.3.4]", None),
    ("http://[1::2::3]", None),
    ("http://[1:2:3:4:5:6:7]", None),
    ("http://a b/", None),
    ("http://exa%6Dple.com", None),
    ("http://a%00b", None),
    ("https://h/%7Efoo/%zz/é?é#é", None),
    ("https://u@h", None),
    ("https://@h", None),
    ("https://h:/", None),
    ("https://h:99999", None),
    ("https://h:0", None),
    ("file:///etc/passwd", None),
    ("file://localhost/etc/../x", None),
    ("file:/a", None),
    ("file:a", Some("file:///b/c")),
    ("x", Some("mailto:a")),
    ("#x", Some("mailto:a")),
    ("   https://h/a\tb\n  ", None),
    ("https://h/?a='b'", None),
    ("foo://h/?a='b'", None),
    ("https:///h/a", None),
    ("https:h", None),
    ("/a", Some("https://h")),
    ("..", Some("https://h/a/b/")),
    (".", Some("https://h/a/b")),
    ("%2e%2E/x", Some("https://h/a/b/c")),
    ("javascript:alert(1)", None),
    ("http://", None),
    ("http://:80", None),
    ("http://u:p@", None),
    ("foo://:80/x", None),
    ("non-special://[::1]/", None),
    ("http://1.2.3.4.5", None),
    ("http://09.1", None),
    ("http://a.1", None),
    ("web+demo:/.//not-a-host/", None),
    ("http://h//a//..//b", None),
    ("http://h/a/..", None),
    ("wss://h:443/x", None),
    ("http://h?x", None),
    (r"http://h\x@y", None),
    ("", Some("https://h/a?b#c")),
];

#[test]
fn urls_read_as_elsewhere() {
    let inputs = json!({"urls": URLS});
    let script = "return urls.map(([url, base]) => {
        const read = URL.parse(url, base ?? undefined);
        return read && [read.href, read.protocol, read.username, read.password, read.hostname, read.port, read.pathname, read.search, read.hash, read.origin];
    })";
    let (found, _) = outcome(script, inputs);
    let found = found.expect("the script runs");
    for (index, (text, base)) in URLS.iter().enumerate() {
        let parsed = match base {
            Some(base) => Url::parse(base).and_then(|base| base.join(text)),
            None => Url::parse(text),
        };
        assert_eq!(found[index], parsed.map_or(Value::Null, |url| parts(&url)), "{text} on {base:?}");
    }
}

fn parts(url: &Url) -> Value {
    let marked = |mark: &str, part: Option<&str>| {
        part.filter(|part| !part.is_empty()).map_or(String::new(), |part| format!("{mark}{part}"))
    };
    json!([
        url.as_str(),
        format!("{}:", url.scheme()),
        url.username(),
        url.password().unwrap_or_default(),
        url.host_str().unwrap_or_default(),
        url.port().map_or(String::new(), |port| port.to_string()),
        url.path(),
        marked("?", url.query()),
        marked("#", url.fragment()),
        url.origin().ascii_serialization(),
    ])
}

#[test]
fn urls_change() {
    let script = "const url = new URL('https://h:8443/p?q=1#f'); const seen = [];
        const set = (name, value) => { url[name] = value; seen.push(url.href) };
        set('port', '443'); set('port', 'x'); set('host', 'a.b:9'); set('hostname', 'c'); set('protocol', 'http'); set('protocol', 'mailto');
        set('pathname', 'x y/../z'); set('search', 'a b'); set('hash', 'h h'); set('username', 'u@'); set('password', 'p:');
        url.searchParams.append('k', 'é &'); url.searchParams.delete('a b'); seen.push(url.href, url.searchParams.get('k')); return seen";
    let expected = json!([
        "https://h/p?q=1#f",
        "https://h/p?q=1#f",
        "https://a.b:9/p?q=1#f",
        "https://c:9/p?q=1#f",
        "http://c:9/p?q=1#f",
        "http://c:9/p?q=1#f",
        "http://c:9/z?q=1#f",
        "http://c:9/z?a%20b#f",
        "http://c:9/z?a%20b#h%20h",
        "http://u%40@c:9/z?a%20b#h%20h",
        "http://u%40:p%3A@c:9/z?a%20b#h%20h",
        "http://u%40:p%3A@c:9/z?k=%C3%A9+%26#h%20h",
        "é &",
    ]);
    assert_eq!(result(script), expected);
}

#[test]
fn search_params_hold_pairs() {
    let script = "const p = new URLSearchParams('?a=1&b=2&a=3&c=%20+%zz&=e&f'); const q = new URLSearchParams([['x', 1], ['y', 'z']]);
        p.set('a', 9); p.sort();
        return [p.toString(), p.get('c'), p.get('none'), p.has('f'), p.has('b', '3'), [...p.keys()], q.toString(), new URLSearchParams({ k: 'v w' }).toString(), q.size]";
    let expected =
        json!(["=e&a=9&b=2&c=++%25zz&f=", "  %zz", null, true, false, ["", "a", "b", "c", "f"], "x=1&y=z", "k=v+w", 2]);
    assert_eq!(result(script), expected);
}

#[test]
fn text_is_encoded_and_decoded() {
    let text = "aé€\u{1f600}\u{0}\u{7ff}\u{ffff}";
    let (found, _) = outcome(
        "return [new TextEncoder().encode(text), new TextDecoder().decode(new TextEncoder().encode(text)) === text]",
        json!({"text": text}),
    );
    assert_eq!(found, Ok(json!([text.as_bytes(), true])));
    // What the standard library makes of broken bytes.
    let broken: [&[u8]; 7] =
        [b"a\xffb", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\x80", b"\xf4\x90\x80\x80"];
    for bytes in broken {
        let (found, _) = outcome("return new TextDecoder().decode(Uint8Array.from(bytes))", json!({"bytes": bytes}));
        assert_eq!(found, Ok(json!(String::from_utf8_lossy(bytes))), "{bytes:?}");
        let (found, _) = outcome(
            "return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))",
            json!({"bytes": bytes}),
        );
        assert!(
            found.is_err_and(|failure| failure.message.starts_with("TypeError: the bytes are not UTF-8")),
            "{bytes:?}"
        );
    }
    let script = "const d = new TextDecoder(); return [d.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0xe2, 0x82), { stream: true }), d.decode(Uint8Array.of(0xac))]";
    assert_eq!(result(script), json!(["", "€"]));
    assert_eq!(result("return [btoa('a\\xff'), atob('Yf8=') === 'a\\xff']"), json!(["Yf8=", true]));
    assert!(failure("new TextDecoder('latin1')").message.starts_with("RangeError: TextDecoder knows utf-8 alone"));
}

#[test]
fn clones_are_deep_and_keep_what_refers_to_itself() {
    let script = "const a = { list: [1, { x: new Date(5) }], map: new Map([['k', new Set([1])]]), bytes: new Uint8Array([1, 2]) };
        a.self = a; const b = structuredClone(a); b.list[1].x.setTime(9); b.bytes[0] = 7;
        return [b.self === b, b !== a, a.list[1].x.getTime(), a.bytes[0], b.map.get('k').has(1), structuredClone(new TypeError('t')) instanceof TypeError]";
    assert_eq!(result(script), json!([true, true, 5, 1, true, true]));
    let found = failure("structuredClone({ f() {} })");
    assert!(found.message.starts_with("DataCloneError: the function f cannot be cloned"), "{found:?}");
}

#[test]
fn random_values_fill_what_is_given() {
    let script = "const a = crypto.getRandomValues(new Uint16Array(8)); const id = crypto.randomUUID();
        return [a.some((x) => x > 255), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)]";
    assert_eq!(result(script), json!([true, true]));
    assert!(
        failure("crypto.getRandomValues([1])").message.starts_with("TypeError: getRandomValues takes a typed array")
    );
}

#[test]
fn what_cannot_be_shown_is_no_failure_of_telling() {
    let script = "console.log({ a: 1, get b() { throw new Error('no') }, get c() { return 2 } });
        console.log(new Proxy({}, { ownKeys() { throw new Error('no') } }), [new Proxy({}, { getPrototypeOf() { throw 1 } }), 3]);
        console.log(Object.defineProperty(new Error('told'), 'stack', { get() { throw 1 } }), 'after');
        return 'done'";
    let (ended, told) = outcome(script, json!({}));
    assert_eq!(ended, Ok(json!("done")));
    let lines: Vec<String> = told.lines.borrow().iter().map(|(_, line)| line.clone()).collect();
    let expected =
        ["{ a: 1, b: [Getter], c: 2 }", "[cannot be shown] [[cannot be shown], 3]", "[cannot be shown] after"];
    assert_eq!(lines, expected);
}
