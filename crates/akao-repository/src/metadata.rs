//! The four roles of The Update Framework: how long each is valid, how each is made and signed, and the mark that binds
//! all of them to one repository.
//!
//! The mark matters when one key signs for two repositories: without it, metadata of one would pass in the other.

use crate::key::{PublicKey, SigningKey};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;
use tough::{
    editor::signed::SignedRole,
    key_source::KeySource,
    schema::{KeyHolder, Metafile, Role, RoleKeys, RoleType, Root, Signed},
};

/// The version of the specification that the metadata follows.
pub(crate) const SPECIFICATION: &str = "1.0.0";

/// The field of every role in which the mark stands.
const MARK: &str = "akao";

/// How a repository is offered, which decides how long its metadata is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A server signs the timestamp again and again; it is valid for one day.
    Served,
    /// A folder that somebody copies; its timestamp is valid for 90 days.
    Folder,
}

impl Kind {
    /// How long a role stays valid after it was signed.
    pub fn validity(self, role: RoleName) -> SignedDuration {
        let days = match (self, role) {
            (Self::Served, RoleName::Timestamp) => 1,
            (Self::Served, RoleName::Snapshot) => 7,
            (Self::Served, RoleName::Targets) => 90,
            (Self::Folder, RoleName::Timestamp | RoleName::Snapshot) => 90,
            (Self::Folder, RoleName::Targets) | (_, RoleName::Root) => 365,
        };
        SignedDuration::from_hours(24 * days)
    }
}

/// A role of the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleName {
    /// Names the keys of all roles.
    Root,
    /// Names the parts of the index and the kill list.
    Targets,
    /// Names the version of the targets.
    Snapshot,
    /// Names the version of the snapshot; it is signed most often.
    Timestamp,
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        })
    }
}

/// Who a repository says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// 32 hexadecimal digits that no other repository has.
    pub repository: String,
    /// Its name for people.
    pub name: String,
    /// How it is offered.
    pub kind: Kind,
}

/// Which keys may sign for which role, and how many of them are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// The root: keys that are kept offline.
    pub root: Holders,
    /// The targets: keys of who publishes.
    pub targets: Holders,
    /// The snapshot.
    pub snapshot: Holders,
    /// The timestamp: may stand on the server.
    pub timestamp: Holders,
}

/// The keys of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holders {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub threshold: u32,
}

impl Holders {
    /// One key that signs alone.
    pub fn one(key: PublicKey) -> Self {
        Self { keys: vec![key], threshold: 1 }
    }
}

impl Roles {
    /// One person who is every role, which is how most repositories begin.
    pub fn one_person(key: PublicKey) -> Self {
        let holders = Holders::one(key);
        Self { root: holders.clone(), targets: holders.clone(), snapshot: holders.clone(), timestamp: holders }
    }

    fn each(&self) -> [(RoleType, &Holders); 4] {
        [
            (RoleType::Root, &self.root),
            (RoleType::Targets, &self.targets),
            (RoleType::Snapshot, &self.snapshot),
            (RoleType::Timestamp, &self.timestamp),
        ]
    }
}

/// Why metadata cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A role with fewer keys than it needs signatures.
    #[error("the role {0} has fewer keys than signatures that it needs, or needs none")]
    Threshold(String),
    /// The keys that were given do not suffice.
    #[error("the keys that were given cannot sign for the role {0}")]
    Keys(RoleName),
    /// The time is beyond the calendar.
    #[error("no time can be told that far from now")]
    Time,
    /// The metadata cannot be written down or signed.
    #[error("the role {0} cannot be signed")]
    Tough(RoleName, #[source] Box<tough::error::Error>),
}

/// The time at which a role that is signed now stops being valid, in whole seconds.
pub(crate) fn expiry(kind: Kind, role: RoleName, now: Timestamp) -> Result<Timestamp, SignError> {
    let end = now.checked_add(kind.validity(role)).map_err(|_| SignError::Time)?;
    Timestamp::from_second(end.as_second()).map_err(|_| SignError::Time)
}

