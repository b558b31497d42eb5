//! Flipped bits: found by checksum, blamed on one execution, never a panic, never a silently different body.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use akao_contract::{Digest, OpId};
use akao_journal::{
    CommitError, ExecutionChange, ExecutionFilter, Journal, OpenError, OperationState, ReadError, Reader, TaskFilter,
    Write, header_damage,
};
use rusqlite::types::Value;
use std::{fs, path::Path};
use support::{DEFINITION, batch, definition, frame, id, insert, open, options, task, tenant};

const EXECUTIONS: u64 = 8;
const FRAMES: u64 = 6;

fn body(n: u64, seq: u64) -> Vec<u8> {
    format!("{{\"execution\":{n},\"event\":{seq},\"pad\":\"{seq:>100}\"}}").into_bytes()
}

/// A journal with a few executions, all in the main file.
fn sample(folder: &Path) {
    let mut journal = open(folder);
    let acme = tenant("acme");
    let mut writes = vec![definition(&acme)];
    for n in 1..=EXECUTIONS {
        writes.push(insert(n, &acme));
        writes.extend((1..=FRAMES).map(|seq| frame(n, seq, 1, body(n, seq))));
        writes.push(Write::PutSnapshot {
            execution: id(n),
            seq: 3,
            body: format!("snapshot of {n}").repeat(20).into(),
        });
        writes.push(Write::PutTask(Box::new(task(n, 1, &acme))));
        writes.push(Write::PutSignalSeen { execution: id(n), signal_id: format!("signal {n}") });
        writes.push(Write::PutStartKey {
            tenant: acme.clone(),
            key: format!("key {n}"),
            request_hash: [7; 32],
            execution: id(n),
        });
        writes.push(Write::PutOperation {
            execution: id(n),
            op: OpId(2),
            state: OperationState::RetryAt,
            attempt: 3,
            not_before_ms: Some(support::NOW_MS),
            body: b"retry".to_vec(),
        });
        let change = ExecutionChange { summary: Some(Some(b"{}".to_vec())), ..ExecutionChange::default() };
        writes.push(Write::UpdateExecution { execution: id(n), change });
    }
    journal.commit(&batch(writes)).unwrap();
    journal.idle().unwrap();
}

/// Where the file holds `content` in a row; a page that was split keeps an old copy in unused space, where a flipped bit
/// means nothing, so that the place is the one of which `noticed` says that a flip matters.
fn live_position(file: &Path, original: &[u8], content: &[u8], noticed: impl Fn() -> bool) -> usize {
    let places = original.windows(content.len()).enumerate().filter(|(_, window)| *window == content);
    let live = places.map(|(at, _)| at).filter(|at| {
        flip(file, original, *at, 0);
        noticed()
    });
    let live: Vec<usize> = live.collect();
    assert_eq!(live.len(), 1, "the content is in use at one place");
    live[0]
}

fn flip(file: &Path, original: &[u8], byte: usize, bit: u8) {
    let mut bytes = original.to_vec();
    bytes[byte] ^= 1 << bit;
    fs::write(file, bytes).unwrap();
}

#[test]
fn every_flipped_bit_of_a_frame_is_found_and_hits_only_its_execution() {
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    let file = folder.path().join("journal.db");
    let original = fs::read(&file).unwrap();
    let damaged = || Reader::open(folder.path()).unwrap().frames(id(3), 0).is_err();
    let (start, length) = (live_position(&file, &original, &body(3, 4), damaged), body(3, 4).len());
    for byte in start..start + length {
        flip(&file, &original, byte, (byte % 8) as u8);
        let reader = Reader::open(folder.path()).unwrap();
        match reader.frames(id(3), 0) {
            Err(ReadError::Damaged(damage)) => {
                assert_eq!((damage.table, damage.execution), (Some("frame"), Some(id(3))));
                assert_eq!(damage.row, Some(((3 - 1) * FRAMES + 4) as i64));
                assert!(damage.to_string().contains("journal.db is damaged, table frame, row 16"), "{damage}");
            }
            other => panic!("byte {byte}: {other:?}"),
        }
        assert_eq!(reader.frames(id(3), 5).unwrap().len(), 2, "the tail behind a snapshot is still good");
        for n in (1..=EXECUTIONS).filter(|n| *n != 3) {
            assert_eq!(reader.frames(id(n), 0).unwrap().len() as u64, FRAMES, "byte {byte}, execution {n}");
        }
    }
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert_eq!((report.executions, report.damages.len()), (EXECUTIONS - 1, 1), "{report:?}");
}

