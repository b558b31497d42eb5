//! Signatures: Ed25519 over a whole file, in minisign's prehashed form, so that the stock `minisign` checks them as well.
//!
//! What is signed with the file is its trusted comment. It says for what the signature was given, in words of `akao:1`, so
//! that the signature of one version is of no use for another, and that of a package is none of a list.

use crate::Archive;
use crate::keys::{PublicKey, SecretKey, number};
use akao_contract::{Digest, manifest::PackageId};
use std::{fmt, str::FromStr};

/// What a signature's file is called: the archive's name and this.
pub const SIGNATURE_ENDING: &str = ".minisig";

/// Longest signature, in bytes.
const SIGNATURE_BYTES_MAX: usize = 4096;

/// How trusted comments of this version begin.
const COMMENT_PREFIX: &str = "akao:1";

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature of minisign.
    #[error("it is not a signature of minisign")]
    Malformed,
    /// The form without a prehash, which minisign itself no longer makes.
    #[error("it is of minisign's legacy form, which is not accepted")]
    Legacy,
    /// Made by another key.
    #[error("it was made by the key {found}, not by {expected}")]
    WrongKey {
        /// The number of the key that was expected.
        expected: String,
        /// The number that the signature names.
        found: String,
    },
    /// The file, the trusted comment or the signature was changed.
    #[error("the file or its signature was changed after it was signed")]
    Invalid,
    /// The trusted comment is not one of Akao.
    #[error("its trusted comment `{0}` does not say for what it was given")]
    Comment(String),
    /// Given for something else.
    #[error("it was given for {found}, not for {expected}")]
    Other {
        /// What it must say.
        expected: String,
        /// What it says.
        found: String,
    },
}

impl SignatureError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Malformed => "Fetch the `.minisig` file again.",
            Self::Legacy | Self::Comment(_) => "Ask the publisher to sign it with Akao.",
            Self::WrongKey { .. } => "Compare the key's fingerprint with what the publisher announces, then trust it.",
            Self::Invalid => "Do not use it. Fetch both files again from their publisher.",
            Self::Other { .. } => "Fetch the signature that belongs to this version.",
        }
    }
}

/// For what a signature is given: the trusted comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A version of a package: `akao:1 id=… version=… sha256=…`.
    Package {
        /// The package.
        id: PackageId,
        /// Its version.
        version: String,
        /// The digest of the archive.
        archive: Digest,
    },
    /// Another document of this crate, by its name, such as `kill-list`: `akao:1 document=… sha256=…`.
    Document {
        /// Which, of `a-z` and `-`.
        name: String,
        /// The digest of its bytes.
        digest: Digest,
    },
}

impl Purpose {
    /// That of an archive.
    pub fn of(archive: &Archive) -> Self {
        let manifest = archive.manifest();
        Self::Package { id: manifest.id.clone(), version: manifest.version.clone(), archive: archive.digest() }
    }

    /// That of a document.
    pub fn document(name: &str, bytes: &[u8]) -> Self {
        Self::Document { name: name.to_owned(), digest: Digest::of(bytes) }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package { id, version, archive } => {
                write!(f, "{COMMENT_PREFIX} id={id} version={version} sha256={}", archive.hex())
            }
            Self::Document { name, digest } => write!(f, "{COMMENT_PREFIX} document={name} sha256={}", digest.hex()),
        }
    }
}

impl FromStr for Purpose {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || SignatureError::Comment(shown(text));
        let rest = text.strip_prefix(COMMENT_PREFIX).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(wrong)?;
        let words: Vec<(&str, &str)> =
            rest.split(' ').map(|word| word.split_once('=')).collect::<Option<_>>().ok_or_else(wrong)?;
        let digest = |hex: &str| format!("sha256:{hex}").parse().map_err(|_| wrong());
        let purpose = match words[..] {
            [("id", id), ("version", version), ("sha256", hex)] => {
                let id = id.parse().map_err(|_| wrong())?;
                Self::Package { id, version: version.to_owned(), archive: digest(hex)? }
            }
            [("document", name), ("sha256", hex)] => Self::Document { name: name.to_owned(), digest: digest(hex)? },
            _ => return Err(wrong()),
        };
        // There is one way to write it.
        if purpose.to_string() == text { Ok(purpose) } else { Err(wrong()) }
    }
}

