//! What a text is read as, where its parts stand, and how what is refused is said.

use akao_yaml::{Budget, ErrorKind, Position, Style, Value, load, load_bytes, to_value};
use serde_json::json;

#[test]
fn case_108_texts_are_read_as_the_core_schema_says() {
    let cases = [
        ("", json!(null)),
        ("# only a comment\n", json!(null)),
        ("\u{feff}a: 1\n", json!({"a": 1})),
        ("---\na: 1\n...\n", json!({"a": 1})),
        ("a: no\nb: 'true'\nc: \"1\"\nd:\n", json!({"a": "no", "b": "true", "c": "1", "d": null})),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", json!({"a": "x\ny\n", "b": "x y"})),
        ("- a: 1\n  b: [1, {c: d}]\n-\n  - x\n", json!([{"a": 1, "b": [1, {"c": "d"}]}, ["x"]])),
        ("1: one\ntrue: yes\n", json!({"1": "one", "true": "yes"})),
        ("a: &x {k: [1, 2]}\nb: *x\n", json!({"a": {"k": [1, 2]}, "b": {"k": [1, 2]}})),
        ("{\"a\": [1, 2, {\"b\": null}], \"c\": \"\\u00e9\"}", json!({"a": [1, 2, {"b": null}], "c": "é"})),
        // What JSON writes of characters beyond U+FFFF, here, in the middle of a text and in a key; elsewhere it is text.
        ("\"\\ud83d\\ude00\"", json!("😀")),
        (
            "{\"a\\uD83D\\uDE00b\": \"\\u00e9\\ud83d\\ude00\\n\\udbff\\udfff\", \"c\": [\"\\ud800\\udc00\", 1]}",
            json!({"a😀b": "é😀\n\u{10ffff}", "c": ["\u{10000}", 1]}),
        ),
        (
            "a: '\\ud83d\\ude00'\nb: \\ud83d\\ude00\nc: |\n  \\ud83d\\ude00\n",
            json!({"a": "\\ud83d\\ude00", "b": "\\ud83d\\ude00", "c": "\\ud83d\\ude00\n"}),
        ),
        ("a: \"\\\\ud83d\\\\ude00 \\U0001f600\"\n", json!({"a": "\\ud83d\\ude00 😀"})),
        ("\n  [1,\n 2]\n", json!([1, 2])),
        ("? a\n: 1\n", json!({"a": 1})),
        ("a: x\r\nb: y\r\n", json!({"a": "x", "b": "y"})),
        ("text: ${bb.x} and $y\n", json!({"text": "${bb.x} and $y"})),
    ];
    for (text, expected) in cases {
        assert_eq!(to_value(text), Ok(expected), "{text}");
    }
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "root:\n  type: Sequence\n  items:\n    - \"é\": { x: 'q' }\n      text: |\n        line\n";
    let node = load(text, &Budget::default()).unwrap();
    let at = |line, column| Position { line, column };
    let root = node.get("root").unwrap();
    assert_eq!(root.position, at(2, 3));
    assert_eq!(root.entries().unwrap()[0].key.position, at(2, 3));
    assert_eq!(root.get("type").unwrap().position, at(2, 9));
    let item = &root.get("items").unwrap().items().unwrap()[0];
    let entry = &item.entries().unwrap()[0];
    assert_eq!((entry.key.position, entry.node.position), (at(4, 7), at(4, 12)));
    assert_eq!(entry.node.get("x").unwrap().position, at(4, 17));
    assert_eq!(entry.node.get("x").unwrap().value, Value::String("q".into(), Style::Quoted));
    assert_eq!(item.get("text").unwrap().value, Value::String("line\n".into(), Style::Block));
}

#[test]
fn a_flow_document_has_the_same_positions() {
    let node = load("\n  {\"a\": 1,\n \"b\": 2}", &Budget::default()).unwrap();
    assert_eq!(node.position, Position { line: 2, column: 3 });
    assert_eq!(node.get("a").unwrap().position, Position { line: 2, column: 9 });
    assert_eq!(node.get("b").unwrap().position, Position { line: 3, column: 7 });
}

#[test]
fn a_text_that_goes_on_in_the_next_line_is_known_as_such() {
    let cases = [
        ("a: x y\n", Style::Plain, "x y"),
        ("a: x\n  y\n", Style::Folded, "x y"),
        ("a: \"x\n  y\"\n", Style::Folded, "x y"),
        ("a: 'x'\n", Style::Quoted, "x"),
        ("a: >-\n  x\n  y\n", Style::Block, "x y"),
    ];
    for (text, style, value) in cases {
        let node = load(text, &Budget::default()).unwrap();
        assert_eq!(node.get("a").unwrap().value, Value::String(value.into(), style), "{text}");
    }
    assert_eq!(to_value("a: null\nb: -\n  1\n").map_err(|error| error.kind), Err(ErrorKind::Syntax));
}

