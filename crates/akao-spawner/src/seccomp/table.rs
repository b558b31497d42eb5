//! Which system calls a program may make. What is not here answers "not permitted".
//!
//! Left out on purpose: everything that changes mounts, namespaces, or the machine; that looks into other processes;
//! that brings code into the kernel; asynchronous rings, which act without passing this filter; keys; the shared memory,
//! semaphores and queues of System V, whose memory no limit of a process counts; `vmsplice`, by which a pipe of a few pages
//! holds on to a few hundred times as much; and `sync` and `syncfs`, which make the host write to its disks.

use super::{
    Key,
    program::{Test, Verdict},
};
use crate::wire::Profile;

/// Flags of `clone` that make namespaces.
const NAMESPACE_FLAGS: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// The kind of a socket without its flags.
const SOCKET_KIND: u32 = 0xf;
/// The bits of a mode by which a program gains its owner's or group's rights.
const GAINING: u32 = libc::S_ISUID | libc::S_ISGID;
/// Requests to devices and files that are not let through: typing into a terminal for its owner, and changing what drives
/// it; settings by which a file of a workspace of the host could no longer be changed or read outside.
const REQUESTS_DENIED: [u32; 8] = [
    libc::TIOCSTI as u32,
    libc::TIOCLINUX as u32,
    libc::TIOCSETD as u32,
    // Of linux/fs.h, linux/fscrypt.h and linux/fsverity.h: flags, extended flags, the encryption of a folder, a key for
    // it, and the sealing of a file.
    0x4008_6602,
    0x401c_5820,
    0x800c_6613,
    0xc050_6617,
    0x4080_6685,
];
/// Requests that are let through where nothing is mounted read-only: file systems have requests of their own that make or
/// change something through a descriptor that is only for reading.
const REQUESTS_BARE: [u32; 8] = [
    libc::FIONREAD as u32,
    libc::FIONBIO as u32,
    libc::FIOASYNC as u32,
    libc::FIOCLEX as u32,
    libc::FIONCLEX as u32,
    libc::TCGETS as u32,
    libc::TIOCGWINSZ as u32,
    libc::TIOCGPGRP as u32,
];
/// Asks which behaviour of old programs is copied, and changes nothing.
const PERSONALITY_ASK: u32 = 0xffff_ffff;

/// Allowed without a look at the arguments, on every architecture.
#[rustfmt::skip]
const COMMON: &[libc::c_long] = &[
    // Files.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64,
    libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2, libc::SYS_pwritev2,
    libc::SYS_close, libc::SYS_close_range, libc::SYS_lseek, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx,
    libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_getdents64, libc::SYS_readlinkat, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_unlinkat, libc::SYS_renameat, libc::SYS_renameat2, libc::SYS_linkat,
    libc::SYS_symlinkat, libc::SYS_fchown, libc::SYS_fchownat,
    libc::SYS_truncate, libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_readahead, libc::SYS_utimensat,
    libc::SYS_umask, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_getcwd, libc::SYS_dup, libc::SYS_dup3,
    libc::SYS_flock, libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync_file_range,
    libc::SYS_sendfile, libc::SYS_splice, libc::SYS_tee, libc::SYS_copy_file_range, libc::SYS_pipe2,
    libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr, libc::SYS_listxattr, libc::SYS_llistxattr,
    libc::SYS_flistxattr, libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr, libc::SYS_removexattr,
    libc::SYS_lremovexattr, libc::SYS_fremovexattr,
    // Waiting.
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2, libc::SYS_eventfd2, libc::SYS_signalfd4, libc::SYS_timerfd_create, libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime, libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch,
    libc::SYS_futex, libc::SYS_futex_waitv, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep, libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_gettimeofday,
    libc::SYS_getitimer, libc::SYS_setitimer, libc::SYS_timer_create, libc::SYS_timer_settime, libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun, libc::SYS_timer_delete, libc::SYS_times,
    // Memory.
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect, libc::SYS_madvise,
    libc::SYS_msync, libc::SYS_mincore, libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock, libc::SYS_mlockall,
    libc::SYS_munlockall, libc::SYS_membarrier, libc::SYS_rseq,
    // Processes.
    libc::SYS_exit, libc::SYS_exit_group, libc::SYS_execve, libc::SYS_execveat, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid, libc::SYS_getpgid, libc::SYS_setpgid, libc::SYS_getsid,
    libc::SYS_setsid, libc::SYS_set_tid_address,
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack, libc::SYS_restart_syscall, libc::SYS_pidfd_send_signal,
    libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler,
    libc::SYS_sched_getattr, libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min,
    libc::SYS_sched_rr_get_interval, libc::SYS_getpriority, libc::SYS_ioprio_get,
    libc::SYS_getrusage, libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_getcpu,
    // Who and where.
    libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid, libc::SYS_getresgid,
    libc::SYS_getgroups, libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid, libc::SYS_setresuid,
    libc::SYS_setresgid, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_setgroups, libc::SYS_capget, libc::SYS_capset,
    libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrandom,
    // A program may tie itself down further.
    libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self,
    // What sockets do that were passed in, or made in pairs.
    libc::SYS_sendto, libc::SYS_recvfrom, libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_recvmmsg,
    libc::SYS_shutdown, libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_getsockopt,
];

