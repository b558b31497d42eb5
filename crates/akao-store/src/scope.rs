//! The tenant scope: whatever belongs to a tenant is read and written through [`Scoped`], which binds the tenant as `?1`.

use crate::{
    StoreError,
    access::{Access, Row, Value},
    entity::{accounts::Accounts, audit::AuditLog, members::Members, tenants, tokens::Tokens, workflows::Workflows},
};
use akao_contract::Tenant;

/// How a statement asks for its tenant: by the column, by the row that it inserts, or by the tenant's own key.
const SCOPED_FORMS: [&str; 3] = ["tenant = ?1", "VALUES (?1,", "FROM tenant WHERE name = ?1"];

/// One view or one transaction.
pub struct Work<'a> {
    access: &'a dyn Access,
}

impl<'a> Work<'a> {
    pub(crate) fn new(access: &'a dyn Access) -> Self {
        Self { access }
    }

    /// What belongs to one tenant.
    pub fn of(&self, tenant: &'a Tenant) -> Scoped<'a> {
        Scoped { access: self.access, tenant }
    }

    /// What belongs to no tenant, or must be found before one is known.
    pub fn accounts(&self) -> Accounts<'a> {
        Accounts { access: self.access }
    }
}

/// What belongs to one tenant.
#[derive(Clone, Copy)]
pub struct Scoped<'a> {
    access: &'a dyn Access,
    tenant: &'a Tenant,
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

    /// Its API tokens.
    pub fn tokens(self) -> Tokens<'a> {
        Tokens(self)
    }

    /// Its workflows.
    pub fn workflows(self) -> Workflows<'a> {
        Workflows(self)
    }

    /// Its audit.
    pub fn audit(self) -> AuditLog<'a> {
        AuditLog(self)
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
