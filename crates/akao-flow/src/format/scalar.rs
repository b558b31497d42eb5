//! How a scalar is written: plain stays plain, quotes are double unless that needs escapes, blocks stay blocks.

use saphyr_parser::ScalarStyle;
use std::fmt::Write as _;

/// Columns at which folded texts are wrapped.
pub(super) const WIDTH_MAX: usize = 100;

/// The scalar in one line.
pub(super) fn inline(text: &str, style: ScalarStyle) -> String {
    match style {
        ScalarStyle::Plain if text.is_empty() => "null".to_owned(),
        ScalarStyle::Plain if !text.contains(['\n', '\r']) => text.to_owned(),
        _ => quoted(text),
    }
}

/// A key: quotes only where they are needed.
pub(super) fn key(text: &str, style: ScalarStyle) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let is_reserved = ["null", "true", "false"].contains(&text.to_ascii_lowercase().as_str());
    if is_word && !is_reserved { text.to_owned() } else { inline(text, style) }
}

fn quoted(text: &str) -> String {
    let single = text.contains(['"', '\\']) && !text.contains('\'') && !text.chars().any(needs_escape);
    if single {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if needs_escape(c) => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A block scalar: its header and its lines without indentation. None when only quotes can hold the text.
pub(super) fn block(text: &str, style: ScalarStyle, indent: usize) -> Option<(String, Vec<String>)> {
    let folded = match style {
        ScalarStyle::Literal => false,
        ScalarStyle::Folded => true,
        _ => return None,
    };
    let body = text.trim_end_matches('\n');
    if body.trim().is_empty() || text.chars().any(|c| needs_escape(c) && !matches!(c, '\n' | '\t')) {
        return None;
    }
    let chomp = match text.len() - body.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let kept_ends = (text.len() - body.len()).saturating_sub(1);
    let (sign, mut lines) = match can_fold(body) {
        true if folded => (">", fold(body, WIDTH_MAX.saturating_sub(indent).max(40))),
        _ => ("|", body.split('\n').map(str::to_owned).collect::<Vec<_>>()),
    };
    let first = lines.iter().find(|line| !line.is_empty());
    let indicator =
        if first.is_some_and(|line| line.starts_with([' ', '\t'])) || body.starts_with('\n') { "2" } else { "" };
    lines.extend(std::iter::repeat_n(String::new(), kept_ends));
    Some((format!("{sign}{indicator}{chomp}"), lines))
}

/// Whether folding gives the text back: no line begins or ends with a space.
fn can_fold(body: &str) -> bool {
    !body.starts_with('\n') && body.split('\n').all(|line| line.trim_matches([' ', '\t']) == line)
}

/// Wraps each line at single spaces; a line end of the text becomes an empty line.
fn fold(body: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, paragraph) in body.split('\n').enumerate() {
        if at > 0 {
            lines.push(String::new());
        }
        let mut line = String::new();
        let mut length = 0;
        let words: Vec<&str> = paragraph.split(' ').collect();
        for (position, word) in words.iter().enumerate() {
            let count = word.chars().count();
            let may_break =
                position > 0 && !word.is_empty() && !words[position - 1].is_empty() && !word.starts_with('\t');
            if may_break && length + 1 + count > width && !line.ends_with('\t') {
                lines.push(std::mem::take(&mut line));
                length = 0;
            } else if position > 0 {
                line.push(' ');
                length += 1;
            }
            line.push_str(word);
            length += count;
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}
