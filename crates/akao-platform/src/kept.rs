//! Accounts as the operator looks after them, and what is kept about each: told to whoever it is about or to the operator,
//! switched off and on, and taken away. What others must be able to follow stays: the audit keeps the account's id.

use crate::{Actor, Code, Error, Page, PageRequest, Platform, Role, accounts::only_in_person, audit, names::Names};
use akao_contract::Tenant;
use akao_step::Secret;
use akao_store::{IdentityRow, Membership, Session, Token, User, Work};
use serde_json::{Value, json};
use std::sync::{Mutex, TryLockError};

/// Lines of an audit that are read at once.
const LINES_AT_ONCE: i64 = 1_000;

/// Lines of the audit that are told of one person.
const LINES_MAX: usize = 10_000;

/// One at a time: it reads the audit of every tenant.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What is kept about a person.
#[derive(Debug)]
pub struct Kept {
    /// The account.
    pub user: User,
    /// What it is, tenant by tenant.
    pub memberships: Vec<Membership>,
    /// Its sessions.
    pub sessions: Vec<Session>,
    /// Its tokens, and in which tenant each is.
    pub tokens: Vec<(Tenant, Token)>,
    /// Its identities at providers.
    pub identities: Vec<IdentityRow>,
    /// Whether it has a second factor.
    pub has_second_factor: bool,
    /// What it did, as it stands in the audit of each tenant, newest first.
    pub audit: Vec<(Tenant, Value)>,
    /// Whether there are more lines than are told.
    pub has_more: bool,
}

impl Platform {
    /// A page of all accounts, for the operator. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn accounts(&self, page: &PageRequest) -> Result<Page<User>, Error> {
        let after = page.after().unwrap_or_default();
        let found = self.read(|work| Ok(work.accounts().page(after, page.one_more())?))?;
        Ok(page.page(found, |user| user.id.clone()))
    }

    /// Switches an account off, with its sessions and tokens, or on again; for the operator. Blocks.
    ///
    /// # Errors
    /// There is no such account, or it looks after the server.
    pub fn set_disabled(&self, actor: &Actor, account: &str, disabled: bool) -> Result<User, Error> {
        let now_ms = self.now_ms();
        self.write(|work| {
            let user = found(work, account)?;
            if disabled {
                keep_operator(&user)?;
                work.accounts().end_access(account, now_ms)?;
            }
            if user.disabled != disabled {
                work.accounts().set_disabled(account, disabled)?;
                let what = if disabled { "account.disabled" } else { "account.enabled" };
                tell(work, actor, account, now_ms, what)?;
            }
            Ok(User { disabled, ..user })
        })
    }

    /// What is kept about the actor. Blocks.
    ///
    /// # Errors
    /// The actor is a token, or somebody is told just now.
    pub fn kept_of_actor(&self, actor: &Actor) -> Result<Kept, Error> {
        let crate::Means::Session { .. } = &actor.means else { return Err(only_in_person("read what is kept")) };
        self.kept(actor.user.as_str())
    }

    /// What is kept about an account. Blocks.
    ///
    /// # Errors
    /// There is no such account, or somebody is told just now.
    pub fn kept(&self, account: &str) -> Result<Kept, Error> {
        let _turn = match ONE_AT_A_TIME.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let error = Error::new(Code::TooMany, "somebody is told just now what is kept about them");
                return Err(Error { retry_after_s: Some(5), ..error }.hint("Ask again in a moment."));
            }
        };
        let (mut kept, tenants) = self.read(|work| {
            let accounts = work.accounts();
            let user = found(work, account)?;
            let kept = Kept {
                memberships: accounts.memberships(account)?,
                sessions: accounts.sessions_of(account)?,
                tokens: accounts.tokens_of(account)?,
                identities: accounts.identities(account)?,
                has_second_factor: accounts.totp(account)?.is_some_and(|found| found.confirmed),
                user,
                audit: Vec::new(),
                has_more: false,
            };
            Ok((kept, accounts.tenants()?))
        })?;
        // A view for each page, so that a long audit holds up nothing that is written meanwhile.
        for tenant in tenants {
            let mut before = i64::MAX;
            while let Some(next) = self.read(|work| lines(work, &tenant, before, &mut kept))? {
                before = next;
            }
        }
        Ok(kept)
    }

    /// Takes an account away with everything that is kept about it, for the operator. Blocks.
    ///
    /// # Errors
    /// There is no such account, it looks after the server, or a tenant would have no owner any more.
    pub fn delete_account(&self, actor: &Actor, account: &str) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.write(|work| remove(work, actor, account, now_ms))
    }

    /// Takes the actor's own account away. Blocks.
    ///
    /// # Errors
    /// The actor is a token, the password is wrong, or as [`Platform::delete_account`].
    pub fn delete_own_account(&self, actor: &Actor, password: &Secret) -> Result<(), Error> {
        self.in_person(actor, password, "take an account away")?;
        self.delete_account(actor, actor.user.as_str())
    }
}

