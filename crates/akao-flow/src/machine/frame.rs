//! Frames: the activations of nodes. Only a node that runs has one, so an event costs the depth of the tree, not its size.
//!
//! A frame lives from its start until its end was told to its parent. It never ends while a child of it lives, so what a
//! child tells its parent arrives. Messages that come from elsewhere (halt, wake) may find the frame gone and another one
//! in its place; they name its birth number too, which no other frame has.

use super::{command::Failure, scope::ScopeIndex};
use crate::{control::State, program::NodeIndex};
use akao_contract::{NodeStatus, OpId};
use serde::{Deserialize, Serialize};

/// Position of a frame in the slab; [`FrameIndex::NONE`] stands for no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FrameIndex(pub(crate) u32);

impl FrameIndex {
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Where a frame stands in its life.
///
/// | from | on | to |
/// |---|---|---|
/// | Pending | its start is handled | Active, or ended (`if` false) |
/// | Pending | pause, breakpoint | Held |
/// | Held | resume | Pending |
/// | Pending, Held, Active | halt | Halting |
/// | Active, Halting | last child or operation ended | ended |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Pending,
    Held,
    Active,
    Halting,
}

/// No iteration.
pub(crate) const NO_ITERATION: u64 = u64::MAX;

/// One activation of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) birth: u64,
    pub(crate) node: NodeIndex,
    pub(crate) parent: FrameIndex,
    /// Which of the parent's children this is.
    pub(crate) slot: u32,
    pub(crate) phase: Phase,
    /// Set when a held frame was let go, so that the same stop does not hold it again.
    pub(crate) released: bool,
    /// Run of the loop or Retry parent that this child belongs to.
    pub(crate) iteration: u64,
    pub(crate) scope: ScopeIndex,
    /// Children whose end has not been told to this frame yet.
    pub(crate) live: u32,
    /// Children that have a frame, as a list through their sibling fields.
    pub(crate) first_child: FrameIndex,
    pub(crate) next_sibling: FrameIndex,
    pub(crate) previous_sibling: FrameIndex,
    /// The end that is told once the remaining children have been halted.
    pub(crate) closing: Option<Box<End>>,
    /// The open operation of a leaf or of a waiting node.
    pub(crate) op: Option<OpId>,
    pub(crate) state: State,
}

/// How a node ended, as its parent sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) status: NodeStatus,
    pub(crate) failure: Option<Box<Failure>>,
}

impl End {
    pub(crate) const SUCCESS: Self = Self { status: NodeStatus::Success, failure: None };
    pub(crate) const SKIPPED: Self = Self { status: NodeStatus::Skipped, failure: None };
    pub(crate) const CANCELLED: Self = Self { status: NodeStatus::Cancelled, failure: None };

    pub(crate) fn failed(failure: Box<Failure>) -> Self {
        Self { status: NodeStatus::Failure, failure: Some(failure) }
    }
}

/// A slab: positions are reused, in an order that a snapshot keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        match self.free.pop() {
            Some(at) => {
                self.entries[at as usize] = Some(value);
                at
            }
            None => {
                self.entries.push(Some(value));
                u32::try_from(self.entries.len() - 1).expect("fuel bounds the number of entries far below 2^32")
            }
        }
    }

    pub(crate) fn remove(&mut self, at: u32) -> Option<T> {
        let value = self.entries.get_mut(at as usize)?.take();
        if value.is_some() {
            self.free.push(at);
        }
        value
    }

    /// Frees a value where it stands.
    pub(crate) fn discard(&mut self, at: u32) {
        if let Some(entry) = self.entries.get_mut(at as usize)
            && entry.is_some()
        {
            *entry = None;
            self.free.push(at);
        }
    }

    pub(crate) fn get(&self, at: u32) -> Option<&T> {
        self.entries.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.entries.get_mut(at as usize)?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| Some((u32::try_from(at).ok()?, entry.as_ref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether the free places are exactly the empty ones, each once.
    pub(crate) fn is_sound(&self) -> bool {
        let distinct: std::collections::BTreeSet<u32> = self.free.iter().copied().collect();
        let empty = self.entries.iter().filter(|entry| entry.is_none()).count();
        distinct.len() == self.free.len()
            && distinct.len() == empty
            && distinct.iter().all(|at| self.entries.get(*at as usize).is_some_and(Option::is_none))
    }
}
