//! What an update changes, by a table: the change, what is said of it, and whether it widens or breaks.

use akao_contract::manifest::Manifest;
use akao_package::{Difference, difference, new_key};

const BASE: &str = "manifest: 1
id: com.example.hello
name: Hello
version: 1.0.0
runtime: { type: python, command: ./main.py }
inputs: { a: { type: string, required: true }, b: { type: number } }
outputs: { x: { type: string }, y: { type: array, items: { type: number } } }
main_output: x
provides: [{ capability: inventory.list }]
dependencies: [{ id: com.example.base, version: \">=1.0.0\" }]
permissions:
  - network.http: { hosts: [\"api.example.com:443\"] }
  - filesystem.read: [\"volume://orders\"]
resources: { memory: 128MB, timeout: 30s }
";

fn manifest(text: &str) -> Manifest {
    akao_manifest::read(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).manifest
}

fn compare(new: &str) -> Difference {
    difference((&manifest(BASE), None), (&manifest(new), None))
}

#[test]
fn the_table_of_changes() {
    let host = "[\"api.example.com:443\"]";
    // What is replaced, by what, the line that is said, and its sign: `!` widens, `~` breaks, a space is neither.
    let cases: &[(&str, &str, &str)] = &[
        (
            host,
            "[\"api.example.com:443\", \"x.example.com:443\"]",
            "! permission added: network.http=x.example.com:443",
        ),
        (
            host,
            "[\"*.example.com:443\"]",
            "! permission widened: network.http=api.example.com:443 to network.http=*.example.com:443",
        ),
        (
            host,
            "[\"api.example.com\"]",
            "! permission widened: network.http=api.example.com:443 to network.http=api.example.com",
        ),
        (host, "[\"other.example.org:443\"]", "! permission added: network.http=other.example.org:443"),
        (
            "network.http: { hosts: [\"api.example.com:443\"] }",
            "network.http",
            "! permission widened: network.http=api.example.com:443 to network.http",
        ),
        (
            "volume://orders",
            "volume://orders/2026",
            "  permission narrowed: filesystem.read=volume://orders to filesystem.read=volume://orders/2026",
        ),
        ("volume://orders", "volume://other", "! permission added: filesystem.read=volume://other"),
        ("filesystem.read: ", "filesystem.write: ", "! permission added: filesystem.write=volume://orders"),
        ("  - filesystem.read: [\"volume://orders\"]\n", "", "  permission removed: filesystem.read=volume://orders"),
        ("permissions:\n", "permissions:\n  - secrets: [TOKEN]\n", "! permission added: secrets=TOKEN"),
        ("permissions:\n", "permissions:\n  - system.exec: [jq]\n", "! permission added: system.exec=jq"),
        ("128MB", "256MB", "! limit raised: memory 128MB to 256MB"),
        ("128MB", "64MB", "  limit lowered: memory 128MB to 64MB"),
        ("timeout: 30s", "timeout: 5m", "! limit raised: timeout 30s to 5m"),
        (
            "resources: { memory: 128MB, timeout: 30s }",
            "resources: { memory: 128MB, pids: 128 }",
            "! limit raised: pids 64 to 128",
        ),
        (
            "dependencies: [",
            "dependencies: [{ id: com.example.more, version: \"^2\" }, ",
            "! dependency added: com.example.more ^2",
        ),
        (">=1.0.0", ">=1.1.0", "  dependency changed: com.example.base >=1.0.0 to >=1.1.0"),
        (
            "dependencies: [{ id: com.example.base, version: \">=1.0.0\" }]\n",
            "",
            "  dependency removed: com.example.base",
        ),
        ("inventory.list", "inventory.search", "! capability provided: inventory.search"),
        ("provides: [{ capability: inventory.list }]\n", "", "~ capability no longer provided: inventory.list"),
        ("./main.py", "./other.py", "  run by python `other.py`, before by python `main.py`"),
        (
            "b: { type: number }",
            "b: { type: number, required: true }",
            "~ node com.example.hello: input `b` is required now",
        ),
        (
            "a: { type: string, required: true }",
            "a: { type: string }",
            "  node com.example.hello: input `a` is no longer required",
        ),
        ("b: { type: number }", "b: { type: string }", "~ node com.example.hello: input `b` has another schema"),
        ("b: { type: number }", "b: { type: number, description: \"A number\" }", ""),
        (", b: { type: number }", "", "~ node com.example.hello: input `b` is gone"),
        (
            "b: { type: number }",
            "b: { type: number }, c: { type: string }",
            "  node com.example.hello: input `c` is new",
        ),
        (
            "b: { type: number }",
            "b: { type: number }, c: { type: string, required: true }",
            "~ node com.example.hello: input `c` is new and required",
        ),
        (
            "outputs: { x: { type: string }, y:",
            "outputs: { z: { type: string }, x: { type: string }, y:",
            "  node com.example.hello: output `z` is new",
        ),
        (", y: { type: array, items: { type: number } }", "", "~ node com.example.hello: output `y` is gone"),
        ("main_output: x", "main_output: y", "~ node com.example.hello: main output is another"),
        (
            "main_output: x",
            "main_output: x\nidempotent: true",
            "  node com.example.hello: repeated steps are harmless now",
        ),
    ];
    for (from, to, expected) in cases.iter().copied() {
        assert!(BASE.contains(from), "{from}");
        let found = compare(&BASE.replacen(from, to, 1));
        let text = found.to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(expected.is_empty() == lines.is_empty(), "{from} to {to}: {text}");
        assert!(expected.is_empty() || lines.contains(&expected), "{from} to {to}: {text}");
        assert_eq!(found.widens(), lines.iter().any(|line| line.starts_with('!')), "{text}");
        assert_eq!(found.breaks(), lines.iter().any(|line| line.starts_with('~')), "{text}");
    }
}

#[test]
fn the_version_alone_is_no_change() {
    let found = compare(&BASE.replace("1.0.0\nruntime", "1.0.1\nruntime"));
    assert_eq!(
        (found.to_string().as_str(), found.widens(), found.breaks()),
        ("version 1.0.0 to 1.0.1\n", false, false)
    );
}

#[test]
fn another_key_needs_consent_and_what_widens_comes_first() {
    let (old, new) = (new_key(None).unwrap().public, new_key(None).unwrap().public);
    let after = manifest(&BASE.replacen("main_output: x", "main_output: y", 1));
    let found = difference((&manifest(BASE), Some(&old)), (&after, Some(&new)));
    let text = found.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], format!("! publisher's key changed: {} to {}", old.fingerprint(), new.fingerprint()));
    assert_eq!(lines[2], "~ node com.example.hello: main output is another");
    assert!(difference((&after, Some(&old)), (&after, None)).widens(), "a signature that is gone");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["changes"][0]["change"], "key");
}
