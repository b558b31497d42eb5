//! The schema and its changes. A change that was released is never edited; a new one is added at the end of the list.
//!
//! Each change and its number are one transaction, so that a process that is killed in between leaves the old schema.

use crate::{
    StoreError, Work,
    entity::{
        audit_head::sign_audits,
        sealed::{seal_addresses, seal_what_was_plain},
    },
    sqlite::{View, database},
    vault::{Keyring, Vault},
};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// A change of the schema.
pub(crate) struct Change {
    /// Its statements, as SQLite takes them.
    pub(crate) sql: &'static str,
    /// What is done to the rows that are there.
    pub(crate) then: Option<fn(&Work<'_>) -> Result<(), StoreError>>,
}

/// `AKAP` in the header's application id, so that a database of something else is not mistaken for platform data.
const APPLICATION_ID: i64 = 0x414B_4150;

/// Every change, in order; the number of the schema is how many were made.
pub(crate) const CHANGES: &[Change] = &[
    Change { sql: FIRST, then: None },
    Change { sql: SEALED, then: Some(seal_what_was_plain) },
    Change { sql: IDENTITY, then: None },
    Change { sql: CUSTOM_NODES, then: None },
    Change { sql: SCHEDULES, then: None },
    Change { sql: HOOKS, then: None },
    Change { sql: FOUND_QUICKLY, then: Some(seal_addresses) },
    Change { sql: SIGNED, then: Some(sign_audits) },
    Change { sql: ENDED, then: None },
    Change { sql: SESSIONS_OF_TENANT, then: None },
];

const FIRST: &str = "
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
";

const SEALED: &str = "
CREATE TABLE data_key (
  tenant TEXT NOT NULL, number INTEGER NOT NULL, master TEXT NOT NULL, wrapped TEXT NOT NULL,
  PRIMARY KEY (tenant, number)) STRICT;

CREATE TABLE secret (
  tenant TEXT NOT NULL REFERENCES tenant (name), name TEXT NOT NULL, sealed TEXT NOT NULL, version INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, updated_by TEXT NOT NULL,
  PRIMARY KEY (tenant, name)) STRICT;

ALTER TABLE account ADD COLUMN email_hash TEXT;
CREATE UNIQUE INDEX account_by_email ON account (email_hash);
ALTER TABLE invitation ADD COLUMN email_hash TEXT;
CREATE UNIQUE INDEX invitation_by_email ON invitation (tenant, email_hash);
";

const IDENTITY: &str = "
ALTER TABLE account ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';
ALTER TABLE member ADD COLUMN managed_by TEXT;

CREATE TABLE role (
  tenant TEXT NOT NULL REFERENCES tenant (name), name TEXT NOT NULL, title TEXT NOT NULL, permissions TEXT NOT NULL,
  revision INTEGER NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)) STRICT;

CREATE TABLE team (
  tenant TEXT NOT NULL REFERENCES tenant (name), name TEXT NOT NULL, title TEXT NOT NULL, role TEXT NOT NULL,
  revision INTEGER NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)) STRICT;

CREATE TABLE team_member (
  tenant TEXT NOT NULL, team TEXT NOT NULL, account TEXT NOT NULL, PRIMARY KEY (tenant, team, account),
  FOREIGN KEY (tenant, team) REFERENCES team (tenant, name),
  FOREIGN KEY (tenant, account) REFERENCES member (tenant, account)) STRICT;
CREATE INDEX team_member_by_account ON team_member (tenant, account);

CREATE TABLE quota (
  tenant TEXT PRIMARY KEY REFERENCES tenant (name), tier TEXT NOT NULL, overrides TEXT NOT NULL,
  revision INTEGER NOT NULL, changed_ms INTEGER NOT NULL) STRICT;

