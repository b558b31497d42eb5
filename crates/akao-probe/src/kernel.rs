//! Calls to the kernel by number. All `unsafe` of this crate is here.
#![expect(unsafe_code, reason = "what is tried here has no safe wrapper")]

use std::{ffi::CString, io, os::fd::RawFd};

fn check(result: libc::c_long) -> Result<i64, io::Error> {
    if result >= 0 { Ok(result) } else { Err(io::Error::last_os_error()) }
}

/// Calls the kernel by number with plain numbers as arguments. Zero stands for "no memory", and every other number that
/// the call would take as an address is one that nothing is mapped at, so that the kernel answers `EFAULT` at most.
pub(crate) fn call(number: libc::c_long, arguments: [u64; 6]) -> Result<i64, io::Error> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the arguments are numbers, flags and null or unmapped addresses, as said above; the kernel checks addresses
    // before it uses them. Calls that end or replace the process do no harm to a program that has nothing else to do.
    check(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

/// The address of a C string as an argument; the string must live as long as the call.
pub(crate) fn address(text: &CString) -> u64 {
    text.as_ptr() as u64
}

/// Calls by the numbers of another interface: the x32 one.
#[cfg(target_arch = "x86_64")]
pub(crate) fn call_x32() -> Result<i64, io::Error> {
    const GETPID: libc::c_long = 0x4000_0000 + 39;
    call(GETPID, [0; 6])
}

/// Calls by the numbers of another interface: the 32-bit one, by its own instruction.
#[cfg(target_arch = "x86_64")]
pub(crate) fn call_ia32() -> i64 {
    let result: i64;
    // SAFETY: number 20 asks for the process id and takes no memory; the registers it changes are told.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _)
    };
    result
}

/// A child by fork; 0 in the child.
pub(crate) fn fork() -> Result<i32, io::Error> {
    // SAFETY: this program has one thread wherever it forks, so the child holds no lock that nobody will release.
    check(unsafe { libc::fork() }.into()).map(|pid| pid as i32)
}

/// Waits for a child; its raw status.
pub(crate) fn wait(pid: i32) -> Result<i32, io::Error> {
    let mut status = 0;
    // SAFETY: the status lives across the call.
    check(unsafe { libc::waitpid(pid, &raw mut status, 0) }.into())?;
    Ok(status)
}

/// Ends the process at once.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: the call takes no memory and does not return.
    unsafe { libc::_exit(code) }
}

/// Sends a signal; 0 only asks whether it could be sent.
pub(crate) fn kill(pid: i32, signal: i32) -> Result<(), io::Error> {
    // SAFETY: the call takes no memory.
    check(unsafe { libc::kill(pid, signal) }.into()).map(|_| ())
}

/// Ignores a signal.
pub(crate) fn ignore(signal: i32) {
    // SAFETY: SIG_IGN installs no code.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Replaces this program; returns only what went wrong.
pub(crate) fn execute(path: &CString, arguments: &[CString]) -> io::Error {
    let pointers: Vec<*const libc::c_char> =
        arguments.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
    let empty = [std::ptr::null()];
    // SAFETY: both lists end with a null pointer and live across the call.
    unsafe { libc::execve(path.as_ptr(), pointers.as_ptr(), empty.as_ptr()) };
    io::Error::last_os_error()
}

/// Replaces this program by the file behind a descriptor; returns only what went wrong.
pub(crate) fn execute_descriptor(file: RawFd) -> io::Error {
    let name = c"probe".as_ptr();
    let arguments = [name, c"nothing".as_ptr(), std::ptr::null()];
    let empty: [*const libc::c_char; 1] = [std::ptr::null()];
    // SAFETY: both lists end with a null pointer and live across the call.
    unsafe {
        libc::syscall(libc::SYS_execveat, file, c"".as_ptr(), arguments.as_ptr(), empty.as_ptr(), libc::AT_EMPTY_PATH)
    };
    io::Error::last_os_error()
}

/// Takes `bytes` of memory and touches all of it. It is never given back.
pub(crate) fn take_memory(bytes: usize, shared: bool) -> Result<(), io::Error> {
    let kind = if shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE } | libc::MAP_ANONYMOUS;
    // SAFETY: the kernel chooses the place, so nothing that exists is overwritten; only the mapped range is written.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, kind, -1, 0);
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        for offset in (0..bytes).step_by(4096) {
            place.cast::<u8>().add(offset).write_volatile(1);
        }
    }
    Ok(())
}

/// Takes `bytes` of memory that can be shared, of a device if one is given, fills it, and lets go of all but a page of it,
/// which keeps the rest filled where no process shows it.
pub(crate) fn hide_memory(bytes: usize, device: Option<RawFd>) -> Result<(), io::Error> {
    let kind = if device.is_some() { libc::MAP_SHARED } else { libc::MAP_SHARED | libc::MAP_ANONYMOUS };
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel chooses the place, so nothing that exists is overwritten; only the mapped range is written, and
    // nothing uses it when it is let go.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), bytes, access, kind, device.unwrap_or(-1), 0);
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        for offset in (0..bytes).step_by(4096) {
            place.cast::<u8>().add(offset).write_volatile(1);
        }
        check(libc::munmap(place.cast::<u8>().add(4096).cast(), bytes - 4096).into()).map(|_| ())
    }
}

