//! Finds `${…}` and `{{ … }}` in a text. Quotes and brackets inside an expression are respected, `$${` stands for `${`.

use crate::error::CompileError;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Literal text, escapes already resolved by being cut before the dropped `$`.
    Text(&'t str),
    /// The source of an expression and its byte offset in the text.
    Expression { source: &'t str, offset: usize },
}

/// Whether a text can hold an expression or an escape at all; most do not.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.contains("${") && !text.contains("{{")
}

/// Cuts a text into pieces.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, CompileError> {
    let bytes = text.as_bytes();
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        // Every byte looked for is ASCII, so every cut lies on a character boundary.
        let close = match &bytes[at..] {
            [b'$', b'$', b'{', ..] => {
                push_text(&mut pieces, &text[start..at]);
                start = at + 1;
                at += 3;
                continue;
            }
            [b'$', b'{', ..] => "}",
            [b'{', b'{', ..] => "}}",
            _ => {
                at += 1;
                continue;
            }
        };
        push_text(&mut pieces, &text[start..at]);
        let inside = at + 2;
        let end = expression_end(text, inside, close).map_err(|error| match error {
            Unclosed::Expression => {
                let open = &text[at..inside];
                CompileError::new(at, format!("`{open}` is not closed with `{close}`")).suggest(match open {
                    "${" => "Write `$${` for a literal `${`.",
                    _ => "Write `${'{{'}` for a literal `{{`.",
                })
            }
            Unclosed::Text(offset) => CompileError::new(offset, "text in an expression is not closed")
                .suggest("Close it with the quote it opened with."),
        })?;
        pieces.push(Piece::Expression { source: &text[inside..end], offset: inside });
        at = end + close.len();
        start = at;
    }
    push_text(&mut pieces, &text[start..]);
    Ok(pieces)
}

fn push_text<'t>(pieces: &mut Vec<Piece<'t>>, text: &'t str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

enum Unclosed {
    Expression,
    Text(usize),
}

/// The offset of the delimiter that ends the expression which starts at `start`.
fn expression_end(text: &str, start: usize, close: &str) -> Result<usize, Unclosed> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'}' if depth == 0 && bytes[at..].starts_with(close.as_bytes()) => return Ok(at),
            b'\'' | b'"' => at = text_end(bytes, at).ok_or(Unclosed::Text(at))?,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Err(Unclosed::Expression)
}

/// The offset of the quote that closes the one at `open`.
fn text_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            byte if *byte == bytes[open] => return Some(at),
            _ => at += 1,
        }
    }
}
