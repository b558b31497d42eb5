//! Runs a program and kills it before its n-th file operation, by ptrace(2).

use nix::{
    libc,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

/// How it ended.
pub(crate) enum End {
    /// It was killed.
    Killed,
    /// It did fewer operations than that, and ended well.
    Finished { operations: usize },
}

/// Starts a program, which stops itself first so that it can be followed, and kills it before its `nth` operation.
pub(crate) fn run_until(program: &Path, args: &[&str], environment: &[(&str, &OsStr)], nth: usize) -> End {
    let main = start(program, args, environment);
    let (mut operations, mut killed) = (0, false);
    // Threads that are within a call: the kernel stops them at its beginning and at its end.
    let mut inside: BTreeSet<i32> = BTreeSet::new();
    loop {
        // Only what this thread follows; the tests beside it follow their own.
        let status = waitpid(None, Some(WaitPidFlag::__WNOTHREAD | WaitPidFlag::__WALL)).unwrap();
        let (thread, signal) = match status {
            WaitStatus::Exited(pid, code) if pid == main => {
                assert!(code == 0 && !killed, "it ended with {code}");
                return End::Finished { operations };
            }
            WaitStatus::Signaled(pid, signal, _) if pid == main => {
                assert!(killed, "it was ended by {signal}");
                return End::Killed;
            }
            WaitStatus::PtraceSyscall(thread) => {
                let begins = !inside.remove(&thread.as_raw());
                if begins {
                    inside.insert(thread.as_raw());
                }
                if begins && !killed && is_operation(thread) {
                    operations += 1;
                    if operations == nth {
                        killed = true;
                        kill(main, Signal::SIGKILL).unwrap();
                    }
                }
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, ..) => (thread, None),
            WaitStatus::Stopped(thread, Signal::SIGSTOP | Signal::SIGTRAP) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => continue,
        };
        // A thread that was killed meanwhile is told of next.
        let _ = ptrace::syscall(thread, signal);
    }
}

fn start(program: &Path, args: &[&str], environment: &[(&str, &OsStr)]) -> Pid {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(program).args(args);
    command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
    let main = Pid::from_raw(i32::try_from(command.spawn().unwrap().id()).unwrap());
    let stopped = waitpid(main, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(main, options).unwrap();
    kill(main, Signal::SIGCONT).unwrap();
    main
}

/// A call's number and its first arguments.
fn call(thread: Pid) -> Option<(i64, [u64; 4])> {
    let found = ptrace::getregs(thread).ok()?;
    #[cfg(target_arch = "x86_64")]
    return Some((found.orig_rax.cast_signed(), [found.rdi, found.rsi, found.rdx, found.r10]));
    #[cfg(target_arch = "aarch64")]
    return Some((found.regs[8].cast_signed(), [found.regs[0], found.regs[1], found.regs[2], found.regs[3]]));
}

/// Whether a call changes something in the file system, or waits until something is on the disk.
fn is_operation(thread: Pid) -> bool {
    let Some((number, arguments)) = call(thread) else { return false };
    #[cfg(target_arch = "x86_64")]
    if [libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_rename, libc::SYS_unlink, libc::SYS_link, libc::SYS_chmod]
        .contains(&number)
    {
        return true;
    }
    match number {
        libc::SYS_openat => arguments[2] & libc::O_CREAT as u64 != 0,
        libc::SYS_write | libc::SYS_writev | libc::SYS_pwrite64 => arguments[0] > 2,
        libc::SYS_mkdirat
        | libc::SYS_unlinkat
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_linkat
        | libc::SYS_fchmod
        | libc::SYS_fchmodat
        | libc::SYS_ftruncate
        | libc::SYS_copy_file_range
        | libc::SYS_sendfile
        | libc::SYS_utimensat
        | libc::SYS_flock
        | libc::SYS_fsync
        | libc::SYS_fdatasync => true,
        _ => false,
    }
}
