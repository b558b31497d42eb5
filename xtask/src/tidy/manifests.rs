//! Every crate takes its lints, its licence and its versions from the workspace.

use super::{Finding, layers::manifest_path, rules::UNSAFE_CRATES};
use crate::workspace::{Error, read_toml};
use std::path::Path;
use toml::{Table, Value};

/// Keys of `[package]` that say the same in every crate.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Findings in the manifest of the member `name`.
pub(super) fn findings(root: &Path, name: &str) -> Result<Vec<Finding>, Error> {
    let path = manifest_path(name);
    let may_be_unsafe = UNSAFE_CRATES.iter().any(|(unsafe_crate, _)| *unsafe_crate == name);
    Ok(manifest_findings(&path, &read_toml(root, &path)?, may_be_unsafe))
}

fn manifest_findings(path: &str, manifest: &Table, may_be_unsafe: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lints = manifest.get("lints");
    // What the workspace forbids cannot be allowed below it, so these crates repeat its list with that one difference.
    let own = may_be_unsafe && lints.is_some_and(denies_unsafe);
    if !own && !lints.is_some_and(inherits) {
        let help = "Add `[lints]` with `workspace = true`.";
        findings.push(Finding::new(path, None, "does not take the workspace's lints", help));
    }
    for key in INHERITED {
        if !manifest.get("package").and_then(|package| package.get(key)).is_some_and(inherits) {
            let help = format!("Write `{key}.workspace = true`.");
            findings.push(Finding::new(path, None, format!("does not take `{key}` from the workspace"), help));
        }
    }
    for (name, dependency) in dependencies(manifest) {
        if !inherits(dependency) {
            let help = "Declare it under [workspace.dependencies] in the root manifest and write `workspace = true`.";
            let message = format!("names its own version of `{name}`");
            findings.push(Finding::new(path, None, message, help));
        }
    }
    findings
}

fn denies_unsafe(lints: &Value) -> bool {
    lints.get("rust").and_then(|rust| rust.get("unsafe_code")).and_then(Value::as_str) == Some("deny")
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// All dependencies of a manifest: ordinary, build and development ones, also those of single platforms.
fn dependencies(manifest: &Table) -> Vec<(&String, &Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    let kinds = ["dependencies", "build-dependencies", "dev-dependencies"];
    let lists = tables.flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()));
    lists.flat_map(Table::iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
[package]
name = 'a'
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true
[lints]
workspace = true
[dependencies]
serde.workspace = true
[target.'cfg(unix)'.dependencies]
tokio = { workspace = true, features = ['rt'] }
";

    #[test]
    fn what_a_manifest_does_not_inherit_is_found() {
        let cases = [
            (GOOD.to_owned(), None),
            (GOOD.replace("[lints]\nworkspace = true\n", ""), Some("does not take the workspace's lints")),
            (GOOD.replace("license.workspace = true", "license = 'MIT'"), Some("does not take `license`")),
            (GOOD.replace("serde.workspace = true", "serde = '1'"), Some("names its own version of `serde`")),
            (GOOD.replace("workspace = true, features", "version = '1', features"), Some("own version of `tokio`")),
        ];
        for (text, expected) in cases {
            let manifest = text.parse().expect("valid TOML");
            let found = manifest_findings("Cargo.toml", &manifest, false);
            match expected {
                None => assert_eq!(found, []),
                Some(part) => assert!(found.len() == 1 && found[0].message.contains(part), "{part}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_crate_that_may_be_unsafe_has_lints_of_its_own_that_deny_it_elsewhere() {
        let own = GOOD.replace("[lints]\nworkspace = true\n", "[lints.rust]\nunsafe_code = 'deny'\n");
        let none = GOOD.replace("[lints]\nworkspace = true\n", "[lints.clippy]\nall = 'warn'\n");
        for (text, may_be_unsafe, findings) in [(&own, true, 0), (&own, false, 1), (&none, true, 1)] {
            let manifest = text.parse().expect("valid TOML");
            assert_eq!(manifest_findings("Cargo.toml", &manifest, may_be_unsafe).len(), findings, "{text}");
        }
    }
}
