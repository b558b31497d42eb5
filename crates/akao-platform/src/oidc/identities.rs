//! Who somebody is here whom a provider vouches for: known already, linked by a session, asked to join, let in by a rule of the
//! operator's, or nobody.

use super::{Begun, Provider, Rule, Wish, flow::Link, id_token::Claims, remote::not_told};
use crate::{
    Actor, Code, Error, Means, Platform, Role, SignedIn, UserId,
    accounts::{begin_session, clean_email, clean_name, only_in_person, tenant_of},
    kept, members, password, roles, secret,
};
use akao_contract::Tenant;
use akao_store::{AccountKind, IdentityRow, User, Work};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

pub use akao_store::IdentityRow as Identity;

impl Platform {
    /// Begins to link an identity to the actor's account; the sign-in at the provider ends that.
    ///
    /// # Errors
    /// The actor is a token, or as [`Platform::begin_oidc`].
    pub async fn begin_link(&self, actor: &Arc<Actor>, provider: &str) -> Result<Begun, Error> {
        let Means::Session { hash, .. } = &actor.means else { return Err(only_in_person("link an identity")) };
        let wish = Wish { tenant: Some(actor.tenant.clone()), invitation: None };
        let link = Link { user: actor.user.clone(), session: hash.clone() };
        self.begin_flow(provider, wish, Some(link)).await
    }

    /// The identities that are linked to the actor's account. Blocks.
    ///
    /// # Errors
    /// Platform data cannot be read.
    pub fn identities(&self, actor: &Actor) -> Result<Vec<Identity>, Error> {
        self.read(|work| Ok(work.accounts().identities(actor.user.as_str())?))
    }

    /// Takes a link away. Blocks.
    ///
    /// # Errors
    /// There is none with this id, or the person could not sign in any more.
    pub fn remove_identity(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person("take a link away")) };
        self.write(|work| {
            let all = work.accounts().identities(actor.user.as_str())?;
            let found = all.iter().find(|identity| identity.id == id);
            let found = found.ok_or_else(|| Error::not_found("such identity"))?;
            let has_password = work.accounts().by_id(actor.user.as_str())?.is_some_and(|user| user.password.is_some());
            if all.len() == 1 && !has_password {
                return Err(Error::new(Code::Conflict, "there would be no way to sign in any more")
                    .hint("Link another identity first, or ask the operator for a password."));
            }
            work.accounts().remove_identity(id)?;
            actor.record(work, self.now_ms(), "identity.unlinked", json!({"provider": found.provider}))
        })
    }

    /// Signs in whomever a provider vouches for. Blocks.
    ///
    /// What the provider does not say of somebody any more counts also where they are refused, which undoes everything else.
    pub(super) fn sign_in_by(
        &self,
        provider: &Provider,
        claims: &Claims,
        wish: &Wish,
        link: Option<&Link>,
    ) -> Result<SignedIn, Error> {
        let now_ms = self.now_ms();
        let signed_in = self.write(|work| {
            let arrival = Arrival { work, provider, claims, wish, link, now_ms };
            let account = arrival.account()?;
            let user = work.accounts().by_id(&account)?.filter(|user| user.kind == AccountKind::Person);
            if user.ok_or_else(|| nobody(provider))?.disabled {
                return Err(kept::is_disabled());
            }
            arrival.apply_rules(&account, true)?;
            let tenant = arrival.tenant(&account)?;
            let signed_in = begin_session(work, &tenant, &account, now_ms)?;
            signed_in.actor.record(work, now_ms, "session.begun", json!({"provider": provider.name}))?;
            Ok(signed_in)
        });
        if signed_in.is_err() {
            self.write(|work| Arrival { work, provider, claims, wish, link, now_ms }.lose())?;
        }
        signed_in
    }
}

fn nobody(provider: &Provider) -> Error {
    Error::new(Code::Forbidden, format!("nobody here is known by this identity of `{}`", provider.title))
        .hint("Ask an admin for an invitation and sign in by its link, or sign in by password and link the identity.")
}

