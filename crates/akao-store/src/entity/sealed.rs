//! Every column whose values are sealed, and what rotates keys: a new data key under which they are sealed again, and a new
//! master key by which the data keys are wrapped.

use super::{
    accounts::{ACCOUNT_EMAIL, ACCOUNT_NAME, INVITATION_EMAIL},
    audit::AUDIT_LINE,
    hooks::{HOOK_OLD_SECRET, HOOK_SECRET},
    identities::IDENTITY_SUBJECT,
    second_factors::TOTP_SEED,
    secrets::SECRET_VALUE,
    webhooks::{WEBHOOK_OLD_SECRET, WEBHOOK_SECRET, WEBHOOK_SPEC},
};
use crate::{
    SealedColumn, StoreError, Work,
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
        for column in OF_TENANTS {
            let SealedColumn { table, column: name, row } = column;
            let select = format!(
                "SELECT {row}, {name} FROM {table} WHERE tenant = ?1 AND {name} NOT LIKE ?2 ORDER BY {row} LIMIT ?3"
            );
            let update = format!("UPDATE {table} SET {name} = ?3 WHERE tenant = ?1 AND {row} = ?2");
            loop {
                let sealed_now = format!("v1.{number}.%");
                let rows = scope.query(table, &select, [(&sealed_now).into(), ROWS_AT_ONCE.into()])?;
                if rows.is_empty() {
                    break;
                }
                for found in rows {
                    let sealed = found.text(1)?;
                    let key = found.into_values().swap_remove(0);
                    let text = scope.open(column, &key.to_text(), &sealed)?;
                    let again = scope.seal(column, &key.to_text(), text.expose())?;
                    scope.execute(&update, [key, (&again).into()])?;
                    count += 1;
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
        for column in OF_SERVER {
            let SealedColumn { table, column: name, row } = column;
            let select = format!("SELECT {row}, {name} FROM {table} WHERE {name} NOT LIKE ?1 ORDER BY {row} LIMIT ?2");
            let update = format!("UPDATE {table} SET {name} = ?2 WHERE {row} = ?1");
            loop {
                let sealed_now = format!("v1.{number}.%");
                let rows = accounts.access.query(table, &select, &[(&sealed_now).into(), ROWS_AT_ONCE.into()])?;
                if rows.is_empty() {
                    break;
                }
                for found in rows {
                    let (key, sealed) = (found.text(0)?, found.text(1)?);
                    let text = accounts.open(column, &key, &sealed)?;
                    let again = accounts.seal(column, &key, text.expose())?;
                    accounts.access.execute(&update, &[(&key).into(), (&again).into()])?;
                    count += 1;
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
        for tenant in accounts.tenants()? {
            let scope = self.of(&tenant);
            let sql = "SELECT number FROM data_key WHERE tenant = ?1 ORDER BY number";
            for row in scope.query("data_key", sql, [])? {
                count += u64::from(scope.keys.rewrap(scope.access, tenant.as_str(), row.integer(0)?, master)?);
            }
        }
        Ok(count)
    }
}

/// Seals where webhooks tell what happens, which was plain before.
pub(crate) fn seal_addresses(work: &Work<'_>) -> Result<(), StoreError> {
    work.accounts().tenants()?.iter().try_for_each(|tenant| work.of(tenant).webhooks().seal_plain())
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
    for tenant in accounts.tenants()? {
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
