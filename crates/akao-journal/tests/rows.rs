//! Every kind of row goes in and comes back the same, through the writer's connection, a second one and a new process'.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use akao_contract::{Digest, ExecutionId, ExecutionStatus, OpId, Tenant};
use akao_journal::{
    ExecutionChange, ExecutionFilter, ExecutionRow, Journal, OperationRow, OperationState, Prefix, Reader, StartKey,
    TaskFilter, TaskRow, TaskStatus, Write,
};
use std::collections::BTreeMap;
use support::{DEFINITION, NOW_MS, batch, definition, execution, frame, id, insert, open, task, tenant};

fn full_execution(tenant: &Tenant) -> ExecutionRow {
    ExecutionRow {
        parent: Some((id(1), OpId(7))),
        forked_from: Some((id(1), 12)),
        queue_key: Some("deploy/eu".to_owned()),
        next_timer_ms: Some(NOW_MS + 5),
        waiting: Some("signal `go`".to_owned()),
        attributes: br#"{"label":"x"}"#.repeat(200),
        summary: Some(b"null".to_vec()),
        status: ExecutionStatus::Waiting,
        ..execution(2, tenant)
    }
}

/// Runs `check` on the writer's reader, on one beside it, and on one after everything was closed.
fn on_every_reader(folder: &std::path::Path, journal: Journal, check: impl Fn(&Reader)) {
    check(journal.read());
    check(&journal.reader().unwrap());
    check(&Reader::open(folder).unwrap());
    drop(journal);
    check(&Reader::open(folder).unwrap());
    check(open(folder).read());
}

#[test]
fn executions_and_definitions() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let (acme, other) = (tenant("acme"), tenant("other"));
    let row = full_execution(&acme);
    journal
        .commit(&batch([
            definition(&acme),
            definition(&acme),
            definition(&other),
            insert(1, &other),
            Write::InsertExecution(Box::new(row.clone())),
        ]))
        .unwrap();
    on_every_reader(folder.path(), journal, |reader| {
        assert_eq!(reader.execution(id(2)).unwrap().as_ref(), Some(&row));
        assert_eq!(reader.execution(id(1)).unwrap(), Some(execution(1, &other)));
        assert_eq!(reader.execution(id(3)).unwrap(), None);
        assert_eq!(reader.definition(&acme, Digest::of(DEFINITION)).unwrap().as_deref(), Some(DEFINITION));
        assert_eq!(reader.definition(&tenant("third"), Digest::of(DEFINITION)).unwrap(), None);
        assert_eq!(reader.definition(&acme, Digest::of(b"")).unwrap(), None);
        let mut open = Vec::new();
        reader.open_executions(|row| open.push(row.unwrap())).unwrap();
        open.sort_by_key(|row| row.id);
        assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), [id(1), id(2)]);
        assert_eq!((open[1].queue_key.as_deref(), open[1].next_timer_ms), (Some("deploy/eu"), Some(NOW_MS + 5)));
        assert_eq!((open[1].parent, open[1].status), (Some((id(1), OpId(7))), ExecutionStatus::Waiting));
    });
}

#[test]
fn changes_touch_only_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    let mut row = full_execution(&acme);
    journal.commit(&batch([definition(&acme), Write::InsertExecution(Box::new(row.clone()))])).unwrap();
    let mut change = |row: &ExecutionRow, change: ExecutionChange| {
        journal.commit(&batch([Write::UpdateExecution { execution: id(2), change }])).unwrap();
        assert_eq!(journal.read().execution(id(2)).unwrap().as_ref(), Some(row));
    };
    change(&row, ExecutionChange::default());
    row.status = ExecutionStatus::Paused;
    row.updated_ms += 1;
    change(
        &row,
        ExecutionChange {
            status: Some(ExecutionStatus::Paused),
            updated_ms: Some(row.updated_ms),
            ..Default::default()
        },
    );
    (row.waiting, row.next_timer_ms, row.last_seq) = (None, None, 9);
    change(
        &row,
        ExecutionChange { waiting: Some(None), next_timer_ms: Some(None), last_seq: Some(9), ..Default::default() },
    );
    (row.attributes, row.summary, row.ended_ms) = (b"[]".to_vec(), Some(b"s".repeat(5000)), Some(NOW_MS + 9));
    change(
        &row,
        ExecutionChange {
            attributes: Some(row.attributes.clone()),
            summary: Some(row.summary.clone()),
            ended_ms: Some(row.ended_ms),
            ..Default::default()
        },
    );
    row.summary = None;
    change(&row, ExecutionChange { summary: Some(None), ..Default::default() });
}

