//! An interpreter's package in the store: written out, and kept by its content like any other.

use crate::interpreter::PackageFile;
use akao_contract::{ErrorKind, StepError, manifest::PinnedNode};
use akao_package::Store;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How the name of a folder begins in which a package is written out.
const MAKING: &str = ".making-";

/// Keeps a package of an interpreter, and says under which name its node is run. Blocks.
///
/// # Errors
/// The disk refuses.
pub fn keep(language: &str, files: &[PackageFile], store: &Store, folder: &Path) -> Result<PinnedNode, StepError> {
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("what runs {language} cannot be kept: {error}");
        StepError::new(ErrorKind::Internal, message)
            .with_suggestion("See what `akao doctor` says of the data directory.")
    };
    let written = write_out(files, folder).map_err(|error| failed(&error))?;
    let stored = store.put(written.path()).map_err(|error| failed(&error))?;
    let manifest = stored.folder.manifest();
    Ok(PinnedNode { node: manifest.id.clone(), version: manifest.version.clone(), digest: stored.digest })
}

fn write_out(files: &[PackageFile], folder: &Path) -> io::Result<tempfile::TempDir> {
    fs::create_dir_all(folder)?;
    let written = tempfile::Builder::new().prefix(MAKING).tempdir_in(folder)?;
    for file in files {
        let mode = if file.is_program { 0o755 } else { 0o644 };
        let place = written.path().join(file.path);
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut made = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(place)?;
        made.write_all(file.content)?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpreter::INTERPRETERS;

    #[test]
    fn every_interpreter_is_kept_as_the_package_that_it_says() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::new(data.path().join("packages"));
        for interpreter in INTERPRETERS {
            let own = [
                Some((interpreter.files, Some(interpreter.package))),
                interpreter.environments.map(|maker| (maker.files, None)),
            ];
            let networked = interpreter.networked.map(|(id, files)| (files, Some(id)));
            let others = interpreter.runtimes.iter().map(|runtime| (runtime.files, Some(runtime.package)));
            for (files, id) in own.into_iter().flatten().chain(networked).chain(others) {
                let keep = || keep(interpreter.language, files, &store, &data.path().join("scripts")).unwrap();
                let kept = keep();
                assert!(id.is_none_or(|id| id == kept.node.as_str()));
                assert_eq!(keep(), kept, "the same again");
                let stored = store.get(&kept.digest).unwrap();
                assert!(stored.folder.manifest().node(&kept.node).is_some());
                assert!(stored.folder.problems.is_empty(), "{:?}", stored.folder.problems);
            }
        }
        assert_eq!(fs::read_dir(data.path().join("scripts")).unwrap().count(), 0, "nothing is left beside the store");
    }
}
