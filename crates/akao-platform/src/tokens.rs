//! API tokens: what a program uses in a person's name. They may do what they were made for and what the person still may,
//! they end, and their secret is shown once.

use crate::{
    Actor, Error, Means, Page, PageRequest, Permission, PermissionSet, Platform, TokenId,
    accounts::{clean_name, only_in_person},
    permission, secret,
};
use akao_step::Secret;
use akao_store::Token;
use serde_json::json;

/// How long a token may last, in days.
const DAYS_MAX: u32 = 366;

/// How long one lasts when nobody says.
const DAYS_USUAL: u32 = 90;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A token to be made.
#[derive(Debug)]
pub struct NewToken {
    /// Its name for people.
    pub name: String,
    /// What it may do; everything that the person may when absent.
    pub permissions: Option<Vec<String>>,
    /// How long it lasts, in days.
    pub days: Option<u32>,
}

/// A token that was made.
#[derive(Debug)]
pub struct TokenMade {
    /// Its secret: shown now and never again.
    pub secret: Secret,
    /// The token.
    pub token: Token,
}

impl Platform {
    /// Makes a token. Blocks.
    ///
    /// # Errors
    /// The actor is a token itself, or asks for what it may not do.
    pub fn make_token(&self, actor: &Actor, new: &NewToken) -> Result<TokenMade, Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person("make others")) };
        let made = token(self.now_ms(), actor.user.as_str(), actor.permissions, new)?;
        self.write(|work| {
            let token = &made.token;
            work.of(&actor.tenant).tokens().insert(token)?;
            let permissions = PermissionSet::from_text(&token.permissions);
            let details = json!({"token": token.id, "name": token.name, "permissions": permissions});
            actor.record(work, token.created_ms, "token.created", details)
        })?;
        Ok(made)
    }

    /// A page of one's tokens, or of everybody's for whoever may see those. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn tokens(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Token>, Error> {
        let own = (!actor.may(Permission::TokensAll)).then(|| actor.user.as_str());
        let after = page.after().unwrap_or_default();
        let found = self.read(|work| Ok(work.of(&actor.tenant).tokens().page(own, after, page.one_more())?))?;
        Ok(page.page(found, |token| token.id.clone()))
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is none with this id that the actor may see.
    pub fn token(&self, actor: &Actor, id: &str) -> Result<Token, Error> {
        let found = self.read(|work| Ok(work.of(&actor.tenant).tokens().get(id)?))?;
        found.filter(|token| may_see(actor, token)).ok_or_else(missing)
    }

    /// Makes a token worthless. Blocks.
    ///
    /// # Errors
    /// There is none with this id that the actor may revoke.
    pub fn revoke_token(&self, actor: &Actor, id: &str) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write(|work| {
            let tokens = work.of(&actor.tenant).tokens();
            let found = tokens.get(id)?.filter(|token| may_see(actor, token)).ok_or_else(missing)?;
            if tokens.revoke(id, now_ms)? {
                actor.record(work, now_ms, "token.revoked", json!({"token": id, "name": found.name}))?;
            }
            Ok(())
        })
    }
}

fn missing() -> Error {
    Error::not_found("such token")
}

/// Whether a token is the actor's own, or of those that the actor sees as well.
fn may_see(actor: &Actor, token: &Token) -> bool {
    token.account == actor.user.as_str() || actor.may(Permission::TokensAll)
}

/// A token of an account that may do `may`, with its secret.
///
/// # Errors
/// The request cannot be meant, or asks for more than that.
pub(crate) fn token(now_ms: i64, account: &str, may: PermissionSet, new: &NewToken) -> Result<TokenMade, Error> {
    let permissions = wanted(may, new.permissions.as_deref())?;
    let days = new.days.unwrap_or(DAYS_USUAL);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Error::invalid(format!("a token lasts from 1 to {DAYS_MAX} days")));
    }
    let secret = secret::new(secret::TOKEN_PREFIX)?;
    let token = Token {
        id: TokenId::new(now_ms, secret::random_bits()?).as_str().to_owned(),
        account: account.to_owned(),
        name: clean_name("name", &new.name)?,
        hash: secret::hash_text(secret.expose()),
        permissions: permissions.to_text(),
        created_ms: now_ms,
        expires_ms: now_ms.saturating_add(i64::from(days).saturating_mul(DAY_MS)),
        revoked_ms: None,
    };
    Ok(TokenMade { secret, token })
}

/// What a token may do of what its account may.
fn wanted(may: PermissionSet, names: Option<&[String]>) -> Result<PermissionSet, Error> {
    // What concerns other tenants too is only given by its name.
    let Some(names) = names else { return Ok(may.without(Permission::ServerMetrics)) };
    let wanted = permission::named(names)?;
    match may.covers(wanted) {
        true => Ok(wanted),
        false => {
            let more: Vec<&str> = wanted.iter().filter(|asked| !may.contains(*asked)).map(Permission::as_str).collect();
            let message = format!("a token cannot do more than whoever it is of: {}", more.join(", "));
            Err(Error::new(crate::Code::Forbidden, message))
        }
    }
}
