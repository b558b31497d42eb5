//! What people sign in with beside a password: a seed of codes, codes for when it is lost, and codes by which the operator lets
//! somebody choose a new password.

use super::accounts::Accounts;
use crate::{SealedColumn, StoreError};
use akao_step::Secret;

/// Where the seeds are.
pub(crate) const TOTP_SEED: SealedColumn = SealedColumn { table: "totp", column: "seed", row: "account" };

/// A seed of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpRow {
    /// The seed, as people copy it.
    pub seed: Secret,
    /// Whether a code of it was shown to be right; until then it counts for nothing.
    pub confirmed: bool,
}

/// Somebody may choose a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// Who.
    pub account: String,
    /// Whether the second factor goes with the old password.
    pub drops_totp: bool,
    /// Until when, in Unix milliseconds.
    pub expires_ms: i64,
}

impl Accounts<'_> {
    /// The seed of an account.
    ///
    /// # Errors
    /// The database failed; so for all below.
    pub fn totp(&self, account: &str) -> Result<Option<TotpRow>, StoreError> {
        let sql = "SELECT seed, confirmed_ms FROM totp WHERE account = ?1";
        let row = self.access.one("totp", sql, &[account.into()])?;
        row.map(|row| {
            let seed = self.open(&TOTP_SEED, account, &row.text(0)?)?;
            Ok(TotpRow { seed, confirmed: row.integer_if_any(1)?.is_some() })
        })
        .transpose()
    }

    /// Gives an account a seed that is still to be confirmed, in the place of any other.
    pub fn put_totp(&self, account: &str, seed: &Secret, now_ms: i64) -> Result<(), StoreError> {
        self.remove_totp(account)?;
        let sealed = self.seal(&TOTP_SEED, account, seed.expose())?;
        let sql = "INSERT INTO totp (account, seed, last_step, created_ms) VALUES (?1, ?2, 0, ?3)";
        self.access.execute(sql, &[account.into(), (&sealed).into(), now_ms.into()]).map(drop)
    }

    /// Confirms a seed.
    pub fn confirm_totp(&self, account: &str, now_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE totp SET confirmed_ms = ?2 WHERE account = ?1";
        self.access.execute(sql, &[account.into(), now_ms.into()]).map(drop)
    }

    /// Uses the code of a step of time up; false when it, or a later one, was used before.
    pub fn use_totp_step(&self, account: &str, step: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE totp SET last_step = ?2 WHERE account = ?1 AND last_step < ?2";
        Ok(self.access.execute(sql, &[account.into(), step.into()])? > 0)
    }

    /// Takes seed and recovery codes of an account away; false when there was no seed.
    pub fn remove_totp(&self, account: &str) -> Result<bool, StoreError> {
        self.access.execute("DELETE FROM recovery_code WHERE account = ?1", &[account.into()])?;
        Ok(self.access.execute("DELETE FROM totp WHERE account = ?1", &[account.into()])? > 0)
    }

    /// Adds a recovery code, by its hash.
    pub fn add_recovery_code(&self, account: &str, hash: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO recovery_code (account, hash) VALUES (?1, ?2)";
        self.access.execute(sql, &[account.into(), hash.into()]).map(drop)
    }

    /// Uses a recovery code up; false when there is none.
    pub fn take_recovery_code(&self, account: &str, hash: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM recovery_code WHERE account = ?1 AND hash = ?2";
        Ok(self.access.execute(sql, &[account.into(), hash.into()])? > 0)
    }

    /// Lets somebody choose a new password by a code; an earlier code is worth nothing any more.
    pub fn put_reset(&self, hash: &str, reset: &PasswordReset) -> Result<(), StoreError> {
        self.access.execute("DELETE FROM password_reset WHERE account = ?1", &[(&reset.account).into()])?;
        let sql = "INSERT INTO password_reset (hash, account, drops_totp, expires_ms) VALUES (?1, ?2, ?3, ?4)";
        let values = [hash.into(), (&reset.account).into(), reset.drops_totp.into(), reset.expires_ms.into()];
        self.access.execute(sql, &values).map(drop)
    }

    /// What a code allows.
    pub fn reset(&self, hash: &str) -> Result<Option<PasswordReset>, StoreError> {
        let sql = "SELECT account, drops_totp, expires_ms FROM password_reset WHERE hash = ?1";
        let row = self.access.one("password_reset", sql, &[hash.into()])?;
        row.map(|row| {
            Ok(PasswordReset { account: row.text(0)?, drops_totp: row.truth(1)?, expires_ms: row.integer(2)? })
        })
        .transpose()
    }

    /// Uses a code up; false when it was used before.
    pub fn take_reset(&self, hash: &str) -> Result<bool, StoreError> {
        Ok(self.access.execute("DELETE FROM password_reset WHERE hash = ?1", &[hash.into()])? > 0)
    }
}
