//! What a tenant may use: a tier, and what the operator has set apart from it.

use crate::{Scoped, StoreError};

/// What a tenant may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRow {
    /// The name of its tier.
    pub tier: String,
    /// What differs from the tier, as JSON.
    pub overrides: String,
    /// How often it was changed, from 1.
    pub revision: i64,
    /// When it was changed last, in Unix milliseconds.
    pub changed_ms: i64,
}

/// What a tenant may use.
pub struct Quotas<'a>(pub(crate) Scoped<'a>);

impl Quotas<'_> {
    /// What was said last; none when nothing ever was.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn get(&self) -> Result<Option<QuotaRow>, StoreError> {
        let sql = "SELECT tier, overrides, revision, changed_ms FROM quota WHERE tenant = ?1";
        let row = self.0.one("quota", sql, [])?;
        row.map(|row| {
            Ok(QuotaRow {
                tier: row.text(0)?,
                overrides: row.text(1)?,
                revision: row.integer(2)?,
                changed_ms: row.integer(3)?,
            })
        })
        .transpose()
    }

    /// Writes the revision that follows the one that is there.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else wrote it meanwhile.
    pub fn put(&self, quota: &QuotaRow) -> Result<(), StoreError> {
        let QuotaRow { tier, overrides, revision, changed_ms } = quota;
        let values = [tier.into(), overrides.into(), (*revision).into(), (*changed_ms).into()];
        let sql = if *revision == 1 {
            "INSERT INTO quota (tenant, tier, overrides, revision, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5)
              ON CONFLICT DO NOTHING"
        } else {
            "UPDATE quota SET tier = ?2, overrides = ?3, revision = ?4, changed_ms = ?5
              WHERE tenant = ?1 AND revision = ?4 - 1"
        };
        if self.0.execute(sql, values)? > 0 { Ok(()) } else { Err(StoreError::Changed) }
    }
}
