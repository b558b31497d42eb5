//! A sandbox that runs, from its owner's side.

use crate::{
    counters::Counters,
    ended::Ended,
    error::{SpawnError, WaitError},
};
use akao_spawner::wire::{self, Event, Usage};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use std::{
    io,
    time::{Duration, Instant},
};

/// How long the making of a sandbox may take before it counts as failed.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// How long the first process of a sandbox without namespaces may take to end the others and itself.
const ANSWER_WITHIN: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// A process in its sandbox. Dropping it kills what is left.
#[derive(Debug)]
pub struct Sandboxed {
    id: u64,
    pid: u32,
    pidfd: OwnedFd,
    status: OwnedFd,
    counters: Counters,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    listeners: Option<Listeners>,
    workspace: Option<OwnedFd>,
    hash: [u8; 32],
    killed: bool,
    is_bare: bool,
    ended: Option<Ended>,
}

/// What listens inside a sandbox with a brokered network, to be served outside.
#[derive(Debug)]
pub struct Listeners {
    /// A listening socket for each port of TCP. The local address of an accepted connection is the one that was meant.
    pub tcp: Vec<(u16, OwnedFd)>,
    /// The socket on which names are asked. Its control messages tell the address that was meant.
    pub names: OwnedFd,
}

/// What is known of a sandbox while it is made.
#[derive(Default)]
struct Made {
    id: u64,
    pid: u32,
    pidfd: Option<OwnedFd>,
    counters: Counters,
    listeners: Option<Listeners>,
    workspace: Option<OwnedFd>,
}

/// The parts of a sandbox that its maker has.
pub(crate) struct Parts {
    pub(crate) status: OwnedFd,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
    pub(crate) ports: Vec<u16>,
    pub(crate) hash: [u8; 32],
    pub(crate) is_bare: bool,
}

impl Sandboxed {
    /// Follows the making of a sandbox until its program runs, or until it is clear that it never will.
    pub(crate) fn await_running(parts: Parts) -> Result<Self, SpawnError> {
        let until = Instant::now() + READY_WITHIN;
        let mut made = Made::default();
        loop {
            let event = match next_event(&parts.status, Some(until)) {
                Ok(event) => event,
                Err(WaitError::NotYet) => return Err(abandon(&made, parts.is_bare, SpawnError::Slow(READY_WITHIN))),
                Err(WaitError::Wait(cause)) => {
                    return Err(abandon(&made, parts.is_bare, SpawnError::SpawnerGone(cause)));
                }
                Err(WaitError::SpawnerGone) => {
                    return Err(SpawnError::SpawnerGone(io::ErrorKind::UnexpectedEof.into()));
                }
            };
            match event {
                (Event::Started { id, pid, counts }, descriptors) => {
                    let mut descriptors = descriptors.into_iter();
                    (made.id, made.pid, made.pidfd) = (id, pid, descriptors.next());
                    made.counters = Counters::new(counts.into_iter().zip(descriptors));
                }
                (Event::Listening, mut descriptors) => {
                    let names = descriptors.pop().ok_or_else(|| abandon(&made, parts.is_bare, unexpected()))?;
                    let tcp = parts.ports.iter().copied().zip(descriptors).collect();
                    made.listeners = Some(Listeners { tcp, names });
                }
                (Event::Failed(failure), _) => return Err(SpawnError::stage(failure)),
                (Event::Running, mut descriptors) => {
                    made.workspace = descriptors.pop();
                    break;
                }
                (Event::Ended(report), _) => return Err(SpawnError::EndedEarly(Ended::new(&report, false))),
            }
        }
        Ok(Self {
            id: made.id,
            pid: made.pid,
            pidfd: made.pidfd.ok_or_else(unexpected)?,
            counters: made.counters,
            listeners: made.listeners,
            workspace: made.workspace,
            status: parts.status,
            stdout: parts.stdout,
            stderr: parts.stderr,
            hash: parts.hash,
            killed: false,
            is_bare: parts.is_bare,
            ended: None,
        })
    }

