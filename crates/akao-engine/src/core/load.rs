//! Bringing an execution into memory: from its start, from the queue, or from the journal with a check of every decision.

use super::{
    Core, Due,
    attempts::Attempt,
    live::{Attributes, Live, RowState, attributes_bytes},
};
use crate::{
    entry::{FrameBuffer, read_entries},
    request::CallError,
    store::Store,
    version::Version,
};
use akao_contract::{Digest, ErrorKind, ExecutionId, ExecutionStatus, OpId, Outcome, StepError, Tenant};
use akao_flow::{Command, Event, Machine, RunStep, Start, fingerprint};
use akao_journal::{ExecutionRow, OperationRow, OperationState, Write};
use akao_step::Secret;
use serde_json::Value;
use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc};

/// Versions that stay in memory.
const VERSIONS_MAX: usize = 1_024;

/// A new execution before its first event.
pub(super) struct Fresh {
    pub(super) start: Start,
    pub(super) version: Arc<Version>,
    pub(super) attributes: Attributes,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) parent: Option<(ExecutionId, OpId)>,
    pub(super) forked_from: Option<(ExecutionId, u64)>,
    pub(super) queue_key: Option<String>,
}

impl Fresh {
    /// The row of the execution in a given state.
    pub(super) fn row(&self, status: ExecutionStatus) -> ExecutionRow {
        ExecutionRow {
            id: self.start.execution,
            tenant: self.start.tenant.clone(),
            workflow: self.version.definition.id.clone(),
            version: self.version.definition.version.clone(),
            definition: self.version.digest,
            semantics: self.start.semantics,
            status,
            parent: self.parent,
            forked_from: self.forked_from,
            queue_key: self.queue_key.clone(),
            started_ms: self.start.at_ms,
            updated_ms: self.start.at_ms,
            ended_ms: None,
            next_timer_ms: None,
            last_seq: 0,
            waiting: None,
            attributes: attributes_bytes(&self.attributes),
            summary: None,
        }
    }
}

