//! Licences, banned packages and sources of every dependency, by the rules of `deny.toml`.
//!
//! `cargo deny` reads the same file in the nightly suite and knows more (advisories). This check needs no network and
//! nothing installed, so it runs every time.

use super::{Finding, spdx};
use crate::workspace::{Error, Package, read_toml};
use std::path::Path;
use toml::{Table, Value};

const POLICY: &str = "deny.toml";

/// What `deny.toml` says.
pub(super) struct Policy {
    allowed: Vec<String>,
    /// Package and licence that is allowed for it alone.
    exceptions: Vec<(String, String)>,
    /// Banned packages, with the reason.
    banned: Vec<(String, String)>,
}

impl Policy {
    /// Reads `deny.toml` below `root`.
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        Ok(Self::from_table(&read_toml(root, POLICY)?))
    }

    fn from_table(table: &Table) -> Self {
        let list = |section: &str, key: &str| {
            table.get(section).and_then(|section| section.get(key)?.as_array()).cloned().unwrap_or_default()
        };
        let word = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let words = |values: &[Value]| values.iter().filter_map(|value| Some(value.as_str()?.to_owned())).collect();
        let exceptions = list("licenses", "exceptions").into_iter().flat_map(|exception| {
            let licences = exception.get("allow").and_then(Value::as_array).cloned().unwrap_or_default();
            let names: Vec<String> = words(&licences);
            let package = word(&exception, "crate");
            names.into_iter().map(move |licence| (package.clone(), licence))
        });
        Self {
            allowed: words(&list("licenses", "allow")),
            exceptions: exceptions.collect(),
            banned: list("bans", "deny").iter().map(|ban| (word(ban, "crate"), word(ban, "reason"))).collect(),
        }
    }

    fn allows(&self, package: &str, licence: &str) -> bool {
        let excepted = |(name, allowed): &(String, String)| name == package && allowed == licence;
        self.allowed.iter().any(|allowed| allowed == licence) || self.exceptions.iter().any(excepted)
    }
}

/// Findings among all packages of the dependency graph.
pub(super) fn findings(policy: &Policy, packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(|package| package_findings(policy, package)).collect()
}

fn package_findings(policy: &Policy, package: &Package) -> Vec<Finding> {
    let named = format!("`{}` {}", package.name, package.version);
    let mut findings = Vec::new();
    let mut found = |message: String, help: &str| findings.push(Finding::new(POLICY, None, message, help));
    let licence = package.license.as_deref().unwrap_or_default();
    match spdx::is_satisfied(licence, &|name| policy.allows(&package.name, name)) {
        Some(true) => {}
        Some(false) => found(
            format!("{named} has the licence `{licence}`, which is not allowed"),
            "Use another package. Adding a licence to the list is a decision for a record in docs/decisions/.",
        ),
        None => found(
            format!("{named} has no readable licence (`{licence}`)"),
            "Use another package, or read its licence file and add an exception with the reason.",
        ),
    }
    if let Some((_, reason)) = policy.banned.iter().find(|(name, _)| *name == package.name) {
        let help = format!("Run `cargo tree --invert {} --target all` and turn the feature off.", package.name);
        found(format!("{named} is banned: {reason}"), &help);
    }
    if let Some(source) = package.source.as_deref().filter(|source| !source.contains("crates.io-index")) {
        found(format!("{named} comes from {source}"), "Use a release from crates.io.");
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
[licenses]
allow = ["MIT", "Apache-2.0"]
exceptions = [{ crate = "special", allow = ["EPL-2.0"] }]
[bans]
deny = [{ crate = "openssl-sys", reason = "one TLS library is enough" }]
"#;

    #[test]
    fn packages_are_held_against_the_policy() {
        let policy = Policy::from_table(&RULES.parse().expect("valid TOML"));
        let registry = Some("registry+https://github.com/rust-lang/crates.io-index");
        let cases = [
            ("a", Some("MIT OR GPL-3.0"), registry, None),
            ("a", Some("GPL-3.0"), registry, Some("has the licence `GPL-3.0`")),
            ("a", None, registry, Some("no readable licence")),
            ("special", Some("EPL-2.0"), registry, None),
            ("other", Some("EPL-2.0"), registry, Some("has the licence `EPL-2.0`")),
            ("openssl-sys", Some("MIT"), registry, Some("is banned: one TLS library is enough")),
            ("a", Some("MIT"), Some("git+https://example.com/a"), Some("comes from git+https://example.com/a")),
            ("akao", Some("Apache-2.0"), None, None),
        ];
        for (name, licence, source, expected) in cases {
            let package = Package {
                name: name.into(),
                version: "1.0.0".into(),
                license: licence.map(str::to_owned),
                source: source.map(str::to_owned),
                ..Package::default()
            };
            let found = findings(&policy, &[package]);
            match expected {
                None => assert_eq!(found, [], "{name}"),
                Some(part) => assert!(found.len() == 1 && found[0].message.contains(part), "{part}: {found:?}"),
            }
        }
    }
}
