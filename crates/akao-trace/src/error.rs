//! Why a program could not be followed.

use std::{ffi::OsString, io};

/// Why a program could not be followed.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is no such program.
    #[error("there is no program `{}`", .0.display())]
    NotFound(OsString),
    /// There is a file, and it cannot be run.
    #[error("`{}` cannot be run: it is not a program, or nobody may run it", .0.display())]
    NotRunnable(OsString),
    /// The program could not be started.
    #[error("the program cannot be started")]
    Start(#[source] io::Error),
    /// The kernel does not let this user follow processes.
    #[error("the kernel does not let this user follow a program")]
    Forbidden(#[source] io::Error),
    /// The layout of this processor's registers is not known here.
    #[error("programs cannot be followed on this processor, `{0}`; x86_64 and aarch64 are known")]
    Processor(&'static str),
    /// The program was lost on the way.
    #[error("the program cannot be followed any further")]
    Lost(#[source] io::Error),
}
