//! The people of a tenant, and who is asked to join it.

use super::accounts::{ACCOUNT_EMAIL, ACCOUNT_NAME, AccountKind, INVITATION_EMAIL, Invitation};
use crate::{Row, Scoped, SealedColumn, StoreError, vault::SERVER};

/// A person of a tenant, or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person's id.
    pub account: String,
    /// The address.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// What it is.
    pub kind: AccountKind,
    /// The role.
    pub role: String,
    /// Since when, in Unix milliseconds.
    pub since_ms: i64,
}

/// The people of a tenant.
pub struct Members<'a>(pub(crate) Scoped<'a>);

const MEMBER: &str = "SELECT m.account, a.email, a.name, m.role, m.since_ms, a.kind FROM member m
  JOIN account a ON a.id = m.account WHERE m.tenant = ?1";

impl Members<'_> {
    /// At most `limit` people after the one with the id `after`.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<Member>, StoreError> {
        let sql = format!("{MEMBER} AND m.account > ?2 ORDER BY m.account LIMIT ?3");
        let rows = self.0.query("member", &sql, [after.into(), limit.into()])?;
        rows.iter().map(|row| self.member(row)).collect()
    }

    /// One of them.
    pub fn get(&self, account: &str) -> Result<Option<Member>, StoreError> {
        let row = self.0.one("member", &format!("{MEMBER} AND m.account = ?2"), [account.into()])?;
        row.as_ref().map(|row| self.member(row)).transpose()
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

    /// The provider whose rules made a membership, if one did.
    pub fn managed_by(&self, account: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT managed_by FROM member WHERE tenant = ?1 AND account = ?2";
        self.0.one("member", sql, [account.into()])?.map_or(Ok(None), |row| row.text_if_any(0))
    }

    /// Names the provider whose rules made a membership.
    pub fn set_managed_by(&self, account: &str, provider: &str) -> Result<(), StoreError> {
        let sql = "UPDATE member SET managed_by = ?3 WHERE tenant = ?1 AND account = ?2";
        self.0.execute(sql, [account.into(), provider.into()]).map(drop)
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
        let teams = "UPDATE team SET revision = revision + 1, changed_ms = ?3
          WHERE tenant = ?1 AND name IN (SELECT team FROM team_member WHERE tenant = ?1 AND account = ?2)";
        self.0.execute(teams, [account.into(), now_ms.into()])?;
        self.0.execute("DELETE FROM team_member WHERE tenant = ?1 AND account = ?2", [account.into()])?;
        Ok(self.0.execute("DELETE FROM member WHERE tenant = ?1 AND account = ?2", [account.into()])? > 0)
    }

    /// Takes back what somebody has invited to: with another role, or none, it was not theirs to give.
    fn withdraw_invitations(&self, account: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM invitation WHERE tenant = ?1 AND invited_by = ?2";
        self.0.execute(sql, [account.into()]).map(drop)
    }

    /// Asks somebody to join; an older invitation of the same address is worth nothing any more.
    pub fn invite(&self, invitation: &Invitation) -> Result<(), StoreError> {
        let Invitation { hash, email, role, invited_by, expires_ms, .. } = invitation;
        let email_hash = self.0.keys.lookup(self.0.access, email)?;
        let sql = "DELETE FROM invitation WHERE tenant = ?1 AND email_hash = ?2";
        self.0.execute(sql, [(&email_hash).into()])?;
        let sql = "INSERT INTO invitation (tenant, hash, email, role, invited_by, expires_ms, email_hash)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let sealed = self.0.seal(&INVITATION_EMAIL, hash, email)?;
        let expires_ms = (*expires_ms).into();
        let values = [hash.into(), (&sealed).into(), role.into(), invited_by.into(), expires_ms, (&email_hash).into()];
        self.0.execute(sql, values).map(drop)
    }

    fn member(&self, row: &Row) -> Result<Member, StoreError> {
        let account = row.text(0)?;
        // A person is of no tenant, so that the server's own key seals what is known of it.
        let open = |column: &SealedColumn, sealed: String| {
            let opened = self.0.keys.open(self.0.access, SERVER, column, &account, &sealed)?;
            Ok::<_, StoreError>(opened.expose().to_owned())
        };
        Ok(Member {
            email: open(&ACCOUNT_EMAIL, row.text(1)?)?,
            name: open(&ACCOUNT_NAME, row.text(2)?)?,
            account,
            role: row.text(3)?,
            since_ms: row.integer(4)?,
            kind: row.parsed(5)?,
        })
    }
}
