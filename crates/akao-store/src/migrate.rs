//! The schema and its changes. A change that was released is never edited; a new one is added at the end of the list.
//!
//! Each change and its number are one transaction, so that a process that is killed in between leaves the old schema.

use crate::{StoreError, sqlite::database};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// `AKAP` in the header's application id, so that a database of something else is not mistaken for platform data.
const APPLICATION_ID: i64 = 0x414B_4150;

/// Every change, in order; the number of the schema is how many were made.
const CHANGES: &[&str] = &["
CREATE TABLE tenant (
  name TEXT PRIMARY KEY, title TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE account (
  id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password TEXT,
  operator INTEGER NOT NULL, disabled INTEGER NOT NULL, created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE member (
  tenant TEXT NOT NULL REFERENCES tenant (name), account TEXT NOT NULL REFERENCES account (id),
  role TEXT NOT NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (tenant, account)) STRICT;
CREATE INDEX member_by_account ON member (account);

CREATE TABLE session (
  hash TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account (id), tenant TEXT NOT NULL REFERENCES tenant (name),
  created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;
CREATE INDEX session_by_account ON session (account);
CREATE INDEX session_by_end ON session (expires_ms);

CREATE TABLE token (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, account TEXT NOT NULL REFERENCES account (id),
  name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, permissions TEXT NOT NULL, created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL, revoked_ms INTEGER, PRIMARY KEY (tenant, id)) STRICT;

CREATE TABLE setup (
  one INTEGER PRIMARY KEY CHECK (one = 1), hash TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE invitation (
  hash TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenant (name), email TEXT NOT NULL, role TEXT NOT NULL,
  invited_by TEXT NOT NULL, expires_ms INTEGER NOT NULL, UNIQUE (tenant, email)) STRICT;

CREATE TABLE workflow (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, name TEXT, latest INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, PRIMARY KEY (tenant, id)) STRICT;

CREATE TABLE workflow_version (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, number INTEGER NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
  source TEXT NOT NULL, bundle TEXT NOT NULL, created_by TEXT NOT NULL, created_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, workflow, number), UNIQUE (tenant, workflow, version),
  FOREIGN KEY (tenant, workflow) REFERENCES workflow (tenant, id)) STRICT;

CREATE TABLE audit (
  tenant TEXT NOT NULL REFERENCES tenant (name), seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (tenant, seq)) STRICT;
"];

/// Brings the file to the newest schema.
pub(crate) fn migrate(connection: &mut Connection, file: &Path) -> Result<(), StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(database);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(database)?;
    let (application, found) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID && (tables > 0 || application != 0) {
        return Err(StoreError::Foreign(file.to_owned()));
    }
    let known = i64::try_from(CHANGES.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer { file: file.to_owned(), found, known });
    }
    for (change, number) in CHANGES.iter().zip(1..).skip_while(|(_, number)| *number <= found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        transaction.execute_batch(change).map_err(database)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(database)?;
        transaction.pragma_update(None, "user_version", number).map_err(database)?;
        transaction.commit().map_err(database)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PLATFORM_FILE, Store};

    #[test]
    fn a_file_of_something_else_or_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PLATFORM_FILE);
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::Foreign(_))));
        std::fs::remove_file(&file).unwrap();
        drop(Store::open(folder.path()).unwrap());
        drop(Store::open(folder.path()).unwrap());
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::Newer { found: 99, .. })));
    }
}
