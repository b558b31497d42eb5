//! The calls to the kernel that have no safe wrapper elsewhere. All `unsafe` of this crate is here.
//!
//! The program has one thread, which is what makes most of these calls sound; each says so where it matters.
#![expect(unsafe_code, reason = "the kernel interfaces used here have no safe wrapper")]

use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    io::Errno,
    thread::UnshareFlags,
};
use std::{ffi::CStr, ptr};

/// A new process, as its parent sees it.
pub(crate) struct Child {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
}

/// What `clone3` is asked; see clone(2).
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result >= 0 { Ok(result) } else { Err(last_errno()) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Makes a process in the namespaces of `flags`; `into` is a control group of the unified hierarchy. Returns the child
/// to the parent and nothing to the child itself, which has a copy of everything.
pub(crate) fn clone_process(flags: i32, into: Option<BorrowedFd<'_>>) -> Result<Option<Child>, Errno> {
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut pidfd: RawFd = -1;
    let mut arguments = CloneArguments {
        flags: (flags | libc::CLONE_PIDFD) as u32 as u64,
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: libc::SIGCHLD as u64,
        ..CloneArguments::default()
    };
    if let Some(group) = into {
        arguments.flags |= INTO_CGROUP;
        arguments.cgroup = group.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child gets a copy of the memory, as by fork; there is one thread, so no lock of the
    // allocator can be held by a thread that the child lacks. The arguments live across the call.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<CloneArguments>()) })?;
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: the kernel stored a new descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Some(Child { pid: pid as u32, pidfd }))
}

/// Makes a process with a copy of everything, in the namespaces of this one, by the older call: what keeps namespaces away
/// often keeps `clone3` away as well.
pub(crate) fn clone_plain() -> Result<Option<Child>, Errno> {
    let mut pidfd: RawFd = -1;
    let flags = (libc::CLONE_PIDFD | libc::SIGCHLD) as libc::c_ulong;
    // SAFETY: as in `clone_process`; the third argument is where the kernel stores the descriptor on every architecture.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, &raw mut pidfd, 0_usize, 0_usize) })?;
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: the kernel stored a new descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Some(Child { pid: pid as u32, pidfd }))
}

/// Kills every process that this one may signal, at once for all of them, so that none can start another in between.
///
/// What that reaches has to be bounded before: by the scope of Landlock, or by a user that nobody else is.
pub(crate) fn kill_all_in_reach() {
    // SAFETY: the call touches no memory. Nobody being left to kill is told as an error, and fine.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// Unmaps a range of this process's own program. It is not unmapped for as long as the process lives, so that no memory of
/// another kind can have come to that place.
pub(crate) fn let_go_of_program(start: usize, bytes: usize) -> Result<(), Errno> {
    // SAFETY: `own_pages` gives ranges of the running program's file, which have no page that was written: what is read there next is
    // the same bytes of the same file.
    check(unsafe { libc::madvise(start as *mut libc::c_void, bytes, libc::MADV_DONTNEED) }.into()).map(drop)
}

/// The least stack on which something is run: the frames of the last steps, and room for the C library's.
const STACK_BYTES_LEAST: usize = 64 * 1024;

/// Runs `body` in a new process that shares this one's memory, while this one waits until the child has replaced its
/// program or ended. Returns the child's process id.
///
/// `body` returns the exit code for the case that no program was run. A stack that could not hold its calls is refused.
pub(crate) fn run_sharing_memory<F: FnMut() -> i32>(stack: &mut [u8], body: &mut F) -> Result<u32, Errno> {
    extern "C" fn enter<F: FnMut() -> i32>(argument: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the argument is the `body` of the call below, which stays borrowed while the parent is suspended.
        let body = unsafe { &mut *argument.cast::<F>() };
        body()
    }
    if stack.len() < STACK_BYTES_LEAST {
        return Err(Errno::INVAL);
    }
    let top = stack.as_mut_ptr_range().end;
    let top = top.wrapping_sub(top as usize % 16);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the parent is suspended until the child leaves this memory (CLONE_VFORK), so nothing is used by both at
    // once; the stack is the child's alone, is large enough, and outlives it. No panic passes the boundary to C: this
    // program is built to end at once by one.
    let pid = unsafe { libc::clone(enter::<F>, top.cast(), flags, ptr::from_mut(body).cast()) };
    if pid > 0 { Ok(pid as u32) } else { Err(last_errno()) }
}

/// Attributes of a mount; see mount_setattr(2).
#[repr(C)]
#[derive(Default)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Mounts neither come from elsewhere nor go there.
const PRIVATE: u64 = 1 << 18;

/// Sets attributes of the mount behind `tree`, and of all below it when `recursive`, and cuts it off from the mounts it
/// was copied from, so that nothing mounted in the one appears in the other. `mapping` is a user namespace whose map of
/// ids the mount takes.
pub(crate) fn set_mount_attributes(
    tree: impl AsFd,
    attributes: u64,
    recursive: bool,
    mapping: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let mut arguments = MountAttributes { set: attributes, propagation: PRIVATE, ..MountAttributes::default() };
    if let Some(namespace) = mapping {
        arguments.set |= libc::MOUNT_ATTR_IDMAP;
        arguments.userns_fd = namespace.as_raw_fd() as u64;
    }
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string and the arguments live across the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const arguments,
            size_of::<MountAttributes>(),
        )
    })?;
    Ok(())
}

