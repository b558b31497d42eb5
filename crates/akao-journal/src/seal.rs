//! Checksums of rows: CRC32C over a row's identity and content, in one fixed order for each table.
//!
//! The owner's ULID is part of every sum, so that a row that is found under the wrong execution does not pass.

use crate::{ExecutionRow, TaskRow, row::status_code};
use akao_contract::ExecutionId;

/// A checksum being built.
#[derive(Clone, Copy)]
pub(crate) struct Seal(u32);

impl Seal {
    /// Starts the checksum of a row of `table`.
    pub(crate) fn new(table: &str) -> Self {
        Self(crc32c::crc32c(table.as_bytes()))
    }

    pub(crate) fn execution(self, id: ExecutionId) -> Self {
        self.raw(&id.to_bytes())
    }

    pub(crate) fn integer(self, value: i64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    /// Several integers by one pass over memory, for the rows that are written most.
    pub(crate) fn integers<const N: usize>(self, values: [i64; N]) -> Self {
        self.raw(values.map(i64::to_le_bytes).as_flattened())
    }

    pub(crate) fn optional_integer(self, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.raw(&[1]).integer(value),
            None => self.raw(&[0]),
        }
    }

    /// Bytes with their length, so that neighbours cannot lend each other characters.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        self.raw(&(bytes.len() as u64).to_le_bytes()).raw(bytes)
    }

    pub(crate) fn optional_bytes(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.raw(&[1]).bytes(bytes),
            None => self.raw(&[0]),
        }
    }

    pub(crate) fn optional_text(self, text: Option<&str>) -> Self {
        self.optional_bytes(text.map(str::as_bytes))
    }

    /// The checksum as it is stored.
    pub(crate) fn sum(self) -> i64 {
        i64::from(self.0)
    }

    fn raw(self, bytes: &[u8]) -> Self {
        Self(crc32c::crc32c_append(self.0, bytes))
    }
}

/// What an execution's row says about its start; it never changes.
pub(crate) fn origin_sum(key: i64, row: &ExecutionRow) -> i64 {
    let parent = row.parent.map(|(id, op)| (id.to_bytes(), op.0 as i64));
    let fork = row.forked_from.map(|(id, seq)| (id.to_bytes(), seq as i64));
    Seal::new("execution.origin")
        .execution(row.id)
        .integer(key)
        .bytes(row.tenant.as_str().as_bytes())
        .bytes(row.workflow.as_bytes())
        .bytes(row.version.as_bytes())
        .bytes(row.definition.bytes())
        .integer(row.semantics.into())
        .optional_bytes(parent.as_ref().map(|(id, _)| &id[..]))
        .optional_integer(parent.map(|(_, op)| op))
        .optional_bytes(fork.as_ref().map(|(id, _)| &id[..]))
        .optional_integer(fork.map(|(_, seq)| seq))
        .optional_text(row.queue_key.as_deref())
        .integer(row.started_ms)
        .sum()
}

/// The part of an execution's row that changes while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) status: i64,
    pub(crate) updated_ms: i64,
    pub(crate) ended_ms: Option<i64>,
    pub(crate) next_timer_ms: Option<i64>,
    pub(crate) last_seq: i64,
    pub(crate) waiting: Option<String>,
}

impl State {
    pub(crate) fn of(row: &ExecutionRow) -> Self {
        Self {
            status: status_code(row.status),
            updated_ms: row.updated_ms,
            ended_ms: row.ended_ms,
            next_timer_ms: row.next_timer_ms,
            last_seq: row.last_seq as i64,
            waiting: row.waiting.clone(),
        }
    }

    pub(crate) fn sum(&self, id: ExecutionId) -> i64 {
        Seal::new("execution.state")
            .execution(id)
            .integers([self.status, self.updated_ms, self.last_seq])
            .optional_integer(self.ended_ms)
            .optional_integer(self.next_timer_ms)
            .optional_text(self.waiting.as_deref())
            .sum()
    }
}

/// A stored body of which an execution has at most one: attributes, summary.
pub(crate) fn part_sum(part: &str, id: ExecutionId, codec: i64, stored: &[u8]) -> i64 {
    Seal::new(part).execution(id).integer(codec).bytes(stored).sum()
}

/// A frame, as its columns are in the file.
pub(crate) struct FrameColumns<'a> {
    pub(crate) tenant: i64,
    pub(crate) first_seq: i64,
    pub(crate) count: i64,
    pub(crate) at_ms: i64,
    pub(crate) codec: i64,
    pub(crate) stored: &'a [u8],
}

impl FrameColumns<'_> {
    pub(crate) fn sum(&self, id: ExecutionId) -> i64 {
        Seal::new("frame")
            .execution(id)
            .integers([self.tenant, self.first_seq, self.count, self.at_ms, self.codec])
            .bytes(self.stored)
            .sum()
    }
}

/// A task with its stored bodies.
pub(crate) fn task_sum(row: &TaskRow, body: (i64, &[u8]), result: Option<(i64, &[u8])>) -> i64 {
    Seal::new("task")
        .execution(row.execution)
        .integers([row.op.0 as i64, row.status.code(), row.created_ms, body.0])
        .bytes(row.tenant.as_str().as_bytes())
        .bytes(row.title.as_bytes())
        .optional_text(row.assignee.as_deref())
        .optional_text(row.role.as_deref())
        .optional_integer(row.due_ms)
        .optional_integer(row.closed_ms)
        .bytes(body.1)
        .optional_integer(result.map(|(codec, _)| codec))
        .optional_bytes(result.map(|(_, stored)| stored))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_absence_and_tables_change_the_sum() {
        let sums = [
            Seal::new("a").bytes(b"ab").bytes(b"c").sum(),
            Seal::new("a").bytes(b"a").bytes(b"bc").sum(),
            Seal::new("b").bytes(b"ab").bytes(b"c").sum(),
            Seal::new("a").optional_text(None).sum(),
            Seal::new("a").optional_text(Some("")).sum(),
            Seal::new("a").optional_integer(Some(7)).sum(),
        ];
        for (at, sum) in sums.iter().enumerate() {
            assert!(!sums[..at].contains(sum), "sum {at} repeats");
        }
        assert_eq!(Seal::new("a").integers([1, 2]).sum(), Seal::new("a").integer(1).integer(2).sum());
    }
}
