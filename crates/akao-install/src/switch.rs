//! Switches between what is installed: enabled or disabled, the version before.

use crate::{
    Disabled, Event, FileError, Installed, OpenRepositories, Places, Record, RecordError, What, kill, settings,
};
use akao_contract::{Digest, manifest::PackageId};
use jiff::Timestamp;
use semver::Version;

/// Why something cannot be switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// No such package.
    #[error("`{0}` is not installed")]
    NotInstalled(PackageId),
    /// There is no earlier version.
    #[error("no earlier version of `{0}` is installed")]
    NoPrevious(PackageId),
    /// The content of the version is not sound.
    #[error("{id} {version} is damaged in the store: `{path}` {how}")]
    Damaged {
        /// The package.
        id: PackageId,
        /// Its version.
        version: Version,
        /// The first thing that differs.
        path: String,
        /// How.
        how: String,
    },
    /// A list says that it must not run.
    #[error("{id} {version} must not run: {reason}")]
    Killed {
        /// The package.
        id: PackageId,
        /// Its version.
        version: Version,
        /// Why.
        reason: String,
    },
    /// The key that has signed it was revoked.
    #[error("{id} {version} is signed by the key {key}, which was revoked: {reason}")]
    Revoked {
        /// The package.
        id: PackageId,
        /// Its version.
        version: Version,
        /// The key's fingerprint.
        key: Digest,
        /// Why.
        reason: String,
    },
    /// The policy does not allow its publisher any more.
    #[error("the policy does not allow the publisher of {0}")]
    Publisher(PackageId),
    /// The record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
}

impl SwitchError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::NotInstalled(id) => format!("Install `{id}`."),
            Self::NoPrevious(id) => format!("Install the version you want: `{id}@=VERSION`."),
            Self::Damaged { id, version, .. } => format!("Install `{id}@={version}` again."),
            Self::Killed { id, .. } => format!("Take another version by `akao update {id}`."),
            Self::Revoked { id, .. } => format!("Take a version that is signed by another key by `akao update {id}`."),
            Self::Publisher(_) => "Ask whoever keeps the policy to allow it.".to_owned(),
            Self::Record(error) => error.suggestion(),
            Self::File(error) => error.suggestion().to_owned(),
            Self::Settings(error) => error.suggestion(),
        }
    }
}

/// Disables a package: no workflow that is started uses it. What runs ends as it began. Nothing happens when it is disabled
/// already.
///
/// # Errors
/// It is not installed, or the disk refuses.
pub fn disable(places: &Places, id: &PackageId, reason: &str, now: Timestamp) -> Result<Vec<Event>, SwitchError> {
    let installed = Installed::of(places);
    let guard = installed.lock()?;
    let record = record(&installed, id)?;
    if record.disabled.is_some() {
        return Ok(Vec::new());
    }
    let reason = akao_contract::shortened(reason.to_owned(), 500);
    guard.disable(&record, Disabled { at: now, reason: reason.clone() })?;
    Ok(vec![Event::new(now, id, What::Disabled { reason })])
}

/// Enables a package again. Nothing happens when it is enabled already.
///
/// # Errors
/// It is not installed, its active version must not run or is not trusted any more, or the disk refuses.
pub fn enable(
    places: &Places,
    id: &PackageId,
    repositories: &OpenRepositories,
    now: Timestamp,
) -> Result<Vec<Event>, SwitchError> {
    let installed = Installed::of(places);
    let guard = installed.lock()?;
    let record = record(&installed, id)?;
    if record.disabled.is_none() {
        return Ok(Vec::new());
    }
    check_usable(&record, &record.active, places, repositories)?;
    guard.enable(&record)?;
    Ok(vec![Event::new(now, id, What::Enabled)])
}

/// Makes the version active that was so before. Doing it twice leads back.
///
/// # Errors
/// There is none, it must not run or is not trusted any more, its content is damaged, or the disk refuses.
pub fn rollback(
    places: &Places,
    id: &PackageId,
    repositories: &OpenRepositories,
    now: Timestamp,
) -> Result<Vec<Event>, SwitchError> {
    let installed = Installed::of(places);
    let guard = installed.lock()?;
    let mut record = record(&installed, id)?;
    let previous = record.previous.clone().and_then(|version| record.version(&version).cloned());
    let previous = previous.ok_or_else(|| SwitchError::NoPrevious(id.clone()))?;
    check_usable(&record, &previous.version, places, repositories)?;
    if let Some(differs) = places.store().verify_one(&previous.content).into_iter().next() {
        let (version, how) = (previous.version, format!("is {:?}", differs.kind).to_lowercase());
        return Err(SwitchError::Damaged { id: id.clone(), version, path: differs.path, how });
    }
    let from = record.active.clone();
    record.activate(&previous.version);
    guard.write(&record)?;
    let what = What::Activated { version: previous.version, from: Some(from), rollback: true };
    Ok(vec![Event::new(now, id, what)])
}

fn record(installed: &Installed, id: &PackageId) -> Result<Record, SwitchError> {
    installed.record(id)?.ok_or_else(|| SwitchError::NotInstalled(id.clone()))
}

/// Whether a version may be used by what is known now: it may have been killed, or lost its trust, since it was installed.
fn check_usable(
    record: &Record,
    version: &Version,
    places: &Places,
    repositories: &OpenRepositories,
) -> Result<(), SwitchError> {
    let Some(installed) = record.version(version) else { return Ok(()) };
    let settings = settings::Settings::read(places)?;
    let (id, version) = (record.id.clone(), version.clone());
    let kills = kill::kills_of(&id, settings.kill_list.as_ref(), repositories);
    if let Some(reason) = kill::reason_against(&kills, &id, installed) {
        return Err(SwitchError::Killed { id, version, reason });
    }
    if let Some(key) = &installed.publisher
        && let Some(revocation) = settings.trust.revocation(key)
    {
        let (key, reason) = (key.fingerprint(), revocation.reason.clone());
        return Err(SwitchError::Revoked { id, version, key, reason });
    }
    match &settings.policy.allowed_publishers {
        Some(allowed) if !allowed.iter().any(|prefix| prefix.covers(&id)) => Err(SwitchError::Publisher(id)),
        _ => Ok(()),
    }
}
