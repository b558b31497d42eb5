//! The price of the journal over bare SQLite: frames of 256 bytes in batches of 128, both in one run on one disk.
//!
//! `cargo bench -p akao-journal` prints one line for each and their ratio; the goal is at least 0.75. The bare side is a
//! table of two columns and one index, with the same settings, statement cache and batch size. The two sides take turns
//! in short rounds, so that a busy machine slows both; the best and the median round count.

use akao_contract::{Digest, ExecutionId, ExecutionStatus, Tenant};
use akao_journal::{Batch, ExecutionRow, Journal, OpenOptions, Write};
use rusqlite::Connection;
use std::{error::Error, path::Path, time::Instant};

const BATCH: usize = 128;
const BODY_BYTES: usize = 256;
const EXECUTIONS: u64 = 128;
const OPEN_EXECUTIONS: u64 = 100_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let (rounds, batches) = if quick { (3, 20) } else { (15, 150) };
    let folder = tempfile::tempdir_in(std::env::var_os("AKAO_BENCH_DIR").unwrap_or_else(|| "target".into()))
        .or_else(|_| tempfile::tempdir())?;
    let mut journal = JournalSide::open(folder.path())?;
    let bare = bare(folder.path())?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut next = 0;
    for _ in 0..rounds {
        let started = Instant::now();
        for _ in 0..batches {
            bare_batch(&bare, next)?;
            next += BATCH as i64;
        }
        theirs.push(rate(batches, started));
        ours.push(journal.round(batches)?);
    }
    report("bare SQLite", &mut theirs);
    report("journal", &mut ours);
    println!("ratio: median {:.2}, best {:.2}", median(&ours) / median(&theirs), best(&ours) / best(&theirs));
    journal.reads(if quick { OPEN_EXECUTIONS / 10 } else { OPEN_EXECUTIONS })
}

fn rate(batches: usize, started: Instant) -> f64 {
    (batches * BATCH) as f64 / started.elapsed().as_secs_f64()
}

fn median(rates: &[f64]) -> f64 {
    rates[rates.len() / 2]
}

fn best(rates: &[f64]) -> f64 {
    rates[rates.len() - 1]
}

fn report(name: &str, rates: &mut [f64]) {
    rates.sort_by(f64::total_cmp);
    println!("{name}: median {:.0} frames/s, best {:.0} frames/s", median(rates), best(rates));
}

struct JournalSide {
    journal: Journal,
    executions: Vec<ExecutionId>,
    next_seq: u64,
}

fn execution(n: u64) -> ExecutionRow {
    ExecutionRow {
        id: ExecutionId::from_parts(1_760_000_000_000 + n, 1 << 70 | u128::from(n)),
        tenant: Tenant::local(),
        workflow: "nightly".to_owned(),
        version: "1".to_owned(),
        definition: Digest::of(b"{}"),
        semantics: 1,
        status: ExecutionStatus::Running,
        parent: None,
        forked_from: None,
        queue_key: None,
        started_ms: n as i64,
        updated_ms: n as i64,
        ended_ms: None,
        next_timer_ms: None,
        last_seq: 0,
        waiting: None,
        attributes: b"{}".to_vec(),
        summary: None,
    }
}

impl JournalSide {
    fn open(folder: &Path) -> Result<Self> {
        let options = OpenOptions { created_by: "bench".to_owned(), now_ms: 0 };
        let mut journal = Journal::open(folder, &options)?;
        let digest = Digest::of(b"{}");
        let mut writes = vec![Write::PutDefinition { tenant: Tenant::local(), digest, body: b"{}".as_slice().into() }];
        let rows: Vec<_> = (0..EXECUTIONS).map(execution).collect();
        let executions = rows.iter().map(|row| row.id).collect();
        writes.extend(rows.into_iter().map(|row| Write::InsertExecution(Box::new(row))));
        journal.commit(&Batch { writes })?;
        Ok(Self { journal, executions, next_seq: 1 })
    }

    /// One frame of each execution per batch; the batches are made outside the clock, as the engine's actors do.
    fn round(&mut self, batches: usize) -> Result<f64> {
        let made: Vec<Batch> = (0..batches)
            .map(|_| {
                let first_seq = self.next_seq;
                self.next_seq += 1;
                let frame = |id: &ExecutionId| Write::AppendFrame {
                    execution: *id,
                    first_seq,
                    count: 1,
                    at_ms: 1_760_000_000_000,
                    body: vec![b'x'; BODY_BYTES],
                };
                Batch { writes: self.executions.iter().map(frame).collect() }
            })
            .collect();
        let started = Instant::now();
        for batch in &made {
            self.journal.commit(batch)?;
        }
        Ok(rate(batches, started))
    }

    /// Start-up with very many open executions, and reading one execution's frames.
    fn reads(&mut self, open: u64) -> Result<()> {
        let rows: Vec<_> = (EXECUTIONS..open).map(execution).collect();
        for rows in rows.chunks(1000) {
            let writes = rows.iter().map(|row| Write::InsertExecution(Box::new(row.clone()))).collect();
            self.journal.commit(&Batch { writes })?;
        }
        self.journal.idle()?;
        let reader = self.journal.reader()?;
        let started = Instant::now();
        let mut found = 0;
        reader.open_executions(|row| found += u64::from(row.is_ok()))?;
        println!("{found} open executions in {:.0} ms", started.elapsed().as_secs_f64() * 1000.0);
        let started = Instant::now();
        let frames = reader.frames(self.executions[7], 0)?.len();
        println!("{frames} frames of one execution in {:.2} ms", started.elapsed().as_secs_f64() * 1000.0);
        Ok(())
    }
}

fn bare(folder: &Path) -> Result<Connection> {
    let connection = Connection::open(folder.join("bare.db"))?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 4000, |_| Ok(()))?;
    connection
        .execute_batch("CREATE TABLE t (execution INTEGER, body BLOB); CREATE INDEX t_execution ON t (execution)")?;
    Ok(connection)
}

fn bare_batch(connection: &Connection, first: i64) -> Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut insert = connection.prepare_cached("INSERT INTO t VALUES (?1, ?2)")?;
    let body = [b'x'; BODY_BYTES];
    for n in first..first + BATCH as i64 {
        insert.execute((n % EXECUTIONS as i64, &body[..]))?;
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}
