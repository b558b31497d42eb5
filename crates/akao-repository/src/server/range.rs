//! Which bytes of a file are wanted (RFC 9110, section 14): one range is answered, several are answered by the whole.

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole file.
    All,
    /// The bytes from the first to the last.
    Part { first: u64, last: u64 },
    /// A range that the file does not reach.
    Nothing,
}

/// Reads the header of a file of given length. What is not understood is no range.
pub(super) fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return Wanted::All };
    let Some((first, last)) = range.trim().split_once('-') else { return Wanted::All };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    match (first, last) {
        ("", last) if digits(last) => match number(last).min(length) {
            0 => Wanted::Nothing,
            bytes => Wanted::Part { first: length - bytes, last: length - 1 },
        },
        (first, last) if digits(first) && (last.is_empty() || digits(last)) => {
            let (first, last) = (number(first), if last.is_empty() { u64::MAX } else { number(last) });
            match (first > last, first >= length) {
                (true, _) => Wanted::All,
                (_, true) => Wanted::Nothing,
                _ => Wanted::Part { first, last: last.min(length - 1) },
            }
        }
        _ => Wanted::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rules_of_http_say() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, length, expected) in [
            (None, 10, Wanted::All),
            (Some("bytes=0-3"), 10, part(0, 3)),
            (Some("bytes=4-"), 10, part(4, 9)),
            (Some("bytes=-3"), 10, part(7, 9)),
            (Some("bytes=-30"), 10, part(0, 9)),
            (Some("bytes=8-99999999999999999999"), 10, part(8, 9)),
            (Some("bytes=10-"), 10, Wanted::Nothing),
            (Some("bytes=-0"), 10, Wanted::Nothing),
            (Some("bytes=0-"), 0, Wanted::Nothing),
            (Some("bytes=-5"), 0, Wanted::Nothing),
            (Some("bytes=5-2"), 10, Wanted::All),
            (Some("bytes=0-1,4-5"), 10, Wanted::All),
            (Some("bytes=+1-2"), 10, Wanted::All),
            (Some("bytes=-"), 10, Wanted::All),
            (Some("bytes="), 10, Wanted::All),
            (Some("lines=0-3"), 10, Wanted::All),
        ] {
            assert_eq!(wanted(header, length), expected, "{header:?} of {length}");
        }
    }
}
