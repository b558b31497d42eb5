//! Executions: one, all open ones, a page of a list, a unique prefix of an id, those that can be pruned.

use super::{CHECKSUM, Place, Reader};
use crate::{
    ChangedExecution, ExecutionFilter, ExecutionRow, OpenExecution, ReadError,
    row::{FIRST_FINAL_STATUS, status_code, status_from_code},
    seal::{State, origin_sum, part_sum},
};
use akao_contract::{Digest, ExecutionId, OpId, Tenant};
use rusqlite::{OptionalExtension, Row, types::Value};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<i64>,
}

/// What a prefix of an execution's id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Exactly one execution.
    Unique(ExecutionId),
    /// More than one; two of them.
    Ambiguous(ExecutionId, ExecutionId),
    /// None, or the text cannot begin an id.
    NotFound,
}

/// The most rows that one page has.
const PAGE_ROWS_MAX: u32 = 1000;

/// Letters of an id.
const ID_LETTERS: usize = 26;

const LIGHT: &str = "key, id, tenant, workflow, version, definition, semantics, parent, parent_op, forked_from,
  forked_seq, queue_key, started_ms, origin_crc, status, updated_ms, ended_ms, next_timer_ms, last_seq, waiting,
  state_crc";

const PARTS: &str = "attributes_codec, attributes, attributes_crc, summary_codec, summary, summary_crc";

