//! `akao node`: the loop of somebody who writes a node: begin one, start it, test it, check it, link it; then pack, sign and
//! publish it.

mod check;
mod deprecate;
mod init;
mod link;
mod pack;
mod publish;
mod run;
mod sign;
mod stand;
mod test;
mod yank;

use crate::{cli::Context, exit::Exit, failure::Failure};
use akao_nodes::{PinError, Pinned, pin};
use akao_package::{Archive, ArchiveLimits, SIGNATURE_ENDING};
use std::{
    error::Error,
    path::{Path, PathBuf},
};

/// Every command of `akao node`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Begin a node: its manifest, code, SDK and tests, in a folder that works at once.
    Init(init::Args),
    /// Start a node in its sandbox, give it inputs and show every message.
    Run(run::Args),
    /// Run the cases under tests/ of a node's folder in the real sandbox.
    Test(test::Args),
    /// Check a node's manifest, and whether its process speaks the protocol.
    Validate(check::Args),
    /// Let workflows name a node by its id.
    Link(link::LinkArgs),
    /// Take a link away.
    Unlink(link::UnlinkArgs),
    /// Pack a node's folder into one file: the same bytes from the same content.
    Pack(pack::Args),
    /// Sign an archive with a key of yours.
    Sign(sign::Args),
    /// Publish a signed archive in a repository of this machine.
    Publish(publish::Args),
    /// Take a published version out of new choices.
    Yank(yank::Args),
    /// Say that a published package should no longer be used, and what takes its place.
    Deprecate(deprecate::Args),
}

/// Carries out one of the commands.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Run(args) => run::run(args, context),
        Command::Test(args) => test::run(args, context),
        Command::Validate(args) => check::run(args, context),
        Command::Link(args) => link::link(args, context),
        Command::Unlink(args) => link::unlink(args, context),
        Command::Pack(args) => pack::run(args, context),
        Command::Sign(args) => sign::run(&args, context),
        Command::Publish(args) => publish::run(&args, context),
        Command::Yank(args) => yank::run(&args, context),
        Command::Deprecate(args) => deprecate::run(&args, context),
    }
}

/// The folder of a package: `.` unless another was named, absolute.
fn absolute(folder: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let folder = folder.unwrap_or_else(|| PathBuf::from("."));
    folder
        .canonicalize()
        .map_err(|error| Failure::usage(format!("cannot find the folder {}", folder.display())).because(&error))
}

/// Reads a package that is to be run. The problems of a manifest are printed with their places.
fn read_package(folder: &Path, context: &Context) -> Result<Pinned, Failure> {
    let pinned = pin(folder).map_err(|error| check::refused(&error, context))?;
    pinned.check().map_err(|error| {
        Failure::usage("the package cannot be run").because(&error).hint("Correct the package's `_.yaml`.")
    })?;
    Ok(pinned)
}

/// A package that cannot be read, in short.
fn unreadable(error: &PinError) -> Failure {
    let failure = Failure::usage(error.to_string()).hint(error.suggestion());
    match error.source() {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}

/// Reads an archive that somebody named, checked to its last byte.
fn read_archive(file: &Path) -> Result<Archive, Failure> {
    Ok(Archive::read(file, &ArchiveLimits::default())?)
}

/// The file of the signature of a file, beside it.
pub(super) fn signature_file(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(SIGNATURE_ENDING);
    PathBuf::from(name)
}
