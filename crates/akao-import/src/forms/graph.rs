//! The graph form: `nodes` with `depends_on`, and `connections` that carry outputs to inputs.

use super::nodes::{self, Outputs};
use super::transform::{self, Transform};
use super::{
    check_order, definition, name_ids, name_inputs, push_need, rename_references, report_renamed, retry, schema,
};
use crate::document::{boolean, list, place, text, texts, whole_number, wrong};
use crate::formula::Unsupported;
use crate::names::Names;
use crate::report::{Place, Report, Verdict};
use crate::{ImportError, Source, build, templates};
use akao_contract::is_name;
use akao_flow::{Definition, InputSchema, NodeDef};
use akao_yaml::Node;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

/// Keys of the document that are read; others are reported.
const KNOWN: [&str; 9] = [
    "id",
    "name",
    "description",
    "version",
    "nodes",
    "connections",
    "default_parameters",
    "input_schema",
    "output_schema",
];

/// One node of the source, while connections are added to it.
struct Part<'a> {
    node: &'a Node,
    id: String,
    node_type: &'a str,
    at: Place,
    parameters: Map<String, Value>,
    outputs: Outputs,
    needs: Vec<String>,
    notes: Vec<String>,
    /// Transforms of connections, in front of the node.
    before: Vec<NodeDef>,
}

/// Reads the graph form.
pub(crate) fn import(source: &Source<'_>, document: &Node, report: &mut Report) -> Result<Definition, ImportError> {
    let mut definition = definition(document, source.name, report);
    definition.inputs = schema::of_graph(document);
    let renamed = name_inputs(&mut definition.inputs, &place("input_schema", document), report);
    let listed = list(document, "nodes", "")?;
    let ids: Vec<&str> = listed.iter().filter_map(|node| text(node, "id")).collect();
    let mut names = name_ids(&ids);
    let mut parts = IndexMap::new();
    for (index, node) in listed.iter().enumerate() {
        let part = part(node, &format!("nodes[{index}]"), &ids, &names, (&definition.inputs, &renamed))?;
        if parts.insert(part.id.clone(), part).is_some() {
            return Err(wrong(&format!("nodes[{index}]"), node, "another node has the same id"));
        }
    }
    for (index, connection) in list(document, "connections", "")?.iter().enumerate() {
        let at = place(format!("connections[{index}]"), connection);
        connect(connection, &at, &mut names, &mut parts, report);
    }
    let mut children = Vec::new();
    let known: Vec<String> = parts.keys().cloned().collect();
    let outputs: Vec<(String, Outputs)> = parts.iter().map(|(id, part)| (id.clone(), part.outputs.clone())).collect();
    for (_, part) in parts {
        finish(part, &known, &names, source, report, &mut children);
    }
    check_order(&children, document, "nodes")?;
    outputs_of(document, &outputs, &mut definition, report);
    for entry in document.entries().unwrap_or_default() {
        if !KNOWN.contains(&entry.key.text.as_str()) {
            let at = place(entry.key.text.clone(), &entry.node);
            report.add(&at, "workflow", Verdict::Dropped, format!("`{}` has no counterpart", entry.key.text));
        }
    }
    definition.root = build::composite("Graph", children);
    Ok(definition)
}

fn part<'a>(
    node: &'a Node,
    path: &str,
    ids: &[&str],
    names: &Names,
    (inputs, renamed): (&InputSchema, &[(String, String)]),
) -> Result<Part<'a>, ImportError> {
    let old_id = text(node, "id").ok_or_else(|| wrong(path, node, "a node needs an `id`"))?;
    let node_type = text(node, "type").ok_or_else(|| wrong(path, node, "a node needs a `type`"))?;
    let mut notes = Vec::new();
    let parameters = match node.get("parameters").map(Node::to_value) {
        Some(parameters @ Value::Object(_)) => {
            let renamed =
                templates::rewrite_value(parameters, &mut |text| rename_references(text, ids, names, renamed));
            templates::translate(renamed, &mut |name| resolve(name, names, inputs), &mut notes)
        }
        _ => Value::Null,
    };
    let parameters = if let Value::Object(map) = parameters { map } else { Map::new() };
    Ok(Part {
        node,
        id: names.known(old_id).unwrap_or(old_id).to_owned(),
        node_type,
        at: place(path, node),
        outputs: Outputs::of(node_type, &parameters),
        parameters,
        needs: Vec::new(),
        notes,
        before: Vec::new(),
    })
}

/// A name inside a reference: an input, or `nodes.<id>.outputs.<name>`.
fn resolve(name: &str, names: &Names, inputs: &InputSchema) -> Result<String, Unsupported> {
    let (space, rest) = name.split_once('.').unwrap_or((name, ""));
    match space {
        "input" | "inputs" | "params" | "parameters" if !rest.is_empty() => Ok(format!("input.{rest}")),
        "nodes" | "steps" if is_step(rest, names) => Ok(format!("steps.{rest}")),
        _ if inputs.0.contains_key(space) => Ok(format!("input.{name}")),
        _ if names.has(space) && rest.starts_with("outputs.") => Ok(format!("steps.{name}")),
        _ => Err(Unsupported::new(format!("`{name}` names neither an input nor a node"))),
    }
}

/// Whether `<id>.outputs…`, `<id>.status` or `<id>.error` names something of a node that exists.
fn is_step(path: &str, names: &Names) -> bool {
    let mut parts = path.split('.');
    parts.next().is_some_and(|id| names.has(id))
        && parts.next().is_some_and(|field| matches!(field, "outputs" | "status" | "error"))
}

