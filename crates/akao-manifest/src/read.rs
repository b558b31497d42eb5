//! From the text of a `_.yaml` to a [`Manifest`]: every problem at once, each with its line and column.
//!
//! A value that cannot be used is left out and reading goes on. There is a manifest only when nothing is an error;
//! warnings come with it.

mod dependencies;
mod header;
mod nodes;
mod permissions;
mod provides;
mod resources;
mod runtime;
mod schemas;

use akao_contract::{Permission, manifest::Manifest};
use akao_document::{Path, Position, Problem, Reader, Severity, kind_of};
use akao_yaml::{Budget, Entry, Node};
use std::collections::BTreeMap;

/// Longest manifest, in bytes (1 MiB).
pub const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// A manifest, and where those of its parts stand that are spoken of after reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The manifest, complete.
    pub manifest: Manifest,
    /// Where each permission is asked for.
    pub permissions: BTreeMap<Permission, Position>,
    /// Where the command is named.
    pub command: Position,
}

/// Reads a manifest.
///
/// # Errors
/// Every problem, in the order of the text, with the warnings among them.
pub fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    let (parsed, problems) = check(text);
    parsed.ok_or(problems)
}

/// Reads a manifest and tells everything that is to be said about it, in the order of the text. There is a manifest when
/// no problem is an error.
pub fn check(text: &str) -> (Option<Parsed>, Vec<Problem>) {
    checked(akao_yaml::load(text, &budget()))
}

/// The same for the bytes of a file, which may not be text.
pub fn check_bytes(bytes: &[u8]) -> (Option<Parsed>, Vec<Problem>) {
    checked(akao_yaml::load_bytes(bytes, &budget()))
}

fn budget() -> Budget {
    Budget { text_bytes_max: MANIFEST_BYTES_MAX, ..Budget::default() }
}

fn checked(document: Result<Node, akao_yaml::Error>) -> (Option<Parsed>, Vec<Problem>) {
    let mut reader = Reader::default();
    let parsed = match document {
        Ok(document) => header::read(&mut reader, &document),
        Err(error) => {
            reader.yaml_problem(&error);
            None
        }
    };
    let problems = reader.problems.into_vec();
    let sound = problems.iter().all(|problem| problem.severity != Severity::Error);
    (parsed.filter(|_| sound), problems)
}

/// Longest name of a package or a node, in characters.
const NAME_CHARACTERS_MAX: usize = 100;

/// Longest description, in characters.
const DESCRIPTION_CHARACTERS_MAX: usize = 4_000;

/// A text for people: not empty, not too long, and nothing in it that steers a terminal.
fn words(reader: &mut Reader, node: &Node, path: &Path<'_>, key: &str) -> Option<String> {
    let text = reader.text(node, path, key)?;
    let (characters_max, lines) =
        if key == "description" { (DESCRIPTION_CHARACTERS_MAX, true) } else { (NAME_CHARACTERS_MAX, false) };
    let count = text.chars().count();
    let steers = |c: char| c.is_control() && !(lines && (c == '\n' || c == '\t'));
    let (message, suggestion) = match () {
        () if text.trim().is_empty() => {
            (format!("`{key}` is empty"), "Write a few words, or remove the key.".to_owned())
        }
        () if count > characters_max => {
            let message = format!("`{key}` has {count} characters, more than the {characters_max} allowed");
            (message, "Shorten it; README.md has room.".to_owned())
        }
        () if text.contains(steers) => {
            (format!("`{key}` holds control characters"), "Write it in plain characters on one line.".to_owned())
        }
        () => return Some(text),
    };
    reader.problem(akao_document::codes::INVALID_VALUE, node.position, path, message, Some(suggestion));
    None
}

/// The entries of an item of a list, called `what` in messages; a problem for anything else.
fn item<'n>(reader: &mut Reader, node: &'n Node, path: &Path<'_>, what: &str, example: &str) -> Option<&'n [Entry]> {
    let entries = node.entries();
    if entries.is_none() {
        let message = format!("{what} must be a mapping, not {}", kind_of(node));
        let suggestion = Some(format!("Write for example `{example}`."));
        reader.problem(akao_document::codes::WRONG_KIND, node.position, path, message, suggestion);
    }
    entries
}

/// The items of a list that is not longer than `count_max`.
fn bounded<'n>(
    reader: &mut Reader,
    node: &'n Node,
    path: &Path<'_>,
    key: &str,
    example: &str,
    count_max: usize,
) -> &'n [Node] {
    let items = reader.list(node, path, key, example).unwrap_or_default();
    if items.len() <= count_max {
        return items;
    }
    let message = format!("`{key}` has {} items, more than the {count_max} allowed", items.len());
    let suggestion = Some("Split the package, or leave out what is not needed.".to_owned());
    reader.problem(crate::ManifestCode::TooMany, node.position, path, message, suggestion);
    &items[..count_max]
}
