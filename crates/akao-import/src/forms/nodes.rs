//! The four built-in nodes of the older Akao, by short type or by id, in today's names and props.

use crate::build;
use crate::formula::{self, Unsupported};
use akao_flow::NodeDef;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A built-in node of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scanner,
    Yaml,
    Logic,
    Reporter,
}

/// Short type, id without its version, kind.
const KINDS: [(&str, &str, Kind); 4] = [
    ("file-scanner", "akao:node:filesystem:scanner", Kind::Scanner),
    ("yaml-processor", "akao:node:yaml:processor", Kind::Yaml),
    ("logic-executor", "akao:node:logic:executor", Kind::Logic),
    ("reporter", "akao:node:reporter:generator", Kind::Reporter),
];

/// Old parameter to today's prop, for each kind; the first name that is there wins.
const SCANNER: &[(&str, &str)] = &[
    ("path", "path"),
    ("directory", "path"),
    ("recursive", "recursive"),
    ("extensions", "extensions"),
    ("include_hidden", "includeHidden"),
    ("max_depth", "maxDepth"),
    ("content_analysis", "contentAnalysis"),
    ("output_key", "outputKey"),
];
const YAML: &[(&str, &str)] = &[
    ("operation", "operation"),
    ("content", "content"),
    ("data", "data"),
    ("schema", "schema"),
    ("fail_on_invalid", "failOnInvalid"),
    ("output_key", "outputKey"),
];
const LOGIC: &[(&str, &str)] = &[
    ("expression", "expression"),
    ("collection", "collection"),
    ("item_key", "itemKey"),
    ("rules", "rules"),
    ("output_key", "outputKey"),
    ("fail_on", "failOn"),
];
const REPORTER: &[(&str, &str)] = &[
    ("data", "data"),
    ("report_data", "data"),
    ("format", "format"),
    ("title", "title"),
    ("output_file", "file"),
    ("file", "file"),
    ("output_key", "outputKey"),
];

/// What other nodes may read of a node: the outputs it has, and the one meant when an unknown one is asked for.
#[derive(Debug, Clone)]
pub(super) struct Outputs {
    known: &'static [&'static str],
    main: &'static str,
    /// Whether the whole result is the main output, so that paths go on inside it.
    inside_main: bool,
}

impl Outputs {
    /// Whether the node has an output of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known.contains(&name)
    }

    /// The outputs of a node by its old type and parameters.
    pub(super) fn of(node_type: &str, parameters: &Map<String, Value>) -> Self {
        let (known, main, inside_main): (&'static [&'static str], _, _) = match kind(node_type) {
            Some(Kind::Scanner) => (&["files", "directories", "statistics", "analysis"], "files", false),
            Some(Kind::Yaml) => (&["result", "valid", "problems"], "result", false),
            Some(Kind::Logic) => match parameters.get("expression").and_then(Value::as_str) {
                Some(code) if is_reference(code) => (&["value"], "value", true),
                Some(_) => (&["result", "passed"], "result", true),
                None => (&["result", "passed", "counts", "violations"], "result", false),
            },
            Some(Kind::Reporter) => (&["report", "format", "file", "bytes"], "report", false),
            None => (&[], "", false),
        };
        Self { known, main, inside_main }
    }

    /// `path` (`files`, `summary.count`, empty for everything) as it stands after `steps.<id>.outputs`, and a note when
    /// the node has no such output.
    pub(super) fn path(&self, path: &str) -> (String, Option<String>) {
        let head = path.split(['.', '[']).next().unwrap_or_default();
        if path.is_empty() {
            return (if self.inside_main { format!(".{}", self.main) } else { String::new() }, None);
        }
        if self.known.is_empty() || self.known.contains(&head) {
            return (format!(".{path}"), None);
        }
        if self.inside_main {
            let rest =
                if head == "result" { &path[head.len()..] } else { return (format!(".{}.{path}", self.main), None) };
            return (format!(".{}{rest}", self.main), None);
        }
        let rest = &path[head.len()..];
        let note = format!("there is no output `{head}`; the main output `{}` is read", self.main);
        (format!(".{}{rest}", self.main), Some(note))
    }
}

/// The built-in node behind a type.
pub(super) fn kind(node_type: &str) -> Option<Kind> {
    let unversioned = node_type.rsplit_once(":v").map_or(node_type, |(id, _)| id);
    KINDS.iter().find(|(short, id, _)| *short == node_type || *id == unversioned).map(|(.., kind)| *kind)
}

/// The node of an old type with its parameters. An error is the reason why it has to be a placeholder.
pub(super) fn convert(
    node_type: &str,
    id: &str,
    parameters: Map<String, Value>,
    node_types: &BTreeSet<String>,
    notes: &mut Vec<String>,
) -> Result<NodeDef, String> {
    let Some(kind) = kind(node_type) else {
        if node_type.contains('.') || node_types.contains(node_type) {
            return Ok(NodeDef { props: parameters, ..build::node(node_type) });
        }
        return Err("no node type of this name exists".to_owned());
    };
    match kind {
        Kind::Scanner => Ok(scanner(parameters, notes)),
        Kind::Yaml => {
            let node = mapped("YamlProcessor", YAML, &parameters, notes);
            if !node.props.contains_key("content") && !node.props.contains_key("data") {
                return Err("it has neither `content` nor `data`; files are read by a node before it".to_owned());
            }
            Ok(with_default(node, "operation", "parse"))
        }
        Kind::Logic => logic(id, parameters, notes),
        Kind::Reporter => reporter(parameters, notes),
    }
}

