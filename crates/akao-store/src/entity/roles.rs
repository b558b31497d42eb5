//! The roles that a tenant has made for itself.

use crate::{Row, Scoped, StoreError, Value};

/// A role of a tenant's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Its name, as members have it.
    pub name: String,
    /// What it is for, in words for people.
    pub title: String,
    /// What it may do, separated by blanks.
    pub permissions: String,
    /// How often it was changed, from 1.
    pub revision: i64,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When it was changed last.
    pub changed_ms: i64,
}

/// The roles of a tenant.
pub struct Roles<'a>(pub(crate) Scoped<'a>);

const ROLE: &str = "SELECT name, title, permissions, revision, created_ms, changed_ms FROM role WHERE tenant = ?1";

impl Roles<'_> {
    /// All of them, by name.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn all(&self) -> Result<Vec<RoleRow>, StoreError> {
        self.0.query("role", &format!("{ROLE} ORDER BY name"), [])?.iter().map(role).collect()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Result<Option<RoleRow>, StoreError> {
        self.0.one("role", &format!("{ROLE} AND name = ?2"), [name.into()])?.as_ref().map(role).transpose()
    }

    /// Writes the revision that follows the one that is there; the first makes the role.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else wrote it meanwhile.
    pub fn put(&self, role: &RoleRow) -> Result<(), StoreError> {
        let [name, title, permissions]: [Value; 3] =
            [(&role.name).into(), (&role.title).into(), (&role.permissions).into()];
        let written = if role.revision == 1 {
            let sql = "INSERT INTO role (tenant, name, title, permissions, revision, created_ms, changed_ms)
              VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5) ON CONFLICT DO NOTHING";
            self.0.execute(sql, [name, title, permissions, role.changed_ms.into()])?
        } else {
            let sql = "UPDATE role SET title = ?3, permissions = ?4, revision = ?5, changed_ms = ?6
              WHERE tenant = ?1 AND name = ?2 AND revision = ?5 - 1";
            self.0.execute(sql, [name, title, permissions, role.revision.into(), role.changed_ms.into()])?
        };
        if written > 0 { Ok(()) } else { Err(StoreError::Changed) }
    }

    /// Takes one away.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM role WHERE tenant = ?1 AND name = ?2", [name.into()]).map(drop)
    }

    /// How many members, teams and open invitations have it.
    pub fn uses(&self, name: &str, now_ms: i64) -> Result<i64, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM member WHERE tenant = ?1 AND role = ?2)
          + (SELECT count(*) FROM team WHERE tenant = ?1 AND role = ?2)
          + (SELECT count(*) FROM invitation WHERE tenant = ?1 AND role = ?2 AND expires_ms > ?3)";
        self.0.one("role", sql, [name.into(), now_ms.into()])?.map_or(Ok(0), |row| row.integer(0))
    }
}

fn role(row: &Row) -> Result<RoleRow, StoreError> {
    Ok(RoleRow {
        name: row.text(0)?,
        title: row.text(1)?,
        permissions: row.text(2)?,
        revision: row.integer(3)?,
        created_ms: row.integer(4)?,
        changed_ms: row.integer(5)?,
    })
}
