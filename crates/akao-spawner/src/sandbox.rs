//! The second half: an order reaches a prepared sandbox, which becomes it. What runs here is process 1 inside.
//!
//! Process 1 is ours until the end. It starts the program as process 2, takes in what that leaves behind, tells the
//! spawner how it ended, and ends itself, upon which the kernel ends all that is left.

use crate::{
    Stage,
    base::Base,
    network,
    payload::{Payload, Program},
    places,
    prepare::{self, NUMBERS_USED_ONCE, OWN_NUMBERS, Prepared},
    privileges,
    program::{find_programs, open_program},
    rules, seccomp, sys,
    watch::Watch,
    wire::{self, Event, Exit, Failure, Network, Order, Report, Workspace},
};
use landlock::RulesetCreated;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, FileType, Mode, OFlags, fstat, open},
    io::{Errno, fcntl_dupfd_cloexec},
    mount::{MoveMountFlags, move_mount},
    process::{Pid, Signal, kill_process},
    thread::CapabilitySet,
};
use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
    time::{Duration, Instant},
};

/// Bytes of the stack on which the last steps run.
const STACK_BYTES: usize = 256 * 1024;

/// How many ended processes are taken in before the time is looked at.
const TAKEN_IN_AT_ONCE: u32 = 32;

/// What process 1 knows from the spawner, from before its birth.
pub(crate) struct Birth<'a> {
    pub(crate) base: &'a Base,
    pub(crate) socket: OwnedFd,
    pub(crate) grouped: bool,
    pub(crate) quotas: bool,
    pub(crate) landlock_abi: i32,
    pub(crate) shelf: &'a mut seccomp::Shelf,
}

/// Lives the life of process 1.
pub(crate) fn live(birth: Birth<'_>) -> ! {
    let Ok(socket) = prepare::keep_only(&birth.socket) else { sys::exit_now(70) };
    prepare::wait_for_word(&socket);
    let prepared = prepare::prepare(&birth, &socket);
    let Ok(Some((bytes, descriptors))) = wire::receive(&socket) else { sys::exit_now(0) };
    let mut descriptors = descriptors.into_iter().map(|one| fcntl_dupfd_cloexec(&one, OWN_NUMBERS));
    let Some(Ok(status)) = descriptors.next() else { sys::exit_now(70) };
    let order = wire::decode::<Order>(&bytes).map_err(|errno| Failure::new(Stage::Order, errno));
    let descriptors =
        descriptors.collect::<Result<Vec<_>, _>>().map_err(|errno| Failure::new(Stage::Descriptors, errno));
    let made = prepared.and_then(|prepared| {
        let (order, descriptors) = (order?, descriptors?);
        let act = Act { order: &order, status: &status, grouped: birth.grouped, landlock_abi: birth.landlock_abi };
        let program = act.make(prepared, descriptors, birth.shelf)?;
        tell_running(&status).map_err(|errno| Failure::new(Stage::Workspace, errno))?;
        Ok((program, Watch::new(&order, birth.grouped)))
    });
    match made {
        Ok((program, watch)) => {
            drop(status);
            attend(program, watch, &socket)
        }
        Err(failure) => {
            // With nobody left to hear it, ending is all there is to do.
            let _ = wire::send(&status, &wire::encode(&Event::Failed(failure)), &[]);
            sys::exit_now(71)
        }
    }
}

/// Says that the program runs, and hands the owner the workspace, so that files can be given and taken without a path.
fn tell_running(status: &OwnedFd) -> Result<(), Errno> {
    let workspace = open(places::WORKSPACE, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    wire::send(status, &wire::encode(&Event::Running), &[workspace.as_fd()])
}

/// An order being carried out.
struct Act<'a> {
    order: &'a Order,
    status: &'a OwnedFd,
    grouped: bool,
    landlock_abi: i32,
}

