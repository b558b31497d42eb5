//! Human tasks: one, and a list.

use super::{CHECKSUM, Place, Reader};
use crate::{ReadError, TaskFilter, TaskRow, TaskStatus, seal::task_sum};
use akao_contract::{ExecutionId, OpId};
use rusqlite::{
    OptionalExtension as _, Row,
    types::{Type, Value},
};

const COLUMNS: &str = "t.execution, t.op, t.tenant, t.title, t.assignee, t.role, t.due_ms, t.status, t.created_ms,
  t.closed_ms, t.crc, t.body_codec, t.body, t.result_codec, t.result, e.id";

/// The most tasks that one list has.
const TASKS_MAX: u32 = 1000;

impl Reader {
    /// The task of an operation.
    pub fn task(&self, execution: ExecutionId, op: OpId) -> Result<Option<TaskRow>, ReadError> {
        let (Some(key), Ok(op)) = (self.key(execution)?, i64::try_from(op.0)) else { return Ok(None) };
        let place = Place::of("task", key, execution);
        let sql = format!(
            "SELECT {COLUMNS} FROM task t JOIN execution e ON e.key = t.execution WHERE t.execution = ?1 AND t.op = ?2"
        );
        let mut select = self.statement(&sql, place)?;
        let mut rows = select.query((key, op)).map_err(|error| self.error(&error, place))?;
        let row = rows.next().map_err(|error| self.error(&error, place))?;
        row.map(|row| self.task_row(row)).transpose()
    }

    /// Tasks by execution, newest first, and operation; at most `limit` (and at most 1,000).
    pub fn tasks(&self, filter: &TaskFilter, limit: u32) -> Result<Vec<TaskRow>, ReadError> {
        let place = Place::table("task");
        let Some((sql, values)) = self.tasks_query(filter, limit.clamp(1, TASKS_MAX))? else { return Ok(Vec::new()) };
        let mut select = self.statement(&sql, place)?;
        let values = rusqlite::params_from_iter(values);
        let mut rows = select.query(values).map_err(|error| self.error(&error, place))?;
        let mut tasks = Vec::new();
        while let Some(row) = rows.next().map_err(|error| self.error(&error, place))? {
            tasks.push(self.task_row(row)?);
        }
        Ok(tasks)
    }

    /// `None` when nothing can match.
    fn tasks_query(&self, filter: &TaskFilter, limit: u32) -> Result<Option<(String, Vec<Value>)>, ReadError> {
        let mut values: Vec<Value> = Vec::new();
        let mut conditions = vec!["true".to_owned()];
        let mut add = |column: &str, value: Value| {
            values.push(value);
            conditions.push(format!("{column} = ?{}", values.len()));
        };
        if let Some(tenant) = &filter.tenant {
            let Some(key) = self.tenant_key(tenant)? else { return Ok(None) };
            add("t.tenant", key.into());
        }
        if let Some(execution) = filter.execution {
            let Some(key) = self.key(execution)? else { return Ok(None) };
            add("t.execution", key.into());
        }
        if let Some(assignee) = &filter.assignee {
            add("t.assignee", assignee.clone().into());
        }
        if let Some(role) = &filter.role {
            add("t.role", role.clone().into());
        }
        if let Some(since_ms) = filter.since_ms {
            values.push(since_ms.into());
            conditions.push(format!("t.created_ms >= ?{}", values.len()));
        }
        if let Some((execution, op)) = filter.after {
            let (key, is_there) = self.place_of(execution)?;
            // Of one that was pruned the next older execution stands in, with all of its tasks.
            let op = if is_there { i64::try_from(op.0).unwrap_or(i64::MAX) } else { -1 };
            values.extend([key.into(), op.into()]);
            let (key, op) = (values.len() - 1, values.len());
            conditions.push(format!("t.execution <= ?{key} AND (t.execution < ?{key} OR t.op > ?{op})"));
        }
        if !filter.statuses.is_empty() {
            let codes: Vec<String> = filter.statuses.iter().map(|status| status.code().to_string()).collect();
            conditions.push(format!("t.status IN ({})", codes.join(", ")));
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM task t LEFT JOIN execution e ON e.key = t.execution WHERE {}
             ORDER BY t.execution DESC, t.op LIMIT {limit}",
            conditions.join(" AND ")
        );
        Ok(Some((sql, values)))
    }