#[test]
fn frames_snapshots_operations_keys_and_signals() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    let operation = |op: u64, state| OperationRow {
        op: OpId(op),
        state,
        attempt: 2,
        not_before_ms: (op == 5).then_some(NOW_MS),
        body: format!("{{\"op\":{op}}}").into_bytes(),
    };
    let put = |row: OperationRow| Write::PutOperation {
        execution: id(1),
        op: row.op,
        state: row.state,
        attempt: row.attempt,
        not_before_ms: row.not_before_ms,
        body: row.body,
    };
    let long = b"event ".repeat(1000);
    journal
        .commit(&batch([
            definition(&acme),
            insert(1, &acme),
            frame(1, 1, 2, "first"),
            frame(1, 3, 1, long.clone()),
            put(operation(9, OperationState::Leased)),
            put(operation(4, OperationState::Leased)),
            put(operation(4, OperationState::Parked)),
            put(operation(5, OperationState::RetryAt)),
            Write::DeleteOperation { execution: id(1), op: OpId(9) },
            Write::DeleteOperation { execution: id(1), op: OpId(77) },
            Write::PutSnapshot { execution: id(1), seq: 2, body: b"old".to_vec() },
            Write::PutSnapshot { execution: id(1), seq: 3, body: long.clone() },
            Write::PutSignalSeen { execution: id(1), signal_id: "s-1".to_owned() },
            Write::PutSignalSeen { execution: id(1), signal_id: "s-1".to_owned() },
            Write::PutStartKey { tenant: acme.clone(), key: "k".to_owned(), request_hash: [7; 32], execution: id(1) },
        ]))
        .unwrap();
    journal.commit(&batch([frame(1, 4, 3, "last")])).unwrap();
    on_every_reader(folder.path(), journal, |reader| {
        let frames = |from| {
            let frames = reader.frames(id(1), from).unwrap();
            frames.into_iter().map(|f| (f.first_seq, f.count, f.body)).collect::<Vec<_>>()
        };
        let all = [(1, 2, b"first".to_vec()), (3, 1, long.clone()), (4, 3, b"last".to_vec())];
        let tails: [(u64, &[_]); 8] = [
            (0, &all),
            (1, &all),
            (2, &all),
            (3, &all[1..]),
            (4, &all[2..]),
            (6, &all[2..]),
            (7, &[]),
            (u64::MAX, &[]),
        ];
        for (from, expected) in tails {
            assert_eq!(frames(from), expected, "from {from}");
        }
        assert_eq!(reader.frames(id(9), 0).unwrap(), []);
        let snapshot = reader.snapshot(id(1)).unwrap().unwrap();
        assert_eq!((snapshot.seq, snapshot.body), (3, long.clone()));
        assert_eq!(
            reader.operations(id(1)).unwrap(),
            [operation(4, OperationState::Parked), operation(5, OperationState::RetryAt)]
        );
        assert!(reader.signal_seen(id(1), "s-1").unwrap());
        assert!(!reader.signal_seen(id(1), "s-2").unwrap());
        let key = StartKey { request_hash: [7; 32], execution: id(1) };
        assert_eq!(reader.start_key(&acme, "k").unwrap(), Some(key));
        assert_eq!(reader.start_key(&acme, "K").unwrap(), None);
        assert_eq!(reader.start_key(&tenant("other"), "k").unwrap(), None);
        assert_eq!(reader.verify().unwrap().damages, []);
    });
}