fn scanner(mut parameters: Map<String, Value>, notes: &mut Vec<String>) -> NodeDef {
    for name in ["pattern", "patterns"] {
        if let Some(patterns) = parameters.shift_remove(name) {
            match extensions(&patterns) {
                Some(found) if found.is_empty() => {}
                Some(found) => {
                    parameters.entry("extensions").or_insert(json!(found));
                }
                None => notes.push(format!("`{name}: {patterns}` is left out; only patterns of extensions are kept")),
            }
        }
    }
    with_default(mapped("FileScanner", SCANNER, &parameters, notes), "path", ".")
}

/// The extensions that patterns such as `*.{cpp,hpp}` or `**/*.md` stand for; empty for everything.
fn extensions(patterns: &Value) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let one = [patterns.clone()];
    let list = patterns.as_array().map_or(one.as_slice(), Vec::as_slice);
    for pattern in list {
        let pattern = pattern.as_str()?.trim_start_matches("**/");
        if pattern == "*" || pattern == "**" {
            return Some(Vec::new());
        }
        let rest = pattern.strip_prefix("*.")?;
        let words = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(rest);
        for word in words.split(',').map(str::trim) {
            if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_') {
                return None;
            }
            found.push(format!(".{word}"));
        }
    }
    Some(found)
}

/// Rules stay rules, and an expression over the blackboard stays one. An expression over inputs or other nodes sets a
/// value, because the node itself sees the blackboard only. Code of several statements was never more than a plan.
fn logic(id: &str, mut parameters: Map<String, Value>, notes: &mut Vec<String>) -> Result<NodeDef, String> {
    let Some(code) = parameters.get("expression").cloned() else {
        if !parameters.contains_key("rules") {
            return Err("it has neither an `expression` nor `rules`".to_owned());
        }
        return Ok(mapped("LogicExecutor", LOGIC, &parameters, notes));
    };
    let Some(code) = code.as_str().map(str::trim) else { return Err("`expression` is not text".to_owned()) };
    if !is_reference(code) {
        let is_program =
            code.contains(['\n', ';', '[', '{']) || code.replace("==", "").replace(['<', '>', '!'], "").contains('=');
        if is_program && formula::parse_expression(code).is_err() {
            return Err("it runs code of several statements, for which there was never an interpreter".to_owned());
        }
        return Ok(mapped("LogicExecutor", LOGIC, &parameters, notes));
    }
    // References were already put into our own namespaces; the names inside are kept.
    let keep = &mut |name: &str| {
        let spaced = ["input.", "steps.", "bb."].iter().any(|space| name.starts_with(space));
        Ok(if spaced { name.to_owned() } else { format!("bb.{name}") })
    };
    let expression = formula::parse_expression(code).and_then(|parsed| formula::expression(&parsed, keep));
    let expression =
        expression.map_err(|Unsupported(reason)| format!("the expression cannot be translated: {reason}"))?;
    parameters.shift_remove("expression");
    for name in parameters.keys() {
        notes.push(format!("`{name}` is left out"));
    }
    notes.push(format!("the expression's value is the key `{id}_result` and the output `value`"));
    let key = json!(format!("{id}_result"));
    Ok(build::with_props("SetVariable", [("key", key), ("value", build::whole(&expression))]))
}

fn is_reference(code: &str) -> bool {
    code.contains("${") || code.contains("{{")
}

fn reporter(mut parameters: Map<String, Value>, notes: &mut Vec<String>) -> Result<NodeDef, String> {
    if let Some(formats) = parameters.shift_remove("formats") {
        let first = formats.get(0).and_then(Value::as_str);
        notes.push("a report has one format; the first of `formats` is used, else markdown".to_owned());
        parameters.entry("format").or_insert(json!(first.unwrap_or("markdown")));
    }
    let node = mapped("Reporter", REPORTER, &parameters, notes);
    if !node.props.contains_key("data") {
        return Err("it has no `data` to report".to_owned());
    }
    Ok(node)
}

fn mapped(
    node_type: &str,
    table: &[(&str, &str)],
    parameters: &Map<String, Value>,
    notes: &mut Vec<String>,
) -> NodeDef {
    let mut node = build::node(node_type);
    for (old, ours) in table {
        if let Some(value) = parameters.get(*old) {
            node.props.entry(*ours).or_insert_with(|| value.clone());
        }
    }
    let unknown: Vec<String> = parameters
        .keys()
        .filter(|name| !table.iter().any(|(old, _)| old == name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !unknown.is_empty() {
        notes.push(format!("{} left out: {node_type} has nothing like it", unknown.join(", ")));
    }
    node
}

fn with_default(mut node: NodeDef, prop: &str, value: &str) -> NodeDef {
    node.props.entry(prop).or_insert(json!(value));
    node
}