/// Calls of recent kernels, which have the same number on every architecture: the three of `futex2`, `mseal`. `cachestat`
/// is none of them: on some kernels it tells what others have read of files that are shown.
const RECENT: &[libc::c_long] = &[454, 455, 456, 462];

/// `fchmodat2`, which has the same number on every architecture as well.
const FCHMODAT2: libc::c_long = 452;

/// Calls from this number on did not exist when the table was made.
pub(super) const NEWER_FROM: u32 = 463;

/// The older names of the same, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OLDER: &[libc::c_long] = &[
    libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink,
    libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_link, libc::SYS_symlink, libc::SYS_chown,
    libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_getdents, libc::SYS_dup2,
    libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd,
    libc::SYS_signalfd, libc::SYS_inotify_init, libc::SYS_alarm, libc::SYS_pause, libc::SYS_time, libc::SYS_fork,
    libc::SYS_vfork, libc::SYS_getpgrp, libc::SYS_arch_prctl,
];
/// The older names of the same, which newer architectures do not have.
#[cfg(target_arch = "aarch64")]
const OLDER: &[libc::c_long] = &[];

/// What needs the network besides: where a program may connect is decided elsewhere.
const NETWORK: &[libc::c_long] =
    &[libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];

/// Keys of memory protection, by which V8 guards the code that it makes.
const NODE: &[libc::c_long] = &[libc::SYS_pkey_alloc, libc::SYS_pkey_free, libc::SYS_pkey_mprotect];

/// Java asks how memory is spread before it reserves its heap.
const JVM: &[libc::c_long] = &[libc::SYS_get_mempolicy];

/// What Python's strict list leaves out again.
const NOT_PYTHON: &[libc::c_long] = &[libc::SYS_mlockall];

