//! Every body of a tenant's rows, for whoever looks for what they refer to.

use super::{Place, Reader};
use crate::ReadError;
use akao_contract::{ExecutionId, OpId, Tenant};
use std::ops::ControlFlow;

impl Reader {
    /// Visits every body that rows of a tenant have, all in one view of the file: definitions, and of each execution its
    /// attributes, its summary, its events, its snapshot, its operations and its tasks.
    ///
    /// # Errors
    /// A row is damaged or cannot be read, after which nobody knows what it refers to.
    pub fn each_body(&self, tenant: &Tenant, mut visit: impl FnMut(&[u8])) -> Result<(), ReadError> {
        let place = Place::table("execution");
        let _view = self.connection().unchecked_transaction().map_err(|error| self.error(&error, place))?;
        let Some(key) = self.tenant_key(tenant)? else { return Ok(()) };
        for digest in self.definitions(tenant)? {
            self.definition(tenant, digest)?.iter().for_each(|body| visit(body));
        }
        let mut select = self.statement("SELECT id FROM execution WHERE tenant = ?1", place)?;
        let found = select.query_map([key], |row| row.get(0).map(ExecutionId::from_bytes));
        let found = found.and_then(Iterator::collect::<rusqlite::Result<Vec<ExecutionId>>>);
        for execution in found.map_err(|error| self.error(&error, place))? {
            self.each_body_of(execution, &mut visit)?;
        }
        Ok(())
    }

    fn each_body_of(&self, id: ExecutionId, visit: &mut impl FnMut(&[u8])) -> Result<(), ReadError> {
        if let Some(row) = self.execution(id)? {
            visit(&row.attributes);
            row.summary.iter().for_each(|summary| visit(summary));
        }
        self.each_frame_in_view(id, 0, |frame| {
            visit(&frame.body);
            ControlFlow::Continue(())
        })?;
        self.snapshot(id)?.iter().for_each(|snapshot| visit(&snapshot.body));
        self.operations(id)?.iter().for_each(|operation| visit(&operation.body));
        for op in self.task_ops(id)? {
            let task = self.task(id, op)?;
            task.iter().for_each(|task| visit(&task.body));
            task.iter().filter_map(|task| task.result.as_ref()).for_each(|result| visit(result));
        }
        Ok(())
    }

    /// Which operations of an execution are tasks; a list of tasks would end somewhere.
    fn task_ops(&self, id: ExecutionId) -> Result<Vec<OpId>, ReadError> {
        let Some(key) = self.key(id)? else { return Ok(Vec::new()) };
        let place = Place::of("task", key, id);
        let mut select = self.statement("SELECT op FROM task WHERE execution = ?1", place)?;
        let found = select.query_map([key], |row| row.get::<_, i64>(0));
        let found = found.and_then(Iterator::collect::<rusqlite::Result<Vec<i64>>>);
        let found = found.map_err(|error| self.error(&error, place))?;
        found.into_iter().map(|op| self.unsigned(op, place).map(OpId)).collect()
    }
}
