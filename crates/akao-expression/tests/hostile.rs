//! Hostile expressions and templates end in a clear error, within 50 ms and 16 MiB. `support/cost.rs` of `akao-yaml` says
//! how that is measured.

#[path = "../../akao-yaml/tests/support/cost.rs"]
mod cost;

use akao_expression::{CompileError, EvalError, Expression, MapScope, Namespace, Template};
use serde_json::{Value, json};

/// Values as large as a blackboard can hold them inline, and beyond.
fn scope() -> MapScope {
    let numbers: Vec<u32> = (0..12_000).rev().collect();
    let words: Vec<String> = (0..6_000).map(|at| format!("word{at}")).collect();
    MapScope::new().with(
        Namespace::Blackboard,
        json!({
            "text": "abcdefgh".repeat(8_000),
            "long": "x".repeat(1_000_000),
            "numbers": numbers,
            "words": words,
            "ones": format!("[{}1]", "1,".repeat(30_000)),
            "open": "[".repeat(60_000),
            "deep": nested(400),
            "rows": vec![vec![1; 40]; 300],
        }),
    )
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| Value::Array(vec![value]))
}

/// Source and a part of the error's message.
fn cases() -> Vec<(&'static str, String, &'static str)> {
    let chain = |first: &str, link: &str, times: usize| format!("{first}{}", link.repeat(times));
    vec![
        ("repeat a text", "'a' * 10 ** 9".to_owned(), "cannot apply `*`"),
        ("power", "9 ** 999999999".to_owned(), "does not fit"),
        ("huge exponent", "2 ** 99999999999".to_owned(), "exponent"),
        ("fraction power", "1.5 ** 4294967295".to_owned(), "not a finite"),
        ("join by ~", chain("text", " ~ text", 700), "too much memory"),
        ("join by +", chain("text", " + text", 700), "too much memory"),
        ("add lists", chain("numbers", " + numbers", 500), "too much"),
        ("doubling", chain("text", " | replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')", 90), "too much"),
        ("replace with a long text", "text | replace('a', text)".to_owned(), "too much"),
        ("join with a long text", "numbers | join(text)".to_owned(), "too much memory"),
        ("nested join", "[text, text, text] | map('list') | map('join') | join(long)".to_owned(), "too much"),
        ("split and join", "text | list | join(text)".to_owned(), "too much memory"),
        ("long range", "range(10 ** 9)".to_owned(), "at most 10000"),
        ("wide range", "range(-9223372036854775808, 9223372036854775807)".to_owned(), "at most 10000"),
        ("many ranges", format!("[{}0]", "range(10000),".repeat(500)), "too much"),
        ("sort again and again", chain("numbers", " | sort | reverse", 300), "too much work"),
        ("sort words", chain("words", " | sort(reverse=true) | sort", 200), "too much work"),
        ("unique words", chain("words", " | unique", 300), "too much"),
        ("search", format!("[{}0]", "'y' in long,".repeat(500)), "too much work"),
        ("compare", format!("[{}0]", "numbers == numbers,".repeat(300)), "too much work"),
        ("trim", "long | trim(text)".to_owned(), "too much work"),
        ("upper", chain("long", " | upper", 500), "too much"),
        ("split", chain("long", " | split('x') | join('x')", 50), "too much"),
        ("characters", "long | list".to_owned(), "too much"),
        ("encode", chain("text", " | replace('a', 'ä') | urlencode", 30), "too much memory"),
        ("encode as JSON", chain("text", " | json", 600), "too much memory"),
        ("read JSON", chain("ones", " | from_json | json", 40), "too much"),
        ("read deep JSON", "open | from_json".to_owned(), "too much"),
        ("deep value", "deep".to_owned(), "nested deeper than 200"),
        ("deep value as text", "'' ~ deep".to_owned(), "nested deeper than 200"),
        ("large result", "long ~ long".to_owned(), "larger than 1048576 bytes"),
        ("brackets", "(".repeat(5_000), "nested deeper than 64"),
        ("lists", "[".repeat(5_000), "nested deeper than 64"),
        ("objects", "{'a':".repeat(1_500), "nested deeper than 64"),
        ("negations", format!("{}1", "not ".repeat(2_000)), "nested deeper than 64"),
        ("minuses", format!("{}1", "- ".repeat(4_000)), "nested deeper than 64"),
        ("conditionals", format!("{}1", "1 if 0 else ".repeat(600)), "nested deeper than 64"),
        ("subscripts", "a[".repeat(3_000), "nested deeper than 64"),
        ("defaults", "a | default(".repeat(600), "nested deeper than 64"),
        ("long source", "1 + ".repeat(3_000), "longer than 8192 bytes"),
        ("long chain", format!("{}nope", "1 + ".repeat(2_000)), "unknown name"),
        ("long and", format!("{}nope", "1 and ".repeat(1_300)), "unknown name"),
        ("long path", format!("a{}", ".a".repeat(4_000)), "unknown name"),
        ("long number", "9".repeat(8_000), "too large"),
        ("long fraction", format!("1.{}e999999", "9".repeat(8_000)), "too large"),
        ("long name", "n".repeat(8_000), "unknown name"),
        ("null bytes", "\0\0\0".to_owned(), "unexpected character"),
        ("half an escape", "'\\ud800'".to_owned(), "four hexadecimal digits"),
        ("nested maps", chain("rows", " | map('list')", 300), "too much"),
        (
            "filters in filters",
            format!("{}text{}", "(".repeat(60), " | upper)".repeat(60)) + &" ~ long".repeat(9),
            "too much",
        ),
        ("reverse again and again", chain("numbers", " | reverse", 400), "too much"),
        ("round to many digits", "1.5 | round(2147483647)".to_owned(), ""),
        ("divide by nothing", "1 // 0 + 1 % 0".to_owned(), "zero"),
        ("overflow", "9223372036854775807 + 9223372036854775807 * 9223372036854775807".to_owned(), "does not fit"),
        ("steep comparison", format!("[{}0]", "long < long,".repeat(300)), "too much work"),
        ("a template in an expression", "{{ '{%' }}".to_owned(), ""),
        ("statements", "{% for x in range(10000) %}{% endfor %}".to_owned(), ""),
        ("attributes of the machine", "''.__class__.__mro__[1].__subclasses__()".to_owned(), ""),
        ("calls of unknown names", "cycler(1)(2)(3)".to_owned(), ""),
    ]
}

