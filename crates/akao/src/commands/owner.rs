//! `akao owner`: serves a data directory in the background until there is nothing left to do. Started by other commands.

use crate::{cli::Context, exit::Exit, failure::Failure, owner::Own, wiring};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// Arguments of `akao owner`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// An owner without work and clients ends after this long.
const IDLE_END: Duration = Duration::from_secs(3);

/// Between two looks at whether there is work.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Serves the data directory.
pub(crate) fn run(_: Args, context: &Context) -> Result<Exit, Failure> {
    // The owner outlives the terminal. A process that leads its group already has a session of its own.
    let _ = rustix::process::setsid();
    let folder = wiring::data_dir(context)?;
    let runtime = wiring::runtime()?;
    runtime.block_on(async {
        let Ok(own) = Own::open(&folder)? else {
            return Ok(Exit::Success);
        };
        wait_for_the_end(&own).await?;
        own.stop().await?;
        Ok(Exit::Success)
    })
}

/// Waits until there is nothing to do, somebody asks for the end, or the engine has failed.
async fn wait_for_the_end(own: &Own) -> Result<(), Failure> {
    let failed = |error| Failure::internal("cannot listen for signals").because(&error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut idle_since: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = own.server.stop_requested() => return Ok(()),
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        if own.has_failed() {
            return Ok(());
        }
        if own.server.clients() > 0 || !own.is_idle().await {
            idle_since = None;
        } else if idle_since.get_or_insert_with(Instant::now).elapsed() >= IDLE_END {
            return Ok(());
        }
    }
}
