//! The process that starts a program and stays beside it until all that it started is gone.
//!
//! It lives outside of the program's rules, so that it can count and end what is inside. Who wants the end sends it `USR1`, and so
//! does the kernel when the spawner ends; killing it would leave what is below it to the spawner.

use super::{
    Bare, KEPT, end_all,
    folders::{self, KEPT as FOLDERS},
    has,
    names::Names,
    shut_in,
    watch::{Passed, Watch},
};
use crate::{
    Stage, base,
    prepare::OWN_NUMBERS,
    privileges,
    program::{find_programs, open_program},
    rules,
    sandbox::{Start, exit_of, inside, reserve},
    seccomp, sys,
    wire::{self, Command, Event, Exit, Failure, Order, Report, Workspace},
};
use landlock::RulesetCreated;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::readlink,
    io::{Errno, fcntl_dupfd_cloexec},
    process::{
        DumpableBehavior, Signal, kill_process, set_child_subreaper, set_dumpable_behavior,
        set_parent_process_death_signal,
    },
};
use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, Instant},
};

/// How likely the kernel takes it when memory runs out, as in the other tiers.
const KILLED_FIRST: &[u8] = b"800";
/// What lies between two tries to end what has not ended yet.
const ENDING_STEP: Duration = Duration::from_millis(1);
/// How many ended processes are taken in before the time is looked at.
const TAKEN_IN_AT_ONCE: u32 = 32;

/// What a supervisor knows from the spawner, from before its birth.
pub(crate) struct Birth<'a> {
    pub(crate) bare: &'a Bare,
    pub(crate) socket: OwnedFd,
    /// The name of its folder.
    pub(crate) id: u64,
    pub(crate) outside: Option<u32>,
    pub(crate) landlock_abi: i32,
    pub(crate) shelf: &'a mut seccomp::Shelf,
}

/// A start being carried out, with everything it keeps open moved away from the numbers that an order may ask for.
struct Supervisor<'a> {
    birth: Birth<'a>,
    socket: OwnedFd,
    all: OwnedFd,
    view: Vec<OwnedFd>,
    name: String,
    /// Whether what can be killed from here is what is below, and something may be.
    is_narrow: bool,
}

/// Lives the life of a supervisor.
pub(crate) fn live(birth: Birth<'_>) -> ! {
    let Ok(mut supervisor) = Supervisor::new(birth) else { sys::exit_now(70) };
    let Ok(Some((bytes, descriptors))) = wire::receive(&supervisor.socket) else { sys::exit_now(0) };
    let mut descriptors = descriptors.into_iter().map(|one| fcntl_dupfd_cloexec(&one, OWN_NUMBERS));
    let Some(Ok(status)) = descriptors.next() else { sys::exit_now(70) };
    let made = wire::decode::<Order>(&bytes).map_err(|errno| Failure::new(Stage::Order, errno)).and_then(|order| {
        let descriptors = descriptors.collect::<Result<Vec<_>, _>>();
        let descriptors = descriptors.map_err(|errno| Failure::new(Stage::Descriptors, errno))?;
        let (program, folders) = supervisor.make(&order, descriptors)?;
        wire::send(&status, &wire::encode(&Event::Running), &[folders[0].as_fd()])
            .map_err(|errno| Failure::new(Stage::Workspace, errno))?;
        Ok((order, program, folders))
    });
    match made {
        Ok((order, program, folders)) => {
            drop(status);
            // A workspace that is a folder of the host has no limit of room but its file system's.
            let counted = &folders[usize::from(order.workspace == Workspace::Host)..];
            supervisor.attend(program, Watch::new(order.limits, counted))
        }
        Err(failure) => {
            supervisor.end();
            // With nobody left to hear it, ending is all there is to do.
            let _ = wire::send(&status, &wire::encode(&Event::Failed(failure)), &[]);
            sys::exit_now(71)
        }
    }
}

impl<'a> Supervisor<'a> {
    /// Keeps what it needs, and closes all else: what belongs to the spawner or to other supervisors must end with them.
    fn new(birth: Birth<'a>) -> Result<Self, Errno> {
        let moved = |descriptor: &OwnedFd| fcntl_dupfd_cloexec(descriptor, OWN_NUMBERS);
        let (socket, all) = (moved(&birth.socket)?, moved(&birth.bare.folder)?);
        let view = birth.bare.view.iter().map(moved).collect::<Result<Vec<_>, _>>()?;
        let mut kept: Vec<u32> = [&socket, &all].into_iter().chain(&view).map(|one| one.as_raw_fd() as u32).collect();
        kept.sort_unstable();
        let mut next = 3;
        for number in kept {
            sys::close_range(next, number - 1)?;
            next = number + 1;
        }
        sys::close_range(next, u32::MAX)?;
        let name = birth.id.to_string();
        Ok(Self { birth, socket, all, view, name, is_narrow: false })
    }

