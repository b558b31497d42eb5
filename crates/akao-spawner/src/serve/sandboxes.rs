//! The sandboxes that live or wait, from the spawner's side.

use super::at;
use crate::{
    Stage, USER_INSIDE,
    bare::{self, Bare},
    base::Base,
    cgroup::{Groups, Leaf},
    identity::{self, Identities},
    sandbox::{self, Birth},
    seccomp::Shelf,
    source, sys,
    wire::{self, Ended, Event, Failure, Limits, Order, Report, Settings, Usage, Workspace},
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags, open},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Signal, pidfd_send_signal},
};
use std::time::{Duration, Instant};

/// The namespaces that every sandbox has of its own; that of control groups follows once it is placed in one.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// After so many prepared sandboxes that ended by themselves, none is prepared ahead until an order comes.
const FAILURES_MAX: u32 = 3;
/// How often groups are emptied and removed when everything ends; a millisecond lies between.
const CLOSING_TRIES: u32 = 500;

/// On what sandboxes stand.
pub(super) enum Ground {
    /// Namespaces of their own.
    Namespaces(Base),
    /// None, where an operator accepts that.
    Bare(Bare),
}

impl Ground {
    fn is_rootless(&self) -> bool {
        match self {
            Self::Namespaces(base) => base.rootless,
            Self::Bare(bare) => bare.rootless,
        }
    }
}

/// A sandbox, prepared or alive.
struct Sandbox {
    id: u64,
    pid: u32,
    pidfd: OwnedFd,
    /// To its first process.
    socket: OwnedFd,
    /// To the owner; none while it waits in the pool.
    status: Option<OwnedFd>,
    outside: Option<u32>,
    leaf: Option<Leaf>,
    quotas: bool,
    deadline: Option<Instant>,
    overdue: bool,
    /// Whose it is, once it has an order.
    mark: Vec<u8>,
    /// Keeps its mounts from being taken apart while its owner waits for its end.
    mounts: Option<OwnedFd>,
}

/// A sandbox whose first process has ended, while something in its group has not.
struct Ending {
    leaf: Leaf,
    ended: Ended,
    status: Option<OwnedFd>,
    outside: Option<u32>,
}

/// All of them.
pub(super) struct Sandboxes {
    ground: Ground,
    groups: Groups,
    landlock_abi: i32,
    shelf: Shelf,
    identities: Identities,
    next_id: u64,
    pool_size: usize,
    failures: u32,
    all: Vec<Sandbox>,
    /// Those whose end cannot be told yet.
    ending: Vec<Ending>,
    /// Groups that still have to be removed.
    clearing: Vec<Leaf>,
    /// Mounts that still have to be taken apart.
    dismantling: Vec<OwnedFd>,
}

impl Sandboxes {
    pub(super) fn new(
        ground: Ground,
        groups: Groups,
        identities: Identities,
        landlock_abi: i32,
        settings: &Settings,
    ) -> Self {
        let is_bare = matches!(ground, Ground::Bare(_));
        let shelf = Shelf::new(!matches!(groups, Groups::Missing(_)), is_bare);
        Self {
            ground,
            groups,
            landlock_abi,
            shelf,
            identities,
            next_id: 1,
            // What is made without namespaces is made for one order.
            pool_size: if is_bare { 0 } else { settings.pool_size as usize },
            failures: 0,
            all: Vec::new(),
            ending: Vec::new(),
            clearing: Vec::new(),
            dismantling: Vec::new(),
        }
    }

