//! The state of pools and processes at one moment, for people.

use crate::{
    circuit::CircuitState,
    pool::{Inner, PoolCounters, Slot},
};
use akao_contract::{Digest, LogLine, Permission, StepError, Tenant};
use akao_rpc::HealthStatus;
use serde_json::Value;
use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

/// One pool.
#[derive(Debug, Clone)]
pub struct PoolSnapshot {
    /// Whom it works for.
    pub tenant: Tenant,
    /// The package's id.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// The package's content.
    pub digest: Digest,
    /// What was granted.
    pub grants: Vec<Permission>,
    /// Processes that are ready.
    pub instances: Vec<InstanceSnapshot>,
    /// Processes that are being started.
    pub starting: u32,
    /// Calls that wait for a process.
    pub waiting: usize,
    /// Whether starts are allowed.
    pub circuit: CircuitState,
    /// How long the circuit is still open.
    pub circuit_open_for: Option<Duration>,
    /// Failures in a row; none when the circuit is not closed.
    pub failures: Option<u32>,
    /// The last failure of a process or a start.
    pub last_error: Option<StepError>,
    /// What happened since the pool was made.
    pub counters: PoolCounters,
}

/// One process.
#[derive(Debug, Clone)]
pub struct InstanceSnapshot {
    /// The number by which the host knows the process.
    pub process: u32,
    /// How long it runs.
    pub age: Duration,
    /// Calls that it was given.
    pub calls: u64,
    /// Calls that run.
    pub in_flight: u32,
    /// How long it has been idle.
    pub idle: Option<Duration>,
    /// It is given nothing more.
    pub is_retiring: bool,
    /// What it said of itself last; none before it was asked.
    pub health: Option<HealthStatus>,
    /// What it said beside that.
    pub health_detail: Value,
    /// Memory when it was looked at last.
    pub memory_bytes: Option<u64>,
    /// The last lines that it wrote while no step ran.
    pub lines: Vec<LogLine>,
}

impl PoolSnapshot {
    /// Whether nothing is started for now, because it failed again and again.
    pub fn is_stopped(&self) -> bool {
        self.circuit == CircuitState::Open
    }

    pub(crate) fn of(pool: &Inner) -> Self {
        let state = pool.lock();
        let mut counters = state.counters;
        let late = state.slots.iter().map(|slot| slot.instance.connection.counters().late_answers);
        counters.late_answers += late.sum::<u64>();
        Self {
            tenant: pool.spec.tenant.clone(),
            package: pool.spec.package.as_str().to_owned(),
            version: pool.spec.version.clone(),
            digest: pool.spec.digest,
            grants: pool.spec.grants.clone(),
            instances: state.slots.iter().map(InstanceSnapshot::of).collect(),
            starting: state.starting,
            waiting: state.waiting(),
            circuit: state.circuit.state(),
            circuit_open_for: state.circuit.open_until().map(|at| at.saturating_duration_since(Instant::now())),
            failures: state.circuit.failures(),
            last_error: state.last_error.clone(),
            counters,
        }
    }
}

impl InstanceSnapshot {
    /// Whether the process said of itself that it is not well.
    pub fn is_unwell(&self) -> bool {
        matches!(self.health, Some(HealthStatus::Degraded | HealthStatus::Unhealthy))
    }

    fn of(slot: &Slot) -> Self {
        let instance = &slot.instance;
        let condition = instance.condition.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            process: instance.process.id(),
            age: instance.started.elapsed(),
            calls: slot.calls,
            in_flight: slot.in_flight,
            idle: (slot.in_flight == 0).then(|| slot.idle_since.elapsed()),
            is_retiring: slot.is_retiring,
            health: condition.health,
            health_detail: condition.detail,
            memory_bytes: condition.memory_bytes,
            lines: instance.streams.own_lines(),
        }
    }
}
