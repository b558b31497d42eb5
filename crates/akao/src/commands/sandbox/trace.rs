//! `akao sandbox trace`: runs a program as the user runs it, outside of any sandbox, and lists what it would need as an
//! external node.

mod needs;
mod place;
mod words;

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    stop::{Stop, Stops},
    wiring,
};
use akao_trace::{Bounds, Observed, Order, Stopper, TraceError};
use needs::{Ground, Needs};
use std::{error::Error, ffi::OsString, os::fd::AsFd, path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long processes may outlive the program's own.
const GRACE: Duration = Duration::from_secs(2);
/// How long a program may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Arguments of `akao sandbox trace`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The package's folder, else the current one; what is below it needs no permission.
    #[arg(long, value_name = "FOLDER")]
    package: Option<PathBuf>,
    /// The program and its arguments, after `--`. It runs as you, outside of any sandbox; what it prints goes to standard
    /// error.
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    command: Vec<OsString>,
}

/// Runs the program and prints what it would need.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let package = args.package.unwrap_or_else(|| PathBuf::from("."));
    let shown = package.display().to_string();
    let package = package
        .canonicalize()
        .map_err(|error| Failure::usage(format!("cannot find the folder {shown}")).because(&error))?;
    let mut words = args.command.into_iter();
    let Some(program) = words.next() else { return Err(Failure::usage("no program is named")) };
    let printed = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| Failure::storage("cannot pass standard error on").because(&error))?;
    let order = Order {
        program: program.clone(),
        arguments: words.collect(),
        search: std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect(),
        stdout: Some(printed),
        grace: GRACE,
        bounds: Bounds::default(),
    };
    let observed = wiring::runtime()?.block_on(follow(order))?;
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let needs = Needs::of(&observed, Ground { package: &package, home: home.as_deref() });
    if context.output.json {
        context.output.document(&needs)?;
    } else {
        words::print(&needs, &program.to_string_lossy(), &context.output)?;
    }
    Ok(Exit::Success)
}

/// Follows the program on a thread of its own, and ends it when somebody asks for an end.
async fn follow(order: Order) -> Result<Observed, Failure> {
    let mut stops = Stops::new()?;
    let stopper = Arc::new(Stopper::default());
    let traced = Arc::clone(&stopper);
    let mut work = tokio::task::spawn_blocking(move || akao_trace::trace(&order, &traced));
    // When the program is told to end, or killed if it was told before.
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            done = &mut work => {
                let done = done.map_err(|error| Failure::internal("the trace broke off").because(&error))?;
                return done.map_err(failed);
            }
            stop = stops.next() => match (stop, due) {
                // The terminal has told the program as well; it is given the time to listen.
                (Stop::Interrupt, None) => due = Some(Instant::now() + PATIENCE),
                (Stop::Hangup | Stop::Terminate, None) => {
                    stopper.ask();
                    due = Some(Instant::now() + PATIENCE);
                }
                (_, Some(_)) => stopper.kill(),
            },
            () = reached(due) => {
                if stopper.is_asked() { stopper.kill() } else { stopper.ask() }
                due = Some(Instant::now() + PATIENCE);
            }
        }
    }
}

/// Waits until then; for ever when there is no such time.
async fn reached(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// What a trace that could not be made tells the user.
fn failed(error: TraceError) -> Failure {
    let message = error.to_string();
    let (failure, hint) = match &error {
        TraceError::NotFound(_) => (
            Failure::not_found(message),
            "Write its path, such as ./main.py, or the name of a program that PATH leads to.",
        ),
        TraceError::NotRunnable(_) => (
            Failure::usage(message),
            "Run it by its interpreter, such as `-- python3 main.py`, or make it runnable with `chmod +x`.",
        ),
        TraceError::Forbidden(_) => (Failure::not_found(message), forbidden()),
        TraceError::Processor(_) => {
            (Failure::not_found(message), "Trace it on another machine; the permissions are the same.")
        }
        TraceError::Start(_) | TraceError::Lost(_) => (Failure::storage(message), "Run the program by itself first."),
    };
    let failure = failure.hint(hint);
    match error.source() {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}

/// The cure, as far as the machine says why.
fn forbidden() -> &'static str {
    match std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").as_deref().map(str::trim) {
        Ok("2") => "This machine lets only root trace (kernel.yama.ptrace_scope is 2): run it as root, or set it to 1.",
        Ok("3") => {
            "This machine lets nobody trace until it is started again (kernel.yama.ptrace_scope is 3): use another."
        }
        _ => {
            "In a container, start it with `--cap-add=SYS_PTRACE`; under a debugger, strace or another trace, run it without."
        }
    }
}
