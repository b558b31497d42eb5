//! Takes packages away: the record goes at once, contents that nobody refers to are collected later.

use crate::{Event, FileError, Installed, Places, Record, RecordError, What};
use akao_contract::{Digest, manifest::PackageId};
use jiff::Timestamp;
use semver::Version;

/// Something outside of this crate that uses a package, such as a workflow or an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Who, for people.
    pub by: String,
    /// The content that it is pinned to; none when any version will do.
    pub content: Option<Digest>,
}

/// Why a package is not taken away.
#[derive(Debug, thiserror::Error)]
pub enum UninstallError {
    /// No such package.
    #[error("`{0}` is not installed")]
    NotInstalled(PackageId),
    /// No such version.
    #[error("`{id}` {version} is not installed")]
    NoVersion {
        /// The package.
        id: PackageId,
        /// The version.
        version: Version,
    },
    /// Something uses it.
    #[error("`{id}` is used by {}", .by.join(", "))]
    Used {
        /// The package.
        id: PackageId,
        /// By what, sorted.
        by: Vec<String>,
    },
    /// A record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

impl UninstallError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::NotInstalled(_) | Self::NoVersion { .. } => "See what is installed.".to_owned(),
            Self::Used { .. } => "Change what uses it first, or take it away nevertheless with `--force`.".to_owned(),
            Self::Record(error) => error.suggestion(),
            Self::File(error) => error.suggestion().to_owned(),
        }
    }
}

/// Takes a package away, or one version of it. `uses` is what outside of this crate uses the package; other installed
/// packages that need it are found here. The pin of its key stays, so that another key is noticed when it comes again.
///
/// # Errors
/// It is not installed, or it is used and `force` is not given; or the disk refuses.
pub fn uninstall(
    places: &Places,
    id: &PackageId,
    version: Option<&Version>,
    uses: &[Use],
    force: bool,
    now: Timestamp,
) -> Result<Vec<Event>, UninstallError> {
    let installed = Installed::of(places);
    let guard = installed.lock()?;
    let record = match installed.record(id) {
        Ok(record) => record.ok_or_else(|| UninstallError::NotInstalled(id.clone()))?,
        // A record that nobody can read is of no use to anybody.
        Err(RecordError::Form { .. }) if force && version.is_none() => {
            guard.remove(id)?;
            return Ok(vec![Event::new(now, id, What::Uninstalled { versions: Vec::new(), forced: true })]);
        }
        Err(error) => return Err(error.into()),
    };
    let left = left_of(&record, version)?;
    let by = users(&installed, &record, left.as_ref(), uses)?;
    if !by.is_empty() && !force {
        return Err(UninstallError::Used { id: id.clone(), by });
    }
    let gone = record.versions.iter().map(|installed| installed.version.clone());
    let gone = gone.filter(|gone| left.as_ref().is_none_or(|left| left.version(gone).is_none())).collect();
    match &left {
        Some(left) => guard.write(left)?,
        None => guard.remove(id)?,
    }
    let mut events = vec![Event::new(now, id, What::Uninstalled { versions: gone, forced: !by.is_empty() })];
    if let Some(left) = left.filter(|left| left.active != record.active) {
        let what = What::Activated { version: left.active, from: Some(record.active), rollback: false };
        events.push(Event::new(now, id, what));
    }
    Ok(events)
}

/// The record without a version; none when nothing is left of it.
fn left_of(record: &Record, version: Option<&Version>) -> Result<Option<Record>, UninstallError> {
    let Some(version) = version else { return Ok(None) };
    if record.version(version).is_none() {
        return Err(UninstallError::NoVersion { id: record.id.clone(), version: version.clone() });
    }
    let mut left = record.clone();
    left.versions.retain(|installed| installed.version != *version);
    let previous = left.previous.take().filter(|previous| previous != version);
    if left.active == *version {
        // The one before, else the highest that is left.
        let highest = left.versions.last().map(|installed| installed.version.clone());
        match previous.or(highest) {
            Some(active) => left.active = active,
            None => return Ok(None),
        }
    } else {
        left.previous = previous;
    }
    Ok(Some(left))
}

/// Who uses what would be gone.
fn users(
    installed: &Installed,
    record: &Record,
    left: Option<&Record>,
    uses: &[Use],
) -> Result<Vec<String>, UninstallError> {
    let stays = |content: &Digest| left.is_some_and(|left| left.content(content).is_some());
    let is_gone = |used: &&Use| match &used.content {
        Some(content) => record.content(content).is_some() && !stays(content),
        None => left.is_none(),
    };
    let mut by: Vec<String> = uses.iter().filter(is_gone).map(|used| used.by.clone()).collect();
    for (id, other) in installed.all()? {
        let Ok(other) = other else { continue };
        for version in other.versions.iter().filter(|_| id != record.id) {
            let needs = version.needs.iter().filter(|need| need.id == record.id);
            let mut lost = needs.filter(|need| {
                record.matching(&need.versions).is_some()
                    && left.is_none_or(|left| left.matching(&need.versions).is_none())
            });
            if lost.next().is_some() {
                by.push(format!("{id} {}", version.version));
            }
        }
    }
    by.sort();
    by.dedup();
    Ok(by)
}
