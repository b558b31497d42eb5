//! What follows from policy, trust and what is known of a package: take it, ask, or refuse. A pure function.

use super::{KillList, Policy, Revocation, SignatureRule, Trust};
use crate::{Difference, PublicKey, SignatureError};
use akao_contract::{Digest, format_duration_ms, manifest::PackageId};
use jiff::Timestamp;
use std::fmt;

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A repository, by its name.
    Repository {
        /// Its name.
        name: String,
    },
    /// A git repository.
    Git,
    /// A `.akao` file.
    File,
    /// A folder.
    Folder,
}

/// What a signature turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureState {
    /// There is none.
    Absent,
    /// It holds, for this package and version.
    Valid {
        /// By this key.
        key: PublicKey,
    },
    /// It does not hold.
    Invalid {
        /// Why.
        error: SignatureError,
    },
    /// It was made by a key that nobody here has.
    UnknownKey {
        /// The key's number.
        number: String,
    },
}

/// What is installed of the same package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its version.
    pub version: String,
    /// The digest of its content.
    pub content: Digest,
    /// The key that had signed it.
    pub key: Option<PublicKey>,
}

/// What is known of a package that is to be installed.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// Its id.
    pub id: &'a PackageId,
    /// Its version.
    pub version: &'a str,
    /// The digest of its archive, when there is one.
    pub archive: Option<Digest>,
    /// The digest of its content.
    pub content: Digest,
    /// Where it comes from.
    pub origin: Origin,
    /// Its signature.
    pub signature: SignatureState,
    /// What is installed of it.
    pub installed: Option<&'a Installed>,
    /// What differs from that.
    pub difference: Option<&'a Difference>,
    /// The content that this version had when it was seen before, here or in a lock file.
    pub known_content: Option<Digest>,
    /// The list of what must not run.
    pub kill_list: Option<&'a KillList>,
    /// When it was published, as the repository says.
    pub published: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
    /// Whether nobody asked for it: an update that is taken by itself.
    pub automatic: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Install it.
    Accept,
    /// Install it after somebody has agreed to all of these.
    NeedsConsent {
        /// What to agree to.
        why: Vec<Consent>,
    },
    /// Do not install it; nobody can agree to that.
    Refuse {
        /// Why.
        why: Refusal,
        /// A sentence: what to do.
        cure: String,
    },
}

/// Something that somebody has to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nobody has signed it.
    Unsigned,
    /// Nobody has signed it, and the package was signed, or bound to a key, before. It takes more than a yes to everything.
    Stripped {
        /// The fingerprint of the key.
        key: Digest,
    },
    /// The number of a version that is installed, with another content: a folder that its author has changed.
    OtherContent {
        /// The version.
        version: String,
    },
    /// A key that is not known here. After consent it is pinned.
    FirstUse {
        /// The key.
        key: PublicKey,
    },
    /// It is signed by a key that nobody here has, and no signature is demanded.
    UnknownKey {
        /// The key's number.
        number: String,
    },
    /// Another key than the installed version's, which is trusted as well.
    OtherKey {
        /// The key that had signed what is installed.
        from: PublicKey,
        /// The key that has signed this.
        to: PublicKey,
    },
    /// It asks for more than what is installed: each a line.
    Widens {
        /// What.
        what: Vec<String>,
    },
    /// It is older than what is installed.
    Downgrade {
        /// The installed version.
        from: String,
    },
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("nobody has signed it"),
            Self::Stripped { key } => {
                write!(f, "nobody has signed it, and it would replace what the key {key} has signed")
            }
            Self::OtherContent { version } => write!(f, "it is the same version, {version}, with other content"),
            Self::FirstUse { key } => {
                write!(f, "it is signed by a key that is not known here, with the fingerprint {}", key.fingerprint())
            }
            Self::UnknownKey { number } => write!(f, "it is signed by the key {number}, which is not known here"),
            Self::OtherKey { from, to } => {
                write!(f, "its publisher's key changed from {} to {}", from.fingerprint(), to.fingerprint())
            }
            Self::Widens { what } => write!(f, "it asks for more than before: {}", what.join("; ")),
            Self::Downgrade { from } => write!(f, "it is older than the installed version {from}"),
        }
    }
}

