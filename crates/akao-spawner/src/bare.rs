//! Starts without namespaces, for machines that allow none and operators who accept less.
//!
//! Nothing is hidden here; it is refused. Landlock opens the base view, what an order shows, and two folders of the start's own,
//! and nothing else. The filter of system calls leaves no socket, and no call that changes or watches files by their names.
//! There is never a network, and never a sandbox of one mark beside one of another.
//!
//! Process 1 of the other tiers is here a supervisor outside of the rules: all that the program starts stays below it, because
//! what loses its parent becomes its child, and it ends all of it by one call that nothing can outrun:
//!
//! | the spawner is | the program is | the call reaches | so it needs |
//! |---|---|---|---|
//! | a user | the same user | what is in the supervisor's scope of signals | Landlock of version 6 |
//! | root | a user that nothing else is | all of that user | some capabilities, Landlock of version 3 |
//!
//! When a supervisor itself is killed by somebody outside, the spawner does the same in its place.

mod folders;
mod names;
mod supervisor;
mod watch;

use crate::{
    Stage, privileges, rules, sys,
    watch::usage::numbers_in,
    wire::{Failure, Network, Order, Settings, Workspace},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    io::Errno,
    process::{Pid, set_child_subreaper},
    thread::{CapabilitySet, capabilities, set_no_new_privs},
};
use std::{ffi::CString, path::Path};

pub(crate) use folders::remove as remove_folder;
pub(crate) use supervisor::{Birth, live};

/// What supervisors of root keep: to become the program's user, to count its memory, to end it, and to clear its folders away.
const KEPT: CapabilitySet = CapabilitySet::SETUID
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER);

/// How long the process that kills is waited for.
const KILLER_WITHIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What starts need from the spawner.
pub(crate) struct Bare {
    /// Whether programs run as the spawner's own user.
    pub(crate) rootless: bool,
    /// The folder in which each start has its own, and its path.
    pub(crate) folder: OwnedFd,
    pub(crate) path: Vec<u8>,
    /// Trees and files of the host that every program may read.
    pub(crate) view: Vec<OwnedFd>,
}

impl Bare {
    /// Makes sure that this machine holds what such starts rest on. `view` are the descriptors beside the settings.
    pub(crate) fn begin(settings: &Settings, mut view: Vec<OwnedFd>, landlock_abi: i32) -> Result<Self, Failure> {
        let at = |stage| move |errno| Failure::new(stage, errno);
        let rootless = !rustix::process::geteuid().is_root();
        // Without its scope of signals a program could end whoever is about to end it.
        if landlock_abi < rules::SCOPES_FROM {
            return Err(Failure::new(Stage::Landlock, Errno::OPNOTSUPP));
        }
        // By this file supervisors find what is below them; without it nothing could be counted.
        children(std::process::id()).map_err(at(Stage::Proc))?;
        set_child_subreaper(Some(rustix::process::getpid())).map_err(at(Stage::Credentials))?;
        if rootless {
            shut_in().map_err(at(Stage::Landlock))?;
        } else if !has(KEPT).map_err(at(Stage::Privileges))? {
            return Err(Failure::new(Stage::Privileges, Errno::PERM));
        }
        let missing = || Failure::new(Stage::Order, Errno::BADMSG);
        let path = settings.bare.clone().ok_or_else(missing)?;
        let folder = view.pop().ok_or_else(missing)?;
        Ok(Self { rootless, folder, path, view })
    }

    /// Refuses what cannot be held here. `living` are the marks of the sandboxes that there are.
    pub(crate) fn check<'a>(&self, order: &Order, mut living: impl Iterator<Item = &'a [u8]>) -> Result<(), Failure> {
        if order.network != Network::None {
            return Err(Failure::new(Stage::Network, Errno::OPNOTSUPP));
        }
        if order.workspace == Workspace::Host && !self.rootless {
            return Err(Failure::new(Stage::Workspace, Errno::OPNOTSUPP));
        }
        if living.any(|mark| mark != order.mark) {
            return Err(Failure::new(Stage::Neighbours, Errno::BUSY));
        }
        Ok(())
    }

    /// Removes the folder of all starts, once the last has ended. One that is not empty is the next launcher's to remove.
    pub(crate) fn close(&self) {
        let _ = rustix::fs::rmdir(self.path.as_slice());
    }

    /// Removes the folder of a start that nothing runs of any more.
    pub(crate) fn clear_away(&self, id: u64) -> Result<(), Errno> {
        let name = CString::new(id.to_string()).map_err(|_| Errno::INVAL)?;
        folders::remove(&self.folder, &name)
    }

    /// Ends what a supervisor left behind that did not end by itself. Without root that is everything below the spawner, since
    /// nothing tells whose an orphan is before it could have another child.
    pub(crate) fn end_orphans(&self, outside: Option<u32>) {
        end_all(outside);
    }
}

