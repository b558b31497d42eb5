//! Where a system call's number, arguments and result stand, for each processor that is known here.

use nix::unistd::Pid;

/// Whether this processor is known here.
pub(crate) const KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// A system call as the registers show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registers {
    /// Which call; true when it begins.
    pub(crate) number: i64,
    /// What it was given; true when it begins, since the result takes the place of the first on some processors.
    pub(crate) arguments: [u64; 6],
    /// What came of it; true when it ends.
    pub(crate) result: i64,
}

/// The registers of a stopped thread.
#[cfg(target_arch = "x86_64")]
pub(crate) fn read(thread: Pid) -> nix::Result<Registers> {
    let found = nix::sys::ptrace::getregs(thread)?;
    Ok(Registers {
        number: found.orig_rax.cast_signed(),
        arguments: [found.rdi, found.rsi, found.rdx, found.r10, found.r8, found.r9],
        result: found.rax.cast_signed(),
    })
}

/// The registers of a stopped thread.
#[cfg(target_arch = "aarch64")]
pub(crate) fn read(thread: Pid) -> nix::Result<Registers> {
    let found = nix::sys::ptrace::getregs(thread)?.regs;
    Ok(Registers {
        number: found[8].cast_signed(),
        arguments: [found[0], found[1], found[2], found[3], found[4], found[5]],
        result: found[0].cast_signed(),
    })
}

/// No other processor is known.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn read(_thread: Pid) -> nix::Result<Registers> {
    Err(nix::errno::Errno::ENOSYS)
}
