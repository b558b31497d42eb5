//! Identities of people at providers, by (issuer, subject): what a person is known by who signs in elsewhere.

use super::accounts::Accounts;
use crate::{Row, SealedColumn, StoreError};

/// Where who somebody is at an issuer is.
pub(crate) const IDENTITY_SUBJECT: SealedColumn = SealedColumn { table: "identity", column: "subject", row: "id" };

/// An identity that leads to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// Its id here.
    pub id: String,
    /// Who vouches for it.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// Whose it is here.
    pub account: String,
    /// The provider's name when it was linked.
    pub provider: String,
    /// When it was linked, in Unix milliseconds.
    pub created_ms: i64,
}

const IDENTITY: &str = "SELECT id, issuer, subject, account, provider, created_ms FROM identity";

impl Accounts<'_> {
    /// The identity of a subject at an issuer.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn identity(&self, issuer: &str, subject: &str) -> Result<Option<IdentityRow>, StoreError> {
        let sql = format!("{IDENTITY} WHERE subject_hash = ?1");
        let hash = self.keys.lookup(self.access, &named(issuer, subject))?;
        self.access.one("identity", &sql, &[(&hash).into()])?.map(|row| self.found(&row)).transpose()
    }

    /// Those of an account.
    pub fn identities(&self, account: &str) -> Result<Vec<IdentityRow>, StoreError> {
        let sql = format!("{IDENTITY} WHERE account = ?1 ORDER BY id");
        self.access.query("identity", &sql, &[account.into()])?.iter().map(|row| self.found(row)).collect()
    }

    /// Adds one.
    pub fn insert_identity(&self, identity: &IdentityRow) -> Result<(), StoreError> {
        let IdentityRow { id, issuer, subject, account, provider, created_ms } = identity;
        let sql = "INSERT INTO identity (id, issuer, subject, account, provider, created_ms, subject_hash)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let sealed = self.seal(&IDENTITY_SUBJECT, id, subject)?;
        let hash = self.keys.lookup(self.access, &named(issuer, subject))?;
        let (created_ms, sealed, hash) = ((*created_ms).into(), (&sealed).into(), (&hash).into());
        let values = [id.into(), issuer.into(), sealed, account.into(), provider.into(), created_ms, hash];
        self.access.execute(sql, &values).map(drop)
    }

    /// Takes one away.
    pub fn remove_identity(&self, id: &str) -> Result<(), StoreError> {
        self.access.execute("DELETE FROM identity WHERE id = ?1", &[id.into()]).map(drop)
    }

    fn found(&self, row: &Row) -> Result<IdentityRow, StoreError> {
        let id = row.text(0)?;
        Ok(IdentityRow {
            issuer: row.text(1)?,
            subject: self.open(&IDENTITY_SUBJECT, &id, &row.text(2)?)?.expose().to_owned(),
            account: row.text(3)?,
            provider: row.text(4)?,
            created_ms: row.integer(5)?,
            id,
        })
    }
}

/// What an identity is found by. An issuer is an address and holds no blank.
fn named(issuer: &str, subject: &str) -> String {
    format!("{issuer} {subject}")
}