/// What the rules of a provider give somebody in a tenant.
enum Given<'a> {
    Role(&'a str),
    Nothing,
    /// A claim that decides it is not known.
    Unknown,
}

/// Somebody who comes back from a provider.
struct Arrival<'a> {
    work: &'a Work<'a>,
    provider: &'a Provider,
    claims: &'a Claims,
    wish: &'a Wish,
    link: Option<&'a Link>,
    now_ms: i64,
}

impl Arrival<'_> {
    /// The account, which may be made or linked now.
    fn account(&self) -> Result<String, Error> {
        let (accounts, provider) = (self.work.accounts(), self.provider);
        let known = accounts.identity(&provider.issuer, &self.claims.sub)?;
        if let Some(link) = self.link {
            return self.linked_by_session(link, known);
        }
        if let Some(known) = known {
            if let Some(code) = &self.wish.invitation {
                self.join(&secret::hash_text(code.expose()), Some(&known.account))?;
            }
            return Ok(known.account);
        }
        if let Some(code) = &self.wish.invitation {
            let account = self.join(&secret::hash_text(code.expose()), None)?;
            self.link(&account)?;
            return Ok(account);
        }
        if let Some(user) = self.by_verified_address()? {
            self.end_other_ways_in(&user)?;
            self.link(&user.id)?;
            return Ok(user.id);
        }
        // Whoever fits no rule would be nobody anywhere.
        let is_address_open = self.claims.is_unknown("email");
        let is_open = self.is_open(None)? || (provider.links_verified_email && is_address_open);
        let is_given = |tenant: &Tenant| Ok::<_, Error>(matches!(self.given(tenant)?, Given::Role(_)));
        if !any(self.tenants(), is_given)? {
            return Err(if is_open { self.not_known() } else { nobody(provider) });
        }
        // Under an address that is not theirs somebody would act in another's name.
        let email = self.claims.verified_email().ok_or_else(|| {
            tracing::warn!("provider {} does not vouch for the address of whom a rule lets in", provider.name);
            if is_address_open { self.not_known() } else { nobody(provider) }
        })?;
        let account = self.new_account(email)?;
        self.link(&account)?;
        Ok(account)
    }

    /// The account whose session asked for the link.
    fn linked_by_session(&self, Link { user, session }: &Link, known: Option<IdentityRow>) -> Result<String, Error> {
        let session = self.work.accounts().session(session)?;
        if session.is_none_or(|session| session.expires_ms <= self.now_ms) {
            return Err(Error::new(Code::Forbidden, "the session that asked for the link has ended")
                .hint("Sign in and begin again."));
        }
        match known {
            Some(known) if known.account == user.as_str() => {}
            Some(_) => return Err(Error::new(Code::Conflict, "this identity belongs to another account")),
            None => self.link(user.as_str())?,
        }
        Ok(user.as_str().to_owned())
    }

    /// The account that has the address, where the operator lets a verified one count.
    fn by_verified_address(&self) -> Result<Option<User>, Error> {
        let Some(email) = self.claims.verified_email().filter(|_| self.provider.links_verified_email) else {
            return Ok(None);
        };
        let Ok(email) = clean_email(email) else { return Ok(None) };
        Ok(self.work.accounts().by_email(&email)?)
    }

    /// Nobody has verified here that whoever made the account has its address. Now somebody has shown it, and what was there before,
    /// which may be another's, opens nothing any more. The operator's own account is not one that strangers make.
    fn end_other_ways_in(&self, user: &User) -> Result<(), Error> {
        if user.operator {
            return Ok(());
        }
        let accounts = self.work.accounts();
        // A password that nobody has; sessions end with the one before.
        accounts.set_password(&user.id, &password::hash(&user.id, &secret::new("")?)?)?;
        accounts.remove_totp(&user.id)?;
        for other in accounts.identities(&user.id)? {
            accounts.remove_identity(&other.id)?;
        }
        Ok(())
    }

    /// Joins by an invitation: as an account that is known, or as a new one with the address that was invited.
    fn join(&self, code: &str, known: Option<&str>) -> Result<String, Error> {
        let invitation = members::taken(self.work, code, self.now_ms)?;
        let account = match known {
            Some(known) => known.to_owned(),
            None => self.new_account(&invitation.email)?,
        };
        let members = self.work.of(&invitation.tenant).members();
        members.insert(&account, &invitation.role, self.now_ms)?;
        self.record(&invitation.tenant, &account, "member.joined", json!({"role": invitation.role}))?;
        Ok(account)
    }

    /// Makes an account without a password. One that has the address already is never taken over by saying so.
    fn new_account(&self, email: &str) -> Result<String, Error> {
        let email = clean_email(email)?;
        if self.work.accounts().by_email(&email)?.is_some() {
            return Err(Error::new(Code::Conflict, "there is an account with this address, and it is not linked")
                .hint("Sign in by its password and link the identity there."));
        }
        let id = UserId::new(self.now_ms, secret::random_bits()?);
        let name = self.claims.text("name").and_then(|name| clean_name("name", name).ok());
        self.work.accounts().insert(&User {
            id: id.as_str().to_owned(),
            kind: AccountKind::Person,
            name: name.unwrap_or_else(|| email.clone()),
            email,
            password: None,
            operator: false,
            disabled: false,
            created_ms: self.now_ms,
        })?;
        Ok(id.as_str().to_owned())
    }

    fn link(&self, account: &str) -> Result<(), Error> {
        self.work.accounts().insert_identity(&IdentityRow {
            id: UserId::new(self.now_ms, secret::random_bits()?).as_str().to_owned(),
            issuer: self.provider.issuer.clone(),
            subject: self.claims.sub.clone(),
            account: account.to_owned(),
            provider: self.provider.name.clone(),
            created_ms: self.now_ms,
        })?;
        // Each tenant of the person is told: from now on there is another way in.
        for membership in self.work.accounts().memberships(account)? {
            self.record(&membership.tenant, account, "identity.linked", json!({"provider": self.provider.name}))?;
        }
        Ok(())
    }

    fn record(&self, tenant: &Tenant, account: &str, what: &str, details: Value) -> Result<(), Error> {
        let by = json!({"user": account, "provider": self.provider.name});
        crate::audit::record(self.work, tenant, self.now_ms, by, what, details)
    }

    /// Ends, or changes, what rules have made and the claims do not give any more.
    fn lose(&self) -> Result<(), Error> {
        let known = self.work.accounts().identity(&self.provider.issuer, &self.claims.sub)?;
        let account = match known {
            Some(known) => Some(known.account),
            None => self.by_verified_address()?.map(|user| user.id),
        };
        account.map_or(Ok(()), |account| self.apply_rules(&account, false))
    }

    /// The tenants that rules name.
    fn tenants(&self) -> BTreeSet<&Tenant> {
        self.provider.rules.iter().map(|rule| &rule.tenant).collect()
    }

    /// What the first rule of a tenant that fits gives there; unknown where one before it may fit. One whose role was taken away gives
    /// nothing, and keeps nobody in the role that an earlier one gave.
    fn given(&self, tenant: &Tenant) -> Result<Given<'_>, Error> {
        for rule in self.provider.rules.iter().filter(|rule| rule.tenant == *tenant) {
            let (fits, is_unknown) = (fits(rule, self.claims), self.claims.is_unknown(&rule.claim));
            if !fits && !is_unknown {
                continue;
            }
            if roles::find(self.work, tenant, &rule.role)?.is_none() {
                let (provider, role) = (&self.provider.name, &rule.role);
                tracing::warn!("a rule of provider {provider} names role {role}, which {tenant} does not have");
                continue;
            }
            return Ok(if fits { Given::Role(&rule.role) } else { Given::Unknown });
        }
        Ok(Given::Nothing)
    }

    /// Whether it is not known what the rules give in a tenant, or in any.
    fn is_open(&self, tenant: Option<&Tenant>) -> Result<bool, Error> {
        let of = self.tenants().into_iter().filter(|found| tenant.is_none_or(|tenant| tenant == *found));
        any(of, |tenant| Ok(matches!(self.given(tenant)?, Given::Unknown)))
    }

    /// Why somebody is refused about whom too little is known.
    fn not_known(&self) -> Error {
        let why = "it says that claims which rules name are told elsewhere";
        self.claims.failure.clone().unwrap_or_else(|| not_told(self.provider, why))
    }

    /// Whether a membership comes and goes with the claims. Who was made an owner meanwhile is one: a tenant keeps an owner whatever
    /// a provider says.
    fn is_ours(&self, tenant: &Tenant, account: &str) -> Result<bool, Error> {
        let members = self.work.of(tenant).members();
        let is_owner = members.get(account)?.is_some_and(|member| member.role == Role::Owner.as_str());
        Ok(!is_owner && members.managed_by(account)?.as_deref() == Some(self.provider.name.as_str()))
    }

    /// The tenant that somebody signs in to: none to which they may not belong any more for all that is known.
    fn tenant(&self, account: &str) -> Result<Tenant, Error> {
        let wanted = self.wish.tenant.as_ref();
        // Whoever looks after the server keeps the last one.
        let keeps = members::is_last_of_operator(self.work, account)?;
        for membership in self.work.accounts().memberships(account)? {
            let tenant = membership.tenant;
            if wanted.is_some_and(|wanted| *wanted != tenant) {
                continue;
            }
            if keeps || !self.is_open(Some(&tenant))? || !self.is_ours(&tenant, account)? {
                return Ok(tenant);
            }
        }
        match self.is_open(wanted)? {
            true => Err(self.not_known()),
            false => tenant_of(self.work, account, wanted),
        }
    }

    /// Brings memberships up to date that the rules of a provider have made: they change and go with the claims, and where
    /// `joins` is true they come too. Others are left alone, and so are those about which too little is known.
    fn apply_rules(&self, account: &str, joins: bool) -> Result<(), Error> {
        // Where the last rule of a tenant was taken out, nothing gives what it had given.
        let memberships = self.work.accounts().memberships(account)?;
        let tenants: BTreeSet<&Tenant> =
            self.tenants().into_iter().chain(memberships.iter().map(|membership| &membership.tenant)).collect();
        tenants.into_iter().try_for_each(|tenant| match self.given(tenant)? {
            Given::Role(role) => self.apply_to(tenant, Some(role), account, joins),
            Given::Nothing => self.apply_to(tenant, None, account, joins),
            Given::Unknown => Ok(()),
        })
    }

    /// Whether one role may do nothing that another may not. One that is not there any more may do nothing.
    fn is_within(&self, tenant: &Tenant, role: &str, other: &str) -> Result<bool, Error> {
        let of = |name: &str| roles::find(self.work, tenant, name);
        Ok(matches!((of(role)?, of(other)?), (Some(role), Some(other)) if other.permissions.covers(role.permissions)))
    }

    /// Brings the membership of one tenant up to date, to which the claims give this role.
    fn apply_to(&self, tenant: &Tenant, wanted: Option<&str>, account: &str, joins: bool) -> Result<(), Error> {
        let Self { work, provider, now_ms, .. } = *self;
        let scope = work.of(tenant);
        if scope.row()?.is_none() {
            if wanted.is_some() {
                tracing::warn!("a rule of provider {} names tenant {tenant}, which is not there", provider.name);
            }
            return Ok(());
        }
        let members = scope.members();
        let (member, is_ours) = (members.get(account)?, self.is_ours(tenant, account)?);
        match (wanted, &member) {
            (Some(role), None) if joins => {
                members.insert(account, role, now_ms)?;
                members.set_managed_by(account, &provider.name)?;
                self.record(tenant, account, "member.joined", json!({"role": role}))
            }
            // A sign-in that is refused takes and does not give.
            (Some(role), Some(member))
                if is_ours && member.role != role && (joins || self.is_within(tenant, role, &member.role)?) =>
            {
                members.set_role(account, role)?;
                let details = json!({"user": account, "from": member.role, "to": role});
                self.record(tenant, account, "member.changed", details)
            }
            // Whoever looks after the server needs a tenant to sign in to.
            (None, Some(_)) if is_ours && !members::is_last_of_operator(work, account)? => {
                members.remove(account, now_ms)?;
                self.record(tenant, account, "member.removed", json!({"user": account}))
            }
            _ => Ok(()),
        }
    }
}

