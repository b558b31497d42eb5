//! Runs inline JavaScript: source and inputs in, a JSON value or a failure with the script's own lines out.
//!
//! Each run has a QuickJS runtime of its own, which is dropped after it, so nothing that one run changed is there for the
//! next. Memory, stack, time, log and result are bounded. That bounds honest mistakes and most malice; the boundary that
//! counts is the sandbox around the process, and the deadline that the host enforces by ending it. [`worker`] is the node
//! that runs there. Files, modules and processes are not there at all, nor is anything of the host.

mod failure;
mod globals;
mod guard;
mod json;
mod random;
mod rejections;
mod run;
mod text;
mod timers;
pub mod worker;

pub use guard::{Host, Limits};
pub use run::run;