/// Why a package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is on the kill list.
    #[error("it must not run: {reason}")]
    Killed {
        /// Why, as the list says.
        reason: String,
    },
    /// The version was seen before with another content.
    #[error("this version was seen before with the content {known}, and has now {found}")]
    OtherContent {
        /// What was seen.
        known: Digest,
        /// What is there.
        found: Digest,
    },
    /// The policy does not allow its publisher.
    #[error("the policy does not allow the publisher `{publisher}`")]
    Publisher {
        /// Who.
        publisher: String,
    },
    /// The signature does not hold.
    #[error("its signature does not hold: {error}")]
    Signature {
        /// Why.
        error: SignatureError,
    },
    /// A signature is demanded.
    #[error("it is not signed")]
    Unsigned,
    /// What was signed is no longer.
    #[error("it is not signed, and the package was signed before")]
    Stripped,
    /// It is signed by a key that is trusted for nothing here, or for other prefixes.
    #[error("no key that is trusted for `{id}` has signed it")]
    UntrustedKey {
        /// The package.
        id: PackageId,
        /// The fingerprint, or the number, of the key that has.
        key: String,
        /// The key itself, where somebody here has it.
        public: Option<PublicKey>,
    },
    /// It is signed by a revoked key.
    #[error("it is signed by the key {key}, which was revoked at {at}: {reason}", at = .revocation.at, reason = .revocation.reason)]
    Revoked {
        /// The key's fingerprint.
        key: Digest,
        /// When and why.
        revocation: Revocation,
    },
    /// It is pinned to another key.
    #[error("it was pinned to the key {pinned} and is now signed by {found}")]
    KeyChanged {
        /// The pinned key's fingerprint.
        pinned: Digest,
        /// The other's.
        found: Digest,
    },
    /// It was published too short a time ago to be taken by itself.
    #[error("it was published less than {cool_down} ago")]
    CoolDown {
        /// The policy's duration.
        cool_down: String,
    },
    /// Its time of publication is not known, so it is not taken by itself.
    #[error("it is not known when it was published")]
    NoTime,
}

impl Refusal {
    fn cure(&self, id: &PackageId) -> String {
        match self {
            Self::Killed { .. } => "Install another version.".to_owned(),
            Self::OtherContent { .. } => {
                "Do not use it: versions never change. Ask the publisher, or install another version.".to_owned()
            }
            Self::Publisher { .. } => "Ask whoever keeps the policy to allow it.".to_owned(),
            Self::Signature { error } => error.suggestion().to_owned(),
            Self::Unsigned => "Ask the publisher to sign it.".to_owned(),
            Self::Stripped => "Fetch it with its `.minisig` from the publisher.".to_owned(),
            Self::UntrustedKey { public, .. } => {
                let prefix = super::Prefix::of(id);
                let announced =
                    format!("Compare the key with what the publisher announces, then trust it for `{prefix}`");
                match public {
                    Some(key) => format!("{announced}: `akao key trust {key} --prefix {prefix}`."),
                    None => format!(
                        "Get the key from the publisher, and compare it with what they announce elsewhere. Then name it by `--key KEY`, or \
                         trust it by `akao key trust KEY --prefix {prefix}`."
                    ),
                }
            }
            Self::Revoked { .. } => "Install a version that is signed by the publisher's new key.".to_owned(),
            Self::KeyChanged { .. } => format!(
                "If the publisher announced the new key, trust it for `{}`. Otherwise do not use it.",
                super::Prefix::of(id)
            ),
            Self::CoolDown { .. } | Self::NoTime => {
                format!("Update `{id}` by hand if you need it now: `akao update {id}`.")
            }
        }
    }
}

/// Decides about one package.
pub fn decide(policy: &Policy, trust: &Trust, evidence: &Evidence<'_>) -> Verdict {
    let mut why = Vec::new();
    let refused = allowed(policy, evidence)
        .and_then(|()| signed(policy, trust, evidence, &mut why))
        .and_then(|()| cooled_down(policy, evidence));
    if let Err(why) = refused {
        let cure = why.cure(evidence.id);
        return Verdict::Refuse { why, cure };
    }
    compared(evidence, &mut why);
    if why.is_empty() { Verdict::Accept } else { Verdict::NeedsConsent { why } }
}

/// What holds whoever has signed it.
fn allowed(policy: &Policy, evidence: &Evidence<'_>) -> Result<(), Refusal> {
    let digests: Vec<Digest> = evidence.archive.into_iter().chain([evidence.content]).collect();
    let killed = evidence.kill_list.and_then(|list| list.meets(evidence.id, evidence.version, &digests));
    if let Some(entry) = killed {
        return Err(Refusal::Killed { reason: entry.reason.clone() });
    }
    // A folder is its author's own and changes while a version is worked on.
    let changes = evidence.origin == Origin::Folder;
    if let Some(known) = known(evidence).filter(|known| *known != evidence.content && !changes) {
        return Err(Refusal::OtherContent { known, found: evidence.content });
    }
    match &policy.allowed_publishers {
        Some(allowed) if !allowed.iter().any(|prefix| prefix.covers(evidence.id)) => {
            Err(Refusal::Publisher { publisher: evidence.id.publisher().to_owned() })
        }
        _ => Ok(()),
    }
}