#[test]
fn a_change_notes_the_last_event_that_was_appended() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    let touch = || Write::UpdateExecution { execution: id(1), change: ExecutionChange::default() };
    journal.commit(&batch([definition(&acme), insert(1, &acme), frame(1, 0, 4, "a"), touch()])).unwrap();
    assert_eq!(journal.read().execution(id(1)).unwrap().unwrap().last_seq, 3);
}

#[test]
fn tasks_are_listed_by_filter_and_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let (acme, other) = (tenant("acme"), tenant("other"));
    let put = |row: TaskRow| Write::PutTask(Box::new(row));
    let unassigned = TaskRow { assignee: None, role: None, due_ms: None, ..task(2, 1, &acme) };
    let close = Write::CloseTask {
        execution: id(1),
        op: OpId(3),
        status: TaskStatus::Completed,
        at_ms: NOW_MS + 1,
        body: Some(b"\"yes\"".to_vec()),
    };
    journal
        .commit(&batch([
            definition(&acme),
            definition(&other),
            insert(1, &acme),
            insert(2, &acme),
            insert(3, &other),
            put(task(1, 3, &acme)),
            put(unassigned),
            put(task(3, 1, &other)),
            close,
        ]))
        .unwrap();
    let closed = TaskRow {
        status: TaskStatus::Completed,
        closed_ms: Some(NOW_MS + 1),
        result: Some(b"\"yes\"".to_vec()),
        ..task(1, 3, &acme)
    };
    on_every_reader(folder.path(), journal, |reader| {
        assert_eq!(reader.task(id(1), OpId(3)).unwrap().as_ref(), Some(&closed));
        assert_eq!(reader.task(id(1), OpId(4)).unwrap(), None);
        let list = |filter: TaskFilter| {
            let tasks = reader.tasks(&filter, 50).unwrap();
            tasks.into_iter().map(|task| (task.execution, task.op.0)).collect::<Vec<_>>()
        };
        let tenant = Some(acme.clone());
        assert_eq!(list(TaskFilter::default()), [(id(3), 1), (id(2), 1), (id(1), 3)]);
        assert_eq!(list(TaskFilter { tenant: tenant.clone(), ..Default::default() }), [(id(2), 1), (id(1), 3)]);
        let open = TaskFilter { tenant, statuses: vec![TaskStatus::Open], ..Default::default() };
        assert_eq!(list(open), [(id(2), 1)]);
        assert_eq!(list(TaskFilter { assignee: Some("ana".into()), ..Default::default() }), [(id(3), 1), (id(1), 3)]);
        assert_eq!(list(TaskFilter { role: Some("nobody".into()), ..Default::default() }), []);
        assert_eq!(list(TaskFilter { execution: Some(id(1)), ..Default::default() }), [(id(1), 3)]);
        let made = reader.task(id(1), OpId(3)).unwrap().unwrap().created_ms;
        let since = |ms| list(TaskFilter { execution: Some(id(1)), since_ms: Some(ms), ..Default::default() });
        assert_eq!((since(made), since(made + 1)), (vec![(id(1), 3)], vec![]));
        assert_eq!(list(TaskFilter { tenant: Some("none".parse().unwrap()), ..Default::default() }), []);
        let after = |number, op| list(TaskFilter { after: Some((id(number), OpId(op))), ..Default::default() });
        assert_eq!(after(3, 1), [(id(2), 1), (id(1), 3)]);
        assert_eq!(after(2, 0), [(id(2), 1), (id(1), 3)]);
        assert_eq!((after(1, 2), after(1, 3)), (vec![(id(1), 3)], vec![]));
        // One that is not there any more: what follows is what was older.
        assert_eq!(after(9, 7), [(id(3), 1), (id(2), 1), (id(1), 3)]);
        assert_eq!(after(0, 7), []);
    });
}

