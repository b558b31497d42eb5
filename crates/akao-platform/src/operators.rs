//! Who looks after the server itself, for whoever has its data directory: to see it, and to name somebody else when nobody can
//! sign in as that any more. It is asked beside the server, not through it.

use crate::{
    Code, Error, Role,
    accounts::clean_email,
    audit,
    reset::{RESET_MS, RESET_PREFIX},
    secret,
};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{AccountKind, Membership, PasswordReset, Store, User, Work};
use serde_json::{Value, json};

/// Somebody who looks after the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorFound {
    /// The account.
    pub user: User,
    /// Where it belongs.
    pub memberships: Vec<Membership>,
}

/// Who is to look after the server.
#[derive(Debug)]
pub struct Appointment {
    /// The address of an account that is there.
    pub email: String,
    /// A tenant that the account owns from now on, where it belongs to none by which it could sign in.
    pub tenant: Option<Tenant>,
    /// Whether the second factor goes when the new password comes.
    pub drops_totp: bool,
}

/// Somebody looks after the server from now on.
#[derive(Debug)]
pub struct Appointed {
    /// The account.
    pub user: User,
    /// Whom it was taken from.
    pub instead_of: Vec<User>,
    /// The code by which a new password is chosen: shown now and never again.
    pub code: Secret,
    /// When the code ends, in Unix milliseconds.
    pub expires_ms: i64,
}

/// Who looks after the server. Blocks.
///
/// # Errors
/// Platform data cannot be read.
pub fn operators(store: &Store) -> Result<Vec<OperatorFound>, Error> {
    store.read(|work| {
        let found = work.accounts().operators()?.into_iter();
        found
            .map(|user| Ok(OperatorFound { memberships: work.accounts().memberships(&user.id)?, user }))
            .collect::<Result<_, Error>>()
    })
}

/// Makes an account the one that looks after the server, in the place of any other, and gives a code by which it chooses a new
/// password; the old one stays good until then. Whoever looked after the server is signed out. Blocks.
///
/// # Errors
/// There is no such person, or it belongs to no tenant and none is named.
pub fn appoint(store: &Store, appointment: &Appointment, now_ms: i64) -> Result<Appointed, Error> {
    let email = clean_email(&appointment.email)?;
    let code = secret::new(RESET_PREFIX)?;
    let expires_ms = now_ms.saturating_add(RESET_MS);
    store.write(|work| {
        let accounts = work.accounts();
        let user = accounts.by_email(&email)?.filter(|user| user.kind == AccountKind::Person);
        let user = user.ok_or_else(|| {
            Error::not_found("person with this address").hint("It has to have an account: it joined a tenant once.")
        })?;
        let mut instead_of = accounts.operators()?;
        instead_of.retain(|other| other.id != user.id);
        for other in &instead_of {
            accounts.set_operator(&other.id, false)?;
            accounts.end_sessions(&other.id)?;
            tell(work, &other.id, now_ms, "operator.dismissed", &json!({"user": other.id}))?;
        }
        accounts.set_operator(&user.id, true)?;
        accounts.set_disabled(&user.id, false)?;
        belong(work, &user.id, appointment.tenant.as_ref(), now_ms)?;
        let reset = PasswordReset { account: user.id.clone(), drops_totp: appointment.drops_totp, expires_ms };
        accounts.put_reset(&secret::hash_text(code.expose()), &reset)?;
        tell(work, &user.id, now_ms, "operator.appointed", &json!({"user": user.id}))?;
        Ok(Appointed { user, instead_of, code, expires_ms })
    })
}

/// Sees to it that an account belongs to a tenant: by one it signs in.
fn belong(work: &Work<'_>, account: &str, tenant: Option<&Tenant>, now_ms: i64) -> Result<(), Error> {
    let Some(tenant) = tenant else {
        return match work.accounts().memberships(account)?.is_empty() {
            false => Ok(()),
            true => Err(Error::new(Code::Conflict, "this account belongs to no tenant, so that it could not sign in")
                .hint("Name a tenant with `--tenant`; the account owns it from then on.")),
        };
    };
    let scope = work.of(tenant);
    if scope.row()?.is_none() {
        return Err(Error::not_found(format_args!("tenant `{tenant}`")));
    }
    let members = scope.members();
    let Some(member) = members.get(account)? else {
        members.insert(account, Role::Owner.as_str(), now_ms)?;
        let details = json!({"user": account, "role": "owner"});
        return audit::record(work, tenant, now_ms, machine(), "member.joined", details);
    };
    if member.role == Role::Owner.as_str() {
        return Ok(());
    }
    members.set_role(account, Role::Owner.as_str())?;
    let details = json!({"user": account, "from": member.role, "to": "owner"});
    audit::record(work, tenant, now_ms, machine(), "member.changed", details)
}

/// Whoever has the data directory; nobody else is known there.
fn machine() -> Value {
    json!({"machine": true})
}

/// Tells every tenant of an account.
fn tell(work: &Work<'_>, account: &str, now_ms: i64, what: &str, details: &Value) -> Result<(), Error> {
    for membership in work.accounts().memberships(account)? {
        audit::record(work, &membership.tenant, now_ms, machine(), what, details.clone())?;
    }
    Ok(())
}
