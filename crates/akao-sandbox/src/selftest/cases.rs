//! The table of cases: a number of the catalogue, an act of the probe, and what must come of it.
//!
//! A number occurs several times when the catalogue names several ways. `control` is an act with the same meaning that
//! is harmless outside and has another outcome there; the tests run it, so that no case holds for want of trying.

use crate::{ended::Cause, tier::Tier};

/// One thing that is tried.
#[derive(Debug)]
pub struct Case {
    /// The number in the catalogue.
    pub number: u8,
    /// What is tried.
    pub name: &'static str,
    /// What the probe does.
    pub act: &'static [&'static str],
    /// Where it does it.
    pub place: Place,
    /// What must come of it.
    pub expected: Expected,
    /// What shows, as root outside, that the act is worth trying; empty where that would harm the machine. `{folder}`
    /// stands for a folder that nobody else can reach, since a name that others know could be a link of theirs.
    pub control: &'static [&'static str],
    /// The least that a machine must reach for this to be promised.
    pub least_tier: Tier,
}

/// Under which specification a case is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The defaults.
    Usual,
    /// With a brokered network.
    Brokered,
    /// With small limits.
    Tight,
    /// With a short wall limit.
    Short,
    /// With little memory and much room in files.
    Memory,
}

/// What must come of a case.
#[derive(Debug)]
pub enum Expected {
    /// One of these lines.
    Line(&'static [&'static str]),
    /// Denied, with one of these errors.
    Denied(&'static [&'static str]),
    /// Several tries, each with one of these errors.
    Words(&'static [&'static str]),
    /// Done at least once and at most so often, then refused with this error.
    Refused(u64, &'static str),
    /// It ends so.
    Ends(&'static [Cause]),
    /// It ends so, or is denied with one of these errors.
    Contained(&'static [Cause], &'static [&'static str]),
}

use Expected::{Contained, Denied, Ends, Line, Refused, Words};
use Place::{Brokered, Memory, Short, Tight, Usual};

/// Nothing is there.
const ABSENT: Expected = Denied(&["ENOENT"]);
/// The filter of system calls, or the lack of a capability.
const FORBIDDEN: Expected = Denied(&["EPERM"]);
/// The same for several calls.
const ALL_FORBIDDEN: Expected = Words(&["EPERM"]);
/// A read-only mount, or Landlock, whichever comes first.
const READ_ONLY: Expected = Denied(&["EROFS", "EACCES"]);

const fn case(
    number: u8,
    name: &'static str,
    act: &'static [&'static str],
    place: Place,
    expected: Expected,
    control: &'static [&'static str],
) -> Case {
    Case { number, name, act, place, expected, control, least_tier: Case::ANYWHERE }
}

/// A case whose control is the act itself.
const fn same(number: u8, name: &'static str, act: &'static [&'static str], place: Place, expected: Expected) -> Case {
    case(number, name, act, place, expected, act)
}

/// Every case of the self-test, by number.
#[rustfmt::skip]
pub const CASES: &[Case] = &[
    // Files and mounts.
    same(1, "read the host's passwords", &["read", "/etc/shadow"], Usual, ABSENT),
    same(1, "list root's home", &["list", "/root"], Usual, ABSENT),
    same(1, "list the host's variable files", &["list", "/var"], Usual, ABSENT),
    same(2, "read through the root of process 1", &["read", "/proc/1/root/etc/shadow"], Usual, ABSENT),
    same(2, "read through one's own root", &["read", "/proc/self/root/etc/shadow"], Usual, ABSENT),
    same(2, "read through steps upwards", &["read", "/proc/self/cwd/../../../../../../etc/shadow"], Usual, ABSENT),
    case(3, "read through a link", &["symlink-read", "/workspace/link", "/etc/shadow"], Usual, ABSENT, &["read", "/etc/shadow"]),
    case(4, "name a read-only file anew", &["hardlink", "/usr/bin/env", "/workspace/copy"], Usual, Denied(&["EXDEV", "EROFS", "EPERM", "EACCES"]), &[]),
    same(8, "write a program", &["open-write", "/usr/bin/env"], Usual, READ_ONLY),
    case(8, "write the resolver's settings", &["open-write", "/etc/resolv.conf"], Usual, READ_ONLY, &["open-write", "/etc/passwd"]),
    case(8, "make a file in the root folder", &["append", "/new-file"], Usual, READ_ONLY, &["append", "{folder}/control"]),
    case(9, "mount", &["mount", "tmpfs", "/tmp"], Usual, FORBIDDEN, &[]),
    same(9, "mount by the newer calls", &["call", "fsopen", "open_tree", "move_mount", "mount_setattr", "umount2"], Usual, ALL_FORBIDDEN),
    same(10, "change the root folder", &["call", "pivot_root", "chroot"], Usual, ALL_FORBIDDEN),
    same(13, "open by handle", &["call", "open_by_handle_at", "name_to_handle_at"], Usual, ALL_FORBIDDEN),
    same(14, "set the core pattern", &["open-write", "/proc/sys/kernel/core_pattern"], Usual, ABSENT),
    same(14, "set the module loader", &["open-write", "/proc/sys/kernel/modprobe"], Usual, ABSENT),
    same(14, "set the host's name", &["open-write", "/proc/sys/kernel/hostname"], Usual, ABSENT),
    same(15, "press the kernel's keys", &["open-write", "/proc/sysrq-trigger"], Usual, ABSENT),
    same(15, "read the kernel's messages", &["open-write", "/proc/kmsg"], Usual, ABSENT),
    same(15, "read the kernel's symbols", &["read", "/proc/kallsyms"], Usual, ABSENT),
    same(15, "read the keys", &["read", "/proc/keys"], Usual, ABSENT),
    same(15, "list the devices", &["list", "/sys"], Usual, ABSENT),
    same(16, "read the environment of process 1", &["read", "/proc/1/environ"], Usual, ABSENT),
    same(16, "read the maps of process 1", &["read", "/proc/1/maps"], Usual, ABSENT),
    same(16, "list the descriptors of process 1", &["list", "/proc/1/fd"], Usual, ABSENT),
    case(17, "make a block device", &["device", "block", "/workspace/d"], Usual, Denied(&["EPERM", "EACCES"]), &["device", "block", "{folder}/control-block"]),
    case(17, "make a character device", &["device", "character", "/workspace/d"], Usual, Denied(&["EPERM", "EACCES"]), &["device", "character", "{folder}/control-character"]),
    same(17, "open the memory device", &["open-write", "/dev/mem"], Usual, ABSENT),
    same(17, "open the virtual machine device", &["read", "/dev/kvm"], Usual, ABSENT),
    case(18, "write one's own program", &["open-write", "/proc/self/exe"], Usual, Denied(&["ETXTBSY", "EROFS", "EACCES", "EPERM"]), &[]),
    case(18, "write the program of process 1", &["open-write", "/proc/1/exe"], Usual, ABSENT, &[]),
    case(21, "run a file of the workspace", &["copy-run", "/workspace/p"], Usual, Denied(&["EACCES"]), &["copy-run", "{folder}/control-program"]),
    case(21, "run a file of /tmp", &["copy-run", "/tmp/p"], Usual, Denied(&["EACCES"]), &["copy-run", "{folder}/control-program"]),
    case(21, "run a file of shared memory", &["copy-run", "/dev/shm/p"], Usual, Denied(&["EACCES"]), &["copy-run", "{folder}/control-program"]),
    case(19, "make programs that gain rights", &["gain-bits", "/workspace"], Usual, ALL_FORBIDDEN, &["gain-bits", "{folder}"]),
    same(21, "run another program", &["run", "/usr/bin/true"], Usual, Denied(&["EACCES"])),
    same(22, "run a file in memory", &["memory-run"], Usual, FORBIDDEN),
    case(23, "fill /tmp", &["fill", "/tmp"], Tight, Denied(&["ENOSPC"]), &[]),
    case(23, "fill the workspace", &["fill", "/workspace"], Tight, Denied(&["ENOSPC"]), &[]),
    case(23, "fill shared memory", &["fill", "/dev/shm"], Tight, Denied(&["ENOSPC"]), &[]),
    case(23, "fill the names", &["many-files", "/workspace", "1000000"], Tight, Denied(&["ENOSPC"]), &[]),
    case(24, "make a huge file", &["sparse", "/workspace/s", "1000000000000"], Usual, Denied(&["EFBIG", "EINVAL"]), &[]),
    case(26, "mount folders over each other", &["mount", "overlay", "/tmp"], Usual, FORBIDDEN, &["mount", "overlay", "{folder}"]),
    case(26, "mount a file system of one's own", &["mount", "fuse", "/tmp"], Usual, FORBIDDEN, &["mount", "fuse", "{folder}"]),
    same(26, "open the device for file systems of one's own", &["open-write", "/dev/fuse"], Usual, ABSENT),
    case(27, "give a file capabilities", &["set-capability", "/workspace/c"], Usual, FORBIDDEN, &["set-capability", "{folder}/control-capability"]),
    same(27, "give files settings that outlast it", &["call", "file-flags", "file-flags-extended", "folder-encryption", "folder-key", "file-seal"], Usual, ALL_FORBIDDEN),
    same(28, "watch all files", &["call", "fanotify_init"], Usual, ALL_FORBIDDEN),
    same(19, "open files by a call whose mode nobody reads", &["call", "openat2"], Usual, Words(&["ENOSYS"])),
    // Privileges, namespaces, the kernel's surface.
    same(29, "leave for a new user namespace", &["unshare", "user"], Usual, FORBIDDEN),
    same(29, "leave for new mounts", &["unshare", "mnt"], Usual, FORBIDDEN),
    same(29, "make a process in a new user namespace", &["clone", "user"], Usual, FORBIDDEN),
    same(29, "the newer call for processes", &["call", "clone3"], Usual, Words(&["ENOSYS"])),
    case(30, "join a namespace", &["join", "/proc/self/ns/net"], Usual, FORBIDDEN, &["join", "/proc/self/ns/net"]),
    same(31, "trace a process", &["call", "ptrace"], Usual, ALL_FORBIDDEN),
    same(32, "read another's memory or descriptors", &["call", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"], Usual, ALL_FORBIDDEN),
    case(33, "end process 1", &["kill-first"], Usual, Line(&["done alive"]), &[]),
    same(33, "signal process 1", &["call", "first-signal", "first-thread-signal", "first-group-signal", "first-queue", "first-thread-queue", "first-descriptor"], Usual, ALL_FORBIDDEN),
    case(33, "signal process 1 by a socket", &["signal-by-socket"], Usual, Line(&["done alive"]), &[]),
    case(33, "signal a process of the host", &["kill", "99999", "0"], Usual, Denied(&["ESRCH", "EPERM"]), &[]),
    case(34, "raise capabilities", &["raise-capabilities"], Usual, FORBIDDEN, &["call", "secure-bits"]),
    same(34, "keep capabilities across programs", &["call", "ambient-raise", "secure-bits"], Usual, ALL_FORBIDDEN),
    same(34, "have capabilities", &["status", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"], Usual, Words(&["0000000000000000"])),
    same(34, "become root", &["call", "setuid-root"], Usual, Words(&["EINVAL", "EPERM"])),
    same(35, "be without the marks of restriction", &["status", "NoNewPrivs", "Seccomp"], Usual, Line(&["done 1 2"])),
    case(35, "take the restrictions off", &["call", "new-privileges-clear"], Usual, Words(&["EINVAL"]), &[]),
    case(35, "take the filter off", &["no-filter"], Usual, Denied(&["EINVAL", "EPERM"]), &[]),
    same(36, "asynchronous rings", &["call", "io_uring_setup", "io_uring_enter"], Usual, Words(&["ENOSYS"])),
    same(37, "programs in the kernel, counters, faults, keys", &["call", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key"], Usual, ALL_FORBIDDEN),
    #[cfg(target_arch = "x86_64")]
    same(38, "call by x32 numbers", &["foreign-numbers", "x32"], Usual, Line(&["done signal 31"])),
    #[cfg(target_arch = "x86_64")]
    same(38, "call by 32-bit numbers", &["foreign-numbers", "ia32"], Usual, Line(&["done signal 31"])),
    same(39, "type into a terminal", &["terminal", "21522"], Usual, FORBIDDEN),
    same(39, "the same with the upper half set", &["terminal", "4294988818"], Usual, FORBIDDEN),
    same(39, "type by the console's request", &["terminal", "21532"], Usual, FORBIDDEN),
    same(40, "let a listener decide", &["call", "seccomp-listener"], Usual, ALL_FORBIDDEN),
    same(40, "add a filter that writes the host's log", &["call", "further-filter", "further-filter-by-prctl"], Usual, ALL_FORBIDDEN),
    same(41, "make addresses predictable", &["call", "personality-randomize", "personality-read-exec"], Usual, ALL_FORBIDDEN),
    same(42, "load modules", &["call", "init_module", "finit_module", "delete_module"], Usual, ALL_FORBIDDEN),
    same(42, "run the machine", &["call", "kexec_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "settimeofday", "clock_settime"], Usual, ALL_FORBIDDEN),
    case(43, "mount control groups", &["mount", "cgroup2", "/tmp"], Usual, FORBIDDEN, &[]),
    same(43, "list control groups", &["list", "/sys/fs/cgroup"], Usual, ABSENT),
    case(44, "write control groups", &["open-write", "/proc/self/cgroup"], Usual, READ_ONLY, &[]),
    case(45, "have descriptors left open", &["descriptors"], Usual, Line(&["done 0 1 2"]), &[]),
    case(46, "see the daemon's environment", &["environment"], Usual, Line(&["done"]), &[]),
    same(47, "see the host's name", &["host-names"], Usual, Line(&["done akao (none)"])),
    case(47, "see the machine's identity", &["read", "/etc/machine-id"], Usual, ABSENT, &[]),
    same(47, "see the boot's identity", &["read", "/proc/sys/kernel/random/boot_id"], Usual, ABSENT),
    same(48, "read the kernel's log", &["call", "syslog"], Usual, ALL_FORBIDDEN),
    same(51, "meet in shared memory or queues", &["call", "shmget", "msgget", "semget", "mq_open"], Usual, ALL_FORBIDDEN),
    same(52, "connect to an abstract name", &["connect-abstract", "akao-nobody-listens"], Usual, FORBIDDEN),
    same(52, "send to others by a socket of a pair", &["pair", "datagrams"], Usual, FORBIDDEN),
    case(52, "talk within by a pair", &["pair", "stream"], Usual, Line(&["done"]), &[]),
    case(52, "talk within by a pair with network", &["pair", "packets"], Brokered, Line(&["done"]), &[]),
    same(52, "send to others by a socket of a pair, with network", &["pair", "datagrams"], Brokered, FORBIDDEN),
    same(53, "open a socket for paths, with network", &["socket", "unix"], Brokered, FORBIDDEN),
    same(53, "see services' sockets", &["list", "/run"], Usual, ABSENT),
    case(57, "hang in a child that shares memory", &["hang-in-child"], Short, Ends(&[Cause::Deadline]), &[]),
    case(57, "stop with all one's children", &["stop-all"], Short, Ends(&[Cause::Deadline]), &[]),
    same(61, "connect to the machine below", &["connect-host", "1024"], Usual, FORBIDDEN),
    same(61, "connect to the machine below, with network", &["connect-host", "1024"], Brokered, FORBIDDEN),
    same(62, "packets", &["socket", "packet"], Brokered, FORBIDDEN),
    same(62, "routes", &["socket", "netlink"], Brokered, FORBIDDEN),
    case(62, "ciphers of the kernel", &["socket", "alg"], Brokered, FORBIDDEN, &[]),
    case(62, "packets by rings", &["socket", "xdp"], Brokered, FORBIDDEN, &[]),
    same(62, "raw control messages", &["socket", "icmp"], Brokered, FORBIDDEN),
    // Network.
    same(63, "sockets without network: TCP", &["socket", "tcp4"], Usual, FORBIDDEN),
    same(63, "sockets without network: TCP 6", &["socket", "tcp6"], Usual, FORBIDDEN),
    same(63, "sockets without network: UDP", &["socket", "udp4"], Usual, FORBIDDEN),
    same(63, "sockets without network: Unix", &["socket", "unix"], Usual, FORBIDDEN),
    case(74, "other ways over IP: MPTCP", &["socket", "mptcp"], Brokered, FORBIDDEN, &[]),
    case(74, "other ways over IP: SCTP", &["socket", "sctp"], Brokered, FORBIDDEN, &[]),
    case(74, "other ways over IP: UDP-Lite", &["socket", "udplite"], Brokered, FORBIDDEN, &[]),
    same(74, "hand a connection to the kernel's encryption", &["call", "connection-upper-protocol"], Brokered, ALL_FORBIDDEN),
    // Resources.
    case(81, "take memory", &["memory", "private", "1000000000"], Memory, Contained(&[Cause::Memory], &["ENOMEM"]), &[]),
    case(81, "take shared memory", &["memory", "shared", "1000000000"], Memory, Contained(&[Cause::Memory], &["EPERM", "ENOMEM"]), &[]),
    case(81, "take shared memory that no process shows", &["memory-hidden", "1000000000"], Memory, Contained(&[Cause::Memory], &["EPERM", "ENOMEM"]), &[]),
    case(81, "take the memory of a device", &["memory-device", "/dev/zero", "1000000000"], Memory, Contained(&[Cause::Memory], &["EACCES", "ENOENT"]), &[]),
    case(81, "take the host's large pages", &["large-pages"], Usual, FORBIDDEN, &["large-pages"]),
    case(81, "take memory by files", &["fill", "/tmp"], Memory, Ends(&[Cause::Memory]), &[]),
    same(81, "take memory by hidden files", &["memory-file", "1000000"], Memory, FORBIDDEN),
    case(82, "processes", &["processes", "1000"], Tight, Refused(16, "EAGAIN"), &[]),
    case(82, "zombies", &["zombies", "1000"], Tight, Refused(16, "EAGAIN"), &[]),
    case(83, "real-time scheduling", &["call", "realtime"], Usual, Words(&["EPERM", "EFAULT"]), &[]),
    same(83, "make the whole host write", &["call", "sync", "syncfs"], Usual, ALL_FORBIDDEN),
    same(83, "drop what others read from memory, or learn of it", &["call", "forget-pages", "cached-pages"], Usual, ALL_FORBIDDEN),
    same(28, "hold up or watch who opens a file", &["call", "lease", "notice"], Usual, ALL_FORBIDDEN),
    same(81, "take memory by a table of futexes", &["call", "futex-table"], Usual, ALL_FORBIDDEN),
    same(83, "keep others off a processor", &["call", "schedule-together"], Usual, ALL_FORBIDDEN),
    same(83, "the limits and processors of process 1", &["call", "first-limits", "first-processors", "first-scheduler", "first-parameters", "first-attributes", "group-priority", "user-priority"], Usual, ALL_FORBIDDEN),
    case(83, "the priority of process 1", &["call", "first-priority", "first-disk-priority"], Usual, ALL_FORBIDDEN, &[]),
    same(83, "a higher priority", &["call", "priority-raise"], Usual, Words(&["EPERM", "EACCES"])),
    case(84, "open files", &["open-files", "100000"], Tight, Refused(64, "EMFILE"), &[]),
    case(84, "raise the limit of open files", &["raise-limit", "7", "100000"], Tight, FORBIDDEN, &[]),
    case(86, "sleep for ever", &["sleep", "600000"], Short, Ends(&[Cause::Deadline]), &[]),
    case(86, "stop oneself", &["stop"], Short, Ends(&[Cause::Deadline]), &[]),
    case(86, "wait for a reader that never comes", &["fifo", "/workspace/f"], Short, Ends(&[Cause::Deadline]), &[]),
    same(81, "hold large pages by small pipes", &["call", "vmsplice"], Usual, ALL_FORBIDDEN),
    case(89, "be spared when memory runs out", &["open-write", "/proc/self/oom_score_adj"], Usual, READ_ONLY, &["open-write", "/proc/self/oom_score_adj"]),
    case(87, "watchers of files", &["watches", "100000"], Tight, Refused(64, "EMFILE"), &[]),
];
