//! Lock files beside workflows: which version with which content they name for a node.

use akao_contract::{Digest, manifest::PackageId};
use akao_flow::Refusal;
use akao_install::LockNeed;
use akao_package::{LOCK_FILE, Lock};
use semver::{Comparator, Op, Version, VersionReq};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// What to do when something of a lock is not there.
pub(super) const INSTALL_LOCKED: &str = "Install what the lock names: `akao install --locked`.";

/// A version as a lock names it.
pub(super) struct LockedVersion {
    pub(super) range: VersionReq,
    pub(super) content: Digest,
}

/// Locks that have been looked for, by their files.
#[derive(Default)]
pub(super) struct Locks(BTreeMap<PathBuf, Result<Option<Lock>, Refusal>>);

impl Locks {
    /// What the lock in a folder names for a node. Nothing where there is no lock, or where it does not have the package.
    pub(super) fn find(&mut self, need: &LockNeed, folder: &Path) -> Result<Option<LockedVersion>, Refusal> {
        let lock = self.0.entry(folder.join(LOCK_FILE)).or_insert_with_key(|path| read(path));
        let Some(lock) = lock.as_ref().map_err(Clone::clone)? else { return Ok(None) };
        let above = std::iter::successors(Some(need.node.as_str()), |id| id.rsplit_once('.').map(|(above, _)| above));
        let ids: Vec<PackageId> = above.filter_map(|id| id.parse().ok()).collect();
        let Some(id) = ids.iter().find(|id| lock.versions(id).next().is_some()) else { return Ok(None) };
        let versions = lock.versions(id).filter_map(|one| Some((one.version.parse::<Version>().ok()?, one.content)));
        let fits = |(version, _): &(Version, Digest)| need.range == VersionReq::STAR || need.range.matches(version);
        let newest = versions.filter(fits).max_by(|(one, _), (other, _)| one.cmp(other));
        let (version, content) = newest.ok_or_else(|| Refusal {
            message: format!("{LOCK_FILE} has no version of `{id}` within {}", need.range),
            suggestion: "Make the lock anew with `akao lock FILE`.".to_owned(),
        })?;
        Ok(Some(LockedVersion { range: exactly(version), content }))
    }
}

/// The range of one version.
fn exactly(version: Version) -> VersionReq {
    let Version { major, minor, patch, pre, .. } = version;
    let only = Comparator { op: Op::Exact, major, minor: Some(minor), patch: Some(patch), pre };
    VersionReq { comparators: vec![only] }
}

/// A lock; none when there is none.
fn read(path: &Path) -> Result<Option<Lock>, Refusal> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Refusal {
            message: format!("{} cannot be read: {error}", path.display()),
            suggestion: "Without it nobody knows which versions are meant; mend or remove it.".to_owned(),
        })?,
    };
    let lock = Lock::read(&text).map_err(|error| Refusal {
        message: format!("{} is damaged: {error}", path.display()),
        suggestion: error.suggestion().to_owned(),
    })?;
    Ok(Some(lock))
}
