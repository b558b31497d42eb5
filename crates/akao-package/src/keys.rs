//! Keys of publishers: Ed25519, in the files that minisign writes and reads.

use akao_contract::Digest;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Longest key file, in bytes.
const KEY_BYTES_MAX: usize = 4096;

/// Bytes of a public key as minisign writes it: two of the algorithm, eight of the key's number, the key.
const PUBLIC_BYTES: usize = 42;

/// Why a text is not a key, or a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a public key of minisign.
    #[error("`{0}` is not a public key")]
    Public(String),
    /// Not a secret key of minisign.
    #[error("the file is not a secret key of minisign")]
    Secret,
    /// It is encrypted and no password was given.
    #[error("the secret key is encrypted")]
    Encrypted,
    /// The password is not the one.
    #[error("the password is not that of the secret key")]
    Password,
    /// The system has no randomness to give, or the key cannot be written.
    #[error("no key can be made: {0}")]
    Make(String),
}

impl KeyError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Public(_) => "A public key has 56 characters and begins with `RW`: the second line of a `.pub` file.",
            Self::Secret => "Name the file that was made with the key; `minisign -G` writes one.",
            Self::Encrypted | Self::Password => "Give the password that the key was made with.",
            Self::Make(_) => "Try again; if it stays so, this machine gives out no random bytes.",
        }
    }
}

/// A publisher's public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    text: String,
    raw: [u8; 32],
}

impl PublicKey {
    /// The key as minisign writes it on one line: 56 characters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The 32 bytes of the Ed25519 key, as the keys of a repository's roles are given.
    pub fn ed25519(&self) -> &[u8; 32] {
        &self.raw
    }

    /// What people compare: the SHA-256 of the key's 32 bytes. minisign's number of a key is chosen by whoever makes it, so it
    /// only helps to find a key.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.raw)
    }

    /// The number that signatures name their key by, as minisign shows it.
    pub fn number(&self) -> String {
        let key = minisign::PublicKey::from_base64(&self.text).ok();
        key.map(|key| number(key.keynum())).unwrap_or_default()
    }

    /// The contents of a `.pub` file.
    pub fn to_file(&self) -> String {
        format!("untrusted comment: minisign public key {}\n{}\n", self.number(), self.text)
    }

    pub(crate) fn verifier(&self) -> Option<minisign_verify::PublicKey> {
        minisign_verify::PublicKey::from_base64(&self.text).ok()
    }

    fn of(key: &minisign::PublicKey) -> Option<Self> {
        let bytes = key.to_bytes();
        let raw = bytes.get(PUBLIC_BYTES - 32..PUBLIC_BYTES)?.try_into().ok()?;
        (bytes.len() == PUBLIC_BYTES).then(|| Self { text: key.to_base64(), raw })
    }
}

/// The stock `minisign -W` writes keys without a password without a checksum, which the library misses.
fn without_checksum(text: &str) -> Option<minisign::SecretKey> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.lines().nth(1)?.trim()).ok()?;
    let (key, checksum) = bytes.split_at_checked(CHECKSUM_AT)?;
    let form = key.starts_with(b"Ed\0\0B2") && checksum == [0; 32];
    if form { minisign::SecretKey::from_bytes(&bytes).ok() } else { None }
}

/// How the line of an encrypted secret key begins: `EdScB2`, the names of its algorithms.
const ENCRYPTED_BEGINNING: &str = "RWRTY0Iy";

/// A key's number in the order in which minisign shows it.
pub(crate) fn number(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Reads the line of a key, or the two lines of a `.pub` file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || KeyError::Public(akao_contract::shortened(text.trim().to_owned(), 80));
        if text.len() > KEY_BYTES_MAX {
            return Err(wrong());
        }
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let line = match lines[..] {
            [line] => line,
            [comment, line] if comment.starts_with("untrusted comment:") => line,
            _ => return Err(wrong()),
        };
        let key = minisign::PublicKey::from_base64(line).map_err(|_| wrong())?;
        let key = Self::of(&key).filter(|key| key.text == line && key.verifier().is_some());
        key.ok_or_else(wrong)
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
        key.text
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.text)
    }
}

