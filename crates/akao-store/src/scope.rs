//! The tenant scope: whatever belongs to a tenant is read and written through [`Scoped`], which binds the tenant as `?1`.

use crate::{
    SealedColumn, StoreError,
    access::{Access, Row, Scope, Statements, Value},
    entity::{
        accounts::Accounts, audit::AuditLog, custom_nodes::CustomNodes, members::Members, quotas::Quotas, roles::Roles,
        schedules::Schedules, secrets::Secrets, teams::Teams, tenants, tokens::Tokens, workflows::Workflows,
    },
    vault::Keyring,
};
use akao_contract::Tenant;
use akao_step::Secret;

/// How a statement asks for its tenant: by the column, by the row that it inserts, or by the tenant's own key.
const SCOPED_FORMS: [&str; 3] = ["tenant = ?1", "VALUES (?1,", "FROM tenant WHERE name = ?1"];

/// One view or one transaction.
pub struct Work<'a> {
    database: &'a dyn Access,
    keys: &'a Keyring<'a>,
}

impl<'a> Work<'a> {
    pub(crate) fn new(database: &'a dyn Access, keys: &'a Keyring<'a>) -> Self {
        Self { database, keys }
    }

    /// What belongs to one tenant.
    pub fn of(&self, tenant: &'a Tenant) -> Scoped<'a> {
        Scoped { access: Statements::new(self.database, Scope::Tenant(tenant.as_str())), keys: self.keys, tenant }
    }

    /// Makes sure that the server's own keys are there and open.
    pub(crate) fn begin_keys(&self) -> Result<(), StoreError> {
        self.keys.begin(self.accounts().access)
    }

    /// What belongs to no tenant, or must be found before one is known.
    pub fn accounts(&self) -> Accounts<'a> {
        Accounts { access: Statements::new(self.database, Scope::Accounts), keys: self.keys }
    }
}

/// What belongs to one tenant.
#[derive(Clone, Copy)]
pub struct Scoped<'a> {
    pub(crate) access: Statements<'a>,
    pub(crate) keys: &'a Keyring<'a>,
    pub(crate) tenant: &'a Tenant,
}

impl<'a> Scoped<'a> {
    /// The tenant.
    pub fn tenant(self) -> &'a Tenant {
        self.tenant
    }

    /// The tenant's own row.
    ///
    /// # Errors
    /// The database failed.
    pub fn row(self) -> Result<Option<tenants::TenantRow>, StoreError> {
        tenants::row(self)
    }

    /// Its people.
    pub fn members(self) -> Members<'a> {
        Members(self)
    }

    /// What it may use.
    pub fn quotas(self) -> Quotas<'a> {
        Quotas(self)
    }

    /// Its own roles.
    pub fn roles(self) -> Roles<'a> {
        Roles(self)
    }

    /// Its teams.
    pub fn teams(self) -> Teams<'a> {
        Teams(self)
    }

    /// Its API tokens.
    pub fn tokens(self) -> Tokens<'a> {
        Tokens(self)
    }

    /// Its workflows.
    pub fn workflows(self) -> Workflows<'a> {
        Workflows(self)
    }

    /// Its custom nodes.
    pub fn custom_nodes(self) -> CustomNodes<'a> {
        CustomNodes(self)
    }

    /// Its hooks.
    pub fn hooks(self) -> crate::Hooks<'a> {
        crate::entity::hooks::Hooks(self)
    }

    /// Its webhooks.
    pub fn webhooks(self) -> crate::Webhooks<'a> {
        crate::entity::webhooks::Webhooks(self)
    }

    /// Its schedules.
    pub fn schedules(self) -> Schedules<'a> {
        Schedules(self)
    }

    /// Its secrets.
    pub fn secrets(self) -> Secrets<'a> {
        Secrets(self)
    }

    /// Its audit.
    pub fn audit(self) -> AuditLog<'a> {
        AuditLog(self)
    }

    /// Seals a text with the tenant's data key, for a column of a row. The first one makes the key.
    ///
    /// # Errors
    /// The keys cannot be had, or the database failed.
    pub fn seal(self, column: &SealedColumn, row: &str, text: &str) -> Result<String, StoreError> {
        self.keys.seal(self.access, self.tenant.as_str(), column, row, text)
    }

    /// Opens what was sealed with the tenant's data key for that column of that row.
    ///
    /// # Errors
    /// It was sealed for something else or is damaged, or the keys cannot be had.
    pub fn open(self, column: &SealedColumn, row: &str, sealed: &str) -> Result<Secret, StoreError> {
        self.keys.open(self.access, self.tenant.as_str(), column, row, sealed)
    }

    /// Rows of this tenant. `?1` is the tenant, the values follow from `?2` on.
    pub(crate) fn query<const N: usize>(
        self,
        table: &'static str,
        sql: &str,
        values: [Value; N],
    ) -> Result<Vec<Row>, StoreError> {
        self.access.query(table, sql, &self.bound(sql, values)?)
    }

    /// The one row of this tenant, if there is one.
    pub(crate) fn one<const N: usize>(
        self,
        table: &'static str,
        sql: &str,
        values: [Value; N],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(table, sql, values)?.into_iter().next())
    }

    /// Changes rows of this tenant, and says how many.
    pub(crate) fn execute<const N: usize>(self, sql: &str, values: [Value; N]) -> Result<usize, StoreError> {
        self.access.execute(sql, &self.bound(sql, values)?)
    }

    /// The tenant before the values, for a statement that asks for it.
    fn bound<const N: usize>(self, sql: &str, values: [Value; N]) -> Result<Vec<Value>, StoreError> {
        if !SCOPED_FORMS.iter().any(|form| sql.contains(form)) {
            return Err(StoreError::Unscoped(sql.to_owned()));
        }
        let tenant = Value::from(self.tenant.as_str());
        Ok(std::iter::once(tenant).chain(values).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn a_statement_that_does_not_ask_for_its_tenant_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let tenant: Tenant = "acme".parse().unwrap();
        let run = |sql: &str| store.write(|work| work.of(&tenant).execute(sql, ["x".into()]));
        for sql in [
            "DELETE FROM token WHERE id = ?2",
            "UPDATE token SET name = ?1 WHERE id = ?2",
            "INSERT INTO token (id, tenant) VALUES (?2, ?1)",
        ] {
            assert!(matches!(run(sql), Err(StoreError::Unscoped(_))), "{sql}");
        }
        assert!(matches!(run("DELETE FROM token WHERE tenant = ?1 AND id = ?2"), Ok(0)));
    }
}
