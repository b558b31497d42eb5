//! People with passwords: signing in and out, and who one is.

use crate::{
    Actor, Code, Credential, Error, Means, Platform, Source, kept, password,
    second_factor::{self, Checked},
    secret,
};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{AccountKind, Membership, Session, Work};
use serde_json::json;

/// How long a session lasts.
const SESSION_MS: i64 = 24 * 60 * 60 * 1000;

/// What a session's secret begins with.
const SESSION_PREFIX: &str = "akao_session_";

/// Longest address, in bytes.
const EMAIL_BYTES_MAX: usize = 254;

/// Longest name of a person or of anything that people name, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 200;

/// Somebody has signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The session's secret, for the cookie.
    pub session: Secret,
    /// What requests by the session must repeat.
    pub csrf: String,
    /// When it ends, in Unix milliseconds.
    pub expires_ms: i64,
    /// Who it is.
    pub actor: Actor,
}

/// Who one is.
#[derive(Debug)]
pub struct Whoami {
    /// The title of the tenant in which one acts.
    pub tenant_title: String,
    /// Where else one is a member.
    pub memberships: Vec<Membership>,
    /// Whether one has a second factor.
    pub has_second_factor: bool,
}

impl Platform {
    /// Signs in by address and password, in the tenant that is named or the first that the person belongs to. Those from one
    /// source wait for each other. Blocks.
    ///
    /// # Errors
    /// Address and password do not belong together, or too many attempts failed. Which of the two is wrong is not told. The
    /// second factor is asked for only by whoever knows the password.
    pub fn sign_in(
        &self,
        source: Source,
        email: &str,
        password: &Secret,
        tenant: Option<&Tenant>,
        totp: Option<&str>,
    ) -> Result<SignedIn, Error> {
        let now_ms = self.now_ms();
        let wrong = || Error::new(Code::Unauthenticated, "the address and the password do not belong together");
        let name = secret::hash(&email.trim().to_lowercase());
        self.inner.throttle.check(&name, now_ms)?;
        let user = match clean_email(email) {
            Ok(email) => self.read(|work| Ok(work.accounts().by_email(&email)?))?,
            Err(_) => None,
        };
        let stored = user.as_ref().and_then(|user| user.password.as_deref());
        if !password::fits(&source.to_string(), password, stored)? {
            self.inner.throttle.failed(name, now_ms);
            tracing::warn!("a sign-in failed");
            return Err(wrong());
        }
        let user = user.ok_or_else(wrong)?;
        if user.disabled {
            return Err(kept::is_disabled());
        }
        let signed_in = self.write(|work| {
            self.pass_second_factor(work, &user.id, totp, now_ms)?;
            let tenant = tenant_of(work, &user.id, tenant)?;
            let signed_in = begin_session(work, &tenant, &user.id, now_ms)?;
            signed_in.actor.record(work, now_ms, "session.begun", json!({}))?;
            Ok(signed_in)
        })?;
        self.inner.throttle.succeeded(&name);
        Ok(signed_in)
    }

    /// Goes on when an account has no second factor, or its code is right; the code is used up.
    pub(crate) fn pass_second_factor(
        &self,
        work: &Work<'_>,
        account: &str,
        totp: Option<&str>,
        now_ms: i64,
    ) -> Result<(), Error> {
        let name = second_factor::throttled(account);
        self.inner.throttle.check(&name, now_ms)?;
        match second_factor::check(work, account, totp, now_ms)? {
            Checked::Passed => Ok(()),
            Checked::Missing => Err(second_factor::missing()),
            Checked::Wrong => {
                self.inner.throttle.failed(name, now_ms);
                tracing::warn!("a second factor was wrong");
                Err(Error::new(Code::Unauthenticated, "the code of the second factor is wrong, or was used"))
            }
        }
    }

    /// Ends the session of an actor. Blocks.
    ///
    /// # Errors
    /// The actor is known by a token, which is revoked instead.
    pub fn sign_out(&self, actor: &Actor) -> Result<(), Error> {
        let Means::Session { hash, .. } = &actor.means else { return Err(only_in_person("end a session")) };
        self.write(|work| {
            work.accounts().delete_session(hash)?;
            actor.record(work, self.now_ms(), "session.ended", json!({}))
        })
    }

