//! Secrets: resolved at the moment a step starts, never journaled, and never printed.

use akao_contract::Tenant;
use std::fmt;

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No secret of this name was given.
    #[error("there is no secret `{0}`")]
    Absent(String),
    /// It could not be read from where it is kept.
    #[error("secret `{name}` could not be read: {reason}")]
    Unreadable {
        /// The secret's name.
        name: String,
        /// What went wrong, without the value.
        reason: String,
    },
}

/// A secret's text. It masks itself in `Debug` and `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this must not log, journal or print it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where secrets come from.
pub trait SecretSource: Send + Sync {
    /// The secret of this name for this tenant.
    fn secret(&self, tenant: &Tenant, name: &str) -> Result<Secret, SecretError>;
}
