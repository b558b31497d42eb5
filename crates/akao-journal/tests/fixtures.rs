//! A file of every format version stays readable: each fixture is read whole and compared with the JSON beside it.
//!
//! A new format gets a new folder, written once by `cargo test -p akao-journal --test fixtures -- --ignored`; the old
//! folders are never written again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use akao_contract::{Digest, ExecutionStatus, OpId};
use akao_journal::{
    ExecutionChange, ExecutionFilter, ExecutionRow, FORMAT, Journal, OperationState, Reader, TaskFilter, TaskStatus,
    Write,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{NOW_MS, batch, definition, execution, frame, id, insert, open, options, task, tenant};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// One of everything that the format can hold.
fn fill(journal: &mut Journal) {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let full = ExecutionRow {
        parent: Some((id(1), OpId(7))),
        forked_from: Some((id(1), 2)),
        queue_key: Some("deploy/eu".to_owned()),
        next_timer_ms: Some(NOW_MS + 5),
        waiting: Some("signal `go`".to_owned()),
        attributes: "{\"label\":\"café\"}".repeat(90).into_bytes(),
        ..execution(2, &acme)
    };
    let operation = |op, state, not_before_ms| Write::PutOperation {
        execution: id(2),
        op: OpId(op),
        state,
        attempt: 2,
        not_before_ms,
        body: b"{}".to_vec(),
    };
    let key = Write::PutStartKey { tenant: acme.clone(), key: "k".into(), request_hash: [7; 32], execution: id(2) };
    let writes = [
        definition(&acme),
        definition(&other),
        insert(1, &other),
        Write::InsertExecution(Box::new(full)),
        frame(2, 1, 2, "[{\"kind\":\"started\"},{}]"),
        frame(2, 3, 1, "{\"long\":1}".repeat(300)),
        Write::PutSnapshot { execution: id(2), seq: 2, body: b"{\"state\":[]}".to_vec() },
        operation(4, OperationState::Leased, None),
        operation(5, OperationState::RetryAt, Some(NOW_MS + 5)),
        operation(6, OperationState::Parked, None),
        key,
        Write::PutSignalSeen { execution: id(2), signal_id: "s-1".to_owned() },
        Write::PutTask(Box::new(task(2, 1, &acme))),
        Write::PutTask(Box::new(task(2, 2, &acme))),
        Write::CloseTask {
            execution: id(2),
            op: OpId(2),
            status: TaskStatus::Completed,
            at_ms: NOW_MS + 1,
            body: Some(b"\"yes\"".to_vec()),
        },
    ];
    journal.commit(&batch(writes)).unwrap();
    let change = ExecutionChange {
        status: Some(ExecutionStatus::Success),
        ended_ms: Some(Some(NOW_MS + 9)),
        summary: Some(Some(b"{\"ok\":true}".to_vec())),
        ..Default::default()
    };
    journal.commit(&batch([Write::UpdateExecution { execution: id(1), change }])).unwrap();
}

fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).unwrap().into()
}

/// Everything a reader tells, as JSON.
fn dump(reader: &Reader) -> Value {
    let rows = reader.list(&ExecutionFilter::default(), None, 100).unwrap().rows;
    let executions: Vec<Value> = rows.iter().map(|row| dump_execution(reader, row)).collect();
    let tasks = reader.tasks(&TaskFilter::default(), 100).unwrap();
    let tasks: Vec<Value> = tasks.iter().map(|task| format!("{task:?}").into()).collect();
    let start = reader.start_key(&tenant("acme"), "k").unwrap().unwrap();
    json!({"executions": executions, "tasks": tasks,
        "start_key": {"request_hash": start.request_hash, "execution": start.execution}})
}

fn dump_execution(reader: &Reader, row: &ExecutionRow) -> Value {
    let frames = reader.frames(row.id, 0).unwrap();
    let frames: Vec<Value> = frames
        .iter()
        .map(|frame| json!({"lsn": frame.lsn, "first_seq": frame.first_seq, "count": frame.count, "at_ms": frame.at_ms, "body": text(&frame.body)}))
        .collect();
    let snapshot = reader.snapshot(row.id).unwrap();
    let operations = reader.operations(row.id).unwrap();
    let definition = reader.definition(&row.tenant, row.definition).unwrap().unwrap();
    json!({
        "id": row.id, "tenant": row.tenant, "workflow": row.workflow, "version": row.version,
        "definition": {"digest": row.definition, "body": text(&definition)}, "semantics": row.semantics,
        "status": row.status, "parent": row.parent.map(|(id, op)| json!([id, op])),
        "forked_from": row.forked_from.map(|(id, seq)| json!([id, seq])), "queue_key": row.queue_key,
        "started_ms": row.started_ms, "updated_ms": row.updated_ms, "ended_ms": row.ended_ms,
        "next_timer_ms": row.next_timer_ms, "last_seq": row.last_seq, "waiting": row.waiting,
        "attributes": text(&row.attributes), "summary": row.summary.as_deref().map(text), "frames": frames,
        "snapshot": snapshot.map(|snapshot| json!({"seq": snapshot.seq, "body": text(&snapshot.body)})),
        "operations": operations.iter().map(|row| json!({"op": row.op, "state": format!("{:?}", row.state),
            "attempt": row.attempt, "not_before_ms": row.not_before_ms, "body": text(&row.body)})).collect::<Vec<_>>(),
        "signal_seen": reader.signal_seen(row.id, "s-1").unwrap(),
    })
}

#[test]
#[ignore = "writes the fixture of the present format, once for each format"]
fn write_the_fixture_of_the_present_format() {
    let folder = fixtures().join(format!("format-{FORMAT}"));
    assert!(!folder.join("journal.db").exists(), "a fixture is written once");
    fs::create_dir_all(&folder).unwrap();
    let made = tempfile::tempdir().unwrap();
    let mut journal = open(made.path());
    fill(&mut journal);
    let content = serde_json::to_string_pretty(&dump(journal.read())).unwrap();
    drop(journal);
    fs::copy(made.path().join("journal.db"), folder.join("journal.db")).unwrap();
    fs::write(folder.join("content.json"), content + "\n").unwrap();
    assert_ne!(Digest::of(&fs::read(folder.join("journal.db")).unwrap()), Digest::of(b""));
}

#[test]
fn every_format_is_read_and_then_written_to() {
    let mut read = 0;
    for format in 1..=FORMAT {
        let folder = fixtures().join(format!("format-{format}"));
        let expected: Value = serde_json::from_slice(&fs::read(folder.join("content.json")).unwrap()).unwrap();
        let copy = tempfile::tempdir().unwrap();
        fs::copy(folder.join("journal.db"), copy.path().join("journal.db")).unwrap();
        let reader = Reader::open(copy.path()).unwrap();
        assert_eq!(dump(&reader), expected, "format {format}");
        assert_eq!(reader.verify().unwrap().damages, [], "format {format}");
        let mut journal = Journal::open(copy.path(), &options()).unwrap();
        journal.commit(&batch([frame(2, 4, 1, "more")])).unwrap();
        assert_eq!(reader.frames(id(2), 4).unwrap().len(), 1, "format {format}");
        read += 1;
    }
    assert_eq!(read, fs::read_dir(fixtures()).unwrap().count(), "every folder was read");
}