fn found(work: &Work<'_>, account: &str) -> Result<User, Error> {
    work.accounts().by_id(account)?.ok_or_else(|| Error::not_found("such account"))
}

fn keep_operator(user: &User) -> Result<(), Error> {
    match user.operator {
        false => Ok(()),
        true => Err(Error::new(Code::Conflict, "this account looks after the server")
            .hint("Whoever runs the server names another operator first: `akao operator appoint`.")),
    }
}

/// Tells every tenant of an account, and that of whoever did it.
fn tell(work: &Work<'_>, actor: &Actor, account: &str, now_ms: i64, what: &str) -> Result<(), Error> {
    let memberships = work.accounts().memberships(account)?;
    let others = memberships.iter().map(|membership| &membership.tenant).filter(|tenant| **tenant != actor.tenant);
    for tenant in others {
        // Other tenants do not know the operator, who belongs to none of them.
        let by = if actor.user.as_str() == account { json!({"user": account}) } else { json!({"operator": true}) };
        audit::record(work, tenant, now_ms, by, what, json!({"user": account}))?;
    }
    actor.record(work, now_ms, what, json!({"user": account}))
}

fn remove(work: &Work<'_>, actor: &Actor, account: &str, now_ms: i64) -> Result<(), Error> {
    let user = found(work, account)?;
    keep_operator(&user)?;
    let memberships = work.accounts().memberships(account)?;
    let owner = Role::Owner.as_str();
    for membership in memberships.iter().filter(|membership| membership.role == owner) {
        if work.of(&membership.tenant).members().count(owner)? < 2 {
            let message = format!("nobody would own the tenant `{}` any more", membership.tenant);
            return Err(Error::new(Code::Conflict, message).hint("Make somebody else owner first."));
        }
    }
    tell(work, actor, account, now_ms, "account.deleted")?;
    for membership in &memberships {
        work.of(&membership.tenant).members().remove(account, now_ms)?;
    }
    Ok(work.accounts().delete(&user)?)
}

/// Gathers a page of what an account did in a tenant; where the next page begins, if there is one.
fn lines(work: &Work<'_>, tenant: &Tenant, before: i64, kept: &mut Kept) -> Result<Option<i64>, Error> {
    let rows = work.of(tenant).audit().page(before, LINES_AT_ONCE)?;
    let next = rows.last().map(|row| row.seq).filter(|seq| *seq > 1);
    let mut names = Names::new(work);
    for row in rows {
        let Ok(mut line) = serde_json::from_str::<Value>(&row.line) else { continue };
        if line["by"]["user"] != json!(kept.user.id) {
            continue;
        }
        if kept.audit.len() >= LINES_MAX {
            kept.has_more = true;
            return Ok(None);
        }
        names.tell(&mut line)?;
        kept.audit.push((tenant.clone(), line));
    }
    Ok(next)
}

/// Whether an account is switched off, told to whoever knows its password.
pub(crate) fn is_disabled() -> Error {
    Error::new(Code::Forbidden, "this account is disabled").hint("Ask the operator of the server.")
}