/// What its signature is worth.
fn signed(policy: &Policy, trust: &Trust, evidence: &Evidence<'_>, why: &mut Vec<Consent>) -> Result<(), Refusal> {
    let rule = policy.rule(&evidence.origin);
    let key = match &evidence.signature {
        SignatureState::Invalid { error } => return Err(Refusal::Signature { error: error.clone() }),
        SignatureState::Valid { key } => key,
        SignatureState::UnknownKey { number } => {
            let pinned = trust.pinned(evidence.id).is_some() || !trust.keys_for(evidence.id).is_empty();
            if rule == SignatureRule::Optional && !pinned {
                why.push(Consent::UnknownKey { number: number.clone() });
                return Ok(());
            }
            return Err(Refusal::UntrustedKey { id: evidence.id.clone(), key: number.clone(), public: None });
        }
        SignatureState::Absent => {
            let installed = evidence.installed.and_then(|installed| installed.key.as_ref());
            let key = installed.or(trust.pinned(evidence.id).map(|pin| &pin.key)).map(PublicKey::fingerprint);
            let before = installed.is_some();
            return match rule {
                _ if evidence.origin == Origin::Folder && rule == SignatureRule::Optional => {
                    why.push(key.map_or(Consent::Unsigned, |key| Consent::Stripped { key }));
                    Ok(())
                }
                _ if before || trust.pinned(evidence.id).is_some() => Err(Refusal::Stripped),
                SignatureRule::Trusted => Err(Refusal::Unsigned),
                _ if !trust.keys_for(evidence.id).is_empty() => Err(Refusal::Unsigned),
                SignatureRule::FirstUse | SignatureRule::Optional => {
                    why.push(Consent::Unsigned);
                    Ok(())
                }
            };
        }
    };
    by_key(rule, trust, evidence, key, why)
}

/// What the key of a valid signature is worth.
fn by_key(
    rule: SignatureRule,
    trust: &Trust,
    evidence: &Evidence<'_>,
    key: &PublicKey,
    why: &mut Vec<Consent>,
) -> Result<(), Refusal> {
    if let Some(revocation) = trust.revocation(key) {
        return Err(Refusal::Revoked { key: key.fingerprint(), revocation: revocation.clone() });
    }
    let same = |other: &PublicKey| other.ed25519() == key.ed25519();
    let keys = trust.keys_for(evidence.id);
    if keys.iter().any(|trusted| same(&trusted.key)) {
        return Ok(());
    }
    let untrusted = || Refusal::UntrustedKey {
        id: evidence.id.clone(),
        key: key.fingerprint().to_string(),
        public: Some(key.clone()),
    };
    match trust.pinned(evidence.id) {
        // Who trusts keys for this prefix has said which they are.
        _ if !keys.is_empty() || rule == SignatureRule::Trusted => Err(untrusted()),
        Some(pin) if same(&pin.key) => Ok(()),
        Some(pin) => Err(Refusal::KeyChanged { pinned: pin.key.fingerprint(), found: key.fingerprint() }),
        None => {
            why.push(Consent::FirstUse { key: key.clone() });
            Ok(())
        }
    }
}

/// What nobody asked for waits until others have looked at it.
fn cooled_down(policy: &Policy, evidence: &Evidence<'_>) -> Result<(), Refusal> {
    if !evidence.automatic || policy.cool_down_ms == 0 {
        return Ok(());
    }
    let published = evidence.published.ok_or(Refusal::NoTime)?;
    let age_ms = evidence.now.as_millisecond().saturating_sub(published.as_millisecond());
    match u64::try_from(age_ms) {
        Ok(age_ms) if age_ms >= policy.cool_down_ms => Ok(()),
        _ => Err(Refusal::CoolDown { cool_down: format_duration_ms(policy.cool_down_ms) }),
    }
}

/// The content that this version had before.
fn known(evidence: &Evidence<'_>) -> Option<Digest> {
    let same_version = evidence.installed.filter(|installed| installed.version == evidence.version);
    evidence.known_content.or(same_version.map(|installed| installed.content))
}

/// What differs from what is installed.
fn compared(evidence: &Evidence<'_>, why: &mut Vec<Consent>) {
    if known(evidence).is_some_and(|known| known != evidence.content) {
        why.push(Consent::OtherContent { version: evidence.version.to_owned() });
    }
    if let (Some(Installed { key: Some(from), .. }), SignatureState::Valid { key: to }) =
        (evidence.installed, &evidence.signature)
        && from.ed25519() != to.ed25519()
    {
        why.push(Consent::OtherKey { from: from.clone(), to: to.clone() });
    }
    if let Some(installed) = evidence.installed
        && let (Ok(from), Ok(to)) =
            (semver::Version::parse(&installed.version), semver::Version::parse(evidence.version))
        && to < from
    {
        why.push(Consent::Downgrade { from: installed.version.clone() });
    }
    if let Some(difference) = evidence.difference.filter(|difference| difference.widens()) {
        why.push(Consent::Widens { what: difference.widenings() });
    }
}
