//! `akao docs`: makes the reference documents. Hidden, because only the project itself needs it.

use crate::{cli::Context, docs::documents, exit::Exit, failure::Failure, replace::replace_file};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What `akao docs` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write the documents into a folder.
    Generate {
        /// The folder, `docs` of the project.
        folder: PathBuf,
        /// Write nothing; exit 1 when something in the folder is not as it would be written.
        #[arg(long)]
        check: bool,
    },
}

/// Writes or compares the documents. Pages of node types that are gone are removed.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    let Command::Generate { folder, check } = command;
    let documents = documents();
    let mut stale: Vec<String> = documents
        .iter()
        .filter(|(name, text)| fs::read_to_string(folder.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| name.clone())
        .collect();
    let gone = leftovers(&folder, &documents);
    if check {
        stale.extend(gone);
        for name in &stale {
            context.output.always(&format!("{} is not up to date.", folder.join(name).display()));
        }
        return Ok(if stale.is_empty() { Exit::Success } else { Exit::Failure });
    }
    let failed =
        |error: std::io::Error| Failure::storage(format!("cannot write to {}", folder.display())).because(&error);
    fs::create_dir_all(folder.join("nodes")).map_err(failed)?;
    for name in &stale {
        replace_file(&folder.join(name), documents[name].as_bytes())?;
    }
    for name in &gone {
        fs::remove_file(folder.join(name)).map_err(failed)?;
    }
    context.output.note(&format!("{} documents written, {} removed.", stale.len(), gone.len()));
    Ok(Exit::Success)
}

/// Pages below `nodes/` that no node type has.
fn leftovers(folder: &Path, documents: &BTreeMap<String, String>) -> Vec<String> {
    let entries = fs::read_dir(folder.join("nodes")).into_iter().flatten().flatten();
    let names = entries.map(|entry| format!("nodes/{}", entry.file_name().to_string_lossy()));
    let mut gone: Vec<String> = names.filter(|name| name.ends_with(".md") && !documents.contains_key(name)).collect();
    gone.sort();
    gone
}
