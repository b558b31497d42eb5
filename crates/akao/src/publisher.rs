//! What somebody who publishes packages has in a data directory: keys of their own, and whose other keys are trusted.
//!
//! Secrets leave this module only as keys that mask themselves; passwords come from files or the environment, since
//! arguments can be seen by everybody on the machine.

mod failures;
mod keys;
mod passwords;
mod places;
mod repository;
mod trusted;

pub(crate) use failures::{mirror_failure, open_failure, pack_failure, serve_failure};
pub(crate) use keys::{Keys, ListedKey, Secret};
pub(crate) use passwords::PasswordArgs;
pub(crate) use places::PublisherPlaces;
pub(crate) use repository::{RepositoryKeys, package_and_version, repository_key, signing_key};
pub(crate) use trusted::{change_trust, read_trust};

use std::{fs::File, io, io::Read, path::Path};

/// Largest file of a key, a password or a signature, in bytes.
const SMALL_FILE_BYTES_MAX: u64 = 64 << 10;

/// Reads a small file of text that somebody named.
pub(crate) fn read_small(path: &Path) -> io::Result<String> {
    read_within(path, SMALL_FILE_BYTES_MAX)
}

/// Reads a file of text that somebody named, of so many bytes at most.
pub(crate) fn read_within(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    match text.len() as u64 > bytes_max {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any file of this kind")),
        false => Ok(text),
    }
}