/// Every listed call with its verdict.
pub(super) fn calls(key: Key) -> Vec<(u32, Verdict)> {
    let mut calls: Vec<(u32, Verdict)> = Vec::new();
    let mut allow = |list: &[libc::c_long]| calls.extend(list.iter().map(|call| (*call as u32, Verdict::Allow)));
    allow(COMMON);
    allow(OLDER);
    allow(RECENT);
    if key.network {
        allow(NETWORK);
    }
    match key.profile {
        Profile::Base | Profile::Python => {}
        Profile::Node => allow(NODE),
        Profile::Jvm => allow(JVM),
    }
    if key.profile == Profile::Python {
        calls.retain(|(number, _)| !NOT_PYTHON.iter().any(|left_out| *left_out as u32 == *number));
    }
    calls.extend(looked_into(key.network));
    calls.extend(modes());
    calls.extend(about_processes(key.profile));
    calls.extend(about_memory(key));
    if !key.grouped {
        // Rules take memory of the kernel's that no process shows; whoever wants some finds a kernel without them.
        calls.retain(|(number, _)| *number != libc::SYS_landlock_create_ruleset as u32);
        calls.push((libc::SYS_landlock_create_ruleset as u32, Verdict::Unknown));
    }
    if key.bare {
        calls.retain(|(number, _)| *number != libc::SYS_ioctl as u32);
        let requests = Test::OneOf(1, u32::MAX, REQUESTS_BARE.to_vec());
        calls.push((libc::SYS_ioctl as u32, Verdict::When(vec![requests])));
        calls.retain(|(number, _)| !of_the_host().any(|left_out| left_out as u32 == *number));
        calls.extend(of_itself());
    }
    calls
}

/// Calls by which a program takes memory, or hides that it has.
///
/// Large pages are the host's, which no limit of a sandbox counts. Where only a watch counts memory, there is no way to
/// memory that no process shows: shared mappings without a file and files in memory stay filled when they are no longer
/// mapped, pipes can be made larger, and a thread or process can hide what it has open.
fn about_memory(key: Key) -> Vec<(u32, Verdict)> {
    const SHARED: u32 = (libc::MAP_SHARED | libc::MAP_ANONYMOUS) as u32;
    const THREAD: u32 = libc::CLONE_THREAD as u32;
    const FILES: u32 = libc::CLONE_FILES as u32;
    const SCHEDULE_TOGETHER: u32 = 62;
    const FUTEX_TABLE: u32 = 78;
    let all = u32::MAX;
    let when = |call: libc::c_long, tests: Vec<Test>| (call as u32, Verdict::When(tests));
    let mut mapping = vec![Test::OneOf(3, libc::MAP_HUGETLB as u32, vec![0])];
    let mut cloning = flags_absent(NAMESPACE_FLAGS);
    // A lease makes whoever opens the file outside wait, and a notice tells of others' changes in a folder.
    let mut descriptors = vec![Test::NoneOf(1, all, vec![libc::F_SETLEASE as u32, libc::F_NOTIFY as u32])];
    // Processes that share a secret of theirs keep all others off the second half of a processor. A table for futexes of a
    // process's own can be made so large that it is the host's memory, which no process shows.
    let mut settings = vec![Test::NoneOf(0, all, vec![SCHEDULE_TOGETHER, FUTEX_TABLE, libc::PR_SET_SECCOMP as u32])];
    // A thread with a table of descriptors of its own would hold locks that nobody sees, which no control group counts.
    cloning.push(Test::NoneOf(0, THREAD | FILES, vec![THREAD]));
    if !key.grouped {
        mapping.push(Test::NoneOf(3, SHARED, vec![SHARED]));
        descriptors.push(Test::NoneOf(1, all, vec![libc::F_SETPIPE_SZ as u32]));
        settings.push(Test::NoneOf(0, all, vec![libc::PR_SET_DUMPABLE as u32]));
    }
    let mut calls = vec![
        when(libc::SYS_mmap, mapping),
        when(libc::SYS_clone, cloning),
        when(libc::SYS_fcntl, descriptors),
        when(libc::SYS_prctl, settings),
    ];
    if key.allow_exec && key.grouped {
        calls.push(when(libc::SYS_memfd_create, flags_absent_in(1, libc::MFD_HUGETLB)));
    }
    calls
}

