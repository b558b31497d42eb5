//! Secrets that the server gives out: random, shown once, and kept as a hash only.

use crate::Error;
use akao_step::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// What an API token begins with, so that scanners of code find one that was left somewhere.
pub(crate) const TOKEN_PREFIX: &str = "akao_token_";

/// A new secret that begins with `prefix`.
pub(crate) fn new(prefix: &str) -> Result<Secret, Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(&error))?;
    Ok(Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))))
}

/// Random bits for an id.
pub(crate) fn random_bits() -> Result<u128, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(&error))?;
    Ok(u128::from_ne_bytes(bytes))
}

/// The hash under which a secret is kept. Secrets are random and long, so that a plain hash gives nothing away.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The hash as text.
pub(crate) fn hash_text(secret: &str) -> String {
    hex(&hash(secret))
}

/// What requests by a browser must repeat, so that other sites cannot make them: it follows from the session's secret, which
/// they cannot read.
pub(crate) fn csrf_of(session: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash(&format!("csrf {session}")))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to memory cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_their_hashes_are_those_of_the_text() {
        let (one, other) = (new("a_").unwrap(), new("a_").unwrap());
        assert_ne!(one, other);
        assert!(one.expose().starts_with("a_") && one.expose().len() == 45, "{} letters", one.expose().len());
        assert_eq!(hash_text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(csrf_of("abc"), csrf_of("abd"));
    }
}