CREATE TABLE identity (
  id TEXT PRIMARY KEY, issuer TEXT NOT NULL, subject TEXT NOT NULL, subject_hash TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES account (id), provider TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;
CREATE INDEX identity_by_account ON identity (account);

CREATE TABLE totp (
  account TEXT PRIMARY KEY REFERENCES account (id), seed TEXT NOT NULL, confirmed_ms INTEGER, last_step INTEGER NOT NULL,
  created_ms INTEGER NOT NULL) STRICT;

CREATE TABLE recovery_code (
  account TEXT NOT NULL REFERENCES account (id), hash TEXT NOT NULL, PRIMARY KEY (account, hash)) STRICT;

CREATE TABLE password_reset (
  hash TEXT PRIMARY KEY, account TEXT NOT NULL UNIQUE REFERENCES account (id), drops_totp INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL) STRICT;
";

const CUSTOM_NODES: &str = "
CREATE TABLE custom_node (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
  version TEXT NOT NULL, description TEXT, status TEXT NOT NULL, bundle TEXT NOT NULL, pinned TEXT NOT NULL,
  schema_text TEXT, permissions TEXT NOT NULL, scan TEXT NOT NULL, message TEXT, successor TEXT,
  created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, changed_by TEXT NOT NULL, changed_ms INTEGER NOT NULL,
  source TEXT NOT NULL, node_type TEXT NOT NULL,
  PRIMARY KEY (tenant, id), UNIQUE (tenant, name, version), UNIQUE (tenant, number)) STRICT;

CREATE TABLE custom_node_use (
  tenant TEXT NOT NULL, workflow TEXT NOT NULL, number INTEGER NOT NULL, node TEXT NOT NULL,
  PRIMARY KEY (tenant, workflow, number, node),
  FOREIGN KEY (tenant, workflow, number) REFERENCES workflow_version (tenant, workflow, number),
  FOREIGN KEY (tenant, node) REFERENCES custom_node (tenant, id)) STRICT;
CREATE INDEX custom_node_use_by_node ON custom_node_use (tenant, node);

CREATE TABLE custom_node_policy (
  tenant TEXT PRIMARY KEY REFERENCES tenant (name), approval TEXT NOT NULL) STRICT;
";

const HOOKS: &str = "
CREATE TABLE hook (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL,
  secret TEXT NOT NULL, old_secret TEXT, old_until_ms INTEGER, account TEXT NOT NULL, permissions TEXT NOT NULL,
  state TEXT NOT NULL, reason TEXT, revision INTEGER NOT NULL, created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)) STRICT;

CREATE TABLE hook_message (
  tenant TEXT NOT NULL, hook TEXT NOT NULL, message TEXT NOT NULL, stamp TEXT NOT NULL, at_ms INTEGER NOT NULL,
  execution TEXT, PRIMARY KEY (tenant, hook, message),
  FOREIGN KEY (tenant, hook) REFERENCES hook (tenant, id)) STRICT;

CREATE TABLE webhook (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL,
  secret TEXT NOT NULL, old_secret TEXT, old_until_ms INTEGER, account TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
  failing_since_ms INTEGER, since_lsn INTEGER NOT NULL, revision INTEGER NOT NULL, created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL, PRIMARY KEY (tenant, id)) STRICT;

CREATE TABLE webhook_delivery (
  tenant TEXT NOT NULL, id TEXT NOT NULL, webhook TEXT NOT NULL, event TEXT NOT NULL, subject TEXT NOT NULL,
  body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, due_ms INTEGER, status INTEGER, error TEXT,
  created_ms INTEGER NOT NULL, tried_ms INTEGER, PRIMARY KEY (tenant, id), UNIQUE (tenant, webhook, event, subject),
  FOREIGN KEY (tenant, webhook) REFERENCES webhook (tenant, id)) STRICT;
CREATE INDEX webhook_delivery_by_due ON webhook_delivery (tenant, due_ms);
CREATE INDEX webhook_delivery_by_age ON webhook_delivery (tenant, created_ms);

CREATE TABLE place (name TEXT PRIMARY KEY, place INTEGER NOT NULL) STRICT;
";

const SCHEDULES: &str = "
CREATE TABLE schedule (
  tenant TEXT NOT NULL REFERENCES tenant (name), id TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL,
  account TEXT NOT NULL, permissions TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, revision INTEGER NOT NULL,
  created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, next_ms INTEGER, due_ms INTEGER,
  PRIMARY KEY (tenant, id)) STRICT;
CREATE INDEX schedule_by_due ON schedule (tenant, due_ms);

CREATE TABLE schedule_fire (
  tenant TEXT NOT NULL, key TEXT NOT NULL, schedule TEXT NOT NULL, nominal_ms INTEGER NOT NULL, state TEXT NOT NULL,
  request TEXT NOT NULL, execution TEXT, reason TEXT, at_ms INTEGER NOT NULL, PRIMARY KEY (tenant, key),
  FOREIGN KEY (tenant, schedule) REFERENCES schedule (tenant, id)) STRICT;
