//! What must hold: after every commit for what became durable, and at the end for everything that was acknowledged.

use crate::{store::MemStore, workload};
use akao_contract::{ExecutionId, ExecutionStatus, OpId, Tenant};
use akao_engine::{Job, Replica, Version, read_entries};
use akao_flow::{Catalogue, Event};
use akao_journal::{OperationState, Snapshot};
use akao_step::BlobStore;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Events of one execution beyond which it has lost its way; the workflows are small.
const EVENTS_MAX: u64 = 5_000;

/// An execution as its journal tells it.
struct Told {
    replica: Replica,
    frames: usize,
    closed: BTreeSet<OpId>,
    signals: Vec<String>,
    cancelled: bool,
    completed: BTreeSet<OpId>,
}

/// Everything that became durable, read back frame by frame.
pub(crate) struct Checks {
    catalogue: Arc<Catalogue>,
    blobs: Arc<dyn BlobStore>,
    told: BTreeMap<ExecutionId, Told>,
    versions: BTreeMap<akao_contract::Digest, Arc<Version>>,
}

impl Checks {
    pub(crate) fn new(catalogue: Arc<Catalogue>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { catalogue, blobs, told: BTreeMap::new(), versions: BTreeMap::new() }
    }

    /// Reads what the last commit added.
    pub(crate) fn read(&mut self, store: &MemStore, touched: &BTreeSet<ExecutionId>) -> Result<(), String> {
        for execution in touched {
            self.read_one(store, *execution)?;
        }
        self.check_keys(store)
    }

    fn version(
        &mut self,
        store: &MemStore,
        tenant: &Tenant,
        digest: akao_contract::Digest,
    ) -> Result<Arc<Version>, String> {
        if let Some(version) = self.versions.get(&digest) {
            return Ok(Arc::clone(version));
        }
        let body = store.body(tenant, digest).ok_or("a definition is gone")?;
        let version = Arc::new(Version::load(digest, body, &self.catalogue)?);
        self.versions.insert(digest, Arc::clone(&version));
        Ok(version)
    }

    fn read_one(&mut self, store: &MemStore, execution: ExecutionId) -> Result<(), String> {
        let Some(row) = store.executions.get(&execution) else { return Ok(()) };
        if row.status == ExecutionStatus::Quarantined {
            return Err(format!("{execution} is quarantined: {:?}", row.waiting));
        }
        let version = self.version(store, &row.tenant, row.definition)?;
        let blobs = Arc::clone(&self.blobs);
        let told = self.told.entry(execution).or_insert_with(|| Told {
            replica: Replica::new(version, row.tenant.clone(), blobs),
            frames: 0,
            closed: BTreeSet::new(),
            signals: Vec::new(),
            cancelled: false,
            completed: BTreeSet::new(),
        });
        for frame in store.frames_from(execution, told.frames) {
            told.frames += 1;
            for entry in read_entries(&frame.body).map_err(|problem| problem.to_string())? {
                told.note(execution, &entry.event)?;
            }
            // Checks the fingerprint of every decision.
            told.replica.apply_frame(frame).map_err(|problem| format!("{execution}: {problem}"))?;
        }
        if told.replica.next_seq() > EVENTS_MAX {
            return Err(format!("{execution} has more than {EVENTS_MAX} events"));
        }
        let Some(machine) = told.replica.machine() else { return Ok(()) };
        let (found, expected) = (row.status.is_final(), machine.status().is_final());
        if found != expected || (found && row.status != machine.status()) {
            return Err(format!("{execution} is {} in its row and {} by its journal", row.status, machine.status()));
        }
        if row.status.is_final() && store.operations.keys().any(|(id, _)| *id == execution) {
            return Err(format!("{execution} has ended and has rows of operations"));
        }
        for (_, op) in store.operations.keys().filter(|(id, _)| *id == execution) {
            if !machine.is_open(*op) {
                return Err(format!("{execution} has a row of operation {op}, which is closed"));
            }
        }
        Ok(())
    }

    /// A snapshot that became durable holds the state that the journal leads to.
    pub(crate) fn check_snapshot(&self, execution: ExecutionId, snapshot: &Snapshot) -> Result<(), String> {
        let told = self.told.get(&execution).ok_or("a snapshot without a journal")?;
        if told.replica.next_seq() != snapshot.seq + 1 {
            return Err(format!("the snapshot of {execution} is not at the end of its batch"));
        }
        let machine = told.replica.machine().ok_or("a snapshot without a start")?;
        if machine.snapshot() == snapshot.body {
            return Ok(());
        }
        Err(format!("the snapshot of {execution} differs from what its journal leads to"))
    }

