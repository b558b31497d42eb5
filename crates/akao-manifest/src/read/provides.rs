//! `provides:` of a manifest.

use super::{bounded, header::package_id, item};
use crate::ManifestCode;
use akao_contract::manifest::{Capability, Manifest, PackageId, Provision};
use akao_document::{Path, Reader, codes, misspelt, suggest, suggest::shown};
use akao_yaml::{Entry, Node};

const KEYS: [&str; 3] = ["capability", "priority", "node"];
const EXAMPLE: &str = "provides: [{ capability: inventory.list, priority: 10 }]";
const PROVIDES_MAX: usize = 100;
const PRIORITY_MAX: u32 = 1_000;

pub(super) fn read(reader: &mut Reader, document: &Node, manifest: &mut Manifest) {
    let Some(node) = document.get("provides") else { return };
    let at = Path::DOCUMENT.key("provides");
    for (index, node) in bounded(reader, node, &at, "provides", EXAMPLE, PROVIDES_MAX).iter().enumerate() {
        let path = at.index(index);
        let Some(provision) = provision(reader, node, &path, manifest) else { continue };
        let same = |other: &Provision| other.capability == provision.capability && other.node == provision.node;
        if manifest.provides.iter().any(same) {
            let message = format!("the capability `{}` is provided twice", provision.capability);
            reader.problem(
                ManifestCode::Duplicate,
                node.position,
                &path,
                message,
                Some("Keep one of the two.".to_owned()),
            );
        }
        manifest.provides.push(provision);
    }
}

fn provision(reader: &mut Reader, node: &Node, at: &Path<'_>, manifest: &Manifest) -> Option<Provision> {
    if let Some(text) = node.as_str() {
        let suggestion = Some(format!("Write `{{ capability: {} }}`.", shown(text)));
        reader.problem(
            codes::WRONG_KIND,
            node.position,
            at,
            "an item of `provides` must be a mapping, not text",
            suggestion,
        );
        return None;
    }
    let entries = item(reader, node, at, "an item of `provides`", "- { capability: inventory.list }")?;
    let (mut capability, mut priority, mut provider) = (None, 0, None);
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "capability" => capability = self::capability(reader, node, &path),
            "priority" => priority = self::priority(reader, node, &path),
            "node" => provider = package_id(reader, node, &path, "node").zip(Some(node.position)),
            _ => reader.unknown_key(key, at, "an item of `provides`", KEYS, None),
        }
    }
    if node.get("capability").is_none() && !misspelt(entries, "capability", &KEYS) {
        let suggestion = Some("Write for example `capability: inventory.list`.".to_owned());
        reader.problem(codes::MISSING_KEY, node.position, at, "an item of `provides` has no `capability`", suggestion);
    }
    if let Some((id, position)) = &provider
        && manifest.node(id).is_none()
    {
        let ids: Vec<&str> = manifest.nodes.iter().map(|node| node.id.as_str()).collect();
        let message = format!("the package has no node `{id}`");
        let suggestion = suggest::sentence(id.as_str(), "nodes", ids.iter().copied())
            .unwrap_or_else(|| "Name one of the package's nodes.".to_owned());
        reader.problem(codes::INVALID_VALUE, *position, &at.key("node"), message, Some(suggestion));
        return None;
    }
    let provider = match (provider, manifest.nodes.as_slice()) {
        (Some((id, _)), _) => id,
        (None, [only]) => only.id.clone(),
        (None, several) => {
            if node.get("node").is_none() && several.len() > 1 {
                let first: &PackageId = &several[0].id;
                let suggestion = Some(format!("Name it, for example `node: {first}`."));
                let message = "`provides` does not say which of the package's nodes is meant";
                reader.problem(codes::MISSING_KEY, node.position, at, message, suggestion);
            }
            return None;
        }
    };
    Some(Provision { capability: capability?, priority, node: provider })
}

fn capability(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<Capability> {
    let text = reader.text(node, path, "capability")?;
    if let Ok(capability) = text.parse() {
        return Some(capability);
    }
    let message = format!("`{}` is not a capability", shown(&text));
    let suggestion = "A capability has two parts in lower case, such as `inventory.list`.".to_owned();
    reader.problem(ManifestCode::InvalidId, node.position, path, message, Some(suggestion));
    None
}

fn priority(reader: &mut Reader, node: &Node, path: &Path<'_>) -> u32 {
    match reader.count(node, path, "priority", 0) {
        Some(priority) if priority > PRIORITY_MAX => {
            let message = format!("`priority` must be at most {PRIORITY_MAX}, not {priority}");
            let suggestion = Some(format!("Write {PRIORITY_MAX} or less."));
            reader.problem(codes::INVALID_VALUE, node.position, path, message, suggestion);
            0
        }
        priority => priority.unwrap_or_default(),
    }
}