impl Reader {
    /// The row of an execution.
    pub fn execution(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, ReadError> {
        let place = Place { table: "execution", row: None, execution: Some(id) };
        let mut select = self.statement(&format!("SELECT {LIGHT}, {PARTS} FROM execution WHERE id = ?1"), place)?;
        let mut rows = select.query([id.to_bytes()]).map_err(|error| self.error(&error, place))?;
        let row = rows.next().map_err(|error| self.error(&error, place))?;
        row.map(|row| self.execution_row(row)).transpose()
    }

    /// Visits every execution that is not final, in no promised order; a damaged row is visited as its damage and does
    /// not end the walk.
    pub fn open_executions(
        &self,
        mut visit: impl FnMut(Result<OpenExecution, crate::Damage>),
    ) -> Result<(), ReadError> {
        let place = Place::table("execution");
        let sql = format!("SELECT {LIGHT} FROM execution WHERE status < {FIRST_FINAL_STATUS}");
        let mut select = self.statement(&sql, place)?;
        let mut rows = select.query([]).map_err(|error| self.error(&error, place))?;
        while let Some(row) = rows.next().map_err(|error| self.error(&error, place))? {
            match self.light_row(row) {
                Ok((_, row)) => visit(Ok(open(row))),
                Err(ReadError::Damaged(damage)) => visit(Err(damage)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The tenant's execution whose id begins with `text`, in either case.
    pub fn find_by_prefix(&self, tenant: &Tenant, text: &str) -> Result<Prefix, ReadError> {
        let place = Place::table("execution");
        let (Some((low, high)), Some(tenant)) = (prefix_range(text), self.tenant_key(tenant)?) else {
            return Ok(Prefix::NotFound);
        };
        let sql = "SELECT id FROM execution WHERE id BETWEEN ?1 AND ?2 AND tenant = ?3 ORDER BY id LIMIT 2";
        let mut select = self.statement(sql, place)?;
        let found = select.query_map((low.to_bytes(), high.to_bytes(), tenant), |row| row.get(0));
        let found = found.and_then(Iterator::collect::<rusqlite::Result<Vec<[u8; 16]>>>);
        let found = found.map_err(|error| self.error(&error, place))?;
        Ok(match found[..] {
            [] => Prefix::NotFound,
            [one] => Prefix::Unique(ExecutionId::from_bytes(one)),
            [one, two, ..] => Prefix::Ambiguous(ExecutionId::from_bytes(one), ExecutionId::from_bytes(two)),
        })
    }

    /// A page of executions, newest first: at most `limit` rows (and at most 1,000) after `cursor`, which is the `next`
    /// of the page before.
    pub fn list(
        &self,
        filter: &ExecutionFilter,
        cursor: Option<i64>,
        limit: u32,
    ) -> Result<Page<ExecutionRow>, ReadError> {
        let end = Page { rows: Vec::new(), next: None };
        let tenant = match &filter.tenant {
            None => None,
            Some(tenant) => match self.tenant_key(tenant)? {
                None => return Ok(end),
                key => key,
            },
        };
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let (sql, values) = list_query(filter, tenant, cursor, limit);
        let place = Place::table("execution");
        let mut select = self.statement(&sql, place)?;
        let values = rusqlite::params_from_iter(values);
        let mut rows = select.query(values).map_err(|error| self.error(&error, place))?;
        let mut page = end;
        while let Some(row) = rows.next().map_err(|error| self.error(&error, place))? {
            page.next = Some(row.get(0).map_err(|error| self.error(&error, place))?);
            page.rows.push(self.execution_row(row)?);
        }
        if page.rows.len() < limit as usize {
            page.next = None;
        }
        Ok(page)
    }

    /// Executions of which events were written behind a place in the file's order of writing, in the order of each one's last: at
    /// most `limit` events are looked at. The number is where the next look begins.
    pub fn changed_since(&self, lsn: i64, limit: u32) -> Result<(Vec<ChangedExecution>, i64), ReadError> {
        let place = Place::table("frame");
        let sql = "SELECT max(f.lsn), e.id, min(f.at_ms)
          FROM (SELECT lsn, execution, at_ms FROM frame WHERE lsn > ?1 ORDER BY lsn LIMIT ?2) f
          JOIN execution e ON e.key = f.execution GROUP BY f.execution ORDER BY 1";
        let mut select = self.statement(sql, place)?;
        let changed = |row: &Row<'_>| {
            let id = ExecutionId::from_bytes(row.get(1)?);
            Ok(ChangedExecution { id, last_lsn: row.get(0)?, first_ms: row.get(2)? })
        };
        let found = select.query_map((lsn, limit), changed);
        let found = found.and_then(Iterator::collect::<rusqlite::Result<Vec<ChangedExecution>>>);
        let found = found.map_err(|error| self.error(&error, place))?;
        let next = found.last().map_or(lsn, |last| last.last_lsn);
        Ok((found, next))
    }

    /// The end of the file's order of writing; 0 when there is nothing.
    pub fn last_lsn(&self) -> Result<i64, ReadError> {
        let place = Place::table("frame");
        let mut select = self.statement("SELECT coalesce(max(lsn), 0) FROM frame", place)?;
        select.query_row([], |row| row.get(0)).map_err(|error| self.error(&error, place))
    }

    /// The oldest executions that ended before `ended_before_ms`, quarantined ones left out.
    pub(crate) fn prunable(&self, ended_before_ms: i64, limit: usize) -> Result<Vec<ExecutionId>, ReadError> {
        let place = Place::table("execution");
        let sql =
            "SELECT id FROM execution WHERE ended_ms < ?1 AND status BETWEEN ?2 AND ?3 ORDER BY ended_ms LIMIT ?4";
        let quarantined = status_code(akao_contract::ExecutionStatus::Quarantined);
        let mut select = self.statement(sql, place)?;
        let found = select.query_map((ended_before_ms, FIRST_FINAL_STATUS, quarantined - 1, limit as i64), |row| {
            row.get(0).map(ExecutionId::from_bytes)
        });
        found.and_then(Iterator::collect).map_err(|error| self.error(&error, place))
    }

    pub(super) fn execution_row(&self, row: &Row<'_>) -> Result<ExecutionRow, ReadError> {
        let (key, mut execution) = self.light_row(row)?;
        let place = Place::of("execution", key, execution.id);
        let attributes = self.part(row, "attributes", 21, place)?;
        execution.attributes = attributes.ok_or_else(|| self.damaged(place, "no attributes".to_owned()))?;
        execution.summary = self.part(row, "summary", 24, place)?;
        Ok(execution)
    }

    /// Attributes or summary: three columns from `at` on.
    fn part(&self, row: &Row<'_>, part: &str, at: usize, place: Place) -> Result<Option<Vec<u8>>, ReadError> {
        let read = || -> rusqlite::Result<_> {
            let stored = row.get_ref(at + 1)?.as_blob_or_null()?;
            Ok((row.get::<_, Option<i64>>(at)?, stored, row.get::<_, Option<i64>>(at + 2)?))
        };
        let (Some(codec), Some(stored), Some(crc)) = (match read().map_err(|error| self.error(&error, place))? {
            (None, None, None) => return Ok(None),
            columns => columns,
        }) else {
            return Err(self.damaged(place, format!("the {part} is not whole")));
        };
        let Some(id) = place.execution else { return Ok(None) };
        let intact = part_sum(&format!("execution.{part}"), id, codec, stored) == crc;
        self.body(intact, codec, stored, place).map(Some)
    }

    /// Key and row without attributes and summary.
    pub(super) fn light_row(&self, row: &Row<'_>) -> Result<(i64, ExecutionRow), ReadError> {
        let table = Place::table("execution");
        let key: i64 = row.get(0).map_err(|error| self.error(&error, table))?;
        let place = Place { row: Some(key), ..table };
        let id = row.get(1).map(ExecutionId::from_bytes).map_err(|error| self.error(&error, place))?;
        let place = Place::of("execution", key, id);
        let columns = Columns::read(row).map_err(|error| self.error(&error, place))?;
        let (sums, state) = ((columns.origin_crc, columns.state_crc), columns.state.clone());
        let tenant = self.tenant(columns.tenant)?;
        let execution = columns.into_row(id, tenant).ok_or_else(|| self.damaged(place, CHECKSUM.to_owned()))?;
        if sums == (origin_sum(key, &execution), state.sum(id)) {
            Ok((key, execution))
        } else {
            Err(self.damaged(place, CHECKSUM.to_owned()))
        }
    }

    /// An execution's id by its integer key, for messages about rows that only have the key.
    pub(super) fn id_of_key(&self, key: i64) -> Option<ExecutionId> {
        let mut select = self.connection.prepare_cached("SELECT id FROM execution WHERE key = ?1").ok()?;
        select.query_row([key], |row| row.get(0)).optional().ok()?.map(ExecutionId::from_bytes)
    }
}

/// The light columns as the file has them.
struct Columns {
    tenant: i64,
    workflow: String,
    version: String,
    definition: [u8; 32],
    semantics: u16,
    parent: (Option<[u8; 16]>, Option<i64>),
    forked: (Option<[u8; 16]>, Option<i64>),
    queue_key: Option<String>,
    started_ms: i64,
    origin_crc: i64,
    state: State,
    state_crc: i64,
}

impl Columns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: row.get(2)?,
            workflow: row.get(3)?,
            version: row.get(4)?,
            definition: row.get(5)?,
            semantics: row.get(6)?,
            parent: (row.get(7)?, row.get(8)?),
            forked: (row.get(9)?, row.get(10)?),
            queue_key: row.get(11)?,
            started_ms: row.get(12)?,
            origin_crc: row.get(13)?,
            state: State {
                status: row.get(14)?,
                updated_ms: row.get(15)?,
                ended_ms: row.get(16)?,
                next_timer_ms: row.get(17)?,
                last_seq: row.get(18)?,
                waiting: row.get(19)?,
            },
            state_crc: row.get(20)?,
        })
    }