/// Calls that depend on an argument.
fn looked_into(network: bool) -> Vec<(u32, Verdict)> {
    const UNIX: u32 = libc::AF_UNIX as u32;
    const STREAM: u32 = libc::SOCK_STREAM as u32;
    const DATAGRAM: u32 = libc::SOCK_DGRAM as u32;
    const PACKETS: u32 = libc::SOCK_SEQPACKET as u32;
    let all = u32::MAX;
    let when = |call: libc::c_long, tests: Vec<Test>| (call as u32, Verdict::When(tests));
    // A socket by a path could reach a service of the host that listens in a volume, even in one that can only be read.
    let families = vec![libc::AF_INET as u32, libc::AF_INET6 as u32];
    let socket = match network {
        true => when(
            libc::SYS_socket,
            vec![
                Test::OneOf(0, all, families),
                Test::OneOf(1, SOCKET_KIND, vec![STREAM, DATAGRAM]),
                Test::OneOf(2, all, vec![0, libc::IPPROTO_TCP as u32, libc::IPPROTO_UDP as u32]),
            ],
        ),
        false => (libc::SYS_socket as u32, Verdict::Refuse),
    };
    // A socket for datagrams can send to any other by its name, though it was made in a pair.
    let pairs = vec![STREAM, PACKETS];
    vec![
        socket,
        when(libc::SYS_socketpair, vec![Test::OneOf(0, all, vec![UNIX]), Test::OneOf(1, SOCKET_KIND, pairs)]),
        // The kernel reads the low half of the request only.
        when(libc::SYS_ioctl, vec![Test::NoneOf(1, all, REQUESTS_DENIED.to_vec())]),
        // Dropping from memory what others read of files that are shown.
        when(libc::SYS_fadvise64, vec![Test::NoneOf(3, all, vec![libc::POSIX_FADV_DONTNEED as u32])]),
        // Handing a connection on to another part of the kernel, such as its own encryption. No other level that a program
        // needs has an option of this number.
        when(libc::SYS_setsockopt, vec![Test::NoneOf(2, all, vec![libc::TCP_ULP as u32])]),
        when(libc::SYS_personality, vec![Test::OneOf(0, all, vec![PERSONALITY_ASK])]),
        // A further filter could write a line into the host's log for every call, a hundred thousand a second, or hand its
        // decisions to a listener.
        (libc::SYS_seccomp as u32, Verdict::Refuse),
        // Its flags cannot be read by a filter. C libraries fall back to `clone` when it does not exist; the first program
        // says so too, but of two equal answers the kernel takes the later program's.
        (libc::SYS_clone3 as u32, Verdict::Unknown),
        (libc::SYS_io_uring_setup as u32, Verdict::Unknown),
        (libc::SYS_io_uring_enter as u32, Verdict::Unknown),
        (libc::SYS_io_uring_register as u32, Verdict::Unknown),
    ]
}

/// Calls that do something to a process that is named by its number.
///
/// Process 1 is ours, holds the limits where no control group does, and has the program's user: without this a program
/// could lower its limits and its priority, or fill its queue of signals. All others are the program's own.
fn about_processes(profile: Profile) -> Vec<(u32, Verdict)> {
    const FIRST: u32 = 1;
    // `PRIO_PROCESS`, whose type differs between C libraries.
    const ONE_PROCESS: u32 = 0;
    let all = u32::MAX;
    let when = |call: libc::c_long, tests: Vec<Test>| (call as u32, Verdict::When(tests));
    let not_first = |call| when(call, vec![Test::NoneOf(0, all, vec![FIRST])]);
    let mut calls = vec![
        // Of itself only; the older calls have no number at all.
        when(libc::SYS_prlimit64, vec![Test::OneOf(0, all, vec![0])]),
        // A group of processes, or all of a user's, would include the first.
        when(libc::SYS_setpriority, vec![Test::OneOf(0, all, vec![ONE_PROCESS]), Test::NoneOf(1, all, vec![FIRST])]),
    ];
    let by_number = [
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setscheduler,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
        libc::SYS_pidfd_open,
    ];
    calls.extend(by_number.map(not_first));
    if profile != Profile::Python {
        calls.extend([libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo].map(not_first));
    }
    calls
}

