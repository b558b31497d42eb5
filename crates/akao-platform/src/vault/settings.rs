//! A Vault as the operator configures it.

use akao_address::is_this_machine;
use akao_contract::{Permission, Tenant};
use std::{path::PathBuf, time::Duration};
use url::Url;

/// What stands for the tenant's name in a path, and what for the secret's.
const TENANT: &str = "{tenant}";
const NAME: &str = "{name}";

/// The field that holds the secret where each has a place of its own.
const FIELD: &str = "value";

/// How long one answer may take at most.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// How long a value may be remembered at most.
const CACHE_MAX: Duration = Duration::from_secs(60 * 60);

/// A Vault.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// Its address, such as `https://vault.example.com:8200`.
    pub address: String,
    /// The namespace, where it has some.
    pub namespace: Option<String>,
    /// Where its key-value engine is mounted.
    pub mount: String,
    /// Where a tenant's secrets are below that: `{tenant}` is a segment of it, and `{name}` may be one.
    pub path: String,
    /// How the server proves itself.
    pub auth: VaultAuth,
    /// How long one answer may take.
    pub timeout: Duration,
    /// For how long values are remembered; not at all when zero.
    pub cache: Duration,
}

/// How the server proves itself to a Vault. Both files are read when they are needed, so that new contents hold at once.
#[derive(Debug, Clone)]
pub enum VaultAuth {
    /// By a token in a file, which is renewed where it can be.
    Token {
        /// The file.
        file: PathBuf,
    },
    /// By the method AppRole.
    AppRole {
        /// Where the method is mounted.
        mount: String,
        /// The role.
        role_id: String,
        /// The file with the secret id.
        secret_id_file: PathBuf,
    },
}

/// Why a configured Vault cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct VaultError {
    /// What is wrong.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: &'static str,
}

fn refused<T>(message: impl Into<String>, suggestion: &'static str) -> Result<T, VaultError> {
    Err(VaultError { message: message.into(), suggestion })
}

/// Whether each segment is plain: nothing that a server could read as another place.
fn is_plain_path(path: &str) -> bool {
    path.split('/').all(is_plain)
}

fn is_plain(segment: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(good)
}

impl VaultSettings {
    /// Whether it can be used, and by what grant it is reached: also at a private address, since the operator has named it.
    ///
    /// # Errors
    /// It cannot.
    pub(super) fn check(&self) -> Result<Permission, VaultError> {
        let grant = self.check_address()?;
        for (what, path) in [("mount", Some(&self.mount)), ("namespace", self.namespace.as_ref())] {
            if path.is_some_and(|path| !is_plain_path(path)) {
                return refused(
                    format!("the {what} of the Vault is not a path"),
                    "Write names of letters, digits, `-`, `_` and `.`, with `/` between them.",
                );
            }
        }
        if let VaultAuth::AppRole { mount, role_id, .. } = &self.auth
            && (!is_plain_path(mount) || role_id.is_empty())
        {
            return refused("the AppRole of the Vault has no mount or no role id", "Copy `role_id` from Vault.");
        }
        self.check_path()?;
        if self.timeout.is_zero() || self.timeout > TIMEOUT_MAX || self.cache > CACHE_MAX {
            return refused(
                "the times of the Vault are out of bounds",
                "An answer may take up to a minute, and values may be remembered for up to an hour.",
            );
        }
        Ok(grant)
    }

    fn check_address(&self) -> Result<Permission, VaultError> {
        let sound = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        let hint = "Write for example `https://vault.example.com:8200`.";
        let Some(url) = Url::parse(&self.address).ok().filter(sound) else {
            return refused("the address of the Vault is not one", hint);
        };
        if url.scheme() != "https" && !url.host().is_some_and(|host| is_this_machine(&host)) {
            return refused(
                "the Vault is not reached by https",
                "Secrets could be read on the way; use its https address.",
            );
        }
        let target = url.host_str().zip(url.port_or_known_default());
        let grant = target.and_then(|(host, port)| format!("network.http={host}:{port}").parse().ok());
        grant.map_or_else(|| refused("the address of the Vault is not one", hint), Ok)
    }

    fn check_path(&self) -> Result<(), VaultError> {
        let count = |what: &str| self.path.split('/').filter(|segment| *segment == what).count();
        let is_sound = self.path.split('/').all(|segment| matches!(segment, TENANT | NAME) || is_plain(segment));
        if !is_sound || count(TENANT) != 1 || count(NAME) > 1 {
            return refused(
                "the path of the Vault does not keep tenants apart",
                "Write `{tenant}` once as a segment of its own, such as `akao/{tenant}`, and perhaps `{name}` after it.",
            );
        }
        Ok(())
    }

    /// Where a secret of a tenant is: the path below the engine, and the field there.
    pub(super) fn place<'a>(&self, tenant: &Tenant, name: &'a str) -> (String, &'a str) {
        let segment = |segment| match segment {
            TENANT => tenant.as_str(),
            NAME => name,
            plain => plain,
        };
        let path = self.path.split('/').map(segment).collect::<Vec<_>>().join("/");
        (path, if self.path.split('/').any(|segment| segment == NAME) { FIELD } else { name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str, path: &str) -> VaultSettings {
        VaultSettings {
            address: address.to_owned(),
            namespace: Some("team/akao".to_owned()),
            mount: "secret".to_owned(),
            path: path.to_owned(),
            auth: VaultAuth::Token { file: "token".into() },
            timeout: Duration::from_secs(5),
            cache: Duration::ZERO,
        }
    }

    #[test]
    fn what_an_operator_configures_is_checked() {
        let https = "https://vault.example.com:8200";
        for (address, path, what) in [
            (https, "akao/{tenant}", None),
            (https, "{tenant}/{name}", None),
            ("http://127.0.0.1:8200", "{tenant}", None),
            ("http://vault.example.com:8200", "{tenant}", Some("not reached by https")),
            ("vault.example.com", "{tenant}", Some("is not one")),
            ("https://user:password@vault.example.com", "{tenant}", Some("is not one")),
            (https, "akao", Some("does not keep tenants apart")),
            (https, "akao-{tenant}", Some("does not keep tenants apart")),
            (https, "{tenant}/../other", Some("does not keep tenants apart")),
            (https, "{tenant}/{tenant}", Some("does not keep tenants apart")),
            (https, "/{tenant}", Some("does not keep tenants apart")),
            (https, "{tenant}/a%2fb", Some("does not keep tenants apart")),
        ] {
            let checked = settings(address, path).check();
            assert_eq!(checked.is_ok(), what.is_none(), "{address} {path}: {checked:?}");
            assert!(checked.err().is_none_or(|error| error.message.contains(what.unwrap_or_default())));
        }
        let odd = VaultSettings { mount: "secret/../sys".to_owned(), ..settings(https, "{tenant}") };
        assert!(odd.check().is_err());
    }

    #[test]
    fn a_place_is_the_tenants_own() {
        let acme: Tenant = "acme".parse().unwrap();
        let of = |path| settings("https://vault.example.com", path).place(&acme, "TOKEN");
        assert_eq!(of("akao/{tenant}"), ("akao/acme".to_owned(), "TOKEN"));
        assert_eq!(of("akao/{tenant}/{name}"), ("akao/acme/TOKEN".to_owned(), "value"));
    }
}
