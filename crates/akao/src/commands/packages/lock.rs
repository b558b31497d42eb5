//! `akao lock`: pins the packages that workflow files use, so that another machine installs the same to the byte.

use super::{Desk, pins, refused};
use crate::{cli::Context, exit::Exit, failure::Failure, replace::replace_file};
use akao_contract::{Digest, manifest::PackageId};
use akao_flow::{Draft, Refusal};
use akao_install::{Found, LockNeed, make_lock};
use akao_package::{LOCK_FILE, Lock};
use semver::{Comparator, Op, Version, VersionReq};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io,
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

/// A version as a lock names it.
pub(crate) struct LockedVersion {
    /// That version alone.
    pub(crate) range: VersionReq,
    content: Digest,
    publisher: Option<Digest>,
}

impl LockedVersion {
    /// What a lock names for a node; nothing where it does not have the package.
    ///
    /// # Errors
    /// It has no version that is wanted.
    pub(crate) fn of(lock: &Lock, need: &LockNeed) -> Result<Option<Self>, Refusal> {
        let above = std::iter::successors(Some(need.node.as_str()), |id| id.rsplit_once('.').map(|(above, _)| above));
        let ids: Vec<PackageId> = above.filter_map(|id| id.parse().ok()).collect();
        let Some(id) = ids.iter().find(|id| lock.versions(id).next().is_some()) else { return Ok(None) };
        let versions = lock.versions(id).filter_map(|one| Some((one.version.parse::<Version>().ok()?, one)));
        let fits = |(version, _): &(Version, _)| need.range == VersionReq::STAR || need.range.matches(version);
        let newest = versions.filter(fits).max_by(|(one, _), (other, _)| one.cmp(other));
        let (version, locked) = newest.ok_or_else(|| Refusal {
            message: format!("{LOCK_FILE} has no version of `{id}` within {}", need.range),
            suggestion: "Make the lock anew with `akao lock FILE`.".to_owned(),
        })?;
        Ok(Some(Self { range: exactly(version), content: locked.content, publisher: locked.publisher }))
    }

    /// What of an installed version is another than the lock names; none when it is the one that is meant.
    pub(crate) fn difference(&self, found: &Found) -> Option<String> {
        let installed = format!("{} {} is installed", found.package, found.version.version);
        if self.content != found.version.content {
            let content = &found.version.content;
            return Some(format!("{installed} with the content {content}, and {LOCK_FILE} names {}", self.content));
        }
        let wanted = self.publisher?;
        match found.version.publisher.as_ref().map(akao_package::PublicKey::fingerprint) {
            Some(key) if key == wanted => None,
            Some(key) => Some(format!("{installed} as signed by the key {key}, and {LOCK_FILE} names {wanted}")),
            None => Some(format!("{installed} as signed by nobody, and {LOCK_FILE} names the key {wanted}")),
        }
    }
}

/// The range of one version.
fn exactly(version: Version) -> VersionReq {
    let Version { major, minor, patch, pre, .. } = version;
    let only = Comparator { op: Op::Exact, major, minor: Some(minor), patch: Some(patch), pre };
    VersionReq { comparators: vec![only] }
}

/// A lock file with its text; none when there is none.
///
/// # Errors
/// It cannot be read, or is none: without it nobody knows which versions are meant.
pub(crate) fn read(path: &Path) -> Result<Option<(Lock, String)>, Refusal> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Refusal {
            message: format!("{} cannot be read: {error}", path.display()),
            suggestion: "Without it nobody knows which versions are meant; mend or remove it.".to_owned(),
        })?,
    };
    let lock = Lock::read(&text).map_err(|error| Refusal {
        message: format!("{} is damaged: {error}", path.display()),
        suggestion: error.suggestion().to_owned(),
    })?;
    Ok(Some((lock, text)))
}

/// The text of the lock file beside a workflow file, for a server; none when there is none.
///
/// # Errors
/// It cannot be read, or is none.
pub(crate) fn beside(file: &Path) -> Result<Option<String>, Failure> {
    if file == Path::new("-") {
        return Ok(None);
    }
    let found = read(&file.parent().unwrap_or(Path::new("")).join(LOCK_FILE));
    let found = found.map_err(|refusal| Failure::usage(refusal.message).hint(refusal.suggestion))?;
    Ok(found.map(|(_, text)| text))
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
