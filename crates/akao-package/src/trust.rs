//! Whom a data directory trusts to publish what, as plain data with a file format: keys of publishers by prefix, keys
//! pinned at first use, revocations. `decide` says what follows from it for one package.
//!
//! A key vouches for the ids below its prefix and for nothing else. Of several prefixes the longest decides alone: a key of
//! `com.example.` says nothing about `com.example.team.thing` once `com.example.team.` has keys of its own, even if all of
//! those are revoked.

mod decide;
mod kill;
mod policy;
mod rotation;

pub use decide::{Consent, Evidence, Installed, Origin, Refusal, SignatureState, Verdict, decide};
pub use kill::{KILL_LIST_BYTES_MAX, KillEntry, KillError, KillList, KillTarget};
pub use policy::{Policy, SignatureRule};
pub use rotation::{Rotation, RotationError, sign_rotation};

use crate::{Archive, PublicKey, Signature, SignatureError};
use akao_contract::manifest::PackageId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

/// The version of the file that is written and read.
pub const TRUST_FORMAT: u32 = 1;

/// Longest file, in bytes.
const TRUST_BYTES_MAX: usize = 4 << 20;

/// The beginning of ids that a key vouches for, such as `com.example.`: at least two segments, and a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix(String);

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a publisher's prefix; write for example `com.example.`")]
pub struct PrefixError(String);

impl Prefix {
    /// The text, with the dot at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an id stands below it.
    pub fn covers(&self, id: &PackageId) -> bool {
        id.as_str().starts_with(&self.0)
    }

    /// That of an id's publisher: its first two segments.
    pub fn of(id: &PackageId) -> Self {
        Self(format!("{}.", id.publisher()))
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Two segments and one more make an id.
        let sound =
            text.ends_with('.') && text.split('.').count() >= 3 && format!("{text}x").parse::<PackageId>().is_ok();
        if sound { Ok(Self(text.to_owned())) } else { Err(PrefixError(text.to_owned())) }
    }
}

impl TryFrom<String> for Prefix {
    type Error = PrefixError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that is trusted for a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// For which ids.
    pub prefix: Prefix,
    /// The key.
    pub key: PublicKey,
    /// Since when.
    pub added: Timestamp,
    /// Words of whoever added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The key whose signature brought this one in; none when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced_by: Option<PublicKey>,
    /// When and why it lost its trust. It stays in the file, so that it does not come back unnoticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// When and why a key lost its trust. A signature has no time that could be believed, so none of its signatures counts any
/// more, old ones included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// The key that a package had when it was first taken from a file, a folder or a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The package.
    pub id: PackageId,
    /// Its key.
    pub key: PublicKey,
    /// Since when.
    pub at: Timestamp,
}

/// A key that nothing here trusts or is pinned to, and that was revoked: a repository had vouched for it, or somebody was warned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedKey {
    /// The key.
    pub key: PublicKey,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// Everything a data directory knows of publishers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    keys: Vec<TrustedKey>,
    pins: BTreeMap<PackageId, Pin>,
    revoked: Vec<(PublicKey, Revocation)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    trust: u32,
    #[serde(default, rename = "key", skip_serializing_if = "Vec::is_empty")]
    keys: Vec<TrustedKey>,
    #[serde(default, rename = "pin", skip_serializing_if = "Vec::is_empty")]
    pins: Vec<Pin>,
    #[serde(default, rename = "revoked", skip_serializing_if = "Vec::is_empty")]
    revoked: Vec<RevokedKey>,
}

/// Why a file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not of this form; the message has the line.
    #[error("it is not a file of trusted keys: {0}")]
    Form(String),
    /// From a later version.
    #[error("it has the format {0}; this version reads {TRUST_FORMAT}")]
    Version(u32),
    /// The same key for the same prefix, or the same pin, twice.
    #[error("`{0}` is there twice")]
    Twice(String),
    /// The key was revoked here.
    #[error("the key {fingerprint} was revoked at {at}: {reason}")]
    Revoked {
        /// Which.
        fingerprint: String,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// No such key.
    #[error("there is no trusted key {0}")]
    Unknown(String),
}