    /// `None` when a value is impossible.
    fn into_row(self, id: ExecutionId, tenant: Tenant) -> Option<ExecutionRow> {
        Some(ExecutionRow {
            id,
            tenant,
            workflow: self.workflow,
            version: self.version,
            definition: Digest::from_bytes(self.definition),
            semantics: self.semantics,
            status: status_from_code(self.state.status)?,
            parent: pair(self.parent)?.map(|(id, op)| (id, OpId(op))),
            forked_from: pair(self.forked)?,
            queue_key: self.queue_key,
            started_ms: self.started_ms,
            updated_ms: self.state.updated_ms,
            ended_ms: self.state.ended_ms,
            next_timer_ms: self.state.next_timer_ms,
            last_seq: u64::try_from(self.state.last_seq).ok()?,
            waiting: self.state.waiting,
            attributes: Vec::new(),
            summary: None,
        })
    }
}

/// An execution with a number, both or neither; the outer `None` when only one is there.
fn pair(columns: (Option<[u8; 16]>, Option<i64>)) -> Option<Option<(ExecutionId, u64)>> {
    match columns {
        (None, None) => Some(None),
        (Some(id), Some(number)) => Some(Some((ExecutionId::from_bytes(id), u64::try_from(number).ok()?))),
        _ => None,
    }
}