/// A signature as its file holds it. It says nothing until it was verified.
#[derive(Clone)]
pub struct Signature {
    text: String,
    key_number: String,
    signature: minisign_verify::Signature,
}

impl Signature {
    /// Reads a `.minisig` file.
    ///
    /// # Errors
    /// It is not a signature of minisign, or one of the legacy form.
    pub fn read(text: &str) -> Result<Self, SignatureError> {
        let lines: Vec<&str> = text.lines().collect();
        let comments = lines.first().is_some_and(|line| line.starts_with("untrusted comment: "));
        if text.len() > SIGNATURE_BYTES_MAX || lines.len() != 4 || !comments {
            return Err(SignatureError::Malformed);
        }
        let signature = minisign_verify::Signature::decode(text).map_err(|_| SignatureError::Malformed)?;
        let form = minisign::SignatureBox::from_string(text).map_err(|_| SignatureError::Malformed)?;
        if !form.is_prehashed() {
            return Err(SignatureError::Legacy);
        }
        Ok(Self { text: text.to_owned(), key_number: number(form.keynum()), signature })
    }

    /// The contents of its file.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The number of the key that it says it was made by. It helps to find the key and proves nothing.
    pub fn key_number(&self) -> &str {
        &self.key_number
    }

    /// Verifies that the key signed an archive, and that it signed this version of this package.
    ///
    /// # Errors
    /// It did not.
    pub fn verify(&self, archive: &Archive, key: &PublicKey) -> Result<(), SignatureError> {
        self.verify_bytes(archive.bytes(), key, &Purpose::of(archive))
    }

    /// Verifies that the key signed these bytes for this purpose.
    ///
    /// # Errors
    /// It did not.
    pub fn verify_bytes(&self, bytes: &[u8], key: &PublicKey, purpose: &Purpose) -> Result<(), SignatureError> {
        let verifier = key.verifier().ok_or(SignatureError::Malformed)?;
        verifier.verify(bytes, &self.signature, false).map_err(|error| match error {
            minisign_verify::Error::UnexpectedKeyId => {
                SignatureError::WrongKey { expected: key.number(), found: self.key_number.clone() }
            }
            minisign_verify::Error::UnexpectedAlgorithm | minisign_verify::Error::UnsupportedLegacyMode => {
                SignatureError::Legacy
            }
            _ => SignatureError::Invalid,
        })?;
        let found: Purpose = self.signature.trusted_comment().parse()?;
        if found == *purpose {
            return Ok(());
        }
        Err(SignatureError::Other { expected: purpose.to_string(), found: found.to_string() })
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature(by {})", self.key_number)
    }
}

/// Signs an archive.
///
/// # Errors
/// The system gives no randomness.
pub fn sign(archive: &Archive, key: &SecretKey) -> Result<Signature, crate::KeyError> {
    sign_bytes(archive.bytes(), &Purpose::of(archive), key)
}

/// Signs bytes for a purpose.
///
/// # Errors
/// The system gives no randomness.
pub fn sign_bytes(bytes: &[u8], purpose: &Purpose, key: &SecretKey) -> Result<Signature, crate::KeyError> {
    let failed = |message: String| crate::KeyError::Make(message);
    let untrusted = format!("signature from minisign secret key {}", key.public().number());
    let made = minisign::sign(None, key.key(), bytes, Some(&purpose.to_string()), Some(&untrusted));
    let text = made.map_err(|error| failed(error.to_string()))?.into_string();
    Signature::read(&text).map_err(|error| failed(error.to_string()))
}

fn shown(text: &str) -> String {
    let plain = |c: char| if akao_contract::steers_terminal(c) { '\u{fffd}' } else { c };
    akao_contract::shortened(text.chars().map(plain).collect::<String>(), 120)
}