    /// A number that no other sandbox of this launcher has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its first process, as the host numbers it. For display only: signals go by [`Self::pidfd`].
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The SHA-256 of the specification it was made from.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Its first process; readable when that has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Readable when [`Self::wait_until`] has something to say.
    pub fn status_fd(&self) -> BorrowedFd<'_> {
        self.status.as_fd()
    }

    /// What it writes to standard output, once.
    pub fn take_stdout(&mut self) -> Option<OwnedFd> {
        self.stdout.take()
    }

    /// What it writes to standard error, once.
    pub fn take_stderr(&mut self) -> Option<OwnedFd> {
        self.stderr.take()
    }

    /// What listens inside, once, if its network is brokered.
    pub fn take_listeners(&mut self) -> Option<Listeners> {
        self.listeners.take()
    }

    /// The folder that is `/workspace` inside, once: open as a place to start from (`O_PATH`). What is below belongs to
    /// the program; follow no link there.
    pub fn take_workspace(&mut self) -> Option<OwnedFd> {
        self.workspace.take()
    }

    /// Bytes of memory that its control group counts now; nothing where there is none.
    pub fn memory_now(&self) -> Option<u64> {
        self.counters.memory_now()
    }

    /// What it has used so far, by its control group; nothing where there is none.
    pub fn usage_now(&self) -> Option<Usage> {
        self.counters.usage()
    }

    /// Asks the program to end, by the signal `TERM`.
    pub fn terminate(&self) -> io::Result<()> {
        signal(&self.pidfd, Signal::TERM)
    }

    /// Kills it and everything in it.
    pub fn kill(&mut self) -> io::Result<()> {
        self.killed = true;
        end(&self.pidfd, self.is_bare)
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Result<Ended, WaitError> {
        self.wait_for_end(None)
    }

    /// Waits for its end, but not longer than until `deadline`; [`WaitError::NotYet`] then.
    pub fn wait_until(&mut self, deadline: Instant) -> Result<Ended, WaitError> {
        self.wait_for_end(Some(deadline))
    }

    fn wait_for_end(&mut self, deadline: Option<Instant>) -> Result<Ended, WaitError> {
        loop {
            if let Some(ended) = self.ended {
                return Ok(ended);
            }
            if let (Event::Ended(report), _) = next_event(&self.status, deadline)? {
                self.ended = Some(Ended::new(&report, self.killed));
            }
        }
    }
}

impl Drop for Sandboxed {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // What cannot be killed has ended.
            let _ = self.kill();
        }
    }
}

/// Kills what was made so far, and passes the reason on.
fn abandon(made: &Made, is_bare: bool, reason: SpawnError) -> SpawnError {
    if let Some(pidfd) = &made.pidfd {
        // What cannot be killed has ended.
        let _ = end(pidfd, is_bare);
    }
    reason
}

/// Ends a sandbox. Without a namespace of processes the first one has to end the others before itself, so it is asked; one that
/// does not answer, because it is stopped or waits for a file system, is killed, and the spawner does its work.
fn end(first: &OwnedFd, is_bare: bool) -> io::Result<()> {
    if !is_bare {
        return signal(first, Signal::KILL);
    }
    signal(first, Signal::USR1)?;
    let first = first.try_clone()?;
    let last_resort = move || {
        let mut ends = [PollFd::new(&first, PollFlags::IN)];
        // An error of the wait is no answer either.
        if poll(&mut ends, Some(&ANSWER_WITHIN)) != Ok(1) {
            let _ = pidfd_send_signal(&first, Signal::KILL);
        }
    };
    std::thread::Builder::new().name("akao-end".into()).spawn(last_resort).map(drop)
}

fn signal(first: &OwnedFd, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(first, signal) {
        // It has ended already, which is what was wanted.
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn unexpected() -> SpawnError {
    SpawnError::SpawnerGone(io::Error::new(io::ErrorKind::InvalidData, "the sandbox ended before its program ran"))
}

/// The next event on a status socket, with what came beside it.
fn next_event(status: &OwnedFd, deadline: Option<Instant>) -> Result<(Event, Vec<OwnedFd>), WaitError> {
    await_readable(status, deadline)?;
    let failed = |errno: Errno| WaitError::Wait(errno.into());
    let (bytes, descriptors) = wire::receive(status).map_err(failed)?.ok_or(WaitError::SpawnerGone)?;
    Ok((wire::decode(&bytes).map_err(failed)?, descriptors))
}

/// Waits until `socket` has something to read, or its other end is gone.
pub(crate) fn await_readable(socket: &OwnedFd, deadline: Option<Instant>) -> Result<(), WaitError> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Err(WaitError::NotYet),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(WaitError::Wait(errno.into())),
        }
    }
}
