//! Keys: one raw form of Ed25519, 32 bytes, for publishers of packages and for the roles of a repository.

use akao_contract::Digest;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use tough::{async_trait, key_source::KeySource, sign::Sign};

/// What stands before the digits of a key in text.
const PREFIX: &str = "ed25519:";

/// Why something is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A text that is no public key.
    #[error("`{0}` is not a public key; expected `ed25519:` and 64 hexadecimal digits")]
    Public(String),
    /// A seed that the cryptography refuses.
    #[error("the secret key is not usable")]
    Secret,
}

/// The public half of a key: 32 bytes. As text `ed25519:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// A key from its raw bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What people compare: the SHA-256 of the raw bytes.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.0)
    }

    /// From the form that TUF metadata holds.
    pub(crate) fn of_tuf_key(key: &tough::schema::key::Key) -> Option<Self> {
        match key {
            tough::schema::key::Key::Ed25519 { keyval, .. } => Some(Self(keyval.public.to_vec().try_into().ok()?)),
            _ => None,
        }
    }

    /// The form that TUF metadata holds.
    pub(crate) fn tuf_key(self) -> tough::schema::key::Key {
        use tough::schema::key::{Ed25519Key, Ed25519Scheme, Key};
        let keyval = Ed25519Key { public: self.0.to_vec().into(), _extra: Default::default() };
        Key::Ed25519 { keyval, scheme: Ed25519Scheme::Ed25519, _extra: Default::default() }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || KeyError::Public(text.chars().take(80).collect());
        let hex = text.strip_prefix(PREFIX).ok_or_else(bad)?;
        // The digest's reader takes exactly 64 digits and nothing else.
        let digits: Digest = format!("sha256:{hex}").parse().map_err(|_| bad())?;
        Ok(Self(*digits.bytes()))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

/// A key that signs metadata. It never prints itself.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl SigningKey {
    /// A key from its raw seed of 32 bytes.
    ///
    /// # Errors
    /// The cryptography refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Secret)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Secret)?;
        Ok(Self { pair: Arc::new(pair), public: PublicKey(public) })
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

#[async_trait]
impl Sign for SigningKey {
    fn tuf_key(&self) -> tough::schema::key::Key {
        self.public.tuf_key()
    }

    async fn sign(
        &self,
        message: &[u8],
        _random: &(dyn aws_lc_rs::rand::SecureRandom + Sync),
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(self.pair.sign(message).as_ref().to_vec())
    }
}

#[async_trait]
impl KeySource for SigningKey {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(Box::new(self.clone()))
    }

    async fn write(&self, _: &str, _: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        Err("a key of a repository is not written by signing".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_has_one_spelling() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap().public();
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.fingerprint(), Digest::of(key.bytes()));
        for text in ["", "ed25519:", "ed25519:00", &key.to_string()[8..], &format!("{key}0"), "ed25519:+é"] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_signing_key_does_not_print_its_secret() {
        let shown = format!("{:?}", SigningKey::from_seed(&[7; 32]).unwrap());
        assert!(shown.starts_with("SigningKey(ed25519:") && !shown.contains("0707"), "{shown}");
    }
}
