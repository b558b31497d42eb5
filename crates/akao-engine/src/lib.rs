//! The engine: drives executions over a journal.
//!
//! [`Core`] is the engine without threads, files and clocks; [`Engine`] runs one over a real journal. Both take the same
//! [`Request`]s. What has happened is read beside the engine: [`Replica`] follows a history, [`export`] writes one as a
//! file; [`Follower`] joins a history with what is added to it, and [`steps`] makes steps of both.

mod changes;
mod core;
mod delivery;
mod engine;
mod entry;
mod executions;
pub mod export;
mod follow;
pub mod input;
mod job;
mod large;
mod replay;
mod request;
pub mod steps;
mod store;
mod version;
mod watch;

pub use changes::{Change, Changes};
pub use core::{Attributes, CallId, Config, Core, Effect, Entries, FeedItem, Input, Summary, step_done};
pub use delivery::HALT_GRACE;
pub use engine::{Ended, Engine, EngineThread, Feed, Parts};
pub use entry::{Entry, read_entries};
pub use executions::Executions;
pub use follow::{FollowError, Follower, Record, Update};
pub use job::Job;
pub use large::{externalise, load};
pub use replay::{ReplayError, Replica, Told};
pub use request::{Bundle, CallError, GivenSecrets, QueueEntry, Reply, Request, StartRequest};
pub use store::Store;
pub use version::{BUNDLE_DEPTH_MAX, StoredVersion, Version};
