//! Joins what the journal holds of an execution with what is added to it, without a gap.

use crate::{CallError, Executions, Feed, FeedItem, Replica, Told, Version, entry::read_entries};
use akao_contract::{ExecutionId, ExecutionStatus, OpId};
use akao_flow::{Catalogue, Machine};
use akao_journal::{ExecutionRow, Frame, ReadError, Readers};
use akao_step::{BlobStore, StepEvent};
use std::{collections::VecDeque, sync::Arc};

/// Why an execution cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is no such execution.
    #[error("there is no execution {0}")]
    NotFound(ExecutionId),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its workflow names what this program does not have.
    #[error("the workflow of the execution cannot be used: {0}")]
    Version(String),
    /// Its history is damaged.
    #[error("{0}")]
    Damaged(String),
    /// Whoever holds it refuses, or cannot be reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Whoever holds it ends again and again.
    #[error("the execution cannot be followed: its owner ends again and again")]
    Endless,
}

/// Where the record of executions is read: a journal on this machine, or that of a server.
pub trait Record: Send + Sync {
    /// An execution's row.
    ///
    /// # Errors
    /// The record cannot be read; so for all below.
    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError>;
    /// The definition that a row names.
    fn definition(&self, row: &ExecutionRow) -> Result<Option<Vec<u8>>, ReadError>;
    /// Its frames from the one on that holds an event.
    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError>;
}

impl Record for Readers {
    fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError> {
        self.with(|reader| reader.execution(id))
    }

    fn definition(&self, row: &ExecutionRow) -> Result<Option<Vec<u8>>, ReadError> {
        self.with(|reader| reader.definition(&row.tenant, row.definition))
    }

    fn frames(&self, id: ExecutionId, from_seq: u64) -> Result<Vec<Frame>, ReadError> {
        self.with(|reader| reader.frames(id, from_seq))
    }
}

/// Events of a history that are applied before those are told.
const EVENTS_AT_ONCE: usize = 500;

/// A feed that ends this often without anything new is not followed any more.
const FEEDS_MAX: u32 = 5;

/// Something that was added.
#[derive(Debug)]
pub enum Update {
    /// An event that is durable, with what it led to.
    Told(Told),
    /// What a running step says.
    Step(OpId, StepEvent),
}

/// Follows one execution.
pub struct Follower {
    record: Arc<dyn Record>,
    execution: ExecutionId,
    replica: Replica,
    /// What was read of the journal and not yet applied.
    pending: VecDeque<Frame>,
    ready: VecDeque<Told>,
    feed: Option<Feed>,
    feeds_without_news: u32,
}

impl Follower {
    /// A follower that stands before the first event.
    ///
    /// # Errors
    /// The execution or its workflow cannot be read.
    pub fn new(
        record: Arc<dyn Record>,
        blobs: Arc<dyn BlobStore>,
        execution: ExecutionId,
        catalogue: &Catalogue,
    ) -> Result<Self, FollowError> {
        let row = record.execution(execution)?.ok_or(FollowError::NotFound(execution))?;
        let body = record.definition(&row)?;
        let body = body
            .ok_or_else(|| FollowError::Damaged(format!("the definition {} is not in the journal", row.definition)))?;
        let version = Version::load(row.definition, &body, catalogue).map_err(FollowError::Version)?;
        let replica = Replica::new(Arc::new(version), row.tenant, blobs);
        let (pending, ready) = (VecDeque::new(), VecDeque::new());
        Ok(Self { record, execution, replica, pending, ready, feed: None, feeds_without_news: 0 })
    }

    /// The interpreter as far as the history was read; none before the first event.
    pub fn machine(&self) -> Option<&Machine> {
        self.replica.machine()
    }

    /// Whether the execution has ended in what was read.
    pub fn has_ended(&self) -> bool {
        self.machine().is_some_and(|machine| machine.status().is_final())
    }

    /// Whether it has ended without an event that says so: cancelled in the queue, quarantined or pruned. What the journal
    /// holds has been read then.
    fn has_ended_unseen(&mut self) -> Result<bool, FollowError> {
        let status = self.record.execution(self.execution)?.map(|row| row.status);
        if status == Some(ExecutionStatus::Quarantined) {
            // Its record cannot be trusted and perhaps not be read; the row says why.
            return Ok(self.ready.is_empty());
        }
        let over = status.is_none_or(ExecutionStatus::is_final);
        if over {
            self.catch_up()?;
        }
        Ok(over && self.ready.is_empty())
    }

