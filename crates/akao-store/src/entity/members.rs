//! The people of a tenant, and who is asked to join it.

use super::accounts::Invitation;
use crate::{Scoped, StoreError};

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person's id.
    pub account: String,
    /// The address.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// The role.
    pub role: String,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
}

/// The people of a tenant.
pub struct Members<'a>(pub(crate) Scoped<'a>);

const MEMBER: &str =
    "SELECT m.account, a.email, a.name, m.role, m.since_ms FROM member m JOIN account a ON a.id = m.account
  WHERE m.tenant = ?1";

impl Members<'_> {
    /// At most `limit` people after the one with the id `after`.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<Member>, StoreError> {
        let sql = format!("{MEMBER} AND m.account > ?2 ORDER BY m.account LIMIT ?3");
        let rows = self.0.query("member", &sql, [after.into(), limit.into()])?;
        rows.iter().map(member).collect()
    }

    /// One of them.
    pub fn get(&self, account: &str) -> Result<Option<Member>, StoreError> {
        let row = self.0.one("member", &format!("{MEMBER} AND m.account = ?2"), [account.into()])?;
        row.as_ref().map(member).transpose()
    }

    /// How many have a role.
    pub fn count(&self, role: &str) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM member WHERE tenant = ?1 AND role = ?2";
        self.0.one("member", sql, [role.into()])?.map_or(Ok(0), |row| row.integer(0))
    }

    /// Adds a person.
    pub fn insert(&self, account: &str, role: &str, now_ms: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO member (tenant, account, role, since_ms) VALUES (?1, ?2, ?3, ?4)";
        self.0.execute(sql, [account.into(), role.into(), now_ms.into()]).map(drop)
    }

    /// Changes a role; false when there is no such member.
    pub fn set_role(&self, account: &str, role: &str) -> Result<bool, StoreError> {
        self.withdraw_invitations(account)?;
        let sql = "UPDATE member SET role = ?3 WHERE tenant = ?1 AND account = ?2";
        Ok(self.0.execute(sql, [account.into(), role.into()])? > 0)
    }

    /// Takes a person out, with the sessions and tokens that it has here; false when there is no such member.
    pub fn remove(&self, account: &str, now_ms: i64) -> Result<bool, StoreError> {
        self.withdraw_invitations(account)?;
        self.0.execute("DELETE FROM session WHERE tenant = ?1 AND account = ?2", [account.into()])?;
        let revoke = "UPDATE token SET revoked_ms = ?3 WHERE tenant = ?1 AND account = ?2 AND revoked_ms IS NULL";
        self.0.execute(revoke, [account.into(), now_ms.into()])?;
        Ok(self.0.execute("DELETE FROM member WHERE tenant = ?1 AND account = ?2", [account.into()])? > 0)
    }

    /// Takes back what somebody has invited to: with another role, or none, it was not theirs to give.
    fn withdraw_invitations(&self, account: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM invitation WHERE tenant = ?1 AND invited_by = ?2";
        self.0.execute(sql, [account.into()]).map(drop)
    }

    /// Asks somebody to join; an older invitation of the same address is worth nothing any more.
    pub fn invite(&self, invitation: &Invitation) -> Result<(), StoreError> {
        let email = || (&invitation.email).into();
        self.0.execute("DELETE FROM invitation WHERE tenant = ?1 AND email = ?2", [email()])?;
        let sql = "INSERT INTO invitation (tenant, hash, email, role, invited_by, expires_ms)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Invitation { hash, role, invited_by, expires_ms, .. } = invitation;
        self.0.execute(sql, [hash.into(), email(), role.into(), invited_by.into(), (*expires_ms).into()]).map(drop)
    }
}

fn member(row: &crate::Row) -> Result<Member, StoreError> {
    Ok(Member {
        account: row.text(0)?,
        email: row.text(1)?,
        name: row.text(2)?,
        role: row.text(3)?,
        since_ms: row.integer(4)?,
    })
}
