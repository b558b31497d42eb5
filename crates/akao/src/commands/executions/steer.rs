//! `akao executions signal`, `cancel`, `pause` and `resume`.

use super::{done, locate};
use crate::{cli::Context, commands::run, exit::Exit, failure::Failure, load};
use akao_engine::Request;

/// Arguments of commands that take an execution and nothing else.
#[derive(Debug, clap::Args)]
pub(crate) struct OneArgs {
    /// The execution: its id or the unique beginning of it.
    pub(super) id: String,
}

/// Arguments of `akao executions signal`.
#[derive(Debug, clap::Args)]
pub(crate) struct SignalArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// The signal's name.
    name: String,
    /// The correlation key, where the wait has one.
    #[arg(long)]
    key: Option<String>,
    /// What it carries: JSON, or @FILE with JSON or YAML.
    #[arg(long, value_name = "JSON|@FILE")]
    payload: Option<String>,
    /// An id of the signal; one with the same id is taken once.
    #[arg(long)]
    signal_id: Option<String>,
}

/// Arguments of `akao executions cancel`.
#[derive(Debug, clap::Args)]
pub(crate) struct CancelArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// Why, for whoever reads the record.
    #[arg(long)]
    reason: Option<String>,
    /// Halt what cleans up too.
    #[arg(long)]
    force: bool,
}

/// Arguments of `akao executions resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// Give a secret as NAME=@FILE or NAME=env:VARIABLE; may be given again.
    #[arg(long = "secret", value_name = "NAME=PLACE")]
    secrets: Vec<String>,
}

/// Sends a signal.
pub(super) fn signal(args: &SignalArgs, context: &Context) -> Result<Exit, Failure> {
    let payload = load::input::read_input("--payload", args.payload.as_deref(), &[])?;
    let (site, execution) = locate(&args.id, context)?;
    let request = Request::Signal {
        execution,
        name: args.name.clone(),
        key: args.key.clone(),
        payload,
        signal_id: args.signal_id.clone(),
    };
    site.ask(request)?;
    done(context, execution, &format!("Sent {} to {execution}.", args.name))
}

/// Asks for the end.
pub(super) fn cancel(args: &CancelArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    site.ask(Request::Cancel { execution, reason: args.reason.clone(), force: args.force })?;
    done(context, execution, &format!("Cancelling {execution}."))
}

/// Starts nothing new.
pub(super) fn pause(args: &OneArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    site.ask(Request::Pause { execution })?;
    done(context, execution, &format!("Paused {execution}; go on with `akao executions resume {execution}`."))
}

/// Goes on.
pub(super) fn resume(args: &ResumeArgs, context: &Context) -> Result<Exit, Failure> {
    let secrets = run::secrets(&args.secrets)?;
    let (site, execution) = locate(&args.id, context)?;
    site.ask(Request::Resume { execution, secrets })?;
    done(context, execution, &format!("Resumed {execution}."))
}
