//! Blackboard keys as one tree sees them, and which keys each tree reads and writes.
//!
//! BehaviorTree.CPP gives every subtree its own blackboard and aliases the mapped keys. Akao copies values in and out, so
//! the import has to know which way each key goes.

use super::document::{Direction, Element, Forest};
use super::ports::{self, PortValue};
use super::tables;
use crate::formula::{self, Expr, Statement};
use crate::names::Names;
use indexmap::IndexMap;
use std::collections::BTreeSet;

/// Deepest chain of subtree calls that is followed.
const CALL_DEPTH_MAX: usize = 64;

/// The keys of the tree that is being converted. All trees share one table of names, so that ports match.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) main: bool,
    keys: Names,
    renamed: Vec<(String, String)>,
}

impl Scope {
    /// The name of a key. `@key` is the root blackboard's: its own name in the main tree, a copied-in key elsewhere.
    pub(super) fn key(&mut self, raw: &str) -> String {
        let old = match raw.strip_prefix('@') {
            Some(root) if self.main => root.to_owned(),
            Some(root) => root_key(root),
            None => raw.to_owned(),
        };
        let (new, changed) = self.keys.rename(&old);
        if changed {
            self.renamed.push((old, new.clone()));
        }
        new
    }

    /// Keys that got another name since the last call.
    pub(super) fn take_renamed(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.renamed)
    }
}

/// The key that holds a copy of the root blackboard's `key` inside a subtree.
pub(super) fn root_key(key: &str) -> String {
    format!("root_{key}")
}

/// Keys that a tree reads and writes, as the source names them.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    pub(super) reads: BTreeSet<String>,
    pub(super) writes: BTreeSet<String>,
}

impl Usage {
    fn mark(&mut self, key: &str, direction: Direction) {
        if direction != Direction::Out {
            self.reads.insert(key.to_owned());
        }
        if direction != Direction::In {
            self.writes.insert(key.to_owned());
        }
    }

    fn script(&mut self, code: &str) {
        for statement in formula::parse(code).unwrap_or_default() {
            let value: Expr = match statement {
                Statement::Value(value) => value,
                Statement::Assign { key, how, value } => {
                    self.writes.insert(key.clone());
                    formula::assigned(&key, how, &value)
                }
            };
            value.names(&mut |name| {
                self.reads.insert(name.to_owned());
            });
        }
    }
}

/// The usage of every tree.
pub(super) fn usages(forest: &Forest) -> IndexMap<String, Usage> {
    let mut known = IndexMap::new();
    for id in forest.trees.keys() {
        tree_usage(forest, id, &mut known, &mut Vec::new());
    }
    known
}

fn tree_usage(forest: &Forest, id: &str, known: &mut IndexMap<String, Usage>, active: &mut Vec<String>) -> Usage {
    if let Some(usage) = known.get(id) {
        return usage.clone();
    }
    // A tree that calls itself becomes a placeholder; a chain deeper than the bound is treated alike.
    let Some(tree) = forest.trees.get(id) else { return Usage::default() };
    if active.len() >= CALL_DEPTH_MAX || active.iter().any(|other| other == id) {
        return Usage::default();
    }
    active.push(id.to_owned());
    let mut usage = Usage::default();
    let mut open: Vec<&Element> = tree.children.iter().collect();
    while let Some(element) = open.pop() {
        open.extend(&element.children);
        element_usage(forest, element, &mut usage, known, active);
    }
    active.pop();
    known.insert(id.to_owned(), usage.clone());
    usage
}

fn element_usage(
    forest: &Forest,
    element: &Element,
    usage: &mut Usage,
    known: &mut IndexMap<String, Usage>,
    active: &mut Vec<String>,
) {
    let kind = tables::kind(element);
    if tables::is_subtree(kind) {
        let id = element.attribute("ID").unwrap_or_default();
        let inner = tree_usage(forest, id, known, active);
        call_usage(forest, element, id, &inner, usage);
        return;
    }
    for (name, raw) in &element.attributes {
        if tables::is_script(kind, name) {
            usage.script(raw);
        } else if !name.starts_with('_') && name != "ID" && name != "name" {
            if let Ok(PortValue::Pointer(key)) = ports::parse(name, raw) {
                usage.mark(key, direction(forest, kind, name));
            } else if tables::names_written_key(kind, name) {
                usage.mark(raw.trim(), Direction::Out);
            }
        }
    }
}

/// Which way a port of a node goes: from our table, from the file's declaration, else both.
fn direction(forest: &Forest, kind: &str, port: &str) -> Direction {
    if tables::names_written_key(kind, port) {
        return Direction::Out;
    }
    if tables::attributes(kind).is_some() {
        return Direction::In;
    }
    forest.models.get(kind).and_then(|ports| ports.get(port)).map_or(Direction::Both, |port| port.direction)
}

fn call_usage(forest: &Forest, call: &Element, id: &str, inner: &Usage, usage: &mut Usage) {
    for (port, raw) in call.attributes.iter().filter(|(name, _)| is_port(name)) {
        if let Ok(PortValue::Pointer(key)) = ports::parse(port, raw) {
            let (reads, writes) = port_directions(forest, id, inner, port);
            if reads {
                usage.reads.insert(key.to_owned());
            }
            if writes {
                usage.writes.insert(key.to_owned());
            }
        }
    }
    let automatic = is_autoremapped(call);
    let passes = |key: &&String| {
        key.starts_with('@') || (automatic && !key.starts_with('_') && !call.attributes.contains_key(*key))
    };
    usage.reads.extend(inner.reads.iter().filter(passes).cloned());
    usage.writes.extend(inner.writes.iter().filter(passes).cloned());
}

/// Whether an attribute of a `SubTree` is a port.
pub(super) fn is_port(attribute: &str) -> bool {
    !attribute.starts_with('_') && attribute != "ID" && attribute != "name"
}

/// Whether a `SubTree` shares the keys of its caller.
pub(super) fn is_autoremapped(call: &Element) -> bool {
    call.attribute("_autoremap").is_some_and(|value| matches!(value.trim(), "true" | "1"))
}

/// Whether a subtree's port is read and written inside: as declared, else as its nodes use it.
pub(super) fn port_directions(forest: &Forest, id: &str, inner: &Usage, port: &str) -> (bool, bool) {
    match forest.models.get(id).and_then(|ports| ports.get(port)) {
        Some(declared) => (declared.direction != Direction::Out, declared.direction != Direction::In),
        None => (inner.reads.contains(port), inner.writes.contains(port)),
    }
}
