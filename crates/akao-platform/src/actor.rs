//! Who asks: a person in a tenant, and by what it is known.

use crate::{Permission, PermissionSet, Role, TokenId, UserId};
use akao_contract::Tenant;
use serde_json::{Value, json};
use std::fmt;

/// Who asks. It comes from a secret that was checked, never from a field of a request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The tenant in which it acts.
    pub tenant: Tenant,
    /// The person.
    pub user: UserId,
    /// The person's address.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// What the person is in the tenant.
    pub role: Role,
    /// What it may do: what the role may, or less where a token says so.
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
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { .. } => f.write_str("Session"),
            Self::Token(id) => write!(f, "Token({id})"),
        }
    }
}

impl Actor {
    /// Whether it may do something.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// How the audit names it.
    pub(crate) fn named(&self) -> Value {
        match &self.means {
            Means::Session { .. } => json!({"user": self.user, "email": self.email}),
            Means::Token(id) => json!({"user": self.user, "email": self.email, "token": id}),
        }
    }
}
