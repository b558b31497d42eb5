//! The people of a tenant: asked to join, given a role, taken out. Nobody gives away more than they have.

use crate::{
    Actor, Code, Error, Page, PageRequest, Permission, Platform, Role, SignedIn,
    accounts::{begin_session, clean_email, clean_name},
    password, secret, setup,
};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{Invitation, Member, Members, Work};
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
    pub role: Role,
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

    /// Asks somebody to join. Blocks.
    ///
    /// # Errors
    /// The actor may not give this role.
    pub fn invite(&self, actor: &Actor, email: &str, role: &str) -> Result<Invited, Error> {
        let now_ms = self.now_ms();
        let (email, role) = (clean_email(email)?, role_of(role)?);
        may_give(actor, role)?;
        self.write(|work| {
            let invited = invitation(work, &actor.tenant, &email, role, actor, now_ms)?;
            actor.record(work, now_ms, "member.invited", json!({"email": email, "role": role}))?;
            Ok(invited)
        })
    }

    /// Joins a tenant by an invitation, and is signed in there. Blocks.
    ///
    /// # Errors
    /// The code is worth nothing, or the account of that address has another password.
    pub fn join(&self, joined: &Joined) -> Result<SignedIn, Error> {
        let now_ms = self.now_ms();
        let bad =
            || Error::new(Code::Forbidden, "the invitation is not valid, or was used").hint("Ask for another one.");
        let code = secret::hash_text(joined.code.expose());
        if !self.read(|work| Ok(work.accounts().has_invitation(&code)?))? {
            return Err(bad());
        }
        password::check(&joined.password)?;
        let hash = password::hash(&joined.password)?;
        self.write(|work| {
            let invitation = work.accounts().take_invitation(&code)?;
            let invitation = invitation.filter(|found| now_ms < found.expires_ms).ok_or_else(bad)?;
            // Whoever invites an address has a code for it, and may not use it to guess that account's password.
            let throttle = &self.inner.throttle;
            let name = secret::hash(&invitation.email);
            throttle.check(&name, now_ms)?;
            let account = match work.accounts().by_email(&invitation.email)? {
                Some(user) if user.disabled => return Err(bad()),
                Some(user) if !password::fits(&joined.password, user.password.as_deref())? => {
                    throttle.failed(name, now_ms);
                    let message = "there is an account with this address, and its password is another one";
                    return Err(Error::new(Code::Forbidden, message).hint("Give the password of that account."));
                }
                Some(user) => user.id,
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
    /// There is no such member, the actor may not, or nobody would own the tenant any more.
    pub fn set_role(&self, actor: &Actor, account: &str, role: &str) -> Result<Member, Error> {
        let (now_ms, role) = (self.now_ms(), role_of(role)?);
        may_give(actor, role)?;
        self.write(|work| {
            let members = work.of(&actor.tenant).members();
            let member = changeable(actor, &members, account, role)?;
            members.set_role(account, role.as_str())?;
            let details = json!({"user": account, "email": member.email, "from": member.role, "to": role});
            actor.record(work, now_ms, "member.changed", details)?;
            Ok(Member { role: role.as_str().to_owned(), ..member })
        })
    }

    /// Takes a person out of the tenant, with its sessions and tokens there. Blocks.
    ///
    /// # Errors
    /// As [`Platform::set_role`].
    pub fn remove_member(&self, actor: &Actor, account: &str) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write(|work| {
            let members = work.of(&actor.tenant).members();
            let member = changeable(actor, &members, account, Role::Viewer)?;
            members.remove(account, now_ms)?;
            actor.record(work, now_ms, "member.removed", json!({"user": account, "email": member.email}))
        })
    }
}

/// Asks somebody to join a tenant.
pub(crate) fn invitation(
    work: &Work<'_>,
    tenant: &Tenant,
    email: &str,
    role: Role,
    actor: &Actor,
    now_ms: i64,
) -> Result<Invited, Error> {
    let code = secret::new(INVITATION_PREFIX)?;
    let expires_ms = now_ms.saturating_add(INVITATION_MS);
    work.of(tenant).members().invite(&Invitation {
        hash: secret::hash_text(code.expose()),
        tenant: tenant.clone(),
        email: email.to_owned(),
        role: role.as_str().to_owned(),
        invited_by: actor.user.as_str().to_owned(),
        expires_ms,
    })?;
    Ok(Invited { code, email: email.to_owned(), role, expires_ms })
}

fn role_of(text: &str) -> Result<Role, Error> {
    text.parse().map_err(|()| {
        let all = Role::ALL.map(Role::as_str).join(", ");
        Error::invalid(format!("there is no role `{text}`")).hint(format!("The roles are {all}."))
    })
}

fn may_give(actor: &Actor, role: Role) -> Result<(), Error> {
    let enough = actor.permissions.covers(role.permissions());
    match enough && (role != Role::Owner || actor.may(Permission::OwnersWrite)) {
        true => Ok(()),
        false => Err(Error::new(Code::Forbidden, format!("the role {role} may do more than you may give"))),
    }
}

/// A member that the actor may change to a role.
fn changeable(actor: &Actor, members: &Members<'_>, account: &str, to: Role) -> Result<Member, Error> {
    let member = members.get(account)?.ok_or_else(|| Error::not_found("such member"))?;
    may_give(actor, role_of(&member.role)?)?;
    let owner = Role::Owner.as_str();
    if member.role == owner && to != Role::Owner && members.count(owner)? < 2 {
        return Err(
            Error::new(Code::Conflict, "nobody would own the tenant any more").hint("Make somebody else owner first.")
        );
    }
    Ok(member)
}
