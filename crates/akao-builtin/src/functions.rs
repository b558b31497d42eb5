//! The function calls of older rule expressions, rewritten into the expression language: `add(a, b)` becomes
//! `((a) + (b))`, `length(name)` becomes `((name) | length)`.
//!
//! Only the calls are rewritten, by text; everything else is left for the expression compiler to judge.

use crate::props::bad_input;
use akao_contract::StepError;

/// Longest expression, in bytes. The expression compiler allows less; this keeps the rewriting itself small.
const SOURCE_BYTES_MAX: usize = 8 * 1024;

/// Deepest nesting of calls.
const DEPTH_MAX: u32 = 16;

/// A function: its name, how many arguments it takes, and what is written between them.
const FUNCTIONS: [(&str, &str); 7] = [
    ("add", " + "),
    ("subtract", " - "),
    ("multiply", " * "),
    ("divide", " / "),
    ("concat", " ~ "),
    ("contains", "contains"),
    ("length", "length"),
];

/// Functions of the older language that looked at files; a node that works on values has none.
const FILE_FUNCTIONS: [&str; 3] = ["exists", "is_file", "is_directory"];

/// The expression without function calls.
pub(crate) fn rewrite(source: &str) -> Result<String, StepError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(bad_input(format!("the expression is longer than {SOURCE_BYTES_MAX} bytes")));
    }
    calls(source, 0)
}

fn calls(source: &str, depth: u32) -> Result<String, StepError> {
    if depth > DEPTH_MAX {
        return Err(bad_input(format!("the expression nests function calls deeper than {DEPTH_MAX} levels")));
    }
    let mut written = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let taken = if next == '"' || next == '\'' {
            quoted_length(rest, next)
        } else if next.is_ascii_alphabetic() || next == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(rest.len());
            match call(&rest[..length], &rest[length..], is_filter(&written), depth)? {
                Some((text, arguments_length)) => {
                    written.push_str(&text);
                    rest = &rest[length + arguments_length..];
                    continue;
                }
                None => length,
            }
        } else {
            next.len_utf8()
        };
        written.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Ok(written)
}

/// Behind a `|` a name is a filter of the expression language, and its parentheses are its own.
fn is_filter(written: &str) -> bool {
    written.trim_end().ends_with('|')
}

/// A call that starts with `name`: its new text and how many bytes behind the name it covers.
fn call(name: &str, behind: &str, filter: bool, depth: u32) -> Result<Option<(String, usize)>, StepError> {
    let opened = behind.len() - behind.trim_start().len();
    if filter || !behind[opened..].starts_with('(') {
        return Ok(None);
    }
    let family = ["string.", "math.", "collection.", "filesystem."].iter().find_map(|family| name.strip_prefix(family));
    let plain = family.unwrap_or(name);
    if FILE_FUNCTIONS.contains(&plain) {
        let message = format!("the function `{name}` looks at files, and this node works on values only");
        return Err(bad_input(message).with_suggestion("List the files with FileScanner and ask its result."));
    }
    let plain = if plain == "count" { "length" } else { plain };
    let Some((_, sign)) = FUNCTIONS.iter().find(|(known, _)| *known == plain) else { return Ok(None) };
    let (arguments, length) = arguments(&behind[opened..])
        .ok_or_else(|| bad_input(format!("the call of `{name}` has no closing parenthesis")))?;
    let wanted = if plain == "length" { 1 } else { 2 };
    if arguments.len() != wanted {
        return Err(bad_input(format!("the function `{name}` takes {wanted} values, not {}", arguments.len())));
    }
    let arguments = arguments.into_iter().map(|argument| calls(argument, depth + 1)).collect::<Result<Vec<_>, _>>()?;
    let text = match (plain, arguments.as_slice()) {
        ("length", [value]) => format!("(({value}) | length)"),
        ("contains", [value, part]) => format!("(({value}) | contains({part}))"),
        (_, values) => format!("(({}))", values.join(&format!("){sign}("))),
    };
    Ok(Some((text, opened + length)))
}

/// The arguments of a call whose `(` stands at the start, and the length of the parentheses.
fn arguments(text: &str) -> Option<(Vec<&str>, usize)> {
    let (mut depth, mut start, mut at) = (0_u32, 1, 0);
    let mut found = Vec::new();
    while let Some(next) = text[at..].chars().next() {
        match next {
            '"' | '\'' => {
                at += quoted_length(&text[at..], next);
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let last = text[start..at].trim();
                    if !(last.is_empty() && found.is_empty()) {
                        found.push(last);
                    }
                    return Some((found, at + 1));
                }
            }
            ',' if depth == 1 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += next.len_utf8();
    }
    None
}

/// The length of a quoted text with its quotes, or of everything when the closing one is missing.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_become_expressions() {
        let cases = [
            ("add(1, 2)", "((1) + (2))"),
            ("multiply(add(a, 1), b.c)", "((((a) + (1))) * (b.c))"),
            ("string.length(name) > 3", "((name) | length) > 3"),
            ("count([1, (2)])", "(([1, (2)]) | length)"),
            ("contains(tags, \"a,b)\")", "((tags) | contains(\"a,b)\"))"),
            ("concat('x', \"y\")", "(('x') ~ (\"y\"))"),
            ("tags | contains('a')", "tags | contains('a')"),
            ("range(3)", "range(3)"),
            ("'add(1, 2)'", "'add(1, 2)'"),
            ("ü + add (1, 2)", "ü + ((1) + (2))"),
        ];
        for (source, expected) in cases {
            assert_eq!(rewrite(source).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn wrong_calls_are_explained() {
        let cases = [
            ("add(1)", "the function `add` takes 2 values, not 1"),
            ("length()", "the function `length` takes 1 values, not 0"),
            ("add(1, 2", "the call of `add` has no closing parenthesis"),
            (
                "filesystem.exists('a')",
                "the function `filesystem.exists` looks at files, and this node works on values only",
            ),
        ];
        for (source, message) in cases {
            assert_eq!(rewrite(source).unwrap_err().message, message, "{source}");
        }
        assert!(rewrite(&"length(".repeat(1000)).is_err());
        assert!(rewrite(&format!("{}1{}", "length(".repeat(40), ")".repeat(40))).is_err());
    }
}
