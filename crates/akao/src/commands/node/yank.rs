//! `akao node yank`: nobody takes a version newly any more; what has it locked goes on.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{PublisherPlaces, RepositoryKeys, package_and_version},
};
use akao_repository::Folder;
use jiff::Timestamp;
use semver::Version;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao node yank`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package with its version, such as `com.example.enrich@1.2.0`.
    #[arg(value_name = "ID@VERSION")]
    package: String,
    /// The folder of the repository.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    /// Why; it is shown to who asks for the version.
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    reason: Option<String>,
    /// Give a yanked version back.
    #[arg(long, conflicts_with = "reason")]
    undo: bool,
    #[command(flatten)]
    keys: RepositoryKeys,
}

/// Yanks the version, or gives it back.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (id, Some(text)) = package_and_version(&args.package)? else {
        return Err(Failure::usage("one version is yanked").hint("Write for example `com.example.enrich@1.2.0`."));
    };
    let version: Version = text.parse().map_err(|error: semver::Error| {
        let failure = Failure::usage(format!("`{}` is no version", plain(text))).because(&error);
        failure.hint("Write all three numbers, such as `1.2.0`.")
    })?;
    let folder = Folder::at(&args.repo);
    folder.first_root()?;
    let keys = args.keys.open(&PublisherPlaces::of(context)?, context)?;
    folder.yank(&id, &version, args.reason.as_deref(), &keys, Timestamp::now())?;
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "id": id, "version": version, "repository": args.repo, "yanked": !args.undo, "reason": args.reason,
        }))?;
    } else if args.undo {
        output.note(&format!("{id} {version} may be taken again."));
    } else {
        output.note(&format!("{id} {version} is not taken newly any more; what has it locked goes on."));
        output.note("Give it back with `--undo`.");
    }
    Ok(Exit::Success)
}
