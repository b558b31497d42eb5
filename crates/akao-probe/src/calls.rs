//! Acts that are single calls to the kernel. Most go by name with harmless arguments: inside, the filter of system calls
//! answers before the kernel looks at them; outside, the kernel complains about the arguments or succeeds at nothing.

use crate::{
    Act, kernel,
    outcome::{Tried, number, text, usage},
};
use std::{ffi::CString, fs::File, io, os::fd::AsRawFd};

pub(crate) const ACTS: &[Act] = &[
    ("call", call),
    ("mount", mount),
    ("unshare", unshare),
    ("clone", clone),
    ("join", join),
    ("raise-capabilities", raise_capabilities),
    ("foreign-numbers", foreign_numbers),
    ("terminal", terminal),
    ("host-names", host_names),
    ("no-filter", no_filter),
];

/// An address at which nothing is mapped.
const NOWHERE: u64 = 8;

/// Calls that are tried by name: number and arguments.
const CALLS: &[(&str, libc::c_long, [u64; 6])] = &[
    ("fsopen", libc::SYS_fsopen, [NOWHERE, 0, 0, 0, 0, 0]),
    ("open_tree", libc::SYS_open_tree, [u64::MAX, NOWHERE, 1, 0, 0, 0]),
    ("move_mount", libc::SYS_move_mount, [u64::MAX, NOWHERE, u64::MAX, NOWHERE, 0, 0]),
    ("mount_setattr", libc::SYS_mount_setattr, [u64::MAX, NOWHERE, 0, NOWHERE, 32, 0]),
    ("umount2", libc::SYS_umount2, [NOWHERE, 0, 0, 0, 0, 0]),
    ("pivot_root", libc::SYS_pivot_root, [NOWHERE, NOWHERE, 0, 0, 0, 0]),
    ("chroot", libc::SYS_chroot, [NOWHERE, 0, 0, 0, 0, 0]),
    ("open_by_handle_at", libc::SYS_open_by_handle_at, [u64::MAX, NOWHERE, 0, 0, 0, 0]),
    ("name_to_handle_at", libc::SYS_name_to_handle_at, [u64::MAX, NOWHERE, NOWHERE, NOWHERE, 0, 0]),
    ("openat2", libc::SYS_openat2, [u64::MAX, NOWHERE, NOWHERE, 24, 0, 0]),
    ("fanotify_init", libc::SYS_fanotify_init, [u64::MAX, 0, 0, 0, 0, 0]),
    ("ptrace", libc::SYS_ptrace, [u64::MAX, 1, 0, 0, 0, 0]),
    ("process_vm_readv", libc::SYS_process_vm_readv, [1, NOWHERE, 1, NOWHERE, 1, 0]),
    ("process_vm_writev", libc::SYS_process_vm_writev, [1, NOWHERE, 1, NOWHERE, 1, 0]),
    ("pidfd_getfd", libc::SYS_pidfd_getfd, [u64::MAX, 0, 0, 0, 0, 0]),
    ("kcmp", libc::SYS_kcmp, [1, 1, 99, 0, 0, 0]),
    ("io_uring_setup", libc::SYS_io_uring_setup, [1, NOWHERE, 0, 0, 0, 0]),
    ("io_uring_enter", libc::SYS_io_uring_enter, [u64::MAX, 0, 0, 0, 0, 0]),
    ("bpf", libc::SYS_bpf, [99, NOWHERE, 0, 0, 0, 0]),
    ("perf_event_open", libc::SYS_perf_event_open, [NOWHERE, 0, 0, 0, 0, 0]),
    ("userfaultfd", libc::SYS_userfaultfd, [u64::MAX, 0, 0, 0, 0, 0]),
    ("keyctl", libc::SYS_keyctl, [99, 0, 0, 0, 0, 0]),
    ("add_key", libc::SYS_add_key, [NOWHERE, NOWHERE, 0, 0, 0, 0]),
    ("request_key", libc::SYS_request_key, [NOWHERE, NOWHERE, 0, 0, 0, 0]),
    ("seccomp-listener", libc::SYS_seccomp, [1, 8, NOWHERE, 0, 0, 0]),
    ("further-filter", libc::SYS_seccomp, [1, 0, NOWHERE, 0, 0, 0]),
    ("further-filter-by-prctl", libc::SYS_prctl, [22, 2, NOWHERE, 0, 0, 0]),
    ("personality-randomize", libc::SYS_personality, [0x0004_0000, 0, 0, 0, 0, 0]),
    ("personality-read-exec", libc::SYS_personality, [0x0040_0000, 0, 0, 0, 0, 0]),
    ("init_module", libc::SYS_init_module, [NOWHERE, 0, NOWHERE, 0, 0, 0]),
    ("finit_module", libc::SYS_finit_module, [u64::MAX, NOWHERE, 0, 0, 0, 0]),
    ("delete_module", libc::SYS_delete_module, [NOWHERE, 0, 0, 0, 0, 0]),
    ("kexec_load", libc::SYS_kexec_load, [0, 99, NOWHERE, u64::MAX, 0, 0]),
    // Wrong magic numbers: the kernel refuses them whoever asks.
    ("reboot", libc::SYS_reboot, [0, 0, 0, 0, 0, 0]),
    ("swapon", libc::SYS_swapon, [NOWHERE, 0, 0, 0, 0, 0]),
    ("swapoff", libc::SYS_swapoff, [NOWHERE, 0, 0, 0, 0, 0]),
    ("acct", libc::SYS_acct, [NOWHERE, 0, 0, 0, 0, 0]),
    ("quotactl", libc::SYS_quotactl, [u64::MAX, NOWHERE, 0, 0, 0, 0]),
    ("settimeofday", libc::SYS_settimeofday, [NOWHERE, 0, 0, 0, 0, 0]),
    ("clock_settime", libc::SYS_clock_settime, [0, NOWHERE, 0, 0, 0, 0]),
    ("syslog", libc::SYS_syslog, [99, 0, 0, 0, 0, 0]),
    ("shmget", libc::SYS_shmget, [0, 0, 0, 0, 0, 0]),
    // A key that nobody has; without the flag that would make a queue.
    ("msgget", libc::SYS_msgget, [0x616b_616f, 0, 0, 0, 0, 0]),
    ("semget", libc::SYS_semget, [0, 0, 0, 0, 0, 0]),
    ("mq_open", libc::SYS_mq_open, [NOWHERE, 0, 0, 0, 0, 0]),
    ("migrate_pages", libc::SYS_migrate_pages, [u64::MAX, 0, 0, 0, 0, 0]),
    ("move_pages", libc::SYS_move_pages, [u64::MAX, 0, 0, 0, 0, 0]),
    ("mbind", libc::SYS_mbind, [NOWHERE, 0, 99, 0, 0, 0]),
    ("setns", libc::SYS_setns, [u64::MAX, 0, 0, 0, 0, 0]),
    ("ambient-raise", libc::SYS_prctl, [47, 2, 21, 0, 0, 0]),
    ("secure-bits", libc::SYS_prctl, [28, 0, 0, 0, 0, 0]),
    ("new-privileges-clear", libc::SYS_prctl, [38, 0, 0, 0, 0, 0]),
    ("setuid-root", libc::SYS_setuid, [0, 0, 0, 0, 0, 0]),
    ("setgroups", libc::SYS_setgroups, [1, NOWHERE, 0, 0, 0, 0]),
    ("realtime", libc::SYS_sched_setscheduler, [0, 1, NOWHERE, 0, 0, 0]),
    ("priority-raise", libc::SYS_setpriority, [0, 0, (-20_i64) as u64, 0, 0, 0]),
    // What would change process 1; outside each of them fails at an address, or changes nothing.
    ("first-limits", libc::SYS_prlimit64, [1, 7, NOWHERE, 0, 0, 0]),
    ("first-processors", libc::SYS_sched_setaffinity, [1, 8, NOWHERE, 0, 0, 0]),
    ("first-scheduler", libc::SYS_sched_setscheduler, [1, 0, NOWHERE, 0, 0, 0]),
    ("first-parameters", libc::SYS_sched_setparam, [1, NOWHERE, 0, 0, 0, 0]),
    ("first-attributes", libc::SYS_sched_setattr, [1, NOWHERE, 0, 0, 0, 0]),
    ("first-priority", libc::SYS_setpriority, [0, 1, 19, 0, 0, 0]),
    ("group-priority", libc::SYS_setpriority, [1, 0x7fff_fff0, 19, 0, 0, 0]),
    ("user-priority", libc::SYS_setpriority, [2, 0x7fff_fff0, 19, 0, 0, 0]),
    ("first-disk-priority", libc::SYS_ioprio_set, [1, 1, 0x6007, 0, 0, 0]),
    ("first-signal", libc::SYS_kill, [1, 0, 0, 0, 0, 0]),
    ("first-thread-signal", libc::SYS_tkill, [1, 0, 0, 0, 0, 0]),
    ("first-group-signal", libc::SYS_tgkill, [1, 1, 0, 0, 0, 0]),
    ("first-queue", libc::SYS_rt_sigqueueinfo, [1, 40, NOWHERE, 0, 0, 0]),
    ("first-thread-queue", libc::SYS_rt_tgsigqueueinfo, [1, 1, 40, NOWHERE, 0, 0]),
    ("sync", libc::SYS_sync, [0; 6]),
    // Requests to standard output with nothing at the address, which the kernel does not reach for a pipe.
    ("file-flags", libc::SYS_ioctl, [1, 0x4008_6602, NOWHERE, 0, 0, 0]),
    ("file-flags-extended", libc::SYS_ioctl, [1, 0x401c_5820, NOWHERE, 0, 0, 0]),
    ("folder-encryption", libc::SYS_ioctl, [1, 0x800c_6613, NOWHERE, 0, 0, 0]),
    ("folder-key", libc::SYS_ioctl, [1, 0xc050_6617, NOWHERE, 0, 0, 0]),
    ("file-seal", libc::SYS_ioctl, [1, 0x4080_6685, NOWHERE, 0, 0, 0]),
    ("connection-upper-protocol", libc::SYS_setsockopt, [1, 6, 31, NOWHERE, 3, 0]),
    // Closed descriptors, sizes that are none: outside each of them fails at that.
    ("syncfs", libc::SYS_syncfs, [u64::MAX, 0, 0, 0, 0, 0]),
    ("forget-pages", libc::SYS_fadvise64, [u64::MAX, 0, 0, 4, 0, 0]),
    ("cached-pages", 451, [u64::MAX, NOWHERE, NOWHERE, 0, 0, 0]),
    ("lease", libc::SYS_fcntl, [u64::MAX, 1024, 2, 0, 0, 0]),
    ("notice", libc::SYS_fcntl, [u64::MAX, 1026, 0, 0, 0, 0]),
    ("futex-table", libc::SYS_prctl, [78, 1, 3, 0, 0, 0]),
    // The core's scheduling, by a process that does not exist.
    ("schedule-together", libc::SYS_prctl, [62, 1, 0x7fff_fff0, 0, 0, 0]),
    ("vmsplice", libc::SYS_vmsplice, [u64::MAX, NOWHERE, 1, 0, 0, 0]),
    ("first-descriptor", libc::SYS_pidfd_open, [1, 0, 0, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    ("modify_ldt", libc::SYS_modify_ldt, [99, 0, 0, 0, 0, 0]),
    #[cfg(target_arch = "x86_64")]
    ("iopl", libc::SYS_iopl, [9, 0, 0, 0, 0, 0]),
    ("clone3", libc::SYS_clone3, [NOWHERE, 8, 0, 0, 0, 0]),
];

/// Tries the calls that are named, and tells each one's outcome.
fn call(names: &[String]) -> Tried {
    let mut outcomes = Vec::new();
    for name in names {
        let (_, number, arguments) = CALLS.iter().find(|(known, ..)| known == name).ok_or_else(|| usage(name))?;
        outcomes.push(match kernel::call(*number, *arguments) {
            Ok(_) => "done".to_owned(),
            Err(error) => crate::outcome::name(error.raw_os_error().unwrap_or(0)),
        });
    }
    Ok(outcomes.join(" "))
}

/// Mounts a file system of the kind `KIND` at `PLACE`.
fn mount(arguments: &[String]) -> Tried {
    let (kind, place) = (CString::new(text(arguments, 0, "kind")?)?, CString::new(text(arguments, 1, "place")?)?);
    let (kind, place) = (kernel::address(&kind), kernel::address(&place));
    kernel::call(libc::SYS_mount, [kind, place, kind, 0, 0, 0])?;
    Ok(String::new())
}

fn flags(kind: &str) -> Result<u64, io::Error> {
    Ok(match kind {
        "user" => libc::CLONE_NEWUSER,
        "mnt" => libc::CLONE_NEWNS,
        "pid" => libc::CLONE_NEWPID,
        "net" => libc::CLONE_NEWNET,
        "ipc" => libc::CLONE_NEWIPC,
        "uts" => libc::CLONE_NEWUTS,
        "cgroup" => libc::CLONE_NEWCGROUP,
        _ => return Err(usage("kind")),
    } as u64)
}

/// Leaves a namespace for a new one of its kind.
fn unshare(arguments: &[String]) -> Tried {
    kernel::call(libc::SYS_unshare, [flags(text(arguments, 0, "kind")?)?, 0, 0, 0, 0, 0])?;
    Ok(String::new())
}

/// Makes a process in a new namespace.
fn clone(arguments: &[String]) -> Tried {
    let flags = flags(text(arguments, 0, "kind")?)? | libc::SIGCHLD as u64;
    let pid = kernel::call(libc::SYS_clone, [flags, 0, 0, 0, 0, 0])?;
    if pid == 0 {
        kernel::exit(0);
    }
    kernel::wait(pid as i32)?;
    Ok(String::new())
}

/// Joins the namespace behind `PATH`.
fn join(arguments: &[String]) -> Tried {
    let file = File::open(text(arguments, 0, "path")?)?;
    kernel::call(libc::SYS_setns, [file.as_raw_fd() as u64, 0, 0, 0, 0, 0])?;
    Ok(String::new())
}

fn raise_capabilities(_: &[String]) -> Tried {
    kernel::raise_capabilities()?;
    Ok(String::new())
}

/// Calls by the numbers of another interface, in a child; tells how that ended.
fn foreign_numbers(arguments: &[String]) -> Tried {
    let which = text(arguments, 0, "interface")?;
    let pid = kernel::fork()?;
    if pid == 0 {
        kernel::exit(foreign(which));
    }
    let status = kernel::wait(pid)?;
    Ok(if libc::WIFSIGNALED(status) {
        format!("signal {}", libc::WTERMSIG(status))
    } else {
        format!("code {}", libc::WEXITSTATUS(status))
    })
}

#[cfg(target_arch = "x86_64")]
fn foreign(which: &str) -> i32 {
    let answered = match which {
        "x32" => kernel::call_x32().is_ok(),
        _ => kernel::call_ia32() > 0,
    };
    i32::from(!answered)
}

#[cfg(not(target_arch = "x86_64"))]
fn foreign(_: &str) -> i32 {
    2
}

/// Types into a terminal, by the request `NUMBER`; without a terminal the kernel answers `ENOTTY`.
fn terminal(arguments: &[String]) -> Tried {
    let request = number(arguments, 0, "request")?;
    let byte = *b"x";
    kernel::call(libc::SYS_ioctl, [0, request, byte.as_ptr() as u64, 0, 0, 0])?;
    Ok(String::new())
}

fn host_names(_: &[String]) -> Tried {
    let (host, domain) = kernel::host_names();
    Ok(format!("{host} {domain}"))
}

/// Tries to take the filter of system calls off.
fn no_filter(_: &[String]) -> Tried {
    const SET_SECCOMP: u64 = 22;
    kernel::call(libc::SYS_prctl, [SET_SECCOMP, 0, 0, 0, 0, 0])?;
    Ok(String::new())
}