#[test]
fn other_rows_are_checked_too() {
    type Read = fn(&Reader) -> Result<(), ReadError>;
    let cases: [(&str, Vec<u8>, Read); 5] = [
        ("snapshot", b"snapshot of 3snapshot".to_vec(), |reader| reader.snapshot(id(3)).map(drop)),
        ("definition", DEFINITION.to_vec(), |reader| {
            reader.definition(&tenant("acme"), Digest::of(DEFINITION)).map(drop)
        }),
        ("tenant", b"acme".to_vec(), |reader| reader.execution(id(3)).map(drop)),
        ("task", b"Approve".to_vec(), |reader| reader.tasks(&TaskFilter::default(), 100).map(drop)),
        ("execution", b"nightly1".to_vec(), |reader| {
            let mut damages = 0;
            reader.open_executions(|row| damages += u64::from(row.is_err()))?;
            assert_eq!(damages, 1, "the other rows are still visited");
            reader.list(&ExecutionFilter::default(), None, 100).map(drop)
        }),
    ];
    for (table, content, read) in cases {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let file = folder.path().join("journal.db");
        let original = fs::read(&file).unwrap();
        let at = original.windows(content.len()).position(|window| window == content).expect(table);
        flip(&file, &original, at + 2, 0);
        let error = read(&Reader::open(folder.path()).unwrap()).expect_err(table);
        assert!(matches!(&error, ReadError::Damaged(damage) if damage.table == Some(table)), "{table}: {error}");
        assert!(!Reader::open(folder.path()).unwrap().verify().unwrap().damages.is_empty(), "{table}");
    }
}

/// The value with one bit changed, or something where nothing was; its type stays.
fn changed(value: Value, declared: &str) -> Value {
    match (value, declared) {
        (Value::Integer(number), _) => Value::Integer(number ^ 1),
        (Value::Text(text), _) => Value::Text(text + "x"),
        (Value::Blob(mut bytes), _) if !bytes.is_empty() => {
            bytes[0] ^= 1;
            Value::Blob(bytes)
        }
        (Value::Blob(_), _) => Value::Blob(vec![1]),
        (_, "INTEGER") => Value::Integer(1),
        (_, "TEXT") => Value::Text("x".into()),
        (_, _) => Value::Blob(vec![1]),
    }
}

