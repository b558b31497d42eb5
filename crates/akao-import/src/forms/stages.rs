//! The stage form: `stages` with named outputs, `${inputs.x}` and `${stages.s.outputs.o}`.

use super::nodes::{self, Outputs};
use super::{check_order, definition, name_ids, push_need, rename_references, report_renamed, retry, schema};
use crate::document::{boolean, list, place, text, texts, whole_number, wrong};
use crate::formula::{self, Unsupported};
use crate::names::Names;
use crate::report::{Place, Report, Verdict};
use crate::{ImportError, Source, build, templates};
use akao_flow::{Definition, NodeDef, OnFailure};
use akao_yaml::Node;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Keys of the document that are read; others are reported.
const KNOWN: [&str; 8] = ["id", "name", "description", "version", "inputs", "stages", "outputs", "error_handling"];

/// Where the outputs of all stages are: (stage, output) to an expression.
type Sources = BTreeMap<(String, String), String>;

struct Stages<'a> {
    source: &'a Source<'a>,
    report: &'a mut Report,
    ids: Vec<&'a str>,
    names: Names,
    /// Inputs that have another name now.
    renamed: Vec<(String, String)>,
    sources: Sources,
    children: Vec<NodeDef>,
}

/// Reads the stage form.
pub(crate) fn import(source: &Source<'_>, document: &Node, report: &mut Report) -> Result<Definition, ImportError> {
    let mut definition = definition(document, source.name, report);
    for (index, input) in list(document, "inputs", "")?.iter().enumerate() {
        let path = format!("inputs[{index}]");
        let name = text(input, "name").ok_or_else(|| wrong(&path, input, "an input needs a `name`"))?;
        definition.inputs.0.insert(name.to_owned(), schema::of_stage_input(input));
    }
    let renamed = super::name_inputs(&mut definition.inputs, &place("inputs", document), report);
    let listed = list(document, "stages", "")?;
    let ids: Vec<&str> = listed.iter().filter_map(|stage| text(stage, "name")).collect();
    let names = name_ids(&ids);
    let mut stages = Stages { source, report, ids, names, renamed, sources: Sources::new(), children: Vec::new() };
    for (index, stage) in listed.iter().enumerate() {
        stages.outputs(stage, &format!("stages[{index}]"))?;
    }
    let mut previous = None;
    for (index, stage) in listed.iter().enumerate() {
        previous = Some(stages.stage(stage, &format!("stages[{index}]"), previous.as_deref())?);
    }
    check_order(&stages.children, document, "stages")?;
    for (index, output) in list(document, "outputs", "")?.iter().enumerate() {
        stages.workflow_output(output, &place(format!("outputs[{index}]"), output), &mut definition);
    }
    if let Some(handling) = document.get("error_handling") {
        stages.error_handling(handling, &mut definition);
    }
    for entry in document.entries().unwrap_or_default() {
        if !KNOWN.contains(&entry.key.text.as_str()) {
            let at = place(entry.key.text.clone(), &entry.node);
            stages.report.add(&at, "workflow", Verdict::Dropped, format!("`{}` has no counterpart", entry.key.text));
        }
    }
    definition.root = build::composite("Graph", stages.children);
    Ok(definition)
}

impl<'a> Stages<'a> {
    /// Notes where each declared output is; a path that expressions cannot follow needs a node of its own.
    fn outputs(&mut self, stage: &'a Node, path: &str) -> Result<(), ImportError> {
        let old = text(stage, "name").ok_or_else(|| wrong(path, stage, "a stage needs a `name`"))?;
        let id = self.names.known(old).unwrap_or(old).to_owned();
        let outputs = outputs_of(stage);
        for output in list(stage, "outputs", path)? {
            let Some(name) = text(output, "name") else { continue };
            let from = match plain_path(text(output, "path").unwrap_or("$")) {
                Some(path) => format!("steps.{id}.outputs{}", outputs.path(&path).0),
                None => format!("steps.{}.outputs.result", self.names.rename(&format!("{id}_{name}")).0),
            };
            self.sources.insert((id.clone(), name.to_owned()), from);
        }
        Ok(())
    }

