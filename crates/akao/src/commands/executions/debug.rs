//! The commands of the debugger: stop at a step, look at values, change them, go on. What is typed while an execution is
//! held is read in `debugger.rs`.

use super::{done, locate, steer::OneArgs};
use crate::{
    catalogue::catalogue, cli::Context, commands::run, exit::Exit, failure::Failure, load, owner, site::Site, wiring,
};
use akao_contract::{Address, ExecutionId};
use akao_engine::{Executions, Reply, Request};
use akao_flow::StepMode;
use serde_json::{Value, json};

/// Arguments of `akao executions break`.
#[derive(Debug, clap::Args)]
pub(crate) struct BreakArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// A node id or an address, with `:CONDITION` if only sometimes.
    #[arg(value_name = "STEP[:CONDITION]")]
    step: String,
    /// Clear it instead.
    #[arg(long)]
    clear: bool,
}

/// How far to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// To the next step outside the one that is held.
    Over,
    /// To the next step that starts.
    Into,
    /// To the next step outside the parent.
    Out,
    /// To the next breakpoint.
    Continue,
}

impl From<Mode> for StepMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Over => Self::Over,
            Mode::Into => Self::Into,
            Mode::Out => Self::Out,
            Mode::Continue => Self::Continue,
        }
    }
}

/// Arguments of `akao executions step`.
#[derive(Debug, clap::Args)]
pub(crate) struct StepArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// How far.
    #[arg(default_value = "over")]
    mode: Mode,
}

/// Arguments of `akao executions values`.
#[derive(Debug, clap::Args)]
pub(crate) struct ValuesArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// The step that looks; the one that is held, or the root, when none is named.
    #[arg(long, value_name = "ADDRESS")]
    at: Option<Address>,
}

/// Arguments of `akao executions set`.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// What to change, such as bb.count=3.
    #[arg(value_name = "PATH=JSON")]
    assignment: String,
    /// The step from which the path is seen.
    #[arg(long, value_name = "ADDRESS")]
    at: Option<Address>,
}

/// Sets or clears a breakpoint.
pub(super) fn set_break(args: &BreakArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    let breakpoint = run::breakpoint(&args.step);
    let (request, words) = if args.clear {
        let words = format!("Cleared {}.", breakpoint.at);
        (Request::ClearBreakpoint { execution, at: breakpoint.at }, words)
    } else {
        let words = format!("Stops at {}.", breakpoint.at);
        (Request::SetBreakpoint { execution, breakpoint }, words)
    };
    site.ask(request)?;
    done(context, execution, &words)
}

/// Goes on to the next stop.
pub(super) fn step(args: &StepArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    site.ask(Request::Step { execution, mode: args.mode.into() })?;
    done(context, execution, &format!("{execution} goes on."))
}

/// Shows values.
pub(super) fn values(args: &ValuesArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    let row = site.row(execution)?;
    let ended = row.map(|row| row.status).filter(|status| status.is_final());
    let (values, held, status) = match ended {
        Some(status) => (last_values(&site, execution, args.at.as_ref())?, Vec::new(), status),
        None => match site.ask(Request::Inspect { execution, at: args.at.clone() })? {
            Reply::Values { values, held, status } => (values, held, status),
            _ => return Err(Failure::internal("the engine did not answer with values")),
        },
    };
    if context.output.json {
        let held: Vec<Value> =
            held.iter().map(|(step, id, reason)| json!({"step": step, "id": id, "reason": reason})).collect();
        context.output.document(&json!({"execution": execution, "status": status, "held": held, "values": values}))?;
    } else {
        context.output.pretty(&values)?;
    }
    Ok(Exit::Success)
}

/// The values with which an execution ended.
fn last_values(site: &Site, execution: ExecutionId, at: Option<&Address>) -> Result<Value, Failure> {
    let mut follower = site.follower(execution, &catalogue())?;
    follower.catch_up()?;
    let never = || Failure::not_found(format!("execution {execution} never began, so that it has no values"));
    follower.machine().map(|machine| machine.values_at(at)).ok_or_else(never)
}

/// Changes a value.
pub(super) fn set(args: &SetArgs, context: &Context) -> Result<Exit, Failure> {
    let (path, value) = load::input::read_assignment(&args.assignment)?;
    let (site, execution) = locate(&args.id, context)?;
    let words = format!("{path} is changed.");
    site.ask(Request::Edit { execution, path, value, at: args.at.clone() })?;
    done(context, execution, &words)
}

/// Debugs an execution that another process holds.
pub(super) fn debug(args: &OneArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    let folder = site.folder()?.to_owned();
    let runtime = wiring::runtime()?;
    let left = runtime.block_on(async {
        let client = owner::background(&folder).await?;
        client.call(Request::Debug { execution, on: true }).await?;
        let view = run::View { events: false, debug: true, cancels: false };
        let seen = run::follow(&client, &site, execution, &catalogue(), view, context).await?;
        if matches!(seen, run::Seen::Left | run::Seen::Terminated) {
            context.output.note(&format!("Left; come back with `akao executions debug {execution}`."));
        }
        Ok(seen.exit())
    });
    runtime.shutdown_background();
    left
}
