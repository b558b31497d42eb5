//! Lines of a text as YAML counts them: each ends with `\n`, `\r\n` or `\r`.

use crate::node::Position;

/// The place of a byte offset.
pub(crate) fn position_of(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.bytes().rposition(is_break).map_or(0, |at| at + 1);
    Position { line: bounded(breaks(before)), column: bounded(before[start..].chars().count()) }
}

/// The line of this number, without its end; empty when there is none.
pub(crate) fn line_of(text: &str, number: u32) -> &str {
    nth(text, number).unwrap_or_default()
}

/// The same place, or the end of its line or of the text when there is nothing so far on. The parser counts a line behind
/// a text that does not end with one.
pub(crate) fn inside(text: &str, position: Position) -> Position {
    let Some(line) = nth(text, position.line) else { return position_of(text, text.len()) };
    Position { line: position.line, column: position.column.min(bounded(line.chars().count())) }
}

/// A count from 0 as one from 1.
fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1)
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn breaks(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (fed, returned) = (count(bytes, b'\n'), count(bytes, b'\r'));
    // A text that ends between the two of a pair has not ended its line yet, which makes no difference to its length.
    let pairs = if returned == 0 { 0 } else { bytes.windows(2).filter(|pair| *pair == b"\r\n").count() };
    fed + returned - pairs
}

fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|byte| **byte == wanted).count()
}

fn nth(text: &str, number: u32) -> Option<&str> {
    let index = usize::try_from(number.checked_sub(1)?).unwrap_or(usize::MAX);
    if !text.contains('\r') {
        return text.split('\n').nth(index);
    }
    let mut rest = text;
    for _ in 0..index {
        let at = rest.bytes().position(is_break)?;
        let length = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = &rest[at + length..];
    }
    Some(&rest[..rest.bytes().position(is_break).unwrap_or(rest.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_end_counts_once() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("a{end}é b{end}{end}c");
            let lines: Vec<&str> = (1..=5).map(|number| line_of(&text, number)).collect();
            assert_eq!(lines, ["a", "é b", "", "c", ""], "{text:?}");
            for (piece, line, column) in [("a", 1, 1), ("é", 2, 1), ("b", 2, 3), ("c", 4, 1)] {
                let at = text.find(piece).unwrap();
                assert_eq!(position_of(&text, at), Position { line, column }, "{text:?} at {at}");
            }
        }
    }

    #[test]
    fn a_place_behind_everything_is_the_end() {
        let at = |line, column| Position { line, column };
        let cases = [
            ("", at(1, 9), at(1, 1)),
            ("a: [", at(2, 1), at(1, 5)),
            ("a\r\nbc", at(2, 9), at(2, 3)),
            ("a\nb\n", at(3, 1), at(3, 1)),
            ("a\nb\n", at(9, 9), at(3, 1)),
            ("a\rb", at(2, 1), at(2, 1)),
        ];
        for (text, position, expected) in cases {
            assert_eq!(inside(text, position), expected, "{text:?} {position}");
        }
    }
}
