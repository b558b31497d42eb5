//! Replaces a file as a whole: readers see the old content or the new, never a part.

use crate::failure::Failure;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// Writes `bytes` beside the file and moves them into its place. Permissions stay, and a link stays a link.
///
/// # Errors
/// The folder or the file cannot be written; the file is as it was.
pub(crate) fn replace_file(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let failed = |error: std::io::Error| Failure::storage(format!("cannot write {}", file.display())).because(&error);
    let temporary = beside(&target);
    let written = write(&temporary, &target, bytes).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // What is left beside the file is of no use to anybody; the error that is told is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(failed)
}

fn write(temporary: &Path, target: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut new = File::create_new(temporary)?;
    new.write_all(bytes)?;
    if let Ok(metadata) = fs::metadata(target) {
        new.set_permissions(metadata.permissions())?;
    }
    new.sync_all()
}

fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}
