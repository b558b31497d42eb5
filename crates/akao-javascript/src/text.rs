//! Text that comes out of JavaScript.
//!
//! A string there may hold halves of characters, which no JSON and no log can say; they become U+FFFD.

use rquickjs::{Ctx, Error, String as JsString, Value};
use std::string::String;

/// The text of a string.
///
/// # Errors
/// There is no memory for it.
pub(crate) fn of<'js>(ctx: &Ctx<'js>, string: &JsString<'js>) -> Result<String, Error> {
    match string.to_string() {
        Err(Error::Utf8(_)) => {
            let written = ctx.json_stringify(string.clone())?.ok_or(Error::Unknown)?.to_string()?;
            // Written as JSON by QuickJS, only halves of characters are escapes of that range.
            Ok(serde_json::from_str(&without_halves(&written)).unwrap_or_default())
        }
        read => read,
    }
}

/// The text of a value that should be a string; of another one, nothing.
pub(crate) fn of_value<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Option<String> {
    of(ctx, value.as_string()?).ok()
}

/// JSON text with every escape of a lone surrogate replaced.
fn without_halves(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        let is_half = escape.get(1..3).is_some_and(|start| start.eq_ignore_ascii_case("ud"))
            && escape.as_bytes().get(3).is_some_and(|digit| b"89abcdefABCDEF".contains(digit));
        let length = match is_half {
            true => 6,
            false => 2,
        };
        text.push_str(if is_half { "\u{fffd}" } else { escape.get(..2).unwrap_or_default() });
        rest = escape.get(length..).unwrap_or_default();
    }
    text + rest
}

/// At most `bytes_max` bytes of a text, cut between characters, with a mark where something is missing.
pub(crate) fn clipped(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{clipped, without_halves};

    #[test]
    fn halves_of_characters_are_replaced_and_nothing_else() {
        let cases = [
            (r#""a""#, "a"),
            (r#""\ud800x""#, "\u{fffd}x"),
            (r#""\\ud800""#, r"\ud800"),
            (r#""\\\ud800\n""#, "\\\u{fffd}\n"),
            (r#""\u0041\udfff""#, "A\u{fffd}"),
        ];
        for (json, expected) in cases {
            let read: String = serde_json::from_str(&without_halves(json)).expect("it is JSON");
            assert_eq!(read, expected, "{json}");
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(clipped("aä".to_owned(), 3), "aä");
        assert_eq!(clipped("aäb".to_owned(), 2), "a…");
    }
}
