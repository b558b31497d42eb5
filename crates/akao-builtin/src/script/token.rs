//! Cuts a script into tokens with their byte offsets.

use super::{SOURCE_BYTES_MAX, place};
use crate::{numbers::Amount, props::bad_input};
use akao_contract::StepError;
use serde_json::Value;

/// A token of a script.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, or one of the words `true`, `false`, `null`.
    Name(String),
    /// A number or a string.
    Literal(Value),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longer signs stand before the signs they start with.
const SIGNS: [&str; 19] =
    ["||", "&&", "==", "!=", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")", ".", ";"];

/// The tokens of a script, each with the byte offset where it starts.
pub(super) fn tokens(source: &str) -> Result<Vec<(usize, Token)>, StepError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(bad_input(format!("the script is longer than {SOURCE_BYTES_MAX} bytes")));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(next) = source[at..].chars().next() {
        let rest = &source[at..];
        if next.is_whitespace() {
            at += next.len_utf8();
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else {
            let (token, length) = token(source, at, next)?;
            tokens.push((at, token));
            at += length;
        }
    }
    Ok(tokens)
}

fn token(source: &str, at: usize, next: char) -> Result<(Token, usize), StepError> {
    let rest = &source[at..];
    if next.is_ascii_alphabetic() || next == '_' {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return Ok((Token::Name(rest[..length].to_owned()), length));
    }
    if next.is_ascii_digit() {
        let length = number_length(rest.as_bytes());
        let amount = Amount::parse(&rest[..length]);
        let bad = || bad_input(format!("{}: `{}` is not a number", place(source, at), &rest[..length]));
        return Ok((Token::Literal(amount.ok_or_else(bad)?.to_value()), length));
    }
    if next == '"' || next == '\'' {
        return string(source, at, next);
    }
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
    let unknown = || bad_input(format!("{}: `{next}` means nothing here", place(source, at)));
    let sign = sign.ok_or_else(unknown)?;
    Ok((Token::Sign(sign), sign.len()))
}

/// Digits with a fraction and an exponent. A point without a digit behind it is a property access.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length
}

fn string(source: &str, start: usize, quote: char) -> Result<(Token, usize), StepError> {
    let mut text = String::new();
    let mut characters = source[start..].char_indices().skip(1);
    while let Some((offset, character)) = characters.next() {
        match character {
            _ if character == quote => return Ok((Token::Literal(Value::String(text)), offset + 1)),
            '\n' => break,
            '\\' => {
                let escaped = characters.next().map(|(_, escaped)| escaped);
                let meaning = match escaped {
                    Some('u') => unicode(&mut characters),
                    other => other.and_then(escape),
                };
                let bad = || bad_input(format!("{}: this escape is not known", place(source, start + offset)));
                text.push(meaning.ok_or_else(bad)?);
            }
            other => text.push(other),
        }
    }
    Err(bad_input(format!("{}: the text has no closing {quote}", place(source, start))))
}

fn escape(character: char) -> Option<char> {
    match character {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '\\' | '"' | '\'' | '/' => Some(character),
        _ => None,
    }
}

fn unicode(characters: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let digits: String = characters.take(4).map(|(_, digit)| digit).collect();
    let valid = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    char::from_u32(u32::from_str_radix(&digits, 16).ok().filter(|_| valid)?)
}
