//! Follows a program through all its processes and threads, until its own process has ended and a little longer.
//!
//! | a thread stops | then |
//! |---|---|
//! | before a call that matters | its arguments are kept |
//! | after it | what came of it is recorded |
//! | as another program | the program is recorded, and threads that are gone with it are forgotten |
//! | as a new process or thread | it is followed |
//! | for a signal | the signal is passed on |
//!
//! Each time it goes on at once. A program that stops itself goes on as well.

use crate::{
    Order, Stopper, TraceError,
    act::{Begun, Scene},
    calls,
    memory::Memory,
    observed::{Ended, Note, Observed, Record},
    registers,
    sockets::Partners,
    start,
};
use nix::sys::{ptrace, signal::Signal as NixSignal};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether processes that outlive the program's own have ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long killed processes may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// One thread.
#[derive(Debug)]
struct Thread {
    /// The process that it belongs to.
    process: i32,
    /// Whether the kernel is carrying out a call of it.
    inside: bool,
    /// That call, when it matters.
    call: Option<Begun>,
    /// Whether its program is for another kind of processor, whose calls cannot be read.
    foreign: bool,
}

struct Follower<'a> {
    main: Pid,
    stopper: &'a Stopper,
    grace: Duration,
    threads: BTreeMap<i32, Thread>,
    scene: Scene,
    ended: Option<Ended>,
    /// When those that are left are killed, once the program's own process has ended.
    deadline: Option<Instant>,
    killed: bool,
}

/// Follows the program whose stopped process is `main`.
pub(crate) fn follow(main: Pid, order: &Order, stopper: &Stopper) -> Result<Observed, TraceError> {
    let scene = Scene { record: Record::new(order.bounds), partners: Partners::default() };
    let mut follower = Follower {
        main,
        stopper,
        grace: order.grace,
        threads: BTreeMap::new(),
        scene,
        ended: None,
        deadline: None,
        killed: false,
    };
    if let Err(error) = follower.run() {
        follower.kill_all();
        return Err(TraceError::Lost(error));
    }
    let ended = follower.ended.unwrap_or(Ended::Signal(libc::SIGKILL));
    if follower.scene.record.became.is_empty() {
        // The shell has said 126 or 127, unless somebody ended it before.
        if let Ended::Code(_) = ended {
            return Err(TraceError::NotRunnable(order.program.clone()));
        }
    }
    Ok(follower.scene.record.finish(ended))
}

impl Follower<'_> {
    fn run(&mut self) -> std::io::Result<()> {
        loop {
            match wait(self.options()) {
                Ok(Some((thread, status))) => self.changed(thread, status)?,
                Ok(None) => thread::sleep(LOOK_EVERY),
                Err(Errno::INTR) => {}
                Err(Errno::CHILD) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
            match self.deadline {
                Some(deadline) if Instant::now() >= deadline && self.killed => return Ok(()),
                Some(deadline) if Instant::now() >= deadline => {
                    let left: BTreeSet<i32> = self.threads.values().map(|thread| thread.process).collect();
                    self.scene.record.note(Note::Killed(left.len() as u64));
                    self.kill_all();
                    self.deadline = Some(Instant::now() + GONE_WITHIN);
                }
                _ => {}
            }
        }
    }

    /// All threads that this thread follows and none of others', so that several programs can be followed at once.
    fn options(&self) -> WaitOptions {
        let known = (libc::__WALL | libc::__WNOTHREAD).cast_unsigned();
        let wanted = WaitOptions::from_bits_retain(known);
        if self.deadline.is_some() { wanted | WaitOptions::NOHANG } else { wanted }
    }

    fn kill_all(&mut self) {
        self.killed = true;
        let processes: BTreeSet<i32> = self.threads.values().map(|thread| thread.process).collect();
        for process in processes.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(process, Signal::KILL);
        }
    }

    fn changed(&mut self, thread: Pid, status: WaitStatus) -> std::io::Result<()> {
        let id = thread.as_raw_nonzero().get();
        let code = status.exit_status().map(Ended::Code);
        if let Some(ended) = code.or_else(|| status.terminating_signal().map(Ended::Signal)) {
            if let Some(known) = self.threads.remove(&id).filter(|known| known.process == id) {
                self.scene.partners.end(known.process);
            }
            if thread == self.main {
                self.ended = Some(ended);
                let grace = if self.stopper.is_asked() { Duration::ZERO } else { self.grace };
                self.deadline = Some(Instant::now() + grace);
            }
            return Ok(());
        }
        match status.stopping_signal() {
            Some(signal) => self.stopped(thread, signal, status.as_raw() >> 16),
            None => Ok(()),
        }
    }

    /// A thread has stopped: by `signal`, because of `event` when that is not 0.
    fn stopped(&mut self, thread: Pid, signal: i32, event: i32) -> std::io::Result<()> {
        self.meet(thread);
        let passed_on = match (signal, event) {
            (by_call, 0) if by_call == libc::SIGTRAP | 0x80 => {
                self.call(thread);
                None
            }
            (_, libc::PTRACE_EVENT_EXEC) => {
                self.became(thread);
                None
            }
            (signal, 0) => {
                let known = NixSignal::try_from(signal).ok();
                if known.is_none() {
                    self.scene.record.note(Note::SignalLost(signal));
                }
                known
            }
            _ => None,
        };
        match ptrace::syscall(start::nix(thread), passed_on) {
            // It was killed meanwhile, which the kernel tells next.
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes sure that a thread is known.
    fn meet(&mut self, thread: Pid) {
        let id = thread.as_raw_nonzero().get();
        self.threads.entry(id).or_insert_with(|| {
            let memory = Memory::of(thread);
            let process = memory.process().unwrap_or(id);
            Thread { process, inside: false, call: None, foreign: memory.is_foreign() }
        });
    }

    /// A call begins or ends.
    fn call(&mut self, thread: Pid) {
        let Some(known) = self.threads.get_mut(&thread.as_raw_nonzero().get()) else { return };
        known.inside = !known.inside;
        if known.foreign {
            return;
        }
        let memory = Memory::of(thread);
        if known.inside {
            // A thread that is gone has no registers; the kernel tells its end next.
            known.call = registers::read(start::nix(thread))
                .ok()
                .and_then(|found| calls::kind(found.number).map(|kind| Begun::new(kind, found.arguments, memory)));
        } else if let Some(call) = known.call.take()
            && let Ok(found) = registers::read(start::nix(thread))
        {
            self.scene.ended(call, found.result, memory, known.process);
        }
    }

    /// A process has become another program. It goes on as its first thread, whichever of its threads asked for it.
    fn became(&mut self, thread: Pid) {
        let id = thread.as_raw_nonzero().get();
        let former = ptrace::getevent(start::nix(thread)).ok().and_then(|former| i32::try_from(former).ok());
        let asked = former.filter(|former| *former != id).and_then(|former| self.threads.remove(&former));
        let Some(known) = self.threads.get_mut(&id) else { return };
        if let Some(asked) = asked {
            *known = asked;
        }
        let memory = Memory::of(thread);
        if let Some(program) = known.call.take().and_then(|call| call.program(memory)) {
            self.scene.record.program(program, thread == self.main);
        }
        known.foreign = memory.is_foreign();
        if let Some(program) = memory.program().filter(|_| known.foreign) {
            self.scene.record.note(Note::Foreign(program));
        }
        self.scene.partners.end(id);
    }
}
