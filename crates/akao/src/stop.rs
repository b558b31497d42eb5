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
    /// None where the process was begun to ignore it, as `nohup` does: whoever did so wants it to go on without the terminal.
    hangup: Option<Signal>,
    terminate: Signal,
}

/// Signals that this process ignores, one bit each, as Linux tells them.
const STATUS: &str = "/proc/self/status";

/// Whether this process ignores SIGHUP, which it has from whoever began it.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let bit = 1 << (SignalKind::hangup().as_raw_value() - 1);
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & bit != 0)
}

impl Stops {
    /// Listens from now on; none of the signals ends the process by itself any more.
    pub(crate) fn new() -> Result<Self, Failure> {
        // Listening would undo that it is ignored.
        let ignores_hangup = std::fs::read_to_string(STATUS).is_ok_and(|status| ignores_hangup(&status));
        let listen =
            |kind| signal(kind).map_err(|error| Failure::internal("cannot listen for signals").because(&error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            hangup: (!ignores_hangup).then(|| listen(SignalKind::hangup())).transpose()?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// The next one. May be given up and asked for again.
    pub(crate) async fn next(&mut self) -> Stop {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            () = hangup => Stop::Hangup,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask_of_the_system() {
        let status = |mask: &str| {
            format!("Name:\takao\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n")
        };
        assert!(ignores_hangup(&status("0000000000000001")) && ignores_hangup(&status("0000000000001001")));
        assert!(!ignores_hangup(&status("0000000000001000")) && !ignores_hangup(&status("x")) && !ignores_hangup(""));
    }
}