#[test]
fn a_list_of_tasks_goes_on_behind_the_most_that_one_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    let all = (1..=1_100).map(|op| Write::PutTask(Box::new(task(1, op, &acme))));
    let writes: Vec<Write> = [definition(&acme), insert(1, &acme)].into_iter().chain(all).collect();
    journal.commit(&batch(writes)).unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = journal.read().tasks(&TaskFilter { after, ..Default::default() }, 200).unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.execution, last.op));
        seen.extend(page.iter().map(|task| task.op.0));
    }
    assert_eq!(seen, (1..=1_100).collect::<Vec<u64>>());
}

#[test]
fn lists_filter_page_and_find_prefixes() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let (acme, other) = (tenant("acme"), tenant("other"));
    let statuses = [ExecutionStatus::Running, ExecutionStatus::Failure, ExecutionStatus::Success];
    let rows = (0..30u64).map(|n| ExecutionRow {
        status: statuses[n as usize % 3],
        workflow: if n % 2 == 0 { "Nightly backup".to_owned() } else { "deploy".to_owned() },
        ..execution(n, if n % 5 == 0 { &other } else { &acme })
    });
    let inserts = rows.map(|row| Write::InsertExecution(Box::new(row)));
    journal.commit(&batch([definition(&acme), definition(&other)].into_iter().chain(inserts))).unwrap();
    let reader = journal.read();
    let list = |filter: ExecutionFilter| -> Vec<ExecutionId> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = reader.list(&filter, cursor, 4).unwrap();
            assert!(page.rows.len() <= 4);
            found.extend(page.rows.into_iter().map(|row| row.id));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return found,
            }
        }
    };
    let expected = |keep: &dyn Fn(u64) -> bool| (0..30).rev().filter(|n| keep(*n)).map(id).collect::<Vec<_>>();
    let base = ExecutionFilter { tenant: Some(acme.clone()), ..Default::default() };
    assert_eq!(list(ExecutionFilter::default()), expected(&|_| true));
    assert_eq!(list(base.clone()), expected(&|n| n % 5 != 0));
    let failed = vec![ExecutionStatus::Failure];
    assert_eq!(list(ExecutionFilter { statuses: failed, ..base.clone() }), expected(&|n| n % 5 != 0 && n % 3 == 1));
    let ended = vec![ExecutionStatus::Success, ExecutionStatus::Failure, ExecutionStatus::Success];
    assert_eq!(list(ExecutionFilter { statuses: ended, ..base }), expected(&|n| n % 5 != 0 && n % 3 != 0));
    let window = ExecutionFilter { since_ms: Some(NOW_MS + 10), until_ms: Some(NOW_MS + 20), ..Default::default() };
    assert_eq!(list(window), expected(&|n| (10..20).contains(&n)));
    let named = ExecutionFilter { workflow: Some("deploy".to_owned()), ..Default::default() };
    assert_eq!(list(named), expected(&|n| n % 2 == 1));
    for text in ["BACKUP", "nightly b", ""] {
        let text_filter = ExecutionFilter { text: Some(text.to_owned()), ..Default::default() };
        assert_eq!(list(text_filter), expected(&|n| text.is_empty() || n % 2 == 0), "text {text:?}");
    }
    let by_id = id(7).to_string().to_lowercase();
    assert_eq!(list(ExecutionFilter { text: Some(by_id.clone()), ..Default::default() }), [id(7)]);
    assert_eq!(list(ExecutionFilter { text: Some("50%' OR 1".to_owned()), ..Default::default() }), []);
    assert_eq!(reader.find_by_prefix(&acme, &by_id).unwrap(), Prefix::Unique(id(7)));
    assert_eq!(reader.find_by_prefix(&acme, &by_id[..12]).unwrap(), Prefix::Unique(id(7)));
    assert_eq!(reader.find_by_prefix(&acme, &by_id[..3]).unwrap(), Prefix::Ambiguous(id(1), id(2)));
    assert_eq!(reader.find_by_prefix(&other, &by_id).unwrap(), Prefix::NotFound);
    for text in ["", "é", "U", &"0".repeat(27), "8", "zzzzzzzzzzzzzzzzzzzzzzzzzz", "%"] {
        assert_eq!(reader.find_by_prefix(&acme, text).unwrap(), Prefix::NotFound, "prefix {text:?}");
    }
}

