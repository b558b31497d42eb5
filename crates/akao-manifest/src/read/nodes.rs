//! The nodes of a package: a list under `nodes:`, or one node whose keys stand at the top.

use super::{bounded, header::package_id, item, schemas, words};
use crate::ManifestCode;
use akao_contract::manifest::{Manifest, NodeDeclaration, PackageId};
use akao_contract::{Effects, Properties};
use akao_document::property::{self, Declared};
use akao_document::{Path, Reader, codes, misspelt, suggest, suggest::shown};
use akao_yaml::{Entry, Node};

/// The keys of a node that may stand at the top when it is the only one.
pub(super) const NODE_KEYS: [&str; 6] = ["inputs", "outputs", "main_output", "idempotent", "effects", "batch"];

const KEYS: [&str; 9] =
    ["id", "name", "description", "inputs", "outputs", "main_output", "idempotent", "effects", "batch"];
const EFFECTS: [(&str, Effects); 3] = [("none", Effects::None), ("read", Effects::Read), ("write", Effects::Write)];
const EXAMPLE: &str = "nodes: [{ id: com.example.enrich }]";
const NODES_MAX: usize = 100;
const VALUES_MAX: usize = 200;

const INPUTS: Declared = Declared {
    key: "inputs",
    noun: "input",
    example: "inputs: { orders: { type: array, required: true } }",
    code: ManifestCode::InvalidInput.code(),
};
const OUTPUTS: Declared = Declared {
    key: "outputs",
    noun: "output",
    example: "outputs: { total: { type: number } }",
    code: ManifestCode::InvalidOutput.code(),
};

/// Reads the nodes. Whether they stand below the package's id is checked when the package has an id.
pub(super) fn read_all(reader: &mut Reader, document: &Node, manifest: &mut Manifest, has_id: bool) {
    let at = Path::DOCUMENT;
    let Some(list) = document.get("nodes") else {
        let mut node = NodeDeclaration::new(manifest.id.clone());
        for Entry { key, node: value } in document.entries().unwrap_or_default() {
            part(reader, &key.text, value, &at.key(&key.text), &mut node);
        }
        main_output(reader, document, &at, &mut node);
        return manifest.nodes.push(node);
    };
    let at = at.key("nodes");
    let items = bounded(reader, list, &at, "nodes", EXAMPLE, NODES_MAX);
    if list.items().is_some_and(<[Node]>::is_empty) {
        let suggestion = Some("Declare a node, or remove the key: then the package is the node.".to_owned());
        reader.problem(codes::INVALID_VALUE, list.position, &at, "`nodes` is empty", suggestion);
    }
    for (index, item) in items.iter().enumerate() {
        let path = at.index(index);
        let Some(node) = declaration(reader, item, &path) else { continue };
        check_id(reader, item, &path, &node.id, manifest, has_id);
        manifest.nodes.push(node);
    }
}

fn declaration(reader: &mut Reader, node: &Node, at: &Path<'_>) -> Option<NodeDeclaration> {
    let entries = item(reader, node, at, "a node", "- { id: com.example.enrich }")?;
    let id = match node.get("id") {
        Some(id) => package_id(reader, id, &at.key("id"), "id"),
        None => {
            if !misspelt(entries, "id", &KEYS) {
                let suggestion = Some("Write for example `id: com.example.enrich`.".to_owned());
                reader.problem(codes::MISSING_KEY, node.position, at, "a node has no `id`", suggestion);
            }
            None
        }
    };
    // Without an id the rest is still read for its problems.
    let stand_in = || "unknown.unknown.unknown".parse().expect("the id of nothing is an id");
    let mut declared = NodeDeclaration::new(id.clone().unwrap_or_else(stand_in));
    for Entry { key, node: value } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "id" => {}
            "name" => declared.name = words(reader, value, &path, "name"),
            "description" => declared.description = words(reader, value, &path, "description"),
            one if NODE_KEYS.contains(&one) => part(reader, one, value, &path, &mut declared),
            other => reader.unknown_key(key, at, "a node", KEYS, hint(other)),
        }
    }
    main_output(reader, node, at, &mut declared);
    id.map(|_| declared)
}

fn hint(key: &str) -> Option<&'static str> {
    match key {
        "runtime" | "command" | "permissions" | "resources" | "dependencies" | "provides" | "version" => {
            Some("It belongs to the package, at the top of the manifest.")
        }
        "type" => Some("A node is named by its `id`."),
        "parameters" | "params" | "props" | "arguments" => Some("Write `inputs: { … }`."),
        "results" | "returns" => Some("Write `outputs: { … }`."),
        _ => None,
    }
}