impl Act<'_> {
    /// Makes the sandbox what the order says and starts the program; returns its process id.
    fn make(&self, prepared: Prepared, descriptors: Vec<OwnedFd>, shelf: &mut seccomp::Shelf) -> Result<u32, Failure> {
        let at = |stage| move |errno| Failure::new(stage, errno);
        let order = self.order;
        let mut descriptors = descriptors.into_iter();
        let trees: Vec<OwnedFd> = descriptors.by_ref().take(order.binds.len()).collect();
        // The places come first, since something may be shown within them.
        places::fit(order, &mut descriptors).map_err(at(Stage::Workspace))?;
        let writable = self.show_binds(&trees).map_err(at(Stage::Bind))?;
        self.open_network().map_err(at(Stage::Network))?;
        lock_root().map_err(at(Stage::Root))?;
        bound_numbers(prepared.pid_max, order.limits.pids).map_err(at(Stage::Quotas))?;
        reserve(&order.descriptors).map_err(at(Stage::Descriptors))?;
        let program = open_program(order, &mut descriptors).map_err(at(Stage::Execute))?;
        let programs = find_programs(order, &program);
        let rules = self.rules(prepared.rules, &writable, &programs).map_err(at(Stage::Landlock))?;
        let filters = (!order.weaken.is_some_and(|weaken| weaken.no_seccomp)).then(|| shelf.get(order, self.grouped));
        self.start(program, descriptors.collect(), rules, filters)
    }

    /// Attaches what is shown; returns the paths that may be written.
    fn show_binds(&self, trees: &[OwnedFd]) -> Result<Vec<String>, Errno> {
        let mut writable = Vec::new();
        for (bind, tree) in self.order.binds.iter().zip(trees) {
            let target = inside(&bind.target)?;
            let folder = FileType::from_raw_mode(fstat(tree)?.st_mode) == FileType::Directory;
            make_target(&target, folder)?;
            move_mount(tree, "", CWD, &target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
            if !bind.read_only {
                writable.push(target.to_str().ok_or(Errno::ILSEQ)?.to_owned());
            }
        }
        Ok(writable)
    }

    /// The rules on files: those made ahead where they fit.
    fn rules(
        &self,
        made_ahead: Option<RulesetCreated>,
        writable: &[String],
        programs: &[OwnedFd],
    ) -> Result<Option<RulesetCreated>, Errno> {
        let order = self.order;
        let kind = rules::Kind {
            abi: order.weaken.map_or(self.landlock_abi, |weaken| weaken.landlock_abi_max.min(self.landlock_abi)),
            allow_exec: order.allow_exec,
            no_network: order.network == Network::None,
            grouped: self.grouped,
        };
        let usual = kind == rules::Kind::usual(self.landlock_abi, self.grouped);
        let mut rules = if usual { made_ahead } else { rules::make(&kind)? };
        if let Some(rules) = &mut rules {
            let workspace = order.workspace == Workspace::Host;
            rules::extend(rules, &kind, &rules::Additions { writable, workspace, programs })?;
        }
        Ok(rules)
    }

    fn open_network(&self) -> Result<(), Errno> {
        let Network::Brokered { tcp_ports } = &self.order.network else { return Ok(()) };
        let sockets = network::open(tcp_ports)?;
        let sockets: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        wire::send(self.status, &wire::encode(&Event::Listening), &sockets)
    }

    fn start(
        &self,
        program: Program,
        descriptors: Vec<OwnedFd>,
        rules: Option<RulesetCreated>,
        filters: Option<&seccomp::Filters>,
    ) -> Result<u32, Failure> {
        let Self { order, grouped, .. } = *self;
        let start = Start {
            order,
            program,
            descriptors,
            rules,
            filters,
            grouped,
            outside: None,
            tasks_before: 0,
            reached: &[],
        };
        let pid = start.run();
        // This process keeps an eye on memory and locks, for which it must see processes that hide from their equals.
        privileges::keep(CapabilitySet::SYS_PTRACE).map_err(|errno| Failure::new(Stage::Privileges, errno))?;
        pid
    }
}

/// All that a program is started with.
pub(crate) struct Start<'a> {
    pub(crate) order: &'a Order,
    pub(crate) program: Program,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) rules: Option<RulesetCreated>,
    pub(crate) filters: Option<&'a seccomp::Filters>,
    pub(crate) grouped: bool,
    pub(crate) outside: Option<u32>,
    pub(crate) tasks_before: u64,
    pub(crate) reached: &'a [CString],
}

impl Start<'_> {
    /// Starts a process and waits until it has become the program; returns its number.
    pub(crate) fn run(self) -> Result<u32, Failure> {
        let order_failed = |errno| Failure::new(Stage::Order, errno);
        let arguments = strings(&self.order.arguments).map_err(order_failed)?;
        let environment = strings(&self.order.environment).map_err(order_failed)?;
        let folder = CString::new(self.order.working_folder.clone()).map_err(|_| order_failed(Errno::INVAL))?;
        let mut payload = Payload {
            order: self.order,
            program: self.program,
            arguments: sys::StringList::new(&arguments),
            environment: sys::StringList::new(&environment),
            working_folder: &folder,
            descriptors: self.descriptors,
            rules: self.rules,
            filters: self.filters,
            grouped: self.grouped,
            outside: self.outside,
            tasks_before: self.tasks_before,
            reached: self.reached,
        };
        sys::block_signals().map_err(|errno| Failure::new(Stage::Clone, errno))?;
        let mut stack = vec![0_u8; STACK_BYTES];
        let mut failure = None;
        let pid = sys::run_sharing_memory(&mut stack, &mut || {
            failure = Some(payload.become_program());
            127
        });
        let pid = pid.map_err(|errno| Failure::new(Stage::Clone, errno))?;
        match failure {
            Some(failure) => Err(failure),
            None => Ok(pid),
        }
    }
}