fn connect(
    connection: &Node,
    at: &Place,
    names: &mut Names,
    parts: &mut IndexMap<String, Part<'_>>,
    report: &mut Report,
) {
    let end = |key| text(connection, key).and_then(|id| names.known(id)).map(str::to_owned);
    let (Some(from), Some(to)) = (end("from_node"), end("to_node")) else {
        report.add(at, "connection", Verdict::Dropped, "it starts or ends at a node that does not exist");
        return;
    };
    let (path, note) = match (parts.get(&from), text(connection, "from_output")) {
        (Some(part), Some(output)) => part.outputs.path(output),
        _ => (String::new(), None),
    };
    let Some(target) = parts.get_mut(&to) else { return };
    let slot = report.open(at, "connection");
    let mut notes: Vec<String> = note.into_iter().collect();
    let input = text(connection, "to_input");
    let value = build::whole(&format!("steps.{from}.outputs{path}"));
    let expression = text(connection, "transform_expression").unwrap_or_default();
    let (value, source, missing) = match transform::read(expression, value.clone()) {
        Transform::None => (value, from, None),
        Transform::Node(node) => {
            let id = between(*node, &from, &to, input, names, target);
            (build::whole(&format!("steps.{id}.outputs.result")), id, None)
        }
        Transform::Unknown(reason) => {
            let node = build::placeholder("the transform of a connection", &reason, Vec::new());
            let id = between(node, &from, &to, input, names, target);
            (build::whole(&format!("steps.{id}.outputs")), id, Some(reason))
        }
    };
    push_need(&mut target.needs, &source);
    match input {
        Some(input) => add_input(&mut target.parameters, input, value),
        None => notes.push("it names no `to_input`; only the order is kept".to_owned()),
    }
    match missing {
        Some(reason) => report.settle(slot, Verdict::Placeholder, reason),
        None => report.close(slot, &notes),
    }
}

/// Puts a transform in front of the node that it feeds, and gives its id.
fn between(
    node: NodeDef,
    from: &str,
    to: &str,
    input: Option<&str>,
    names: &mut Names,
    target: &mut Part<'_>,
) -> String {
    let base = format!("{from}_to_{to}_{}", input.unwrap_or("order"));
    let count = target.before.len();
    // Two connections may join the same two ends; each has its own transform.
    let wanted = if names.known(&base).is_some() { format!("{base}_{count}") } else { base };
    let (id, _) = names.rename(&wanted);
    target.before.push(NodeDef { id: Some(id.clone()), needs: vec![from.to_owned()], ..node });
    id
}

/// A second value for the same input makes a list of them.
fn add_input(parameters: &mut Map<String, Value>, input: &str, value: Value) {
    match parameters.get_mut(input) {
        Some(Value::Array(values)) => values.push(value),
        Some(first) if first.as_str().is_some_and(|text| text.starts_with("${steps.")) => {
            *first = Value::Array(vec![first.take(), value]);
        }
        _ => {
            parameters.insert(input.to_owned(), value);
        }
    }
}

fn finish(
    part: Part<'_>,
    known: &[String],
    names: &Names,
    source: &Source<'_>,
    report: &mut Report,
    children: &mut Vec<NodeDef>,
) {
    let Part { node, id, node_type, at, parameters, needs: connected, mut notes, before, .. } = part;
    let slot = report.open(&at, node_type);
    let made = nodes::convert(node_type, &id, parameters, source.node_types, &mut notes);
    let mut made = match made {
        Ok(made) => {
            report.close(slot, &notes);
            made
        }
        Err(reason) => {
            report.settle(slot, Verdict::Placeholder, reason.clone());
            build::placeholder(node_type, &reason, Vec::new())
        }
    };
    report_renamed(names, text(node, "id").unwrap_or_default(), node_type, &at, report);
    made.name = text(node, "name").or_else(|| text(node, "description")).map(str::to_owned);
    for old in texts(node, "depends_on") {
        match names.known(&old).filter(|id| known.iter().any(|known| known == id)) {
            Some(need) => push_need(&mut made.needs, need),
            None => {
                report.add(&at, node_type, Verdict::Dropped, format!("it depends on `{old}`, which does not exist"))
            }
        }
    }
    for need in connected {
        push_need(&mut made.needs, &need);
    }
    if boolean(node, "enabled") == Some(false) {
        made.condition = Some(json!(false));
    }
    made.id = Some(id);
    if made.children.is_empty() {
        attempts(node, &mut made);
    }
    children.extend(before);
    children.push(made);
}

/// Time limit and attempts of a step; a placeholder is no step.
fn attempts(node: &Node, made: &mut NodeDef) {
    made.timeout = whole_number(node, "timeout").filter(|ms| *ms > 0).map(build::duration);
    let retries = whole_number(node, "retry_count").and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
    if retries > 0 {
        made.retry = Some(retry(retries));
    }
}

/// The form declares outputs without saying where they come from: the last node that has one of the name gives it.
fn outputs_of(document: &Node, outputs: &[(String, Outputs)], definition: &mut Definition, report: &mut Report) {
    for entry in document.get("output_schema").and_then(Node::entries).unwrap_or_default() {
        let name = &entry.key.text;
        let at = place(format!("output_schema.{name}"), &entry.node);
        let giver = outputs.iter().rev().find(|(_, outputs)| outputs.has(name));
        match giver.filter(|_| is_name(name)) {
            Some((id, _)) => {
                definition.outputs.insert(name.clone(), build::whole(&format!("steps.{id}.outputs.{name}")));
                report.add(
                    &at,
                    "output",
                    Verdict::Approximated,
                    format!("taken from `{id}`, the last node that has it"),
                );
            }
            None => report.add(&at, "output", Verdict::Dropped, "no node gives an output of this name"),
        }
    }
}
