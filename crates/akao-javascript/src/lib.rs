//! Runs inline JavaScript: source and inputs in, a JSON value or a failure with the script's own lines out.
//!
//! Each run has a QuickJS runtime of its own, which is dropped after it, so nothing that one run changed is there for the
//! next. Memory, stack, time, log and result are bounded. That bounds honest mistakes and most malice; the boundary that
//! counts is the sandbox around the process, and the deadline that the host enforces by ending it. [`worker`] is the node
//! that runs there. Files and processes are not there at all, nor is anything of the host. The same program plays bundles of
//! TypeScript nodes ([`worker::serve_bundle`]): those are loaded once, and have what their own process may keep.

mod asks;
mod bundle;
mod failure;
mod globals;
mod guard;
mod imports;
mod json;
mod nothing;
mod packages;
mod random;
mod rejections;
mod run;
mod text;
mod timers;
pub mod worker;

pub use guard::{Answer, Host, Limits};
pub use packages::Packages;
pub use run::{run, run_with};
