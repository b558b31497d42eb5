//! Text to tokens.

use super::Unsupported;

/// Longest formula that is read.
const FORMULA_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// An operator or a bracket, as written.
    Symbol(&'static str),
}

/// Longest first, so that `:=` is not read as `:` and `=`.
const SYMBOLS: [&str; 33] = [
    ":=", "+=", "-=", "*=", "/=", "==", "!=", "<=", ">=", "&&", "||", "..", "<<", ">>", "+", "-", "*", "/", "%", "<",
    ">", "=", "!", "?", ":", ";", "(", ")", "&", "|", "^", "~", ",",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Unsupported> {
    if text.len() > FORMULA_BYTES_MAX {
        return Err(Unsupported::new(format!("the script is longer than {FORMULA_BYTES_MAX} bytes")));
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else {
            let (token, after) = next(rest, first)?;
            tokens.push(token);
            rest = after;
        }
    }
    Ok(tokens)
}

fn next(rest: &str, first: char) -> Result<(Token, &str), Unsupported> {
    if first == '\'' || first == '"' {
        let body = &rest[1..];
        let end = body.find(first).ok_or_else(|| Unsupported::new("a quoted text is not closed"))?;
        return Ok((Token::Text(body[..end].to_owned()), &body[end + 1..]));
    }
    if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
        return number(rest);
    }
    if first.is_ascii_alphabetic() || first == '_' || first == '@' {
        return Ok(name(rest));
    }
    // A template inside a condition is an expression in brackets.
    if let Some(after) = rest.strip_prefix("${").or_else(|| rest.strip_prefix("{{")) {
        return Ok((Token::Symbol("("), after));
    }
    if let Some(after) = rest.strip_prefix("}}").or_else(|| rest.strip_prefix('}')) {
        return Ok((Token::Symbol(")"), after));
    }
    let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
    match symbol {
        Some(symbol) => Ok((Token::Symbol(symbol), &rest[symbol.len()..])),
        None => Err(Unsupported::new(format!("`{first}` is not read in a script"))),
    }
}

fn number(rest: &str) -> Result<(Token, &str), Unsupported> {
    if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        let value = u32::from_str_radix(&hex[..end], 16);
        let value = value.map_err(|_| Unsupported::new(format!("`0x{}` is not a number", &hex[..end])))?;
        return Ok((Token::Number(f64::from(value)), &hex[end..]));
    }
    let bytes = rest.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    let value: f64 =
        rest[..end].parse().map_err(|_| Unsupported::new(format!("`{}` is not a number", &rest[..end])))?;
    if !value.is_finite() {
        return Err(Unsupported::new(format!("`{}` is too large a number", &rest[..end])));
    }
    Ok((Token::Number(value), &rest[end..]))
}

/// A name may be dotted; a dot counts only before a letter, so that `a..b` still joins two texts.
fn name(rest: &str) -> (Token, &str) {
    let bytes = rest.as_bytes();
    let mut end = 1;
    while let Some(byte) = bytes.get(end) {
        let dotted = *byte == b'.' && bytes.get(end + 1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'@' || dotted) {
            break;
        }
        end += 1;
    }
    (Token::Name(rest[..end].to_owned()), &rest[end..])
}
