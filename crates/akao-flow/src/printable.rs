//! Text from a workflow file on its way to a screen: nothing in it may steer the terminal or reorder what is read.

use akao_contract::steers_terminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with control characters, line ends and direction marks shown as escapes.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if steers_terminal(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Columns that the text takes in a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// The text cut to `columns_max` columns, with an ellipsis where something was cut.
pub(crate) fn cut(text: &str, columns_max: usize) -> String {
    if text.len() <= columns_max || columns(text) <= columns_max {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut shown = String::new();
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken + 1 > columns_max {
            break;
        }
        shown.push(c);
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_steer_the_terminal() {
        let cases = [
            ("plain, ünïcode 日本", "plain, ünïcode 日本"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("abc\u{202e}def\u{9b}", "abc\\u{202e}def\\u{9b}"),
        ];
        for (input, expected) in cases {
            assert_eq!(printable(input), expected);
        }
    }

    #[test]
    fn text_is_cut_by_columns() {
        for (text, width, expected) in [
            ("short", 5, "short"),
            ("longer text", 6, "longe…"),
            ("日本語", 5, "日本…"),
            ("日本語", 6, "日本語"),
            ("ab", 1, "…"),
        ] {
            assert_eq!(cut(text, width), expected);
        }
    }
}