impl TrustError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Form(_) | Self::Twice(_) => "Mend the line, or put back an earlier copy of the file.",
            Self::Version(_) => "Use a later version of Akao.",
            Self::Revoked { .. } => "Ask the publisher for a new key; a revoked one is not trusted again.",
            Self::Unknown(_) => "List the trusted keys and take its fingerprint from there.",
        }
    }
}

impl Trust {
    /// Reads the file: TOML, `trust = 1`. Unknown keys are refused.
    ///
    /// # Errors
    /// It is not of this form.
    pub fn read(text: &str) -> Result<Self, TrustError> {
        #[derive(Deserialize)]
        struct Version {
            trust: u32,
        }
        if text.len() > TRUST_BYTES_MAX {
            return Err(TrustError::Form(format!("it has more than {TRUST_BYTES_MAX} bytes")));
        }
        let broken = |error: toml::de::Error| TrustError::Form(crate::toml_message(&error, text));
        match toml::from_str::<Version>(text).map_err(broken)?.trust {
            TRUST_FORMAT => {}
            other => return Err(TrustError::Version(other)),
        }
        let file: File = toml::from_str(text).map_err(broken)?;
        let mut trust = Self::default();
        for key in file.keys {
            if trust.find(&key.prefix, &key.key).is_some() {
                return Err(TrustError::Twice(format!("{} {}", key.prefix, key.key)));
            }
            trust.keys.push(key);
        }
        for pin in file.pins {
            if trust.pins.contains_key(&pin.id) {
                return Err(TrustError::Twice(pin.id.to_string()));
            }
            trust.pins.insert(pin.id.clone(), pin);
        }
        for RevokedKey { key, at, reason } in file.revoked {
            if trust.revoked.iter().any(|(known, _)| known.ed25519() == key.ed25519()) {
                return Err(TrustError::Twice(key.to_string()));
            }
            trust.revoked.push((key, Revocation { at, reason }));
        }
        trust.sort();
        Ok(trust)
    }

    /// The file: the same trust gives the same text.
    pub fn write(&self) -> String {
        let revoked = self.revoked.iter().map(|(key, revocation)| RevokedKey {
            key: key.clone(),
            at: revocation.at,
            reason: revocation.reason.clone(),
        });
        let (keys, pins) = (self.keys.clone(), self.pins.values().cloned().collect());
        let file = File { trust: TRUST_FORMAT, keys, pins, revoked: revoked.collect() };
        // Texts, numbers and tables alone: nothing can fail.
        toml::to_string(&file).unwrap_or_default()
    }

    /// Every key, revoked ones included, sorted by prefix.
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// Every pin, sorted by id.
    pub fn pins(&self) -> impl Iterator<Item = &Pin> {
        self.pins.values()
    }

    /// The key that a package is pinned to.
    pub fn pinned(&self, id: &PackageId) -> Option<&Pin> {
        self.pins.get(id)
    }

    /// The keys of the longest prefix that an id stands below, revoked ones included.
    pub fn keys_for(&self, id: &PackageId) -> Vec<&TrustedKey> {
        let longest =
            self.keys.iter().map(|key| &key.prefix).filter(|prefix| prefix.covers(id)).max_by_key(|p| p.0.len());
        self.keys.iter().filter(|key| Some(&key.prefix) == longest).collect()
    }

    /// Trusts a key for a prefix, beside those that are trusted already.
    ///
    /// # Errors
    /// It was revoked.
    pub fn add(
        &mut self,
        prefix: Prefix,
        key: PublicKey,
        now: Timestamp,
        note: Option<String>,
    ) -> Result<(), TrustError> {
        self.insert(TrustedKey { prefix, key, added: now, note, introduced_by: None, revoked: None })
    }

