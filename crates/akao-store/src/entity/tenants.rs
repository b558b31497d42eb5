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
}

pub(crate) fn row(scope: Scoped<'_>) -> Result<Option<TenantRow>, StoreError> {
    let row = scope.one("tenant", "SELECT title, created_ms FROM tenant WHERE name = ?1", [])?;
    row.map(|row| Ok(TenantRow { name: scope.tenant().clone(), title: row.text(0)?, created_ms: row.integer(1)? }))
        .transpose()
}
