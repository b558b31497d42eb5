//! The providers by which people sign in, from the operator's file. Secrets are not in it: it names where they are.

use crate::failure::Failure;
use akao_contract::Tenant;
use akao_platform::{Provider, Rule};
use akao_step::{Secret, SecretSource};
use serde::Deserialize;
use std::{collections::BTreeSet, fs, path::Path};

/// The format of the file.
const FORMAT: u32 = 1;

/// The name under which a provider's secret is read.
const SECRET: &str = "client_secret";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    config: u32,
    #[serde(default)]
    provider: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    title: Option<String>,
    issuer: String,
    client_id: String,
    /// `@FILE` or `env:VARIABLE`.
    client_secret: Option<String>,
    #[serde(default = "usual_scopes")]
    scopes: Vec<String>,
    #[serde(default)]
    link_verified_email: bool,
    #[serde(default)]
    rule: Vec<RuleEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    claim: String,
    value: Option<String>,
    tenant: Tenant,
    role: String,
}

fn usual_scopes() -> Vec<String> {
    ["email", "profile"].map(str::to_owned).to_vec()
}

/// Reads the file.
///
/// # Errors
/// It cannot be read or understood, or a provider cannot be used as it stands there.
pub(crate) fn read(file: &Path) -> Result<Vec<Provider>, Failure> {
    let shown = file.display();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the providers from {shown}")).because(&error))?;
    let hint = "See docs/server.md for its form.";
    let read: File = toml::from_str(&text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        Failure::usage(format!("{shown}:{line}: {}", error.message())).hint(hint)
    })?;
    if read.config != FORMAT {
        let message = format!("{shown}: `config` is {}, and this version reads {FORMAT}", read.config);
        return Err(Failure::usage(message).hint(hint));
    }
    let mut names = BTreeSet::new();
    let one = |entry: Entry| {
        let provider = provider(entry)?;
        match names.insert(provider.name.clone()) {
            true => Ok(provider),
            false => Err(Failure::usage(format!("{shown} names the provider `{}` twice", provider.name))),
        }
    };
    read.provider.into_iter().map(one).collect()
}

fn provider(entry: Entry) -> Result<Provider, Failure> {
    let rule = |RuleEntry { claim, value, tenant, role }| Rule { claim, value, tenant, role };
    let provider = Provider {
        title: entry.title.unwrap_or_else(|| entry.name.clone()),
        issuer: entry.issuer,
        client_id: entry.client_id,
        client_secret: entry.client_secret.as_deref().map(|place| secret(&entry.name, place)).transpose()?,
        scopes: entry.scopes,
        links_verified_email: entry.link_verified_email,
        rules: entry.rule.into_iter().map(rule).collect(),
        name: entry.name,
    };
    provider.check().map_err(|error| Failure::usage(error.to_string()).hint(error.suggestion))?;
    Ok(provider)
}

fn secret(provider: &str, place: &str) -> Result<Secret, Failure> {
    let failed = |why: String| {
        Failure::usage(format!("the client secret of provider `{provider}` cannot be used: {why}"))
            .hint("Write `client_secret = \"@FILE\"` or `client_secret = \"env:VARIABLE\"`.")
    };
    let spec = format!("{SECRET}={place}");
    let places = akao_host::GivenSecrets::from_specs(std::iter::once(spec.as_str()));
    let places = places.map_err(|error| failed(error.to_string()))?;
    places.secret(&Tenant::local(), SECRET).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_what_is_wrong_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("oidc.toml");
        fs::write(folder.path().join("secret"), "hush\n").unwrap();
        let read = |text: &str| {
            fs::write(&file, text).unwrap();
            super::read(&file)
        };
        let secret = folder.path().join("secret").display().to_string();
        let head = "config = 1\n[[provider]]\nname = \"corp\"\nissuer = \"https://login.example.com\"\n";
        let whole = format!(
            "{head}client_id = \"akao\"\nclient_secret = \"@{secret}\"\n[[provider.rule]]\nclaim = \"groups\"\nvalue = \"admins\"\ntenant = \"acme\"\nrole = \"admin\"\n"
        );
        let providers = read(&whole).unwrap();
        assert_eq!((providers.len(), providers[0].title.as_str()), (1, "corp"));
        assert_eq!(providers[0].client_secret.as_ref().map(Secret::expose), Some("hush"));
        assert_eq!(providers[0].rules[0].role, "admin");
        for (text, told) in [
            (head.to_owned(), ":2: missing field `client_id`"),
            (format!("{head}client_id = \"a\"\nsecret = \"hush\"\n"), ":6: unknown field `secret`"),
            (format!("{head}client_id = \"a\"\nclient_secret = \"hush\"\n"), "the client secret of provider `corp`"),
            (whole.replace("\"admin\"", "\"owner\""), "makes owners"),
            (whole.replace("https:", "http:"), "not reached by https"),
            (whole.replace("config = 1", "config = 2"), "this version reads 1"),
        ] {
            let message = read(&text).err().map(|failure| failure.full_message()).unwrap_or_default();
            assert!(message.contains(told), "{told}: {message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }
}
