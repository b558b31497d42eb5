//! API tokens: only their hashes are kept.

use crate::{Row, Scoped, StoreError};

/// An API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub account: String,
    /// Its name for people.
    pub name: String,
    /// The hash of its secret.
    pub hash: String,
    /// What it may do, separated by blanks.
    pub permissions: String,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was revoked, if it was.
    pub revoked_ms: Option<i64>,
}

/// The tokens of a tenant.
pub struct Tokens<'a>(pub(crate) Scoped<'a>);

pub(super) const TOKEN_COLUMNS: &str = "id, account, name, hash, permissions, created_ms, expires_ms, revoked_ms";

impl Tokens<'_> {
    /// Adds one.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn insert(&self, token: &Token) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO token (tenant, {TOKEN_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let values = [
            (&token.id).into(),
            (&token.account).into(),
            (&token.name).into(),
            (&token.hash).into(),
            (&token.permissions).into(),
            token.created_ms.into(),
            token.expires_ms.into(),
            token.revoked_ms.into(),
        ];
        self.0.execute(&sql, values).map(drop)
    }

    /// At most `limit` tokens of a person, or of everybody, after the one with the id `after`.
    pub fn page(&self, account: Option<&str>, after: &str, limit: i64) -> Result<Vec<Token>, StoreError> {
        let sql = format!(
            "SELECT {TOKEN_COLUMNS} FROM token WHERE tenant = ?1 AND (CAST(?2 AS TEXT) IS NULL OR account = ?2) AND id > ?3
             ORDER BY id LIMIT ?4"
        );
        let rows = self.0.query("token", &sql, [account.into(), after.into(), limit.into()])?;
        rows.iter().map(token).collect()
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Option<Token>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS} FROM token WHERE tenant = ?1 AND id = ?2");
        self.0.one("token", &sql, [id.into()])?.as_ref().map(token).transpose()
    }

    /// Makes one worthless; false when it was already.
    pub fn revoke(&self, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE token SET revoked_ms = ?3 WHERE tenant = ?1 AND id = ?2 AND revoked_ms IS NULL";
        Ok(self.0.execute(sql, [id.into(), now_ms.into()])? > 0)
    }
}

pub(super) fn token(row: &Row) -> Result<Token, StoreError> {
    Ok(Token {
        id: row.text(0)?,
        account: row.text(1)?,
        name: row.text(2)?,
        hash: row.text(3)?,
        permissions: row.text(4)?,
        created_ms: row.integer(5)?,
        expires_ms: row.integer(6)?,
        revoked_ms: row.integer_if_any(7)?,
    })
}