#[test]
fn prune_removes_old_finished_executions_with_all_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    let lone = br#"{"name":"lone"}"#;
    let put_lone =
        Write::PutDefinition { tenant: acme.clone(), digest: Digest::of(lone), body: lone.as_slice().into() };
    let ended = |n: u64, at: i64, status| {
        let row = ExecutionRow { status, ended_ms: Some(at), ..execution(n, &acme) };
        Write::InsertExecution(Box::new(ExecutionRow { definition: Digest::of(lone), ..row }))
    };
    let mut writes =
        vec![put_lone, definition(&acme), insert(1, &acme), ended(2, NOW_MS + 50, ExecutionStatus::Failure)];
    writes.push(ended(3, NOW_MS, ExecutionStatus::Quarantined));
    for n in 10..110 {
        writes.extend([ended(n, NOW_MS + 1, ExecutionStatus::Success), frame(n, 0, 1, "body")]);
        writes.push(Write::PutTask(Box::new(task(n, 1, &acme))));
        writes.push(Write::PutSnapshot { execution: id(n), seq: 0, body: b"s".to_vec() });
        writes.push(Write::PutSignalSeen { execution: id(n), signal_id: "s".to_owned() });
        let key = format!("key {n}");
        writes.push(Write::PutStartKey { tenant: acme.clone(), key, request_hash: [0; 32], execution: id(n) });
    }
    journal.commit(&batch(writes)).unwrap();
    let some = journal.prune_some(NOW_MS + 50, 7).unwrap();
    assert_eq!((some.executions, some.tenants), (7, BTreeMap::from([(acme.clone(), 7)])));
    assert_eq!([0; 3].map(|_| journal.prune(NOW_MS + 50).unwrap()), [64, 29, 0]);
    let reader = journal.read();
    assert!(reader.definition(&acme, Digest::of(lone)).unwrap().is_some(), "executions still use it");
    assert_eq!(reader.tasks(&TaskFilter::default(), 10).unwrap(), []);
    assert_eq!(reader.start_key(&acme, "key 10").unwrap(), None);
    let report = reader.verify().unwrap();
    assert_eq!((report.executions, report.frames, report.damages), (3, 0, vec![]));
    let delete = |n| Write::DeleteExecution { execution: id(n) };
    journal.commit(&batch([delete(2), delete(3)])).unwrap();
    let kept = journal.read().definition(&acme, Digest::of(lone)).unwrap();
    assert!(kept.is_some(), "the one that is left may start it, which only its own definition says");
    let disk = journal.read().disk_use().unwrap();
    assert_eq!(disk.executions, [(ExecutionStatus::Running, 1)]);
    journal.idle().unwrap();
    let disk = journal.read().disk_use().unwrap();
    assert!(disk.journal_bytes > 0 && disk.free_bytes > 0 && disk.wal_bytes < 2_200_000, "{disk:?}");
    journal.commit(&batch([delete(1)])).unwrap();
    assert_eq!(journal.read().definitions(&acme).unwrap(), [], "nobody is left who could need one");
}

