//! `akao sandbox`: what a node would see, whether this machine holds it, and what a program needs.

mod explain;
mod selftest;
mod trace;

use crate::{cli::Context, exit::Exit, failure::Failure};

/// Every command of `akao sandbox`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print what a node would see and may do.
    Explain(explain::Args),
    /// Try on this machine what a sandbox must prevent, and print a matrix of expected and observed.
    Selftest(selftest::Args),
    /// Run a program outside of any sandbox and list the permissions that it would need as a node.
    Trace(trace::Args),
}

/// Carries out one of the commands.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Explain(args) => explain::run(&args, context),
        Command::Selftest(args) => selftest::run(&args, context),
        Command::Trace(args) => trace::run(args, context),
    }
}
