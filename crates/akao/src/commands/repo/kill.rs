//! `akao repo kill` and `lift`: the signed list of versions that must not run, also where they are installed.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    output::plain,
    publisher::{PublisherPlaces, RepositoryKeys, package_and_version},
};
use akao_contract::Digest;
use akao_repository::{Folder, Kill};
use jiff::Timestamp;
use semver::VersionReq;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `akao repo kill`.
#[derive(Debug, clap::Args)]
pub(crate) struct KillArgs {
    /// The folder of the repository.
    dir: PathBuf,
    /// The package, with a range of versions such as `com.example.enrich@<1.2`; without one, all versions.
    #[arg(value_name = "ID[@RANGE]")]
    package: String,
    /// Only the archive with this digest.
    #[arg(long, value_name = "SHA256")]
    digest: Option<Digest>,
    /// Why; it is shown wherever the package is stopped.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    keys: RepositoryKeys,
}

/// Arguments of `akao repo lift`.
#[derive(Debug, clap::Args)]
pub(crate) struct LiftArgs {
    /// The folder of the repository.
    dir: PathBuf,
    /// The package.
    #[arg(value_name = "ID")]
    package: String,
    #[command(flatten)]
    keys: RepositoryKeys,
}

/// Adds an entry.
pub(crate) fn kill(args: &KillArgs, context: &Context) -> Result<Exit, Failure> {
    let (id, range) = package_and_version(&args.package)?;
    let text = range.unwrap_or("*");
    let versions: VersionReq = text.parse().map_err(|error: semver::Error| {
        let failure = Failure::usage(format!("`{}` is no range of versions", plain(text))).because(&error);
        failure.hint("Write for example `<1.2` or `=2.0.1`.")
    })?;
    let folder = Folder::at(&args.dir);
    folder.first_root()?;
    let keys = args.keys.open(&PublisherPlaces::of(context)?, context)?;
    let now = Timestamp::now();
    let entry =
        Kill { id: id.clone(), versions: versions.clone(), digest: args.digest, reason: args.reason.clone(), at: now };
    folder.kill(entry, &keys, now)?;
    let output = &context.output;
    if output.json {
        output.document(&json!({
            "repository": args.dir, "id": id, "versions": versions, "digest": args.digest, "reason": args.reason,
        }))?;
    } else {
        output.note(&format!("{id} {versions} must not run any more; whoever uses this repository is told."));
        output.note(&format!("Take it back with `akao repo lift {} {id}`.", args.dir.display()));
    }
    Ok(Exit::Success)
}

/// Takes every entry of a package away.
pub(crate) fn lift(args: &LiftArgs, context: &Context) -> Result<Exit, Failure> {
    let (id, None) = package_and_version(&args.package)? else {
        let failure = Failure::usage("a package is taken off the kill list as a whole");
        return Err(failure.hint("Leave out the version; name what must not run again with `akao repo kill`."));
    };
    let folder = Folder::at(&args.dir);
    let (_, list) = folder.contents()?;
    if !list.entries().iter().any(|kill| kill.id == id) {
        return Err(Failure::not_found(format!("{id} is not on the kill list of {}", args.dir.display())));
    }
    let keys = args.keys.open(&PublisherPlaces::of(context)?, context)?;
    let lifted = folder.lift(&id, &keys, Timestamp::now())?;
    let output = &context.output;
    if output.json {
        output.document(&json!({"repository": args.dir, "id": id, "lifted": lifted}))?;
    } else {
        output.note(&format!("{id} may run again."));
    }
    Ok(Exit::Success)
}
