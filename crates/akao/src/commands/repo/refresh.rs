//! `akao repo refresh`: what a repository says stays valid for a while longer.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    publisher::{PublisherPlaces, RepositoryKeys},
};
use akao_repository::Folder;
use jiff::Timestamp;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao repo refresh`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the repository.
    dir: PathBuf,
    #[command(flatten)]
    keys: RepositoryKeys,
}

/// Signs again.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let folder = Folder::at(&args.dir);
    // A folder without a repository is not to be given a lock.
    folder.first_root()?;
    let (keys, now) = (args.keys.open(&PublisherPlaces::of(context)?, context)?, Timestamp::now());
    let refreshed = folder.refresh(&keys, now)?;
    if refreshed.valid_until <= now {
        return Err(Failure::new("conflict", Exit::Failure, "the targets or the root have ended, so nobody takes it")
            .hint("Refresh with the keys of the targets; a root that has ended is renewed by its own keys."));
    }
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "repository": args.dir, "valid_until": refreshed.valid_until, "targets": refreshed.targets,
        }))?;
    } else {
        output.line(&format!("valid until {}", refreshed.valid_until))?;
        if refreshed.targets {
            output.note("The targets were signed again too.");
        }
    }
    Ok(Exit::Success)
}
