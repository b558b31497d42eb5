//! `akao doctor`: whether what Akao stands on is sound: the data directory, and with `sandbox` the machine.

mod data;
mod machine;

pub(crate) use machine::{parse_tier, start, to_json};

use crate::{cli::Context, exit::Exit, failure::Failure};

/// Arguments of `akao doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to look at [default: the data directory].
    #[command(subcommand)]
    what: Option<What>,
}

/// What else can be looked at.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Say how well this machine isolates external nodes, what is missing and its cure.
    Sandbox(machine::Args),
}

/// Checks what was asked for.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.what {
        None => data::run(context),
        Some(What::Sandbox(args)) => machine::run(&args, context),
    }
}