#[test]
fn what_ended_of_one_tenant_is_removed_and_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let (acme, other) = (tenant("acme"), tenant("other"));
    let ended = |n: u64, status| {
        let row = ExecutionRow { status, ended_ms: Some(NOW_MS), ..execution(n, &acme) };
        Write::InsertExecution(Box::new(row))
    };
    let mut writes = vec![definition(&acme), definition(&other), insert(1, &acme), insert(2, &other)];
    // Not what a compressor would make shorter.
    let marked =
        |n: u64| (0..400).map(|part| format!("zebrafinch {} ", n * 7_919 + part * 104_729)).collect::<String>();
    for n in 10..110 {
        let status = if n == 50 { ExecutionStatus::Quarantined } else { ExecutionStatus::Success };
        writes.extend([ended(n, status), frame(n, 0, 1, marked(n))]);
        writes.push(Write::PutTask(Box::new(task(n, 1, &acme))));
        let key = format!("zebrafinch key {n}");
        writes.push(Write::PutStartKey { tenant: acme.clone(), key, request_hash: [0; 32], execution: id(n) });
    }
    writes.push(frame(2, 0, 1, "of another"));
    journal.commit(&batch(writes)).unwrap();
    let pieces = || -> usize {
        let files = std::fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file());
        let count = |bytes: Vec<u8>| bytes.windows(10).filter(|window| *window == b"zebrafinch").count();
        files.map(|entry| count(std::fs::read(entry.path()).unwrap())).sum()
    };
    journal.idle().unwrap();
    let before = pieces();
    assert!(before > 100, "it is there to be found");
    assert_eq!(journal.remove_of(&tenant("nobody"), 64).unwrap(), 0);
    assert_eq!([0; 3].map(|_| journal.remove_of(&acme, 1_000).unwrap()), [64, 36, 0]);
    let reader = journal.read();
    assert!(reader.execution(id(1)).unwrap().is_some(), "what has not ended is not removed");
    assert!(reader.definition(&acme, Digest::of(DEFINITION)).unwrap().is_some(), "and neither is what it runs");
    assert_eq!(reader.frames(id(2), 0).unwrap().len(), 1);
    assert_eq!(reader.verify().unwrap().damages, []);
    // A row that was moved to another page when there were more may have left a piece behind.
    assert!(pieces() * 10 < before, "{} of {before} pieces are left", pieces());
    let last = ExecutionChange { status: Some(ExecutionStatus::Cancelled), ..ExecutionChange::default() };
    journal.commit(&batch([Write::UpdateExecution { execution: id(1), change: last }])).unwrap();
    assert_eq!([0; 2].map(|_| journal.remove_of(&acme, 1).unwrap()), [1, 0]);
    assert_eq!(journal.read().definitions(&acme).unwrap(), []);
    assert_eq!(journal.read().definitions(&other).unwrap().len(), 1);
    // The name is as good as new.
    journal.commit(&batch([definition(&acme), insert(3, &acme)])).unwrap();
    on_every_reader(folder.path(), journal, |reader| {
        assert_eq!(reader.execution(id(3)).unwrap(), Some(execution(3, &acme)));
        assert_eq!(reader.execution(id(2)).unwrap(), Some(execution(2, &other)));
    });
}

#[test]
fn every_body_of_a_tenant_is_visited_and_none_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let (acme, other) = (tenant("acme"), tenant("other"));
    let row =
        ExecutionRow { attributes: b"attributes".to_vec(), summary: Some(b"summary".to_vec()), ..execution(1, &acme) };
    let closed = TaskRow { result: Some(b"result".to_vec()), body: b"task".to_vec(), ..task(1, 9, &acme) };
    let state = OperationState::RetryAt;
    let writes = [
        definition(&acme),
        Write::InsertExecution(Box::new(row)),
        frame(1, 1, 2, "first frame"),
        frame(1, 3, 1, "second frame"),
        Write::PutSnapshot { execution: id(1), seq: 3, body: b"snapshot".to_vec() },
        Write::PutOperation {
            execution: id(1),
            op: OpId(4),
            state,
            attempt: 1,
            not_before_ms: None,
            body: b"operation".to_vec(),
        },
        Write::PutTask(Box::new(closed)),
        definition(&other),
        insert(2, &other),
        frame(2, 1, 1, "of another"),
    ];
    journal.commit(&batch(writes)).unwrap();
    let mut found = Vec::new();
    journal.read().each_body(&acme, |body| found.push(String::from_utf8(body.to_vec()).unwrap())).unwrap();
    found.sort();
    let definition = std::str::from_utf8(DEFINITION).unwrap();
    let expected =
        ["attributes", "first frame", "operation", "result", "second frame", "snapshot", "summary", "task", definition];
    assert_eq!(found, expected);
    found.clear();
    journal.read().each_body(&tenant("nobody"), |body| found.push(String::from_utf8(body.to_vec()).unwrap())).unwrap();
    assert!(found.is_empty());
}
