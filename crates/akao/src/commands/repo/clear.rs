//! `akao repo clear`: removes files of a repository that nothing names any more.

use crate::{cli::Context, exit::Exit, failure::Failure, output::count};
use akao_contract::{BareNumber, manifest::format_bytes, parse_duration_ms};
use akao_repository::Folder;
use serde_json::json;
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// Arguments of `akao repo clear`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the repository.
    dir: PathBuf,
    /// Only what is older than this: clients that opened the repository before may still be reading it.
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration)]
    older: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration_ms(text, BareNumber::Refused).map(Duration::from_millis).map_err(|error| error.to_string())
}

/// Clears.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let folder = Folder::at(&args.dir);
    // A folder without a repository is not to be given a lock.
    folder.first_root()?;
    let before = SystemTime::now().checked_sub(args.older).unwrap_or(SystemTime::UNIX_EPOCH);
    let cleared = folder.clear(before)?;
    let output = &context.output;
    if output.json {
        output.document(&json!({"repository": args.dir, "files": cleared.files, "bytes": cleared.bytes}))?;
    } else {
        let files = count(u64::try_from(cleared.files).unwrap_or(u64::MAX), "file");
        output.line(&format!("{files} removed, {}", format_bytes(cleared.bytes)))?;
    }
    Ok(Exit::Success)
}
