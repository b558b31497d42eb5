//! `akao enable`, `disable` and `rollback`: which version of a package is used, and whether any is.

use super::{Desk, package_id, refused, show};
use crate::{acts::Intent, cli::Context, exit::Exit, failure::Failure, wiring};
use akao_install::{Event, OpenRepositories, SwitchError, disable, enable, rollback};
use serde_json::json;

/// Arguments of `akao enable` and `akao rollback`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package.
    id: String,
}

/// Arguments of `akao disable`.
#[derive(Debug, clap::Args)]
pub(crate) struct DisableArgs {
    /// The package.
    id: String,
    /// Why, for whoever wonders later.
    #[arg(long, value_name = "TEXT", default_value = "somebody disabled it")]
    reason: String,
}

/// Lets workflows use a package again.
pub(crate) fn run_enable(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let id = package_id(&args.id)?;
    let intent = Intent::new(id.as_str(), "enabling", json!({}));
    with_repositories(context, intent, "It is enabled already.", |desk, repositories| {
        enable(&desk.places, &id, repositories, desk.now)
    })
}

/// Makes the version before the active one.
pub(crate) fn run_rollback(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let id = package_id(&args.id)?;
    let intent = Intent::new(id.as_str(), "rolling_back", json!({}));
    with_repositories(context, intent, "Nothing had to be changed.", |desk, repositories| {
        rollback(&desk.places, &id, repositories, desk.now)
    })
}

/// Keeps workflows from using a package.
pub(crate) fn run_disable(args: &DisableArgs, context: &Context) -> Result<Exit, Failure> {
    let (desk, id) = (Desk::open(context)?, package_id(&args.id)?);
    let intent = Intent::new(id.as_str(), "disabling", json!({"reason": args.reason}));
    tell(&desk, intent, || disable(&desk.places, &id, &args.reason, desk.now), "It is disabled already.", context)
}

/// What must not run is said by repositories, too.
fn with_repositories(
    context: &Context,
    intent: Intent,
    nothing: &str,
    change: impl FnOnce(&Desk, &OpenRepositories) -> Result<Vec<Event>, SwitchError>,
) -> Result<Exit, Failure> {
    let desk = Desk::open(context)?;
    let runtime = wiring::runtime()?;
    let repositories = runtime.block_on(desk.repositories(context));
    runtime.shutdown_background();
    let repositories = repositories?;
    tell(&desk, intent, || change(&desk, &repositories), nothing, context)
}

fn tell(
    desk: &Desk,
    intent: Intent,
    change: impl FnOnce() -> Result<Vec<Event>, SwitchError>,
    nothing: &str,
    context: &Context,
) -> Result<Exit, Failure> {
    let events = desk.does(vec![intent], || change().map_err(|error| refused(&error, error.suggestion())))?;
    let output = &context.output;
    if output.json {
        output.document(&json!({ "events": events }))?;
    } else if events.is_empty() {
        output.note(nothing);
    } else {
        events.iter().for_each(|event| output.note(&show::sentence(event)));
    }
    Ok(Exit::Success)
}
