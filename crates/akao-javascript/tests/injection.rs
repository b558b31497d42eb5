//! Keys and values of inputs are data: hundreds of attempts to have one read as code.

mod support;

use akao_node::{Map, Value, json};
use support::outcome;

/// What an attempt would run, if anything were read as code.
const ACTS: [&str; 5] = [
    "globalThis.hit = 1",
    "(() => { globalThis.hit = 1 })()",
    "throw new Error('hit')",
    "result = 'hit'",
    "return 'hit'",
];

/// What an attempt would break out of.
const WAYS_OUT: [(&str, &str); 16] = [
    ("", ""),
    ("'; ", "; '"),
    ("\"; ", "; \""),
    ("`; ", "; `"),
    ("${", "}"),
    ("*/ ", " /*"),
    ("\n", "\n"),
    ("\u{2028}", "\u{2029}"),
    ("}); ", "; (async function () {"),
    (") { ", " } ("),
    ("\\'; ", "; //"),
    ("\\\"; ", "; //"),
    ("</script><script>", "</script>"),
    ("]]; ", "; [["),
    ("= 1; ", "; var x"),
    ("__proto__\u{0}; ", "\u{0}"),
];

/// Names that mean something to the language or to what runs it.
const NAMES: [&str; 12] = [
    "__proto__",
    "constructor",
    "prototype",
    "arguments",
    "result",
    "inputs",
    "eval",
    "this",
    "toJSON",
    "then",
    "Symbol.iterator",
    "globalThis",
];

/// Checks that the inputs came through as they are and that nothing happened beside.
fn passes(inputs: &Value) {
    let script = "return { inputs, hit: typeof hit, polluted: typeof ({}).polluted, own: Object.keys(inputs).length }";
    let (found, told) = outcome(script, inputs.clone());
    let own = inputs.as_object().map_or(0, Map::len);
    assert_eq!(
        found,
        Ok(json!({"inputs": inputs, "hit": "undefined", "polluted": "undefined", "own": own})),
        "{inputs}"
    );
    assert!(told.lines.borrow().is_empty());
}

/// Checks that a key which no message may hold is told as that, and that nothing happened beside.
fn is_refused(inputs: &Value) {
    let (found, told) = outcome("return inputs", inputs.clone());
    let failure = found.expect_err("no message may hold it");
    assert_eq!(failure.detail["reason"], "script_result", "{failure:?}");
    assert!(told.lines.borrow().is_empty());
}

#[test]
fn three_hundred_attempts_through_keys_and_values_stay_data() {
    let mut count = 0;
    for act in ACTS {
        for (before, after) in WAYS_OUT {
            let attempt = format!("{before}{act}{after}");
            let by_key = if attempt.contains('\0') { is_refused } else { passes };
            by_key(&json!({attempt.as_str(): 1}));
            passes(&json!({"value": attempt}));
            by_key(&json!({"deep": {attempt.as_str(): [attempt, {"again": attempt}]}}));
            by_key(&json!({format!("name{before}"): attempt, format!("{after}name"): {"polluted": attempt}}));
            count += 4;
        }
    }
    for name in NAMES.into_iter().filter(|name| *name != "toJSON") {
        passes(&json!({name: {"polluted": 1, "toString": "hit", "valueOf": 2}}));
        passes(&json!({"value": {name: {"polluted": 1}}}));
        passes(&json!({name: "(() => { globalThis.hit = 1 })()"}));
        count += 3;
    }
    assert!(count >= 300, "{count}");
}

#[test]
fn an_input_cannot_take_the_place_of_the_result_or_of_the_language() {
    for name in NAMES {
        let (found, _) = outcome("const x = [1].map((y) => y + 1)", json!({name: "theirs"}));
        assert_eq!(found, Ok(json!({})), "{name}");
    }
    let (found, _) = outcome(
        "return [typeof Array, typeof Object.keys, typeof undefined]",
        json!({"Array": 1, "Object": 2, "undefined": 3}),
    );
    assert_eq!(found, Ok(json!(["function", "function", "undefined"])));
}
