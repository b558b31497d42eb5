//! Secrets of a tenant: names anybody of it may see, values that are sealed and are opened for its steps alone.

use crate::{Row, Scoped, SealedColumn, StoreError};
use akao_step::Secret;

/// Where the value of a secret is.
pub(crate) const SECRET_VALUE: SealedColumn = SealedColumn { table: "secret", column: "sealed", row: "name" };

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// How many values it has had, from 1.
    pub version: i64,
    /// When it was first given, in Unix milliseconds.
    pub created_ms: i64,
    /// When its value was given.
    pub updated_ms: i64,
    /// By whom.
    pub updated_by: String,
}

/// The secrets of a tenant.
pub struct Secrets<'a>(pub(crate) Scoped<'a>);

const SECRET: &str = "SELECT name, version, created_ms, updated_ms, updated_by FROM secret WHERE tenant = ?1";

impl Secrets<'_> {
    /// At most `limit` secrets after the one with the name `after`.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<SecretRow>, StoreError> {
        let sql = format!("{SECRET} AND name > ?2 ORDER BY name LIMIT ?3");
        self.0.query("secret", &sql, [after.into(), limit.into()])?.iter().map(secret).collect()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Result<Option<SecretRow>, StoreError> {
        self.0.one("secret", &format!("{SECRET} AND name = ?2"), [name.into()])?.as_ref().map(secret).transpose()
    }

    /// How many there are.
    pub fn count(&self) -> Result<i64, StoreError> {
        let row = self.0.one("secret", "SELECT count(*) FROM secret WHERE tenant = ?1", [])?;
        row.map_or(Ok(0), |row| row.integer(0))
    }

    /// The value, opened.
    pub fn value(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let sql = "SELECT sealed FROM secret WHERE tenant = ?1 AND name = ?2";
        let row = self.0.one("secret", sql, [name.into()])?;
        row.map(|row| self.0.open(&SECRET_VALUE, name, &row.text(0)?)).transpose()
    }

    /// Gives a value, in place of the one before it; the secret's version follows the one before it.
    pub fn put(&self, name: &str, value: &Secret, by: &str, now_ms: i64) -> Result<SecretRow, StoreError> {
        let sealed = self.0.seal(&SECRET_VALUE, name, value.expose())?;
        let before = self.get(name)?;
        let version = before.as_ref().map_or(1, |before| before.version + 1);
        let created_ms = before.as_ref().map_or(now_ms, |before| before.created_ms);
        let values = [name.into(), (&sealed).into(), version.into(), now_ms.into(), by.into()];
        match before {
            Some(_) => {
                let sql = "UPDATE secret SET sealed = ?3, version = ?4, updated_ms = ?5, updated_by = ?6
                  WHERE tenant = ?1 AND name = ?2";
                self.0.execute(sql, values)?
            }
            None => {
                let sql = "INSERT INTO secret (tenant, name, sealed, version, created_ms, updated_ms, updated_by)
                  VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)";
                self.0.execute(sql, values)?
            }
        };
        Ok(SecretRow { name: name.to_owned(), version, created_ms, updated_ms: now_ms, updated_by: by.to_owned() })
    }

    /// Takes one away; false when there is none.
    pub fn delete(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.0.execute("DELETE FROM secret WHERE tenant = ?1 AND name = ?2", [name.into()])? > 0)
    }
}

fn secret(row: &Row) -> Result<SecretRow, StoreError> {
    Ok(SecretRow {
        name: row.text(0)?,
        version: row.integer(1)?,
        created_ms: row.integer(2)?,
        updated_ms: row.integer(3)?,
        updated_by: row.text(4)?,
    })
}
