//! What the journal's tests share: a folder, an opened journal, rows with every field set.

#![allow(dead_code, reason = "each test file uses its own part of this module")]

use akao_contract::{Digest, ExecutionId, ExecutionStatus, OpId, Tenant};
use akao_journal::{Batch, ExecutionRow, Journal, OpenOptions, TaskRow, TaskStatus, Write};
use std::path::Path;

/// The time of the tests.
pub(crate) const NOW_MS: i64 = 1_760_000_000_000;

/// The definition that [`definition`] writes.
pub(crate) const DEFINITION: &[u8] = br#"{"name":"nightly"}"#;

pub(crate) fn options() -> OpenOptions {
    OpenOptions { created_by: "akao-journal tests".to_owned(), now_ms: NOW_MS }
}

pub(crate) fn open(folder: &Path) -> Journal {
    Journal::open(folder, &options()).unwrap()
}

/// The nth execution of the tests.
pub(crate) fn id(n: u64) -> ExecutionId {
    ExecutionId::from_parts(NOW_MS as u64 + n, u128::from(n) * 0x0001_0203_0405_0607)
}

pub(crate) fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

pub(crate) fn definition(tenant: &Tenant) -> Write {
    Write::PutDefinition { tenant: tenant.clone(), digest: Digest::of(DEFINITION), body: DEFINITION.into() }
}

/// A running execution without optional fields.
pub(crate) fn execution(n: u64, tenant: &Tenant) -> ExecutionRow {
    ExecutionRow {
        id: id(n),
        tenant: tenant.clone(),
        workflow: "nightly".to_owned(),
        version: "1".to_owned(),
        definition: Digest::of(DEFINITION),
        semantics: 1,
        status: ExecutionStatus::Running,
        parent: None,
        forked_from: None,
        queue_key: None,
        started_ms: NOW_MS + n as i64,
        updated_ms: NOW_MS + n as i64,
        ended_ms: None,
        next_timer_ms: None,
        last_seq: 0,
        waiting: None,
        attributes: b"{}".to_vec(),
        summary: None,
    }
}

pub(crate) fn insert(n: u64, tenant: &Tenant) -> Write {
    Write::InsertExecution(Box::new(execution(n, tenant)))
}

pub(crate) fn frame(n: u64, first_seq: u64, count: u32, body: impl Into<Vec<u8>>) -> Write {
    Write::AppendFrame { execution: id(n), first_seq, count, at_ms: NOW_MS, body: body.into() }
}

pub(crate) fn task(n: u64, op: u64, tenant: &Tenant) -> TaskRow {
    TaskRow {
        execution: id(n),
        op: OpId(op),
        tenant: tenant.clone(),
        title: "Approve the release".to_owned(),
        assignee: Some("ana".to_owned()),
        role: Some("operator".to_owned()),
        due_ms: Some(NOW_MS + 60_000),
        status: TaskStatus::Open,
        created_ms: NOW_MS,
        closed_ms: None,
        body: br#"{"form":["yes","no"]}"#.to_vec(),
        result: None,
    }
}

pub(crate) fn batch(writes: impl IntoIterator<Item = Write>) -> Batch {
    Batch { writes: writes.into_iter().collect() }
}
