//! Finds integers that are longer than 64 bits: the JSON reader gives them as floats, which look like any other.

/// Whether a text that is JSON holds a number without a fraction or an exponent that is longer than a 64-bit integer may be.
pub(super) fn holds_long(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9')) {
        rest = &rest[at..];
        let length = match rest[0] {
            b'"' => string_length(rest),
            _ => rest.iter().position(|byte| !is_of_number(*byte)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        let digits = token.strip_prefix(b"-").unwrap_or(token);
        // 19 digits always exceed 2^53; with fewer the reader held it as an integer.
        if digits.len() >= 19 && digits.iter().all(u8::is_ascii_digit) {
            return true;
        }
        rest = after;
    }
    false
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

/// Length of the string that a text begins with, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at.min(text.len())..]) {
        at += found + 1;
        if text[at - 1] == b'"' {
            return at;
        }
        // What is escaped is one byte at least.
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use crate::json::read_envelope;

    #[test]
    fn integers_are_too_large_beyond_53_bits_however_long_they_are() {
        let cases = [
            ("9007199254740991", false),
            ("9007199254740992", true),
            ("-9007199254740992", true),
            ("18446744073709551615", true),
            ("18446744073709551616", true),
            ("-9223372036854775809", true),
            ("123456789012345678901234567890", true),
            ("[1.5,{\"a\":-123456789012345678901234567890}]", true),
            // These are not integers.
            ("1e30", false),
            ("12345678901234567890.5", false),
            ("12345678901234567890e1", false),
            ("[1e30,\"123456789012345678901234567890\"]", false),
            ("{\"1\\\"23456789012345678901234567890\":1e30}", false),
            ("[\"\\\\\",1e30,123456789012345678901234567890]", true),
        ];
        for (value, expected) in cases {
            let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{value}}}");
            let envelope = read_envelope(text.as_bytes()).unwrap();
            assert_eq!(envelope.integer_too_large, expected, "{value}");
        }
    }
}
