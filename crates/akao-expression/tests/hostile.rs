//! Hostile input ends in a clear error, within 50 ms and 16 MiB. One test, because it measures its own process.

use akao_expression::{CompileError, EvalError, Expression, MapScope, Namespace, Template};
use serde_json::{Value, json};
use std::{
    fs,
    time::{Duration, Instant},
};

const TIME_MAX: Duration = Duration::from_millis(50);
const MEMORY_MAX: u64 = 16 * 1024 * 1024;

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
    ]
}

fn outcome(source: &str, scope: &MapScope) -> Result<Value, String> {
    let expression = Expression::compile(source).map_err(|CompileError { message, .. }| message)?;
    expression.evaluate(scope).map_err(|EvalError { message, .. }| message)
}

/// Highest resident memory since the last call, in bytes; nothing where the kernel does not tell.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(kibibytes * 1024)
}

/// What is wrong with one case; nothing when it is refused as it should be.
fn complaint(name: &str, mut run: impl FnMut() -> Result<Value, String>, message: &str) -> Option<String> {
    peak_memory();
    let before = peak_memory();
    // The fastest of three runs: what is measured is the work, not the neighbours on the machine.
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let result = run();
        fastest = fastest.min(start.elapsed());
        match result {
            Err(found) if found.contains(message) => {}
            Err(found) => return Some(format!("{name}: {found:.200}")),
            Ok(value) => return Some(format!("{name} gives {:.100}", value.to_string())),
        }
    }
    let grown = peak_memory()?.saturating_sub(before?);
    (fastest >= TIME_MAX || grown >= MEMORY_MAX).then(|| format!("{name} takes {fastest:?} and {grown} bytes"))
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
