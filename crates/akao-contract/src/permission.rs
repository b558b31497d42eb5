//! What a node type asks for and what an owner grants: `network.http=HOST:PORT`, `filesystem.read=volume://name`, …

mod scope;

pub use scope::{HostPattern, HostScope, HostScopeError, PortPattern, VolumeScope, VolumeScopeError};

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
    /// Every permission's name, in the order in which they are documented.
    pub const NAMES: [&str; 6] = NAMES;

    /// A permission by its name and what it is narrowed to.
    ///
    /// # Errors
    /// There is no such permission, or the scope is empty.
    pub fn new(name: &str, scope: Option<&str>) -> Result<Self, PermissionError> {
        match (NAMES.contains(&name), scope) {
            (false, _) => Err(PermissionError::Unknown(name.to_owned())),
            (true, Some("")) => Err(PermissionError::EmptyScope(format!("{name}="))),
            (true, scope) => Ok(Self { name: name.to_owned(), scope: scope.map(str::to_owned) }),
        }
    }

    /// Whether this permission, when granted, gives what `asked` asks for. A bare one gives only what is bare; a narrowed
    /// one gives what it names and what is narrower, and is enough for who asks for the bare right.
    pub fn covers(&self, asked: &Self) -> bool {
        if self.name != asked.name {
            return false;
        }
        match (self.scope(), asked.scope()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ours), Some(theirs)) if ours == theirs => true,
            (Some(ours), Some(theirs)) => match self.name.as_str() {
                "network.http" => both::<HostScope>(ours, theirs).is_some_and(|(a, b)| a.covers(&b)),
                // The ports of the web are the default of HTTP alone.
                "network.tcp" => {
                    both::<HostScope>(ours, theirs).is_some_and(|(a, b)| a.port != PortPattern::Default && a.covers(&b))
                }
                "filesystem.read" | "filesystem.write" => {
                    both::<VolumeScope>(ours, theirs).is_some_and(|(a, b)| a.covers(&b))
                }
                _ => false,
            },
        }
    }

    /// The permission's name, such as `network.http`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is narrowed to: `host[:port]`, `volume://name`, a program or a secret's name. None is the bare right.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }
}

/// Two scopes of one kind, if both are.
fn both<S: FromStr>(ours: &str, theirs: &str) -> Option<(S, S)> {
    Some((ours.parse().ok()?, theirs.parse().ok()?))
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, scope) = text.split_once('=').map_or((text, None), |(name, scope)| (name, Some(scope)));
        Self::new(name, scope)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_covers_what_it_names_and_what_is_narrower() {
        let cases = [
            ("network.http", "network.http", true),
            ("network.http", "network.http=api.example.com:443", false),
            ("network.http=api.example.com:443", "network.http", true),
            ("network.http=api.example.com", "network.http=api.example.com:443", true),
            ("network.http=api.example.com", "network.http=api.example.com:8443", false),
            ("network.http=api.example.com:443", "network.http=api.example.com", false),
            ("network.http=api.example.com:443", "network.tcp=api.example.com:443", false),
            ("network.http=*.example.com:443", "network.http=api.example.com:443", true),
            ("network.http=*.example.com:443", "network.http=example.com:443", false),
            ("network.http=*.example.com:443", "network.http=evilexample.com:443", false),
            ("network.http=*.example.com:443", "network.http=*.eu.example.com:443", true),
            ("network.http=*.eu.example.com:443", "network.http=*.example.com:443", false),
            ("network.tcp=api.example.com", "network.tcp=api.example.com:443", false),
            ("network.tcp=10.0.0.0/8:5432", "network.tcp=10.1.2.3:5432", true),
            ("network.tcp=10.0.0.0/8:5432", "network.tcp=10.1.0.0/16:5432", true),
            ("network.tcp=10.1.0.0/16:5432", "network.tcp=10.0.0.0/8:5432", false),
            ("network.tcp=0.0.0.0/0:*", "network.tcp=192.0.2.1:25", true),
            ("network.tcp=0.0.0.0/0:*", "network.tcp=[::1]:25", false),
            ("network.tcp=[2001:db8::/32]:5432", "network.tcp=[2001:db8::1]:5432", true),
            ("filesystem.read=volume://orders", "filesystem.read=volume://orders/2024", true),
            ("filesystem.read=volume://orders/2024", "filesystem.read=volume://orders/20245", false),
            ("filesystem.read=volume://orders/2024", "filesystem.read=volume://orders", false),
            ("filesystem.read=project://a", "filesystem.read=volume://project/a/b", true),
            ("filesystem.write=volume://orders", "filesystem.read=volume://orders", false),
            ("secrets=CRM_TOKEN", "secrets=CRM_TOKEN", true),
            ("secrets=CRM_TOKEN", "secrets=CRM_TOKEN_2", false),
            ("system.exec=jq", "system.exec=curl", false),
        ];
        for (grant, asked, expected) in cases {
            let (grant, asked): (Permission, Permission) = (grant.parse().unwrap(), asked.parse().unwrap());
            assert_eq!(grant.covers(&asked), expected, "{grant} for {asked}");
        }
    }

    #[test]
    fn a_host_has_one_spelling() {
        for (text, printed) in [
            ("API.Example.com.:443", "api.example.com:443"),
            ("*.example.com", "*.example.com"),
            ("localhost:8080", "localhost:8080"),
            ("192.0.2.1:443", "192.0.2.1:443"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
            ("10.0.0.0/8:*", "10.0.0.0/8:*"),
        ] {
            assert_eq!(text.parse::<HostScope>().map(|scope| scope.to_string()), Ok(printed.to_owned()), "{text}");
        }
        for text in [
            "",
            ":443",
            "*",
            "*.com",
            "a.*.com",
            "a..b",
            "-a.com",
            "a b",
            "127.1",
            "0x7f.1",
            "0177.0.0.1",
            "2130706433",
            "https://a.example.com",
            "a.example.com/path",
            "user@a.example.com",
            "a.example.com:0",
            "a.example.com:65536",
            "a.example.com:+1",
            "[a.example.com]:443",
            "[::1",
            "b\u{fc}cher.example",
            "10.0.0.0/33",
            "10.0.0.0/",
            "%00.example.com",
        ] {
            assert!(text.parse::<HostScope>().is_err(), "{text}: {:?}", text.parse::<HostScope>());
        }
    }
}
