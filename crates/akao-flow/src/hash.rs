//! The identity of a workflow version: canonical JSON and the SHA-256 digest of it.
//!
//! Canonical JSON follows RFC 8785: no whitespace, keys sorted by their UTF-16 code units, the shortest form of strings.
//! Numbers are written as ECMAScript writes them, with one exception: integers that fit 64 bits keep all their digits
//! beyond 2^53, so that two different integers never share a digest. `1` and `1.0` are the same number and the same text.

use crate::Definition;
use akao_contract::Digest;
use serde_json::{Number, Value, json};
use std::io::Write as _;

/// The canonical bytes of a value.
pub fn canonical_json(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_value(value, &mut bytes);
    bytes
}

/// The content hash of a definition together with what its ranges resolved to. Comments, layout and the order of keys do
/// not count. Without a lock the digest is that of the definition alone.
pub fn content_hash(definition: &Definition, lock: Option<&Value>) -> Digest {
    let definition = to_value(definition);
    let value = match lock {
        Some(lock) => json!({ "definition": definition, "lock": lock }),
        None => json!({ "definition": definition }),
    };
    Digest::of(&canonical_json(&value))
}

/// The JSON form of a part of a definition.
pub(crate) fn to_value<T: serde::Serialize>(part: &T) -> Value {
    serde_json::to_value(part).expect("definitions have only string keys, so they always have a JSON form")
}

fn write_value(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(true) => bytes.extend_from_slice(b"true"),
        Value::Bool(false) => bytes.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, bytes),
        Value::String(text) => write_string(text, bytes),
        Value::Array(items) => {
            bytes.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    bytes.push(b',');
                }
                write_value(item, bytes);
            }
            bytes.push(b']');
        }
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            bytes.push(b'{');
            for (at, (key, item)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    bytes.push(b',');
                }
                write_string(key, bytes);
                bytes.push(b':');
                write_value(item, bytes);
            }
            bytes.push(b'}');
        }
    }
}

fn write_string(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    for c in text.chars() {
        match c {
            '"' => bytes.extend_from_slice(b"\\\""),
            '\\' => bytes.extend_from_slice(b"\\\\"),
            '\u{8}' => bytes.extend_from_slice(b"\\b"),
            '\t' => bytes.extend_from_slice(b"\\t"),
            '\n' => bytes.extend_from_slice(b"\\n"),
            '\u{c}' => bytes.extend_from_slice(b"\\f"),
            '\r' => bytes.extend_from_slice(b"\\r"),
            c if c < ' ' => {
                let _ = write!(bytes, "\\u{:04x}", u32::from(c));
            }
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes.push(b'"');
}

fn write_number(number: &Number, bytes: &mut Vec<u8>) {
    match number.as_f64() {
        Some(float) if number.is_f64() => bytes.extend_from_slice(ecmascript_number(float).as_bytes()),
        _ => bytes.extend_from_slice(number.to_string().as_bytes()),
    }
}

/// `Number::toString` of ECMAScript: the shortest digits that read back as the same number, without an exponent between
/// 1e-7 and 1e21.
fn ecmascript_number(float: f64) -> String {
    if float == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", float.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let (count, point) = (digits.len() as i32, exponent.parse::<i32>().unwrap_or(0).saturating_add(1));
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    let text = match point {
        _ if count <= point && point <= 21 => format!("{digits}{}", zeros(point - count)),
        1..=21 => format!("{}.{}", &digits[..point as usize], &digits[point as usize..]),
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let sign = if point > 0 { "+" } else { "-" };
            let fraction = if count > 1 { format!(".{}", &digits[1..]) } else { String::new() };
            format!("{}{fraction}e{sign}{}", &digits[..1], (point - 1).abs())
        }
    };
    if float < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_canonical_text() {
        let cases = [
            (r#"{"b":1,"a":[true,null,{"d":"x","c":false}]}"#, r#"{"a":[true,null,{"c":false,"d":"x"}],"b":1}"#),
            (
                r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
                "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
            ),
            (r#""\u0001\u001f\"\\/\b\f\n\r\t\u007f""#, "\"\\u0001\\u001f\\\"\\\\/\\b\\f\\n\\r\\t\u{7f}\""),
            ("[1.0, -0.0, 0, 1e2, 100]", "[1,0,0,100,100]"),
            ("[333333333.5, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]", "[333333333.5,1e+30,4.5,0.002,1e-27]"),
            ("[1e21, 1e20, 1.5e-7, 0.000001, -1e25]", "[1e+21,100000000000000000000,1.5e-7,0.000001,-1e+25]"),
            (
                "[9007199254740993, -9223372036854775808, 18446744073709551615]",
                "[9007199254740993,-9223372036854775808,18446744073709551615]",
            ),
        ];
        for (input, expected) in cases {
            let value: Value = serde_json::from_str(input).unwrap();
            assert_eq!(String::from_utf8(canonical_json(&value)).unwrap(), expected, "{input}");
        }
    }

    #[test]
    fn canonical_text_reads_back_as_the_same_numbers() {
        for bits in (0..4_000u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
            let float = f64::from_bits(bits);
            if float.is_finite() {
                assert_eq!(ecmascript_number(float).parse::<f64>().unwrap(), float);
            }
        }
    }

    #[test]
    fn order_and_layout_do_not_count_and_meaning_does() {
        let read = |text: &str| serde_json::from_str::<Definition>(text).unwrap();
        let one = read(r#"{"akao":1,"id":"a","version":"1.0.0","root":{"type":"T","props":{"x":1,"y":2.0}}}"#);
        let same =
            read(r#"{ "root": {"props": {"y": 2, "x": 1}, "type": "T"}, "version": "1.0.0", "id": "a", "akao": 1}"#);
        let other = read(r#"{"akao":1,"id":"a","version":"1.0.0","root":{"type":"T","props":{"x":1,"y":3}}}"#);
        assert_eq!(content_hash(&one, None), content_hash(&same, None));
        assert_ne!(content_hash(&one, None), content_hash(&other, None));
        let lock = json!({"com.example.x@^1": {"version": "1.2.0"}});
        assert_ne!(content_hash(&one, None), content_hash(&one, Some(&lock)));
        assert_eq!(content_hash(&one, Some(&lock)), content_hash(&same, Some(&lock)));
    }
}
