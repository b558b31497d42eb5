//! The people of a tenant: asked to join, given a role, taken out. Nobody gives away more than they have.

use crate::{
    Actor, Code, Error, Expected, NamedRole, Page, PageRequest, PermissionSet, Platform, Role, SignedIn,
    accounts::{begin_session, clean_email, clean_name},
    authentication, password,
    roles::{self, may_give, named},
    secret,
    services::service_owns_nothing,
    setup,
};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{AccountKind, Invitation, Member, Work};
use serde_json::json;

/// What an invitation's code begins with.
const INVITATION_PREFIX: &str = "akao_invitation_";

/// How long an invitation is good.
const INVITATION_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Somebody was asked to join.
#[derive(Debug)]
pub struct Invited {
    /// The code for whoever is asked: shown now and never again.
    pub code: Secret,
    /// The address.
    pub email: String,
    /// The role.
    pub role: String,
    /// When it ends, in Unix milliseconds.
    pub expires_ms: i64,
}

/// What somebody says who was asked to join.
#[derive(Debug)]
pub struct Joined {
    /// The code.
    pub code: Secret,
    /// The name; not needed from who has an account.
    pub name: Option<String>,
    /// The password: a new one, or that of the account which has the address.
    pub password: Secret,
    /// The code of the account's second factor, where it has one.
    pub totp: Option<String>,
}

/// The tag of a member: a digest of what is shown of it, since nobody counts its changes.
pub fn member_tag(member: &Member) -> String {
    let Member { account, email, name, kind, role, since_ms } = member;
    let shown = json!([account, email, name, kind.as_str(), role, since_ms]);
    let mut digest = secret::hash_text(&shown.to_string());
    digest.truncate(16);
    digest
}

impl Platform {
    /// A page of the tenant's people. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn members(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Member>, Error> {
        let after = page.after().unwrap_or_default();
        let found = self.read(|work| Ok(work.of(&actor.tenant).members().page(after, page.one_more())?))?;
        Ok(page.page(found, |member| member.account.clone()))
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is no such member.
    pub fn member(&self, actor: &Actor, account: &str) -> Result<Member, Error> {
        let found = self.read(|work| Ok(work.of(&actor.tenant).members().get(account)?))?;
        found.ok_or_else(|| Error::not_found("such member"))
    }

    /// Asks somebody to join. Blocks.
    ///
    /// # Errors
    /// The actor may not give this role.
    pub fn invite(&self, actor: &Actor, email: &str, role: &str) -> Result<Invited, Error> {
        let now_ms = self.now_ms();
        let email = clean_email(email)?;
        self.write(|work| {
            let role = named(work, &actor.tenant, role)?;
            may_give(actor, &role)?;
            let invited = invitation(work, &actor.tenant, &email, &role, actor, now_ms)?;
            let details = json!({"address": work.accounts().address_hash(&email)?, "role": role.name});
            actor.record(work, now_ms, "member.invited", details)?;
            Ok(invited)
        })
    }

    /// Joins a tenant by an invitation, and is signed in there. Blocks.
    ///
    /// # Errors
    /// The code is worth nothing, or the account of that address has another password.
    pub fn join(&self, joined: &Joined) -> Result<SignedIn, Error> {
        let now_ms = self.now_ms();
        let code = secret::hash_text(joined.code.expose());
        if !self.read(|work| Ok(work.accounts().has_invitation(&code)?))? {
            return Err(bad_invitation());
        }
        password::check(&joined.password)?;
        let hash = password::hash(&code, &joined.password)?;
        self.write(|work| {
            let invitation = taken(work, &code, now_ms)?;
            // Whoever invites an address has a code for it, and may not use it to guess that account's password.
            let throttle = &self.inner.throttle;
            let name = secret::hash(&invitation.email);
            throttle.check(&name, now_ms)?;
            let account = match work.accounts().by_email(&invitation.email)? {
                Some(user) if user.disabled => return Err(bad_invitation()),
                Some(user) if !password::fits(&code, &joined.password, user.password.as_deref())? => {
                    throttle.failed(name, now_ms);
                    let message = "there is an account with this address, and its password is another one";
                    return Err(Error::new(Code::Forbidden, message).hint("Give the password of that account."));
                }
                Some(user) => {
                    self.pass_second_factor(work, &user.id, joined.totp.as_deref(), now_ms)?;
                    user.id
                }
                None => {
                    let name = clean_name("name", joined.name.as_deref().unwrap_or_default())?;
                    setup::new_user(work, &invitation.email, &name, &hash, false, now_ms)?.as_str().to_owned()
                }
            };
            work.of(&invitation.tenant).members().insert(&account, &invitation.role, now_ms)?;
            let signed_in = begin_session(work, &invitation.tenant, &account, now_ms)?;
            signed_in.actor.record(work, now_ms, "member.joined", json!({"role": invitation.role}))?;
            Ok(signed_in)
        })
    }

    /// Changes a person's role. Blocks.
    ///
    /// # Errors
    /// There is no such member, it is not what was expected, the actor may not, or nobody would own the tenant any more.
    pub fn set_role(&self, actor: &Actor, account: &str, role: &str, expected: &Expected) -> Result<Member, Error> {
        let now_ms = self.now_ms();
        self.write(|work| {
            let role = named(work, &actor.tenant, role)?;
            may_give(actor, &role)?;
            let member = changeable(work, actor, account, role.is_owner())?;
            let is_own = actor.user.as_str() == account;
            if !is_own && !role.permissions.covers(within_reach(work, actor, &member)?) {
                keep_operator(work, &member)?;
            }
            expected.allows(&member.name, Some(&member_tag(&member)))?;
            if role.is_owner() && member.kind == AccountKind::Service {
                return Err(service_owns_nothing());
            }
            work.of(&actor.tenant).members().set_role(account, &role.name)?;
            let details = json!({"user": account, "from": member.role, "to": role.name});
            actor.record(work, now_ms, "member.changed", details)?;
            Ok(Member { role: role.name, ..member })
        })
    }

