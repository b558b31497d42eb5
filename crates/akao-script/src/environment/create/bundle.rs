//! Putting modules together: what a compiler makes of the packages in a folder becomes a file beside them.

use super::EnvironmentError;
use akao_contract::StepError;
use akao_manifest::{EntryKind, FolderList};
use akao_step::BoxFuture;
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// The file that scripts have their modules of.
const BUNDLE: &str = "bundle.js";

/// Where packages stand.
const PACKAGES: &str = "node_modules/";

/// Larger files are no modules.
const MODULE_BYTES_MAX: u64 = 4 << 20;

/// How much memory a bundle takes in the interpreter for each of its bytes: its text, and the table of its modules.
const LOADED_FOR_A_BYTE: u64 = 3;

/// Compiles modules of packages into one file.
pub trait Bundler: Send + Sync {
    /// `entry` is a module that imports all that is to be there; `read` gives the files that it leads to.
    fn bundle<'a>(
        &'a self,
        entry: String,
        read: &'a mut (dyn FnMut(&str) -> Option<String> + Send),
    ) -> BoxFuture<'a, Result<String, StepError>>;
}

/// What was made.
#[derive(Default)]
pub(super) struct Bundled {
    bytes: u64,
}

impl Bundled {
    /// The memory that it takes in an interpreter.
    pub(super) fn loaded_bytes(&self) -> u64 {
        self.bytes.saturating_mul(LOADED_FOR_A_BYTE)
    }
}

/// Puts the modules together that are in a folder.
///
/// # Errors
/// They are too many, or the disk refuses.
pub(super) async fn bundle(
    bundler: &dyn Bundler,
    folder: &Path,
    list: &FolderList,
    modules: &[String],
) -> Result<Bundled, EnvironmentError> {
    let files = list.entries().iter().filter(|entry| entry.kind != EntryKind::Folder);
    let files: BTreeSet<&str> =
        files.map(|entry| entry.path.as_str()).filter(|path| path.starts_with(PACKAGES)).collect();
    let root = fs::File::open(folder)?;
    let mut read = |path: &str| files.contains(path).then(|| text(&root, path).ok()).flatten();
    let code = bundler.bundle(entry(modules), &mut read).await.map_err(EnvironmentError::Packages)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(folder.join(BUNDLE))?;
    file.write_all(code.as_bytes())?;
    Ok(Bundled { bytes: code.len() as u64 })
}

/// A module that imports others when it is asked for them, so that nothing of them is run by itself.
fn entry(modules: &[String]) -> String {
    let lines = modules.iter().map(|name| {
        let name = serde_json::Value::from(name.as_str());
        format!("  {name}: () => import({name}),\n")
    });
    format!("export const modules = {{\n{}}};\n", lines.collect::<String>())
}

/// The text of a file beneath a folder, reached without a link.
fn text(root: &fs::File, path: &str) -> io::Result<String> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = fs::File::from(openat2(root, path, flags, Mode::empty(), resolve)?);
    let mut text = String::new();
    file.take(MODULE_BYTES_MAX + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MODULE_BYTES_MAX {
        true => Err(io::Error::other("larger than a module")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::{entry, text};
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn names_of_modules_are_data() {
        let names = ["lodash".to_owned(), "a\"b\n".to_owned()];
        let written = "export const modules = {\n  \"lodash\": () => import(\"lodash\"),\n  \"a\\\"b\\n\": () => import(\"a\\\"b\\n\"),\n};\n";
        assert_eq!(entry(&names), written);
    }

    #[test]
    fn files_are_read_beneath_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.js"), "a").unwrap();
        symlink("a.js", folder.path().join("b.js")).unwrap();
        let root = fs::File::open(folder.path()).unwrap();
        assert_eq!(text(&root, "a.js").unwrap(), "a");
        for path in ["b.js", "../a.js", "/etc/passwd", "c.js"] {
            assert!(text(&root, path).is_err(), "{path}");
        }
    }
}