/// One of the keys that a node has wherever it stands; any other is left alone.
fn part(reader: &mut Reader, key: &str, node: &Node, path: &Path<'_>, declared: &mut NodeDeclaration) {
    match key {
        "inputs" => {
            declared.inputs = values(reader, node, path, &INPUTS);
            refuse_reserved(reader, node, path);
        }
        "outputs" => declared.outputs = values(reader, node, path, &OUTPUTS),
        "main_output" => declared.main_output = reader.text(node, path, "main_output"),
        "idempotent" => declared.idempotent = reader.flag(node, path, "idempotent").unwrap_or_default(),
        "effects" => declared.effects = reader.word(node, path, "effects", &EFFECTS).unwrap_or(Effects::Write),
        "batch" => declared.batch = reader.flag(node, path, "batch").unwrap_or_default(),
        _ => {}
    }
}

fn values(reader: &mut Reader, node: &Node, path: &Path<'_>, declared: &Declared) -> Properties {
    let count = node.entries().map_or_else(|| node.items().unwrap_or_default().len(), <[Entry]>::len);
    if count > VALUES_MAX {
        let message = format!("`{}` has {count} items, more than the {VALUES_MAX} allowed", declared.key);
        let suggestion = Some("Gather what belongs together in one value of type object.".to_owned());
        reader.problem(ManifestCode::TooMany, node.position, path, message, suggestion);
        return Properties::default();
    }
    let errors = reader.problems.errors();
    schemas::patterns(reader, node, path, declared);
    if reader.problems.errors() > errors {
        return Properties::default();
    }
    let properties = property::read(reader, node, path, declared);
    if reader.problems.errors() == errors {
        schemas::check(reader, node, path, declared, &properties);
    }
    properties
}

/// An input that Akao would read as its own prop.
fn refuse_reserved(reader: &mut Reader, node: &Node, path: &Path<'_>) {
    let mut refuse = |name: &str, position, path: &Path<'_>| {
        if NodeDeclaration::reserves(name) {
            let message =
                format!("an input cannot be called `{name}`: workflows name there where the main output goes");
            let suggestion = Some("Give it another name.".to_owned());
            reader.problem(ManifestCode::ReservedName, position, path, message, suggestion);
        }
    };
    for Entry { key, .. } in node.entries().unwrap_or_default() {
        refuse(&key.text, key.position, &path.key(&key.text));
    }
    for (index, item) in node.items().unwrap_or_default().iter().enumerate() {
        if let Some(name) = item.get("name") {
            refuse(name.as_str().unwrap_or_default(), name.position, &path.index(index));
        }
    }
}

/// A main output must be one of the outputs; a single output is the main one.
fn main_output(reader: &mut Reader, node: &Node, at: &Path<'_>, declared: &mut NodeDeclaration) {
    let outputs = &declared.outputs.0;
    let Some(named) = declared.main_output.clone() else {
        if outputs.len() == 1 && node.get("main_output").is_none() {
            declared.main_output = outputs.keys().next().cloned();
        }
        return;
    };
    if outputs.contains_key(&named) {
        return;
    }
    let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
    let message = format!("`main_output` names `{}`, which is not an output", shown(&named));
    let suggestion = suggest::sentence(&named, "outputs", names.iter().copied())
        .unwrap_or_else(|| format!("Declare it: `outputs: {{ {}: {{ type: object }} }}`.", shown(&named)));
    let position = node.get("main_output").map_or(node.position, |node| node.position);
    reader.problem(codes::INVALID_VALUE, position, &at.key("main_output"), message, Some(suggestion));
}

/// A node's id is its own, and the package's or below it, so that two packages never declare the same node.
fn check_id(reader: &mut Reader, node: &Node, at: &Path<'_>, id: &PackageId, manifest: &Manifest, has_id: bool) {
    let position = node.get("id").map_or(node.position, |id| id.position);
    let path = at.key("id");
    if manifest.node(id).is_some() {
        let message = format!("the node `{id}` is declared twice");
        reader.problem(
            ManifestCode::Duplicate,
            position,
            &path,
            message,
            Some("Give one of them another id.".to_owned()),
        );
    }
    // A package whose own id could not be read has said so.
    if has_id && manifest.id.as_str() != "unknown.unknown.unknown" && !id.is_within(&manifest.id) {
        let message = format!("the node `{id}` is not below its package `{}`", manifest.id);
        let last = id.as_str().rsplit('.').next().unwrap_or_default();
        let suggestion = Some(format!("Write `{}.{last}`, or the package's own id.", manifest.id));
        reader.problem(ManifestCode::InvalidId, position, &path, message, suggestion);
    }
}
