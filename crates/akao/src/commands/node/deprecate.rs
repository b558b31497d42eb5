//! `akao node deprecate`: says that a package, or one of its versions, should no longer be used, and what takes its place.

use crate::{
    cli::Context,
    commands::packages::package_id,
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{PublisherPlaces, RepositoryKeys, package_and_version},
};
use akao_repository::{Deprecation, Folder};
use jiff::Timestamp;
use semver::Version;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao node deprecate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package, or one version of it such as `com.example.enrich@1.2.0`.
    #[arg(value_name = "ID[@VERSION]")]
    package: String,
    /// The folder of the repository.
    #[arg(long, value_name = "FOLDER")]
    repo: PathBuf,
    /// Why; it is shown to who searches for it, installs it or has it installed.
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    reason: Option<String>,
    /// The package that takes its place.
    #[arg(long, value_name = "ID")]
    successor: Option<String>,
    /// Take the word back.
    #[arg(long, conflicts_with_all = ["reason", "successor"])]
    undo: bool,
    #[command(flatten)]
    keys: RepositoryKeys,
}

/// Says it, or takes it back.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let (id, text) = package_and_version(&args.package)?;
    let version: Option<Version> = text.map(str::parse).transpose().map_err(|error: semver::Error| {
        let failure = Failure::usage(format!("`{}` names no version", plain(&args.package))).because(&error);
        failure.hint("Write all three numbers, such as `1.2.0`.")
    })?;
    let successor = args.successor.as_deref().map(package_id).transpose()?;
    if successor.is_some() && version.is_some() {
        return Err(Failure::usage("a successor takes the place of a whole package")
            .hint("Leave out the version, or say in the reason which version to use."));
    }
    if successor.as_ref() == Some(&id) {
        return Err(Failure::usage("a package cannot take its own place"));
    }
    let folder = Folder::at(&args.repo);
    folder.first_root()?;
    let keys = args.keys.open(&PublisherPlaces::of(context)?, context)?;
    let word = args.reason.as_deref().map(|reason| Deprecation { reason, successor: successor.as_ref() });
    folder.deprecate(&id, version.as_ref(), word.as_ref(), &keys, Timestamp::now())?;
    let output = &context.output;
    let named = version.as_ref().map_or_else(|| id.to_string(), |version| format!("{id} {version}"));
    if output.json {
        output.document(&json!({
            "id": id, "version": version, "repository": args.repo, "deprecated": args.reason, "successor": successor,
        }))?;
    } else if args.undo {
        output.note(&format!("Nothing is said against {named} any more."));
    } else {
        output.note(&format!("Whoever looks at {named} is told; it can still be installed."));
        output.note("Take it back with `--undo`.");
    }
    Ok(Exit::Success)
}
