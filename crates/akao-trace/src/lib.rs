//! What a program did: it is run as its user runs it, its system calls are followed through all its processes and
//! threads, and what came of them is told as plain data.
//!
//! It holds nothing back and decides nothing: it is no sandbox, and a program that wants to hide something can. What the
//! data means for a manifest is left to the caller.
//!
//! The kernel is asked by ptrace(2), which is bound to a thread: a program is followed by the thread that started it.

mod act;
mod calls;
mod error;
mod follow;
mod memory;
mod names;
mod observed;
mod registers;
mod sockets;
mod start;
mod stopper;

pub use error::TraceError;
pub use observed::{Bounds, Ended, FileUse, Note, Observed, Peer, Program, Protocol};
pub use stopper::Stopper;

use std::{ffi::OsString, os::fd::OwnedFd, path::PathBuf, time::Duration};

/// What is to be run, and how it is followed. Environment, folder and terminal are those of the calling process.
#[derive(Debug)]
pub struct Order {
    /// The program, by its name or its path.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The folders that a name is looked for in.
    pub search: Vec<PathBuf>,
    /// Where its standard output leads; to this process's own when it is not given.
    pub stdout: Option<OwnedFd>,
    /// How long other processes may outlive the program's own before they are killed.
    pub grace: Duration,
    /// How much is remembered.
    pub bounds: Bounds,
}

/// Runs a program to its end and tells what it did. `stopper` ends it from another thread.
///
/// # Errors
/// The program is not there or cannot be run, the kernel does not let it be followed, or this processor's system calls are
/// not known here. Nothing of the program is left running then.
pub fn trace(order: &Order, stopper: &Stopper) -> Result<Observed, TraceError> {
    if !registers::KNOWN {
        return Err(TraceError::Processor(std::env::consts::ARCH));
    }
    let main = start::start(order)?;
    stopper.watch(main);
    let followed = follow::follow(main, order, stopper);
    stopper.forget();
    followed
}
