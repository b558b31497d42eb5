//! Reads workflow files: a file becomes a checked definition, together with the workflows that its `SubWorkflow` nodes
//! start, as one [`Bundle`].
//!
//! Every problem of every file is gathered before anything is given up. Nothing is run here, and nothing outside the
//! folder of the main file is opened.

mod children;
pub(crate) mod input;
mod packages;

use crate::{catalogue::catalogue, cli::Context, wiring};
use akao_engine::Bundle;
use akao_flow::{Catalogue, Draft, Parsed, Position, Problem, ProblemCode, Severity, canonicalise};
use akao_nodes::Pinned;
use packages::FoundTypes;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
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
    /// The records of installed packages that decide what its nodes mean; one that is not there may come.
    pub(crate) records: Vec<PathBuf>,
    /// The packages of the external nodes among them, each once.
    pub(crate) packages: Vec<Pinned>,
}

/// Where node types come from.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// The program's own.
    pub(crate) catalogue: Arc<Catalogue>,
    /// The data directory, which knows the linked nodes; none where those do not count.
    pub(crate) data_dir: Option<PathBuf>,
}

impl Sources {
    /// What a command of this context may name.
    pub(crate) fn new(context: &Context) -> Self {
        Self { catalogue: catalogue(), data_dir: wiring::data_dir(context).ok() }
    }

    /// Node types alone.
    #[cfg(test)]
    pub(crate) fn of(catalogue: Catalogue) -> Self {
        Self { catalogue: Arc::new(catalogue), data_dir: None }
    }
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
pub(crate) fn load(file: &Path, sources: &Sources) -> Result<Loaded, LoadError> {
    let (name, bytes) = read_bytes(file)?;
    let from_stdin = file == Path::new("-");
    let folder = match file.parent() {
        Some(parent) if !from_stdin => parent.to_owned(),
        _ => PathBuf::new(),
    };
    let mut loader = children::Loader::new(sources, folder);
    if !from_stdin {
        loader.files.push(file.to_owned());
    }
    let own = file.file_name().map(PathBuf::from).filter(|_| !from_stdin);
    let bundle = loader.main(&name, own, &bytes);
    Ok(loader.finish(bundle))
}

/// Reads and checks the text of one file, without the workflows that it starts. `find` looks for the node types that only
/// this file names.
fn check_bytes(
    bytes: &[u8],
    catalogue: &Catalogue,
    find: impl FnOnce(&Draft) -> FoundTypes,
) -> (Option<Parsed>, Vec<Problem>) {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return (None, vec![not_utf8(bytes, error.valid_up_to())]),
    };
    let draft = Draft::read(text);
    let found = find(&draft);
    let own;
    let catalogue = match &found.types[..] {
        [] => catalogue,
        types => {
            own = catalogue.and(types);
            &own
        }
    };
    let (parsed, problems) = draft.check(catalogue, &found.refused);
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
            let (parsed, problems) = check_bytes(bytes, &Catalogue::default(), |_| FoundTypes::default());
            assert!(parsed.is_none());
            let first = &problems[0];
            match line {
                0 => assert_ne!(first.code, "yaml-encoding"),
                _ => assert_eq!((first.code.as_str(), first.position), ("yaml-encoding", Position { line, column })),
            }
        }
    }
}
