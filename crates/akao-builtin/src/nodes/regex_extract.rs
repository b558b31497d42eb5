//! `RegexExtract`: finds what matches a pattern in a text.

use crate::{
    BuiltIn, Run,
    declare::Leaf,
    limits::check_result,
    pattern::{self, Pattern},
    props::{Props, bad_input, named},
    text::kind_of,
};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use serde_json::{Value, json};

/// Most matches that are collected.
const MATCHES_MAX: usize = 1_000_000;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("RegexExtract", Category::Data, "Finds what matches a pattern in a text.")
        .description(
            "Matches `pattern` against the text on the blackboard under `input`. The result is the list of matches \
            (with the flag `g` all of them, else at most the first), or with `matchIndex` that one match, or null. No \
            match is still a success. `group` picks a capture group instead of the whole match; a group that took no \
            part is null.\n\nMatching takes linear time: there is no look-around and no back-reference. `\\d`, `\\w` \
            and `\\b` know all of Unicode.",
        )
        .required(
            "input",
            json!({"type": "string", "description": "Blackboard path of the text.", "x-akao-reads": true}),
        )
        .required("pattern", json!({"type": "string", "description": "Regular expression.", "x-akao-literal": true}))
        .prop(
            "flags",
            json!({
                "type": "string", "default": "g",
                "description": "g all matches, i ignore case, m `^` and `$` match at lines, s `.` matches line ends, u \
                               nothing more.",
            }),
        )
        .prop(
            "matchIndex",
            json!({
                "type": "integer", "minimum": 0,
                "description": "Zero-based match that is the result. Absent: a list of all.",
            }),
        )
        .prop(
            "group",
            json!({
                "type": ["integer", "string"], "minimum": 0, "default": 0,
                "description": "Capture group by number or name; 0 is the whole match.",
            }),
        )
        .main_output(
            "result",
            json!({"type": ["array", "string", "null"], "description": "The matches, or the one asked for."}),
        )
        .output("count", json!({"type": "integer", "description": "How many matches were found."}))
        .error(ErrorKind::NotFound, "nothing on the blackboard has the path `input`")
        .error(ErrorKind::Input, "the value is not text, or pattern, flags or group are not valid")
        .error(ErrorKind::Resource, "there are more than 1,000,000 matches, the result is larger than 16 MiB, or pattern and text together take too much work")
        .example(include_str!("examples/regex_extract.yaml"), json!({"ids": ["17", "204"]}))
        .run(Run::Blocking(|invocation, _, _| extract(invocation).unwrap_or_else(Outcome::failure)))
}

fn extract(invocation: &Invocation) -> Result<Outcome, StepError> {
    let props = Props::of(invocation);
    let input = props.text("input")?;
    let value = named(invocation, input)?;
    let text = value
        .as_str()
        .ok_or_else(|| bad_input(format!("`{input}` is {}; a pattern is matched against text", kind_of(value))))?;
    let pattern = pattern::compile(props.text("pattern")?, props.text_or("flags", "g")?)?;
    pattern.check_work(text.len())?;
    let group = group(props, &pattern)?;
    let index = props.count("matchIndex", u64::MAX)?;
    let matches = matches(text, &pattern, group)?;
    let count = matches.len();
    let result = match index {
        Some(index) => usize::try_from(index).ok().and_then(|index| matches.get(index).cloned()).unwrap_or_default(),
        None => Value::Array(matches),
    };
    check_result(&result)?;
    Ok(Outcome::success().output("result", result).output("count", count))
}

/// The number of the capture group that is asked for.
fn group(props: Props<'_>, pattern: &Pattern) -> Result<usize, StepError> {
    let groups = pattern.regex.captures_len();
    let absent = |group: &str| bad_input(format!("the pattern has no group {group}; it has {} groups", groups - 1));
    match props.value("group") {
        Some(Value::String(name)) => {
            let found = pattern.regex.capture_names().position(|known| known == Some(name.as_str()));
            found.ok_or_else(|| absent(&format!("`{name}`")))
        }
        _ => {
            let number = props.count("group", u64::MAX)?.unwrap_or(0);
            let group = usize::try_from(number).ok().filter(|group| *group < groups);
            group.ok_or_else(|| absent(&number.to_string()))
        }
    }
}

