//! Large values by reference: what is kept in the journal and in the interpreter instead of the bytes.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};

/// A value whose JSON is longer than this (64 KiB) is stored as a blob and handled by reference.
pub const INLINE_VALUE_BYTES_MAX: usize = 64 * 1024;

/// The key that marks an object as a blob reference.
pub const BLOB_KEY: &str = "$blob";

/// A digest that names its algorithm, such as `sha256:9f86d0…`. Only SHA-256 names stored content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The SHA-256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest's 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest from its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The lower-case hexadecimal form without the name of the algorithm.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || format!("`{text}` is not a digest; expected `sha256:` and 64 hexadecimal digits");
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64).ok_or_else(bad)?;
        // A number may have a sign; a digit has none.
        if !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let mut bytes = [0u8; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A reference to a stored blob. Its JSON form is `{"$blob": "sha256:…", "bytes": n, "media_type": "…"}`, with `items`
/// added when the blob is a JSON array, so that its length is known without loading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// The content's digest.
    #[serde(rename = "$blob")]
    pub digest: Digest,
    /// The content's length.
    pub bytes: u64,
    /// The content's media type; `application/json` for a value.
    pub media_type: String,
    /// Number of elements, when the content is a JSON array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
}

impl BlobRef {
    /// Reads a reference out of a value, if the value is one.
    pub fn from_value(value: &Value) -> Option<Self> {
        value.as_object()?.get(BLOB_KEY)?;
        Self::deserialize(value).ok()
    }

    /// The reference as a value.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sixty_four_digits() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let digits = "0a".repeat(31);
        for end in ["", "0", "0g", "+a", "-0", "0aa", "é"] {
            let text = format!("sha256:{digits}{end}");
            assert!(text.parse::<Digest>().is_err(), "{text} was accepted");
        }
    }
}
