//! An execution in memory: its interpreter, its open frame and what its row says.

use super::{Entries, attempts::Attempt};
use crate::{
    entry::{Entry, FrameBuffer},
    version::Version,
};
use akao_contract::{ExecutionId, ExecutionStatus, OpId, Permission, Tenant, format_duration_ms};
use akao_flow::{Event, Finish, Machine, Reaction, fingerprint};
use akao_journal::ExecutionRow;
use akao_step::{Secret, StepEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What followers are told.
#[derive(Debug, Clone)]
pub enum FeedItem {
    /// Entries that are durable now, beginning with a sequence number.
    Entries(u64, Entries),
    /// What a running step says.
    Step(OpId, StepEvent),
}

/// What the engine keeps beside the journal's own columns, as JSON in the row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Attributes {
    /// What the steps may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Permission>,
    /// Volumes by name and host folder.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, String>,
    /// W3C `traceparent` of what started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What was to be said of what it runs when it was started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the execution is to be started with, while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued: Option<Box<akao_flow::Start>>,
}

/// How an execution ended, as JSON in the row.
pub type Summary = Finish;

/// What the row in the file says, so that only changes are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowState {
    pub(super) status: ExecutionStatus,
    pub(super) waiting: Option<String>,
    pub(super) next_timer_ms: Option<i64>,
}

pub(super) struct Live {
    pub(super) machine: Machine,
    pub(super) version: Arc<Version>,
    pub(super) tenant: Tenant,
    pub(super) grants: Arc<Vec<Permission>>,
    pub(super) volumes: Arc<BTreeMap<String, String>>,
    pub(super) trace: Option<Arc<str>>,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) parent: Option<(ExecutionId, OpId)>,
    pub(super) queue_key: Option<String>,
    /// Sequence number of the next event.
    pub(super) next_seq: u64,
    /// Time of the last event; the journal's times never go back.
    pub(super) last_ms: i64,
    pub(super) frame: FrameBuffer,
    pub(super) fed: Vec<Entry>,
    /// The row that is to be inserted with this batch.
    pub(super) new_row: Option<Box<ExecutionRow>>,
    pub(super) row: RowState,
    /// Attempt under way of steps that are not in their first.
    pub(super) attempts: BTreeMap<OpId, Attempt>,
    /// When the timers of the interpreter fire.
    pub(super) timers: BTreeMap<OpId, i64>,
    /// Operations that have a row in the file.
    pub(super) op_rows: BTreeSet<OpId>,
    /// Steps that wait for a secret, and its name.
    pub(super) blocked: BTreeMap<OpId, String>,
    pub(super) finish: Option<Box<Finish>>,
    /// Bytes and events of the journal since the last snapshot, and that one's size.
    pub(super) tail_bytes: usize,
    pub(super) tail_events: u64,
    pub(super) snapshot_bytes: usize,
    pub(super) in_idle_list: bool,
}

impl Live {
    /// Whether an event is about an operation that is closed already: a late or repeated completion.
    pub(super) fn is_stale(&self, event: &Event) -> bool {
        match event {
            Event::StepFinished { op, .. }
            | Event::TimerFired { op }
            | Event::TaskCompleted { op, .. }
            | Event::ChildFinished { op, .. }
            | Event::BlobLoaded { op, .. } => !self.machine.is_open(*op),
            _ => false,
        }
    }

    /// Adds an event to the open frame and applies it.
    pub(super) fn apply(&mut self, at_ms: i64, event: Event, reaction: &mut Reaction, followed: bool) {
        if let Event::TimerFired { op } = &event {
            self.timers.remove(op);
        }
        let before = self.frame.body.len();
        self.frame.open(self.next_seq, at_ms, &event);
        let copy = followed.then(|| event.clone());
        self.machine.apply(at_ms, event, reaction);
        self.close(at_ms, before, copy, reaction);
    }

