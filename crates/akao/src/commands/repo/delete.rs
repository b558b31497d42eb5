//! `akao repo delete`: takes a package with all its versions out of a repository, for good. Its id is never given again.

use crate::{
    cli::Context,
    commands::packages::{ask, package_id},
    exit::Exit,
    failure::Failure,
    output::count,
    publisher::{PublisherPlaces, RepositoryKeys},
};
use akao_repository::Folder;
use jiff::Timestamp;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao repo delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the repository.
    dir: PathBuf,
    /// The package.
    #[arg(value_name = "ID")]
    package: String,
    /// Why; it is kept in the repository.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do not ask: delete it.
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    keys: RepositoryKeys,
}

/// Deletes the package, after somebody has typed its id.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let id = package_id(&args.package)?;
    let folder = Folder::at(&args.dir);
    let (index, _) = folder.contents()?;
    let package = index.package(&id).filter(|package| package.deleted.is_none()).ok_or_else(|| {
        let failure = Failure::not_found(format!("there is no {id} in {}", args.dir.display()));
        failure.hint("A deleted package stays deleted; `akao search` shows what is there.")
    })?;
    let versions = u64::try_from(package.releases.len()).unwrap_or(u64::MAX);
    let output = &context.output;
    if !args.yes {
        let alone = Failure::usage("nobody is there to agree").hint("Say `--yes` if it is meant: it is for good.");
        let question = format!("{id} with {} goes for good. Type its id to delete it: ", count(versions, "version"));
        if ask(&question, alone, context)? != id.as_str() {
            output.note("Nothing was changed.");
            return Ok(Exit::Cancelled);
        }
    }
    let keys = args.keys.open(&PublisherPlaces::of(context)?, context)?;
    folder.delete(&id, &args.reason, &keys, Timestamp::now())?;
    if output.json {
        output.document(&json!({
            "repository": args.dir, "id": id, "versions": versions, "reason": args.reason, "deleted": true,
        }))?;
    } else {
        output.note(&format!("{id} is not offered any more, and its id is never given again."));
        output.note("What is installed of it goes on; `akao repo kill` stops that too.");
    }
    Ok(Exit::Success)
}
