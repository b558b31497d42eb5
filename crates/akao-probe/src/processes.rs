//! Acts on processes.

use crate::{
    Act, kernel,
    outcome::{Tried, number, text},
};
use std::{fs, thread, time::Duration};

pub(crate) const ACTS: &[Act] = &[
    ("kill", kill),
    ("kill-first", kill_first),
    ("daemon", daemon),
    ("sleep", sleep),
    ("stop", stop),
    ("crash", crash),
    ("exit", exit),
    ("grandchild", grandchild),
    ("spin", spin),
    ("ignore-term", ignore_term),
    ("orphans", orphans),
    ("hang-in-child", |_| kernel::hang_in_child()),
    ("stop-all", stop_all),
    ("signal-by-socket", signal_by_socket),
    ("headless", headless),
    ("undumpable", undumpable),
];

fn nap(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

/// Sends the signal `SIGNAL` to the process `PID`.
fn kill(arguments: &[String]) -> Tried {
    let pid = text(arguments, 0, "pid")?.parse().map_err(|_| crate::outcome::usage("pid"))?;
    kernel::kill(pid, number(arguments, 1, "signal")? as i32)?;
    Ok(String::new())
}

/// Tries to end the first process, by every signal; then is still there to tell.
fn kill_first(_: &[String]) -> Tried {
    for signal in [libc::SIGKILL, libc::SIGSEGV, libc::SIGABRT, libc::SIGSTOP, libc::SIGSYS] {
        // Whether a signal may be sent at all is not the question here.
        let _ = kernel::kill(1, signal);
    }
    nap(50);
    Ok("alive".to_owned())
}

/// Leaves a process behind that has its own session and ignores polite signals, with the name `MARK` in its arguments.
fn daemon(arguments: &[String]) -> Tried {
    let mark = text(arguments, 0, "mark")?;
    for level in 0..2 {
        if kernel::fork()? != 0 {
            if level == 0 {
                nap(50);
                return Ok(String::new());
            }
            kernel::exit(0);
        }
        kernel::call(libc::SYS_setsid, [0; 6]).ok();
    }
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT] {
        kernel::ignore(signal);
    }
    let name = std::ffi::CString::new(mark)?;
    let program = c"/proc/self/exe".to_owned();
    let _ = kernel::execute(&program, &[name, c"sleep".to_owned(), c"60000".to_owned()]);
    nap(60_000);
    Ok(String::new())
}

/// Hides what it has open from processes of its user, and sleeps for `MILLISECONDS`.
fn undumpable(arguments: &[String]) -> Tried {
    kernel::call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 0, 0, 0, 0, 0])?;
    nap(number(arguments, 0, "milliseconds")?);
    Ok(String::new())
}

/// Sleeps for `MILLISECONDS`.
fn sleep(arguments: &[String]) -> Tried {
    println!("sleeping");
    nap(number(arguments, 0, "milliseconds")?);
    Ok(String::new())
}

/// Stops itself, which no timer of its own ends.
fn stop(_: &[String]) -> Tried {
    kernel::kill(std::process::id() as i32, libc::SIGSTOP)?;
    nap(60_000);
    Ok(String::new())
}

fn crash(_: &[String]) -> Tried {
    kernel::crash()
}

/// Ends with the code `CODE`.
fn exit(arguments: &[String]) -> Tried {
    kernel::exit(number(arguments, 0, "code")? as i32)
}

/// Leaves a child that writes a byte into the descriptor `NUMBER` after `MILLISECONDS`, and ends.
fn grandchild(arguments: &[String]) -> Tried {
    let (descriptor, milliseconds) = (number(arguments, 0, "number")?, number(arguments, 1, "milliseconds")?);
    if kernel::fork()? == 0 {
        nap(milliseconds);
        let _ = fs::write(format!("/proc/self/fd/{descriptor}"), b"x");
        kernel::exit(0);
    }
    Ok(String::new())
}

