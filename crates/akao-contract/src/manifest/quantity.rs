//! Amounts of memory and of processor time as people write them: `128MB`, `64MiB`, `100m`, `1.5`.

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A number of bytes without a unit.
    #[error("`{0}` has no unit; write for example `{0}MB` or `{0}MiB`")]
    NoUnit(String),
    /// A unit that others use for either of two.
    #[error("`{text}` may mean two sizes; write `{number}{decimal}` or `{number}{binary}`")]
    Ambiguous {
        /// What was written.
        text: String,
        /// Its number.
        number: String,
        /// The unit that is a power of ten.
        decimal: &'static str,
        /// The unit that is a power of two.
        binary: &'static str,
    },
    /// Anything else that should be a size.
    #[error("`{0}` is not a size; write a whole number and a unit: kB, MB, GB, KiB, MiB or GiB")]
    Size(String),
    /// Anything that should be processor time.
    #[error("`{0}` is not an amount of processor time; write thousandths (`100m`) or whole processors (`1`, `0.5`)")]
    Cpu(String),
}

/// Units of size, the largest first; of equal ones the first is written.
const BYTE_UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Units that mean powers of ten to some and powers of two to others.
const AMBIGUOUS_UNITS: [(&str, &str, &str); 4] =
    [("k", "kB", "KiB"), ("m", "MB", "MiB"), ("g", "GB", "GiB"), ("t", "TB", "TiB")];

/// Reads a size into bytes. MB is 10^6 and MiB is 2^20; a letter alone is refused because it means both.
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    let malformed = || QuantityError::Size(text.to_owned());
    let trimmed = text.trim();
    let (number, unit) = trimmed.split_at(trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len()));
    let unit = unit.trim_start();
    let count: u64 = number.parse().map_err(|_| malformed())?;
    if unit.is_empty() {
        return Err(QuantityError::NoUnit(number.to_owned()));
    }
    if let Some((_, factor)) = BYTE_UNITS.iter().find(|(name, _)| *name == unit) {
        return count.checked_mul(*factor).ok_or_else(malformed);
    }
    let letter = unit.strip_suffix('i').unwrap_or(unit).to_ascii_lowercase();
    match AMBIGUOUS_UNITS.iter().find(|(name, ..)| *name == letter) {
        Some((_, decimal, binary)) => {
            Err(QuantityError::Ambiguous { text: trimmed.to_owned(), number: number.to_owned(), decimal, binary })
        }
        None => Err(malformed()),
    }
}

/// Writes a size in the largest unit that divides it, in the form that [`parse_bytes`] reads.
pub fn format_bytes(bytes: u64) -> String {
    let fits = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
    // Powers of ten are what most people write; 1024000 is 1024kB rather than 1000KiB.
    let shortest = BYTE_UNITS.iter().filter(fits).min_by_key(|(_, factor)| bytes / factor);
    let (unit, factor) = shortest.unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / factor)
}

/// Reads processor time into thousandths of one processor: `100m`, `1`, `0.5`.
pub fn parse_cpu_millis(text: &str) -> Result<u32, QuantityError> {
    let malformed = || QuantityError::Cpu(text.to_owned());
    let trimmed = text.trim();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(millis) = trimmed.strip_suffix('m') {
        return if digits(millis) { millis.parse().map_err(|_| malformed()) } else { Err(malformed()) };
    }
    let (whole, fraction) = trimmed.split_once('.').unwrap_or((trimmed, "0"));
    // Three digits after the point are exact thousandths.
    if !digits(whole) || !digits(fraction) || fraction.len() > 3 {
        return Err(malformed());
    }
    let whole: u32 = whole.parse().map_err(|_| malformed())?;
    let thousandths: u32 = format!("{fraction:0<3}").parse().map_err(|_| malformed())?;
    whole.checked_mul(1_000).and_then(|whole| whole.checked_add(thousandths)).ok_or_else(malformed)
}

/// Writes thousandths of a processor in the form that [`parse_cpu_millis`] reads.
pub fn format_cpu(millis: u32) -> String {
    format!("{millis}m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        let cases = [
            ("1MB", 1_000_000),
            ("1MiB", 1 << 20),
            ("256 MB", 256_000_000),
            ("64KiB", 65_536),
            ("2kB", 2_000),
            ("0B", 0),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1MB", "1.5MB", "1XB", "1mB", "99999999999TB", "0x10MB", "१MB"] {
            assert!(matches!(parse_bytes(text), Err(QuantityError::Size(_))), "{text}: {:?}", parse_bytes(text));
        }
        assert_eq!(parse_bytes("128"), Err(QuantityError::NoUnit("128".into())));
        for text in ["128M", "128m", "128Mi"] {
            let said = parse_bytes(text).unwrap_err().to_string();
            assert_eq!(said, format!("`{text}` may mean two sizes; write `128MB` or `128MiB`"));
        }
    }

    #[test]
    fn processor_time_is_exact() {
        let cases = [("100m", 100), ("1", 1_000), ("0.5", 500), ("1.25", 1_250), ("0.001", 1), ("0", 0)];
        for (text, millis) in cases {
            assert_eq!(parse_cpu_millis(text), Ok(millis), "{text}");
        }
        for text in ["", "m", "-1", "0.0001", "1.", ".5", "1e3", "100M", "5000000", "1 m"] {
            assert!(parse_cpu_millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_print_in_the_form_that_is_read() {
        for bytes in [0, 1, 999, 1_000, 1_024, 1_000_000, 1 << 20, 256_000_000, 128 << 20, u64::MAX] {
            assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
        }
        assert_eq!(format_bytes(256_000_000), "256MB");
        assert_eq!(format_bytes(128 << 20), "128MiB");
        for millis in [0, 1, 100, 1_500, u32::MAX] {
            assert_eq!(parse_cpu_millis(&format_cpu(millis)), Ok(millis));
        }
    }
}
