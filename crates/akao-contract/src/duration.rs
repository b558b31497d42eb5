//! Durations as people write them: `250ms`, `30s`, `5m`, `2h`, `1d`, `1h30m`.

/// What a number without a unit means where the duration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareNumber {
    /// Milliseconds, as in the props of the btree family.
    Milliseconds,
    /// Seconds, as in the two interpreter nodes.
    Seconds,
    /// A unit is required, as everywhere else.
    Refused,
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without a unit where one is required.
    #[error("`{0}` has no unit; write for example `{0}s` or `{0}ms`")]
    NoUnit(String),
    /// Anything else.
    #[error("`{0}` is not a duration; write a number and a unit: ms, s, m, h or d (`30s`, `1h30m`)")]
    Malformed(String),
}

/// Longest duration, ten thousand years, so that adding one to a clock never overflows.
pub const DURATION_MS_MAX: u64 = 320_000_000_000_000;

const UNITS_MS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a duration into milliseconds. Units may be combined from large to small (`1h30m`); fractions are allowed (`1.5s`).
pub fn parse_duration_ms(text: &str, bare: BareNumber) -> Result<u64, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let trimmed = text.trim();
    if let Ok(number) = trimmed.parse::<f64>() {
        let factor = match bare {
            BareNumber::Milliseconds => 1.0,
            BareNumber::Seconds => 1_000.0,
            BareNumber::Refused => return Err(DurationError::NoUnit(trimmed.to_owned())),
        };
        return to_ms(number * factor).ok_or_else(malformed);
    }
    let (mut rest, mut total, mut last) = (trimmed, 0u64, u64::MAX);
    if rest.is_empty() {
        return Err(malformed());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(malformed)?;
        let number: f64 = rest[..digits].parse().map_err(|_| malformed())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = UNITS_MS.iter().find(|(name, _)| *name == &rest[..end]).ok_or_else(malformed)?.1;
        if unit >= last {
            return Err(malformed());
        }
        last = unit;
        let sum = to_ms(number * unit as f64).and_then(|ms| total.checked_add(ms));
        total = sum.filter(|ms| *ms <= DURATION_MS_MAX).ok_or_else(malformed)?;
        rest = &rest[end..];
    }
    Ok(total)
}

fn to_ms(value: f64) -> Option<u64> {
    (value.is_finite() && (0.0..=DURATION_MS_MAX as f64).contains(&value)).then(|| value.round() as u64)
}

/// Writes milliseconds in the form that [`parse_duration_ms`] reads up to [`DURATION_MS_MAX`], with as few units as possible.
pub fn format_duration_ms(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let (mut rest, mut text) = (ms, String::new());
    for (name, unit) in UNITS_MS {
        let count = rest / unit;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
            rest %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let cases = [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            ("1d", 86_400_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_duration_ms(text, BareNumber::Refused), Ok(ms), "{text}");
        }
        assert_eq!(parse_duration_ms("90", BareNumber::Seconds), Ok(90_000));
        assert_eq!(parse_duration_ms("90", BareNumber::Milliseconds), Ok(90));
        assert_eq!(parse_duration_ms("90", BareNumber::Refused), Err(DurationError::NoUnit("90".into())));
        for text in ["", "s", "5x", "1m1h", "-5s", "1e400s", "5 s", "nan", "3703703d88888888h"] {
            assert!(parse_duration_ms(text, BareNumber::Refused).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn durations_print_in_the_form_that_is_read() {
        for ms in [0, 1, 999, 1_000, 61_000, 5_400_000, 90_061_001, DURATION_MS_MAX] {
            assert_eq!(parse_duration_ms(&format_duration_ms(ms), BareNumber::Refused), Ok(ms));
        }
    }
}
