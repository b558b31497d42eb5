//! Every column whose values are sealed, and what rotates keys: a new data key under which they are sealed again, and a new
//! master key by which the data keys are wrapped.

use super::{
    accounts::{ACCOUNT_EMAIL, ACCOUNT_NAME, INVITATION_EMAIL},
    audit::AUDIT_LINE,
    audit_head::AUDIT_KEY,
    hooks::{HOOK_OLD_SECRET, HOOK_SECRET},
    identities::IDENTITY_SUBJECT,
    second_factors::TOTP_SEED,
    secrets::SECRET_VALUE,
    webhooks::{WEBHOOK_OLD_SECRET, WEBHOOK_SECRET, WEBHOOK_SPEC},
};
use crate::{
    SealedColumn, StoreError, Work,
    access::Value,
    vault::{LOOKUP, MasterKey, SERVER},
};
use akao_contract::Tenant;

/// What is sealed with a tenant's data key. Their tables have the column `tenant`.
const OF_TENANTS: &[SealedColumn] = &[
    HOOK_SECRET,
    HOOK_OLD_SECRET,
    WEBHOOK_SECRET,
    WEBHOOK_OLD_SECRET,
    WEBHOOK_SPEC,
    SECRET_VALUE,
    INVITATION_EMAIL,
    AUDIT_LINE,
    AUDIT_KEY,
];

/// What is sealed with the server's own data key.
const OF_SERVER: &[SealedColumn] = &[ACCOUNT_EMAIL, ACCOUNT_NAME, IDENTITY_SUBJECT, TOTP_SEED];

/// Rows that are sealed again at once.
const ROWS_AT_ONCE: i64 = 500;

impl Work<'_> {
    /// Gives a tenant a new data key and seals everything with it again; says how many values. The keys before it are
    /// forgotten.
    ///
    /// # Errors
    /// The keys cannot be had, or the database failed.
    pub fn rotate_tenant_key(&self, tenant: &Tenant) -> Result<u64, StoreError> {
        let scope = self.of(tenant);
        let mut count = 0;
        let number = scope.keys.renew(scope.access, tenant.as_str())?;
        let sealed_now = format!("v1.{number}.%");
        for column in OF_TENANTS {
            let SealedColumn { table, column: name, row } = column;
            let all = format!("SELECT {row}, {name} FROM {table} WHERE tenant = ?1 AND {name} NOT LIKE ?2");
            let (first, next) = pages(&all, row, "?3", "?4");
            let update = format!("UPDATE {table} SET {name} = ?3 WHERE tenant = ?1 AND {row} = ?2");
            let mut after: Option<Value> = None;
            loop {
                let (like, limit) = ((&sealed_now).into(), ROWS_AT_ONCE.into());
                let rows = match after.take() {
                    None => scope.query(table, &first, [like, limit])?,
                    Some(after) => scope.query(table, &next, [like, limit, after])?,
                };
                for found in rows {
                    let sealed = found.text(1)?;
                    let key = found.into_values().swap_remove(0);
                    let text = scope.open(column, &key.to_text(), &sealed)?;
                    let again = scope.seal(column, &key.to_text(), text.expose())?;
                    after = Some(key.clone());
                    scope.execute(&update, [key, (&again).into()])?;
                    count += 1;
                }
                if after.is_none() {
                    break;
                }
            }
        }
        scope.execute("DELETE FROM data_key WHERE tenant = ?1 AND number < ?2", [number.into()])?;
        Ok(count)
    }

    /// Gives the server a new data key and seals everything that belongs to no tenant again; says how many values.
    ///
    /// # Errors
    /// As [`Work::rotate_tenant_key`].
    pub fn rotate_server_key(&self) -> Result<u64, StoreError> {
        let accounts = self.accounts();
        let mut count = 0;
        let number = accounts.keys.renew(accounts.access, SERVER)?;
        let sealed_now = format!("v1.{number}.%");
        for column in OF_SERVER {
            let SealedColumn { table, column: name, row } = column;
            let all = format!("SELECT {row}, {name} FROM {table} WHERE {name} NOT LIKE ?1");
            let (first, next) = pages(&all, row, "?2", "?3");
            let update = format!("UPDATE {table} SET {name} = ?2 WHERE {row} = ?1");
            let mut after: Option<Value> = None;
            loop {
                let (like, limit) = ((&sealed_now).into(), ROWS_AT_ONCE.into());
                let rows = match after.take() {
                    None => accounts.access.query(table, &first, &[like, limit])?,
                    Some(after) => accounts.access.query(table, &next, &[like, limit, after])?,
                };
                for found in rows {
                    let (key, sealed) = (found.text(0)?, found.text(1)?);
                    let text = accounts.open(column, &key, &sealed)?;
                    let again = accounts.seal(column, &key, text.expose())?;
                    accounts.access.execute(&update, &[(&key).into(), (&again).into()])?;
                    after = Some((&key).into());
                    count += 1;
                }
                if after.is_none() {
                    break;
                }
            }
        }
        let sql = "DELETE FROM data_key WHERE tenant = ?1 AND number < ?2";
        accounts.access.execute(sql, &[SERVER.into(), number.into()])?;
        Ok(count)
    }

    /// Wraps every data key by this master key; says how many were wrapped by another one.
    ///
    /// # Errors
    /// A master key that wraps one of them is not there, or the database failed.
    pub fn rewrap_keys(&self, master: &MasterKey) -> Result<u64, StoreError> {
        let mut count = 0;
        let accounts = self.accounts();
        for owner in [SERVER, LOOKUP] {
            let sql = "SELECT number FROM data_key WHERE tenant = ?1 ORDER BY number";
            for row in accounts.access.query("data_key", sql, &[owner.into()])? {
                count += u64::from(accounts.keys.rewrap(accounts.access, owner, row.integer(0)?, master)?);
            }
        }
        for tenant in accounts.every_tenant()? {
            let scope = self.of(&tenant);
            let sql = "SELECT number FROM data_key WHERE tenant = ?1 ORDER BY number";
            for row in scope.query("data_key", sql, [])? {
                count += u64::from(scope.keys.rewrap(scope.access, tenant.as_str(), row.integer(0)?, master)?);
            }
        }
        Ok(count)
    }
}

