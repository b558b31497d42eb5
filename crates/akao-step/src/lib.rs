//! The ports through which a step is run and reaches the world.
//!
//! [`StepRunner`] is the one door through which every step goes, whatever carries it out. The other ports are what a
//! step may reach: [`BlobStore`], [`SecretSource`], [`Egress`], [`Volumes`]. This crate says what they promise; who keeps
//! the promise is decided where the program is wired together.

mod allowance;
mod blobs;
mod egress;
mod events;
mod mask;
mod runner;
mod secrets;
mod volumes;

pub use allowance::{Allowance, Allowances, Held, Share};
pub use blobs::{BlobContent, BlobError, BlobStore};
pub use egress::{BoxFuture, Egress, EgressError, HttpAnswer, HttpCall, ONLY_PUBLIC, Reach};
pub use events::{StepEvent, StepEvents};
pub use mask::{MASK, MASKED_BYTES_MIN, SecretMask};
pub use runner::{Ports, RunnerTraits, StepIo, StepRunner};
pub use secrets::{Secret, SecretError, SecretSource};
pub use tokio_util::sync::CancellationToken;
pub use volumes::{VolumeEntry, VolumeError, Volumes, WalkOptions};
