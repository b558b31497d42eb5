//! `akao lock`: pins the packages that workflow files use, so that another machine installs the same to the byte.

use super::{Desk, pins, refused};
use crate::{cli::Context, exit::Exit, failure::Failure, replace::replace_file};
use akao_contract::manifest::PackageId;
use akao_flow::Draft;
use akao_install::{LockNeed, make_lock};
use akao_package::{LOCK_FILE, Lock};
use semver::VersionReq;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Arguments of `akao lock`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow files; one `akao.lock` is written beside those of a folder.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Writes the locks.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let mut folders: BTreeMap<PathBuf, Vec<LockNeed>> = BTreeMap::new();
    for file in &args.files {
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        folders.entry(folder).or_default().extend(needs(file)?);
    }
    let mut written = Vec::new();
    for (folder, needs) in folders {
        let lock = make_lock(&desk.places, &needs, &folder).map_err(|error| refused(&error, error.suggestion()))?;
        let path = folder.join(LOCK_FILE);
        let lock = with_others(lock, &path)?;
        replace_file(&path, lock.write().as_bytes())?;
        pins::remember(&desk, &path);
        let packages = lock.packages().len();
        context.output.note(&format!("{} pins {}.", path.display(), crate::output::count(packages as u64, "package")));
        written.push(json!({"file": path, "packages": packages}));
    }
    if context.output.json {
        context.output.document(&json!({ "locks": Value::Array(written) }))?;
    }
    Ok(Exit::Success)
}

/// The lock with what the one before names beside it: other files of the folder may need that.
fn with_others(lock: Lock, path: &Path) -> Result<Lock, Failure> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(lock) };
    // One that cannot be read names nothing that could be kept.
    let Ok(before) = Lock::read(&text) else { return Ok(lock) };
    let others = before.packages().iter().filter(|old| lock.packages().iter().all(|new| new.id != old.id));
    let all = lock.packages().iter().chain(others).cloned().collect();
    Lock::new(all).map_err(|error| refused(&error, error.suggestion()))
}

/// What a workflow file names that is installed by its id.
fn needs(file: &Path) -> Result<Vec<LockNeed>, Failure> {
    let failed = |error| Failure::usage(format!("cannot read {}", file.display())).because(&error);
    let text = std::fs::read_to_string(file).map_err(failed)?;
    let draft = Draft::read(&text);
    Ok(draft.types().into_iter().filter_map(named).collect())
}

/// An id with its range; none for other names of node types.
pub(crate) fn named(text: &str) -> Option<LockNeed> {
    let (id, range) = match text.split_once('@') {
        Some((id, range)) => (id, range.parse().ok()?),
        None => (text, VersionReq::STAR),
    };
    let node: PackageId = id.parse().ok()?;
    Some(LockNeed { node, range })
}