impl Core {
    /// A stored version, ready to run.
    pub(super) fn version(
        &mut self,
        store: &dyn Store,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Arc<Version>, String> {
        if let Some(version) = self.versions.get(&digest) {
            return Ok(Arc::clone(version));
        }
        let body = store.definition(tenant, digest).map_err(|problem| problem.to_string())?;
        let body = body.ok_or_else(|| format!("the definition {digest} is not in the journal"))?;
        let version = Arc::new(Version::load(digest, &body, &self.catalogue)?);
        self.keep_version(&version);
        Ok(version)
    }

    pub(super) fn keep_version(&mut self, version: &Arc<Version>) {
        if self.versions.len() >= VERSIONS_MAX {
            self.versions.pop_first();
        }
        self.versions.insert(version.digest, Arc::clone(version));
    }

    /// Starts an execution: its first event goes into this batch. `row` is none for one that was queued and has its row.
    pub(super) fn begin(&mut self, fresh: Fresh, row: Option<Box<ExecutionRow>>) {
        let execution = fresh.start.execution;
        self.begin_quietly(fresh, row);
        self.carry_out_reaction(execution);
    }

    /// As `begin`, without carrying out what the start leads to.
    pub(super) fn begin_quietly(&mut self, fresh: Fresh, row: Option<Box<ExecutionRow>>) {
        let execution = fresh.start.execution;
        let at_ms = fresh.start.at_ms;
        let event = Event::Started(Box::new(fresh.start.clone()));
        let mut frame = FrameBuffer::default();
        frame.open(0, at_ms, &event);
        self.reaction.clear();
        let program = Arc::clone(&fresh.version.program);
        let machine = Machine::start(program, fresh.start.clone(), false, &mut self.reaction);
        let queued = RowState { status: ExecutionStatus::Queued, waiting: None, next_timer_ms: None };
        let mut live = Live {
            machine,
            version: fresh.version,
            tenant: fresh.start.tenant,
            grants: Arc::new(fresh.attributes.grants),
            volumes: Arc::new(fresh.attributes.volumes),
            trace: fresh.attributes.trace.map(Into::into),
            secrets: fresh.secrets,
            parent: fresh.parent,
            queue_key: fresh.queue_key,
            next_seq: 0,
            last_ms: at_ms,
            frame,
            fed: Vec::new(),
            new_row: row,
            row: queued,
            attempts: BTreeMap::new(),
            timers: BTreeMap::new(),
            op_rows: BTreeSet::new(),
            blocked: BTreeMap::new(),
            finish: None,
            tail_bytes: 0,
            tail_events: 0,
            snapshot_bytes: 0,
            in_idle_list: false,
        };
        let copy = self.followed.contains(&execution).then_some(event);
        live.close(at_ms, 0, copy, &self.reaction);
        self.live.insert(execution, live);
        self.batch_events += 1;
        self.touched.insert(execution);
    }

    /// Takes up what a new execution with a history has open. A step that was being halted there does not begin here.
    pub(super) fn take_up_new(&mut self, execution: ExecutionId) {
        let Some(live) = self.live.get(&execution) else { return };
        if live.finish.is_some() {
            return;
        }
        let outstanding = live.machine.outstanding();
        let is_halting = |command: &Command| match command {
            Command::RunStep(step) => live.machine.is_halting(step.op),
            _ => false,
        };
        let (halting, open): (Vec<_>, Vec<_>) = outstanding.into_iter().partition(is_halting);
        for command in open {
            self.carry_out(execution, command);
        }
        for command in halting {
            if let Command::RunStep(step) = command {
                self.finish_step(execution, step.op, Outcome::cancelled(), Attempt::first());
            }
        }
    }

    /// Starts an execution that has a place now.
    pub(super) fn start_queued(&mut self, store: &dyn Store, execution: ExecutionId) -> Result<(), String> {
        let secrets = self.queued_secrets.remove(&execution).unwrap_or_default();
        if let Some(fresh) = self.queued_now.remove(&execution) {
            // Its row is in this very batch and cannot be read yet.
            let start = Start { at_ms: self.now_ms.max(fresh.start.at_ms), ..fresh.start };
            self.begin(Fresh { start, secrets, ..*fresh }, None);
            return Ok(());
        }
        let row = store.execution(execution).map_err(|problem| problem.to_string())?;
        let row = row.ok_or("its row is gone")?;
        let attributes: Attributes = serde_json::from_slice(&row.attributes).map_err(|problem| problem.to_string())?;
        let start = attributes.queued.clone().ok_or("its start is not in its row")?;
        let version = self.version(store, &row.tenant, row.definition)?;
        let fresh = Fresh {
            start: Start { at_ms: self.now_ms.max(start.at_ms), ..*start },
            version,
            attributes: Attributes { queued: None, ..attributes },
            secrets,
            parent: row.parent,
            forked_from: row.forked_from,
            queue_key: row.queue_key,
        };
        self.begin(fresh, None);
        Ok(())
    }

    /// Makes sure that an execution is in memory.
    ///
    /// # Errors
    /// It does not exist, has ended, or its record is damaged; then it is quarantined.
    pub(super) fn ensure_live(&mut self, store: &dyn Store, execution: ExecutionId) -> Result<(), CallError> {
        if let Some(live) = self.live.get(&execution) {
            return match &live.finish {
                None => Ok(()),
                Some(finish) => Err(CallError::conflict(format!("execution {execution} has ended: {}", finish.status))),
            };
        }
        let row = match store.execution(execution) {
            Ok(Some(row)) => row,
            Ok(None) if self.is_queued(execution) => return Err(not_started(execution)),
            Ok(None) => return Err(CallError::not_found(format!("there is no execution {execution}"))),
            Err(problem) => return Err(self.quarantined(execution, None, problem.to_string())),
        };
        match row.status {
            ExecutionStatus::Quarantined => {
                let reason = row.waiting.unwrap_or_else(|| "its record is damaged".into());
                return Err(CallError::Quarantined { execution, reason });
            }
            ExecutionStatus::Queued => {
                return Err(not_started(execution));
            }
            status if status.is_final() => {
                return Err(CallError::conflict(format!("execution {execution} has ended: {status}")));
            }
            _ => {}
        }
        match self.load(store, &row) {
            Ok(live) => {
                self.due.retain(|(_, id, due)| *id != execution || *due != Due::Wake);
                self.live.insert(execution, live);
                self.take_up(store, execution);
                Ok(())
            }
            Err(reason) => Err(self.quarantined(execution, row.parent, reason)),
        }
    }

    fn quarantined(
        &mut self,
        execution: ExecutionId,
        parent: Option<(ExecutionId, OpId)>,
        reason: String,
    ) -> CallError {
        self.quarantine(execution, parent, reason.clone());
        CallError::Quarantined { execution, reason }
    }

    /// Rebuilds an execution from its snapshot and frames, and checks that the interpreter takes the recorded decisions.
    fn load(&mut self, store: &dyn Store, row: &ExecutionRow) -> Result<Live, String> {
        let version = self.version(store, &row.tenant, row.definition)?;
        let (machine, next_seq, last_ms, tail) = self.replay(store, row, &version)?;
        let attributes: Attributes = serde_json::from_slice(&row.attributes).unwrap_or_default();
        Ok(Live {
            machine,
            version,
            tenant: row.tenant.clone(),
            grants: Arc::new(attributes.grants),
            volumes: Arc::new(attributes.volumes),
            trace: attributes.trace.map(Into::into),
            secrets: BTreeMap::new(),
            parent: row.parent,
            queue_key: row.queue_key.clone(),
            next_seq,
            last_ms,
            frame: FrameBuffer::default(),
            fed: Vec::new(),
            new_row: None,
            row: RowState { status: row.status, waiting: row.waiting.clone(), next_timer_ms: row.next_timer_ms },
            attempts: BTreeMap::new(),
            timers: BTreeMap::new(),
            op_rows: BTreeSet::new(),
            blocked: BTreeMap::new(),
            finish: None,
            tail_bytes: tail.0,
            tail_events: tail.1,
            snapshot_bytes: tail.2,
            in_idle_list: false,
        })
    }

    fn replay(
        &mut self,
        store: &dyn Store,
        row: &ExecutionRow,
        version: &Arc<Version>,
    ) -> Result<(Machine, u64, i64, (usize, u64, usize)), String> {
        let snapshot = store.snapshot(row.id).ok().flatten();
        let mut restored = None;
        let mut snapshot_bytes = 0;
        if let Some(snapshot) = snapshot
            && let Ok(mut machine) = Machine::restore(Arc::clone(&version.program), &snapshot.body, false)
        {
            for blob in machine.missing_blobs() {
                machine.supply(&blob, &self.read_blob(&row.tenant, &blob).map_err(|error| error.message)?);
            }
            snapshot_bytes = snapshot.body.len();
            restored = Some((machine, snapshot.seq + 1));
        }
        let from = restored.as_ref().map_or(0, |(_, seq)| *seq);
        let frames = store.frames(row.id, from).map_err(|problem| problem.to_string())?;
        let (mut machine, mut next_seq) = match restored {
            Some((machine, seq)) => (Some(machine), seq),
            None => (None, 0),
        };
        let (mut last_ms, mut bytes, mut events) = (row.started_ms, 0, 0);
        for frame in frames {
            let entries =
                read_entries(&frame.body).map_err(|problem| format!("frame at {}: {problem}", frame.first_seq))?;
            bytes += frame.body.len();
            for (seq, entry) in (frame.first_seq..).zip(entries) {
                if seq < next_seq {
                    continue;
                }
                self.replay_one(&row.tenant, version, &mut machine, seq, entry.at, entry.event, entry.hash)?;
                last_ms = entry.at;
                next_seq = seq + 1;
                events += 1;
            }
        }
        let machine = machine.ok_or("its journal is empty")?;
        Ok((machine, next_seq, last_ms.max(row.updated_ms), (bytes, events, snapshot_bytes)))
    }

    #[expect(clippy::too_many_arguments, reason = "one entry with its place, and the machine it goes to")]
    fn replay_one(
        &mut self,
        tenant: &Tenant,
        version: &Arc<Version>,
        machine: &mut Option<Machine>,
        seq: u64,
        at_ms: i64,
        event: Event,
        hash: u64,
    ) -> Result<(), String> {
        self.reaction.clear();
        match (machine.as_mut(), event) {
            (None, Event::Started(start)) => {
                if !akao_flow::SEMANTICS_SUPPORTED.contains(&start.semantics) {
                    return Err(format!(
                        "it needs semantics level {}, which this version does not have",
                        start.semantics
                    ));
                }
                *machine = Some(Machine::start(Arc::clone(&version.program), *start, false, &mut self.reaction));
            }
            (None, _) => return Err("its journal does not begin with a start".into()),
            (Some(machine), event) => {
                let read = |blob: &akao_contract::BlobRef| {
                    read_blob(self.blobs.as_ref(), tenant, blob).map_err(|error| error.message)
                };
                let event = crate::replay::with_blob(machine, event, read)?;
                machine.apply(at_ms, event, &mut self.reaction);
            }
        }
        if fingerprint(&self.reaction.commands) == hash {
            return Ok(());
        }
        Err(format!("nondeterminism at event {seq}: the interpreter no longer takes the recorded decision"))
    }

    pub(super) fn read_blob(&self, tenant: &Tenant, blob: &akao_contract::BlobRef) -> Result<Value, StepError> {
        read_blob(self.blobs.as_ref(), tenant, blob)
    }

    /// Takes up what an execution that was brought into memory has open.
    fn take_up(&mut self, store: &dyn Store, execution: ExecutionId) {
        let rows = match store.operations(execution) {
            Ok(rows) => rows,
            Err(problem) => {
                self.quarantine(execution, None, problem.to_string());
                return;
            }
        };
        let Some(live) = self.live.get_mut(&execution) else { return };
        live.op_rows = rows.iter().map(|row| row.op).collect();
        self.touched.insert(execution);
        let rows: BTreeMap<OpId, _> = rows.into_iter().map(|row| (row.op, row)).collect();
        for command in live.machine.outstanding() {
            match command {
                Command::RunStep(step) => {
                    let row = rows.get(&step.op);
                    self.take_up_step(execution, step, row);
                }
                Command::StartChild(start) => self.take_up_child(store, execution, *start),
                Command::OpenTask { .. } => {}
                other => self.carry_out(execution, other),
            }
        }
    }

    /// A step that was under way: a leased one has an unknown end, one that was being halted ends here, one between
    /// attempts goes on waiting, and any other is harmless to run again.
    fn take_up_step(&mut self, execution: ExecutionId, step: RunStep, row: Option<&OperationRow>) {
        let attempt = row.map_or_else(Attempt::first, Attempt::of_row);
        let retry = row.filter(|row| row.state == OperationState::RetryAt);
        if row.is_some() && retry.is_none() {
            return self.finish_step(execution, step.op, outcome_unknown(), attempt);
        }
        let Some(live) = self.live.get_mut(&execution) else { return };
        if live.machine.is_halting(step.op) {
            return self.finish_step(execution, step.op, Outcome::cancelled(), attempt);
        }
        let Some(row) = retry else { return self.dispatch(execution, step) };
        let due_ms = row.not_before_ms.unwrap_or(self.now_ms);
        live.attempts.insert(step.op, attempt.until(due_ms, self.now_ms));
        self.due.insert((due_ms, execution, Due::Attempt(step.op)));
    }

    /// A child that ended while the parent was not in memory is told now; one that was never started is started.
    fn take_up_child(&mut self, store: &dyn Store, parent: ExecutionId, start: akao_flow::StartChild) {
        if self.live.contains_key(&start.child) {
            return;
        }
        match store.execution(start.child) {
            Ok(None) => self.inner.push_back(super::Inner::StartChild { parent, start }),
            Ok(Some(row)) if row.status.is_final() => {
                let finish = row.summary.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
                let finish: akao_flow::Finish = finish.unwrap_or(akao_flow::Finish {
                    status: row.status,
                    outputs: serde_json::Map::new(),
                    failure: None,
                    soft_failures: vec![],
                });
                let event = super::live::child_end(row.status, &finish, start.op);
                self.inner.push_back(super::Inner::Event(parent, event));
            }
            Ok(Some(_)) => {}
            Err(problem) => {
                let error =
                    StepError::new(ErrorKind::Internal, format!("the child execution cannot be read: {problem}"));
                let event = Event::ChildFinished {
                    op: start.op,
                    status: ExecutionStatus::Failure,
                    outputs: serde_json::Map::new(),
                    error: Some(error),
                };
                self.inner.push_back(super::Inner::Event(parent, event));
            }
        }
    }

    /// Writes that belong to a version which is new to the journal.
    pub(super) fn store_versions(&mut self, versions: &[Arc<Version>], writes: Vec<Write>) {
        for version in versions {
            self.keep_version(version);
        }
        self.head.extend(writes);
    }
}

fn not_started(execution: ExecutionId) -> CallError {
    CallError::conflict(format!("execution {execution} waits for a place and has not started"))
}

/// The end of a step that was started, changes something outside, and whose end nobody recorded.
fn outcome_unknown() -> Outcome {
    let error = StepError::new(
        ErrorKind::Internal,
        "the process ended while the step ran; whether it took effect is not known",
    )
    .with_detail("reason", "outcome_unknown")
    .with_suggestion("Look at the other side, then fork from this step or let a Recovery decide.");
    Outcome::failure(error)
}

/// A stored JSON value.
///
/// # Errors
/// It is gone, damaged or not JSON.
pub(crate) fn read_blob(
    blobs: &dyn akao_step::BlobStore,
    tenant: &Tenant,
    blob: &akao_contract::BlobRef,
) -> Result<Value, StepError> {
    let failed =
        |problem: String| StepError::new(ErrorKind::Internal, format!("a stored value cannot be read: {problem}"));
    let bytes = blobs.get(tenant, &blob.digest).map_err(|problem| failed(problem.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|problem| failed(problem.to_string()))
}
