//! `dependencies:` of a manifest.

use super::{bounded, header::package_id, item};
use crate::ManifestCode;
use akao_contract::manifest::Dependency;
use akao_document::{Path, Reader, codes, misspelt, suggest::shown};
use akao_yaml::{Entry, Node, Value};

const KEYS: [&str; 2] = ["id", "version"];
const EXAMPLE: &str = "dependencies: [{ id: com.example.base, version: \">=1.0.0\" }]";
const DEPENDENCIES_MAX: usize = 100;

pub(super) fn read(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Vec<Dependency> {
    let mut dependencies: Vec<Dependency> = Vec::new();
    for (index, node) in bounded(reader, node, at, "dependencies", EXAMPLE, DEPENDENCIES_MAX).iter().enumerate() {
        let path = at.index(index);
        let Some(dependency) = dependency(reader, node, &path) else { continue };
        if dependencies.iter().any(|other| other.id == dependency.id) {
            let message = format!("the dependency `{}` is given twice", dependency.id);
            let suggestion = Some("Keep one of the two; a range may have several parts: `>=1.0.0, <2`.".to_owned());
            reader.problem(ManifestCode::Duplicate, node.position, &path, message, suggestion);
        }
        dependencies.push(dependency);
    }
    dependencies
}

fn dependency(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Option<Dependency> {
    if let Some(text) = node.as_str() {
        let (id, version) = text.split_once('@').unwrap_or((text, ">=1.0.0"));
        let suggestion = Some(format!("Write `{{ id: {}, version: \"{}\" }}`.", shown(id), shown(version)));
        reader.problem(codes::WRONG_KIND, node.position, at, "a dependency must be a mapping, not text", suggestion);
        return None;
    }
    let entries = item(reader, node, at, "a dependency", "- { id: com.example.base, version: \">=1.0.0\" }")?;
    let (mut id, mut version) = (None, None);
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "id" => id = package_id(reader, node, &path, "id"),
            "version" => version = range(reader, node, &path),
            _ => reader.unknown_key(key, at, "a dependency", KEYS, None),
        }
    }
    for (key, example) in [("id", "id: com.example.base"), ("version", "version: \">=1.0.0\"")] {
        if node.get(key).is_none() && !misspelt(entries, key, &KEYS) {
            let suggestion = Some(format!("Write for example `{example}`."));
            reader.problem(codes::MISSING_KEY, node.position, at, format!("a dependency has no `{key}`"), suggestion);
        }
    }
    Some(Dependency { id: id?, version: version? })
}

/// A range of versions, as it was written.
fn range(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<String> {
    let text = match &node.value {
        Value::Number(number) => number.to_string(),
        _ => reader.text(node, path, "version")?,
    };
    if semver::VersionReq::parse(&text).is_ok() {
        return Some(text);
    }
    let message = format!("`{}` is not a range of versions", shown(&text));
    let operators = ['<', '>', '=', '^', '~'];
    let suggestion = match text.trim() {
        "latest" | "any" | "" => "Write `\"*\"` for any version, or a range such as `>=1.0.0, <2`.".to_owned(),
        joined if joined.contains("||") => "Write one range; two cannot be joined by `||`.".to_owned(),
        spaced if spaced.contains(' ') && spaced.contains(operators) && !spaced.contains(',') => {
            let parts: Vec<&str> = spaced.split_whitespace().collect();
            format!("Put a comma between its parts: `{}`.", shown(&parts.join(", ")))
        }
        _ => "Write for example `>=1.0.0`, `^1.2` or `>=1.0.0, <2`.".to_owned(),
    };
    reader.problem(ManifestCode::InvalidVersion, node.position, path, message, Some(suggestion));
    None
}