/// Reads one byte in each two megabytes of `bytes` that are never written: no page is taken for them but the tables in
/// which the kernel notes where they are.
pub(crate) fn spread_reads(bytes: usize) -> Result<(), io::Error> {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the kernel chooses the place, so nothing that exists is touched; only the mapped range is read.
    unsafe {
        let place = libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ, kind, -1, 0);
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // A kernel without large pages does not know the advice, and needs none.
        libc::madvise(place, bytes, libc::MADV_NOHUGEPAGE);
        for offset in (0..bytes).step_by(2 * 1024 * 1024) {
            place.cast::<u8>().add(offset).read_volatile();
        }
    }
    Ok(())
}

/// Sends one byte and the descriptor `sent` beside it over `socket`, without waiting for room.
pub(crate) fn send_descriptor(socket: RawFd, sent: RawFd) -> Result<(), io::Error> {
    let byte = 1_u8;
    let mut control = [0_u64; 4];
    // SAFETY: the header points at a byte and at a buffer that is large enough and aligned for one descriptor; all of it
    // lives across the call.
    let result = unsafe {
        let mut part = libc::iovec { iov_base: (&raw const byte).cast_mut().cast(), iov_len: 1 };
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(sent);
        libc::sendmsg(socket, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    check(result as libc::c_long).map(|_| ())
}

/// Stands still until a child is done that shares all memory and is never done.
pub(crate) fn hang_in_child() -> ! {
    let flags = (libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD) as libc::c_long;
    // SAFETY: the child goes on on the parent's stack, and never returns from here; the parent is suspended until the
    // child has ended, and then only ends as well.
    unsafe {
        if libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) == 0 {
            loop {
                libc::pause();
            }
        }
        libc::_exit(0)
    }
}

/// Ends the process by a signal that leaves a core.
pub(crate) fn crash() -> ! {
    // SAFETY: raising a signal takes no memory; its default action ends the process.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::raise(libc::SIGSEGV);
        libc::_exit(0)
    }
}

/// Opens a socket.
pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<RawFd, io::Error> {
    // SAFETY: the call takes no memory.
    check(unsafe { libc::socket(family, kind, protocol) }.into()).map(|number| number as RawFd)
}

/// Connects a socket to an abstract name.
pub(crate) fn connect_abstract(socket: RawFd, name: &[u8]) -> Result<(), io::Error> {
    // SAFETY: a zeroed address is plain data; its length covers what was filled.
    let result = unsafe {
        let mut address: libc::sockaddr_un = std::mem::zeroed();
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (place, byte) in address.sun_path[1..].iter_mut().zip(name) {
            *place = *byte as libc::c_char;
        }
        let length = size_of::<libc::sa_family_t>() + 1 + name.len().min(address.sun_path.len() - 1);
        libc::connect(socket, (&raw const address).cast(), length as libc::socklen_t)
    };
    check(result.into()).map(|_| ())
}

/// Connects a socket of the machine's own family to the host.
pub(crate) fn connect_host(socket: RawFd, port: u32) -> Result<(), io::Error> {
    // SAFETY: a zeroed address is plain data.
    let result = unsafe {
        let mut address: libc::sockaddr_vm = std::mem::zeroed();
        address.svm_family = libc::AF_VSOCK as libc::sa_family_t;
        address.svm_cid = libc::VMADDR_CID_HOST;
        address.svm_port = port;
        libc::connect(socket, (&raw const address).cast(), size_of::<libc::sockaddr_vm>() as libc::socklen_t)
    };
    check(result.into()).map(|_| ())
}

/// Sets all capabilities in all sets.
pub(crate) fn raise_capabilities() -> Result<i64, io::Error> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    const VERSION_3: u32 = 0x2008_0522;
    let header = Header { version: VERSION_3, pid: 0 };
    let all = [u32::MAX, u32::MAX, 0, 0x1ff, 0x1ff, 0];
    // SAFETY: header and sets have the layout of version 3 and live across the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, all.as_ptr()) })
}

/// Sets a signal's stop or another limit of this process.
pub(crate) fn limit(resource: u32, value: u64) -> Result<(), io::Error> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: the limit lives across the call.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, &raw const limit, 0) }).map(|_| ())
}

/// What uname(2) says: the name of the host and its domain.
pub(crate) fn host_names() -> (String, String) {
    // SAFETY: a zeroed structure is plain data, which the call fills with terminated strings.
    unsafe {
        let mut names: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut names);
        let text = |field: &[libc::c_char]| std::ffi::CStr::from_ptr(field.as_ptr()).to_string_lossy().into_owned();
        (text(&names.nodename), text(&names.domainname))
    }
}

/// Locks one byte of a file for writing.
pub(crate) fn lock_byte(file: &std::fs::File, at: u64) -> Result<(), io::Error> {
    // SAFETY: a zeroed flock is plain data, which the call only reads.
    let result = unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_WRLCK as _;
        lock.l_whence = libc::SEEK_SET as _;
        lock.l_start = at as libc::off_t;
        lock.l_len = 1;
        libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(file), libc::F_SETLK, &raw const lock)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