/// Takes in ended processes until the program itself has ended; then tells how, and ends all.
///
/// A program can leave ended processes faster than they are taken in, and so wake this process without end. Neither may
/// keep it from looking at memory when it is time to.
fn attend(program: u32, mut watch: Watch, socket: &OwnedFd) -> ! {
    loop {
        if watch.exceeded(Instant::now()) {
            tell(Exit::Signal(libc::SIGKILL), true, &watch, socket);
        }
        let mut taken = 0;
        while taken < TAKEN_IN_AT_ONCE
            && let Ok(Some(ended)) = sys::reap(None)
        {
            taken += 1;
            if ended.pid == program {
                let exceeded = watch.ended(ended.resident_kib_max);
                tell(exit_of(ended.status), exceeded, &watch, socket);
            }
        }
        let more = (taken == TAKEN_IN_AT_ONCE).then_some(Duration::ZERO);
        match sys::wait_for_signal(
            &[libc::SIGCHLD, libc::SIGTERM],
            Some(more.unwrap_or_else(|| watch.wait(Instant::now()))),
        ) {
            // A polite end is for the program to carry out.
            Ok(Some(libc::SIGTERM)) => {
                let target = Pid::from_raw(program as i32);
                let _ = target.map(|pid| kill_process(pid, Signal::TERM));
            }
            Ok(_) => {}
            Err(_) => sys::exit_now(72),
        }
    }
}

fn tell(exit: Exit, memory_exceeded: bool, watch: &Watch, socket: &OwnedFd) -> ! {
    let report = Report {
        exit: Some(exit),
        memory_exceeded,
        memory_bytes_peak: watch.memory_bytes_peak(),
        pids_peak: watch.pids_peak(),
        disk_full: exit != Exit::Code(0) && (exit == Exit::Signal(libc::SIGXFSZ) || watch.is_full()),
        ..Report::default()
    };
    // When the spawner is gone nobody asks any more.
    let _ = wire::send(socket, &wire::encode(&report), &[]);
    sys::exit_now(0)
}

pub(crate) fn exit_of(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) { Exit::Signal(libc::WTERMSIG(status)) } else { Exit::Code(libc::WEXITSTATUS(status)) }
}

/// The root folder takes no more changes.
fn lock_root() -> Result<(), Errno> {
    let root = open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    sys::set_mount_attributes(&root, libc::MOUNT_ATTR_RDONLY, false, None)
}

/// Bounds the numbers of processes, where the kernel keeps that bound for each namespace.
fn bound_numbers(file: Option<OwnedFd>, pids: u32) -> Result<(), Errno> {
    let Some(file) = file else { return Ok(()) };
    let most = NUMBERS_USED_ONCE.saturating_add(pids).saturating_add(2);
    match rustix::io::write(&file, most.to_string().as_bytes()) {
        // An older kernel has one bound for the whole host, which is not ours to change.
        Ok(_) | Err(Errno::PERM | Errno::ACCESS | Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Occupies the numbers that passed descriptors will get, so that nothing opened from here on has one of them.
pub(crate) fn reserve(numbers: &[u32]) -> Result<(), Errno> {
    // What is opened may itself get one of the numbers, so it moves away and lets go of it first.
    let opened = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let null = fcntl_dupfd_cloexec(&opened, OWN_NUMBERS)?;
    drop(opened);
    for number in numbers {
        if *number >= OWN_NUMBERS as u32 {
            return Err(Errno::BADF);
        }
        sys::place_descriptor(null.as_fd(), *number)?;
    }
    Ok(())
}

/// A target as an absolute path without steps upwards.
pub(crate) fn inside(target: &[u8]) -> Result<PathBuf, Errno> {
    let path = Path::new(OsStr::from_bytes(target));
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if path.is_absolute() && plain && path.parent().is_some() { Ok(path.to_owned()) } else { Err(Errno::INVAL) }
}

/// Makes the empty folder or file on which something is mounted. What is there already is taken as it is.
fn make_target(target: &Path, folder: bool) -> Result<(), Errno> {
    if target.symlink_metadata().is_ok() {
        return Ok(());
    }
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(crate::base::errno_of)?;
    }
    if folder {
        std::fs::create_dir(target).map_err(crate::base::errno_of)
    } else {
        std::fs::File::create_new(target).map(|_| ()).map_err(crate::base::errno_of)
    }
}

fn strings(texts: &[Vec<u8>]) -> Result<Vec<CString>, Errno> {
    texts.iter().map(|text| CString::new(text.clone()).map_err(|_| Errno::INVAL)).collect()
}