/// Enters a scope out of which no signal leads, and makes sure that it holds: what is killed in reach later must be ours.
fn shut_in() -> Result<(), Errno> {
    set_no_new_privs(true)?;
    rules::restrict_signals()?;
    let parent = rustix::process::getppid().ok_or(Errno::SRCH)?;
    match rustix::process::test_kill_process(parent) {
        Err(Errno::PERM) => Ok(()),
        Err(errno) => Err(errno),
        Ok(()) => Err(Errno::OPNOTSUPP),
    }
}

fn has(wanted: CapabilitySet) -> Result<bool, Errno> {
    Ok(capabilities(None)?.effective.contains(wanted))
}

/// Kills all that a supervisor's program and its children are: those of the user `outside`, or those in this process's scope.
fn end_all(outside: Option<u32>) {
    match outside {
        None => sys::kill_all_in_reach(),
        // A process of that user reaches that user's only.
        Some(id) => match sys::clone_plain() {
            Ok(None) => {
                if becomes_only(id).is_ok() {
                    sys::kill_all_in_reach();
                }
                sys::exit_now(0);
            }
            Ok(Some(killer)) => take_in_killer(&killer),
            // The next try may make one.
            Err(_) => {}
        },
    }
}

/// Waits for the process that kills, or it would be the one child that is always left. Should somebody have stopped it, it is
/// taken in later with the others.
fn take_in_killer(killer: &sys::Child) {
    let mut ends = [PollFd::new(&killer.pidfd, PollFlags::IN)];
    let _ = poll(&mut ends, Some(&KILLER_WITHIN));
    let _ = sys::reap(Some(killer.pid));
}

/// Becomes a user without any right, and makes sure of it: with one, a signal to all in reach would reach the whole machine.
fn becomes_only(id: u32) -> Result<(), Errno> {
    crate::payload::become_user(id)?;
    privileges::drop_all()?;
    let held = capabilities(None)?;
    let powerless = held.effective.is_empty() && held.permitted.is_empty();
    let changed = rustix::process::getuid().as_raw() == id && rustix::process::geteuid().as_raw() == id;
    if powerless && changed && id != 0 { Ok(()) } else { Err(Errno::PERM) }
}

/// The children of a process, by all of its threads. One that has ended has none.
fn children(process: u32) -> Result<Vec<u32>, Errno> {
    let tasks = format!("/proc/{process}/task");
    let threads = numbers_in(Path::new(&tasks)).map_err(|_| Errno::ACCESS)?;
    let mut found = Vec::new();
    for thread in threads {
        match std::fs::read_to_string(format!("{tasks}/{thread}/children")) {
            Ok(text) => found.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok())),
            // It has ended meanwhile; where the kernel has no such file at all, the thread is still there.
            Err(_) if !Path::new(&format!("{tasks}/{thread}")).exists() => {}
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {}
            Err(error) => return Err(crate::base::errno_of(error)),
        }
    }
    Ok(found)
}

/// Takes in ended children of this process that are none of `known`; says whether others than `known` are left.
pub(crate) fn take_in_strangers(known: &[u32]) -> bool {
    let own = children(std::process::id()).unwrap_or_default();
    let strangers: Vec<u32> = own.into_iter().filter(|pid| !known.contains(pid)).collect();
    // One that has not ended yet stays.
    strangers.iter().any(|pid| !matches!(sys::reap(Some(*pid)), Ok(Some(_)) | Err(_)))
}

/// A process of this spawner that is alive or not yet taken in.
fn pid(number: u32) -> Option<Pid> {
    Pid::from_raw(number as i32)
}
