//! Publishing a version: checks that keep names and versions what they are, then one commit.

use super::{Folder, FolderError, TARGETS, current::stored_name};
use crate::{
    key::{PublicKey, SigningKey},
    lookalike::LookAlike,
    record::{Content, Facts, Package, Release},
};
use akao_contract::manifest::{Manifest, PackageId};
use jiff::Timestamp;
use semver::Version;

/// Largest archive, in bytes.
pub const ARCHIVE_BYTES_MAX: u64 = 1 << 30;

/// Largest signature, in bytes. A detached signature has a few hundred.
pub const SIGNATURE_BYTES_MAX: u64 = 16 << 10;

/// A version to publish. Whether the archive holds this manifest and the signature is that key's over it, its caller has
/// checked.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The archive.
    pub archive: &'a [u8],
    /// The text of its detached signature.
    pub signature: &'a str,
    /// The manifest in the archive.
    pub manifest: &'a Manifest,
    /// The key that signed.
    pub publisher: PublicKey,
    /// See [`Release::library`].
    pub library: bool,
    /// Whether a key that is not the publisher's so far may take the package over.
    pub accept_publisher: bool,
}

/// What publishing did.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The package.
    pub id: PackageId,
    /// The version.
    pub version: Version,
    /// Whether the very same bytes stood there already, so that nothing was done.
    pub already: bool,
    /// Ids that are easily taken for this one, when it is new.
    pub look_alikes: Vec<LookAlike>,
}

/// The name of an archive as a target. Ids and versions hold no character that a URL changes.
pub(crate) fn archive_name(id: &PackageId, version: &Version) -> String {
    format!("{id}-{version}.akao")
}

/// The name of an archive's signature as a target.
pub(crate) fn signature_name(id: &PackageId, version: &Version) -> String {
    format!("{id}-{version}.akao.minisig")
}

impl Folder {
    /// Publishes a version. The keys must suffice for targets, snapshot and timestamp.
    ///
    /// # Errors
    /// The version exists with other bytes, the id belongs to somebody else or was deleted, the manifest cannot be
    /// published, the keys do not suffice, or the disk refuses. Then the repository is as it was.
    pub fn publish(
        &self,
        publication: &Publication<'_>,
        keys: &[SigningKey],
        now: Timestamp,
    ) -> Result<Published, FolderError> {
        let (archive, signature) = (Content::of(publication.archive), Content::of(publication.signature.as_bytes()));
        within("the archive", archive.bytes, ARCHIVE_BYTES_MAX)?;
        within("the signature", signature.bytes, SIGNATURE_BYTES_MAX)?;
        let (publisher, library) = (publication.publisher, publication.library);
        let facts = Facts { archive, signature, publisher, library, published: now };
        let release = Release::of(publication.manifest, facts)?;
        let id = &publication.manifest.id;
        let _lock = self.lock()?;
        let mut current = self.current()?;
        let mut published =
            Published { id: id.clone(), version: release.version.clone(), already: false, look_alikes: Vec::new() };
        match current.index.package(id) {
            None => published.look_alikes = current.index.look_alikes(id, &release.name),
            Some(package) => published.already = check(package, &release, publication.accept_publisher)?,
        }
        if published.already {
            return Ok(published);
        }
        let names = [archive_name(id, &release.version), signature_name(id, &release.version)];
        self.write(TARGETS, &stored_name(&archive, &names[0]), publication.archive)?;
        self.write(TARGETS, &stored_name(&signature, &names[1]), publication.signature.as_bytes())?;
        let mut package = current.index.package(id).cloned().unwrap_or_else(|| Package {
            id: id.clone(),
            publisher,
            deprecated: None,
            successor: None,
            deleted: None,
            releases: Vec::new(),
        });
        package.publisher = publisher;
        let at = package.releases.partition_point(|known| known.version < release.version);
        package.releases.insert(at, release);
        current.put(package);
        self.commit(current, keys, now)?;
        Ok(published)
    }
}

/// Whether the very same version is there already.
fn check(package: &Package, release: &Release, accept_publisher: bool) -> Result<bool, FolderError> {
    let id = package.id.clone();
    if package.deleted.is_some() {
        return Err(FolderError::Deleted(id));
    }
    if let Some(known) = package.release(&release.version) {
        if known.archive == release.archive {
            return Ok(true);
        }
        let (published, given) = (known.archive.digest, release.archive.digest);
        return Err(FolderError::Immutable { id, version: release.version.clone(), published, given });
    }
    if package.publisher != release.publisher && !accept_publisher {
        let (owner, given) = (package.publisher.fingerprint(), release.publisher.fingerprint());
        return Err(FolderError::Publisher { id, owner, given });
    }
    Ok(false)
}

fn within(what: &'static str, bytes: u64, max: u64) -> Result<(), FolderError> {
    if (1..=max).contains(&bytes) { Ok(()) } else { Err(FolderError::Size { what, bytes, max }) }
}
