//! The end of a tenant: in one transaction its keys are destroyed and everybody is locked out; then its rows go, some at a time, so
//! that others are not kept waiting; the tenant's own row goes last. Whoever is killed in between finds that row, and goes on.

use super::{accounts::Accounts, kept::OF_ACCOUNTS};
use crate::{Scoped, StoreError, access::Value};
use akao_contract::Tenant;

/// Rows that are removed at once where each is small.
const MANY: i64 = 500;

/// Where each holds a text that somebody has sent.
const SOME: i64 = 100;

/// Where each may hold megabytes.
const FEW: i64 = 8;

/// Accounts of which everything is removed by one statement for each table.
const ACCOUNTS_AT_ONCE: usize = 500;

/// What a tenant is reached by. It goes first, and the data keys with it: what they sealed is nobody's any more, also in copies of
/// the database that are not at hand.
const DOORS: [&str; 6] = ["data_key", "session", "token", "invitation", "team_member", "member"];

/// Every other table with rows of tenants, those first that refer to others; with what tells a tenant's rows apart, which is the rest
/// of its key, so that each batch is found by the key and has no more rows than it says, and how many are taken at once.
const ROWS: [(&str, &str, i64); 16] = [
    ("schedule_fire", "key", SOME),
    ("schedule", "id", SOME),
    ("webhook_delivery", "id", SOME),
    ("webhook", "id", SOME),
    ("hook_message", "hook, message", MANY),
    ("hook", "id", SOME),
    ("custom_node_use", "workflow, number, node", MANY),
    ("custom_node", "id", FEW),
    ("custom_node_policy", "tenant", MANY),
    ("workflow_version", "workflow, number", FEW),
    ("workflow", "id", MANY),
    ("secret", "name", SOME),
    ("team", "name", MANY),
    ("role", "name", MANY),
    ("audit", "seq", MANY),
    ("audit_head", "tenant", MANY),
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

    /// The accounts that belong to this tenant alone. Who looks after the server is none of them.
    fn alone_in(&self, tenant: &Tenant) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT m.account FROM member m JOIN account a ON a.id = m.account
          WHERE m.tenant = ?1 AND a.operator = 0
            AND NOT EXISTS (SELECT 1 FROM member o WHERE o.account = m.account AND o.tenant <> ?1)
          ORDER BY m.account";
        let rows = self.access.query("member", sql, &[tenant.as_str().into()])?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Removes the rows of which this column names one of the accounts: everybody else waits for it, so that there is no
    /// statement for each of them.
    fn remove_of(&self, accounts: &[String], table: &str, column: &str) -> Result<(), StoreError> {
        for some in accounts.chunks(ACCOUNTS_AT_ONCE) {
            let places: Vec<String> = (1..=some.len()).map(|number| format!("?{number}")).collect();
            let sql = format!("DELETE FROM {table} WHERE {column} IN ({})", places.join(", "));
            let values: Vec<Value> = some.iter().map(Value::from).collect();
            self.access.execute(&sql, &values)?;
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
    /// Begins the end: nobody gets in any more, and nothing that is sealed opens. Gives the accounts that went with it; none when it has
    /// begun already, or there is no such tenant. `by` says who has decided it, for whoever ends it.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn begin_ending(self, now_ms: i64, by: &str) -> Result<Option<Vec<String>>, StoreError> {
        let accounts = Accounts { access: self.access.within(crate::access::Scope::Accounts), keys: self.keys };
        if !accounts.mark_ending(self.tenant(), now_ms, by)? {
            return Ok(None);
        }
        let alone = accounts.alone_in(self.tenant())?;
        OF_ACCOUNTS.iter().try_for_each(|table| accounts.remove_of(&alone, table, "account"))?;
        self.close_doors()?;
        accounts.remove_of(&alone, "account", "id")?;
        Ok(Some(alone))
    }

    /// Removes some rows; true when there may be more.
    pub fn remove_some(self) -> Result<bool, StoreError> {
        for (table, key, at_once) in ROWS {
            if self.execute(&removal(table, key), [at_once.into()])? > 0 {
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

/// Removes at most `?2` rows of a table. Neither database takes a limit in the statement itself.
fn removal(table: &str, key: &str) -> String {
    format!(
        "DELETE FROM {table} WHERE tenant = ?1 AND ({key}) IN (SELECT {key} FROM {table} WHERE tenant = ?1 LIMIT ?2)"
    )
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
        let known = ROWS.iter().map(|(table, ..)| *table).chain(DOORS).chain([LAST]);
        assert_eq!(known.map(str::to_owned).collect::<BTreeSet<_>>(), tables);
    }

    /// How SQLite finds the rows of a statement about one tenant.
    fn plan(file: &Connection, sql: &str, values: impl rusqlite::Params) -> Vec<String> {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        plan.query_map(values, |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn what_a_tenant_is_reached_by_is_found_without_a_look_at_that_of_others() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let file = Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
        for table in DOORS.into_iter().chain([LAST]) {
            let plan = plan(&file, &format!("DELETE FROM {table} WHERE tenant = ?1"), ["acme"]);
            assert!(plan[0].starts_with("SEARCH") && plan[0].contains("(tenant=?"), "{table}: {plan:#?}");
        }
        let of_member = plan(&file, "DELETE FROM session WHERE tenant = ?1 AND account = ?2", ["acme", "ada"]);
        assert!(of_member[0].ends_with("(tenant=? AND account=?)"), "{of_member:#?}");
    }

    #[test]
    fn a_batch_is_bounded_and_found_by_the_key() {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        let file = Connection::open(folder.path().join(PLATFORM_FILE)).unwrap();
        for (table, key, _) in ROWS {
            let sql = format!("SELECT group_concat(name, ', ') FROM
              (SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 AND (name <> 'tenant' OR '{key}' = 'tenant') ORDER BY pk)");
            let rest: String = file.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(rest, key, "the rest of the key of {table} tells its rows apart");
            let plan = plan(&file, &removal(table, key), rusqlite::params!["acme", 1]);
            let by_key = key.split(", ").filter(|column| *column != "tenant").map(|column| format!(" AND {column}=?"));
            let by_key = format!("(tenant=?{})", by_key.collect::<String>());
            assert!(plan[0].starts_with("SEARCH") && plan[0].ends_with(&by_key), "{table}: {plan:#?}");
        }
    }
}
