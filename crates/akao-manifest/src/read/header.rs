//! The top of a manifest: its format, who the package is, and the parts below it.

use super::{Parsed, dependencies, nodes, permissions, provides, resources, runtime, schemas, words};
use crate::ManifestCode;
use akao_contract::manifest::{
    Instances, MANIFEST_FORMAT, Manifest, PackageId, PackageIdError, Resources, Runtime, RuntimeKind, Transport,
};
use akao_document::{Path, Reader, codes, misspelt, suggest, suggest::shown};
use akao_yaml::{Entry, Node, Position, Value};
use std::collections::BTreeMap;

const KEYS: [&str; 18] = [
    "manifest",
    "id",
    "name",
    "version",
    "description",
    "runtime",
    "nodes",
    "inputs",
    "outputs",
    "main_output",
    "idempotent",
    "effects",
    "batch",
    "provides",
    "dependencies",
    "permissions",
    "resources",
    "preload",
];

/// What stands where no valid id does, so that reading can go on.
const UNKNOWN_ID: &str = "unknown.unknown.unknown";

pub(super) fn read(reader: &mut Reader, document: &Node) -> Option<Parsed> {
    let Some(entries) = document.entries() else {
        not_a_manifest(reader, document);
        return None;
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key.text == key);
    if !has("manifest") && (has("akao") || has("root")) {
        let message = "the document is a workflow, not a manifest";
        let suggestion = "A manifest begins with `manifest: 1`; check a workflow with `akao validate`.".to_owned();
        reader.problem(ManifestCode::NotAManifest, document.position, &Path::DOCUMENT, message, Some(suggestion));
        return None;
    }
    if !schemas::has_few_patterns(reader, document) {
        return None;
    }
    let mut parsed = Parsed { manifest: blank(), permissions: BTreeMap::new(), command: document.position.into() };
    for entry in entries {
        key(reader, document, entry, &mut parsed);
    }
    missing_keys(reader, document.position, entries);
    let has_id = document.get("id").is_some();
    nodes::read_all(reader, document, &mut parsed.manifest, has_id);
    provides::read(reader, document, &mut parsed.manifest);
    agreement(reader, document, &parsed.manifest);
    Some(parsed)
}

fn blank() -> Manifest {
    let runtime = Runtime {
        kind: RuntimeKind::Executable,
        command: String::new(),
        args: Vec::new(),
        transport: Transport::Socket,
        instances: Instances::default(),
    };
    Manifest {
        manifest: MANIFEST_FORMAT,
        id: UNKNOWN_ID.parse().expect("the id of nothing is an id"),
        name: String::new(),
        version: String::new(),
        description: None,
        runtime,
        nodes: Vec::new(),
        provides: Vec::new(),
        dependencies: Vec::new(),
        permissions: Default::default(),
        resources: Resources::default(),
        preload: false,
    }
}

fn not_a_manifest(reader: &mut Reader, document: &Node) {
    let message = match &document.value {
        Value::Null => "the file is empty".to_owned(),
        _ => format!("the document is {}, not a manifest", document.kind_name()),
    };
    let suggestion = "A manifest is a mapping with `manifest: 1`, `id`, `name`, `version` and `runtime`.".to_owned();
    reader.problem(ManifestCode::NotAManifest, document.position, &Path::DOCUMENT, message, Some(suggestion));
}