    /// Starts the program; returns its number and its folders.
    fn make(&mut self, order: &Order, descriptors: Vec<OwnedFd>) -> Result<(u32, Vec<OwnedFd>), Failure> {
        let at = |stage| move |errno| Failure::new(stage, errno);
        reserve(&order.descriptors).map_err(at(Stage::Descriptors))?;
        self.tie().map_err(at(Stage::Credentials))?;
        self.narrow()?;
        self.is_narrow = true;
        let outside = self.birth.outside;
        let mut descriptors = descriptors.into_iter();
        let shown: Vec<OwnedFd> = descriptors.by_ref().take(order.binds.len()).collect();
        let mut folders = folders::make(&self.all, &self.name, outside).map_err(at(Stage::Workspace))?;
        if order.workspace == Workspace::Host {
            folders[0] = descriptors.next().ok_or(Failure::new(Stage::Workspace, Errno::BADMSG))?;
        }
        let order = &self.names(order, &shown, &folders).map_err(at(Stage::Bind))?.applied(order);
        let program = open_program(order, &mut descriptors).map_err(at(Stage::Execute))?;
        let programs = self.inside(find_programs(order, &program), order, &shown).map_err(at(Stage::Execute))?;
        let rules = self.rules(order, &shown, &folders, &programs).map_err(at(Stage::Landlock))?;
        let tasks_before = if outside.is_some() { 0 } else { tasks_of_user().map_err(at(Stage::Limits))? };
        let filters = Some(self.birth.shelf.get(order, false));
        let descriptors = descriptors.collect();
        let rules = Some(rules);
        let reached = shown
            .iter()
            .map(|tree| CString::new(place_of(tree)?).map_err(|_| Errno::INVAL))
            .collect::<Result<Vec<_>, _>>();
        let reached = &reached.map_err(at(Stage::Bind))?;
        let start =
            Start { order, program, descriptors, rules, filters, grouped: false, outside, tasks_before, reached };
        Ok((start.run()?, folders))
    }

    /// Those programs that stand in what is shown: a package names its interpreters itself, and gets no other place by that.
    fn inside(&self, programs: Vec<OwnedFd>, order: &Order, shown: &[OwnedFd]) -> Result<Vec<OwnedFd>, Errno> {
        let places = self.view.iter().chain(shown).map(place_of).collect::<Result<Vec<_>, _>>()?;
        // Whoever gives the command as a descriptor has opened it.
        let given = usize::from(order.command == Command::Descriptor);
        let is_inside = |(at, program): &(usize, OwnedFd)| {
            let Ok(place) = place_of(program) else { return false };
            let place = Path::new(OsStr::from_bytes(&place)).to_owned();
            *at < given || places.iter().any(|shown| place.starts_with(OsStr::from_bytes(shown)))
        };
        Ok(programs.into_iter().enumerate().filter(is_inside).map(|(_, program)| program).collect())
    }

    /// Ties this process to the spawner's life and what is below it to its own.
    fn tie(&self) -> Result<(), Errno> {
        // While the process still owns its own entry in the view of processes.
        base::write_file("/proc/self/oom_score_adj", KILLED_FIRST)?;
        set_child_subreaper(Some(rustix::process::getpid()))?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        set_parent_process_death_signal(Some(Signal::USR1))?;
        // Had the spawner ended before the call above, nobody would send the signal; its end of the socket tells.
        let mut ends = [PollFd::new(&self.socket, PollFlags::empty())];
        poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        if ends[0].revents().contains(PollFlags::HUP) { Err(Errno::OWNERDEAD) } else { Ok(()) }
    }

    /// Gives up what is not needed to start, count and end the program.
    fn narrow(&self) -> Result<(), Failure> {
        if self.birth.outside.is_none() {
            return shut_in().map_err(|errno| Failure::new(Stage::Landlock, errno));
        }
        let privileged = privileges::bound().and_then(|()| privileges::keep(KEPT)).and_then(|()| has(KEPT));
        match privileged.map_err(|errno| Failure::new(Stage::Privileges, errno))? {
            true => Ok(()),
            false => Err(Failure::new(Stage::Privileges, Errno::PERM)),
        }
    }

    /// Where what the order names is really.
    fn names(&self, order: &Order, shown: &[OwnedFd], folders: &[OwnedFd]) -> Result<Names, Errno> {
        let mut names = Vec::new();
        for (bind, tree) in order.binds.iter().zip(shown) {
            inside(&bind.target)?;
            names.push((bind.target.clone(), place_of(tree)?));
        }
        for (name, folder) in FOLDERS.iter().zip(folders) {
            names.push((format!("/{name}").into_bytes(), place_of(folder)?));
        }
        Ok(Names::new(names))
    }

