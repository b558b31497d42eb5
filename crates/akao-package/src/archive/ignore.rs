//! What of a folder is not packed: `.akaoignore`, in the form of `.gitignore`, and what is never part of a package.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fd::AsFd;
use std::{io::Read, path::Path};

/// The file with patterns of what is not packed, in the package's folder.
pub const IGNORE_FILE: &str = ".akaoignore";

/// Longest file of patterns, in bytes.
const IGNORE_BYTES_MAX: usize = 64 * 1024;

/// Left out unless a line `!name` takes it in again: the insides of version control, what editors and systems drop,
/// compiled Python, and archives with their signatures.
const ALWAYS: [&str; 11] = [
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".DS_Store",
    "Thumbs.db",
    "__pycache__",
    "*.pyc",
    "/*.akao",
    "/*.akao.minisig",
    "/.akaoignore",
];

/// Why the patterns cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IgnoreError {
    /// A line is no pattern.
    #[error("line {line} of `{IGNORE_FILE}` is not a pattern: {message}")]
    Pattern {
        /// Which, from 1.
        line: usize,
        /// Why.
        message: String,
    },
    /// Too long, or not text.
    #[error("`{IGNORE_FILE}` is not a text of at most {IGNORE_BYTES_MAX} bytes")]
    Text,
    /// The system refused.
    #[error("`{IGNORE_FILE}` cannot be read")]
    Io(#[source] std::io::Error),
}

/// The file of a folder, as far as it may be. It is somebody else's: a link is not followed and a pipe not waited for.
fn read_bounded(folder: &Path) -> std::io::Result<Vec<u8>> {
    let root = crate::copy::open_folder(folder)?;
    let mut bytes = Vec::new();
    crate::copy::open_below(root.as_fd(), IGNORE_FILE)?.take(IGNORE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Patterns of one folder.
pub(crate) struct Ignored {
    patterns: Gitignore,
}

impl Ignored {
    /// The patterns of a folder, which need not have any of its own.
    pub(crate) fn of(folder: &Path) -> Result<Self, IgnoreError> {
        let text = match read_bounded(folder) {
            Ok(bytes) if bytes.len() > IGNORE_BYTES_MAX => return Err(IgnoreError::Text),
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| IgnoreError::Text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(IgnoreError::Io(error)),
        };
        // Paths are relative already, so the patterns' root is too.
        let mut builder = GitignoreBuilder::new("");
        let own = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        for (line, pattern) in ALWAYS.into_iter().map(|pattern| (0, pattern)).chain(own) {
            let failed = |error: ignore::Error| IgnoreError::Pattern { line, message: error.to_string() };
            builder.add_line(None, pattern).map_err(failed)?;
        }
        let failed = |error: ignore::Error| IgnoreError::Pattern { line: 0, message: error.to_string() };
        Ok(Self { patterns: builder.build().map_err(failed)? })
    }

    /// Whether a path is left out.
    pub(crate) fn leaves_out(&self, path: &str, is_folder: bool) -> bool {
        self.patterns.matched(path, is_folder).is_ignore()
    }
}
