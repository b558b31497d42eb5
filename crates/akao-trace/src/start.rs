//! Starts a program that waits until it is followed: a small shell stops itself, and becomes the program when it goes on.

use crate::{Order, TraceError};
use nix::{errno::Errno, sys::ptrace};
use rustix::{
    io,
    process::{Pid, Signal, WaitOptions, kill_process, waitpid},
};
use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

/// The shell that stops itself. The program keeps its own name and gets exactly the arguments that were given.
const SHELL: &str = "/bin/sh";
const STOPS: &str = "kill -STOP $$; exec \"$@\"";

/// What the kernel tells of: calls, new processes and threads, other programs; and nothing lives on without its follower.
fn wanted() -> ptrace::Options {
    use ptrace::Options;
    Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL
}

/// Starts the program. The process that is given back is stopped and followed by this thread.
pub(crate) fn start(order: &Order) -> Result<Pid, TraceError> {
    check(&order.program, &order.search)?;
    let mut command = Command::new(SHELL);
    command.arg0("sh").args(["-c", STOPS, "sh"]).arg(&order.program).args(&order.arguments);
    if let Some(stdout) = &order.stdout {
        command.stdout(stdout.try_clone().map_err(TraceError::Start)?);
    }
    let child = command.spawn().map_err(TraceError::Start)?;
    let main = Pid::from_child(&child);
    let stopped = loop {
        match waitpid(Some(main), WaitOptions::UNTRACED) {
            Err(io::Errno::INTR) => {}
            found => break found,
        }
    };
    match stopped {
        Ok(Some((_, status))) if status.stopped() => {}
        Ok(_) => return Err(TraceError::Start(std::io::Error::other("the shell that starts it ended at once"))),
        Err(errno) => return Err(TraceError::Start(errno.into())),
    }
    if let Err(errno) = ptrace::seize(nix(main), wanted()) {
        let _ = kill_process(main, Signal::KILL);
        let _ = waitpid(Some(main), WaitOptions::empty());
        return Err(match errno {
            Errno::EPERM | Errno::EACCES | Errno::ENOSYS => TraceError::Forbidden(errno.into()),
            other => TraceError::Start(other.into()),
        });
    }
    let _ = kill_process(main, Signal::CONT);
    Ok(main)
}

/// A process's number as the other crate writes it.
pub(crate) fn nix(process: Pid) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(process.as_raw_nonzero().get())
}

/// Whether there is such a program, so that its absence is told in our words and not in the shell's.
fn check(program: &OsStr, search: &[PathBuf]) -> Result<(), TraceError> {
    let places: Vec<PathBuf> = if program.as_bytes().contains(&b'/') {
        vec![PathBuf::from(program)]
    } else {
        search.iter().map(|folder| folder.join(program)).collect()
    };
    if program.is_empty() || !places.iter().any(|place| place.exists()) {
        return Err(TraceError::NotFound(program.to_owned()));
    }
    let runs = |place: &PathBuf| is_runnable(place);
    if places.iter().any(runs) { Ok(()) } else { Err(TraceError::NotRunnable(program.to_owned())) }
}

/// Whether the file can be run by anybody; the kernel decides about this user.
fn is_runnable(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
