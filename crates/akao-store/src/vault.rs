//! Values that are sealed before they are stored: secrets, addresses and names of people, lines of the audit.
//!
//! Each tenant has data keys of its own, and what belongs to no tenant has those of the server. A data key is stored wrapped
//! by the master key, which is never in the database. Everything is AES-256-GCM. What a value is sealed *for* (tenant, table,
//! column, row, number of the data key) is authenticated with it, so that a sealed value that was moved elsewhere does not
//! open there.
//!
//! A sealed value is `v1.NUMBER.BASE64URL(nonce ‖ ciphertext ‖ tag)`.

mod keyring;
mod master;
mod password;

pub use keyring::SealedColumn;
pub(crate) use keyring::{Keyring, LOOKUP, SERVER};
pub use master::{KEY_FILE, KeyFile, KeyFingerprint, MasterKey, MasterKeySource, Vault};
pub use password::{open_with_password, seal_with_password};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;

/// A key that seals and opens.
pub(crate) struct SealingKey(RandomizedNonceKey);

/// The text does not open: it was made with another key, for another place, or is damaged.
pub(crate) struct DoesNotOpen;

impl SealingKey {
    /// From its bytes.
    pub(crate) fn new(bytes: &[u8; KEY_BYTES]) -> Result<Self, DoesNotOpen> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| DoesNotOpen)
    }

    /// Seals bytes for a place, as Base64.
    pub(crate) fn seal(&self, place: &[&str], bytes: &[u8]) -> Result<String, DoesNotOpen> {
        let mut sealed = bytes.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(bound(place)), &mut sealed).map_err(|_| DoesNotOpen)?;
        let mut whole = Vec::with_capacity(NONCE_LEN + sealed.len());
        whole.extend_from_slice(nonce.as_ref());
        whole.append(&mut sealed);
        Ok(URL_SAFE_NO_PAD.encode(whole))
    }

    /// Opens what was sealed for that place.
    pub(crate) fn open(&self, place: &[&str], sealed: &str) -> Result<Vec<u8>, DoesNotOpen> {
        let mut whole = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| DoesNotOpen)?;
        let (nonce, sealed) = whole.split_at_mut_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let opened = self.0.open_in_place(nonce, Aad::from(bound(place)), sealed).map_err(|_| DoesNotOpen)?;
        Ok(opened.to_vec())
    }
}

/// The place as bytes in which no two different places look the same: each part comes with its length.
fn bound(place: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in place {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let key = SealingKey::new(&[7; KEY_BYTES]).ok().unwrap();
        let other = SealingKey::new(&[8; KEY_BYTES]).ok().unwrap();
        let place = ["acme", "secret", "sealed", "token"];
        let sealed = key.seal(&place, b"hunter2").ok().unwrap();
        assert_eq!(key.open(&place, &sealed).ok().unwrap(), b"hunter2");
        assert_ne!(key.seal(&place, b"hunter2").ok().unwrap(), sealed, "each time with another nonce");
        assert!(other.open(&place, &sealed).is_err());
        for elsewhere in [
            ["globex", "secret", "sealed", "token"],
            ["acme", "account", "sealed", "token"],
            ["acme", "secret", "name", "token"],
            ["acme", "secret", "sealed", "other"],
            ["acmes", "ecret", "sealed", "token"],
        ] {
            assert!(key.open(&elsewhere, &sealed).is_err(), "{elsewhere:?}");
        }
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(key.open(&place, &damaged).is_err() || damaged == sealed, "byte {at}");
        }
        assert!(key.open(&place, "").is_err() && key.open(&place, "AAAA").is_err());
    }
}
