//! Isolated processes: a frozen specification in, a process with limits and accounting out.
//!
//! A [`Launcher`] starts a small helper program, the spawner, and learns by really making a sandbox what this machine can
//! enforce. [`Launcher::spawn`] then turns a [`SpawnSpec`] into a [`Sandboxed`] process, or says which step of making it
//! failed; there is nothing in between. What is isolated, and what is not promised, stands in `docs/sandbox.md`.
//!
//! This crate knows nothing of nodes, tenants or workflows, and it has no threads and no async code of its own: a caller
//! waits in a thread, or polls the descriptors that a [`Sandboxed`] shows.

mod bare;
mod base;
mod counters;
mod embedded;
mod ended;
mod error;
mod launcher;
mod sandboxed;
pub mod selftest;
mod source;
mod spec;
mod tier;

pub use akao_spawner::{
    Stage, USER_INSIDE, let_go_of_own_pages,
    wire::{ControlGroups, Failure, Usage},
};
pub use base::BaseView;
pub use embedded::probe as probe_program;
pub use ended::{Cause, Ended};
pub use error::{SpawnError, StartError, WaitError};
pub use launcher::{Launcher, Options};
pub use sandboxed::{Listeners, Sandboxed};
pub use source::open_beneath;
pub use spec::{Bind, Command, Limits, Network, Profile, Source, SpawnSpec, Workspace};
pub use tier::{Finding, Tier, TierReport};
