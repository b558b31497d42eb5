//! Service accounts: programs that are members of a tenant. They have a role like people, and tokens; they have no password, no
//! session, and own no tenant. They stay when whoever made them leaves.

use crate::{
    Actor, Code, Error, Means, NewToken, Platform, TokenMade, UserId,
    accounts::{clean_name, only_in_person},
    members,
    roles::{may_give, named},
    secret,
};
use akao_store::{AccountKind, Member, User};
use serde_json::json;

impl Platform {
    /// Makes a service account with a role. Blocks.
    ///
    /// # Errors
    /// The role may do more than the actor, or owns the tenant.
    pub fn make_service(&self, actor: &Actor, name: &str, role: &str) -> Result<Member, Error> {
        let (now_ms, name) = (self.now_ms(), clean_name("name", name)?);
        let id = UserId::new(now_ms, secret::random_bits()?);
        self.write(|work| {
            let role = named(work, &actor.tenant, role)?;
            may_give(actor, &role)?;
            if role.is_owner() {
                return Err(service_owns_nothing());
            }
            work.accounts().insert(&User {
                id: id.as_str().to_owned(),
                kind: AccountKind::Service,
                // No address that anybody could sign in by or be invited under.
                email: format!("service:{id}"),
                name: name.clone(),
                password: None,
                operator: false,
                disabled: false,
                created_ms: now_ms,
            })?;
            let members = work.of(&actor.tenant).members();
            members.insert(id.as_str(), &role.name, now_ms)?;
            let details = json!({"user": id, "service": name, "role": role.name});
            actor.record(work, now_ms, "service.created", details)?;
            members.get(id.as_str())?.ok_or_else(|| Error::not_found("such member"))
        })
    }

    /// Makes a token of a service account. Blocks.
    ///
    /// # Errors
    /// There is no such service account, or it or the token may do more than the actor.
    pub fn make_service_token(&self, actor: &Actor, account: &str, new: &NewToken) -> Result<TokenMade, Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person("make others")) };
        self.write(|work| {
            let member = work.of(&actor.tenant).members().get(account)?;
            let member = member.filter(|member| member.kind == AccountKind::Service);
            let member = member.ok_or_else(|| Error::not_found("such service account"))?;
            let may = members::within_reach(work, actor, &member)?;
            let made = crate::tokens::token(self.now_ms(), account, may, new)?;
            work.of(&actor.tenant).tokens().insert(&made.token)?;
            let details =
                json!({"token": made.token.id, "name": made.token.name, "service": member.name, "user": account});
            actor.record(work, made.token.created_ms, "token.created", details)?;
            Ok(made)
        })
    }
}

pub(crate) fn service_owns_nothing() -> Error {
    Error::new(Code::Conflict, "a service account cannot own a tenant").hint("Give it the role `admin`.")
}
