//! Akao's two older forms, graph and stages: what they share.
//!
//! Both become a `Graph` whose children wait for each other by `needs`. The built-in nodes of that time keep their work
//! under today's names and props.

mod graph;
mod nodes;
mod schema;
mod stages;
mod transform;

pub(crate) use graph::import as import_graph;
pub(crate) use stages::import as import_stages;

use crate::ImportError;
use crate::document::{place, text, wrong};
use crate::names::{Names, file_stem, workflow_id};
use crate::report::{Place, Report, Verdict};
use akao_flow::{Definition, InputSchema, NodeDef, RetryDef, Settings, WORKFLOW_FORMAT};
use akao_yaml::Node;
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::BTreeSet;

/// A definition with the header of the document and nothing to run yet.
fn definition(document: &Node, source_name: &str, report: &mut Report) -> Definition {
    let old_id = text(document, "id").unwrap_or_else(|| file_stem(source_name));
    let id = workflow_id(old_id);
    let at = place("", document);
    if id != old_id && document.get("id").is_some() {
        report.add(&at, "workflow", Verdict::Renamed, format!("the id `{old_id}` is `{id}` now"));
    }
    Definition {
        akao: WORKFLOW_FORMAT,
        id,
        version: version(document, &at, report),
        name: text(document, "name").map(str::to_owned),
        description: text(document, "description").map(str::to_owned),
        inputs: InputSchema::default(),
        outputs: IndexMap::new(),
        settings: Settings::default(),
        trees: IndexMap::new(),
        root: NodeDef::default(),
    }
}

/// A semantic version; `1` and `1.0` are filled up.
fn version(document: &Node, at: &Place, report: &mut Report) -> String {
    let old = match document.get("version").map(Node::to_value) {
        None => return "0.1.0".to_owned(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    let filled = [old.clone(), format!("{old}.0"), format!("{old}.0.0")];
    let found = filled.into_iter().find(|text| semver::Version::parse(text).is_ok());
    let new = found.unwrap_or_else(|| "0.1.0".to_owned());
    if new != old {
        report.add(at, "workflow", Verdict::Renamed, format!("the version `{old}` is `{new}` now"));
    }
    new
}

/// Names ids; those that already fit keep themselves.
fn name_ids(ids: &[&str]) -> Names {
    let mut names = Names::default();
    names.keep_valid(ids.iter().copied());
    for id in ids {
        names.rename(id);
    }
    names
}

/// Says that an id changed, on the line of its node.
fn report_renamed(names: &Names, old: &str, what: &str, at: &Place, report: &mut Report) -> String {
    let new = names.known(old).unwrap_or(old).to_owned();
    if new != old {
        report.add(at, what, Verdict::Renamed, format!("the id `{old}` is `{new}` now"));
    }
    new
}

/// Inputs under names that expressions can read, and the old names with what they became, longest first.
fn name_inputs(inputs: &mut InputSchema, at: &Place, report: &mut Report) -> Vec<(String, String)> {
    let mut names = Names::default();
    names.keep_valid(inputs.0.keys().map(String::as_str));
    let mut renamed = Vec::new();
    for (old, property) in std::mem::take(&mut inputs.0) {
        let (new, changed) = names.rename(&old);
        inputs.0.insert(new.clone(), property);
        if changed {
            report.add(at, "input", Verdict::Renamed, format!("the input `{old}` is `{new}` now"));
            renamed.push((old, new));
        }
    }
    renamed.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
    renamed
}

/// Puts today's names into references such as `stages.old-name.outputs.x`, which would read as a subtraction.
fn rename_references(text: String, ids: &[&str], names: &Names, inputs: &[(String, String)]) -> String {
    let mut text = text;
    for (old, new) in inputs.iter().filter(|(old, _)| !old.is_empty()) {
        for space in ["inputs.", "input."] {
            text = text.replace(&format!("{space}{old}"), &format!("{space}{new}"));
        }
        text = text.replace(&format!("${{{old}}}"), &format!("${{{new}}}"));
    }
    for old in ids {
        let new = names.known(old).unwrap_or(old);
        if new != *old && text.contains(old) {
            for space in ["stages.", "nodes.", "steps."] {
                text = text.replace(&format!("{space}{old}."), &format!("{space}{new}."));
            }
        }
    }
    text
}

/// Refuses a circle: no order of running would satisfy it.
fn check_order(children: &[NodeDef], document: &Node, path: &str) -> Result<(), ImportError> {
    let mut waiting: IndexMap<&str, BTreeSet<&str>> = children
        .iter()
        .map(|child| (child.id.as_deref().unwrap_or_default(), child.needs.iter().map(String::as_str).collect()))
        .collect();
    while !waiting.is_empty() {
        let names: BTreeSet<&str> = waiting.keys().copied().collect();
        let before = waiting.len();
        waiting.retain(|_, needs| needs.iter().any(|need| names.contains(need)));
        if waiting.len() == before {
            let circle: Vec<&str> = waiting.keys().copied().collect();
            return Err(wrong(path, document, format!("these wait for each other in a circle: {}", circle.join(", "))));
        }
    }
    Ok(())
}

/// A need, once.
fn push_need(needs: &mut Vec<String>, id: &str) {
    if !needs.iter().any(|need| need == id) {
        needs.push(id.to_owned());
    }
}

/// `retries` attempts after the first.
fn retry(retries: u32) -> RetryDef {
    let attempts = retries.saturating_add(1);
    RetryDef { attempts, delay: None, factor: None, max_delay: None, on: Vec::new() }
}
