//! Joins what the journal holds of an execution with what is added to it, without a gap.

use crate::{CallError, Executions, Feed, FeedItem, Replica, Told, Version};
use akao_contract::{ExecutionId, ExecutionStatus, OpId};
use akao_flow::{Catalogue, Machine};
use akao_journal::{ReadError, Readers};
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
    readers: Arc<Readers>,
    execution: ExecutionId,
    replica: Replica,
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
        readers: Arc<Readers>,
        blobs: Arc<dyn BlobStore>,
        execution: ExecutionId,
        catalogue: &Catalogue,
    ) -> Result<Self, FollowError> {
        let found = readers.with(|reader| {
            let Some(row) = reader.execution(execution)? else { return Ok(None) };
            let body = reader.definition(&row.tenant, row.definition)?;
            Ok(Some((row, body)))
        });
        let (row, body) = found?.ok_or(FollowError::NotFound(execution))?;
        let body = body
            .ok_or_else(|| FollowError::Damaged(format!("the definition {} is not in the journal", row.definition)))?;
        let version = Version::load(row.definition, &body, catalogue).map_err(FollowError::Version)?;
        let replica = Replica::new(Arc::new(version), row.tenant, blobs);
        Ok(Self { readers, execution, replica, ready: VecDeque::new(), feed: None, feeds_without_news: 0 })
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
        let status = self.readers.with(|reader| reader.execution(self.execution))?.map(|row| row.status);
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
        for frame in self.readers.with(|reader| reader.frames(self.execution, self.replica.next_seq()))? {
            let told = self.replica.apply_frame(&frame).map_err(|problem| FollowError::Damaged(problem.to_string()))?;
            self.ready.extend(told);
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
