//! The end of a tenant: in one transaction its keys are destroyed and everybody is locked out; then its rows go, some at a time, so
//! that others are not kept waiting; the tenant's own row goes last. Whoever is killed in between finds that row, and goes on.

use super::accounts::Accounts;
use crate::{Scoped, StoreError};
use akao_contract::Tenant;

/// Rows that are removed at once, about.
const ROWS_AT_ONCE: i64 = 500;

/// What a tenant is reached by. It goes first, and the data keys with it: what they sealed is nobody's any more, also in copies of
/// the database that are not at hand.
const DOORS: [&str; 6] = ["data_key", "session", "token", "invitation", "team_member", "member"];

/// Every other table with rows of tenants, those first that refer to others, with a column by which some of their rows are taken.
const ROWS: [(&str, &str); 16] = [
    ("schedule_fire", "key"),
    ("schedule", "id"),
    ("webhook_delivery", "id"),
    ("webhook", "id"),
    ("hook_message", "message"),
    ("hook", "id"),
    ("custom_node_use", "node"),
    ("custom_node", "id"),
    ("custom_node_policy", "approval"),
    ("workflow_version", "number"),
    ("workflow", "id"),
    ("secret", "name"),
    ("team", "name"),
    ("role", "name"),
    ("audit", "seq"),
    ("audit_head", "key"),
];

/// The quota stays to the end: it bounds what is still under way.
const LAST: &str = "quota";

/// A tenant that is being deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The tenant.
    pub tenant: Tenant,
    /// Who has decided it, as the caller has put it.
    pub by: String,
}

impl Accounts<'_> {
    /// The tenants that are being deleted.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn endings(&self) -> Result<Vec<Ending>, StoreError> {
        let sql = "SELECT name, ending_by FROM tenant WHERE ending_ms IS NOT NULL ORDER BY ending_ms, name";
        let rows = self.access.query("tenant", sql, &[])?;
        rows.iter().map(|row| Ok(Ending { tenant: row.parsed(0)?, by: row.text(1)? })).collect()
    }

    /// Marks a tenant as one that is being deleted; false when it is already, or not there.
    fn mark_ending(&self, tenant: &Tenant, now_ms: i64, by: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE tenant SET ending_ms = ?2, ending_by = ?3 WHERE name = ?1 AND ending_ms IS NULL";
        Ok(self.access.execute(sql, &[tenant.as_str().into(), now_ms.into(), by.into()])? > 0)
    }

    /// Takes away the accounts that belong to this tenant alone. Who looks after the server stays.
    fn remove_accounts_of(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let sql = "SELECT m.account FROM member m JOIN account a ON a.id = m.account
          WHERE m.tenant = ?1 AND a.operator = 0
            AND NOT EXISTS (SELECT 1 FROM member o WHERE o.account = m.account AND o.tenant <> ?1)";
        let alone = self.access.query("member", sql, &[tenant.as_str().into()])?;
        for row in alone {
            let account = row.text(0)?;
            for table in ["team_member", "member"] {
                let sql = format!("DELETE FROM {table} WHERE tenant = ?1 AND account = ?2");
                let of_tenant = self.access.within(crate::access::Scope::Tenant(tenant.as_str()));
                of_tenant.execute(&sql, &[tenant.as_str().into(), (&account).into()])?;
            }
            self.remove_account(&account)?;
        }
        Ok(())
    }

    /// Takes the row of a tenant away that is being deleted, and of which nothing else is left.
    pub fn remove_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let sql = "DELETE FROM tenant WHERE name = ?1 AND ending_ms IS NOT NULL";
        self.access.execute(sql, &[tenant.as_str().into()]).map(drop)
    }
}

impl Scoped<'_> {
    /// Begins the end: nobody gets in any more, and nothing that is sealed opens. False when it has begun already, or there is no
    /// such tenant. `by` says who has decided it, for whoever ends it.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn begin_ending(self, now_ms: i64, by: &str) -> Result<bool, StoreError> {
        let accounts = Accounts { access: self.access.within(crate::access::Scope::Accounts), keys: self.keys };
        if !accounts.mark_ending(self.tenant(), now_ms, by)? {
            return Ok(false);
        }
        accounts.remove_accounts_of(self.tenant())?;
        self.close_doors()?;
        Ok(true)
    }

    /// Removes some rows; true when there may be more.
    pub fn remove_some(self) -> Result<bool, StoreError> {
        for (table, column) in ROWS {
            let sql = format!(
                "DELETE FROM {table} WHERE tenant = ?1
                   AND {column} IN (SELECT {column} FROM {table} WHERE tenant = ?1 LIMIT ?2)"
            );
            if self.execute(&sql, [ROWS_AT_ONCE.into()])? > 0 {
                return Ok(true);
            }
        }
        // Who was let in before the doors were closed may have left something since.
        self.close_doors()?;
        self.execute(&format!("DELETE FROM {LAST} WHERE tenant = ?1"), [])?;
        Ok(false)
    }

    fn close_doors(self) -> Result<(), StoreError> {
        DOORS.iter().try_for_each(|table| self.execute(&format!("DELETE FROM {table} WHERE tenant = ?1"), []).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PLATFORM_FILE, Store};
    use rusqlite::Connection;
    use std::collections::BTreeSet;

    #[test]
    fn every_table_with_rows_of_tenants_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let file = Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
        let sql = "SELECT t.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
          WHERE t.type = 'table' AND c.name = 'tenant'";
        let mut tables = file.prepare(sql).unwrap();
        let tables: BTreeSet<String> =
            tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let known = ROWS.iter().map(|(table, _)| *table).chain(DOORS).chain([LAST]);
        assert_eq!(known.map(str::to_owned).collect::<BTreeSet<_>>(), tables);
    }
}
