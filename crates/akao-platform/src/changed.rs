//! Executions that have changed, with their tasks, for lists that are kept up to date.

use crate::{Actor, Error, Platform};
use akao_contract::ExecutionId;
use akao_engine::Change;
use akao_journal::{ExecutionRow, ReadError, Reader, TaskFilter, TaskRow};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::broadcast::{self, error::RecvError};

/// Tasks of one execution that are told.
const TASKS_MAX: u32 = 200;

/// An execution, with its tasks where those are wanted.
pub type ChangedRow = (ExecutionRow, Option<Vec<TaskRow>>);

impl Platform {
    /// Hears which executions change, of all tenants, from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.parts().changes.listen()
    }

    /// These executions as they are, of whatever tenant, with their tasks where that is said; and the place of the journal up to
    /// which that holds at least. Blocks.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn changed(&self, which: &BTreeMap<ExecutionId, bool>) -> Result<(i64, Vec<ChangedRow>), Error> {
        self.journal(|reader| {
            let lsn = reader.last_lsn()?;
            let mut rows = Vec::with_capacity(which.len());
            for (id, with_tasks) in which {
                // One that was pruned has left every list.
                let Some(row) = reader.execution(*id)? else { continue };
                let tasks = with_tasks.then(|| tasks(reader, *id)).transpose()?;
                rows.push((row, tasks));
            }
            Ok((lsn, rows))
        })
    }

    /// Executions of the actor's tenant that have changed behind a place of the journal; none when there are more than `max`, of
    /// all tenants. Blocks.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn changed_since(&self, actor: &Actor, since: i64, max: u32) -> Result<Option<(i64, Vec<ChangedRow>)>, Error> {
        self.journal(|reader| {
            let lsn = reader.last_lsn()?;
            let (changed, next) = reader.changed_since(since, max)?;
            // A place behind the end is one of another journal.
            if since > lsn || next < lsn {
                return Ok(None);
            }
            let mut rows = Vec::new();
            for id in changed.into_iter().map(|changed| changed.id) {
                let row = reader.execution(id)?.filter(|row| row.tenant == actor.tenant);
                let Some(row) = row else { continue };
                let tasks = Some(tasks(reader, id)?).filter(|tasks| !tasks.is_empty());
                rows.push((row, tasks));
            }
            Ok(Some((next, rows)))
        })
    }
}

/// Waits for a change, and then a little for others that come with it.
pub(crate) async fn next_change(changes: &mut broadcast::Receiver<Change>, together: Duration) {
    match changes.recv().await {
        // A lag hides some changes, so that it counts as one.
        Ok(_) | Err(RecvError::Lagged(_)) => tokio::time::sleep(together).await,
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

fn tasks(reader: &Reader, execution: ExecutionId) -> Result<Vec<TaskRow>, ReadError> {
    reader.tasks(&TaskFilter { execution: Some(execution), ..TaskFilter::default() }, TASKS_MAX)
}
