//! The one door through which every step goes.

use crate::{BlobStore, BoxFuture, CancellationToken, Egress, Secret, StepEvents, Volumes};
use akao_contract::{Effects, Invocation, Outcome};
use std::{collections::BTreeMap, sync::Arc};

/// What an engine must know of a node type before it starts a step of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerTraits {
    /// What it may change outside.
    pub effects: Effects,
    /// Whether a second run with the same key is harmless.
    pub idempotent: bool,
    /// Whether that holds only while the execution was granted nothing: what a script does with a grant is not known.
    pub once_when_granted: bool,
    /// Whether it is so short that it may run on the engine's own thread ([`StepRunner::run_inline`]).
    pub inline: bool,
    /// Whether a step of it never keeps a thread busy, because it only waits for another process.
    pub only_waits: bool,
    /// Whether a step of it is given what the execution was started with ([`Invocation::input`]).
    pub takes_input: bool,
}

/// The ports a step may use.
#[derive(Clone)]
pub struct Ports {
    /// Stored bytes.
    pub blobs: Arc<dyn BlobStore>,
    /// The network.
    pub egress: Arc<dyn Egress>,
    /// Files.
    pub volumes: Arc<dyn Volumes>,
}

/// What a running step is handed besides its invocation.
#[derive(Clone)]
pub struct StepIo {
    /// Cancelled when the step is to be halted. A step that does not end within its grace is dropped.
    pub cancel: CancellationToken,
    /// Progress and logs while it runs.
    pub events: StepEvents,
    /// The secrets that the node type asks for by its permissions, as far as they are granted. Whoever passes one on covers
    /// it in whatever comes back.
    pub secrets: Arc<BTreeMap<String, Secret>>,
}

/// Runs steps. One invocation, exactly one outcome; failures of the work are outcomes, never panics.
pub trait StepRunner: Send + Sync {
    /// What the engine must know of `node_type`; none when this runner does not know it.
    fn traits(&self, node_type: &str) -> Option<RunnerTraits>;

    /// Runs a step whose traits say `inline`, in microseconds and without waiting.
    fn run_inline(&self, invocation: &Invocation) -> Outcome;

    /// Runs a step.
    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome>;
}
