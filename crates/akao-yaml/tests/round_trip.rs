//! What is written reads back as the same value, and the same value is always written the same way.

use akao_yaml::{to_string, to_value};
use proptest::prelude::*;
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\\n]{0,12}",
        "[a-z]{1,6}",
        ".{0,8}",
        "[-?:,#&*!|>'\"%@`{}$~ \\[\\]\\t\\r\\n0-9a-z.]{0,6}",
        "[a-z ]{0,5}\\n[a-z ]{0,5}\\n?[a-z ]{0,5}",
        Just("no".to_owned()),
        Just("null".to_owned()),
        Just("0x1F".to_owned()),
        Just("${bb.x}".to_owned()),
        Just("a\u{85}b\u{2028}c\u{feff}".to_owned()),
    ]
    .prop_filter("control characters other than these are written as escapes", |text| !text.contains('\0'))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(value in value()) {
        let yaml = to_string(&value);
        let read = to_value(&yaml);
        prop_assert_eq!(read.as_ref(), Ok(&value), "{}", yaml);
        prop_assert_eq!(to_string(&read.unwrap()), yaml);
    }

    #[test]
    fn json_is_yaml(value in value()) {
        let compact = value.to_string();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(to_value(&compact), Ok(value.clone()), "{}", compact);
        prop_assert_eq!(to_value(&pretty), Ok(value), "{}", pretty);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[-?:,#&*!|>'\"%@`{}$~ \\[\\]\\t\\r\\n0-9a-c.<]{0,40}") {
        let _ = to_value(&text);
    }

    #[test]
    fn no_characters_make_the_reader_panic(text in ".{0,30}") {
        let _ = to_value(&text);
    }
}

#[test]
fn values_are_written_in_the_plainest_form_that_reads_back() {
    let cases = [
        (json!({"a": 1, "b": [1, {"c": "x", "d": []}], "e": {}}), "a: 1\nb:\n  - 1\n  - c: x\n    d: []\ne: {}\n"),
        (json!([[1, 2], []]), "- - 1\n  - 2\n- []\n"),
        (json!({"script": "a = 1\nb = 2\n"}), "script: |\n  a = 1\n  b = 2\n"),
        (json!({"script": "a = 1\n\n  b = 2"}), "script: |-\n  a = 1\n\n    b = 2\n"),
        (json!({"on": "on", "1": "1"}), "on: \"on\"\n1: \"1\"\n"),
        (json!({"url": "https://example.com/a?b=c#d"}), "url: https://example.com/a?b=c#d\n"),
        (json!({"t": "${bb.x}", "u": "{{ x }}", "v": "a ${b}"}), "t: \"${bb.x}\"\nu: \"{{ x }}\"\nv: \"a ${b}\"\n"),
        (json!({"a": "x: y", "b": "- x", "c": " x", "d": ""}), "a: \"x: y\"\nb: \"- x\"\nc: \" x\"\nd: \"\"\n"),
        (json!({"é": "naïve"}), "é: naïve\n"),
        (json!("x"), "x\n"),
        (json!(null), "null\n"),
    ];
    for (value, expected) in cases {
        assert_eq!(to_string(&value), expected);
    }
}