CREATE INDEX schedule_fire_by_time ON schedule_fire (tenant, schedule, nominal_ms);
CREATE INDEX schedule_fire_by_state ON schedule_fire (tenant, state);
";

/// What is looked for often is found by a look at few rows, however much is remembered.
const FOUND_QUICKLY: &str = "
DROP INDEX schedule_fire_by_state;
CREATE INDEX schedule_fire_by_state ON schedule_fire (tenant, state, nominal_ms);
CREATE INDEX schedule_fire_open ON schedule_fire (tenant, schedule, state, nominal_ms)
  WHERE state IN ('planned', 'waiting');
CREATE INDEX schedule_fire_started ON schedule_fire (tenant, schedule, nominal_ms) WHERE execution IS NOT NULL;

CREATE INDEX hook_message_by_age ON hook_message (tenant, hook, at_ms);

DROP INDEX webhook_delivery_by_due;
CREATE INDEX webhook_delivery_by_due ON webhook_delivery (tenant, webhook, due_ms, id) WHERE due_ms IS NOT NULL;
ALTER TABLE webhook ADD COLUMN since_ms INTEGER;
";

/// Where each audit ends, as the tenant's own key says.
const SIGNED: &str = "
CREATE TABLE audit_head (
  tenant TEXT NOT NULL PRIMARY KEY REFERENCES tenant (name), key TEXT NOT NULL, head TEXT NOT NULL,
  signature TEXT NOT NULL) STRICT;
";

/// That a tenant is being deleted: since when, and who has decided it. Accounts that go with it are found in tokens.
const ENDED: &str = "
ALTER TABLE tenant ADD COLUMN ending_ms INTEGER;
ALTER TABLE tenant ADD COLUMN ending_by TEXT;
CREATE INDEX token_by_account ON token (account);
";

/// A tenant that is deleted takes its sessions with it, and whether one is left is asked when its own row goes; a member who is taken
/// out loses those of this tenant. None of it reads the sessions of everybody else.
const SESSIONS_OF_TENANT: &str = "
CREATE INDEX session_by_member ON session (tenant, account);
";

/// The number of the schema that a file has; 0 of one that is new.
pub(crate) fn found(connection: &Connection, file: &Path) -> Result<i64, StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(database);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(database)?;
    let (application, found) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION_ID && (tables > 0 || application != 0) {
        return Err(StoreError::Foreign(file.display().to_string()));
    }
    check_known(file.display().to_string(), found).map(|()| found)
}

/// Refuses a schema of a later version.
pub(crate) fn check_known(place: String, found: i64) -> Result<(), StoreError> {
    let known = i64::try_from(CHANGES.len()).unwrap_or(i64::MAX);
    match found > known {
        true => Err(StoreError::Newer { place, found, known }),
        false => Ok(()),
    }
}

/// Refuses a schema that is older than the newest one, and so one that is not known.
pub(crate) fn check_newest(place: String, found: i64) -> Result<(), StoreError> {
    let known = i64::try_from(CHANGES.len()).unwrap_or(i64::MAX);
    let message = || format!("{place} has schema {found}, and this version reads {known}");
    match found == known {
        true => Ok(()),
        false => Err(StoreError::Setup { message: message(), suggestion: "Start the server of this version once." }),
    }
}

/// Brings the file to the newest schema.
pub(crate) fn sqlite(connection: &mut Connection, file: &Path, vault: &Vault) -> Result<(), StoreError> {
    let found = found(connection, file)?;
    for (change, number) in CHANGES.iter().zip(1..).skip_while(|(_, number)| *number <= found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        transaction.execute_batch(change.sql).map_err(database)?;
        if let Some(then) = change.then {
            then(&Work::new(&View(&transaction), &Keyring::new(vault)))?;
        }
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
        assert!(matches!(Store::open_without_keys(folder.path()), Err(StoreError::Foreign(_))));
        std::fs::remove_file(&file).unwrap();
        assert!(Store::open_without_keys(folder.path()).unwrap().is_none() && !file.exists());
        drop(Store::open(folder.path()).unwrap());
        drop(Store::open(folder.path()).unwrap());
        assert!(Store::open_without_keys(folder.path()).unwrap().is_some());
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 1).unwrap();
        assert!(matches!(Store::open_without_keys(folder.path()), Err(StoreError::Setup { .. })));
        Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open_without_keys(folder.path()), Err(StoreError::Newer { found: 99, .. })));
        assert!(matches!(Store::open(folder.path()), Err(StoreError::Newer { found: 99, .. })));
    }
}