    /// Takes the trust from a key, wherever it has it. Packages that are pinned to it are refused from then on.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke(&mut self, key: &PublicKey, now: Timestamp, reason: &str) -> Result<(), TrustError> {
        let mut found = false;
        for trusted in self.keys.iter_mut().filter(|trusted| trusted.key.ed25519() == key.ed25519()) {
            found = true;
            trusted.revoked.get_or_insert_with(|| Revocation { at: now, reason: reason.to_owned() });
        }
        // A key that is only pinned gets an entry, so that it is known as revoked whatever comes with it.
        let pinned = self.pins.values().filter(|pin| pin.key.ed25519() == key.ed25519());
        let prefixes: BTreeSet<Prefix> = pinned.map(|pin| Prefix::of(&pin.id)).collect();
        for prefix in prefixes {
            found = true;
            if self.find(&prefix, key).is_none() {
                let revoked = Some(Revocation { at: now, reason: reason.to_owned() });
                let key = key.clone();
                self.keys.push(TrustedKey { prefix, key, added: now, note: None, introduced_by: None, revoked });
            }
        }
        self.sort();
        if found { Ok(()) } else { Err(TrustError::Unknown(key.fingerprint().to_string())) }
    }

    /// As [`Trust::revoke`], also of a key that nothing here trusts: what it has signed is refused from then on, whoever vouches.
    pub fn revoke_wherever(&mut self, key: &PublicKey, now: Timestamp, reason: &str) {
        if self.revoke(key, now, reason).is_err() && self.revocation(key).is_none() {
            self.revoked.push((key.clone(), Revocation { at: now, reason: reason.to_owned() }));
            self.sort();
        }
    }

    /// Keys that were revoked and never trusted, sorted.
    pub fn revoked(&self) -> impl Iterator<Item = (&PublicKey, &Revocation)> {
        self.revoked.iter().map(|(key, revocation)| (key, revocation))
    }

    /// Pins a package to the key that it has now. Only after consent.
    pub fn pin(&mut self, id: PackageId, key: PublicKey, now: Timestamp) {
        self.pins.insert(id.clone(), Pin { id, key, at: now });
    }

    /// Forgets the pin of a package.
    pub fn unpin(&mut self, id: &PackageId) -> bool {
        self.pins.remove(id).is_some()
    }

    /// When and why a key was revoked.
    pub fn revocation(&self, key: &PublicKey) -> Option<&Revocation> {
        let trusted = self.keys.iter().filter(|trusted| trusted.key.ed25519() == key.ed25519());
        let others = self.revoked.iter().filter(|(other, _)| other.ed25519() == key.ed25519());
        trusted.filter_map(|key| key.revoked.as_ref()).chain(others.map(|(_, revocation)| revocation)).next()
    }

    /// Finds out what an archive's signature is worth, by every key that may be meant: those of its prefix, its pin, and
    /// `offered`, which came with the package and proves nothing but that the package and the signature belong together.
    pub fn examine(
        &self,
        archive: &Archive,
        signature: Option<&Signature>,
        offered: Option<&PublicKey>,
    ) -> SignatureState {
        let Some(signature) = signature else { return SignatureState::Absent };
        let id = &archive.manifest().id;
        let known = self.keys_for(id).into_iter().map(|trusted| &trusted.key);
        let revoked = self.revoked.iter().map(|(key, _)| key);
        let candidates = known.chain(self.pinned(id).map(|pin| &pin.key)).chain(offered).chain(revoked);
        let mut state = SignatureState::UnknownKey { number: signature.key_number().to_owned() };
        for key in candidates {
            match signature.verify(archive, key) {
                Ok(()) => return SignatureState::Valid { key: key.clone() },
                // A key of another number is not the one that is meant.
                Err(SignatureError::WrongKey { .. }) => {}
                Err(error) => state = SignatureState::Invalid { error },
            }
        }
        state
    }

    fn find(&self, prefix: &Prefix, key: &PublicKey) -> Option<&TrustedKey> {
        self.keys.iter().find(|trusted| trusted.prefix == *prefix && trusted.key.ed25519() == key.ed25519())
    }

    fn insert(&mut self, key: TrustedKey) -> Result<(), TrustError> {
        if let Some(Revocation { at, reason }) = self.revocation(&key.key) {
            let fingerprint = key.key.fingerprint().to_string();
            return Err(TrustError::Revoked { fingerprint, at: *at, reason: reason.clone() });
        }
        if self.find(&key.prefix, &key.key).is_none() {
            self.keys.push(key);
            self.sort();
        }
        Ok(())
    }

    fn sort(&mut self) {
        self.keys.sort_by(|a, b| (&a.prefix, a.added, &a.key).cmp(&(&b.prefix, b.added, &b.key)));
        self.revoked.sort_by(|a, b| (a.1.at, &a.0).cmp(&(b.1.at, &b.0)));
    }
}