/// Calls that give a file its mode.
///
/// No file may get a bit by which its program takes over the rights of the file's owner or group: in a folder of the host
/// that owner is somebody outside, where no mount keeps the bit from having its effect. The flags of `openat2` stand in
/// memory, where no filter reads them, so that call does not exist; everything falls back to `openat`.
fn modes() -> Vec<(u32, Verdict)> {
    // The kernel reads a mode only with one of these.
    const MAKES: u32 = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u32;
    let when = |call: libc::c_long, tests: Vec<Test>| (call as u32, Verdict::When(tests));
    let plain = |argument| Test::OneOf(argument, GAINING, vec![0]);
    let opened = |flags, mode| vec![Test::NotBoth((flags, MAKES), (mode, GAINING))];
    let kind = |argument| Test::NoneOf(argument, libc::S_IFMT, vec![libc::S_IFBLK, libc::S_IFCHR]);
    let calls = vec![
        (libc::SYS_openat2 as u32, Verdict::Unknown),
        when(libc::SYS_openat, opened(2, 3)),
        when(libc::SYS_mkdirat, vec![plain(2)]),
        when(libc::SYS_mknodat, vec![plain(2), kind(2)]),
        when(libc::SYS_fchmod, vec![plain(1)]),
        when(libc::SYS_fchmodat, vec![plain(2)]),
        when(FCHMODAT2, vec![plain(2)]),
    ];
    #[cfg(target_arch = "x86_64")]
    let calls = [
        calls,
        vec![
            when(libc::SYS_open, opened(1, 2)),
            when(libc::SYS_creat, vec![plain(1)]),
            when(libc::SYS_mkdir, vec![plain(1)]),
            when(libc::SYS_mknod, vec![plain(1), kind(1)]),
            when(libc::SYS_chmod, vec![plain(1)]),
        ],
    ]
    .concat();
    calls
}

/// Calls by which a program changes or watches what it may not open, where the host's files and processes have names: Landlock
/// looks at none of them. Changing modes, owners, times and attributes is refused by descriptor as well, since a file that may
/// only be read can belong to the program's user.
#[rustfmt::skip]
fn of_the_host() -> impl Iterator<Item = libc::c_long> {
    const CALLS: &[libc::c_long] = &[
        libc::SYS_fchmod, libc::SYS_fchmodat, FCHMODAT2, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat,
        libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr, libc::SYS_removexattr, libc::SYS_lremovexattr,
        libc::SYS_fremovexattr, libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_listxattr, libc::SYS_llistxattr,
        libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch,
        // Replaced by what `of_itself` says.
        libc::SYS_setpriority, libc::SYS_sched_setaffinity, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam,
        libc::SYS_sched_setattr,
    ];
    #[cfg(target_arch = "x86_64")]
    const OLD: &[libc::c_long] = &[
        libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat,
        libc::SYS_inotify_init,
    ];
    #[cfg(target_arch = "aarch64")]
    const OLD: &[libc::c_long] = &[];
    CALLS.iter().chain(OLD).copied()
}

/// Calls that change how a process is scheduled: of the calling thread only, since without namespaces every process of the
/// same user could be named.
fn of_itself() -> Vec<(u32, Verdict)> {
    let own =
        |call: libc::c_long, argument| (call as u32, Verdict::When(vec![Test::OneOf(argument, u32::MAX, vec![0])]));
    vec![
        own(libc::SYS_sched_setaffinity, 0),
        own(libc::SYS_sched_setscheduler, 0),
        own(libc::SYS_sched_setparam, 0),
        own(libc::SYS_sched_setattr, 0),
        (
            libc::SYS_setpriority as u32,
            Verdict::When(vec![Test::OneOf(0, u32::MAX, vec![0]), Test::OneOf(1, u32::MAX, vec![0])]),
        ),
    ]
}

fn flags_absent(flags: u32) -> Vec<Test> {
    flags_absent_in(0, flags)
}

/// Tests that none of `flags` is set in the argument.
fn flags_absent_in(argument: u8, flags: u32) -> Vec<Test> {
    vec![Test::OneOf(argument, flags, vec![0])]
}