fn key(reader: &mut Reader, document: &Node, Entry { key, node }: &Entry, parsed: &mut Parsed) {
    let at = Path::DOCUMENT;
    let path = at.key(&key.text);
    let manifest = &mut parsed.manifest;
    match key.text.as_str() {
        "manifest" => format(reader, node, &path),
        "id" => {
            if let Some(id) = package_id(reader, node, &path, "id") {
                manifest.id = id;
            }
        }
        "name" => manifest.name = words(reader, node, &path, "name").unwrap_or_default(),
        "version" => manifest.version = reader.version(node, &path, "version").unwrap_or_default(),
        "description" => manifest.description = words(reader, node, &path, "description"),
        "runtime" => {
            if let Some((runtime, command)) = runtime::read(reader, node, &path) {
                manifest.runtime = runtime;
                parsed.command = command.into();
            }
        }
        "dependencies" => manifest.dependencies = dependencies::read(reader, node, &path),
        "permissions" => parsed.permissions = permissions::read(reader, node, &path, &mut manifest.permissions),
        "resources" => manifest.resources = resources::read(reader, node, &path),
        "preload" => manifest.preload = reader.flag(node, &path, "preload").unwrap_or_default(),
        // What needs the package's id, or all of the node's keys together.
        "provides" | "nodes" => {}
        one if nodes::NODE_KEYS.contains(&one) => {
            if document.get("nodes").is_some() {
                let message = format!("`{one}` stands at the top although there are `nodes`");
                let suggestion = Some(format!("Move `{one}` into the node that it belongs to."));
                reader.problem(ManifestCode::Contradiction, key.position, &path, message, suggestion);
            }
        }
        other => {
            // Looking for what was meant costs more than everything else.
            let far = !reader.problems.is_full() && suggest::nearest(other, KEYS).is_none();
            let hint = hint(other).or(far.then_some("Remove it; the manifest holds only what Akao reads."));
            reader.unknown_key(key, &at, "a manifest", KEYS, hint);
        }
    }
}

/// What is usually meant by keys that other manifests have.
fn hint(key: &str) -> Option<&'static str> {
    match key {
        "env" | "environment" => {
            Some("A node's environment is empty; give values as inputs, and secrets under `permissions:`.")
        }
        "command" | "args" | "entrypoint" | "main" | "type" | "transport" | "instances" => {
            Some("It belongs under `runtime:`.")
        }
        "memory" | "cpu" | "timeout" | "limits" | "disk" | "pids" | "files" => Some("It belongs under `resources:`."),
        "author" | "authors" | "license" | "tags" | "keywords" | "metadata" | "homepage" | "maintainer"
        | "category" => Some("The manifest holds only what Akao reads; say it in README.md."),
        "communication" | "protocol" => Some("All nodes speak the same protocol; remove it."),
        "capabilities" => Some("Write `provides: [{ capability: inventory.list }]`."),
        "requires" | "dependency" => Some("Write `dependencies: [{ id: com.example.base, version: \">=1.0.0\" }]`."),
        "secrets" => Some("It belongs under `permissions:`, as `- secrets: [CRM_TOKEN]`."),
        _ => None,
    }
}

fn missing_keys(reader: &mut Reader, position: Position, entries: &[Entry]) {
    let has = |key: &str| entries.iter().any(|entry| entry.key.text == key) || misspelt(entries, key, &KEYS);
    if !has("manifest") {
        let suggestion = "Write `manifest: 1` at the top of the file.".to_owned();
        let message = "the format line `manifest: 1` is missing";
        reader.problem(ManifestCode::MissingFormat, position, &Path::DOCUMENT, message, Some(suggestion));
    }
    let examples = [
        ("id", "Name the package by a domain of yours, for example `id: com.example.enrich`."),
        ("name", "Give it a name for people, for example `name: Enrich orders`."),
        ("version", "Give it a version, for example `version: 1.0.0`."),
        ("runtime", "Say what runs, for example `runtime: { type: python, command: ./main.py }`."),
    ];
    for (key, suggestion) in examples.into_iter().filter(|(key, _)| !has(key)) {
        let message = format!("the manifest has no `{key}`");
        reader.problem(codes::MISSING_KEY, position, &Path::DOCUMENT, message, Some(suggestion.to_owned()));
    }
}

