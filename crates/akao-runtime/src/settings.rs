//! Bounds of the process manager, for whoever wires the program. The defaults are what `docs/external-nodes.md` says.

use crate::{circuit::CircuitSettings, lines::LineLimits};
use akao_contract::manifest::ResourceCaps;
use akao_step::Allowances;
use std::time::Duration;

/// How processes are managed.
#[derive(Debug, Clone)]
pub struct RuntimeSettings {
    /// Name and version of the program, as nodes are told it.
    pub host: String,
    /// What an operator allows a process at most.
    pub caps: ResourceCaps,
    /// What each tenant may use for all of its processes.
    pub allowances: Allowances,
    /// Processes of all pools together.
    pub processes_max: usize,
    /// Most processes of one pool, whatever a manifest says.
    pub instances_max: u32,
    /// Most calls at once in one process, whatever a manifest says.
    pub concurrency_max: u32,
    /// Calls that wait for a process of one pool; one more is refused.
    pub waiting_max: usize,
    /// From the launch to the connected process.
    pub launch_limit: Duration,
    /// From there to the answer to `node.info`.
    pub handshake_limit: Duration,
    /// What a node has between `$/cancel` and SIGTERM.
    pub cancel_grace: Duration,
    /// What it has between SIGTERM and SIGKILL.
    pub terminate_grace: Duration,
    /// What a node has to answer `node.shutdown` and to end.
    pub shutdown_grace: Duration,
    /// An idle process ends after this time.
    pub idle_max: Duration,
    /// How often a process is looked at: health, age, memory, idleness.
    pub check_interval: Duration,
    /// For the answer to `node.health`.
    pub health_limit: Duration,
    /// An idle process is replaced when it uses this much of its memory limit and half as much again as at its start.
    pub recycle_memory_percent: u64,
    /// Back-off and circuit.
    pub circuit: CircuitSettings,
    /// What is kept of standard output and standard error.
    pub lines: LineLimits,
    /// Longest message that is offered to nodes.
    pub message_bytes_max: usize,
    /// Largest file that becomes a blob, and largest blob that becomes a file.
    pub blob_bytes_max: u64,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self {
            host: format!("akao/{}", env!("CARGO_PKG_VERSION")),
            caps: ResourceCaps::default(),
            allowances: Allowances::default(),
            processes_max: 256,
            instances_max: 16,
            concurrency_max: 64,
            waiting_max: 1_000,
            launch_limit: Duration::from_secs(10),
            handshake_limit: Duration::from_secs(5),
            cancel_grace: Duration::from_secs(2),
            terminate_grace: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(2),
            idle_max: Duration::from_secs(300),
            check_interval: Duration::from_secs(10),
            health_limit: Duration::from_secs(5),
            recycle_memory_percent: 80,
            circuit: CircuitSettings::default(),
            lines: LineLimits::default(),
            message_bytes_max: 16 << 20,
            blob_bytes_max: 32 << 20,
        }
    }
}
