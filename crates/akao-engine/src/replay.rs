//! Replay: the interpreter over a recorded history, with a check of every decision; and the history as people see it.

use crate::{
    entry::{Entry, read_entries},
    version::Version,
};
use akao_contract::{BlobRef, ExecutionStatus, Tenant};
use akao_flow::{Command, Event, Machine, Note, Reaction, fingerprint};
use akao_journal::Frame;
use akao_step::BlobStore;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Fills in the value of a loaded collection, which the journal names by its digest only.
///
/// # Errors
/// The value cannot be read.
pub(crate) fn with_blob(
    machine: &Machine,
    event: Event,
    read: impl Fn(&BlobRef) -> Result<Value, String>,
) -> Result<Event, String> {
    let Event::BlobLoaded { op, value: None, error: None } = event else { return Ok(event) };
    let blob = machine.outstanding().into_iter().find_map(|command| match command {
        Command::LoadBlob { op: open, blob } if open == op => Some(blob),
        _ => None,
    });
    let value = blob.map(|blob| read(&blob)).transpose()?;
    Ok(Event::BlobLoaded { op, value: value.map(Arc::new), error: None })
}

/// Why a history cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The interpreter takes another decision than the recorded one.
    #[error("event {seq}: the interpreter takes another decision than the recorded one")]
    Differs {
        /// The event's number, from 0.
        seq: u64,
    },
    /// The history itself cannot be read.
    #[error("event {seq}: {reason}")]
    Unreadable {
        /// The event's number, from 0.
        seq: u64,
        /// Why.
        reason: String,
    },
}

/// One event of a history with what it led to.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// The event's number, from 0.
    pub seq: u64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What happened.
    pub event: Event,
    /// What changed because of it.
    pub notes: Vec<Note>,
    /// The execution's state after it.
    pub status: ExecutionStatus,
}

/// Follows a history event by event: the replica of an execution that live views, replay and forks share.
pub struct Replica {
    version: Arc<Version>,
    tenant: Tenant,
    blobs: Arc<dyn BlobStore>,
    machine: Option<Machine>,
    next_seq: u64,
    reaction: Reaction,
}

impl Replica {
    /// A replica before the first event.
    pub fn new(version: Arc<Version>, tenant: Tenant, blobs: Arc<dyn BlobStore>) -> Self {
        Self { version, tenant, blobs, machine: None, next_seq: 0, reaction: Reaction::default() }
    }

    /// The number of the event that comes next.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The interpreter; none before the first event.
    pub fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// Applies the next entry and tells what it led to.
    ///
    /// # Errors
    /// The entry cannot come next, or leads to another decision than the recorded one.
    pub fn apply(&mut self, entry: &Entry) -> Result<Told, ReplayError> {
        let seq = self.next_seq;
        let unreadable = |reason: String| ReplayError::Unreadable { seq, reason };
        self.reaction.clear();
        match (&mut self.machine, entry.event.clone()) {
            (None, Event::Started(start)) => {
                let program = Arc::clone(&self.version.program);
                self.machine = Some(Machine::start(program, *start, true, &mut self.reaction));
            }
            (None, _) => return Err(unreadable("a history begins with a start".into())),
            (Some(machine), event) => {
                let read = |blob: &BlobRef| {
                    crate::core::read_blob(self.blobs.as_ref(), &self.tenant, blob).map_err(|error| error.message)
                };
                let event = with_blob(machine, event, read).map_err(unreadable)?;
                machine.apply(entry.at, event, &mut self.reaction);
            }
        }
        if fingerprint(&self.reaction.commands) != entry.hash {
            return Err(ReplayError::Differs { seq });
        }
        self.next_seq += 1;
        let notes = std::mem::take(&mut self.reaction.notes);
        let status = self.machine.as_ref().map_or(ExecutionStatus::Running, Machine::status);
        Ok(Told { seq, at: entry.at, event: entry.event.clone(), notes, status })
    }

    /// Applies every entry of a frame that comes next; entries that were applied before are passed over.
    ///
    /// # Errors
    /// As [`Replica::apply`], or the frame cannot be read.
    pub fn apply_frame(&mut self, frame: &Frame) -> Result<Vec<Told>, ReplayError> {
        let entries = read_entries(&frame.body)
            .map_err(|problem| ReplayError::Unreadable { seq: frame.first_seq, reason: problem.to_string() })?;
        self.apply_entries(frame.first_seq, &entries)
    }

    /// Applies entries that begin at a sequence number; those that were applied before are passed over.
    ///
    /// # Errors
    /// As [`Replica::apply`], or entries are missing in between.
    pub fn apply_entries(&mut self, first_seq: u64, entries: &[Entry]) -> Result<Vec<Told>, ReplayError> {
        let mut told = Vec::with_capacity(entries.len());
        for (seq, entry) in (first_seq..).zip(entries) {
            if seq > self.next_seq {
                let reason = format!("events {} to {} are missing", self.next_seq, seq - 1);
                return Err(ReplayError::Unreadable { seq, reason });
            }
            if seq == self.next_seq {
                told.push(self.apply(entry)?);
            }
        }
        Ok(told)
    }
}
