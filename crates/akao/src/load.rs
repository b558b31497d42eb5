//! Reads workflow files: a file becomes a checked definition, together with the workflows that its `SubWorkflow` nodes
//! start, as one [`Bundle`].
//!
//! Every problem of every file is gathered before anything is given up. Nothing is run here, and nothing outside the
//! folder of the main file is opened.

mod children;
pub(crate) mod input;

use akao_engine::Bundle;
use akao_flow::{Catalogue, Parsed, Position, Problem, ProblemCode, Severity, canonicalise};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The name that standard input goes by in messages.
pub(crate) const STDIN: &str = "<stdin>";

/// Longest file that is read; a longer one is refused by its size before it is held in memory.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why a file could not be read at all. What is wrong inside a file is a [`Problem`] instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The system refused.
    #[error("cannot read {file}")]
    Io {
        /// The file as the user named it.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// More bytes than any workflow needs.
    #[error("{file} is larger than {} MiB", FILE_BYTES_MAX / (1024 * 1024))]
    TooLarge {
        /// The file as the user named it.
        file: String,
    },
}

/// A problem and the file that it stands in.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(crate) struct FileProblem {
    /// The file, as the user named it; a child's name begins with the folder of the main file.
    pub(crate) file: String,
    /// The problem.
    #[serde(flatten)]
    pub(crate) problem: Problem,
}

/// What reading a workflow file gave.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The workflow with the workflows that it starts, ready to run; none when some problem is an error.
    pub(crate) bundle: Option<Bundle>,
    /// Every problem of every file: those of the main file first, each file's in the order of its text.
    pub(crate) problems: Vec<FileProblem>,
    /// The text of each file that has been read, by the name that problems give it.
    pub(crate) texts: BTreeMap<String, String>,
    /// The files that the bundle was made of; none for standard input.
    pub(crate) files: Vec<PathBuf>,
}

impl Loaded {
    /// Whether some problem keeps the workflow from running.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|found| found.problem.severity == Severity::Error)
    }
}

/// Reads a workflow file, or standard input for `-`, and the workflows that it starts. Aliases of node types are replaced
/// by their names.
///
/// # Errors
/// The file itself cannot be read. A child that cannot be read is a problem of the file that names it.
pub(crate) fn load(file: &Path, catalogue: &Catalogue) -> Result<Loaded, LoadError> {
    let (name, bytes) = read_bytes(file)?;
    let from_stdin = file == Path::new("-");
    let folder = match file.parent() {
        Some(parent) if !from_stdin => parent.to_owned(),
        _ => PathBuf::new(),
    };
    let mut loader = children::Loader::new(catalogue, folder);
    if !from_stdin {
        loader.files.push(file.to_owned());
    }
    let own = file.file_name().map(PathBuf::from).filter(|_| !from_stdin);
    let bundle = loader.main(&name, own, &bytes);
    Ok(loader.finish(bundle))
}

/// Reads and checks the text of one file, without the workflows that it starts.
pub(crate) fn check_bytes(bytes: &[u8], catalogue: &Catalogue) -> (Option<Parsed>, Vec<Problem>) {
    let (parsed, problems) = match std::str::from_utf8(bytes) {
        Ok(text) => akao_flow::check(text, catalogue),
        Err(error) => (None, vec![not_utf8(bytes, error.valid_up_to())]),
    };
    let canonical = parsed.map(|mut parsed| {
        canonicalise(&mut parsed.definition, catalogue);
        parsed
    });
    (canonical, problems)
}

/// The name and the bytes of a file, or of standard input for `-`.
pub(crate) fn read_bytes(file: &Path) -> Result<(String, Vec<u8>), LoadError> {
    if file == Path::new("-") {
        let bytes = read_bounded(io::stdin().lock(), STDIN)?;
        return Ok((STDIN.to_owned(), bytes));
    }
    let name = file.display().to_string();
    let opened = File::open(file).map_err(|source| LoadError::Io { file: name.clone(), source })?;
    let bytes = read_bounded(opened, &name)?;
    Ok((name, bytes))
}

fn read_bounded(reader: impl Read, name: &str) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    let read = reader.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|source| LoadError::Io { file: name.to_owned(), source })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(LoadError::TooLarge { file: name.to_owned() });
    }
    Ok(bytes)
}

fn not_utf8(bytes: &[u8], valid: usize) -> Problem {
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let counted = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    Problem {
        severity: Severity::Error,
        code: ProblemCode::YamlEncoding.as_str().to_owned(),
        message: "the file is not UTF-8 from here on".to_owned(),
        position: Position {
            line: counted(before.matches('\n').count()),
            column: counted(before[line_start..].chars().count()),
        },
        path: String::new(),
        suggestion: Some("Save it as UTF-8.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_foreign_byte_is_named() {
        let cases: [(&[u8], u32, u32); 3] =
            [(b"\xff", 1, 1), (b"id: a\nname: \xe9t\xe9", 2, 7), ("ö\n\u{20ac}\n".as_bytes(), 0, 0)];
        for (bytes, line, column) in cases {
            let (parsed, problems) = check_bytes(bytes, &Catalogue::default());
            assert!(parsed.is_none());
            let first = &problems[0];
            match line {
                0 => assert_ne!(first.code, "yaml-encoding"),
                _ => assert_eq!((first.code.as_str(), first.position), ("yaml-encoding", Position { line, column })),
            }
        }
    }
}
