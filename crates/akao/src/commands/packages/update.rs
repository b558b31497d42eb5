//! `akao update`: the newest version of packages that fits, with what it changes.

use super::{
    Desk,
    install::{ConsentArgs, carry_out},
    package_id, refused,
};
use crate::{cli::Context, exit::Exit, failure::Failure, wiring};
use akao_contract::manifest::PackageId;
use akao_install::{Installed, InstalledSource, OpenRepositories, UpdateOptions};

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
        let repositories = desk.repositories_enforced(args.consent.dry_run, context).await?;
        let options = UpdateOptions { automatic: args.automatic };
        let plan = desk.planner(&repositories).update(&ids, &options).await;
        let plan = plan.map_err(|error| refused(&error, error.suggestion()))?;
        let exit = carry_out(&plan, &args.consent, &desk, &repositories, context)?;
        match unasked(&desk, &ids, &repositories)? {
            // What could be done was done; whoever looks at the code alone learns that it was not all.
            true if exit == Exit::Success => Ok(Exit::Failure),
            _ => Ok(exit),
        }
    });
    runtime.shutdown_background();
    done
}

/// Whether a repository that one of these packages came from could not be asked. No ids stand for all packages.
fn unasked(desk: &Desk, ids: &[PackageId], repositories: &OpenRepositories) -> Result<bool, Failure> {
    let failed: Vec<&str> = repositories.failed().iter().map(|(name, _)| name.as_str()).collect();
    if failed.is_empty() {
        return Ok(false);
    }
    let records = Installed::of(&desk.places).all().map_err(|error| refused(&error, ""))?;
    let looked_for = records.iter().filter(|(id, _)| ids.is_empty() || ids.contains(id));
    let looked_for = looked_for.filter_map(|(_, record)| record.as_ref().ok());
    let mut sources = looked_for.filter_map(|record| Some(&record.active_version()?.source));
    Ok(sources.any(|source| matches!(source, InstalledSource::Repository { name } if failed.contains(&name.as_str()))))
}