fn open(row: ExecutionRow) -> OpenExecution {
    OpenExecution {
        id: row.id,
        tenant: row.tenant,
        workflow: row.workflow,
        definition: row.definition,
        semantics: row.semantics,
        status: row.status,
        parent: row.parent,
        queue_key: row.queue_key,
        started_ms: row.started_ms,
        next_timer_ms: row.next_timer_ms,
        last_seq: row.last_seq,
    }
}

/// The first and last id that begin with `text`.
fn prefix_range(text: &str) -> Option<(ExecutionId, ExecutionId)> {
    // The first letter holds three of the 128 bits; the parser would drop the others.
    if text.len() > ID_LETTERS || !text.starts_with(|first: char| ('0'..='7').contains(&first)) || !text.is_ascii() {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let low = format!("{text:0<ID_LETTERS$}").parse().ok()?;
    let high = format!("{text:Z<ID_LETTERS$}").parse().ok()?;
    Some((low, high))
}

/// SQL and values of a list. Each status is a range of its own in the index, so that rare ones are found quickly.
fn list_query(filter: &ExecutionFilter, tenant: Option<i64>, cursor: Option<i64>, limit: u32) -> (String, Vec<Value>) {
    let (conditions, values) = list_conditions(filter, tenant, cursor);
    let order = format!("ORDER BY key DESC LIMIT {limit}");
    let one =
        |status: String| format!("SELECT {LIGHT}, {PARTS} FROM execution WHERE {status} AND {conditions} {order}");
    let mut codes: Vec<i64> = filter.statuses.iter().copied().map(status_code).collect();
    codes.sort_unstable();
    codes.dedup();
    let sql = match codes[..] {
        [] => one("true".to_owned()),
        [code] => one(format!("status = {code}")),
        _ => {
            let each = codes.iter().map(|code| format!("SELECT * FROM ({})", one(format!("status = {code}"))));
            format!("{} {order}", each.collect::<Vec<_>>().join(" UNION ALL "))
        }
    };
    (sql, values)
}

fn list_conditions(filter: &ExecutionFilter, tenant: Option<i64>, cursor: Option<i64>) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let mut conditions = vec!["true".to_owned()];
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(tenant) = tenant {
        add("tenant = ?", tenant.into());
    }
    if let Some(cursor) = cursor {
        add("key < ?", cursor.into());
    }
    if let Some(workflow) = &filter.workflow {
        add("workflow = ?", workflow.clone().into());
    }
    if let Some(since) = filter.since_ms {
        add("started_ms >= ?", since.into());
    }
    if let Some(until) = filter.until_ms {
        add("started_ms < ?", until.into());
    }
    if let Some(parent) = filter.parent {
        add("parent = ?", parent.to_bytes().to_vec().into());
    }
    if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
        add("instr(lower(workflow), lower(?)) > 0", text.to_owned().into());
        if let Some((low, high)) = prefix_range(text) {
            let named = conditions.pop().unwrap_or_default();
            let (low, high) = (low.to_bytes().to_vec(), high.to_bytes().to_vec());
            values.extend([low.into(), high.into()]);
            let at = values.len();
            conditions.push(format!("({named} OR id BETWEEN ?{} AND ?{at})", at - 1));
        }
    }
    (conditions.join(" AND "), values)
}
