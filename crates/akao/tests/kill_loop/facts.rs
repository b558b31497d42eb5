//! What the clients know: what they asked for, and what was acknowledged. Only what was acknowledged is owed.

use serde_json::Value;
use std::collections::BTreeMap;

/// A start that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) shape: &'static str,
    /// The idempotency key that it was asked with, so that it may be asked for again.
    pub(crate) key: Option<String>,
    /// The execution, once it was acknowledged.
    pub(crate) execution: Option<String>,
}

/// A signal that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Signalled {
    pub(crate) execution: String,
    pub(crate) name: &'static str,
    /// What it carries; its id too.
    pub(crate) token: String,
    pub(crate) acknowledged: bool,
}

/// Everything that was asked for within one data directory.
#[derive(Debug, Default, Clone)]
pub(crate) struct Facts {
    /// By the number in the input.
    pub(crate) starts: BTreeMap<u64, Started>,
    pub(crate) signals: Vec<Signalled>,
    /// Executions whose cancel was acknowledged.
    pub(crate) cancelled: Vec<String>,
    /// Foreground runs: their numbers. Nothing was acknowledged, and each may be there once.
    pub(crate) foreground: Vec<u64>,
    next: u64,
}

impl Facts {
    /// A number that no other start has.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Acknowledged executions of a shape.
    pub(crate) fn executions(&self, shape: &str) -> Vec<String> {
        let of_shape = self.starts.values().filter(|start| start.shape == shape);
        of_shape.filter_map(|start| start.execution.clone()).collect()
    }

    /// Starts with a key that were asked for and not acknowledged yet.
    pub(crate) fn unanswered(&self) -> Vec<u64> {
        let open = self.starts.iter().filter(|(_, start)| start.execution.is_none() && start.key.is_some());
        open.map(|(n, _)| *n).collect()
    }

    /// Notes the answer to a start.
    ///
    /// # Errors
    /// The same key was answered with another execution before.
    pub(crate) fn started(&mut self, n: u64, document: &Value) -> Result<(), String> {
        let id = document["execution"].as_str().ok_or_else(|| format!("a start without an id: {document}"))?;
        let start = self.starts.get_mut(&n).ok_or("an answer to a start that nobody asked for")?;
        match &start.execution {
            Some(known) if known != id => Err(format!("start {n} was answered with {known} and with {id}")),
            _ => {
                start.execution = Some(id.to_owned());
                Ok(())
            }
        }
    }
}
