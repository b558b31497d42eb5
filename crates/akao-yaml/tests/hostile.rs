//! Hostile texts end in a clear error, or are read as what they are, within 50 ms and 16 MiB. `support/cost.rs` says how
//! that is measured.

#[path = "support/cost.rs"]
mod cost;

use akao_yaml::{Budget, ErrorKind, load, load_bytes, to_value};
use serde_json::{Value, json};

/// A name, a text, and how it is refused.
type Case = (&'static str, fn() -> String, ErrorKind, &'static str);

fn cases() -> Vec<Case> {
    use ErrorKind::{Budget, DuplicateKey, Encoding, Syntax, Unsupported};
    vec![
        ("alias bomb", alias_bomb, Budget, "anchors and aliases repeat more than 20000 values"),
        ("alias of a large text", alias_of_large_text, Budget, "anchors and aliases repeat more than 20000 values"),
        ("anchors within anchors", || nested("&a[N] [", 60), Budget, ""),
        ("many anchors", || "- &a x\n".repeat(300_000), Budget, "anchors and aliases repeat more than 20000 values"),
        ("alias deepens", alias_deepens, Budget, "nested deeper than 64 levels"),
        ("flow depth", || "[".repeat(10_000), Budget, "nested deeper than"),
        ("flow mapping depth", || "{a: ".repeat(10_000), Budget, "nested deeper than"),
        ("block depth", || "- ".repeat(10_000), Budget, "nested deeper than 64 levels"),
        ("key depth", || "? ".repeat(10_000), Unsupported, "a mapping or list stands as a key"),
        ("indented depth", indented_depth, Budget, "nested deeper than 64 levels"),
        ("plain scalar of 5 MB", || format!("a: {}\n", "x".repeat(5_000_000)), Budget, ""),
        ("quoted scalar of 5 MB", || format!("a: \"{}\"\n", "x".repeat(5_000_000)), Budget, ""),
        ("block scalar of 5 MB", || format!("a: |\n{}", "  some line\n".repeat(450_000)), Budget, ""),
        ("block scalar of empty lines", || format!("a: |\n  x{}", "\n".repeat(5_000_000)), Budget, ""),
        ("scalar of words", || format!("a: {}\n", "x ".repeat(2_500_000)), Budget, ""),
        ("key of 1 MB", || format!("{}: x\n", "k".repeat(1_100_000)), Budget, "a text of 1100000 bytes is longer"),
        ("line of 1 MB", || format!("a: [{}]\n", "1, ".repeat(400_000)), Budget, ""),
        ("list that may be a key", || format!("- [{}]\n", "1,".repeat(2_000_000)), Budget, ""),
        ("mapping that may be a key", || format!("- {{{}}}\n", "a: b,".repeat(1_000_000)), Budget, ""),
        ("JSON of many values", || format!("[{}1]", "1,".repeat(3_000_000)), Budget, "more than 100000 values"),
        ("lists within a list", || format!("[{}1]", "[1,2],".repeat(1_000_000)), Budget, "more than 100000 values"),
        ("many items", || "- 1\n".repeat(1_500_000), Budget, "more than 100000 values"),
        ("many keys", || (0..400_000).map(|n| format!("k{n}: 1\n")).collect(), Budget, "more than 100000 values"),
        ("duplicate among many", duplicate_among_many, DuplicateKey, "the key `k0` is already given at line 1"),
        ("nothing but duplicates", || "a: 1\n".repeat(45_000), DuplicateKey, "the key `a` is already given at line 1"),
        ("many documents", || "---\na\n".repeat(500_000), Unsupported, "a second document begins here"),
        ("too long", || "#".repeat(9 * 1024 * 1024), Budget, "the text has 9437184 bytes"),
        ("null characters", || "\0".repeat(1_000_000), Encoding, "the control character U+0000"),
        ("control characters at the end", || format!("a: {}\u{1}", "#\n".repeat(1_000_000)), Encoding, "U+0001"),
        ("quote never closed", || format!("a: \"{}", "x\n ".repeat(1_000_000)), Budget, ""),
        ("tags", || "- !!binary x\n".repeat(100_000), Unsupported, "tags"),
        (
            "number of a million digits",
            || format!("a: {}\n", "9".repeat(1_000_000)),
            Unsupported,
            "does not fit into 64 bits",
        ),
        ("colons", || ":".repeat(1_000_000), Syntax, ""),
        ("anchor name of 3 MB", || format!("a: &{} x\n", "n".repeat(3_000_000)), Budget, ""),
        ("laughs of a billion", billion_laughs, Budget, "anchors and aliases repeat more than 20000 values"),
        ("anchor that holds itself", || "a: &a [*a]\n".into(), Syntax, "a"),
        ("merge key", || "a: &a { b: 1 }\nc:\n  <<: *a\n".into(), Unsupported, "merge"),
        ("merge keys in a row", || "- <<: [*a, *b]\n".repeat(50_000), Unsupported, "merge keys"),
        ("keys that are lists", || "? [a, b]\n: c\n".repeat(100_000), Unsupported, "stands as a key"),
        (
            "keys that are aliases",
            || format!("a: &a b\n{}", "*a : 1\n".repeat(50_000)),
            Unsupported,
            "an alias stands as a key",
        ),
        ("equal keys in quotes", || "{\"a\": 1, 'a': 2}".into(), DuplicateKey, "the key `a`"),
        ("mark inside the text", || format!("a: 1\n{}b: 2\n", "\u{feff}".repeat(100_000)), Syntax, ""),
        ("directives", || format!("{}---\na: 1\n", "%YAML 1.2\n".repeat(100_000)), Syntax, ""),
        ("tag handles", || format!("{}---\na: 1\n", "%TAG !a! b:\n".repeat(100_000)), Syntax, ""),
        ("ends of documents", || "...\n".repeat(1_000_000), Budget, "ends of a document"),
        ("escape of half a character", || "a: \"\\uD800\"\n".into(), Syntax, ""),
        ("escapes", || format!("a: \"{}\"\n", "\\x41".repeat(1_000_000)), Budget, ""),
        ("infinity", || "a: .inf\n".into(), Unsupported, ""),
        ("exponent", || "a: 1e999999999\n".into(), Unsupported, ""),
        ("stars", || "*".repeat(1_000_000), Syntax, ""),
        ("commas", || format!("[{}]", ",".repeat(1_000_000)), Syntax, ""),
        ("question marks", || "? ".repeat(60) + "a", Unsupported, "stands as a key"),
        ("template in braces", || "a: {{ b }}\n".into(), ErrorKind::UnquotedTemplate, "quote"),
    ]
}

