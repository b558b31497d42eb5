//! Writing a value as YAML: block style, two spaces, quotes only where the text would otherwise read back as something else.
//!
//! The same value always gives the same bytes. A text with several lines becomes a literal block (`|`); a text with a
//! template is always in double quotes, so that nobody has to learn where YAML would break it.

use serde_json::Value;

/// The value as YAML, ending in a line break. Recursion is as deep as the value.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, true),
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, true),
        leaf => {
            scalar(&mut out, leaf, 0);
            out.push('\n');
        }
    }
    out
}

/// Writes items, one a line. `fresh` says that the first stands at the start of its own line.
fn sequence(out: &mut String, items: &[Value], indent: usize, mut fresh: bool) {
    for item in items {
        if fresh {
            spaces(out, indent);
        }
        fresh = true;
        out.push_str("- ");
        match item {
            Value::Array(inner) if !inner.is_empty() => sequence(out, inner, indent + 2, false),
            Value::Object(inner) if !inner.is_empty() => mapping(out, inner, indent + 2, false),
            leaf => {
                scalar(out, leaf, indent);
                out.push('\n');
            }
        }
    }
}

fn mapping(out: &mut String, map: &serde_json::Map<String, Value>, indent: usize, mut fresh: bool) {
    for (name, value) in map {
        if fresh {
            spaces(out, indent);
        }
        fresh = true;
        key(out, name, indent);
        out.push(':');
        match value {
            Value::Array(inner) if !inner.is_empty() => {
                out.push('\n');
                sequence(out, inner, indent + 2, true);
            }
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                mapping(out, inner, indent + 2, true);
            }
            leaf => {
                out.push(' ');
                scalar(out, leaf, indent);
                out.push('\n');
            }
        }
    }
}

fn spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) if fits_block(text) => block(out, text, indent + 2),
        Value::String(text) if is_plain(text) => out.push_str(text),
        Value::String(text) => double_quoted(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        other => out.push_str(&other.to_string()),
    }
}

/// Keys that take more characters than this stand behind `? `: the parser gives up on a simple key after 1,024.
const SIMPLE_KEY_CHARACTERS_MAX: usize = 1_000;

fn key(out: &mut String, name: &str, indent: usize) {
    // A key may look like a number or a boolean: keys are texts. Only what breaks the line needs quotes.
    let mut written = String::new();
    if is_plain_text(name) && name != "<<" {
        written.push_str(name)
    } else {
        double_quoted(&mut written, name)
    }
    if written.chars().count() <= SIMPLE_KEY_CHARACTERS_MAX {
        out.push_str(&written);
        return;
    }
    out.push_str("? ");
    out.push_str(&written);
    out.push('\n');
    spaces(out, indent);
}

/// Whether a text reads back as itself in a literal block.
fn fits_block(text: &str) -> bool {
    let body = text.trim_end_matches('\n');
    body.contains('\n')
        && !has_template(text)
        && !body.starts_with([' ', '\n', '\t'])
        && text.len() - body.len() <= 1
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        && body.split('\n').all(|line| !line.ends_with([' ', '\t']) && !line.starts_with('\t'))
}

fn block(out: &mut String, text: &str, indent: usize) {
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in text.trim_end_matches('\n').split('\n') {
        out.push('\n');
        if !line.is_empty() {
            spaces(out, indent);
            out.push_str(line);
        }
    }
}

fn has_template(text: &str) -> bool {
    text.contains("${") || text.contains("{{")
}

/// Whether a text reads back as the same text without quotes.
fn is_plain(text: &str) -> bool {
    is_plain_text(text)
        && !has_template(text)
        && matches!(crate::scalar::plain(text.to_owned(), crate::Style::Plain), Ok(crate::Value::String(..)))
        && !reads_otherwise_elsewhere(text)
}

/// Words that other YAML readers take as booleans; quoting them keeps the file's meaning everywhere.
fn reads_otherwise_elsewhere(text: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// Whether a text stays on its line as a plain scalar, whatever type it then has.
fn is_plain_text(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let second_is_text = text.chars().nth(1).is_some_and(|c| c != ' ');
    let starts_well = match first {
        '-' | '?' | ':' => second_is_text && !text.starts_with("---"),
        '.' => !text.starts_with("..."),
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' | ' ' => false,
        _ => true,
    };
    starts_well
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(is_printable)
}

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
}
