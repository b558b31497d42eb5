//! From what is installed to the lock of a workflow: every package that it needs, with all that these need.

use crate::{Found, Installed, InstalledSource, LookupError, Places};
use akao_contract::manifest::PackageId;
use akao_package::{Lock, LockError, LockedPackage, LockedSource};
use semver::VersionReq;
use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

/// A node that a workflow uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockNeed {
    /// The node's id, or its package's.
    pub node: PackageId,
    /// The versions that will do.
    pub range: VersionReq,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockMakeError {
    /// Something that is needed is not installed.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The lock itself.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl LockMakeError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Lookup(error) => error.suggestion(),
            Self::Lock(error) => error.suggestion().to_owned(),
        }
    }
}

/// The lock of what a workflow needs, by what is installed. Paths in it are relative to `base`, the folder that the lock will
/// stand in.
///
/// # Errors
/// Something that is needed is not installed; the suggestion names what helps.
pub fn make_lock(places: &Places, needs: &[LockNeed], base: &Path) -> Result<Lock, LockMakeError> {
    let installed = Installed::of(places);
    let mut open: Vec<LockNeed> = needs.to_vec();
    let mut locked = BTreeMap::new();
    while let Some(need) = open.pop() {
        let found = installed.find(&need.node, &need.range)?;
        let key = (found.package.clone(), found.version.version.clone());
        if locked.contains_key(&key) {
            continue;
        }
        let further = found.version.needs.iter();
        open.extend(further.map(|need| LockNeed { node: need.id.clone(), range: need.versions.clone() }));
        locked.insert(key, locked_package(found, base));
    }
    Ok(Lock::new(locked.into_values().collect())?)
}

fn locked_package(found: Found, base: &Path) -> LockedPackage {
    let Found { package, version } = found;
    let source = match &version.source {
        InstalledSource::Repository { name } => LockedSource::repository(name),
        InstalledSource::Git { url, commit, folder, .. } => LockedSource::git(url, commit, folder.as_deref()),
        InstalledSource::Folder { path } | InstalledSource::File { path } => {
            LockedSource::path(&relative(path, base).display().to_string())
        }
    };
    let is_folder = matches!(version.source, InstalledSource::Folder { .. });
    LockedPackage {
        id: package,
        version: version.version.to_string(),
        content: version.content,
        archive: (!is_folder).then_some(version.archive),
        publisher: version.publisher.as_ref().map(|key| key.fingerprint()),
        source,
    }
}

/// The way from a folder to a path. Both are absolute; what is beyond their common part is climbed.
fn relative(path: &Path, base: &Path) -> PathBuf {
    let (path, base): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (path.components().collect(), base.components().collect());
    let common = path.iter().zip(&base).take_while(|(a, b)| a == b).count();
    let up = base[common..].iter().map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(path[common..].iter().copied()).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_from_the_lock_to_the_package() {
        for (path, base, way) in [
            ("/a/b/nodes/x", "/a/b", "nodes/x"),
            ("/a/x.akao", "/a/b/c", "../../x.akao"),
            ("/a/b", "/a/b", "."),
            ("/x", "/a", "../x"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(base)), Path::new(way), "{path} from {base}");
        }
    }
}