/// Leaves the namespaces of `flags` for new ones.
pub(crate) fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: there is one thread, so no other sees its descriptors or namespaces change.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// Closes all descriptors from `first` to `last`, both included.
///
/// What owns one of them must be neither used nor dropped from here on. That is so in process 1 alone, which keeps none of
/// what it was born with but what it moved out of the range, and which never returns to where an owner would be dropped.
pub(crate) fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    if first > last {
        return Ok(());
    }
    // SAFETY: the call touches no memory; nothing that is used again owns what it closes, as said above.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
    Ok(())
}

/// Gives `descriptor` the number `number` as well, kept across execution. What has that number is closed: it is one of the
/// standard three, or one that was set aside for this by process 1, and in neither case has it an owner.
pub(crate) fn place_descriptor(descriptor: BorrowedFd<'_>, number: u32) -> Result<(), Errno> {
    // SAFETY: the call touches no memory; the number has no owner, as said above.
    check(unsafe { libc::dup2(descriptor.as_raw_fd(), number as RawFd) }.into())?;
    Ok(())
}

/// Blocks all signals, so that they are only taken by [`wait_for_signal`].
pub(crate) fn block_signals() -> Result<(), Errno> {
    // SAFETY: a zeroed set is valid memory for sigfillset to fill, and blocking signals runs no code of ours.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut()).into())?;
    }
    Ok(())
}

/// No signal is ignored any more, whatever the owner ignores; only that would reach the programs inside.
pub(crate) fn stop_ignoring_signals() {
    // SAFETY: the structure is plain data that the calls only read; SIG_DFL installs no code.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=libc::SIGRTMAX() {
            // The two that cannot be changed and those that the C library keeps to itself answer EINVAL.
            libc::sigaction(signal, &raw const default, ptr::null_mut());
        }
    }
}

/// No signal is blocked any more, as a new program expects it.
pub(crate) fn unblock_signals() -> Result<(), Errno> {
    // SAFETY: a zeroed set is valid memory for sigemptyset to fill.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        check(libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()).into())?;
    }
    Ok(())
}