/// The root of given version.
pub(crate) fn root(identity: &Identity, roles: &Roles, version: NonZeroU64, now: Timestamp) -> Result<Root, SignError> {
    let mut root = Root {
        spec_version: SPECIFICATION.to_owned(),
        consistent_snapshot: true,
        version,
        expires: expiry(identity.kind, RoleName::Root, now)?,
        keys: Default::default(),
        roles: Default::default(),
        _extra: Default::default(),
    };
    for (role, holders) in roles.each() {
        let refused = || SignError::Threshold(role.to_string());
        let threshold = NonZeroU64::new(holders.threshold.into()).ok_or_else(refused)?;
        let mut keys = holders.keys.clone();
        keys.sort();
        keys.dedup();
        if (keys.len() as u64) < threshold.get() {
            return Err(refused());
        }
        let mut keyids = Vec::new();
        for key in keys {
            let key = key.tuf_key();
            let id = key.key_id().map_err(|_| refused())?;
            root.keys.insert(id.clone(), key);
            keyids.push(id);
        }
        root.roles.insert(role, RoleKeys { keyids, threshold, _extra: Default::default() });
    }
    root._extra.insert(MARK.to_owned(), serde_json::to_value(identity).unwrap_or_default());
    Ok(root)
}

/// The keys and thresholds that a root names; none when a key of it is not of our form.
pub(crate) fn roles(root: &Root) -> Option<Roles> {
    let holders = |role: RoleType| {
        let keys: Option<Vec<PublicKey>> = root.keys(role).map(PublicKey::of_tuf_key).collect();
        let threshold = u32::try_from(root.roles.get(&role)?.threshold.get()).ok()?;
        let mut keys = keys?;
        keys.sort();
        Some(Holders { keys, threshold })
    };
    Some(Roles {
        root: holders(RoleType::Root)?,
        targets: holders(RoleType::Targets)?,
        snapshot: holders(RoleType::Snapshot)?,
        timestamp: holders(RoleType::Timestamp)?,
    })
}

/// The identity that a root names.
pub(crate) fn identity(root: &Root) -> Option<Identity> {
    serde_json::from_value(root._extra.get(MARK)?.clone()).ok()
}

/// The mark of the roles below the root.
pub(crate) fn mark(identity: &Identity) -> (String, serde_json::Value) {
    (MARK.to_owned(), serde_json::json!({ "repository": identity.repository }))
}

/// Whether the extra fields of a role carry the mark of a repository.
pub(crate) fn is_marked<'a>(
    mut extra: impl Iterator<Item = (&'a String, &'a serde_json::Value)>,
    of: &Identity,
) -> bool {
    let wanted = serde_json::Value::from(of.repository.as_str());
    extra.any(|(key, value)| key == MARK && value.get("repository") == Some(&wanted))
}

/// Keys in the form that signing takes.
pub(crate) fn sources(keys: &[SigningKey]) -> Vec<Box<dyn KeySource>> {
    keys.iter().map(|key| Box::new(key.clone()) as Box<dyn KeySource>).collect()
}

/// Signs a role below the root.
pub(crate) fn sign<T: Role + Serialize>(
    name: RoleName,
    role: T,
    root: &Root,
    keys: &[SigningKey],
) -> Result<SignedRole<T>, SignError> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let (holder, sources) = (KeyHolder::Root(root.clone()), sources(keys));
    // Keys are in memory, so that nothing is waited for.
    let signed = SignedRole::new(role, &holder, &sources, &random).now_or_never().ok_or(SignError::Keys(name))?;
    signed.map_err(|error| match error {
        tough::error::Error::SigningKeysNotFound { .. } | tough::error::Error::KeysNotFoundInRoot { .. } => {
            SignError::Keys(name)
        }
        error => SignError::Tough(name, Box::new(error)),
    })
}

/// Signs a root by its own keys and by those of the root before it.
pub(crate) fn sign_root(new: Root, old: Option<&Root>, keys: &[SigningKey]) -> Result<SignedRole<Root>, SignError> {
    let mut signed = sign(RoleName::Root, new.clone(), &new, keys)?;
    if let Some(old) = old {
        let by_old: Signed<Root> = sign(RoleName::Root, new.clone(), old, keys)?.signed().clone();
        let by_old = by_old.signatures;
        signed =
            signed.add_old_signatures(by_old).map_err(|error| SignError::Tough(RoleName::Root, Box::new(error)))?;
    }
    let enough = |root: &Root| root.verify_role(signed.signed()).is_ok();
    if !enough(&new) || !old.is_none_or(enough) {
        return Err(SignError::Keys(RoleName::Root));
    }
    Ok(signed)
}

/// What the role above says about a signed one.
pub(crate) fn meta<T: Role + Serialize>(role: &SignedRole<T>) -> Metafile {
    Metafile {
        length: Some(*role.length()),
        hashes: Some(tough::schema::Hashes { sha256: role.sha256().to_vec().into(), _extra: Default::default() }),
        version: role.signed().signed.version(),
        _extra: Default::default(),
    }
}