fn matches(text: &str, pattern: &Pattern, group: usize) -> Result<Vec<Value>, StepError> {
    let wanted = if pattern.all { MATCHES_MAX + 1 } else { 1 };
    let value = |found: Option<regex::Match<'_>>| found.map_or(Value::Null, |found| found.as_str().into());
    let found: Vec<Value> = match group {
        // Plain matching is several times faster than capturing.
        0 => pattern.regex.find_iter(text).take(wanted).map(|found| value(Some(found))).collect(),
        group => pattern.regex.captures_iter(text).take(wanted).map(|found| value(found.get(group))).collect(),
    };
    if found.len() > MATCHES_MAX {
        let message = format!("the pattern matches more than {MATCHES_MAX} times");
        return Err(StepError::new(ErrorKind::Resource, message));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, failure};
    use serde_json::{Value, json};

    fn found(result: Value, count: usize) -> Value {
        json!({"outputs": {"result": result, "count": count}})
    }

    #[test]
    fn matches_are_found() {
        let board = json!({"text": "a1 b22 Ü333", "mail": {"subject": "Re: hi"}});
        let cases = [
            (json!({"input": "text", "pattern": "\\d+"}), found(json!(["1", "22", "333"]), 3)),
            (json!({"input": "text", "pattern": "\\d+", "flags": ""}), found(json!(["1"]), 1)),
            (json!({"input": "text", "pattern": "\\d+", "matchIndex": 1}), found(json!("22"), 3)),
            (json!({"input": "text", "pattern": "\\d+", "matchIndex": 9}), found(json!(null), 3)),
            (json!({"input": "text", "pattern": "x"}), found(json!([]), 0)),
            (
                json!({"input": "text", "pattern": "(?<letter>\\w)(\\d+)", "group": "letter"}),
                found(json!(["a", "b", "Ü"]), 3),
            ),
            (json!({"input": "text", "pattern": "a(x)?", "group": 1}), found(json!([null]), 1)),
            (json!({"input": "mail.subject", "pattern": "re", "flags": "i", "matchIndex": 0}), found(json!("Re"), 1)),
        ];
        for (props, expected) in cases {
            check(&super::built_in(), &[(props, board.clone(), expected)]);
        }
    }

    #[test]
    fn a_steep_pattern_over_a_long_text_ends_soon() {
        let board = json!({"text": "ab".repeat(1 << 20)});
        let started = std::time::Instant::now();
        for pattern in ["[ab]*a[ab]{1500}c", "(a?){1500}c", "(.*)(.*)(.*)(.*)(.*)x", "(x+x+)+y", "[ab]*a[ab]{12}c"] {
            let _ = crate::testing::run(&super::built_in(), &json!({"input": "text", "pattern": pattern}), &board);
        }
        assert!(started.elapsed().as_secs() < 60, "it took {:?}", started.elapsed());
    }

    #[test]
    fn mistakes_are_named() {
        let board = json!({"n": 5, "text": "a"});
        let cases = [
            (json!({"input": "x", "pattern": "a"}), failure("not_found", "there is no `x` on the blackboard")),
            (
                json!({"input": "n", "pattern": "a"}),
                failure("input", "`n` is a number; a pattern is matched against text"),
            ),
            (json!({"input": "text"}), failure("input", "the prop `pattern` is missing")),
            (
                json!({"input": "text", "pattern": "[", "flags": ""}),
                failure("input", "the pattern `[` is not valid: unclosed character class"),
            ),
            (
                json!({"input": "text", "pattern": "a", "group": 1}),
                failure("input", "the pattern has no group 1; it has 0 groups"),
            ),
            (
                json!({"input": "text", "pattern": "a", "group": "g"}),
                failure("input", "the pattern has no group `g`; it has 0 groups"),
            ),
        ];
        for (props, expected) in cases {
            check(&super::built_in(), &[(props, board.clone(), expected)]);
        }
    }
}
