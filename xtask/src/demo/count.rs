//! Counts the sources of a tree without Akao, so that the survey's numbers can be compared with something.

use super::{Error, cannot_use};
use std::{fs, path::Path};

/// Files and lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// How many files.
    pub(super) files: u64,
    /// How many lines they have together.
    pub(super) lines: u64,
}

/// Counts the Rust files of every crate below `root`: a folder in which `Cargo.toml` stands, but the root's own.
pub(super) fn crates(root: &Path) -> Result<Count, Error> {
    let mut count = Count::default();
    for folder in ["crates", "web/wasm", "xtask"] {
        add(&root.join(folder), &mut count)?;
    }
    Ok(count)
}

fn add(folder: &Path, count: &mut Count) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|source| cannot_use(folder, source))? {
        let entry = entry.map_err(|source| cannot_use(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| cannot_use(&path, source))?;
        if kind.is_dir() {
            add(&path, count)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).map_err(|source| cannot_use(&path, source))?;
            count.files += 1;
            count.lines += text.lines().count() as u64;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rust_files_of_the_crates_are_counted() {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (path, text) in [
            ("crates/a/src/lib.rs", "one\ntwo\n"),
            ("web/wasm/lib.rs", ""),
            ("xtask/main.rs", "one"),
            ("xtask/a.toml", "x"),
            ("other.rs", "x"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        assert_eq!(crates(root.path()).expect("the folders are there"), Count { files: 3, lines: 3 });
    }
}