    /// A step that is let go has its cause in the journal, and its lease if it may not run twice.
    pub(crate) fn check_step(&self, store: &MemStore, job: &Job) -> Result<(), String> {
        let (execution, op) = (job.context.execution, job.context.op);
        let machine = self.told.get(&execution).and_then(|told| told.replica.machine());
        if !machine.is_some_and(|machine| machine.is_open(op)) {
            return Err(format!("operation {op} of {execution} runs before its cause is durable, or after its end"));
        }
        if machine.is_some_and(|machine| machine.is_halting(op)) {
            return Err(format!("operation {op} of {execution} runs although it is being halted"));
        }
        let row = store.operations.get(&(execution, op));
        let leased = row.is_some_and(|row| row.state == OperationState::Leased && row.attempt == job.context.attempt);
        if leased || workload::is_idempotent(&job.node_type) {
            return Ok(());
        }
        Err(format!("operation {op} of {execution} runs without a lease"))
    }

    /// No more executions hold a concurrency key than the strictest of those that hold it allows.
    fn check_keys(&self, store: &MemStore) -> Result<(), String> {
        let mut holders: BTreeMap<(&Tenant, &str), (usize, u32)> = BTreeMap::new();
        for row in store.executions.values() {
            let holds = !row.status.is_final() && row.status != ExecutionStatus::Queued;
            let (true, Some(key)) = (holds, &row.queue_key) else { continue };
            let settings = self.versions.get(&row.definition).map(|version| &version.definition.settings);
            let bound = settings.and_then(|settings| settings.concurrency.as_ref());
            let (count, limit) = holders.entry((&row.tenant, key)).or_insert((0, u32::MAX));
            *count += 1;
            *limit = bound.map_or(*limit, |bound| bound.limit.min(*limit));
        }
        match holders.iter().find(|(_, (count, limit))| *count > *limit as usize) {
            Some(((tenant, key), (count, limit))) => {
                Err(format!("{count} executions of {tenant} hold the key `{key}`, which {limit} may"))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn signals(&self, execution: ExecutionId, marker: &str) -> usize {
        let told = self.told.get(&execution);
        told.map_or(0, |told| told.signals.iter().filter(|signal| signal.as_str() == marker).count())
    }

    /// The input that an execution was started with, if it has begun.
    pub(crate) fn input(&self, execution: ExecutionId) -> Option<Value> {
        let machine = self.told.get(&execution)?.replica.machine()?;
        Some(machine.values_at(None)["input"].clone())
    }

    /// What an execution waits for, by its journal.
    pub(crate) fn outstanding(&self, execution: ExecutionId) -> Vec<akao_flow::Command> {
        let machine = self.told.get(&execution).and_then(|told| told.replica.machine());
        machine.map(akao_flow::Machine::outstanding).unwrap_or_default()
    }

    pub(crate) fn is_cancelled(&self, store: &MemStore, execution: ExecutionId) -> bool {
        let asked = self.told.get(&execution).is_some_and(|told| told.cancelled);
        asked || store.executions.get(&execution).is_some_and(|row| row.status == ExecutionStatus::Cancelled)
    }

    pub(crate) fn is_completed(&self, execution: ExecutionId, op: OpId) -> bool {
        self.told.get(&execution).is_some_and(|told| told.completed.contains(&op))
    }
}

impl Told {
    fn note(&mut self, execution: ExecutionId, event: &Event) -> Result<(), String> {
        let closes = match event {
            Event::StepFinished { op, .. }
            | Event::TimerFired { op }
            | Event::ChildFinished { op, .. }
            | Event::BlobLoaded { op, .. } => Some(*op),
            Event::TaskCompleted { op, .. } => {
                self.completed.insert(*op);
                Some(*op)
            }
            Event::Signal { payload, .. } => {
                self.signals.extend(payload.as_str().map(str::to_owned));
                None
            }
            Event::CancelRequested { .. } => {
                self.cancelled = true;
                None
            }
            _ => None,
        };
        match closes {
            Some(op) if !self.closed.insert(op) => Err(format!("operation {op} of {execution} was closed twice")),
            _ => Ok(()),
        }
    }
}
