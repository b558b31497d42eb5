//! `akao executions`: list executions, look into them and steer them.

pub(crate) mod debug;
pub(crate) mod debugger;
mod history;
mod list;
pub(crate) mod look;
mod steer;

use crate::{cli::Context, exit::Exit, failure::Failure, site::Site};
use akao_contract::ExecutionId;

/// What `akao executions` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List executions, newest first.
    List(list::Args),
    /// Show what waits for its turn.
    Queue(list::QueueArgs),
    /// Show the tree of an execution.
    Show(look::ShowArgs),
    /// Show what the steps wrote.
    Logs(look::LogsArgs),
    /// Print every event as a line of JSON.
    Events(look::EventsArgs),
    /// Send a signal.
    Signal(steer::SignalArgs),
    /// Ask an execution to end.
    Cancel(steer::CancelArgs),
    /// Start nothing new until it is resumed.
    Pause(steer::OneArgs),
    /// Go on after a pause, a breakpoint, an import or a missing secret.
    Resume(steer::ResumeArgs),
    /// Run the interpreter over the record and prove that it decides the same.
    Replay(history::ReplayArgs),
    /// Start a new execution from the state before a step.
    Fork(history::ForkArgs),
    /// Write an execution as one file.
    Export(history::ExportArgs),
    /// Take in an exported execution.
    Import(history::ImportArgs),
    /// Remove executions that have ended, each by its id.
    Remove(history::RemoveArgs),
    /// Remove executions that ended long ago.
    Prune(history::PruneArgs),
    /// Debug an execution: stop, look, change, go on.
    Debug(steer::OneArgs),
    /// Set a breakpoint, or clear it.
    Break(debug::BreakArgs),
    /// Go on to the next stop.
    Step(debug::StepArgs),
    /// Show the values that a step sees.
    Values(debug::ValuesArgs),
    /// Change a value of a paused execution.
    Set(debug::SetArgs),
}

/// Carries the command out.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => list::run(&args, context),
        Command::Queue(args) => list::queue(&args, context),
        Command::Show(args) => look::show(&args, context),
        Command::Logs(args) => look::logs(&args, context),
        Command::Events(args) => look::events(&args, context),
        Command::Signal(args) => steer::signal(&args, context),
        Command::Cancel(args) => steer::cancel(&args, context),
        Command::Pause(args) => steer::pause(&args, context),
        Command::Resume(args) => steer::resume(&args, context),
        Command::Replay(args) => history::replay(&args, context),
        Command::Fork(args) => history::fork(&args, context),
        Command::Export(args) => history::export(&args, context),
        Command::Import(args) => history::import(&args, context),
        Command::Remove(args) => history::remove(&args, context),
        Command::Prune(args) => history::prune(&args, context),
        Command::Debug(args) => debug::debug(&args, context),
        Command::Break(args) => debug::set_break(&args, context),
        Command::Step(args) => debug::step(&args, context),
        Command::Values(args) => debug::values(&args, context),
        Command::Set(args) => debug::set(&args, context),
    }
}

/// Where an execution is that a text names, and which one it is.
pub(crate) fn locate(id: &str, context: &Context) -> Result<(Site, ExecutionId), Failure> {
    let site = Site::of(context)?;
    let execution = site.find(id)?;
    Ok((site, execution))
}

/// Says that something was done.
pub(crate) fn done(context: &Context, execution: ExecutionId, words: &str) -> Result<Exit, Failure> {
    if context.output.json {
        context.output.document(&serde_json::json!({"execution": execution, "done": true}))?;
    } else {
        context.output.note(words);
    }
    Ok(Exit::Success)
}
