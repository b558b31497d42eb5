//! The whole file: every checksum, SQLite's own structure, and how much space it takes.

use super::{CHECKSUM, Place, Reader};
use crate::{Damage, ReadError, row::status_from_code, seal::Seal, wal};
use akao_contract::{Digest, ExecutionId, ExecutionStatus};
use std::{collections::BTreeMap, fs, ops::ControlFlow, path::PathBuf};

/// What [`Reader::verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Executions that were read with all their rows.
    pub executions: u64,
    /// Frames that were read and are whole.
    pub frames: u64,
    /// Everything that is not as it was written; empty when the file is sound.
    pub damages: Vec<Damage>,
}

/// The space the journal takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskUse {
    /// Bytes of the main file.
    pub journal_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Bytes within the main file that are free and will be used again.
    pub free_bytes: u64,
    /// Executions by state; states without executions are left out.
    pub executions: Vec<(ExecutionStatus, u64)>,
}

/// Complaints of SQLite's own check that are reported; there may be very many.
const COMPLAINTS_MAX: u32 = 100;

impl Reader {
    /// Space and counts, for `akao doctor`.
    pub fn disk_use(&self) -> Result<DiskUse, ReadError> {
        let place = Place::table("execution");
        let failed = |error: rusqlite::Error| self.error(&error, place);
        let pragma = |name| self.connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0)).map_err(failed);
        let free_bytes = u64::from(pragma("freelist_count")?) * u64::from(pragma("page_size")?);
        let mut select = self.statement("SELECT status, count(*) FROM execution GROUP BY status", place)?;
        let counts = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let counts: Vec<(i64, i64)> = counts.and_then(Iterator::collect).map_err(failed)?;
        let executions = counts
            .into_iter()
            .map(|(code, count)| {
                let status = status_from_code(code);
                let status = status.ok_or_else(|| self.damaged(place, format!("{code} is no status")))?;
                Ok((status, self.unsigned(count, place)?))
            })
            .collect::<Result<_, ReadError>>()?;
        let bytes = |path: PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (journal_bytes, wal_bytes) = (bytes(self.file.clone()), bytes(wal::path(&self.file)));
        Ok(DiskUse { journal_bytes, wal_bytes, free_bytes, executions })
    }

    /// Reads everything there is and reports each damage. Only a file that cannot be read at all is an error.
    pub fn verify(&self) -> Result<VerifyReport, ReadError> {
        let mut report = VerifyReport::default();
        note(self.verify_structure(&mut report), &mut report)?;
        note(self.tenants().map(drop), &mut report)?;
        note(self.verify_definitions(&mut report), &mut report)?;
        let mut keys = Vec::new();
        let listed = self.rows("SELECT key FROM execution NOT INDEXED ORDER BY key", "execution", |row| {
            keys.push(row.get(0)?);
            Ok(())
        });
        note(listed, &mut report)?;
        for key in keys {
            self.verify_execution(key, &mut report)?;
        }
        note(self.verify_owners(&mut report), &mut report)?;
        Ok(report)
    }

    /// SQLite's check of pages, records and indexes.
    fn verify_structure(&self, report: &mut VerifyReport) -> Result<(), ReadError> {
        let mut complaints = Vec::new();
        let sql = format!("PRAGMA integrity_check({COMPLAINTS_MAX})");
        let checked = self.rows(&sql, "sqlite_schema", |row| {
            complaints.push(row.get::<_, String>(0)?);
            Ok(())
        });
        for what in complaints.into_iter().filter(|what| what != "ok") {
            report.damages.push(Damage { file: self.file.clone(), table: None, row: None, execution: None, what });
        }
        checked
    }

    fn verify_definitions(&self, report: &mut VerifyReport) -> Result<(), ReadError> {
        let mut named = Vec::new();
        let listed = self.rows("SELECT key, tenant, digest FROM definition NOT INDEXED", "definition", |row| {
            named.push((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, [u8; 32]>(2)?));
            Ok(())
        });
        for (key, tenant, digest) in named {
            let read = self.tenant(tenant).and_then(|tenant| self.definition(&tenant, Digest::from_bytes(digest)));
            let missing = || Place { row: Some(key), ..Place::table("definition") };
            let found = read.and_then(|found| {
                found.ok_or_else(|| self.damaged(missing(), "it cannot be found by its digest".to_owned()))
            });
            note(found.map(drop), report)?;
        }
        listed
    }

    fn verify_execution(&self, key: i64, report: &mut VerifyReport) -> Result<(), ReadError> {
        let place = Place { row: Some(key), ..Place::table("execution") };
        let Some(id) = self.id_of_key(key) else {
            report.damages.extend(damage(self.damaged(place, "its id cannot be read".to_owned())));
            return Ok(());
        };
        let known = report.damages.len();
        let place = Place { execution: Some(id), ..place };
        let found = self.execution(id).and_then(|found| {
            let row = found.ok_or_else(|| self.damaged(place, "it cannot be found by its id".to_owned()))?;
            let definition = self.definition(&row.tenant, row.definition)?;
            definition.ok_or_else(|| self.damaged(place, format!("definition {} is missing", row.definition)))
        });
        note(found.map(drop), report)?;
        let mut frames = 0;
        let read = self.each_frame(id, 0, |_| {
            frames += 1;
            ControlFlow::Continue(())
        });
        report.frames += frames;
        note(read, report)?;
        note(self.snapshot(id).map(drop), report)?;
        note(self.operations(id).map(drop), report)?;
        note(self.verify_small_rows(key, id), report)?;
        report.executions += u64::from(report.damages.len() == known);
        Ok(())
    }

    /// Signals, start keys and tasks of an execution.
    fn verify_small_rows(&self, key: i64, id: ExecutionId) -> Result<(), ReadError> {
        let place = Place::of("signal_seen", key, id);
        let mut sound = true;
        let sql = format!("SELECT tenant, signal_id, crc FROM signal_seen WHERE execution = {key}");
        self.rows(&sql, "signal_seen", |row| {
            let (tenant, signal, crc): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            sound &= Seal::new("signal_seen").execution(id).integer(tenant).bytes(signal.as_bytes()).sum() == crc;
            Ok(())
        })?;
        if !sound {
            return Err(self.damaged(place, CHECKSUM.to_owned()));
        }
        let mut keys: Vec<(i64, String)> = Vec::new();
        self.rows(&format!("SELECT tenant, key FROM start_key WHERE execution = {key}"), "start_key", |row| {
            keys.push((row.get(0)?, row.get(1)?));
            Ok(())
        })?;
        for (tenant, name) in keys {
            self.start_key(&self.tenant(tenant)?, &name)?;
        }
        let filter = crate::TaskFilter { execution: Some(id), ..Default::default() };
        self.tasks(&filter, u32::MAX).map(drop)
    }

    /// Rows whose execution is not there are nobody's.
    fn verify_owners(&self, report: &mut VerifyReport) -> Result<(), ReadError> {
        for table in ["frame", "snapshot", "operation", "start_key", "signal_seen", "task"] {
            let sql = format!(
                "SELECT execution, count(*) FROM {table} NOT INDEXED
                 WHERE execution NOT IN (SELECT key FROM execution) GROUP BY execution"
            );
            let mut orphans: BTreeMap<i64, i64> = BTreeMap::new();
            let read = self.rows(&sql, table, |row| {
                orphans.insert(row.get(0)?, row.get(1)?);
                Ok(())
            });
            for (key, count) in orphans {
                let what = format!("{count} rows belong to the missing execution {key}");
                report.damages.extend(damage(self.damaged(Place::table(table), what)));
            }
            note(read, report)?;
        }
        Ok(())
    }

    /// Runs a query once and hands over its rows.
    fn rows(
        &self,
        sql: &str,
        table: &'static str,
        mut visit: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), ReadError> {
        let mut run = || -> rusqlite::Result<()> {
            let mut select = self.connection.prepare(sql)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                visit(row)?;
            }
            Ok(())
        };
        run().map_err(|error| self.error(&error, Place::table(table)))
    }
}

/// Damage goes into the report; anything else ends the walk.
fn note(result: Result<(), ReadError>, report: &mut VerifyReport) -> Result<(), ReadError> {
    match result {
        Err(ReadError::Damaged(damage)) => {
            report.damages.push(damage);
            Ok(())
        }
        other => other,
    }
}

fn damage(error: ReadError) -> Option<Damage> {
    if let ReadError::Damaged(damage) = error { Some(damage) } else { None }
}