fn format(reader: &mut Reader, node: &Node, path: &Path<'_>) {
    let number = match &node.value {
        Value::Number(number) if number.as_u64() == Some(u64::from(MANIFEST_FORMAT)) => return,
        Value::Number(number) => number.to_string(),
        Value::String(text, _) => format!("\"{}\"", shown(text)),
        Value::Null => {
            let suggestion = Some(format!("Write `manifest: {MANIFEST_FORMAT}`."));
            return reader.problem(
                ManifestCode::MissingFormat,
                node.position,
                path,
                "`manifest` has no value",
                suggestion,
            );
        }
        _ => node.kind_name().to_owned(),
    };
    let message = format!("format {number} is not supported; this version reads format {MANIFEST_FORMAT}");
    let suggestion = format!("Write `manifest: {MANIFEST_FORMAT}`; the package's own version stands under `version`.");
    reader.problem(ManifestCode::UnsupportedFormat, node.position, path, message, Some(suggestion));
}

/// The id of a package or a node.
pub(super) fn package_id(reader: &mut Reader, node: &Node, path: &Path<'_>, key: &str) -> Option<PackageId> {
    let Some(text) = node.as_str() else {
        reader.wrong_kind(node, path, key, "text", &format!("{key}: com.example.enrich"));
        return None;
    };
    let error = match text.parse() {
        Ok(id) => return Some(id),
        Err(error) => error,
    };
    let message = match &error {
        _ if text.is_empty() => format!("`{key}` is empty"),
        PackageIdError::Short(_) => format!("`{}` has fewer than three parts", shown(text)),
        _ => format!("`{}` is not an id of a package", shown(text)),
    };
    reader.problem(ManifestCode::InvalidId, node.position, path, message, Some(mended_id(text)));
    None
}

/// A sentence with an id that would do.
fn mended_id(text: &str) -> String {
    const MENDED_CHARACTERS_MAX: usize = 60;
    // Of an address on the web the last part is the name.
    let text = text.rsplit('/').next().unwrap_or_default();
    let lower: String = text.to_lowercase().chars().take(MENDED_CHARACTERS_MAX).collect();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let mended: String = lower.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let parts: Vec<&str> = mended
        .split('.')
        .map(|part| part.trim_start_matches(|c: char| !c.is_ascii_lowercase()))
        .map(|part| part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|part| !part.is_empty())
        .collect();
    let example = match parts.len() {
        0 => "com.example.enrich".to_owned(),
        1 | 2 => format!("com.example.{}", parts[parts.len() - 1]),
        _ => parts.join("."),
    };
    format!("Use a domain of yours in reverse and a name, in lower case: `{example}`.")
}

/// What the parts of a manifest say together.
fn agreement(reader: &mut Reader, document: &Node, manifest: &Manifest) {
    const NODE_CPU_MILLIS_MIN: u32 = 500;
    let changes = ["network.http", "network.tcp", "filesystem.write"];
    let asked = changes.into_iter().find(|name| manifest.permissions.names(name));
    let declared =
        document.get("nodes").and_then(Node::items).map_or_else(|| vec![document], |nodes| nodes.iter().collect());
    for node in declared {
        let Some(effects) = node.get("effects").filter(|effects| effects.as_str() == Some("none")) else { continue };
        let Some(asked) = asked else { continue };
        let message = format!("`effects: none` contradicts the permission `{asked}`");
        let suggestion =
            "Write `effects: read` or `effects: write`; a node without effects may run again unseen.".to_owned();
        reader.problem(
            ManifestCode::Contradiction,
            effects.position,
            &Path::DOCUMENT.key("effects"),
            message,
            Some(suggestion),
        );
    }
    let runtime_is_read = document.get("runtime").is_some_and(|runtime| runtime.get("type").is_some());
    if runtime_is_read
        && manifest.runtime.kind == RuntimeKind::Node
        && manifest.resources.cpu_millis < NODE_CPU_MILLIS_MIN
    {
        let cpu = document.get("resources").and_then(|resources| resources.get("cpu"));
        let position = cpu.or_else(|| document.get("runtime")).map_or(document.position, |node| node.position);
        let message = format!("Node.js starts slowly with {}m of a processor", manifest.resources.cpu_millis);
        let suggestion = format!("Write `resources: {{ cpu: {NODE_CPU_MILLIS_MIN}m }}` or more.");
        reader.problem(ManifestCode::SlowStart, position, &Path::DOCUMENT.key("resources"), message, Some(suggestion));
    }
}
