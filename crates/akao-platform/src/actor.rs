//! Who asks: a person in a tenant, and by what it is known.

use crate::{HookId, Permission, PermissionSet, ScheduleId, TokenId, UserId, WebhookId};
use akao_contract::Tenant;
use akao_store::AccountKind;
use serde_json::{Value, json};
use std::fmt;

/// Who asks. It comes from a secret that was checked, never from a field of a request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The tenant in which it acts.
    pub tenant: Tenant,
    /// When that tenant was made. Once it is deleted another one may have its name, in which nobody acts who was let in before.
    pub(crate) tenant_made_ms: i64,
    /// The person.
    pub user: UserId,
    /// Whether it is a person or a program.
    pub kind: AccountKind,
    /// The person's address; a program has none, see [`address`].
    pub email: String,
    /// The person's name.
    pub name: String,
    /// What the person is in the tenant.
    pub role: String,
    /// What it may do: what its role and the roles of its teams may, or less where a token says so.
    pub permissions: PermissionSet,
    /// Whether the person looks after the server itself, and acts by a session.
    pub operator: bool,
    /// By what it is known.
    pub means: Means,
}

/// By what an actor is known.
#[derive(Clone, PartialEq, Eq)]
pub enum Means {
    /// A session of a browser, with what its requests must repeat.
    Session {
        /// The hash of its secret.
        hash: String,
        /// What requests must repeat.
        csrf: String,
    },
    /// An API token.
    Token(TokenId),
    /// A schedule that somebody made; it was not asked for by a secret.
    Schedule(ScheduleId),
    /// A hook that somebody made; the message was signed by its secret.
    Hook(HookId),
    /// A webhook that somebody made; it does nothing but be told.
    Webhook(WebhookId),
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { .. } => f.write_str("Session"),
            Self::Token(id) => write!(f, "Token({id})"),
            Self::Schedule(id) => write!(f, "Schedule({id})"),
            Self::Hook(id) => write!(f, "Hook({id})"),
            Self::Webhook(id) => write!(f, "Webhook({id})"),
        }
    }
}

impl Actor {
    /// Whether it may do something.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// How the audit names it: people by their account alone, since a line is never changed; see `names.rs`.
    pub(crate) fn named(&self) -> Value {
        let mut named = match self.kind {
            AccountKind::Person => json!({"user": self.user}),
            AccountKind::Service => json!({"user": self.user, "service": self.name}),
        };
        match &self.means {
            Means::Session { .. } => {}
            Means::Token(id) => named["token"] = json!(id),
            Means::Schedule(id) => named["schedule"] = json!(id),
            Means::Hook(id) => named["hook"] = json!(id),
            Means::Webhook(id) => named["webhook"] = json!(id),
        }
        named
    }
}

/// The address of an account, if it is one that people have.
pub fn address(kind: AccountKind, email: &str) -> Option<&str> {
    (kind == AccountKind::Person).then_some(email)
}