fn outcome(source: &str, scope: &MapScope) -> Result<Value, String> {
    let expression = Expression::compile(source).map_err(|CompileError { message, .. }| message)?;
    expression.evaluate(scope).map_err(|EvalError { message, .. }| message)
}

/// What is wrong with one case; nothing when it is refused as it should be.
fn complaint(name: &str, run: impl FnMut() -> Result<Value, String>, message: &str) -> Option<String> {
    let (result, cost) = cost::measured(run);
    println!("{name}: {cost}");
    match result {
        Ok(value) => return Some(format!("{name} gives {:.100}", value.to_string())),
        Err(found) if !found.contains(message) => return Some(format!("{name}: {found:.200}")),
        Err(found) if found.len() > 600 => return Some(format!("{name}: a message of {} bytes", found.len())),
        Err(_) => {}
    }
    cost.is_too_high(1).then(|| format!("{name} costs {cost}"))
}

/// An object whose values each ask for the same text.
fn keys(count: usize) -> Value {
    (0..count).map(|at| (format!("k{at}"), json!("${text}"))).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn hostile_input_is_refused_in_time_and_memory() {
    let scope = scope();
    let mut complaints: Vec<String> = cases()
        .into_iter()
        .filter_map(|(name, source, message)| complaint(name, || outcome(&source, &scope), message))
        .collect();
    let rendered = |template: &Value| {
        let template = Template::compile(template).map_err(|error| error.message)?;
        template.render(&scope).map(|rendered| rendered.value).map_err(|error| error.message)
    };
    let deep = nested(5_000);
    let templates = [
        ("many copies", Value::Array(vec![json!("${text}"); 2_000]), "larger than 1048576 bytes"),
        ("many insertions", Value::String("a ${text} ".repeat(2_000)), "larger than 1048576 bytes"),
        ("unclosed", Value::String("${".repeat(30_000)), "is not closed"),
        ("unclosed braces", Value::String("{{".repeat(30_000)), "is not closed"),
        ("quotes never closed", Value::String(format!("${{'{}", "}".repeat(60_000))), "is not closed"),
        ("escapes without end", Value::String(format!("{}${{", "$${".repeat(20_000))), "is not closed"),
        ("many unknown names", Value::Array(vec![json!("${nope.a}"); 2_000]), "unknown name"),
        ("insertions in keys", keys(5_000), "larger than 1048576 bytes"),
        ("long tails", Value::String("${numbers | join('')} ".repeat(40)), "too much"),
        ("templates out of templates", json!("${'$' ~ '{' ~ nope ~ '}'}"), "unknown name"),
    ];
    complaints.extend(
        templates.iter().filter_map(|(name, template, message)| complaint(name, || rendered(template), message)),
    );
    complaints.extend(complaint("deep template", || rendered(&deep), "nested deeper than 200"));
    unwind(deep);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Takes a deep value apart, because dropping it whole would recurse.
fn unwind(mut value: Value) {
    while let Value::Array(mut items) = value {
        value = items.pop().unwrap_or_default();
    }
}
