//! Where custom nodes stand: `{tenant}/custom-nodes/{name}/{version}/` below one folder, or `custom-nodes/{name}/{version}/`
//! beside the workflows of a project. A version that stands there is never written again.

use crate::{Draft, DraftError, NodeName, NodeVersion};
use akao_contract::Tenant;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The folder of custom nodes within a tenant's, or a project's.
pub const FOLDER: &str = "custom-nodes";

/// How the name of a folder begins in which a version is put together.
const MAKING: &str = ".making-";

/// Why a version cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// It is there, with another content.
    #[error("`{name}@{version}` is there already, with another content; a version never changes")]
    Taken {
        /// The node.
        name: NodeName,
        /// The version.
        version: semver::Version,
    },
    /// It is no package.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The disk refuses.
    #[error("the node cannot be kept")]
    Io(#[from] io::Error),
}

/// Custom nodes of one tenant, or of one project.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// Those of a tenant below the folder of all tenants.
    pub fn of_tenant(root: &Path, tenant: &Tenant) -> Self {
        Self { folder: root.join(tenant.as_str()).join(FOLDER) }
    }

    /// Those of a project, which its workflows bring along.
    pub fn of_project(project: &Path) -> Self {
        Self { folder: project.join(FOLDER) }
    }

    /// Where a version stands or would stand.
    pub fn place(&self, name: &NodeName, version: &semver::Version) -> PathBuf {
        self.folder.join(name.as_str()).join(version.to_string())
    }

    /// The nodes that have a version, by name.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn nodes(&self) -> io::Result<Vec<NodeName>> {
        let mut found: Vec<NodeName> = names(&self.folder)?.iter().filter_map(|name| name.parse().ok()).collect();
        found.sort();
        let has_versions = |name: &NodeName| self.versions(name).map(|versions| !versions.is_empty());
        found.into_iter().filter_map(|name| has_versions(&name).map(|has| has.then_some(name)).transpose()).collect()
    }

    /// The versions of a node, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn versions(&self, name: &NodeName) -> io::Result<Vec<semver::Version>> {
        let mut found: Vec<semver::Version> =
            names(&self.folder.join(name.as_str()))?.iter().filter_map(|name| name.parse().ok()).collect();
        found.sort();
        Ok(found)
    }

    /// The folder of a version; of the newest where none is named. None where there is none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn find(&self, wanted: &NodeVersion) -> io::Result<Option<PathBuf>> {
        let version = match &wanted.version {
            Some(version) => Some(version.clone()),
            None => self.versions(&wanted.name)?.pop(),
        };
        Ok(version.map(|version| self.place(&wanted.name, &version)).filter(|place| place.is_dir()))
    }

    /// Keeps a version, all of it or nothing. The same content again changes nothing; says whether it is new. Blocks.
    ///
    /// # Errors
    /// It is there with another content, is no package, or the disk refuses.
    pub fn keep(&self, draft: &Draft<'_>) -> Result<bool, ShelfError> {
        let place = self.place(draft.name, draft.version);
        let made = self.begun(&place)?;
        draft.write(made.path())?;
        if place.is_dir() {
            let taken = || ShelfError::Taken { name: draft.name.clone(), version: draft.version.clone() };
            return if is_same(made.path(), &place)? { Ok(false) } else { Err(taken()) };
        }
        named(made, &place)?;
        Ok(true)
    }

    /// Keeps a copy of a package's folder as a version, in the place of what stands there: for whoever knows by other means
    /// that the version is free. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn adopt(&self, name: &NodeName, version: &semver::Version, package: &Path) -> io::Result<()> {
        let place = self.place(name, version);
        let made = self.begun(&place)?;
        for file in names(package)? {
            fs::copy(package.join(&file), made.path().join(&file))?;
        }
        if place.is_dir() {
            fs::remove_dir_all(&place)?;
        }
        named(made, &place)
    }

    /// A folder beside a version's place, to be filled.
    fn begun(&self, place: &Path) -> io::Result<TempDir> {
        let above = place.parent().unwrap_or(&self.folder);
        fs::create_dir_all(above)?;
        tempfile::Builder::new().prefix(MAKING).tempdir_in(above)
    }
}

/// Gives a folder that was filled its place.
fn named(made: TempDir, place: &Path) -> io::Result<()> {
    // Others may read it, as they may any package of a workflow.
    fs::set_permissions(made.path(), fs::Permissions::from_mode(0o755))?;
    sync(made.path())?;
    fs::rename(made.path(), place)?;
    // What stands under another name now is not to be removed under this one.
    let _ = made.keep();
    place.parent().map_or(Ok(()), |above| fs::File::open(above)?.sync_all())
}

/// The folders of all versions of all tenants below their root.
///
/// # Errors
/// A folder cannot be read.
pub fn every_version(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let is_tenant = |name: &String| name.parse::<Tenant>().is_ok();
    for tenant in names(root)?.into_iter().filter(is_tenant) {
        let shelf = root.join(tenant).join(FOLDER);
        for node in names(&shelf)? {
            let of_node = shelf.join(&node);
            // What is still being put together has no version yet.
            let versions = names(&of_node)?.into_iter().filter(|name| name.parse::<semver::Version>().is_ok());
            found.extend(versions.map(|version| of_node.join(version)));
        }
    }
    Ok(found)
}

/// The names in a folder; none where it is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn sync(folder: &Path) -> io::Result<()> {
    for name in names(folder)? {
        fs::File::open(folder.join(name))?.sync_all()?;
    }
    fs::File::open(folder)?.sync_all()
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut mine, mut theirs) = (names(one)?, names(other)?);
    mine.sort();
    theirs.sort();
    if mine != theirs {
        return Ok(false);
    }
    for name in mine {
        if fs::read(one.join(&name))? != fs::read(other.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_of_every_tenant_is_found_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        for folder in
            ["acme/custom-nodes/A/1.0.0", "globex/custom-nodes/A/2.0.0", "acme/custom-nodes/A/.making-x", ".grants"]
        {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let mut found = every_version(root.path()).unwrap();
        found.sort();
        let expected =
            ["acme/custom-nodes/A/1.0.0", "globex/custom-nodes/A/2.0.0"].map(|folder| root.path().join(folder));
        assert_eq!(found, expected);
        assert!(every_version(&root.path().join("absent")).unwrap().is_empty());
    }

    #[test]
    fn a_package_is_adopted_in_the_place_of_what_an_upload_left() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("package");
        fs::create_dir(&package).unwrap();
        fs::write(package.join("bundle.js"), "new").unwrap();
        let shelf = Shelf::of_project(root.path());
        let (name, version): (NodeName, semver::Version) = ("A".parse().unwrap(), semver::Version::new(1, 0, 0));
        fs::create_dir_all(shelf.place(&name, &version)).unwrap();
        fs::write(shelf.place(&name, &version).join("old.js"), "old").unwrap();
        shelf.adopt(&name, &version, &package).unwrap();
        assert_eq!(names(&shelf.place(&name, &version)).unwrap(), ["bundle.js"]);
        assert_eq!(shelf.versions(&name).unwrap(), [version]);
        fs::create_dir_all(root.path().join("custom-nodes/Begun/.making-x")).unwrap();
        assert_eq!(shelf.nodes().unwrap(), [name]);
    }
}