    fn stage(&mut self, stage: &'a Node, path: &str, previous: Option<&str>) -> Result<String, ImportError> {
        let at = place(path, stage);
        let old = text(stage, "name").unwrap_or_default();
        let node_type = text(stage, "node").ok_or_else(|| wrong(path, stage, "a stage needs a `node`"))?;
        let id = self.names.known(old).unwrap_or(old).to_owned();
        if self.children.iter().any(|child| child.id.as_deref() == Some(&id)) {
            return Err(wrong(path, stage, format!("another stage is called `{old}`")));
        }
        let slot = self.report.open(&at, node_type);
        let mut notes = Vec::new();
        let parameters = self.translated(stage.get("inputs"), &mut notes);
        let made = self.condition(stage).and_then(|condition| {
            let node = nodes::convert(node_type, &id, parameters, self.source.node_types, &mut notes)?;
            Ok(NodeDef { condition, ..node })
        });
        let mut made = match made {
            Ok(made) => {
                self.report.close(slot, &notes);
                made
            }
            Err(reason) => {
                self.report.settle(slot, Verdict::Placeholder, reason.clone());
                build::placeholder(node_type, &reason, Vec::new())
            }
        };
        report_renamed(&self.names, old, node_type, &at, self.report);
        made.id = Some(id.clone());
        made.needs = self.needs(stage, previous, node_type, &at);
        self.children.push(made);
        self.declared_outputs(stage, &id, path)?;
        Ok(id)
    }

