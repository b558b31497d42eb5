//! The top of a workflow file: its format, its header, its trees.

use super::{node, settings};
use crate::{Definition, InputSchema, NodeDef, ProblemCode, Settings, WORKFLOW_FORMAT};
use akao_document::property::{self, Declared};
use akao_document::suggest::shown;
use akao_document::{MISSPELT_MAX, Path, Reader, misspelt};
use akao_yaml::{Entry, Node, Position, Value};
use indexmap::IndexMap;

const KEYS: [&str; 10] =
    ["akao", "id", "version", "name", "description", "inputs", "outputs", "settings", "trees", "root"];

/// What `inputs:` declares.
const INPUTS: Declared = Declared {
    key: "inputs",
    noun: "input",
    example: "inputs: { customer: { type: string, required: true } }",
    code: ProblemCode::InvalidInput.code(),
};

/// The id of a tree that stands without a header.
const BARE_ID: &str = "workflow";
/// The version of a tree that stands without a header.
const BARE_VERSION: &str = "0.0.0";

/// Reads a document. True with the definition says that it is a bare tree.
pub(crate) fn read(reader: &mut Reader, document: &Node) -> Option<(Definition, bool)> {
    let Some(entries) = document.entries() else {
        not_a_workflow(reader, document);
        return None;
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key.text == key);
    if !has("akao") && has("type") && !has("root") {
        let root = node::read(reader, document, &Path::DOCUMENT.key("root"));
        explain_header_of_bare_tree(reader);
        return Some((header_of_bare_tree(root), true));
    }
    if !has("akao") && refuse_foreign_format(reader, document, &has) {
        return None;
    }
    Some((read_workflow(reader, document, entries), false))
}

fn header_of_bare_tree(root: NodeDef) -> Definition {
    Definition {
        akao: WORKFLOW_FORMAT,
        id: BARE_ID.to_owned(),
        version: BARE_VERSION.to_owned(),
        name: None,
        description: None,
        inputs: InputSchema::default(),
        outputs: IndexMap::new(),
        settings: Settings::default(),
        trees: IndexMap::new(),
        root,
    }
}

/// A key of the header on a bare tree says that a whole workflow was meant.
fn explain_header_of_bare_tree(reader: &mut Reader) {
    let of_header = |path: &str| path.strip_prefix("root.").is_some_and(|key| KEYS.contains(&key));
    for problem in reader.problems.iter_mut().filter(|problem| of_header(&problem.path)) {
        if problem.code == ProblemCode::UnknownKey.as_str() {
            let suggestion = "Add the header (`akao: 1`, `id`, `version`) and put the tree under `root:`.";
            problem.suggestion = Some(suggestion.to_owned());
        }
    }
}

fn not_a_workflow(reader: &mut Reader, document: &Node) {
    let (message, suggestion) = match &document.value {
        Value::Null => ("the file is empty".to_owned(), "Write `akao: 1`, `id`, `version` and `root`."),
        Value::Sequence(_) => (
            "the document is a list, not a workflow".to_owned(),
            "Put the nodes under `root: { type: Sequence, children: […] }`.",
        ),
        _ => (
            format!("the document is {}, not a workflow", document.kind_name()),
            "A workflow is a mapping with `akao: 1`, `id`, `version` and `root`.",
        ),
    };
    reader.problem(ProblemCode::NotAWorkflow, document.position, &Path::DOCUMENT, message, Some(suggestion.into()));
}

/// Documents of other tools are recognised as a whole; a list of their unknown keys would help nobody.
fn refuse_foreign_format(reader: &mut Reader, document: &Node, has: &dyn Fn(&str) -> bool) -> bool {
    let connected = |kind: &str| document.get("connections").is_some_and(|found| found.kind_name() == kind);
    let (form, importable) = match () {
        () if has("nodes") && connected("a mapping") => ("an n8n workflow", false),
        () if has("nodes") && has("connections") => ("Akao's older graph form", true),
        () if has("nodes") && has("edges") => ("a graph of `nodes` and `edges`", false),
        () if has("stages") => ("Akao's older stage form", true),
        () if has("jobs") && has("on") => ("a GitHub Actions workflow", false),
        () if has("tasks") && has("namespace") => ("a Kestra flow", false),
        () => return false,
    };
    let message = format!("the document looks like {form}, not like an Akao workflow");
    let suggestion = match importable {
        true => "Convert it with `akao import`, which reports what it could not convert.",
        false => "Nothing converts it yet; write it anew, beginning with `akao new`.",
    };
    let suggestion = suggestion.to_owned();
    reader.problem(ProblemCode::ForeignFormat, document.position, &Path::DOCUMENT, message, Some(suggestion));
    true
}

fn read_workflow(reader: &mut Reader, document: &Node, entries: &[Entry]) -> Definition {
    let at = Path::DOCUMENT;
    let mut definition = header_of_bare_tree(NodeDef::default());
    for Entry { key, node } in entries {
        let path = at.key(&key.text);
        match key.text.as_str() {
            "akao" => format(reader, node, &path),
            "id" => definition.id = id(reader, node, &path).unwrap_or_default(),
            "version" => definition.version = reader.version(node, &path, "version").unwrap_or_default(),
            "name" => definition.name = reader.text(node, &path, "name"),
            "description" => definition.description = reader.text(node, &path, "description"),
            "inputs" => definition.inputs = property::read(reader, node, &path, &INPUTS),
            "outputs" => definition.outputs = outputs(reader, node, &path),
            "settings" => definition.settings = settings::read(reader, node, &path),
            "trees" => definition.trees = trees(reader, node, &path),
            "root" => definition.root = node::read(reader, node, &path),
            other => reader.unknown_key(key, &at, "a workflow", KEYS, hint(other)),
        }
    }
    missing_keys(reader, document.position, entries);
    definition
}

