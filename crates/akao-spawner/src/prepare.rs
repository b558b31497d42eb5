//! The first half of a sandbox's life: all that is the same for every order. A prepared sandbox waits here.

use crate::{
    Stage, USER_INSIDE,
    base::{Base, NEW_ROOT, VIEW, make_folder, write_file},
    places, privileges, rules,
    sandbox::Birth,
    sys,
    wire::{self, BaseEntry, Failure},
};
use landlock::RulesetCreated;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{Mode, OFlags, open, symlink},
    io::{Errno, fcntl_dupfd_cloexec},
    mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, unmount},
    process::{DumpableBehavior, Signal, chdir, pivot_root, set_dumpable_behavior, set_parent_process_death_signal},
    system::{setdomainname, sethostname},
    thread::{Gid, Uid, UnshareFlags, set_thread_res_gid, set_thread_res_uid},
};

/// How many namespaces can be made inside, and how much of what the kernel counts by user can be taken: the files of
/// these names, and their values.
const QUOTAS: [(&str, &str); 10] = [
    ("max_user_namespaces", "0"),
    ("max_mnt_namespaces", "0"),
    ("max_pid_namespaces", "0"),
    ("max_net_namespaces", "0"),
    ("max_ipc_namespaces", "0"),
    ("max_uts_namespaces", "0"),
    ("max_cgroup_namespaces", "0"),
    ("max_time_namespaces", "0"),
    ("max_inotify_instances", "32"),
    ("max_inotify_watches", "8192"),
];

/// How likely the kernel takes a sandbox when memory runs out; the host's own processes have 0.
const KILLED_FIRST: &[u8] = b"800";

/// Descriptors that process 1 keeps start here, so that passed ones can have any smaller number.
pub(crate) const OWN_NUMBERS: i32 = 128;

/// Numbers of processes below this are given out once only: when all up to the bound have been used, the kernel begins again
/// here, so that a bound at or below it would leave a namespace without numbers once so many processes have come and gone.
pub(crate) const NUMBERS_USED_ONCE: u32 = 300;

/// What waits for an order.
pub(crate) struct Prepared {
    /// The bound on process numbers, open for writing; missing on kernels that have one bound for all.
    pub(crate) pid_max: Option<OwnedFd>,
    /// The rules on files for an order of the usual kind, without what it adds.
    pub(crate) rules: Option<RulesetCreated>,
}

/// Waits until the spawner has mapped ids and placed this process; ends when the spawner is gone.
pub(crate) fn wait_for_word(socket: &OwnedFd) {
    if !matches!(wire::receive(socket), Ok(Some(_))) {
        sys::exit_now(0);
    }
}

/// Leaves only `socket` open, by a number of process 1's own.
pub(crate) fn keep_only(socket: &OwnedFd) -> Result<OwnedFd, Errno> {
    let moved = fcntl_dupfd_cloexec(socket, OWN_NUMBERS)?;
    let number = moved.as_raw_fd() as u32;
    sys::close_range(3, number - 1)?;
    sys::close_range(number + 1, u32::MAX)?;
    Ok(moved)
}

/// Runs `work` while all numbers that an order may ask for are occupied, so that what it opens has none of them.
fn above_passed_numbers<T>(work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    let opened = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let null = fcntl_dupfd_cloexec(&opened, OWN_NUMBERS)?;
    drop(opened);
    for number in 3..OWN_NUMBERS as u32 {
        sys::place_descriptor(null.as_fd(), number)?;
    }
    let result = work();
    sys::close_range(3, OWN_NUMBERS as u32 - 1)?;
    result
}

/// Does all that needs no order.
pub(crate) fn prepare(birth: &Birth<'_>, socket: &OwnedFd) -> Result<Prepared, Failure> {
    let at = |stage| move |errno| Failure::new(stage, errno);
    become_user(socket).map_err(at(Stage::Credentials))?;
    // By now this process is in its group, which becomes the root of all that it can see of groups.
    sys::unshare(UnshareFlags::NEWCGROUP).map_err(at(Stage::ControlGroup))?;
    sethostname(b"akao").map_err(at(Stage::HostName))?;
    setdomainname(b"(none)").map_err(at(Stage::HostName))?;
    if birth.quotas {
        set_quotas().map_err(at(Stage::Quotas))?;
    }
    let pid_max = open("/proc/sys/kernel/pid_max", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    let pid_max = pid_max.and_then(|file| fcntl_dupfd_cloexec(&file, OWN_NUMBERS)).ok();
    make_root(birth.base).map_err(at(Stage::Root))?;
    mount_processes().map_err(at(Stage::Proc))?;
    enter_root().map_err(at(Stage::Pivot))?;
    privileges::bound().map_err(at(Stage::Privileges))?;
    places::make().map_err(at(Stage::Workspace))?;
    let kind = rules::Kind::usual(birth.landlock_abi, birth.grouped);
    let rules = above_passed_numbers(|| rules::make(&kind)).map_err(at(Stage::Landlock))?;
    birth.shelf.guard_ahead().map_err(at(Stage::Seccomp))?;
    Ok(Prepared { pid_max, rules })
}

/// Takes the sandbox's user, and ties this process to the spawner's life.
fn become_user(socket: &OwnedFd) -> Result<(), Errno> {
    // While the process still owns its own entry in the view of processes.
    write_file("/proc/self/oom_score_adj", KILLED_FIRST)?;
    let (user, group) = (Uid::from_raw(USER_INSIDE), Gid::from_raw(USER_INSIDE));
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    // A change of user clears this, so it comes after.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Had the spawner ended before the call above, nobody would send the signal; its end of the socket tells.
    let mut ends = [PollFd::new(socket, PollFlags::empty())];
    poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if ends[0].revents().contains(PollFlags::HUP) { Err(Errno::OWNERDEAD) } else { Ok(()) }
}

fn set_quotas() -> Result<(), Errno> {
    for (name, value) in QUOTAS {
        match write_file(&format!("/proc/sys/user/{name}"), value.as_bytes()) {
            // A kernel without that kind of thing has no quota for it.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// A root folder of this sandbox's own, filled with the shared trees.
fn make_root(base: &Base) -> Result<(), Errno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tmpfs", NEW_ROOT, "tmpfs", flags, c"mode=0755,size=256k,nr_inodes=2k")?;
    chdir(NEW_ROOT)?;
    for folder in ["proc", "tmp", "workspace", "etc", "dev"] {
        make_folder(folder)?;
    }
    mount_bind_recursive(format!("{VIEW}/etc"), "etc")?;
    mount_bind_recursive(format!("{VIEW}/dev"), "dev")?;
    for entry in &base.entries {
        match entry {
            // Trees below `etc` came along with it.
            BaseEntry::Tree(name) if name.contains('/') => {}
            BaseEntry::Tree(name) => {
                make_folder(name)?;
                mount_bind_recursive(format!("{VIEW}/{name}"), name)?;
            }
            BaseEntry::Link(name, target) => symlink(target, name)?,
        }
    }
    Ok(())
}

/// The view of processes: this namespace's only, nothing of the kernel's settings, and nothing to write: a program could
/// otherwise say of itself that the kernel should spare it when memory runs out.
fn mount_processes() -> Result<(), Errno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
    mount("proc", "proc", "proc", flags, c"subset=pid,hidepid=ptraceable")
}

fn enter_root() -> Result<(), Errno> {
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    for number in 0..3 {
        sys::place_descriptor(null.as_fd(), number)?;
    }
    Ok(())
}