/// A new key as the files that keep it.
pub struct NewKey {
    /// The contents of the secret key's file.
    pub secret_file: String,
    /// The public key; [`PublicKey::to_file`] gives the contents of its file.
    pub public: PublicKey,
}

/// Makes a key from the system's randomness, and its secret file encrypted with the password as minisign encrypts it, or not
/// at all without one. Encrypting takes some tenths of a second: that is what makes guessing the password costly.
///
/// # Errors
/// The system gives no randomness.
pub fn new_key(password: Option<&str>) -> Result<NewKey, KeyError> {
    let failed = |error: minisign::PError| KeyError::Make(error.to_string());
    let (pair, comment) = match password {
        Some(password) => {
            let pair = minisign::KeyPair::generate_encrypted_keypair(Some(password.to_owned()));
            (pair, "minisign encrypted secret key")
        }
        None => (minisign::KeyPair::generate_unencrypted_keypair(), "minisign secret key"),
    };
    let pair = pair.map_err(failed)?;
    let secret_file = pair.sk.to_box(Some(comment)).map_err(failed)?.into_string();
    let public = PublicKey::of(&pair.pk).ok_or_else(|| KeyError::Make("the key has another form".to_owned()))?;
    Ok(NewKey { secret_file, public })
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewKey(of {})", self.public)
    }
}

/// A publisher's secret key. It masks itself when printed.
pub struct SecretKey {
    key: minisign::SecretKey,
    public: PublicKey,
}

impl SecretKey {
    /// Reads a key file that minisign or [`new_key`] wrote. The password is none for a key without one.
    ///
    /// # Errors
    /// It is not a key file, or the password is not right.
    pub fn from_file(text: &str, password: Option<&str>) -> Result<Self, KeyError> {
        if text.len() > KEY_BYTES_MAX {
            return Err(KeyError::Secret);
        }
        let file = || minisign::SecretKeyBox::from_string(text).map_err(|_| KeyError::Secret);
        let encrypted = text.lines().nth(1).is_some_and(|line| line.starts_with(ENCRYPTED_BEGINNING));
        // Without a password the library would ask the terminal, so it is not asked then.
        match password {
            _ if !encrypted => match file()?.into_unencrypted_secret_key() {
                Ok(key) => Self::of(key),
                Err(_) => Self::of(without_checksum(text).ok_or(KeyError::Secret)?),
            },
            None => Err(KeyError::Encrypted),
            Some(password) => {
                let key = file()?.into_secret_key(Some(password.to_owned())).map_err(|error| match error.kind() {
                    minisign::ErrorKind::Verify => KeyError::Password,
                    _ => KeyError::Secret,
                });
                Self::of(key?)
            }
        }
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The 32 bytes that the Ed25519 key is made from, for signing what is not signed by minisign: the metadata of a
    /// repository. Who has them has the key.
    pub fn ed25519_seed(&self) -> [u8; 32] {
        let bytes = self.key.to_bytes();
        bytes.get(SEED_AT..SEED_AT + 32).and_then(|seed| seed.try_into().ok()).unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &minisign::SecretKey {
        &self.key
    }

    fn of(key: minisign::SecretKey) -> Result<Self, KeyError> {
        let public = minisign::PublicKey::from_secret_key(&key).ok().and_then(|key| PublicKey::of(&key));
        Ok(Self { public: public.ok_or(KeyError::Secret)?, key })
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public)
    }
}

/// Where the seed stands in a secret key's bytes: behind algorithms, salt, two limits and the key's number.
const SEED_AT: usize = 62;

/// Where the checksum stands: behind the seed and the public key.
const CHECKSUM_AT: usize = 126;