    /// The key of an execution, or of the next older one when it is not there any more; whether it is.
    fn place_of(&self, execution: ExecutionId) -> Result<(i64, bool), ReadError> {
        if let Some(key) = self.key(execution)? {
            return Ok((key, true));
        }
        let place = Place { table: "execution", row: None, execution: Some(execution) };
        let mut select = self.statement("SELECT key FROM execution WHERE id < ?1 ORDER BY id DESC LIMIT 1", place)?;
        let older = select.query_row([execution.to_bytes()], |row| row.get(0)).optional();
        // Keys begin at 1, so that nothing is behind 0.
        Ok((older.map_err(|error| self.error(&error, place))?.unwrap_or(0), false))
    }

    pub(super) fn task_row(&self, row: &Row<'_>) -> Result<TaskRow, ReadError> {
        let table = Place::table("task");
        let key: i64 = row.get(0).map_err(|error| self.error(&error, table))?;
        let place = Place { row: Some(key), ..table };
        let id: Option<[u8; 16]> = row.get(15).map_err(|error| self.error(&error, place))?;
        let id = id.ok_or_else(|| self.damaged(place, "the task has no execution".to_owned()))?;
        let place = Place { execution: Some(ExecutionId::from_bytes(id)), ..place };
        let columns = Columns::read(row).map_err(|error| self.error(&error, place))?;
        let task = TaskRow {
            execution: ExecutionId::from_bytes(id),
            op: OpId(self.unsigned(columns.op, place)?),
            tenant: self.tenant(columns.tenant)?,
            title: columns.title,
            assignee: columns.assignee,
            role: columns.role,
            due_ms: columns.due_ms,
            status: TaskStatus::from_code(columns.status).ok_or_else(|| self.damaged(place, CHECKSUM.to_owned()))?,
            created_ms: columns.created_ms,
            closed_ms: columns.closed_ms,
            body: Vec::new(),
            result: None,
        };
        let intact = task_sum(&task, columns.body, columns.result) == columns.crc;
        let body = self.body(intact, columns.body.0, columns.body.1, place)?;
        let result = columns.result.map(|(codec, stored)| self.body(intact, codec, stored, place)).transpose()?;
        Ok(TaskRow { body, result, ..task })
    }
}

/// A task's columns as the file has them.
struct Columns<'a> {
    op: i64,
    tenant: i64,
    title: String,
    assignee: Option<String>,
    role: Option<String>,
    due_ms: Option<i64>,
    status: i64,
    created_ms: i64,
    closed_ms: Option<i64>,
    crc: i64,
    body: (i64, &'a [u8]),
    result: Option<(i64, &'a [u8])>,
}

impl<'a> Columns<'a> {
    fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let result = match (row.get::<_, Option<i64>>(13)?, row.get_ref(14)?.as_blob_or_null()?) {
            (Some(codec), Some(stored)) => Some((codec, stored)),
            (None, None) => None,
            // Half a result is one that was damaged; the checksum covers it only as a whole.
            _ => return Err(rusqlite::Error::InvalidColumnType(13, "result_codec".into(), Type::Null)),
        };
        Ok(Self {
            op: row.get(1)?,
            tenant: row.get(2)?,
            title: row.get(3)?,
            assignee: row.get(4)?,
            role: row.get(5)?,
            due_ms: row.get(6)?,
            status: row.get(7)?,
            created_ms: row.get(8)?,
            closed_ms: row.get(9)?,
            crc: row.get(10)?,
            body: (row.get(11)?, row.get_ref(12)?.as_blob()?),
            result,
        })
    }
}
