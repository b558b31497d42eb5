//! Teams: members of a tenant who have a role together, beside the one that each has.

use crate::{Row, Scoped, StoreError, Value};

/// A team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRow {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The role that its members have beside their own.
    pub role: String,
    /// How often it was changed, from 1.
    pub revision: i64,
    /// When it was made, in Unix milliseconds.
    pub created_ms: i64,
    /// When it was changed last.
    pub changed_ms: i64,
}

/// The teams of a tenant.
pub struct Teams<'a>(pub(crate) Scoped<'a>);

const TEAM: &str = "SELECT name, title, role, revision, created_ms, changed_ms FROM team WHERE tenant = ?1";

impl Teams<'_> {
    /// At most `limit` teams after the one with the name `after`.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<TeamRow>, StoreError> {
        let sql = format!("{TEAM} AND name > ?2 ORDER BY name LIMIT ?3");
        self.0.query("team", &sql, [after.into(), limit.into()])?.iter().map(team).collect()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Result<Option<TeamRow>, StoreError> {
        self.0.one("team", &format!("{TEAM} AND name = ?2"), [name.into()])?.as_ref().map(team).transpose()
    }

    /// Writes the revision that follows the one that is there; the first makes the team.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else wrote it meanwhile.
    pub fn put(&self, team: &TeamRow) -> Result<(), StoreError> {
        let [name, title, role]: [Value; 3] = [(&team.name).into(), (&team.title).into(), (&team.role).into()];
        let written = if team.revision == 1 {
            let sql = "INSERT INTO team (tenant, name, title, role, revision, created_ms, changed_ms)
              VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5) ON CONFLICT DO NOTHING";
            self.0.execute(sql, [name, title, role, team.changed_ms.into()])?
        } else {
            let sql = "UPDATE team SET title = ?3, role = ?4, revision = ?5, changed_ms = ?6
              WHERE tenant = ?1 AND name = ?2 AND revision = ?5 - 1";
            self.0.execute(sql, [name, title, role, team.revision.into(), team.changed_ms.into()])?
        };
        if written > 0 { Ok(()) } else { Err(StoreError::Changed) }
    }

    /// Counts a change of its members as one of the team.
    pub fn members_changed(&self, name: &str, now_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE team SET revision = revision + 1, changed_ms = ?3 WHERE tenant = ?1 AND name = ?2";
        self.0.execute(sql, [name.into(), now_ms.into()]).map(drop)
    }

    /// Takes one away.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.0.execute("DELETE FROM team_member WHERE tenant = ?1 AND team = ?2", [name.into()])?;
        self.0.execute("DELETE FROM team WHERE tenant = ?1 AND name = ?2", [name.into()]).map(drop)
    }

    /// The ids of a team's members.
    pub fn members(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT account FROM team_member WHERE tenant = ?1 AND team = ?2 ORDER BY account";
        self.0.query("team_member", sql, [name.into()])?.iter().map(|row| row.text(0)).collect()
    }

    /// The roles that a member has by its teams.
    pub fn roles_of(&self, account: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT t.role FROM team_member m JOIN team t ON t.tenant = m.tenant AND t.name = m.team
          WHERE m.tenant = ?1 AND m.account = ?2 ORDER BY t.role";
        self.0.query("team_member", sql, [account.into()])?.iter().map(|row| row.text(0)).collect()
    }

    /// Takes a member of the tenant in; false when it was in already.
    pub fn add(&self, name: &str, account: &str) -> Result<bool, StoreError> {
        let sql = "INSERT INTO team_member (tenant, team, account) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        Ok(self.0.execute(sql, [name.into(), account.into()])? > 0)
    }

    /// Takes a member out; false when it was not in.
    pub fn drop(&self, name: &str, account: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM team_member WHERE tenant = ?1 AND team = ?2 AND account = ?3";
        Ok(self.0.execute(sql, [name.into(), account.into()])? > 0)
    }
}

fn team(row: &Row) -> Result<TeamRow, StoreError> {
    Ok(TeamRow {
        name: row.text(0)?,
        title: row.text(1)?,
        role: row.text(2)?,
        revision: row.integer(3)?,
        created_ms: row.integer(4)?,
        changed_ms: row.integer(5)?,
    })
}