/// The parser counts a line behind a text that does not end with one, and other line ends than this crate did.
#[test]
fn what_is_refused_lies_inside_the_text() {
    let texts = [
        "a: [",
        "a: {",
        "a: 1\nb",
        "a:\r\n  - [x\r\n",
        "a: 1\rb: {{ x }}\r",
        "a: 1\rb: {{ x }}",
        "a: 1\rb: x\u{7}\r",
        "\r\n[1,\r2",
        "a: \"x\n",
        "? ",
        "a: 1\n  b",
    ];
    for text in texts {
        let Err(error) = load(text, &Budget::default()) else { continue };
        let unified = text.replace("\r\n", "\n").replace('\r', "\n");
        let line = unified.split('\n').nth(error.position.line as usize - 1);
        let columns = line.unwrap_or_else(|| panic!("{text:?}: {error}")).chars().count() + 1;
        assert!((1..=columns).contains(&(error.position.column as usize)), "{text:?}: {error}");
    }
    let template = load("a: 1\rb: {{ x }}\r", &Budget::default()).unwrap_err();
    assert_eq!(template.position, Position { line: 2, column: 4 });
}

#[test]
fn what_is_refused_is_quoted_in_part() {
    for text in [format!("a: 0{}\n", "7".repeat(5_000)), format!("a: {{{{ {} }}}}\n", "x".repeat(3_000))] {
        let error = load(&text, &Budget::default()).unwrap_err();
        assert!(error.message.len() < 200 && error.suggestion.unwrap().len() < 200, "{}", error.message);
    }
}

#[test]
fn what_is_refused_says_where_and_what_to_do() {
    use ErrorKind::{DuplicateKey, Encoding, Syntax, UnquotedTemplate, Unsupported};
    let cases = [
        ("a: 1\nb: 2\na: 3\n", DuplicateKey, "3:1: the key `a` is already given at line 1"),
        ("a: !!str 1\n", Unsupported, "1:4: tags (`!name`, `!!type`) are not supported"),
        ("a: !Ref x\n", Unsupported, "1:4: tags (`!name`, `!!type`) are not supported"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", Unsupported, "3:3: merge keys (`<<`) are not supported"),
        ("a: .inf\n", Unsupported, "1:4: `.inf` is not a number that JSON can hold"),
        ("a: 0777\n", Unsupported, "1:4: `0777` is ambiguous: some readers take a leading zero as octal"),
        ("a: 1\n---\nb: 2\n", Unsupported, "2:1: a second document begins here"),
        ("? [a]\n: 1\n", Unsupported, "1:3: a mapping or list stands as a key"),
        ("a: &a [*a]\n", Syntax, "1:8: an alias stands inside the value it repeats"),
        ("a: *b\n", Syntax, "1:4: an alias without its anchor"),
        (
            "url: {{ bb.x }}\n",
            UnquotedTemplate,
            "1:6: `{{ bb.x }}` is not quoted, so YAML reads its braces as a mapping",
        ),
        (
            "url: {{ bb.x }}/path\n",
            UnquotedTemplate,
            "1:6: `{{ bb.x }}` is not quoted, so YAML reads its braces as a mapping",
        ),
        (
            "p: {url: ${bb.x}}\n",
            UnquotedTemplate,
            "1:10: `${bb.x}` is not quoted, so YAML reads its braces as a mapping",
        ),
        ("- [{{ a }}, 1]\n", UnquotedTemplate, "1:4: `{{ a }}` is not quoted, so YAML reads its braces as a mapping"),
        ("a: b: c\n", Syntax, "1:5: a second `: ` on one line, or a key that is indented too far"),
        ("a: \"b\n", Syntax, "1:4: the quote that opens here is never closed"),
        ("a:\n\tb: 1\n", Syntax, "2:2: the line is indented with a tab"),
        ("a: @b\n", Syntax, "1:4: a value cannot begin with `@`"),
        ("a: \"x\" y\n", Syntax, "1:8: `y` follows a closed quote"),
        ("a: \"\\q\"\n", Syntax, "1:4: an unknown escape inside double quotes"),
        ("a: \"\\ud83d\"\n", Syntax, "1:4: an escape that stands for no character"),
        ("a: \"\\ude00\\ud83d\"\n", Syntax, "1:4: an escape that stands for no character"),
        ("a: \"\\ud83d\\u0041\"\n", Syntax, "1:4: an escape that stands for no character"),
        ("a: \"\\ud83dx\\ude00\"\n", Syntax, "1:4: an escape that stands for no character"),
        ("a: \"\\U00110000\"\n", Syntax, "1:4: an escape that stands for no character"),
        ("a: 1\nb\nc: 2\n", Syntax, "3:1: a line without `:` among keys"),
        ("a: 1\u{7}\n", Encoding, "1:5: the control character U+0007 is not allowed"),
        ("a: \u{0}\n", Encoding, "1:4: the control character U+0000 is not allowed"),
    ];
    for (text, kind, expected) in cases {
        let error = load(text, &Budget::default()).expect_err(text);
        assert_eq!((error.kind, error.to_string().as_str()), (kind, expected), "{text}");
        assert!(error.suggestion.is_some(), "{text} has no suggestion");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
    let error = load_bytes(b"a: x\nb: \xff\n", &Budget::default()).unwrap_err();
    assert_eq!((error.kind, error.to_string().as_str()), (ErrorKind::Encoding, "2:4: byte 8 is not UTF-8"));
    assert!(load_bytes("a: é".as_bytes(), &Budget::default()).is_ok());
}
