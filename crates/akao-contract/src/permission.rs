//! What a node type asks for and what an owner grants: `network.http=HOST:PORT`, `filesystem.read=volume://name`, …

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The permissions that exist. A bare name is the narrowest form of the right; `scope` widens it to a named thing.
const NAMES: [&str; 6] =
    ["filesystem.read", "filesystem.write", "network.http", "network.tcp", "system.exec", "secrets"];

/// Why a text is not a permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// No such permission.
    #[error("there is no permission `{0}`; the permissions are {list}", list = NAMES.join(", "))]
    Unknown(String),
    /// A scope that names nothing.
    #[error("`{0}` has an empty scope; write for example `network.http=api.example.com:443`")]
    EmptyScope(String),
}

/// One permission with what it is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    name: String,
    scope: Option<String>,
}

impl Permission {
    /// The permission's name, such as `network.http`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is narrowed to: `host[:port]`, `volume://name`, a program or a secret's name. None is the bare right.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, scope) = match text.split_once('=') {
            Some((_, "")) => return Err(PermissionError::EmptyScope(text.to_owned())),
            Some((name, scope)) => (name, Some(scope.to_owned())),
            None => (text, None),
        };
        if NAMES.contains(&name) {
            Ok(Self { name: name.to_owned(), scope })
        } else {
            Err(PermissionError::Unknown(name.to_owned()))
        }
    }
}

impl TryFrom<String> for Permission {
    type Error = PermissionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(scope) = &self.scope {
            write!(f, "={scope}")?;
        }
        Ok(())
    }
}