    /// Inputs with references to other stages and to the workflow's inputs.
    fn translated(&self, inputs: Option<&Node>, notes: &mut Vec<String>) -> Map<String, Value> {
        let Some(inputs @ Value::Object(_)) = inputs.map(Node::to_value) else { return Map::new() };
        let renamed = templates::rewrite_value(inputs, &mut |text| {
            rename_references(text, &self.ids, &self.names, &self.renamed)
        });
        match templates::translate(renamed, &mut |name| self.resolve(name), notes) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn condition(&self, stage: &Node) -> Result<Option<Value>, String> {
        let Some(condition) = stage.get("condition").map(Node::to_value) else { return Ok(None) };
        let Value::String(condition) = condition else { return Ok(Some(condition)) };
        let condition = rename_references(condition, &self.ids, &self.names, &self.renamed);
        let parsed = formula::parse_expression(&condition);
        let written = parsed.and_then(|parsed| formula::condition(&parsed, &mut |name| self.resolve(name)));
        written.map(|text| Some(json!(text))).map_err(|Unsupported(reason)| format!("its condition: {reason}"))
    }

    /// A name inside a reference.
    fn resolve(&self, name: &str) -> Result<String, Unsupported> {
        let parts: Vec<&str> = name.splitn(5, '.').collect();
        match parts.as_slice() {
            ["inputs" | "input", ..] if parts.len() > 1 => Ok(format!("input.{}", &name[parts[0].len() + 1..])),
            ["stages" | "steps", stage, "outputs", output, rest @ ..] => {
                let rest = rest.first().map(|rest| format!(".{rest}")).unwrap_or_default();
                let found = self.sources.get(&((*stage).to_owned(), (*output).to_owned()));
                let known = found.map(|source| format!("{source}{rest}"));
                known.ok_or_else(|| Unsupported::new(format!("the stage `{stage}` declares no output `{output}`")))
            }
            ["stages" | "steps", stage, "status"] if self.names.has(stage) => Ok(format!("steps.{stage}.status")),
            _ => Err(Unsupported::new(format!("`{name}` names neither an input nor a stage's output"))),
        }
    }

    /// A stage without `depends_on` waits for the one before it, unless it may run in parallel.
    fn needs(&mut self, stage: &Node, previous: Option<&str>, node_type: &str, at: &Place) -> Vec<String> {
        let mut needs = Vec::new();
        if stage.get("depends_on").is_none() && boolean(stage, "parallel") != Some(true) {
            needs.extend(previous.map(str::to_owned));
        }
        for old in texts(stage, "depends_on") {
            match self.names.known(&old).filter(|_| self.ids.contains(&old.as_str())) {
                Some(id) => push_need(&mut needs, id),
                None => {
                    let note = format!("it depends on `{old}`, which does not exist");
                    self.report.add(at, node_type, Verdict::Dropped, note);
                }
            }
        }
        needs
    }

    /// One report line for each output, and a `JsonPath` node for each path that expressions cannot follow.
    fn declared_outputs(&mut self, stage: &Node, id: &str, path: &str) -> Result<(), ImportError> {
        let outputs = outputs_of(stage);
        for (index, output) in list(stage, "outputs", path)?.iter().enumerate() {
            let at = place(format!("{path}.outputs[{index}]"), output);
            let (Some(name), json_path) = (text(output, "name"), text(output, "path").unwrap_or("$")) else {
                self.report.add(&at, "output", Verdict::Dropped, "it has no `name`");
                continue;
            };
            let Some(plain) = plain_path(json_path) else {
                let node_id = self.names.rename(&format!("{id}_{name}")).0;
                let from = build::whole(&format!("steps.{id}.outputs{}", outputs.path("").0));
                let mut node = build::with_props("JsonPath", [("input", from), ("path", json!(json_path))]);
                node.id = Some(node_id.clone());
                node.needs = vec![id.to_owned()];
                self.children.push(node);
                self.report.add(&at, "output", Verdict::Approximated, format!("found by the new node `{node_id}`"));
                continue;
            };
            let notes: Vec<String> = outputs.path(&plain).1.into_iter().collect();
            let slot = self.report.open(&at, "output");
            self.report.close(slot, &notes);
        }
        Ok(())
    }

    fn workflow_output(&mut self, output: &Node, at: &Place, definition: &mut Definition) {
        let (Some(name), Some(source)) = (text(output, "name"), text(output, "source")) else {
            self.report.add(at, "output", Verdict::Dropped, "it needs a `name` and a `source`");
            return;
        };
        let (name, changed) = Names::default().rename(name);
        if changed {
            self.report.add(at, "output", Verdict::Renamed, format!("the output is `{name}` now"));
        }
        let source = rename_references(source.to_owned(), &self.ids, &self.names, &self.renamed);
        let optional = boolean(output, "optional") == Some(true);
        match self.output_expression(&source, text(output, "path")) {
            Ok(expression) if optional => {
                definition.outputs.insert(name, build::whole(&format!("{expression} | default(none)")));
                self.report.add(at, "output", Verdict::Exact, "");
            }
            Ok(expression) => {
                definition.outputs.insert(name, build::whole(&expression));
                self.report.add(at, "output", Verdict::Exact, "");
            }
            Err(Unsupported(reason)) => self.report.add(at, "output", Verdict::Dropped, reason),
        }
    }

    /// `source` is a reference, or the name of a stage whose outputs `path` goes into.
    fn output_expression(&self, source: &str, path: Option<&str>) -> Result<String, Unsupported> {
        let plain = plain_path(path.unwrap_or("$"))
            .ok_or_else(|| Unsupported::new(format!("the path `{}` is not followed", path.unwrap_or("$"))))?;
        let reference = source.trim_start_matches("${").trim_end_matches('}');
        if reference.starts_with("stages.") || reference.starts_with("inputs.") {
            let base = self.resolve(reference)?;
            return Ok(if plain.is_empty() { base } else { format!("{base}.{plain}") });
        }
        let id = self.names.known(source).ok_or_else(|| Unsupported::new(format!("there is no stage `{source}`")))?;
        if plain.is_empty() {
            return Ok(format!("steps.{id}.outputs"));
        }
        self.resolve(&format!("stages.{id}.outputs.{plain}"))
    }

    fn error_handling(&mut self, handling: &Node, definition: &mut Definition) {
        let at = place("error_handling", handling);
        let retries = match handling.get("retry_failed_stages").map(Node::to_value) {
            Some(Value::Bool(true)) => 2,
            Some(_) => whole_number(handling, "retry_failed_stages").unwrap_or(0).min(1000),
            None => 0,
        };
        if retries > 0 {
            let again = u32::try_from(retries).unwrap_or(1000);
            let attempts = again + 1;
            for child in self.children.iter_mut().filter(|child| child.children.is_empty()) {
                child.retry = Some(retry(again));
            }
            let note = format!("every stage has {attempts} attempts, for errors that another attempt may help");
            self.report.add(&at, "retry_failed_stages", Verdict::Approximated, note);
        }
        if boolean(handling, "continue_on_non_critical_errors") == Some(true) {
            definition.settings.on_failure = Some(OnFailure::Continue);
            let note = "every failure lets the other stages go on; no stage is more critical than another";
            self.report.add(&at, "continue_on_non_critical_errors", Verdict::Approximated, note);
        }
        for entry in handling.entries().unwrap_or_default() {
            if !matches!(entry.key.text.as_str(), "retry_failed_stages" | "continue_on_non_critical_errors") {
                let note = "nothing is rolled back by itself; put a Recovery node around what must be undone";
                self.report.add(&place("error_handling", &entry.node), &entry.key.text, Verdict::Dropped, note);
            }
        }
    }
}

fn outputs_of(stage: &Node) -> Outputs {
    let parameters = match stage.get("inputs").map(Node::to_value) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    Outputs::of(text(stage, "node").unwrap_or_default(), &parameters)
}

/// A JSONPath of names and indices only, in the form of expressions: `$.a.b[0]` is `a.b[0]`, `$` is empty.
fn plain_path(path: &str) -> Option<String> {
    let rest = path.trim().strip_prefix('$')?;
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    let plain = |part: &str| {
        let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        let mut inner = indices.split_inclusive(']');
        akao_contract::is_name(name)
            && inner.all(|index| {
                let digits = index.strip_prefix('[').and_then(|index| index.strip_suffix(']'));
                digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            })
    };
    (rest.is_empty() || rest.split('.').all(plain)).then(|| rest.to_owned())
}
