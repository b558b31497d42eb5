//! A copy of a repository: everything is verified on the way, nothing is signed again, so that clients of the copy trust the
//! same root.
//!
//! Archives come first, then the metadata from the bottom up, and the timestamp last: a copy that breaks off is the copy
//! before.

use crate::{
    client::{DownloadError, OpenError, Repository},
    folder::{METADATA, TARGETS, archive_name, signature_name, stored_name, write_whole},
    metadata::RoleName,
    record::{Content, Package},
};
use jiff::Timestamp;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// Archives that were fetched.
    pub archives: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Archives that were there already.
    pub kept: usize,
}

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// An archive or signature.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The view of the repository is no longer valid.
    #[error("{role} of the repository was valid until {expires}")]
    Expired {
        /// Which role.
        role: RoleName,
        /// Until when.
        expires: Timestamp,
    },
    /// The folder holds something else.
    #[error("`{}` is a copy of another repository", .0.display())]
    Other(PathBuf),
    /// The chain of roots.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system refused.
    #[error("`{}` cannot be read or written", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Repository {
    /// Copies the repository into a folder, or brings a copy up to date. `wanted` says which packages' archives are copied;
    /// the index stays whole, as it is signed.
    ///
    /// # Errors
    /// Something does not arrive or is not what was signed, or the disk refuses. The copy is then as it was.
    pub async fn mirror(
        &self,
        to: &Path,
        wanted: impl Fn(&Package) -> bool,
        now: Timestamp,
    ) -> Result<Mirrored, MirrorError> {
        self.check_time(now).map_err(|(role, expires)| MirrorError::Expired { role, expires })?;
        let failed = |path: PathBuf| move |source| MirrorError::Io { path, source };
        let roots = self.roots().await?;
        let there = roots.first().map(|(name, bytes)| (std::fs::read(to.join(METADATA).join(name)), bytes));
        if matches!(there, Some((Ok(there), ours)) if there != *ours) {
            return Err(MirrorError::Other(to.to_owned()));
        }
        let targets = to.join(TARGETS);
        std::fs::create_dir_all(&targets).map_err(failed(targets.clone()))?;
        let mut mirrored = Mirrored::default();
        for package in self.index().packages().filter(|package| wanted(package)) {
            for release in &package.releases {
                let name = stored_name(&release.archive, &archive_name(&package.id, &release.version));
                if holds(&targets.join(&name), &release.archive) {
                    mirrored.kept += 1;
                } else {
                    self.save(&name, &release.archive, &targets.join(&name)).await?;
                    mirrored.archives += 1;
                    mirrored.bytes += release.archive.bytes;
                }
                let signature = self.signature(&package.id, release).await?;
                let name = stored_name(&release.signature, &signature_name(&package.id, &release.version));
                write_whole(&targets, &name, signature.as_bytes()).map_err(failed(targets.join(&name)))?;
            }
        }
        for (name, bytes) in self.parts() {
            let name = stored_name(&Content::of(bytes), name);
            write_whole(&targets, &name, bytes).map_err(failed(targets.join(&name)))?;
        }
        let metadata = to.join(METADATA);
        // Names sort the timestamp behind everything that begins with a number.
        for (name, bytes) in roots.iter().map(|(name, bytes)| (name, bytes)).chain(self.metadata()) {
            write_whole(&metadata, name, bytes).map_err(failed(metadata.join(name)))?;
        }
        Ok(mirrored)
    }
}

/// Whether a file holds exactly these bytes.
fn holds(path: &Path, content: &Content) -> bool {
    let right = || -> io::Result<bool> {
        let mut file = File::open(path)?;
        if file.metadata()?.len() != content.bytes {
            return Ok(false);
        }
        let mut hash = Hash(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256));
        io::copy(&mut file, &mut hash)?;
        Ok(hash.0.finish().as_ref() == content.digest.bytes())
    };
    right().unwrap_or(false)
}

struct Hash(aws_lc_rs::digest::Context);

impl io::Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