    /// Reads what the journal holds beyond what was read.
    pub fn catch_up(&mut self) -> Result<(), FollowError> {
        for frame in self.record.frames(self.execution, self.replica.next_seq())? {
            let told = self.replica.apply_frame(&frame).map_err(|problem| FollowError::Damaged(problem.to_string()))?;
            self.ready.extend(told);
        }
        Ok(())
    }

    /// Begins to read what the journal holds: the first events of a long history are there before the last ones.
    ///
    /// # Errors
    /// As [`Follower::catch_up`].
    pub fn begin(&mut self) -> Result<(), FollowError> {
        self.pending = self.record.frames(self.execution, self.replica.next_seq())?.into();
        self.go_on().map(drop)
    }

    /// Goes on with what [`Follower::begin`] began; false when nothing is left of it.
    ///
    /// # Errors
    /// As [`Follower::catch_up`].
    pub fn go_on(&mut self) -> Result<bool, FollowError> {
        let mut applied = 0;
        while applied < EVENTS_AT_ONCE {
            let Some(frame) = self.pending.pop_front() else { return Ok(applied > 0) };
            let told = self.replica.apply_frame(&frame).map_err(|problem| FollowError::Damaged(problem.to_string()))?;
            applied += told.len().max(1);
            self.ready.extend(told);
        }
        Ok(true)
    }

    /// Reads the history up to an event and no further, so that one can look at the execution as it was then.
    ///
    /// # Errors
    /// As [`Follower::catch_up`].
    pub fn catch_up_to(&mut self, seq: u64) -> Result<(), FollowError> {
        for frame in self.record.frames(self.execution, self.replica.next_seq())? {
            let Some(more) = seq.checked_sub(frame.first_seq) else { return Ok(()) };
            let damaged = |problem: String| FollowError::Damaged(problem);
            let entries = read_entries(&frame.body).map_err(|problem| damaged(problem.to_string()))?;
            let wanted = usize::try_from(more).map_or(entries.len(), |more| entries.len().min(more.saturating_add(1)));
            let told = self.replica.apply_entries(frame.first_seq, entries.get(..wanted).unwrap_or_default());
            self.ready.extend(told.map_err(|problem| damaged(problem.to_string()))?);
        }
        Ok(())
    }

    /// Whether more was read than taken.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What was read and not yet taken.
    pub fn take_ready(&mut self) -> Vec<Told> {
        self.ready.drain(..).collect()
    }

    /// The next update; none when the execution has ended and everything was told.
    ///
    /// # Errors
    /// The journal cannot be read, or whoever holds the execution cannot be reached any more.
    pub async fn next(&mut self, executions: &dyn Executions) -> Result<Option<Update>, FollowError> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                self.feeds_without_news = 0;
                return Ok(Some(Update::Told(told)));
            }
            if self.has_ended() || (self.feed.is_none() && self.has_ended_unseen()?) {
                return Ok(None);
            }
            if !self.ready.is_empty() {
                continue;
            }
            let Some(feed) = &mut self.feed else {
                self.feeds_without_news += 1;
                if self.feeds_without_news > FEEDS_MAX {
                    return Err(FollowError::Endless);
                }
                self.feed = Some(executions.follow(self.execution).await?);
                self.catch_up()?;
                // It may have ended before its feed began, and such a feed brings nothing.
                if !self.has_ended() && self.has_ended_unseen()? {
                    return Ok(None);
                }
                continue;
            };
            match feed.next().await {
                None => self.feed = None,
                Some(FeedItem::Step(op, event)) => return Ok(Some(Update::Step(op, event))),
                Some(FeedItem::Entries(first_seq, entries)) => {
                    if first_seq > self.replica.next_seq() {
                        self.catch_up()?;
                    }
                    let told = self.replica.apply_entries(first_seq, &entries);
                    self.ready.extend(told.map_err(|problem| FollowError::Damaged(problem.to_string()))?);
                }
            }
        }
    }
}
