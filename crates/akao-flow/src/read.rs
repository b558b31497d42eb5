//! From the text of a workflow file to a [`Definition`] that knows where its parts stand.
//!
//! Reading checks the shape: the keys that may stand where, the kinds of their values, durations, the header. What node
//! types mean is checked by [`crate::validate`]. Reading never stops at the first problem: a value that cannot be used
//! is left out and reading goes on, so that all problems come at once.

mod document;
mod node;
pub(crate) mod positions;
mod settings;

pub use positions::{Location, Positions};

use crate::{Definition, Problem};
use akao_document::{Problems, Reader};
use akao_yaml::Budget;

/// Longest workflow file, in bytes (2 MiB). Large data belongs into files of its own.
const FILE_BYTES_MAX: usize = 2 << 20;

/// A definition and the places of its parts.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The definition. Node types are as they were written; aliases are replaced later.
    pub definition: Definition,
    /// Where everything stands.
    pub positions: Positions,
}

/// Reads a workflow file: a whole document with `akao: 1`, or a bare tree (a document with `type` at its top), which gets
/// the id `workflow` and the version `0.0.0`.
///
/// # Errors
/// Every problem of the file's shape, in the order of the text.
pub fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    let (parsed, problems) = read_leniently(text);
    let problems = problems.into_vec();
    parsed.filter(|_| problems.is_empty()).ok_or(problems)
}

/// Reads as much as can be read, with the problems of the rest. There is no definition when the text is not YAML or the
/// document is not a workflow at all.
pub(crate) fn read_leniently(text: &str) -> (Option<Parsed>, Problems) {
    let budget = Budget { text_bytes_max: FILE_BYTES_MAX, ..Budget::default() };
    let document = match akao_yaml::load(text, &budget) {
        Ok(document) => document,
        Err(error) => {
            let mut reader = Reader::default();
            reader.yaml_problem(&error);
            return (None, reader.problems);
        }
    };
    let mut reader = Reader::default();
    let read = document::read(&mut reader, &document);
    let parsed = read.map(|(definition, bare)| Parsed { definition, positions: Positions::new(document, bare) });
    (parsed, reader.problems)
}