/// Keeps `COUNT` processes busy for `MILLISECONDS`.
fn spin(arguments: &[String]) -> Tried {
    let (count, milliseconds) = (number(arguments, 0, "count")?, number(arguments, 1, "milliseconds")?);
    let until = std::time::Instant::now() + Duration::from_millis(milliseconds);
    let mut children = Vec::new();
    for _ in 1..count {
        match kernel::fork()? {
            0 => {
                while std::time::Instant::now() < until {}
                kernel::exit(0);
            }
            pid => children.push(pid),
        }
    }
    while std::time::Instant::now() < until {}
    for pid in children {
        kernel::wait(pid)?;
    }
    Ok(String::new())
}

/// Ignores the signal `TERM`, says so, and sleeps.
fn ignore_term(arguments: &[String]) -> Tried {
    kernel::ignore(libc::SIGTERM);
    println!("ignoring");
    nap(number(arguments, 0, "milliseconds")?);
    Ok(String::new())
}

/// Leaves children that stop themselves, in sessions of their own, and stops as well.
fn stop_all(_: &[String]) -> Tried {
    for _ in 0..3 {
        if kernel::fork()? == 0 {
            let _ = kernel::call(libc::SYS_setsid, [0; 6]);
            break;
        }
    }
    stop(&[])
}

/// Makes process 1 the one that is told by a signal when a socket has something to read, and makes that every signal which
/// ends or stops; then is still there to tell.
fn signal_by_socket(_: &[String]) -> Tried {
    let (mut one, other) = std::os::unix::net::UnixStream::pair()?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&other) as u64;
    let set = |command: i32, value: i32| kernel::call(libc::SYS_fcntl, [number, command as u64, value as u64, 0, 0, 0]);
    set(libc::F_SETOWN, 1)?;
    for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, libc::SIGSYS, libc::SIGRTMIN(), libc::SIGCHLD] {
        const F_SETSIG: i32 = 10;
        set(F_SETSIG, signal)?;
        set(libc::F_SETFL, libc::O_ASYNC | libc::O_NONBLOCK)?;
        for _ in 0..1000 {
            std::io::Write::write_all(&mut one, b"x")?;
            let _ = std::io::Read::read(&mut &other, &mut [0; 8]);
        }
    }
    nap(50);
    Ok("alive".to_owned())
}

/// Takes `BYTES` of memory, and then for `MILLISECONDS` leaves the first process one ended orphan after the other.
fn orphans(arguments: &[String]) -> Tried {
    let (bytes, milliseconds) = (number(arguments, 0, "bytes")?, number(arguments, 1, "milliseconds")?);
    for _ in 0..3 {
        if kernel::fork()? == 0 {
            leave_orphans(milliseconds);
        }
    }
    kernel::take_memory(bytes as usize, false)?;
    leave_orphans(milliseconds)
}

fn leave_orphans(milliseconds: u64) -> ! {
    let until = std::time::Instant::now() + Duration::from_millis(milliseconds);
    while std::time::Instant::now() < until {
        // A refusal only means that the first process is behind, which is the purpose.
        let Ok(child) = kernel::fork() else { continue };
        if child == 0 {
            let _ = kernel::fork();
            kernel::exit(0);
        }
        let _ = kernel::wait(child);
    }
    kernel::exit(0)
}

/// Ends its first thread, while another one takes `BYTES` of memory and keeps it for `MILLISECONDS`.
fn headless(arguments: &[String]) -> Tried {
    let (bytes, milliseconds) = (number(arguments, 0, "bytes")?, number(arguments, 1, "milliseconds")?);
    thread::spawn(move || {
        nap(100);
        let taken = kernel::take_memory(bytes as usize, false);
        println!("{}", if taken.is_ok() { "taken" } else { "refused" });
        nap(milliseconds);
        kernel::exit(0)
    });
    // Only this thread; a return from the program would end the other as well.
    kernel::call(libc::SYS_exit, [0; 6])?;
    Ok(String::new())
}
