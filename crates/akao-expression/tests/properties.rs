//! Properties over generated input: nothing panics, and the language agrees with Jinja where the two are the same.

use akao_expression::{Expression, MapScope, Namespace, Template, condition, evaluate_over};
use proptest::prelude::*;
use serde_json::{Value, json};

fn values() -> Value {
    json!({
        "a": 7, "b": -3, "c": 2.5, "zero": 0, "s": "Text", "t": "", "yes": true, "no": false, "nil": null,
        "list": [3, 1, 2], "words": ["b", "a"], "user": { "name": "Ada", "age": 36 },
    })
}

/// Text that looks like expressions often enough to get past the scanner.
fn fragments() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "a",
        "list",
        "user",
        ".name",
        "[0]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "{{",
        "}}",
        "${",
        "$${",
        "'x'",
        "'",
        "\"",
        "\\",
        "|",
        " | ",
        "upper",
        "default(1)",
        "map(attribute='x')",
        "sort",
        "join(',')",
        " and ",
        " or ",
        " not ",
        " in ",
        " is ",
        "defined",
        " if ",
        " else ",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "~",
        "==",
        "<",
        "1",
        "2.5",
        "1e9",
        "9223372036854775807",
        ",",
        ":",
        "ü",
        "secrets.A",
        "steps.x",
        "item",
        "range(3)",
        "\u{0}",
        "&&",
        "?",
        "none",
        " ",
    ]);
    prop::collection::vec(words, 0..24).prop_map(|words| words.concat())
}

fn run_everything(text: &str) {
    let scope = MapScope::new().with(Namespace::Blackboard, values());
    if let Ok(expression) = Expression::compile(text) {
        let _ = expression.evaluate(&scope);
        let _ = expression.holds(&scope);
    }
    match Template::compile(&json!({ "k": [text] })) {
        Ok(template) => {
            let _ = template.render(&scope);
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "offset {} of {text:?}", error.offset);
            assert_eq!(error.pointer, "/k/0");
        }
    }
    if let Err(error) = condition(&Value::from(text)) {
        assert!(text.is_char_boundary(error.offset), "offset {} of {text:?}", error.offset);
    }
}

/// Expressions of the part that this language and Jinja share. Booleans stay apart from other values, because there
/// `true` is the number 1 and here it is not.
fn shared() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "zero",
        "s",
        "t",
        "nil",
        "list",
        "words",
        "user",
        "user.name",
        "user['age']",
        "list[0]",
        "list[-1]",
        "words[1:]",
        "s[1:3]",
        "1",
        "2",
        "0.5",
        "'Text'",
        "''",
        "none",
        "[1, 2]",
        "{'k': a}",
        "nope",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(4, 32, 3, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "//", "%", "and", "or"]);
        let filter = prop::sample::select(vec![
            "length",
            "upper",
            "lower",
            "first",
            "last",
            "sort",
            "unique",
            "reverse",
            "list",
            "abs",
            "default('d')",
            "default('d', true)",
            "float",
            "join('-')",
            "sum",
            "min",
            "max",
            "map('upper') | list",
            "replace('e', 'xx')",
            "trim",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (inner.clone(), filter).prop_map(|(value, filter)| format!("({value}) | {filter}")),
            (inner.clone(), truth(inner.clone()), inner).prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
        ]
    })
}

fn truth(value: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    let comparison = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "in", "not in"]);
    let check = prop::sample::select(vec![
        "defined",
        "undefined",
        "none",
        "string",
        "number",
        "not none",
        "odd",
        "even",
        "mapping",
    ]);
    prop_oneof![
        (value.clone(), comparison, value.clone())
            .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
        (value.clone(), check).prop_map(|(value, check)| format!("({value} is {check})")),
        value.prop_map(|value| format!("(not {value})")),
    ]
}

/// What Jinja gives, as JSON; nothing when it refuses or gives an undefined value.
fn jinja(source: &str, values: &Value) -> Option<Value> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let value = environment
        .compile_expression(source)
        .ok()?
        .eval(minijinja::Value::from(minijinja::value::Serde(values)))
        .ok()?;
    if value.is_undefined() {
        return None;
    }
    serde_json::to_value(&value).ok()
}

/// Numbers are compared as numbers: Jinja keeps 128 bits and prints some whole results as fractions.
fn alike(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| alike(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| alike(value, other)))
        }
        _ => left == right,
    }
}

/// Jinja's filters compare text without regard to case, though its `<` and `==` do not; ours compare as these do.
fn compares_text(source: &str, value: &Value) -> bool {
    let holds_text = match value {
        Value::Array(items) => items.iter().any(Value::is_string),
        value => value.is_string(),
    };
    holds_text && ["sort", "min", "max", "unique"].iter().any(|name| source.contains(name))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        run_everything(&text);
    }

    #[test]
    fn fragments_never_panic(text in fragments()) {
        run_everything(&text);
    }

    #[test]
    fn fragments_inside_delimiters_never_panic(text in fragments()) {
        run_everything(&format!("x ${{{text}}} y"));
    }

    /// Where both give a value it is the same. Ours refuses more (mixed types, missing names), never less silently.
    #[test]
    fn agrees_with_jinja(source in shared()) {
        let values = values();
        let ours = Expression::compile(&source).ok().and_then(|e| evaluate_over(&e, values.as_object().unwrap()).ok());
        if let (Some(ours), Some(theirs)) = (&ours, jinja(&source, &values))
            && !compares_text(&source, ours)
        {
            prop_assert!(alike(ours, &theirs), "{source}: ours {ours}, Jinja {theirs}");
        }
    }
}

/// The oracle must not be vacuous: for these both sides give a value.
#[test]
fn the_oracle_answers() {
    let values = values();
    for source in [
        "a + b",
        "(list | sort) | first",
        "user.name == 'Ada'",
        "(nope) | default('d')",
        "(a if no else s)",
        "(-7 // 2)",
    ] {
        let theirs = jinja(source, &values).unwrap_or_else(|| panic!("{source}"));
        let ours = evaluate_over(&Expression::compile(source).unwrap(), values.as_object().unwrap()).unwrap();
        assert!(alike(&ours, &theirs), "{source}: ours {ours}, Jinja {theirs}");
    }
}