/// What is usually meant by keys that other tools have.
fn hint(key: &str) -> Option<&'static str> {
    match key {
        "nodes" | "steps" | "tasks" | "stages" | "children" | "flow" => {
            Some("Put the nodes under `root: { type: Sequence, children: […] }`, or into a `Graph`.")
        }
        "env" | "environment" | "secrets" => {
            Some("There is no environment; declare `inputs:`, or use `${secrets.NAME}` where a secret is needed.")
        }
        "variables" | "vars" => Some("Declare `inputs:`, or set values with a SetVariable node."),
        "trigger" | "triggers" | "on" | "schedule" => {
            Some("Triggers are not part of a workflow file; start it with `akao run`.")
        }
        "timeout" | "concurrency" | "on_failure" => Some("It belongs under `settings:`."),
        "type" | "props" => Some("It belongs to a node; the first node is `root:`."),
        _ => None,
    }
}

fn missing_keys(reader: &mut Reader, position: Position, entries: &[Entry]) {
    // A key of another tool whose hint says `root:` is the root in other words.
    let meant = |key: &str| {
        let unknown = entries.iter().filter(|entry| !KEYS.contains(&entry.key.text.as_str())).take(MISSPELT_MAX);
        key == "root"
            && unknown.into_iter().any(|entry| hint(&entry.key.text).is_some_and(|hint| hint.contains("`root:")))
    };
    let has =
        |key: &str| entries.iter().any(|entry| entry.key.text == key) || misspelt(entries, key, &KEYS) || meant(key);
    if !has("akao") {
        let suggestion = "Write `akao: 1` at the top of the file.".to_owned();
        let message = "the format line `akao: 1` is missing";
        reader.problem(ProblemCode::MissingFormat, position, &Path::DOCUMENT, message, Some(suggestion));
    }
    let examples = [
        ("id", "Name the workflow, for example `id: order-alerts`."),
        ("version", "Give it a version, for example `version: 1.0.0`."),
        ("root", "Give it a tree, for example `root: { type: Sequence, children: […] }`."),
    ];
    for (key, suggestion) in examples.into_iter().filter(|(key, _)| !has(key)) {
        let message = format!("the workflow has no `{key}`");
        reader.problem(ProblemCode::MissingKey, position, &Path::DOCUMENT, message, Some(suggestion.to_owned()));
    }
}

fn format(reader: &mut Reader, node: &Node, path: &Path<'_>) {
    let number = match &node.value {
        Value::Number(number) if number.as_u64() == Some(u64::from(WORKFLOW_FORMAT)) => return,
        Value::Number(number) => number.to_string(),
        Value::String(text, _) => format!("\"{}\"", shown(text)),
        Value::Null => {
            let suggestion = Some(format!("Write `akao: {WORKFLOW_FORMAT}`."));
            return reader.problem(ProblemCode::MissingFormat, node.position, path, "`akao` has no value", suggestion);
        }
        _ => node.kind_name().to_owned(),
    };
    let message = format!("format {number} is not supported; this version reads format {WORKFLOW_FORMAT}");
    let suggestion = format!("Write `akao: {WORKFLOW_FORMAT}`; the workflow's own version stands under `version`.");
    reader.problem(ProblemCode::UnsupportedFormat, node.position, path, message, Some(suggestion));
}

fn id(reader: &mut Reader, node: &Node, path: &Path<'_>) -> Option<String> {
    const ID_CHARACTERS_MAX: usize = 100;
    let text = reader.text(node, path, "id")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=ID_CHARACTERS_MAX).contains(&text.len()) && text.chars().all(allowed) && !text.starts_with('-') {
        return Some(text);
    }
    let message = match text.as_str() {
        "" => "the workflow's `id` is empty".to_owned(),
        text => format!("`{}` is not a workflow id", shown(text)),
    };
    let mended: String =
        text.to_lowercase().chars().map(|c| if allowed(c) { c } else { '-' }).take(ID_CHARACTERS_MAX).collect();
    let mended = mended.trim_matches('-');
    let suggestion = match mended {
        "" => "Use lower-case letters, digits and hyphens.".to_owned(),
        mended => format!("Use lower-case letters, digits and hyphens, for example `{mended}`."),
    };
    reader.problem(ProblemCode::InvalidName, node.position, path, message, Some(suggestion));
    None
}

fn outputs(reader: &mut Reader, node: &Node, path: &Path<'_>) -> IndexMap<String, serde_json::Value> {
    let example = "outputs: { count: \"${bb.count}\" }";
    let Some(entries) = reader.mapping(node, path, "outputs", example) else { return IndexMap::new() };
    entries.iter().map(|entry| (entry.key.text.clone(), entry.node.to_value())).collect()
}

fn trees(reader: &mut Reader, node: &Node, path: &Path<'_>) -> IndexMap<String, NodeDef> {
    let example = "trees: { notify: { type: Sequence } }";
    let Some(entries) = reader.mapping(node, path, "trees", example) else { return IndexMap::new() };
    entries
        .iter()
        .map(|entry| (entry.key.text.clone(), node::read(reader, &entry.node, &path.key(&entry.key.text))))
        .collect()
}
