//! Tenants.

use crate::{Scoped, StoreError};
use akao_contract::Tenant;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Its name, as it stands in ids and addresses.
    pub name: Tenant,
    /// Its name for people.
    pub title: String,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// Since when it is being deleted, if it is.
    pub ending_ms: Option<i64>,
}

impl TenantRow {
    /// A new tenant.
    pub fn new(name: Tenant, title: String, created_ms: i64) -> Self {
        Self { name, title, created_ms, ending_ms: None }
    }
}

/// The row of a tenant. One that is being deleted is not there any more for anybody.
pub(crate) fn row(scope: Scoped<'_>) -> Result<Option<TenantRow>, StoreError> {
    let sql = "SELECT title, created_ms FROM tenant WHERE name = ?1 AND ending_ms IS NULL";
    let row = scope.one("tenant", sql, [])?;
    row.map(|row| Ok(TenantRow::new(scope.tenant().clone(), row.text(0)?, row.integer(1)?))).transpose()
}
