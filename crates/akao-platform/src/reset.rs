//! New passwords for people who have lost theirs: the operator of the server gives a code, which somebody uses once.

use crate::{Actor, Code, Error, Platform, accounts::clean_email, password, secret};
use akao_step::Secret;
use akao_store::{AccountKind, PasswordReset, Work};
use serde_json::{Value, json};

/// What a code begins with.
pub(crate) const RESET_PREFIX: &str = "akao_reset_";

/// How long a code is good.
pub(crate) const RESET_MS: i64 = 24 * 60 * 60 * 1000;

/// A code was given.
#[derive(Debug)]
pub struct ResetGiven {
    /// The code: shown now and never again.
    pub code: Secret,
    /// When it ends, in Unix milliseconds.
    pub expires_ms: i64,
}

impl Platform {
    /// Gives a code by which somebody chooses a new password, for the operator; the old one stays good until then. Blocks.
    ///
    /// # Errors
    /// There is no such person.
    pub fn give_reset(&self, actor: &Actor, email: &str, drops_totp: bool) -> Result<ResetGiven, Error> {
        let (email, now_ms) = (clean_email(email)?, self.now_ms());
        let code = secret::new(RESET_PREFIX)?;
        let expires_ms = now_ms.saturating_add(RESET_MS);
        self.write(|work| {
            let user = work.accounts().by_email(&email)?.filter(|user| user.kind == AccountKind::Person);
            let user = user.ok_or_else(|| Error::not_found("such person"))?;
            let reset = PasswordReset { account: user.id.clone(), drops_totp, expires_ms };
            work.accounts().put_reset(&secret::hash_text(code.expose()), &reset)?;
            let details = json!({"user": user.id, "second_factor": drops_totp});
            tell(work, &user.id, now_ms, &json!({"operator": true}), "password.reset_given", &details)?;
            actor.record(work, now_ms, "password.reset_given", details)
        })?;
        Ok(ResetGiven { code, expires_ms })
    }

    /// Chooses a new password by a code; every session of the person ends. Blocks.
    ///
    /// # Errors
    /// The code is worth nothing, or the password may not be one.
    pub fn reset_password(&self, code: &Secret, new: &Secret) -> Result<(), Error> {
        let bad = || Error::new(Code::Forbidden, "the code is not valid, or was used").hint("Ask for another one.");
        let (hash, now_ms) = (secret::hash_text(code.expose()), self.now_ms());
        // The code first: hashing a password is work that strangers must not be able to ask for.
        let found = self.read(|work| Ok::<_, Error>(work.accounts().reset(&hash)?))?;
        let found = found.filter(|found| now_ms < found.expires_ms).ok_or_else(bad)?;
        let stored = password::hash(&hash, new)?;
        self.write(|work| {
            let accounts = work.accounts();
            if !accounts.take_reset(&hash)? {
                return Err(bad());
            }
            accounts.set_password(&found.account, &stored)?;
            if found.drops_totp {
                accounts.remove_totp(&found.account)?;
            }
            let details = json!({"second_factor": found.drops_totp});
            tell(work, &found.account, now_ms, &json!({"user": found.account}), "password.reset", &details)
        })
    }
}

/// Tells every tenant of a person.
fn tell(work: &Work<'_>, account: &str, now_ms: i64, by: &Value, what: &str, details: &Value) -> Result<(), Error> {
    for membership in work.accounts().memberships(account)? {
        crate::audit::record(work, &membership.tenant, now_ms, by.clone(), what, details.clone())?;
    }
    Ok(())
}