/// A page of rows, and the page behind a row: each begins where the one before ended, so that no row is passed over twice.
fn pages(all: &str, row: &str, limit: &str, after: &str) -> (String, String) {
    let page = |more: &str| format!("{all}{more} ORDER BY {row} LIMIT {limit}");
    (page(""), page(&format!(" AND {row} > {after}")))
}

/// Seals where webhooks tell what happens, which was plain before.
pub(crate) fn seal_addresses(work: &Work<'_>) -> Result<(), StoreError> {
    work.accounts().every_tenant()?.iter().try_for_each(|tenant| work.of(tenant).webhooks().seal_plain())
}

/// Seals what an earlier version kept as it was, with the first keys.
pub(crate) fn seal_what_was_plain(work: &Work<'_>) -> Result<(), StoreError> {
    let accounts = work.accounts();
    if accounts.is_empty()? {
        return Ok(());
    }
    work.begin_keys()?;
    for row in accounts.access.query("account", "SELECT id, email, name FROM account", &[])? {
        let (id, email, name) = (row.text(0)?, row.text(1)?, row.text(2)?);
        let hash = accounts.keys.lookup(accounts.access, &email)?;
        let (email, name) = (accounts.seal(&ACCOUNT_EMAIL, &id, &email)?, accounts.seal(&ACCOUNT_NAME, &id, &name)?);
        let sql = "UPDATE account SET email = ?2, name = ?3, email_hash = ?4 WHERE id = ?1";
        accounts.access.execute(sql, &[(&id).into(), (&email).into(), (&name).into(), (&hash).into()])?;
    }
    for tenant in accounts.every_tenant()? {
        let scope = work.of(&tenant);
        for row in scope.query("invitation", "SELECT hash, email FROM invitation WHERE tenant = ?1", [])? {
            let (hash, email) = (row.text(0)?, row.text(1)?);
            let found_by = scope.keys.lookup(scope.access, &email)?;
            let sealed = scope.seal(&INVITATION_EMAIL, &hash, &email)?;
            let sql = "UPDATE invitation SET email = ?3, email_hash = ?4 WHERE tenant = ?1 AND hash = ?2";
            scope.execute(sql, [(&hash).into(), (&sealed).into(), (&found_by).into()])?;
        }
        for row in scope.query("audit", "SELECT seq, line FROM audit WHERE tenant = ?1", [])? {
            let (seq, line) = (row.integer(0)?, row.text(1)?);
            let sealed = scope.seal(&AUDIT_LINE, &seq.to_string(), &line)?;
            let sql = "UPDATE audit SET line = ?3 WHERE tenant = ?1 AND seq = ?2";
            scope.execute(sql, [seq.into(), (&sealed).into()])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{
        AuditRow, KEY_FILE, KeyFile, MasterKey, MasterKeySource as _, PLATFORM_FILE, Store, StoreError, TenantRow,
        Vault, Work, sqlite::View, vault::Keyring,
    };
    use akao_contract::Tenant;
    use rusqlite::Connection;
    use std::{
        path::Path,
        sync::Arc,
        sync::atomic::{AtomicU64, Ordering},
    };

    /// How often SQLite is asked whether to go on, in its own steps.
    const STEPS_AT_ONCE: i32 = 100;

    /// What SQLite does for something, in its own steps: unlike time, that is the same on every machine.
    fn steps(folder: &Path, act: impl FnOnce(&Work<'_>) -> Result<u64, StoreError>, expected: u64) -> u64 {
        let vault = Vault::new(Arc::new(KeyFile::new(folder.join(KEY_FILE))));
        let connection = Connection::open(folder.join(PLATFORM_FILE)).unwrap();
        let counted = Arc::new(AtomicU64::new(0));
        let counts = Arc::clone(&counted);
        let count = move || {
            counts.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(STEPS_AT_ONCE, Some(count)).unwrap();
        let transaction = connection.unchecked_transaction().unwrap();
        assert_eq!(act(&Work::new(&View(&transaction), &Keyring::new(&vault))).unwrap(), expected);
        transaction.commit().unwrap();
        counted.load(Ordering::Relaxed)
    }

    fn store_with(tenants: usize, lines: i64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for number in 0..tenants {
            let name: Tenant = format!("t{number}").parse().unwrap();
            let write = |work: &Work<'_>| -> Result<(), StoreError> {
                let row = TenantRow::new(name.clone(), "T".to_owned(), 1);
                work.accounts().insert_tenant(&row)?;
                (1..=lines).try_for_each(|seq| {
                    work.of(&name).audit().append(&AuditRow { seq, at_ms: 1, line: "{}".to_owned() })
                })
            };
            store.write(write).unwrap();
        }
        folder
    }

    #[test]
    fn four_times_as_many_values_take_four_times_as_much_to_seal_again() {
        let tenant: Tenant = "t0".parse().unwrap();
        let of = |lines: u32| {
            let folder = store_with(1, lines.into());
            steps(folder.path(), |work| work.rotate_tenant_key(&tenant), lines.into())
        };
        let (few, many) = (of(5_000), of(20_000));
        assert!(many < 5 * few, "{few} steps for 5,000 values, {many} for 20,000");
    }

    #[test]
    fn four_times_as_many_keys_take_four_times_as_much_to_wrap_again() {
        let of = |tenants: u32| {
            let folder = store_with(tenants as usize, 1);
            let source = KeyFile::new(folder.path().join(KEY_FILE));
            let new = MasterKey::random().unwrap();
            source.replace(&[new.clone(), source.load().unwrap().remove(0)]).unwrap();
            // Two keys are the server's own.
            steps(folder.path(), |work| work.rewrap_keys(&new), u64::from(tenants) + 2)
        };
        let (few, many) = (of(100), of(400));
        assert!(many < 5 * few, "{few} steps for 100 keys, {many} for 400");
    }
}
