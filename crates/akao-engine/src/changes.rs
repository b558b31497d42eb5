//! Which executions have changed, for whoever watches all of them: lists, the queue, tasks, deliveries.
//!
//! It says that something changed and not what: whoever hears of it reads the row, so that hearing of it late, twice or
//! together with others is no mistake. Nothing is made while nobody listens.

use akao_contract::ExecutionId;
use akao_journal::{Batch, Write};
use std::collections::BTreeMap;
use tokio::sync::broadcast;

/// Changes that wait for a listener; one that lags further is told so and looks at everything again.
const WAITING_MAX: usize = 8_192;

/// An execution of which something is durable that was not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub execution: ExecutionId,
    /// Whether a task of it was opened or closed.
    pub tasks: bool,
}

/// Where changes are told.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING_MAX))
    }
}

impl Changes {
    /// What changes from now on.
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }

    /// Tells what a batch has changed, which is durable.
    pub(crate) fn tell(&self, batch: &Batch) {
        if self.0.receiver_count() == 0 {
            return;
        }
        for (execution, tasks) in changed(&batch.writes) {
            // Listeners may all have gone meanwhile.
            let _ = self.0.send(Change { execution, tasks });
        }
    }
}

/// The executions that are written to, each once, and whether their tasks are.
fn changed(writes: &[Write]) -> BTreeMap<ExecutionId, bool> {
    let mut changed = BTreeMap::new();
    for write in writes {
        let (execution, tasks) = match write {
            Write::InsertExecution(row) => (row.id, false),
            Write::UpdateExecution { execution, .. } | Write::AppendFrame { execution, .. } => (*execution, false),
            Write::PutTask(task) => (task.execution, true),
            Write::CloseTask { execution, .. } => (*execution, true),
            _ => continue,
        };
        *changed.entry(execution).or_default() |= tasks;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_journal::ExecutionChange;

    #[test]
    fn an_execution_is_told_once_for_each_batch() {
        let id = |number| ExecutionId::from_parts(1, number);
        let update = |execution| Write::UpdateExecution { execution, change: ExecutionChange::default() };
        let frame = Write::AppendFrame { execution: id(1), first_seq: 1, count: 1, at_ms: 0, body: Vec::new() };
        let changes = Changes::default();
        let mut heard = changes.listen();
        changes.tell(&Batch { writes: vec![update(id(1)), frame, update(id(2))] });
        assert_eq!(heard.try_recv(), Ok(Change { execution: id(1), tasks: false }));
        assert_eq!(heard.try_recv(), Ok(Change { execution: id(2), tasks: false }));
        assert!(heard.try_recv().is_err());
    }
}