    /// Changes one's password; every session of the person ends. Blocks.
    ///
    /// # Errors
    /// The present password is wrong, or the new one may not be one.
    pub fn change_password(&self, actor: &Actor, present: &Secret, new: &Secret) -> Result<(), Error> {
        self.in_person(actor, present, "change a password")?;
        let now_ms = self.now_ms();
        let hash = password::hash(actor.user.as_str(), new)?;
        self.write(|work| {
            work.accounts().set_password(actor.user.as_str(), &hash)?;
            actor.record(work, now_ms, "password.changed", json!({}))
        })
    }

    /// Who one is. Blocks.
    ///
    /// # Errors
    /// Platform data cannot be read.
    pub fn whoami(&self, actor: &Actor) -> Result<Whoami, Error> {
        self.read(|work| {
            let row = work.of(&actor.tenant).row()?;
            let memberships = work.accounts().memberships(actor.user.as_str())?;
            let has_second_factor = work.accounts().totp(actor.user.as_str())?.is_some_and(|found| found.confirmed);
            Ok(Whoami { tenant_title: row.map(|row| row.title).unwrap_or_default(), memberships, has_second_factor })
        })
    }
}

/// What a token may not do.
pub(crate) fn only_in_person(what: &str) -> Error {
    Error::new(Code::Forbidden, format!("an API token cannot {what}")).hint("Sign in for this.")
}

/// Begins a session of a member.
pub(crate) fn begin_session(work: &Work<'_>, tenant: &Tenant, account: &str, now_ms: i64) -> Result<SignedIn, Error> {
    let session = secret::new(SESSION_PREFIX)?;
    let expires_ms = now_ms.saturating_add(SESSION_MS);
    let hash = secret::hash_text(session.expose());
    work.accounts().insert_session(&Session {
        hash: hash.clone(),
        account: account.to_owned(),
        tenant: tenant.clone(),
        created_ms: now_ms,
        expires_ms,
    })?;
    let csrf = secret::csrf_of(session.expose());
    let means = Means::Session { hash, csrf: csrf.clone() };
    let actor = crate::authentication::member(work, tenant, account, means)?;
    let actor = actor.filter(|actor| actor.kind == AccountKind::Person);
    let actor = actor.ok_or_else(|| Error::new(Code::Forbidden, "the person is no member any more"))?;
    Ok(SignedIn { session, csrf, expires_ms, actor })
}

impl Credential {
    /// The credential of a session that has just begun.
    pub fn of(signed_in: &SignedIn) -> Self {
        Self::Session(signed_in.session.clone())
    }
}

/// An address in the form in which it is kept.
///
/// # Errors
/// It is none.
pub(crate) fn clean_email(text: &str) -> Result<String, Error> {
    let email = text.trim().to_lowercase();
    let sound = email.len() <= EMAIL_BYTES_MAX
        && !email.contains(|letter: char| letter.is_whitespace() || letter.is_control())
        && email
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    match sound {
        true => Ok(email),
        false => Err(Error::invalid("`email` is not an address").hint("Write for example `ada@example.com`.")),
    }
}

/// A name in the form in which it is kept.
///
/// # Errors
/// It is empty or too long.
pub(crate) fn clean_name(field: &str, text: &str) -> Result<String, Error> {
    let name = text.trim();
    match name.len() {
        0 => Err(Error::invalid(format!("`{field}` is empty"))),
        1..=NAME_BYTES_MAX if !name.contains(char::is_control) => Ok(name.to_owned()),
        _ => Err(Error::invalid(format!("`{field}` is longer than {NAME_BYTES_MAX} bytes, or not one line"))),
    }
}

/// The tenant that somebody signs in to: the one that is wished, or else the first that they belong to.
pub(crate) fn tenant_of(work: &Work<'_>, account: &str, wanted: Option<&Tenant>) -> Result<Tenant, Error> {
    let memberships = work.accounts().memberships(account)?;
    let mut of = memberships.into_iter().map(|membership| membership.tenant);
    of.find(|found| wanted.is_none_or(|wanted| wanted == found)).ok_or_else(|| {
        Error::new(Code::Forbidden, "the person belongs to no such tenant").hint("Ask an admin for an invitation.")
    })
}
