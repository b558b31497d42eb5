//! Floors: what the disk, SQLite and the kernel give to a program that does nothing else.

use rusqlite::Connection;
use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    time::{Duration, Instant},
};

/// Bytes of a record, near those of a step's event with its index entry.
pub(crate) const RECORD_BYTES: usize = 256;

fn table(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("floor.db")).expect("a database");
    let pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;
        CREATE TABLE IF NOT EXISTS record(lsn INTEGER PRIMARY KEY, run INTEGER, seq INTEGER, body BLOB);
        CREATE UNIQUE INDEX IF NOT EXISTS record_run ON record(run, seq);";
    connection.execute_batch(pragmas).expect("pragmas");
    connection
}

/// A bare SQLite group-commit queue: `submitters` threads, each waiting for its own record, one writer that commits what it
/// finds. Records per second.
pub(crate) fn sqlite_queue(folder: &Path, submitters: usize, time: Duration) -> f64 {
    let connection = table(folder);
    let (sender, receiver): (Sender<(i64, Sender<()>)>, Receiver<(i64, Sender<()>)>) = channel();
    let end = Instant::now() + time;
    let threads: Vec<_> = (0..submitters as i64)
        .map(|run| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let (done, ready) = channel();
                while Instant::now() < end {
                    if sender.send((run, done.clone())).is_err() || ready.recv().is_err() {
                        return;
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let started = Instant::now();
    let count = write_queue(&connection, &receiver);
    let rate = count as f64 / started.elapsed().as_secs_f64();
    threads.into_iter().for_each(|thread| thread.join().expect("a submitter ends"));
    rate
}

fn write_queue(connection: &Connection, receiver: &Receiver<(i64, Sender<()>)>) -> u64 {
    let body = vec![7u8; RECORD_BYTES];
    let mut seq: i64 =
        connection.query_row("SELECT coalesce(max(seq), 0) FROM record", [], |row| row.get(0)).expect("a number");
    let mut count = 0;
    let mut waiting = Vec::new();
    while let Ok(first) = receiver.recv() {
        waiting.push(first);
        waiting.extend(receiver.try_iter().take(1_023));
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        {
            let mut insert = connection
                .prepare_cached("INSERT INTO record(run, seq, body) VALUES (?1, ?2, ?3)")
                .expect("a statement");
            for (run, _) in &waiting {
                seq += 1;
                insert.execute((run, seq, &body)).expect("a row");
            }
        }
        connection.execute_batch("COMMIT").expect("a commit");
        count += waiting.len() as u64;
        for (_, done) in waiting.drain(..) {
            // A submitter whose time is over has gone.
            let _ = done.send(());
        }
    }
    count
}

/// Append of one record and fdatasync, one at a time: mean microseconds, as a chain of steps can only be timed as a whole.
pub(crate) fn append_and_sync(folder: &Path, count: usize) -> f64 {
    let mut file = File::create(folder.join("floor.log")).expect("a file");
    let body = vec![7u8; RECORD_BYTES];
    let started = Instant::now();
    for _ in 0..count {
        file.write_all(&body).expect("a write");
        file.sync_data().expect("a sync");
    }
    started.elapsed().as_secs_f64() * 1e6 / count as f64
}

/// The middle of some numbers.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