fn alias_bomb() -> String {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

fn alias_of_large_text() -> String {
    format!("- &a {}\n{}", "x".repeat(900_000), "- *a\n".repeat(100_000))
}

fn alias_deepens() -> String {
    let mut text = "a0: &a0 x\n".to_owned();
    for level in 1..100 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    text
}

fn nested(open: &str, depth: usize) -> String {
    let opened: String = (0..depth).map(|level| open.replace("[N]", &level.to_string())).collect();
    format!("{opened}{}{}", "1, ".repeat(2_000), "]".repeat(depth))
}

fn indented_depth() -> String {
    (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect()
}

fn duplicate_among_many() -> String {
    (0..45_000).map(|n| format!("k{n}: 1\n")).chain(["k0: 2\n".to_owned()]).collect()
}

fn billion_laughs() -> String {
    let mut text = "lol0: &lol0 ha\n".to_owned();
    for level in 1..=9 {
        let before = format!("*lol{},", level - 1);
        text.push_str(&format!("lol{level}: &lol{level} [{}]\n", before.repeat(10)));
    }
    text
}

/// Bytes that are no text of the kind that is expected.
fn bytes() -> Vec<(&'static str, Vec<u8>, ErrorKind, &'static str)> {
    use ErrorKind::{Budget, Encoding};
    let utf_16 = |text: &str| [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    vec![
        (
            "invalid at the end",
            [b"a: 1\n# ".repeat(500_000), vec![0xc3]].concat(),
            Encoding,
            "byte 3500000 is not UTF-8",
        ),
        ("overlong", b"a: \xc0\xaf\n".to_vec(), Encoding, "byte 3 is not UTF-8"),
        ("half a surrogate pair", b"a: \xed\xa0\x80\n".to_vec(), Encoding, "byte 3 is not UTF-8"),
        ("continuation bytes", vec![0x80; 8 << 20], Encoding, "byte 0 is not UTF-8"),
        ("Latin 1", b"name: M\xfcller\n".to_vec(), Encoding, "byte 7 is not UTF-8"),
        ("UTF-16", utf_16("a: 1\n"), Encoding, "byte 0 is not UTF-8"),
        ("UTF-32", b"\0\0\xfe\xff\0\0\0a".to_vec(), Encoding, "byte 2 is not UTF-8"),
        ("a null byte", b"a: b\0c\n".to_vec(), Encoding, "the control character U+0000"),
        ("a program", b"\x7fELF\x02\x01\x01\0\0".to_vec(), Encoding, "the control character U+0002"),
        ("9 MB of anything", vec![0xff; 9 << 20], Budget, "the text has 9437184 bytes"),
    ]
}

/// Texts that look hostile and are read.
fn strange() -> Vec<(&'static str, String, Value)> {
    let windows = "a: 1\r\nb:\r\n  - c\r\n".to_owned();
    vec![
        ("nothing", String::new(), Value::Null),
        ("only a mark", "\u{feff}".into(), Value::Null),
        ("a mark before the text", "\u{feff}a: 1\n".into(), json!({"a": 1})),
        ("line ends of Windows", windows, json!({"a": 1, "b": ["c"]})),
        ("line ends of old machines", "a: 1\rb: 2\r".into(), json!({"a": 1, "b": 2})),
        ("no line end", "a: 1".into(), json!({"a": 1})),
        ("Norway", "[no, off, yes, on, y, n, ~]".into(), json!(["no", "off", "yes", "on", "y", "n", null])),
        ("numbers of old", "[0o17, 0x1F, 1_000, 12:30:45]".into(), json!([15, 31, "1_000", "12:30:45"])),
        ("a merge key in quotes", "\"<<\": 1\n".into(), json!({"<<": 1})),
        ("a prototype", "__proto__: { a: 1 }\n".into(), json!({"__proto__": {"a": 1}})),
        ("null in quotes", "a: \"x\\0y\"\n".into(), json!({"a": "x\0y"})),
        ("sixty levels", format!("{}1{}", "[".repeat(60), "]".repeat(60)), (0..60).fold(json!(1), |v, _| json!([v]))),
        ("comments", "# x\n".repeat(1_000_000), Value::Null),
        ("tabs", "\t".repeat(1_000_000) + "a: 1\n", json!({"a": 1})),
        ("empty lines", "\n".repeat(2_000_000), Value::Null),
        ("a long line", format!("a: {}\n", "x".repeat(1_000_000)), json!({"a": "x".repeat(1_000_000)})),
        ("most values", format!("[{}0]", "0,".repeat(99_990)), Value::Array(vec![json!(0); 99_991])),
        ("spread aliases", format!("- &a [1]\n{}", "- *a\n".repeat(5_000)), Value::Array(vec![json!([1]); 5_001])),
    ]
}

#[test]
fn case_108_hostile_texts_end_soon_and_small() {
    let mut wrong = Vec::new();
    let mut refused = |name: &str, bytes: &[u8], kind: ErrorKind, message: &str| {
        let (result, cost) = cost::measured(|| load_bytes(bytes, &Budget::default()));
        println!("{name}: {cost}");
        if cost.is_too_high(1) {
            wrong.push(format!("{name} costs {cost}"));
        }
        match result {
            Ok(_) => wrong.push(format!("{name} was read")),
            Err(error) if error.kind != kind || !error.message.contains(message) => {
                wrong.push(format!("{name}: {:?} {error}", error.kind));
            }
            Err(error) if error.message.len() >= 300 || error.suggestion.is_none() => {
                wrong.push(format!("{name}: too long, or without a suggestion: {:.400}", error.message));
            }
            Err(_) => {}
        }
    };
    cases().into_iter().for_each(|(name, text, kind, message)| refused(name, text().as_bytes(), kind, message));
    bytes().into_iter().for_each(|(name, bytes, kind, message)| refused(name, &bytes, kind, message));
    for (name, text, value) in strange() {
        let (result, cost) = cost::measured(|| load(&text, &Budget::default()).map(drop));
        println!("{name}: {cost}");
        if result.is_err() || cost.is_too_high(1) || to_value(&text).as_ref() != Ok(&value) {
            wrong.push(format!("{name} costs {cost} and gives {result:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
