//! `akao update`: the newest version of packages that fits, with what it changes.

use super::{
    Desk,
    install::{ConsentArgs, carry_out},
    package_id, refused,
};
use crate::{cli::Context, exit::Exit, failure::Failure, wiring};
use akao_install::UpdateOptions;

/// Arguments of `akao update`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The packages.
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// Every package.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// As if nobody had asked: what was published within the policy's cool-down is left for later.
    #[arg(long)]
    automatic: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Updates.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let ids = args.ids.iter().map(|text| package_id(text)).collect::<Result<Vec<_>, _>>()?;
    let desk = Desk::open(context)?;
    let runtime = wiring::runtime()?;
    let done = runtime.block_on(async {
        let repositories = desk.repositories(context).await?;
        let options = UpdateOptions { automatic: args.automatic };
        let plan = desk.planner(&repositories).update(&ids, &options).await;
        let plan = plan.map_err(|error| refused(&error, error.suggestion()))?;
        carry_out(&plan, &args.consent, &desk, &repositories, context)
    });
    runtime.shutdown_background();
    done
}