    /// Ends the entry of an event that was applied.
    pub(super) fn close(&mut self, at_ms: i64, before: usize, copy: Option<Event>, reaction: &Reaction) {
        let hash = fingerprint(&reaction.commands);
        self.frame.close(hash);
        if let Some(event) = copy {
            self.fed.push(Entry { at: at_ms, event, hash });
        }
        self.next_seq += 1;
        self.last_ms = at_ms;
        self.tail_events += 1;
        self.tail_bytes += self.frame.body.len() - before;
    }

    /// The state that the row should say.
    pub(super) fn row_state(&self) -> RowState {
        if let Some(finish) = &self.finish {
            return RowState { status: finish.status, waiting: None, next_timer_ms: None };
        }
        let mut status = self.machine.status();
        let mut waiting = None;
        if status == ExecutionStatus::Running && self.only_rests() {
            status = ExecutionStatus::Waiting;
            waiting = Some(self.rests_for());
        } else if status == ExecutionStatus::Waiting {
            waiting = Some(self.machine.waits(self.last_ms).join("; "));
        } else if status == ExecutionStatus::Paused {
            waiting = self.machine.held().first().map(|(address, id, reason)| format!("{reason} at {address} ({id})"));
        }
        // The time of the next timer matters only for executions that may leave memory.
        let parked = status != ExecutionStatus::Running;
        let times = self.timers.values().copied().chain(self.attempts.values().filter_map(|attempt| attempt.due_ms));
        let next_timer_ms = if parked { times.min() } else { None };
        RowState { status, waiting, next_timer_ms }
    }

    /// Whether every step under way waits for a secret or, for long, for its next attempt.
    fn only_rests(&self) -> bool {
        let rests =
            |op: &OpId| self.blocked.contains_key(op) || self.attempts.get(op).is_some_and(|attempt| attempt.rests);
        let has_rest = !self.blocked.is_empty() || self.attempts.values().any(|attempt| attempt.rests);
        has_rest
            && self.machine.outstanding().iter().all(|command| match command {
                akao_flow::Command::RunStep(step) => rests(&step.op),
                akao_flow::Command::StartChild(_) | akao_flow::Command::LoadBlob { .. } => false,
                _ => true,
            })
    }

    /// What such steps wait for, for people.
    fn rests_for(&self) -> String {
        let names: BTreeSet<&str> = self.blocked.values().map(String::as_str).collect();
        let secrets = names.into_iter().collect::<Vec<_>>().join(", ");
        let secrets = Some(format!("secret {secrets}")).filter(|_| !self.blocked.is_empty());
        let attempts = self.attempts.values().filter(|attempt| attempt.rests).map(|attempt| {
            let left_ms = attempt.due_ms.unwrap_or(0).saturating_sub(self.last_ms).max(0).unsigned_abs();
            format!("attempt {}, in {}", attempt.number, format_duration_ms(left_ms))
        });
        secrets.into_iter().chain(attempts).collect::<Vec<_>>().join("; ")
    }

    /// Whether steps of its own are under way, so that it needs a place; one that waits for its children needs none.
    pub(super) fn is_working(&self, status: ExecutionStatus) -> bool {
        status == ExecutionStatus::Running && self.machine.is_working()
    }

    /// Whether it may leave memory: nothing runs and everything is in the journal.
    pub(super) fn may_leave(&self) -> bool {
        self.finish.is_some() || (self.frame.count == 0 && self.new_row.is_none() && !self.machine.is_busy())
    }
}

/// The attributes as bytes of the row.
pub(super) fn attributes_bytes(attributes: &Attributes) -> Vec<u8> {
    serde_json::to_vec(attributes).unwrap_or_default()
}

/// The value of a finished execution for its parent.
pub(super) fn child_end(execution_status: ExecutionStatus, finish: &Finish, op: OpId) -> Event {
    let outputs = match Value::Object(finish.outputs.clone()) {
        Value::Object(map) => map,
        _ => serde_json::Map::new(),
    };
    let error = finish.failure.as_ref().map(|failure| failure.error.clone());
    Event::ChildFinished { op, status: execution_status, outputs, error }
}
