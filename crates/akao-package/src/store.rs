//! The store: `sha256/<digest>/` for each package, and `staging/` for copies that are not complete.
//!
//! A package is copied into `staging`, flushed, and named by its digest in one rename, so that a crash leaves all of it or
//! nothing. What a killed process left in `staging` is nobody's and is swept by age.

use crate::copy::{CopyError, copy_folder, flush, remove, seal};
use akao_contract::Digest;
use akao_manifest::{DigestError, Folder, FolderError, FolderLimits, digest_folder, read_folder};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Copies under way.
const STAGING: &str = "staging";

/// Packages of one data directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A package in the store.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The digest of its content.
    pub digest: Digest,
    /// Its folder with its manifest, as read from the store.
    pub folder: Folder,
}

/// Why a package cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is no package.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder has no digest.
    #[error("`{}` cannot be pinned", .folder.display())]
    Digest {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: DigestError,
    },
    /// The folder was changed while it was copied.
    #[error("`{}` was changed while it was copied", .folder.display())]
    Changed {
        /// The folder.
        folder: PathBuf,
    },
    /// What is stored is not what its name says.
    #[error("`{}` is damaged: its content has the digest {found}", .folder.display())]
    Damaged {
        /// The folder in the store.
        folder: PathBuf,
        /// The digest of what is there.
        found: Digest,
    },
    /// Nothing of this digest is stored.
    #[error("the package {0} is not stored here")]
    Absent(Digest),
    /// The system refused.
    #[error("`{}` cannot be written", .path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    /// A sentence: what to do.
    pub fn suggestion(&self) -> String {
        match self {
            Self::Folder(error) => error.suggestion(),
            Self::Digest { .. } => "A node's folder holds files and folders only, within its limits.".to_owned(),
            Self::Changed { .. } => "Try again when nothing writes into the folder.".to_owned(),
            Self::Damaged { folder, .. } => {
                let folder = folder.display();
                format!(
                    "Remove it (`chmod -R u+w {folder}`, then `rm -r {folder}`); it is stored again when it is used."
                )
            }
            Self::Absent(_) => "Start the workflow from its file again, which stores what it uses.".to_owned(),
            Self::Io { .. } => "Check free space and the permissions of the data directory.".to_owned(),
        }
    }
}

impl Store {
    /// The store in a folder, which is made when something is stored.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where a package stands or would stand.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let named = digest.to_string();
        let (algorithm, hex) = named.split_once(':').unwrap_or(("sha256", &named));
        self.root.join(algorithm).join(hex)
    }

    /// Stores a folder's content, if it is not there yet.
    ///
    /// # Errors
    /// It is no package, it changes under the copy, or the disk refuses.
    pub fn put(&self, folder: &Path) -> Result<Stored, StoreError> {
        read_folder(folder)?;
        let digest = digest_of(folder)?;
        let place = self.path(&digest);
        if place.is_dir() {
            return self.get(&digest);
        }
        self.copy_in(folder, &digest, &place)?;
        // The copy was held against the digest before it got its name.
        Ok(Stored { digest, folder: read_folder(&place)? })
    }

    /// A stored package. Its content is held against its name, so that what was checked is what runs.
    ///
    /// # Errors
    /// It is not there, or not what its name says.
    pub fn get(&self, digest: &Digest) -> Result<Stored, StoreError> {
        let place = self.path(digest);
        if !place.is_dir() {
            return Err(StoreError::Absent(*digest));
        }
        let found = digest_of(&place)?;
        if found != *digest {
            return Err(StoreError::Damaged { folder: place, found });
        }
        Ok(Stored { digest: *digest, folder: read_folder(&place)? })
    }

    /// Removes copies that nobody has written to since `before`: what a killed process left. Returns how many.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn sweep_staging(&self, before: SystemTime) -> Result<usize, StoreError> {
        let staging = self.root.join(STAGING);
        let failed = |source| StoreError::Io { path: staging.clone(), source };
        let entries = match fs::read_dir(&staging) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(error)),
        };
        let mut swept = 0;
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let old = entry.metadata().and_then(|data| data.modified()).is_ok_and(|modified| modified < before);
            if old && remove(&entry.path()).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn copy_in(&self, folder: &Path, digest: &Digest, place: &Path) -> Result<(), StoreError> {
        let staging = self.root.join(STAGING);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        let home = place.parent().unwrap_or(&self.root);
        for made in [&staging, home] {
            fs::create_dir_all(made).map_err(failed(made))?;
        }
        let staged = tempfile::Builder::new().tempdir_in(&staging).map_err(failed(&staging))?.keep();
        let inner = staged.join("package");
        let copied = copy_folder(folder, &inner).map_err(|error| match error {
            CopyError::Source => StoreError::Changed { folder: folder.to_owned() },
            CopyError::Target(source) => StoreError::Io { path: inner.clone(), source },
        });
        let copied = copied.and_then(|()| {
            if digest_of(&inner)? != *digest {
                return Err(StoreError::Changed { folder: folder.to_owned() });
            }
            self.name(&inner, place, home).map_err(failed(place))
        });
        // Whatever is left of the copy is in nobody's way; the sweep finds it if this fails.
        let _ = remove(&staged);
        copied
    }

    /// Gives a complete copy its name. Another process may have been faster with the same content.
    fn name(&self, copy: &Path, place: &Path, home: &Path) -> io::Result<()> {
        match fs::rename(copy, place) {
            Err(_) if place.is_dir() => return Ok(()),
            renamed => renamed?,
        }
        seal(place)?;
        flush(home)?;
        flush(&self.root)
    }
}

fn digest_of(folder: &Path) -> Result<Digest, StoreError> {
    let failed = |source| StoreError::Digest { folder: folder.to_owned(), source };
    Ok(digest_folder(folder, &FolderLimits::default()).map_err(failed)?.digest)
}
