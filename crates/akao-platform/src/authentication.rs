//! From a secret to an actor. Who was found stays known until platform data change, so that a request costs no query; and no
//! longer than a minute, since a command beside the server may change them too.

use crate::{Actor, Code, Error, Means, Permission, PermissionSet, Platform, TokenId, UserId, roles, secret};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::Work;
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// Actors that are known at once; beyond that all are looked up again.
const KNOWN_MAX: usize = 10_000;

/// How long somebody stays known whom another process may have changed.
const KNOWN_MS: i64 = 60 * 1000;

/// A secret that came with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The cookie of a browser.
    Session(Secret),
    /// An API token.
    Token(Secret),
}

/// Actors by the hashes of their secrets, and word of it when they are forgotten.
#[derive(Default)]
pub(crate) struct Known(RwLock<Entries>, watch::Sender<()>);

#[derive(Default)]
struct Entries {
    /// Counts changes of platform data: what was read before one is not remembered after it.
    generation: u64,
    actors: BTreeMap<[u8; 32], (Arc<Actor>, i64)>,
}

impl Known {
    fn get(&self, key: &[u8; 32], now_ms: i64) -> Option<Arc<Actor>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // One who would stay known for longer was put there before the clock was set back.
        let is_known = |expires_ms: i64| (1..=KNOWN_MS).contains(&expires_ms.saturating_sub(now_ms));
        entries.actors.get(key).filter(|(_, expires_ms)| is_known(*expires_ms)).map(|(actor, _)| Arc::clone(actor))
    }

    fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    fn put(&self, generation: u64, key: [u8; 32], actor: &Arc<Actor>, expires_ms: i64) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if entries.generation != generation {
            return;
        }
        if entries.actors.len() >= KNOWN_MAX {
            entries.actors.clear();
        }
        entries.actors.insert(key, (Arc::clone(actor), expires_ms));
    }

    /// Forgets everybody. To be called after a change has been committed.
    pub(crate) fn forget(&self) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.generation += 1;
        entries.actors.clear();
        drop(entries);
        self.1.send_replace(());
    }
}

impl Credential {
    /// The hash under which it is looked up. Sessions and tokens begin differently, so that none passes for the other.
    fn hash(&self) -> [u8; 32] {
        match self {
            Self::Session(secret) | Self::Token(secret) => secret::hash(secret.expose()),
        }
    }
}

impl Platform {
    /// Who is meant by a credential, if that is known without looking it up.
    pub fn known_actor(&self, credential: &Credential) -> Option<Arc<Actor>> {
        self.inner.known.get(&credential.hash(), self.now_ms()).filter(|actor| is_of(actor, credential))
    }

    /// Tells when somebody may have become worth less: whoever goes on hearing something is to be looked up again then.
    /// The first look is due at once, because of what changed before anybody listened.
    pub fn forgotten(&self) -> watch::Receiver<()> {
        let mut forgotten = self.inner.known.1.subscribe();
        forgotten.mark_changed();
        forgotten
    }

    /// Who is meant by a credential. Blocks.
    ///
    /// # Errors
    /// It is worth nothing, or not any more.
    pub fn actor(&self, credential: &Credential) -> Result<Arc<Actor>, Error> {
        let (key, now_ms) = (credential.hash(), self.now_ms());
        if let Some(actor) = self.known_actor(credential) {
            return Ok(actor);
        }
        let generation = self.inner.known.generation();
        let hash = secret::hex(&key);
        let found = self.read(|work| match credential {
            Credential::Session(secret) => by_session(work, &hash, secret, now_ms),
            Credential::Token(_) => by_token(work, &hash, now_ms),
        })?;
        let Some((actor, expires_ms)) = found else {
            let message = match credential {
                Credential::Session(_) => "the session has ended",
                Credential::Token(_) => "the token is not valid, or not any more",
            };
            return Err(Error::new(Code::Unauthenticated, message).hint("Sign in again, or use another token."));
        };
        let actor = Arc::new(actor);
        self.inner.known.put(generation, key, &actor, expires_ms.min(now_ms.saturating_add(KNOWN_MS)));
        Ok(actor)
    }
}

fn is_of(actor: &Actor, credential: &Credential) -> bool {
    matches!(
        (&actor.means, credential),
        (Means::Session { .. }, Credential::Session(_)) | (Means::Token(_), Credential::Token(_))
    )
}

type Found = Option<(Actor, i64)>;

fn by_session(work: &Work<'_>, hash: &str, secret: &Secret, now_ms: i64) -> Result<Found, Error> {
    let Some(session) = work.accounts().session(hash)?.filter(|session| now_ms < session.expires_ms) else {
        return Ok(None);
    };
    let means = Means::Session { hash: session.hash, csrf: secret::csrf_of(secret.expose()) };
    let actor = member(work, &session.tenant, &session.account, means)?;
    Ok(actor.map(|actor| (actor, session.expires_ms)))
}

fn by_token(work: &Work<'_>, hash: &str, now_ms: i64) -> Result<Found, Error> {
    let found = work.accounts().token(hash)?;
    let Some((tenant, token)) = found.filter(|(_, token)| token.revoked_ms.is_none() && now_ms < token.expires_ms)
    else {
        return Ok(None);
    };
    let Ok(id) = token.id.parse::<TokenId>() else { return Ok(None) };
    let actor = member(work, &tenant, &token.account, Means::Token(id))?;
    Ok(actor.map(|actor| {
        let permissions = actor.permissions.and(PermissionSet::from_text(&token.permissions));
        // Whoever looks after the server does so in person.
        (Actor { permissions, operator: false, ..actor }, token.expires_ms)
    }))
}

/// What the operator of the server may besides: what is counted is of all tenants, and nobody else can give it away.
pub(crate) fn with_operators(permissions: PermissionSet) -> PermissionSet {
    permissions.with(Permission::ServerMetrics)
}

/// The person as it stands in the tenant now, whatever it was when the secret was made.
pub(crate) fn member(work: &Work<'_>, tenant: &Tenant, account: &str, means: Means) -> Result<Option<Actor>, Error> {
    let Some(user) = work.accounts().by_id(account)?.filter(|user| !user.disabled) else { return Ok(None) };
    let Some(tenant_row) = work.of(tenant).row()? else { return Ok(None) };
    let Some(member) = work.of(tenant).members().get(account)? else { return Ok(None) };
    let Ok(id) = user.id.parse::<UserId>() else { return Ok(None) };
    let Some(permissions) = roles::permissions_of(work, tenant, &member)? else { return Ok(None) };
    Ok(Some(Actor {
        tenant: tenant.clone(),
        tenant_made_ms: tenant_row.created_ms,
        user: id,
        kind: user.kind,
        email: user.email,
        name: user.name,
        role: member.role,
        permissions: if user.operator { with_operators(permissions) } else { permissions },
        operator: user.operator,
        means,
    }))
}
