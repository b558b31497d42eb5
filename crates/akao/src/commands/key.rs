//! `akao key`: keys that sign packages and repositories, and whose keys are trusted.

mod list;
mod new;
mod revoke;
mod rotate;
mod trust;
mod unpin;

pub(super) use trust::public_key;

use crate::{cli::Context, exit::Exit, failure::Failure};

/// Every command of `akao key`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key of your own, in minisign's form.
    New(new::Args),
    /// List your own keys and those that are trusted.
    List(list::Args),
    /// Trust a publisher's key for the packages below a prefix.
    Trust(trust::Args),
    /// Take the trust from a key, for good.
    Revoke(revoke::Args),
    /// Forget the key that a package was bound to when it was first installed.
    Unpin(unpin::Args),
    /// Vouch for the next key of yours with the one that people trust.
    Rotate(rotate::RotateArgs),
    /// Trust a publisher's next key, for which a trusted one vouches.
    Accept(rotate::AcceptArgs),
}

/// Carries out one of the commands.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::New(args) => new::run(&args, context),
        Command::List(args) => list::run(&args, context),
        Command::Trust(args) => trust::run(args, context),
        Command::Revoke(args) => revoke::run(&args, context),
        Command::Unpin(args) => unpin::run(&args, context),
        Command::Rotate(args) => rotate::rotate(&args, context),
        Command::Accept(args) => rotate::accept(&args, context),
    }
}
