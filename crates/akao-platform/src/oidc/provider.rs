//! A provider as the operator configures it.

use crate::{Role, roles::clean_word};
use akao_address::is_this_machine;
use akao_contract::{Permission, Tenant};
use akao_step::Secret;
use url::Url;

/// A provider of identities.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in addresses.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The issuer, exactly as it names itself.
    pub issuer: String,
    /// As whom this server is known there.
    pub client_id: String,
    /// What this server proves that by; none for a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Whether an address that it has verified leads to the account that has it here.
    pub links_verified_email: bool,
    /// Who belongs to which tenant; the first rule of a tenant that fits counts.
    pub rules: Vec<Rule>,
}

/// Whoever has a claim belongs to a tenant with a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The claim of the ID token.
    pub claim: String,
    /// What it is, or what is in its list; anything when absent.
    pub value: Option<String>,
    /// The tenant.
    pub tenant: Tenant,
    /// The role there.
    pub role: String,
}

/// Why a configured provider cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What is wrong.
    pub message: String,
    /// A sentence: what to do.
    pub suggestion: &'static str,
}

fn refused(message: String, suggestion: &'static str) -> ProviderError {
    ProviderError { message, suggestion }
}

impl Provider {
    /// Whether it can be used.
    ///
    /// # Errors
    /// It cannot.
    pub fn check(&self) -> Result<(), ProviderError> {
        let name = &self.name;
        if clean_word("name", name).is_err() {
            let message = format!("`{}` cannot be a provider's name", akao_contract::shortened(name.clone(), 60));
            return Err(refused(message, "Write lower-case letters, digits and hyphens, a letter first."));
        }
        if self.client_id.is_empty() {
            return Err(refused(format!("provider `{name}` has no client id"), "Copy it from the provider."));
        }
        let issuer = self.issuer_url()?;
        if issuer.scheme() != "https" && !issuer.host().is_some_and(|host| is_this_machine(&host)) {
            let message = format!("the issuer of provider `{name}` is not reached by https");
            return Err(refused(message, "What it says could be changed on the way; use its https address."));
        }
        match self.rules.iter().find(|rule| rule.role == Role::Owner.as_str()) {
            Some(rule) => Err(refused(
                format!("a rule of provider `{name}` makes owners of tenant `{}`", rule.tenant),
                "Owners join by invitation, so that a tenant never loses them by a change at the provider.",
            )),
            None => Ok(()),
        }
    }

    fn issuer_url(&self) -> Result<Url, ProviderError> {
        let sound = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        };
        let url = Url::parse(&self.issuer).ok().filter(sound);
        let message = || format!("the issuer of provider `{}` is not an address", self.name);
        url.ok_or_else(|| refused(message(), "Write it as the provider does, such as `https://login.example.com`."))
    }

    /// What the issuer may be reached by, also where its address is a private one: the operator has named it.
    pub(crate) fn grant(&self) -> Option<Permission> {
        let url = self.issuer_url().ok()?;
        format!("network.http={}:{}", url.host_str()?, url.port_or_known_default()?).parse().ok()
    }

    /// Whether an address that the provider names may be used: as protected as the issuer itself.
    pub(crate) fn may_use(&self, url: &Url) -> bool {
        url.scheme() == "https" || (url.scheme() == "http" && self.issuer.starts_with("http://"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str, issuer: &str, role: &str) -> Provider {
        let rule =
            Rule { claim: "groups".to_owned(), value: None, tenant: "acme".parse().unwrap(), role: role.to_owned() };
        Provider {
            name: name.to_owned(),
            title: name.to_owned(),
            issuer: issuer.to_owned(),
            client_id: "akao".to_owned(),
            client_secret: None,
            scopes: Vec::new(),
            links_verified_email: false,
            rules: vec![rule],
        }
    }

    #[test]
    fn what_an_operator_configures_is_checked() {
        for (name, issuer, role, what) in [
            ("corp", "https://login.example.com", "viewer", None),
            ("corp", "http://127.0.0.1:9000", "viewer", None),
            ("corp", "http://localhost:9000/realm", "viewer", None),
            ("corp", "http://login.example.com", "viewer", Some("not reached by https")),
            ("corp", "login.example.com", "viewer", Some("not an address")),
            ("corp", "https://u:p@login.example.com", "viewer", Some("not an address")),
            ("corp", "https://login.example.com", "owner", Some("makes owners")),
            ("The Corp", "https://login.example.com", "viewer", Some("cannot be a provider's name")),
        ] {
            let checked = provider(name, issuer, role).check();
            assert_eq!(checked.is_ok(), what.is_none(), "{name} {issuer}: {checked:?}");
            assert!(checked.err().is_none_or(|error| error.message.contains(what.unwrap_or_default())));
        }
        let grant = provider("corp", "https://login.example.com/x", "viewer").grant().unwrap();
        assert_eq!(grant.to_string(), "network.http=login.example.com:443");
    }
}