/// The next of `signals`, which are blocked; `None` after `timeout`.
pub(crate) fn wait_for_signal(signals: &[i32], timeout: Option<std::time::Duration>) -> Result<Option<i32>, Errno> {
    // SAFETY: the set and the time are initialised before they are read.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        match timeout {
            None => libc::sigwaitinfo(&raw const set, ptr::null_mut()),
            Some(timeout) => {
                let mut time: libc::timespec = std::mem::zeroed();
                time.tv_sec = timeout.as_secs() as libc::time_t;
                time.tv_nsec = timeout.subsec_nanos() as _;
                libc::sigtimedwait(&raw const set, ptr::null_mut(), &raw const time)
            }
        }
    };
    match check(result.into()) {
        Ok(signal) => Ok(Some(signal as i32)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// An ended child: its id, its raw status, and what it and its own ended children used.
pub(crate) struct Reaped {
    pub(crate) pid: u32,
    pub(crate) status: i32,
    pub(crate) cpu_us: u64,
    pub(crate) resident_kib_max: u64,
}

/// Takes an ended child, the one of `pid` or any; `None` when none has ended.
pub(crate) fn reap(pid: Option<u32>) -> Result<Option<Reaped>, Errno> {
    let mut status = 0;
    // SAFETY: a zeroed rusage is plain data for the kernel to fill.
    let (result, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let which = pid.map_or(-1, |pid| pid as libc::pid_t);
        (libc::wait4(which, &raw mut status, libc::WNOHANG, &raw mut usage), usage)
    };
    let found = check(result.into())?;
    let microseconds = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
    Ok((found > 0).then(|| Reaped {
        pid: found as u32,
        status,
        cpu_us: microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
        resident_kib_max: usage.ru_maxrss as u64,
    }))
}

/// One instruction of a filter of system calls.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    pub(crate) jump_true: u8,
    pub(crate) jump_false: u8,
    pub(crate) value: u32,
}

/// Puts a filter over all that this process and its children will ever call.
pub(crate) fn install_filter(program: &[Instruction]) -> Result<(), Errno> {
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const Instruction,
    }
    let length = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let program = Program { length, instructions: program.as_ptr() };
    // SAFETY: the program and its instructions live across the call, and the layouts are the kernel's.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })?;
    Ok(())
}

/// The version of Landlock; 0 when there is none.
pub(crate) fn landlock_abi() -> i32 {
    const VERSION: u32 = 1;
    // SAFETY: with the version flag the call takes no memory.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, ptr::null::<u8>(), 0_usize, VERSION) };
    version.max(0) as i32
}

/// A null-terminated list of C strings, as execution wants it.
pub(crate) struct StringList<'a> {
    pointers: Vec<*const libc::c_char>,
    // Keeps the strings borrowed as long as the pointers exist.
    _strings: &'a [std::ffi::CString],
}

impl<'a> StringList<'a> {
    pub(crate) fn new(strings: &'a [std::ffi::CString]) -> Self {
        let pointers = strings.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, _strings: strings }
    }
}

/// Replaces this program by the file behind `program`; returns only what went wrong.
pub(crate) fn execute_descriptor(
    program: BorrowedFd<'_>,
    arguments: &StringList<'_>,
    environment: &StringList<'_>,
) -> Errno {
    // SAFETY: both lists end with a null pointer and their strings live across the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.pointers.as_ptr(),
            environment.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
    }
    last_errno()
}

/// Replaces this program by the file at `path`; returns only what went wrong.
pub(crate) fn execute_path(path: &CStr, arguments: &StringList<'_>, environment: &StringList<'_>) -> Errno {
    // SAFETY: both lists end with a null pointer and their strings live across the call.
    unsafe { libc::execve(path.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr()) };
    last_errno()
}

/// Switches an option of a socket on.
pub(crate) fn enable_socket_option(socket: impl AsFd, level: i32, option: i32) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    // SAFETY: the value lives across the call and its size is told.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    check(result.into()).map(|_| ())
}

/// Ends this process at once, without running anything.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: the call takes no memory and does not return.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_on_a_stack_that_is_too_small() {
        let mut ran = false;
        let tried = run_sharing_memory(&mut [0; 512], &mut || {
            ran = true;
            0
        });
        assert_eq!((tried, ran), (Err(Errno::INVAL), false));
    }
}