/// Whether something holds for one of several tenants.
fn any<'t>(
    tenants: impl IntoIterator<Item = &'t Tenant>,
    mut holds: impl FnMut(&Tenant) -> Result<bool, Error>,
) -> Result<bool, Error> {
    for tenant in tenants {
        if holds(tenant)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a rule lets in whoever has these claims.
fn fits(rule: &Rule, claims: &Claims) -> bool {
    let has = |found: &Value| rule.value.as_ref().is_none_or(|wanted| found.as_str() == Some(wanted));
    match claims.others.get(&rule.claim) {
        None | Some(Value::Null) => false,
        // Whether an address is the person's own decides whether it may open a door.
        Some(_) if rule.claim == "email" => {
            claims.verified_email().is_some_and(|email| rule.value.as_deref().is_none_or(|wanted| wanted == email))
        }
        Some(Value::Array(found)) => found.iter().any(has),
        Some(found) => has(found) || rule.value.as_deref() == Some(&found.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_fit_texts_lists_and_verified_addresses() {
        let rule = |claim: &str, value: Option<&str>, role: &str| Rule {
            claim: claim.to_owned(),
            value: value.map(str::to_owned),
            tenant: "acme".parse().unwrap(),
            role: role.to_owned(),
        };
        let provider = Provider {
            name: "corp".to_owned(),
            title: "Corp".to_owned(),
            issuer: "https://login.example.com".to_owned(),
            client_id: "akao".to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            links_verified_email: false,
            rules: vec![
                rule("groups", Some("admins"), "admin"),
                rule("team", Some("red"), "editor"),
                rule("email", Some("ada@example.com"), "operator"),
                rule("employee", Some("true"), "viewer"),
            ],
        };
        let fit = |document: Value| -> Vec<String> {
            let claims: Claims = serde_json::from_value(document).unwrap();
            provider.rules.iter().filter(|rule| fits(rule, &claims)).map(|rule| rule.role.clone()).collect()
        };
        let with = |more: Value| {
            let mut document = json!({"sub": "s", "aud": "akao"});
            document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            fit(document)
        };
        assert_eq!(with(json!({"groups": ["staff", "admins"], "team": "red"})), ["admin", "editor"]);
        assert_eq!(with(json!({"groups": "admins", "employee": true})), ["admin", "viewer"]);
        assert!(with(json!({"groups": ["administrators"], "email": "ada@example.com"})).is_empty());
        assert_eq!(with(json!({"email": "ada@example.com", "email_verified": true})), ["operator"]);
        let anybody = rule("email", None, "viewer");
        for (document, fits) in [
            (json!({"email": "ada@example.com", "email_verified": true}), true),
            (json!({"email": "ada@example.com", "email_verified": false}), false),
            (json!({"email": "ada@example.com"}), false),
            (json!({"email": ["ada@example.com"]}), false),
        ] {
            let mut claims = json!({"sub": "s", "aud": "akao"});
            claims.as_object_mut().unwrap().extend(document.as_object().unwrap().clone());
            let claims: Claims = serde_json::from_value(claims).unwrap();
            assert_eq!(super::fits(&anybody, &claims), fits, "{document}");
        }
    }
}
