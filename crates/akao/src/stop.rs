//! The signals by which somebody asks the program to end. What is done about them is decided by each command.

use crate::failure::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Somebody wants an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Ctrl-C.
    Interrupt,
    /// The terminal went away.
    Hangup,
    /// The system, or somebody who stops services, wants the process to end.
    Terminate,
}

/// Listens for all of them.
#[derive(Debug)]
pub(crate) struct Stops {
    interrupt: Signal,
    hangup: Signal,
    terminate: Signal,
}

impl Stops {
    /// Listens from now on; none of the signals ends the process by itself any more.
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::internal("cannot listen for signals").because(&error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// The next one. May be given up and asked for again.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.hangup.recv() => Stop::Hangup,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}
