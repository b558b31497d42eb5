//! What a running step tells while it runs. Bounded: a flood is thinned, never queued without end.

use akao_contract::LogLine;
use tokio::sync::mpsc;

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

/// The sending half; cheap to clone. Events that find the queue full are dropped and counted by the receiver's side.
#[derive(Debug, Clone)]
pub struct StepEvents(Option<mpsc::Sender<StepEvent>>);

impl StepEvents {
    /// Sends into `sender`.
    pub fn new(sender: mpsc::Sender<StepEvent>) -> Self {
        Self(Some(sender))
    }

    /// Sends nowhere.
    pub fn none() -> Self {
        Self(None)
    }

    /// Tells an event, if there is room.
    pub fn tell(&self, event: StepEvent) {
        if let Some(sender) = &self.0 {
            // A full queue means that the reader is slow; progress is advice, so it is dropped.
            let _ = sender.try_send(event);
        }
    }
}
