//! Signals: matched with waits of the same name, first come first served; what comes too early is kept within bounds.

use super::{Machine, OpKind, Run, event::Event, frame::FrameIndex, note::Note};
use crate::control;
use akao_contract::OpId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// Signals of one name that are kept while nobody waits for them.
pub const SIGNAL_BUFFER_COUNT_MAX: usize = 100;

/// Bytes of payload of one name that are kept while nobody waits for them: 1 MiB.
pub const SIGNAL_BUFFER_BYTES_MAX: usize = 1024 * 1024;

/// Why a signal cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalRefused {
    /// The execution has ended.
    #[error("the execution has ended")]
    Ended,
    /// Too many are kept already.
    #[error("{SIGNAL_BUFFER_COUNT_MAX} signals `{0}` are kept already and nobody waits for them")]
    TooMany(String),
    /// Too much is kept already.
    #[error("the signals `{0}` that nobody waits for would take more than 1 MiB")]
    TooLarge(String),
}

/// Who waits for a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WaitedFor {
    pub(crate) op: OpId,
    pub(crate) key: Option<String>,
}

/// A signal that nobody has taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    key: Option<String>,
    payload: Value,
    bytes: usize,
}

/// Waits and kept signals by name.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Signals {
    waits: BTreeMap<String, VecDeque<WaitedFor>>,
    kept: BTreeMap<String, VecDeque<Kept>>,
}

fn matches(wanted: Option<&str>, carried: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| carried == Some(wanted))
}

fn payload_bytes(payload: &Value) -> usize {
    serde_json::to_vec(payload).map_or(0, |bytes| bytes.len())
}

impl Signals {
    pub(super) fn forget(&mut self, name: &str, op: OpId) {
        if let Some(waits) = self.waits.get_mut(name) {
            waits.retain(|wait| wait.op != op);
            if waits.is_empty() {
                self.waits.remove(name);
            }
        }
    }

    fn has_wait(&self, name: &str, key: Option<&str>) -> bool {
        self.waits.get(name).is_some_and(|waits| waits.iter().any(|wait| matches(wait.key.as_deref(), key)))
    }

    fn refuses(&self, name: &str, key: Option<&str>, payload: &Value) -> Option<SignalRefused> {
        if self.has_wait(name, key) {
            return None;
        }
        let bytes = payload_bytes(payload);
        let (count, total) =
            self.kept.get(name).map_or((0, 0), |kept| (kept.len(), kept.iter().map(|one| one.bytes).sum()));
        if count >= SIGNAL_BUFFER_COUNT_MAX {
            return Some(SignalRefused::TooMany(name.to_owned()));
        }
        (total + bytes > SIGNAL_BUFFER_BYTES_MAX).then(|| SignalRefused::TooLarge(name.to_owned()))
    }
}

impl Machine {
    /// Whether a signal may be journaled now. Asked before it is acknowledged.
    ///
    /// # Errors
    /// The execution has ended, or too much of this name is kept already.
    pub fn accepts_signal(&self, event: &Event) -> Result<(), SignalRefused> {
        if self.state.finished.is_some() {
            return Err(SignalRefused::Ended);
        }
        match event {
            Event::Signal { name, key, payload } => {
                self.state.signals.refuses(name, key.as_deref(), payload).map_or(Ok(()), Err)
            }
            _ => Ok(()),
        }
    }
}

impl Run<'_> {
    pub(super) fn signal_arrived(&mut self, name: String, key: Option<String>, payload: Value) {
        let waits = self.state.signals.waits.get_mut(&name);
        let taken = waits.and_then(|waits| {
            let at = waits.iter().position(|wait| matches(wait.key.as_deref(), key.as_deref()))?;
            waits.remove(at)
        });
        if let Some(wait) = taken {
            self.state.signals.forget(&name, wait.op);
            if let Some(frame) = self.close_op(wait.op, |kind| matches!(kind, OpKind::Signal(_))) {
                control::wait_for_signal::matched(self, frame, payload);
            }
            return;
        }
        if self.state.signals.refuses(&name, key.as_deref(), &payload).is_none() {
            let bytes = payload_bytes(&payload);
            self.note(Note::Buffered { name: name.clone() });
            self.state.signals.kept.entry(name).or_default().push_back(Kept { key, payload, bytes });
        }
    }

    /// The oldest kept signal that matches.
    pub(crate) fn take_buffered(&mut self, name: &str, key: Option<&str>) -> Option<Value> {
        let kept = self.state.signals.kept.get_mut(name)?;
        let at = kept.iter().position(|one| matches(key, one.key.as_deref()))?;
        let taken = kept.remove(at)?;
        if kept.is_empty() {
            self.state.signals.kept.remove(name);
        }
        Some(taken.payload)
    }

    pub(crate) fn wait_for(&mut self, name: &str, wait: WaitedFor) {
        self.state.signals.waits.entry(name.to_owned()).or_default().push_back(wait);
    }

    /// The name of the signal that a frame waits for.
    pub(crate) fn signal_name(&self, frame: FrameIndex) -> Option<String> {
        match &self.state.ops.get(&self.frame(frame).op?)?.kind {
            OpKind::Signal(awaited) => Some(awaited.name.clone()),
            _ => None,
        }
    }
}