    /// One descriptor for each sandbox, readable when it has ended.
    pub(super) fn pidfds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().map(|sandbox| sandbox.pidfd.as_fd())
    }

    /// Whether more should be prepared.
    pub(super) fn wants_more(&self) -> bool {
        let waiting = self.all.iter().filter(|sandbox| sandbox.status.is_none()).count();
        waiting < self.pool_size && self.failures < FAILURES_MAX
    }

    /// Prepares one more.
    pub(super) fn prepare_one(&mut self) {
        match self.make(true) {
            Ok(sandbox) => self.all.push(sandbox),
            Err(_) => self.failures += 1,
        }
    }

    /// The next wall limit.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.all.iter().filter(|sandbox| !sandbox.overdue).filter_map(|sandbox| sandbox.deadline).min()
    }

    /// Kills what is past its wall limit.
    pub(super) fn end_overdue(&mut self, now: Instant) {
        let overdue = |sandbox: &&mut Sandbox| !sandbox.overdue && sandbox.deadline.is_some_and(|at| at <= now);
        for sandbox in self.all.iter_mut().filter(overdue) {
            sandbox.overdue = true;
            kill(&self.ground, sandbox);
        }
    }

    /// Whether groups wait to become empty, or to be removed.
    pub(super) fn is_clearing(&self) -> bool {
        !self.clearing.is_empty() || !self.ending.is_empty()
    }

    /// Tells the ends that can be told by now, and removes the groups that can be removed.
    pub(super) fn clear(&mut self) {
        for ending in std::mem::take(&mut self.ending) {
            self.conclude(ending);
        }
        let groups = &self.groups;
        self.clearing.retain(|leaf| groups.remove(leaf).is_err());
        self.dismantling.clear();
        if let Ground::Bare(_) = self.ground {
            let known: Vec<u32> = self.all.iter().map(|sandbox| sandbox.pid).collect();
            bare::take_in_strangers(&known);
        }
    }

    /// Carries out an order, or says on its status socket why not.
    pub(super) fn take_order(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) {
        self.failures = 0;
        let mut descriptors = descriptors.into_iter();
        // Without a status socket nobody waits for an answer.
        let Some(status) = descriptors.next() else { return };
        if let Err(failure) = self.carry_out(bytes, &status, descriptors.collect()) {
            // An owner that has left meanwhile does not hear it.
            let _ = wire::send(&status, &wire::encode(&Event::Failed(failure)), &[]);
        }
    }

    fn carry_out(&mut self, bytes: &[u8], status: &OwnedFd, descriptors: Vec<OwnedFd>) -> Result<(), Failure> {
        let order: Order = wire::decode(bytes).map_err(at(Stage::Order))?;
        if order.descriptors_expected() != descriptors.len() + 1 {
            return Err(Failure::new(Stage::Order, Errno::BADMSG));
        }
        if order.weaken.is_some() && !cfg!(feature = "weaken") {
            return Err(Failure::new(Stage::Order, Errno::PERM));
        }
        let quotas = !order.weaken.is_some_and(|weaken| weaken.no_quotas);
        if let Ground::Bare(bare) = &self.ground {
            bare.check(&order, self.all.iter().map(|sandbox| sandbox.mark.as_slice()))?;
        }
        let ready = |sandbox: &Sandbox| sandbox.status.is_none() && !sandbox.overdue && sandbox.quotas == quotas;
        let mut sandbox = match self.all.iter().position(ready) {
            Some(index) => self.all.swap_remove(index),
            None => self.make(quotas)?,
        };
        let given = self.give(&mut sandbox, &order, bytes, status, descriptors);
        if given.is_err() {
            // It cannot go back to the pool, since it may have half of the order.
            sandbox.overdue = true;
            kill(&self.ground, &sandbox);
        }
        self.all.push(sandbox);
        given
    }

    /// Hands an order to a prepared sandbox.
    fn give(
        &self,
        sandbox: &mut Sandbox,
        order: &Order,
        bytes: &[u8],
        status: &OwnedFd,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        let (sources, rest) = descriptors.split_at(order.binds.len());
        let trees = match &self.ground {
            Ground::Namespaces(base) => source::open_binds(base, &order.binds, sources)?,
            Ground::Bare(_) => Vec::new(),
        };
        let mut passed = vec![status.as_fd()];
        passed.extend(if trees.is_empty() { sources } else { &trees }.iter().map(AsFd::as_fd));
        let (workspace, rest) = match (order.workspace, &self.ground) {
            (Workspace::Host, Ground::Namespaces(base)) => {
                (Some(workspace(base, sandbox, order, &rest[0])?), &rest[1..])
            }
            _ => (None, rest),
        };
        passed.extend(workspace.as_ref().map(AsFd::as_fd));
        passed.extend(rest.iter().map(AsFd::as_fd));
        if let Some(leaf) = &mut sandbox.leaf {
            leaf.limit(&order.limits).map_err(at(Stage::ControlGroup))?;
        }
        let copy = rustix::io::fcntl_dupfd_cloexec(status, 3).map_err(at(Stage::Order))?;
        let (counts, files): (Vec<_>, Vec<_>) =
            sandbox.leaf.as_ref().map(Leaf::files).unwrap_or_default().into_iter().unzip();
        let started = wire::encode(&Event::Started { id: sandbox.id, pid: sandbox.pid, counts });
        let beside: Vec<_> = std::iter::once(sandbox.pidfd.as_fd()).chain(files.iter().map(AsFd::as_fd)).collect();
        wire::send(status, &started, &beside).map_err(at(Stage::Order))?;
        wire::send(&sandbox.socket, bytes, &passed).map_err(at(Stage::Order))?;
        sandbox.status = Some(copy);
        sandbox.mark.clone_from(&order.mark);
        sandbox.deadline = Instant::now().checked_add(Duration::from_millis(order.limits.wall_ms));
        Ok(())
    }

    /// Makes the process of a sandbox, which prepares itself from there.
    fn make(&mut self, quotas: bool) -> Result<Sandbox, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let outside = match self.ground.is_rootless() {
            true => None,
            false => Some(self.identities.take().ok_or(Failure::new(Stage::Identity, Errno::AGAIN))?),
        };
        let made = self.make_with(id, outside, quotas);
        if made.is_err()
            && let Some(outside) = outside
        {
            self.identities.give_back(outside);
        }
        made
    }

    fn make_with(&mut self, id: u64, outside: Option<u32>, quotas: bool) -> Result<Sandbox, Failure> {
        let kind = SocketType::SEQPACKET;
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).map_err(at(Stage::Clone))?;
        let mut leaf = self.groups.leaf(id).map_err(at(Stage::ControlGroup))?;
        if let Some(Err(errno)) = leaf.as_mut().map(|leaf| leaf.limit(&Limits::DEFAULT)) {
            self.clearing.extend(leaf);
            return Err(Failure::new(Stage::ControlGroup, errno));
        }
        let child = match self.ground {
            Ground::Namespaces(_) => sys::clone_process(NAMESPACES, leaf.as_ref().and_then(Leaf::birthplace)),
            Ground::Bare(_) => sys::clone_plain(),
        };
        let (landlock_abi, shelf) = (self.landlock_abi, &mut self.shelf);
        let child = match (child, &self.ground) {
            (Ok(Some(child)), _) => child,
            (Ok(None), Ground::Namespaces(base)) => {
                sandbox::live(Birth { base, socket: theirs, grouped: leaf.is_some(), quotas, landlock_abi, shelf })
            }
            (Ok(None), Ground::Bare(bare)) => {
                bare::live(bare::Birth { bare, socket: theirs, id, outside, landlock_abi, shelf })
            }
            (Err(errno), _) => {
                self.clearing.extend(leaf);
                return Err(Failure::new(Stage::Clone, errno));
            }
        };
        let sandbox = Sandbox {
            id,
            pid: child.pid,
            pidfd: child.pidfd,
            socket,
            status: None,
            outside,
            leaf,
            quotas,
            deadline: None,
            overdue: false,
            mark: Vec::new(),
            mounts: None,
        };
        if let Ground::Bare(_) = self.ground {
            return Ok(sandbox);
        }
        match let_go_on(&sandbox) {
            Ok(mounts) => Ok(Sandbox { mounts, ..sandbox }),
            Err(failure) => {
                self.discard(sandbox);
                Err(failure)
            }
        }
    }

    /// Ends a sandbox that was never given to anybody; its id is given back by the caller.
    fn discard(&mut self, mut sandbox: Sandbox) {
        kill(&self.ground, &sandbox);
        sandbox.outside = None;
        sandbox.overdue = true;
        self.all.push(sandbox);
    }

    /// Takes in the sandboxes at `ended`, places in the order of [`Self::pidfds`].
    pub(super) fn take_in(&mut self, ended: &[usize]) {
        // From the back, so that removing one leaves the places of the others.
        for index in ended.iter().rev() {
            let sandbox = self.all.remove(*index);
            self.finish(sandbox);
        }
    }

    fn finish(&mut self, mut sandbox: Sandbox) {
        let reaped = sys::reap(Some(sandbox.pid)).ok().flatten();
        self.dismantling.extend(sandbox.mounts.take());
        if let Ground::Bare(bare) = &self.ground {
            let was_killed = reaped.as_ref().is_some_and(|reaped| libc::WIFSIGNALED(reaped.status));
            self.end_what_is_left(bare, &sandbox, was_killed);
        }
        let report = wire::receive_now(&sandbox.socket).ok().flatten();
        let report: Report = report.and_then(|(bytes, _)| wire::decode(&bytes).ok()).unwrap_or_default();
        let ended = Ended {
            exit: report.exit,
            deadline: sandbox.overdue && sandbox.status.is_some(),
            memory_exceeded: report.memory_exceeded,
            pids_refused: u64::from(report.pids_exceeded),
            disk_full: report.disk_full,
            usage: Usage {
                cpu_us: reaped.as_ref().map_or(0, |reaped| reaped.cpu_us),
                memory_bytes_peak: report
                    .memory_bytes_peak
                    .max(reaped.map_or(0, |reaped| reaped.resident_kib_max * 1024)),
                pids_peak: report.pids_peak,
            },
        };
        let (status, outside) = (sandbox.status, sandbox.outside);
        match sandbox.leaf {
            Some(leaf) => self.conclude(Ending { leaf, ended, status, outside }),
            None => self.tell(ended, status, outside),
        }
    }

    /// Ends what a supervisor left that was itself killed, and clears its folder away.
    fn end_what_is_left(&self, bare: &Bare, sandbox: &Sandbox, was_killed: bool) {
        let known: Vec<u32> = self.all.iter().map(|sandbox| sandbox.pid).collect();
        if was_killed {
            for _ in 0..CLOSING_TRIES {
                bare.end_orphans(sandbox.outside);
                if !bare::take_in_strangers(&known) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        // Mostly it is gone already; what cannot be removed goes with the whole folder.
        let _ = bare.clear_away(sandbox.id);
    }

    /// Tells an end once nothing is left of the sandbox; until then ends what is left, and keeps its user's id.
    fn conclude(&mut self, ending: Ending) {
        if !ending.leaf.is_empty() {
            ending.leaf.kill();
            self.ending.push(ending);
            return;
        }
        let Ending { leaf, mut ended, status, outside } = ending;
        let counted = leaf.counted();
        ended.usage = Usage {
            cpu_us: counted.cpu_us.unwrap_or(ended.usage.cpu_us),
            memory_bytes_peak: counted.memory_bytes_peak,
            pids_peak: counted.pids_peak,
        };
        ended.memory_exceeded |= counted.memory_kills > 0;
        ended.pids_refused = counted.pids_refused;
        self.clearing.push(leaf);
        self.tell(ended, status, outside);
    }

    fn tell(&mut self, ended: Ended, status: Option<OwnedFd>, outside: Option<u32>) {
        if let Some(outside) = outside {
            self.identities.give_back(outside);
        }
        match status {
            // An owner that has let go of the sandbox does not want to know.
            Some(status) => drop(wire::send(&status, &wire::encode(&Event::Ended(ended)), &[])),
            None => self.failures += 1,
        }
    }

    /// Kills everything, waits for its end, and removes all groups.
    pub(super) fn close(mut self) {
        self.all.iter().for_each(|sandbox| kill(&self.ground, sandbox));
        // One by one: what is still in the list is nobody's stranger.
        while let Some(sandbox) = self.all.pop() {
            let id = rustix::process::WaitId::PidFd(sandbox.pidfd.as_fd());
            let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
            // Ends with the process, which was killed above.
            let _ = rustix::process::waitid(id, options);
            self.finish(sandbox);
        }
        for _ in 0..CLOSING_TRIES {
            self.clear();
            if !self.is_clearing() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if let Ground::Bare(bare) = &self.ground {
            bare.close();
        }
        self.groups.close();
    }
}

fn workspace(base: &Base, sandbox: &Sandbox, order: &Order, folder: &OwnedFd) -> Result<OwnedFd, Failure> {
    let mapping = sandbox.outside.map(|outside| identity::mapping_for(folder, outside));
    let mapping = mapping.transpose().map_err(at(Stage::Workspace))?;
    source::open_workspace(base, folder, order.allow_exec, mapping.as_ref())
}

/// Maps ids, places the process in its group, and lets it prepare itself. Returns its mounts.
fn let_go_on(sandbox: &Sandbox) -> Result<Option<OwnedFd>, Failure> {
    identity::map(sandbox.pid, sandbox.outside.unwrap_or(USER_INSIDE)).map_err(at(Stage::IdMap))?;
    if let Some(leaf) = &sandbox.leaf {
        leaf.place(sandbox.pid).map_err(at(Stage::ControlGroup))?;
    }
    // Taking mounts apart waits for every processor. Without this it is done a little earlier, and that is all.
    let mounts = format!("/proc/{}/ns/mnt", sandbox.pid);
    let mounts = open(mounts, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok();
    wire::send(&sandbox.socket, b"go", &[]).map_err(at(Stage::Clone))?;
    Ok(mounts)
}

fn kill(ground: &Ground, sandbox: &Sandbox) {
    let signal = match ground {
        Ground::Namespaces(_) => Signal::KILL,
        // A supervisor ends what is below it, and then itself.
        Ground::Bare(_) => Signal::USR1,
    };
    // One that has ended already is taken in soon.
    let _ = pidfd_send_signal(&sandbox.pidfd, signal);
}
