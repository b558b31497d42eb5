//! The spawner: a small, single-threaded, static program that makes sandboxes for the process that started it.
//!
//! Its owner, `akao-sandbox`, runs it from a sealed copy in memory and speaks to it over one socket by the messages of
//! [`wire`]. The owner has many threads and a large memory, from which no process should be forked; this program has
//! neither. Each sandbox is a process in namespaces of its own, made from the same root folder, and held by a control
//! group, Landlock, and a filter of system calls. When the socket ends, every sandbox ends.
//!
//! It knows of no node, tenant or workflow: an order says what is shown, what may be used, and which program runs.

mod bare;
mod base;
mod cgroup;
mod identity;
mod network;
mod own_pages;
mod payload;
mod places;
mod prepare;
mod privileges;
mod program;
mod rules;
mod sandbox;
mod seccomp;
mod serve;
mod source;
mod stage;
mod sys;
mod watch;
pub mod wire;

/// Removes the folder `name` in `all`, whatever its rights and however deep what is in it. No link in it is followed.
///
/// # Errors
/// The system refuses something. What was removed until then is removed.
pub fn remove_folder(all: &rustix::fd::OwnedFd, name: &std::ffi::CStr) -> Result<(), rustix::io::Errno> {
    bare::remove_folder(all, name)
}

pub use own_pages::let_go as let_go_of_own_pages;
pub use serve::run;
pub use stage::Stage;

/// The user and group id that every program inside sees itself as.
pub const USER_INSIDE: u32 = 1000;