    fn rules(
        &self,
        order: &Order,
        shown: &[OwnedFd],
        folders: &[OwnedFd],
        programs: &[OwnedFd],
    ) -> Result<RulesetCreated, Errno> {
        let kind = rules::Kind {
            abi: self.birth.landlock_abi,
            allow_exec: order.allow_exec,
            no_network: true,
            grouped: false,
        };
        let bound = |read_only: bool| {
            order.binds.iter().zip(shown).filter(move |(bind, _)| bind.read_only == read_only).map(|(_, tree)| tree)
        };
        let view = rules::View {
            read: self.view.iter().chain(bound(true)).collect(),
            written: folders.iter().chain(bound(false)).collect(),
        };
        let mut rules = rules::make_bare(&kind, &view)?;
        rules::extend(&mut rules, &kind, &rules::Additions { writable: &[], workspace: false, programs })?;
        Ok(rules)
    }

    /// Takes in ended processes until the program itself has ended, a limit is passed, or the end is asked for.
    fn attend(&self, program: u32, mut watch: Watch<'_>) -> ! {
        loop {
            if let Some(passed) = watch.passed(Instant::now()) {
                self.tell(Some(Exit::Signal(libc::SIGKILL)), Some(passed), &watch);
            }
            let mut taken = 0;
            while taken < TAKEN_IN_AT_ONCE
                && let Ok(Some(ended)) = sys::reap(None)
            {
                taken += 1;
                if ended.pid == program {
                    let passed = watch.ended(ended.resident_kib_max);
                    self.tell(Some(exit_of(ended.status)), passed, &watch);
                }
            }
            let wait = if taken == TAKEN_IN_AT_ONCE { Duration::ZERO } else { watch.wait(Instant::now()) };
            match sys::wait_for_signal(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGUSR1], Some(wait)) {
                // A polite end is for the program to carry out.
                Ok(Some(libc::SIGTERM)) => {
                    let _ = super::pid(program).map(|pid| kill_process(pid, Signal::TERM));
                }
                Ok(Some(libc::SIGUSR1)) | Err(_) => self.tell(None, None, &watch),
                Ok(_) => {}
            }
        }
    }

    /// Ends all, and tells how it was.
    fn tell(&self, exit: Option<Exit>, passed: Option<Passed>, watch: &Watch<'_>) -> ! {
        end_below(self.birth.outside);
        // A limit that ended it is the one that is told; the others are only guessed where none did.
        let is_met = |limit, seems: bool| passed.map_or(seems, |passed| passed == limit);
        let report = Report {
            exit,
            memory_exceeded: passed == Some(Passed::Memory),
            memory_bytes_peak: watch.memory_bytes_peak,
            pids_peak: watch.pids_peak,
            pids_exceeded: is_met(Passed::Pids, watch.had_all_pids()),
            disk_full: is_met(Passed::Disk, exit == Some(Exit::Signal(libc::SIGXFSZ)) || watch.ended_full()),
        };
        self.clear_away();
        // When the spawner is gone nobody asks any more.
        let _ = wire::send(&self.socket, &wire::encode(&report), &[]);
        sys::exit_now(0)
    }

    /// Ends what was begun.
    fn end(&self) {
        // Before, nothing was started, and the call would reach further.
        if self.is_narrow {
            end_below(self.birth.outside);
        }
        self.clear_away();
    }

    fn clear_away(&self) {
        // What cannot be removed now is tried again when the spawner ends, with its whole folder.
        if let Ok(name) = CString::new(self.name.as_str()) {
            let _ = folders::remove(&self.all, &name);
        }
    }
}

/// Ends all that is below this process and takes it in.
fn end_below(outside: Option<u32>) {
    loop {
        end_all(outside);
        loop {
            match sys::reap(None) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // Nobody is left.
                Err(_) => return,
            }
        }
        std::thread::sleep(ENDING_STEP);
    }
}

/// The path of something open.
fn place_of(opened: &OwnedFd) -> Result<Vec<u8>, Errno> {
    Ok(readlink(format!("/proc/self/fd/{}", opened.as_raw_fd()), Vec::new())?.into_bytes())
}

/// How many tasks this process's user has, all of which the kernel counts against the limit of each.
fn tasks_of_user() -> Result<u64, Errno> {
    let user = rustix::process::getuid().as_raw();
    let processes = crate::watch::usage::numbers_in(std::path::Path::new("/proc")).map_err(|_| Errno::ACCESS)?;
    let mut tasks = 0;
    for process in processes {
        // One that ends meanwhile has no tasks.
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok())
        };
        if field("Uid:") == Some(user) {
            tasks += u64::from(field("Threads:").unwrap_or(1));
        }
    }
    Ok(tasks)
}
