//! What a running step tells while it runs. Bounded: a flood is thinned, never queued without end.

use akao_contract::LogLine;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::mpsc::{self, error::TrySendError};

/// Something a running step says before its outcome.
#[derive(Debug, Clone)]
pub enum StepEvent {
    /// A line for people.
    Log(LogLine),
    /// How far it is.
    Progress {
        /// 0 to 1, when the step knows.
        fraction: Option<f64>,
        /// What it is doing.
        message: String,
    },
}

/// The sending half; cheap to clone. Events that find the queue full are dropped; how many lines that were is told by
/// [`Self::lines_dropped`] of any clone.
#[derive(Debug, Clone, Default)]
pub struct StepEvents {
    sender: Option<mpsc::Sender<StepEvent>>,
    lines_dropped: Arc<AtomicU64>,
}

impl StepEvents {
    /// Sends into `sender`.
    pub fn new(sender: mpsc::Sender<StepEvent>) -> Self {
        Self { sender: Some(sender), lines_dropped: Arc::default() }
    }

    /// Sends nowhere.
    pub fn none() -> Self {
        Self::default()
    }

    /// Tells an event, if there is room. A full queue means that the reader is slow: progress is advice and may be missed,
    /// a line that is missed is counted.
    pub fn tell(&self, event: StepEvent) {
        let Some(sender) = &self.sender else { return };
        if let Err(TrySendError::Full(StepEvent::Log(_))) = sender.try_send(event) {
            self.lines_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Lines that found the queue full so far.
    pub fn lines_dropped(&self) -> u64 {
        self.lines_dropped.load(Ordering::Relaxed)
    }
}
