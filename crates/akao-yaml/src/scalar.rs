//! What a plain scalar means: YAML 1.2's core schema, without what JSON cannot hold and without what misleads.
//!
//! `no`, `off` and `yes` are texts. A number with a leading zero is refused: some readers take it as octal.

use crate::Value;
use crate::node::Style;
use serde_json::Number;

/// Why a plain scalar has no value, with the sentence that helps.
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) suggestion: String,
}

/// The value of a plain scalar; what is a text was written in `style`.
pub(crate) fn plain(text: String, style: Style) -> Result<Value, Refused> {
    let value = match text.as_bytes().first() {
        None | Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => word(&text),
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(&text)?,
        Some(_) => None,
    };
    Ok(value.unwrap_or_else(|| Value::String(compact(text), style)))
}

/// The same text without much spare capacity. Shrinking a short text in place would leave holes in memory that fit nothing,
/// so it is copied; what the parser reserves for every text is too little to be worth even that.
pub(crate) fn compact(mut text: String) -> String {
    const SPARED_BYTES_MAX: usize = 64;
    const COPIED_BYTES_MAX: usize = 1024;
    if text.capacity() <= SPARED_BYTES_MAX {
        return text;
    }
    if text.len() <= COPIED_BYTES_MAX {
        return text.as_str().to_owned();
    }
    text.shrink_to_fit();
    text
}

fn word(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Some(Value::Null),
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// The number that the text is; none when it is a text.
fn number(text: &str) -> Result<Option<Value>, Refused> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err(refused(text, "is not a number that JSON can hold"));
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| is_digits(digits, 8)) {
        return integer(text, digits, 8).map(Some);
    }
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| is_digits(digits, 16)) {
        return integer(text, digits, 16).map(Some);
    }
    if is_digits(unsigned, 10) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            let shown = shown(text);
            return Err(Refused {
                message: format!("`{shown}` is ambiguous: some readers take a leading zero as octal"),
                suggestion: format!("Quote it (\"{shown}\"), or write the number without it."),
            });
        }
        return integer(text, text, 10).map(Some);
    }
    if !is_float(unsigned) {
        return Ok(None);
    }
    match text.parse::<f64>().ok().and_then(Number::from_f64) {
        Some(number) => Ok(Some(Value::Number(number))),
        None => Err(refused(text, "is too large for a number")),
    }
}

fn integer(text: &str, digits: &str, radix: u32) -> Result<Value, Refused> {
    if let Ok(number) = i64::from_str_radix(digits, radix) {
        return Ok(Value::Number(number.into()));
    }
    match u64::from_str_radix(digits, radix) {
        Ok(number) => Ok(Value::Number(number.into())),
        Err(_) => Err(refused(text, "does not fit into 64 bits")),
    }
}

fn refused(text: &str, what: &str) -> Refused {
    let shown = shown(text);
    Refused { message: format!("`{shown}` {what}"), suggestion: format!("Quote it to keep it as text: \"{shown}\".") }
}

/// A number, or its beginning: one may have a million digits.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

fn is_digits(text: &str, radix: u32) -> bool {
    !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix))
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, the sign already taken off.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let digits_or_nothing = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_holds = digits_or_nothing(whole)
        && fraction.is_none_or(digits_or_nothing)
        && (!whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty()));
    mantissa_holds && exponent.is_none_or(|power| is_digits(power.strip_prefix(['+', '-']).unwrap_or(power), 10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let cases = [
            ("", json!(null)),
            ("~", json!(null)),
            ("NULL", json!(null)),
            ("True", json!(true)),
            ("false", json!(false)),
            ("no", json!("no")),
            ("off", json!("off")),
            ("yes", json!("yes")),
            ("0", json!(0)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("0o17", json!(15)),
            ("0xFF", json!(255)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("-1.5E-2", json!(-0.015)),
            ("1.2.3", json!("1.2.3")),
            ("1_000", json!("1_000")),
            ("2024-01-01", json!("2024-01-01")),
            ("12:30", json!("12:30")),
            ("0x", json!("0x")),
            ("0o8", json!("0o8")),
            ("-", json!("-")),
            (".", json!(".")),
            ("e5", json!("e5")),
            ("1e", json!("1e")),
            ("inf", json!("inf")),
        ];
        for (text, expected) in cases {
            let value =
                plain(text.to_owned(), Style::Plain).unwrap_or_else(|refused| panic!("{text}: {}", refused.message));
            let node = crate::Node { position: crate::Position::START, value };
            assert_eq!(node.into_value(), expected, "{text}");
        }
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for text in [".inf", "-.INF", ".nan", "0777", "-01", "18446744073709551616", "1e999", "0xFFFFFFFFFFFFFFFFF"] {
            assert!(plain(text.to_owned(), Style::Plain).is_err(), "{text} was accepted");
        }
    }
}
