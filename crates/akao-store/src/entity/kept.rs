//! What is kept about one person, wherever it is: read for whoever asks for it, and taken away.

use super::{
    accounts::{Accounts, INVITATION_EMAIL, Session, User},
    tokens::{TOKEN_COLUMNS, Token, token},
};
use crate::{StoreError, access::Scope};
use akao_contract::Tenant;

/// The tables whose rows belong to one account, besides what it is in tenants.
pub(super) const OF_ACCOUNTS: [&str; 6] = ["session", "token", "identity", "recovery_code", "totp", "password_reset"];

impl Accounts<'_> {
    /// At most `limit` accounts after the one with the id `after`.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn page(&self, after: &str, limit: i64) -> Result<Vec<User>, StoreError> {
        self.users("id > ?1 ORDER BY id LIMIT ?2", &[after.into(), limit.into()])
    }

    /// The sessions of an account.
    pub fn sessions_of(&self, account: &str) -> Result<Vec<Session>, StoreError> {
        let sql = "SELECT hash, tenant, created_ms, expires_ms FROM session WHERE account = ?1 ORDER BY created_ms";
        let rows = self.access.query("session", sql, &[account.into()])?;
        rows.iter()
            .map(|row| {
                Ok(Session {
                    hash: row.text(0)?,
                    account: account.to_owned(),
                    tenant: row.parsed(1)?,
                    created_ms: row.integer(2)?,
                    expires_ms: row.integer(3)?,
                })
            })
            .collect()
    }

    /// The tokens of an account, in every tenant.
    pub fn tokens_of(&self, account: &str) -> Result<Vec<(Tenant, Token)>, StoreError> {
        let sql = format!("SELECT {TOKEN_COLUMNS}, tenant FROM token WHERE account = ?1 ORDER BY id");
        let rows = self.access.query("token", &sql, &[account.into()])?;
        rows.iter().map(|row| Ok((row.parsed(8)?, token(row)?))).collect()
    }

    /// Ends every session and token of an account.
    pub fn end_access(&self, account: &str, now_ms: i64) -> Result<(), StoreError> {
        self.end_sessions(account)?;
        let sql = "UPDATE token SET revoked_ms = ?2 WHERE account = ?1 AND revoked_ms IS NULL";
        self.access.execute(sql, &[account.into(), now_ms.into()]).map(drop)
    }

    /// The hash under which an address is found. Without the key it tells nothing of the address.
    pub fn address_hash(&self, email: &str) -> Result<String, StoreError> {
        self.keys.lookup(self.access, email)
    }

    /// The address with a hash, of an account or of somebody who is asked to join a tenant; none when nobody has it any more.
    pub fn address(&self, hash: &str) -> Result<Option<String>, StoreError> {
        if let Some(user) = self.users("email_hash = ?1", &[hash.into()])?.pop() {
            return Ok(Some(user.email));
        }
        let sql = "SELECT hash, tenant, email FROM invitation WHERE email_hash = ?1 ORDER BY tenant LIMIT 1";
        let Some(row) = self.access.one("invitation", sql, &[hash.into()])? else { return Ok(None) };
        let tenant: Tenant = row.parsed(1)?;
        let access = self.access.within(Scope::Tenant(tenant.as_str()));
        let email = self.keys.open(access, tenant.as_str(), &INVITATION_EMAIL, &row.text(0)?, &row.text(2)?)?;
        Ok(Some(email.expose().to_owned()))
    }

    /// Takes everything away that is kept about a person, and invitations of its address. It must belong to no tenant any more.
    pub fn delete(&self, user: &User) -> Result<(), StoreError> {
        let hash = self.address_hash(&user.email)?;
        self.access.execute("DELETE FROM invitation WHERE email_hash = ?1", &[(&hash).into()])?;
        self.access.execute("DELETE FROM invitation WHERE invited_by = ?1", &[(&user.id).into()])?;
        self.remove_account(&user.id)
    }

    /// Takes the row of an account away, and what belongs to it alone.
    pub(super) fn remove_account(&self, id: &str) -> Result<(), StoreError> {
        for table in OF_ACCOUNTS {
            self.access.execute(&format!("DELETE FROM {table} WHERE account = ?1"), &[id.into()])?;
        }
        self.access.execute("DELETE FROM account WHERE id = ?1", &[id.into()]).map(drop)
    }
}
