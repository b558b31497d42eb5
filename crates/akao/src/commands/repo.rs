//! `akao repo`: repositories of packages: those that are installed from, and those that one runs oneself: made, kept valid,
//! served, copied.

mod clear;
mod delete;
mod init;
mod kill;
mod mirror;
mod refresh;
mod rotate;
mod serve;

use crate::{cli::Context, commands::packages::repositories, exit::Exit, failure::Failure};

/// Every command of `akao repo`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Install packages from a repository by their names from now on.
    Add(repositories::AddArgs),
    /// List the repositories that packages are installed from.
    List(repositories::ListArgs),
    /// Install nothing from a repository any more.
    Remove(repositories::RemoveArgs),
    /// Make an empty repository in a folder.
    Init(init::Args),
    /// Sign a repository's metadata again before it ends.
    Refresh(refresh::Args),
    /// Name other keys that may sign a repository from now on, or the same ones for another year.
    Rotate(rotate::Args),
    /// Remove files of a repository that nothing names any more.
    Clear(clear::Args),
    /// Offer a repository over HTTP or HTTPS until it is stopped.
    Serve(serve::Args),
    /// Copy a repository into a folder, verified; a copy that is there is brought up to date.
    Mirror(mirror::Args),
    /// Say that versions of a package must not run any more, wherever they are installed.
    Kill(kill::KillArgs),
    /// Take a package off the kill list.
    Lift(kill::LiftArgs),
    /// Take a package out of a repository, for good.
    Delete(delete::Args),
}

/// Carries out one of the commands.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Add(args) => repositories::add(&args, context),
        Command::List(args) => repositories::list(&args, context),
        Command::Remove(args) => repositories::remove(&args, context),
        Command::Init(args) => init::run(&args, context),
        Command::Refresh(args) => refresh::run(&args, context),
        Command::Rotate(args) => rotate::run(&args, context),
        Command::Clear(args) => clear::run(&args, context),
        Command::Serve(args) => serve::run(args, context),
        Command::Mirror(args) => mirror::run(&args, context),
        Command::Kill(args) => kill::kill(&args, context),
        Command::Lift(args) => kill::lift(&args, context),
        Command::Delete(args) => delete::run(&args, context),
    }
}