    /// Takes a person out of the tenant, with its sessions and tokens there. Blocks.
    ///
    /// # Errors
    /// As [`Platform::set_role`].
    pub fn remove_member(&self, actor: &Actor, account: &str, expected: &Expected) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write(|work| {
            let member = changeable(work, actor, account, false)?;
            keep_operator(work, &member)?;
            expected.allows(&member.name, Some(&member_tag(&member)))?;
            work.of(&actor.tenant).members().remove(account, now_ms)?;
            actor.record(work, now_ms, "member.removed", json!({"user": account}))
        })
    }
}

/// Asks somebody to join a tenant.
pub(crate) fn invitation(
    work: &Work<'_>,
    tenant: &Tenant,
    email: &str,
    role: &NamedRole,
    actor: &Actor,
    now_ms: i64,
) -> Result<Invited, Error> {
    let code = secret::new(INVITATION_PREFIX)?;
    let expires_ms = now_ms.saturating_add(INVITATION_MS);
    work.of(tenant).members().invite(&Invitation {
        hash: secret::hash_text(code.expose()),
        tenant: tenant.clone(),
        email: email.to_owned(),
        role: role.name.clone(),
        invited_by: actor.user.as_str().to_owned(),
        expires_ms,
    })?;
    Ok(Invited { code, email: email.to_owned(), role: role.name.clone(), expires_ms })
}

/// What a member may do, where the actor may do all of that too: nobody changes who may do more than they.
///
/// # Errors
/// The member may do more.
pub(crate) fn within_reach(work: &Work<'_>, actor: &Actor, member: &Member) -> Result<PermissionSet, Error> {
    // A role that is not there any more gives nothing.
    let may = roles::permissions_of(work, &actor.tenant, member)?.unwrap_or_default();
    match actor.permissions.covers(may) {
        true => Ok(may),
        false => Err(Error::new(Code::Forbidden, format!("{} may do more than you may give", member.name))),
    }
}

/// A member that the actor may change; whether the change leaves it an owner decides whether it may be the last one.
fn changeable(work: &Work<'_>, actor: &Actor, account: &str, stays_owner: bool) -> Result<Member, Error> {
    let members = work.of(&actor.tenant).members();
    let member = members.get(account)?.ok_or_else(|| Error::not_found("such member"))?;
    within_reach(work, actor, &member)?;
    let owner = Role::Owner.as_str();
    if member.role == owner && !stays_owner && members.count(owner)? < 2 {
        return Err(
            Error::new(Code::Conflict, "nobody would own the tenant any more").hint("Make somebody else owner first.")
        );
    }
    Ok(member)
}

/// Goes on unless this is the one membership by which whoever looks after the server signs in: without it nobody could.
fn keep_operator(work: &Work<'_>, member: &Member) -> Result<(), Error> {
    match is_last_of_operator(work, &member.account)? {
        false => Ok(()),
        true => Err(Error::new(
            Code::Conflict,
            format!("{} looks after the server and belongs to no other tenant", member.name),
        )
        .hint("Whoever runs the server names another operator first: `akao operator appoint`.")),
    }
}

/// Whether an account looks after the server and belongs to one tenant alone.
pub(crate) fn is_last_of_operator(work: &Work<'_>, account: &str) -> Result<bool, Error> {
    let is_operator = work.accounts().by_id(account)?.is_some_and(|user| user.operator);
    Ok(is_operator && work.accounts().memberships(account)?.len() < 2)
}

fn bad_invitation() -> Error {
    Error::new(Code::Forbidden, "the invitation is not valid, or was used").hint("Ask for another one.")
}

/// Takes the invitation with a code, which is worth nothing afterwards.
///
/// # Errors
/// There is none, it is too old, or whoever sent it could not give its role any more.
pub(crate) fn taken(work: &Work<'_>, code: &str, now_ms: i64) -> Result<Invitation, Error> {
    let found = work.accounts().take_invitation(code)?.filter(|found| now_ms < found.expires_ms);
    let invitation = found.ok_or_else(bad_invitation)?;
    match is_still_given(work, &invitation)? {
        true => Ok(invitation),
        false => Err(bad_invitation()),
    }
}

/// Whether whoever invited somebody may still give the role: it may do more by now, or they less.
fn is_still_given(work: &Work<'_>, invitation: &Invitation) -> Result<bool, Error> {
    let Some(role) = roles::find(work, &invitation.tenant, &invitation.role)? else { return Ok(false) };
    let inviter = work.accounts().by_id(&invitation.invited_by)?;
    let is_operator = inviter.is_some_and(|user| user.operator && !user.disabled);
    match work.of(&invitation.tenant).members().get(&invitation.invited_by)? {
        Some(member) => {
            let may = roles::permissions_of(work, &invitation.tenant, &member)?.unwrap_or_default();
            let may = if is_operator { authentication::with_operators(may) } else { may };
            Ok(may.covers(role.permissions))
        }
        // Only the operator invites into a tenant without belonging to it.
        None => Ok(is_operator),
    }
}