/// Column by column, so that a value that is left out of its row's checksum is seen.
#[test]
fn every_stored_value_is_under_a_checksum() {
    let sound = tempfile::tempdir().unwrap();
    sample(sound.path());
    let tables = [
        ("tenant", "true"),
        ("definition", "true"),
        ("execution", "key = 3"),
        ("frame", "execution = 3 AND first_seq = 4"),
        ("snapshot", "execution = 3"),
        ("operation", "execution = 3"),
        ("start_key", "execution = 3"),
        ("signal_seen", "execution = 3"),
        ("task", "execution = 3"),
    ];
    let (mut tried, mut missed) = (0, Vec::new());
    for (table, which) in tables {
        let list = rusqlite::Connection::open(sound.path().join("journal.db")).unwrap();
        let mut columns = list.prepare("SELECT name, type FROM pragma_table_info(?1)").unwrap();
        let columns = columns.query_map([table], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let columns: Vec<(String, String)> = columns.map(Result::unwrap).collect();
        for (column, declared) in columns {
            // A frame's place in the file's order and a definition's number are nobody's content.
            if [("frame", "lsn"), ("definition", "key")].contains(&(table, column.as_str())) {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            fs::copy(sound.path().join("journal.db"), folder.path().join("journal.db")).unwrap();
            let other = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
            other.pragma_update(None, "synchronous", "OFF").unwrap();
            let value = other.query_row(&format!("SELECT {column} FROM {table} WHERE {which}"), [], |row| row.get(0));
            // A neighbour may have the changed key; two rows that change places are damage as well.
            let set = format!("UPDATE OR REPLACE {table} SET {column} = ?1 WHERE {which}");
            assert_eq!(other.execute(&set, [changed(value.unwrap(), &declared)]).unwrap(), 1, "{table}.{column}");
            drop(other);
            let report = Reader::open(folder.path()).unwrap().verify().unwrap();
            if report.damages.is_empty() {
                missed.push(format!("{table}.{column}"));
            }
            tried += 1;
        }
    }
    assert!(missed.is_empty(), "changes that are not found: {missed:?}");
    assert!(tried > 80, "{tried} columns were tried");
}

/// A damaged row must not become sound by the next change that is written to it.
#[test]
fn a_change_does_not_heal_a_damaged_row() {
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    let file = folder.path().join("journal.db");
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute("UPDATE execution SET last_seq = 2 WHERE key = 3", []).unwrap();
    drop(other);
    let mut journal = open(folder.path());
    let change = ExecutionChange { waiting: Some(Some("signal".to_owned())), ..Default::default() };
    journal.commit(&batch([Write::UpdateExecution { execution: id(3), change }])).unwrap();
    assert!(
        matches!(journal.read().execution(id(3)), Err(ReadError::Damaged(damage)) if damage.execution == Some(id(3)))
    );
}

#[test]
fn missing_frames_are_noticed() {
    for (sql, from, what) in [
        ("DELETE FROM frame WHERE execution = 3 AND first_seq = 1", 0, "events before 2 are missing"),
        ("DELETE FROM frame WHERE execution = 3 AND first_seq = 4", 0, "events before 5 are missing"),
        ("DELETE FROM frame WHERE execution = 3 AND first_seq = 6", 4, "the events end at 5, the execution at 6"),
        ("DELETE FROM frame WHERE execution = 3", 0, "the events end at -1, the execution at 6"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        sample(folder.path());
        let other = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
        other.execute(sql, []).unwrap();
        let reader = Reader::open(folder.path()).unwrap();
        let error = reader.frames(id(3), from).expect_err(sql).to_string();
        assert!(error.ends_with(what), "{sql}: {error}");
        assert_eq!(reader.frames(id(2), 0).unwrap().len() as u64, FRAMES);
    }
}

/// A small generator with a printed seed: the same seed flips the same bits.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Reads everything; what comes back without an error must be what was written.
fn read_all(reader: &Reader, seed: u64) -> u64 {
    let mut damages = 0;
    let acme = tenant("acme");
    for n in 1..=EXECUTIONS {
        match reader.frames(id(n), 0) {
            Ok(frames) if frames.is_empty() => damages += u64::from(reader.execution(id(n)) != Ok(None)),
            Ok(frames) => {
                let bodies: Vec<_> = frames.into_iter().map(|frame| frame.body).collect();
                assert_eq!(bodies, (1..=FRAMES).map(|seq| body(n, seq)).collect::<Vec<_>>(), "seed {seed}");
            }
            Err(_) => damages += 1,
        }
        match reader.execution(id(n)) {
            Ok(Some(row)) => assert_eq!((row.tenant, row.last_seq), (acme.clone(), FRAMES), "seed {seed}"),
            Ok(None) | Err(_) => damages += 1,
        }
        if let Ok(Some(snapshot)) = reader.snapshot(id(n)) {
            assert_eq!(snapshot.body, format!("snapshot of {n}").repeat(20).into_bytes(), "seed {seed}");
        }
        if let Ok(Some(found)) = reader.task(id(n), OpId(1)) {
            assert_eq!(found, task(n, 1, &acme), "seed {seed}");
        }
        let _ = (reader.operations(id(n)), reader.signal_seen(id(n), "signal"));
    }
    if let Ok(Some(found)) = reader.definition(&acme, Digest::of(DEFINITION)) {
        assert_eq!(found, DEFINITION, "seed {seed}");
    }
    let _ = (reader.tasks(&TaskFilter::default(), 9), reader.start_key(&acme, "k"), reader.disk_use());
    let _ = (reader.list(&ExecutionFilter::default(), None, 9), reader.open_executions(|_| {}));
    damages
}

#[test]
fn random_damage_never_panics_and_never_passes_as_another_body() {
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    let file = folder.path().join("journal.db");
    let original = fs::read(&file).unwrap();
    let (mut noticed, rounds) = (0, 200);
    for seed in 1..=rounds {
        let mut random = Random(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15));
        let mut bytes = original.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(&file, &bytes).unwrap();
        let damages = match Reader::open(folder.path()) {
            Ok(reader) => read_all(&reader, seed) + u64::from(reader.verify().map_or(true, |r| !r.damages.is_empty())),
            Err(_) => 1,
        };
        noticed += u64::from(damages > 0);
        if let Ok(mut journal) = Journal::open(folder.path(), &options()) {
            let _ = journal.commit(&batch([frame(3, FRAMES + 1, 1, "more")]));
            let _ = journal.prune(i64::MAX);
        }
        let _ = fs::remove_file(folder.path().join("journal.db-wal"));
        let _ = fs::remove_file(folder.path().join("journal.db-shm"));
    }
    // Most of a page of a small file is unused, where a flip means nothing.
    assert!(noticed > rounds / 20, "{noticed} of {rounds} were noticed");
}

/// Copies the data directory as a crash leaves it: main file and log, without the index of the log.
fn crashed_copy(from: &Path, to: &Path) {
    for name in ["journal.db", "journal.db-wal"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn a_flipped_bit_in_the_log_does_not_hide_acknowledged_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    journal.commit(&batch([definition(&acme), insert(1, &acme)])).unwrap();
    for seq in 1..=20 {
        journal.commit(&batch([frame(1, seq, 1, body(1, seq))])).unwrap();
    }
    let log = fs::read(folder.path().join("journal.db-wal")).unwrap();
    const FRAME: usize = 24 + 4096;
    let frames = (log.len() - 32) / FRAME;
    let cases: [(&str, usize, bool); 7] = [
        ("header", 13, true),
        ("salt of the first frame", 32 + 9, true),
        ("page of the first frame", 32 + 24 + 100, true),
        ("size of the database after a commit", 32 + FRAME * (frames / 2) + 6, true),
        ("page in the middle", 32 + FRAME * (frames / 2) + 3000, true),
        ("checksum in the middle", 32 + FRAME * (frames / 2) + 20, true),
        ("page of the last frame, as a torn write", 32 + FRAME * (frames - 1) + 3000, false),
    ];
    for (name, at, refused) in cases {
        let copy = tempfile::tempdir().unwrap();
        crashed_copy(folder.path(), copy.path());
        flip(&copy.path().join("journal.db-wal"), &log, at, 3);
        match (Journal::open(copy.path(), &options()), refused) {
            (Err(OpenError::Damaged(damage)), true) => {
                assert!(damage.file.ends_with("journal.db-wal"), "{name}: {damage}");
                assert_ne!(fs::read(copy.path().join("journal.db-wal")).unwrap(), b"", "{name}: nothing is changed");
            }
            (Ok(journal), false) => assert_eq!(journal.read().frames(id(1), 0).unwrap().len(), 19, "{name}"),
            (Ok(_), true) => panic!("{name}: opened in spite of lost commits"),
            (Err(error), _) => panic!("{name}: {error}"),
        }
    }
    for cut in [32 + FRAME * 3, log.len() - 1, log.len() - FRAME - 7, 31, 0] {
        let copy = tempfile::tempdir().unwrap();
        crashed_copy(folder.path(), copy.path());
        fs::write(copy.path().join("journal.db-wal"), &log[..cut]).unwrap();
        assert!(Journal::open(copy.path(), &options()).is_ok(), "a log that ends at {cut} is a torn one");
    }
}

/// SQLite would open such a file for reading only and blame the disk.
#[test]
fn a_flipped_bit_in_the_versions_of_the_header_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    let file = folder.path().join("journal.db");
    let original = fs::read(&file).unwrap();
    for (byte, bit) in (18..20).flat_map(|byte| (1..8).map(move |bit| (byte, bit))) {
        flip(&file, &original, byte, bit);
        match Journal::open(folder.path(), &options()) {
            Err(OpenError::Damaged(damage)) => {
                assert!(damage.what.starts_with("the header has the impossible versions "), "{damage}");
            }
            Err(error) => panic!("byte {byte}, bit {bit}: {error}"),
            Ok(_) => panic!("byte {byte}, bit {bit}: opened"),
        }
        assert!(header_damage(folder.path()).is_some(), "byte {byte}, bit {bit}");
    }
}

/// Damage in the last commit looks like a torn write. Damage in the header does not, also where only one commit follows.
#[test]
fn a_flipped_bit_in_the_header_of_the_log_does_not_hide_its_only_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let acme = tenant("acme");
    journal.commit(&batch([definition(&acme), insert(1, &acme)])).unwrap();
    journal.idle().unwrap();
    journal.commit(&batch([frame(1, 1, 1, body(1, 1))])).unwrap();
    let log = fs::read(folder.path().join("journal.db-wal")).unwrap();
    for at in [1, 13, 17, 25] {
        let copy = tempfile::tempdir().unwrap();
        crashed_copy(folder.path(), copy.path());
        flip(&copy.path().join("journal.db-wal"), &log, at, 3);
        match Journal::open(copy.path(), &options()) {
            Err(OpenError::Damaged(damage)) => assert_eq!(damage.what, "the header's checksum does not match"),
            Err(error) => panic!("byte {at}: {error}"),
            Ok(_) => panic!("byte {at}: opened in spite of a lost commit"),
        }
    }
}

#[test]
fn a_structurally_damaged_page_is_named_as_damage_by_the_writer_too() {
    let folder = tempfile::tempdir().unwrap();
    sample(folder.path());
    let file = folder.path().join("journal.db");
    let other = rusqlite::Connection::open(&file).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'frame_by_execution'";
    let page: u32 = other.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(other);
    let mut bytes = fs::read(&file).unwrap();
    bytes[(page as usize - 1) * 4096] = 0xff;
    fs::write(&file, bytes).unwrap();
    let mut journal = open(folder.path());
    let error = journal.commit(&batch([frame(3, FRAMES + 1, 1, "more")])).unwrap_err();
    assert!(matches!(&error, CommitError::Damaged(damage) if damage.file == file), "{error}");
    assert_eq!(journal.commit(&batch([])), Err(error));
    assert!(matches!(journal.read().frames(id(3), 0), Err(ReadError::Damaged(_))));
}
