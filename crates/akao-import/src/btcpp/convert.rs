//! The walk over a forest: every element becomes one node, with its line in the report.

use super::document::{Element, Forest};
use super::ports::{self, Wanted};
use super::scope::{self, Scope, Usage};
use super::{controls, decorators, leaves, subtrees, tables, wrappers};
use crate::build;
use crate::formula::Unsupported;
use crate::names::Names;
use crate::report::{Place, Report, Verdict};
use akao_flow::NodeDef;
use indexmap::IndexMap;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the conversion of one forest knows.
pub(super) struct Converter<'a> {
    pub(super) forest: &'a Forest,
    pub(super) node_types: &'a BTreeSet<String>,
    pub(super) report: &'a mut Report,
    pub(super) scope: Scope,
    pub(super) usages: IndexMap<String, Usage>,
    pub(super) tree_names: Names,
    /// Trees from which the tree being converted can be reached; calling one of them would never end.
    pub(super) callers: BTreeSet<String>,
}

impl<'a> Converter<'a> {
    pub(super) fn new(forest: &'a Forest, node_types: &'a BTreeSet<String>, report: &'a mut Report) -> Self {
        let mut tree_names = Names::default();
        tree_names.keep_valid(forest.trees.keys().map(String::as_str));
        let usages = scope::usages(forest);
        Self { forest, node_types, report, scope: Scope::default(), usages, tree_names, callers: BTreeSet::new() }
    }

    /// The main tree's root, and the other trees by name.
    pub(super) fn forest(mut self) -> (NodeDef, IndexMap<String, NodeDef>) {
        let forest = self.forest;
        let (mut root, mut trees) = (NodeDef::default(), IndexMap::new());
        for (id, tree) in &forest.trees {
            self.callers = subtrees::callers(forest, id);
            self.scope.main = *id == forest.main;
            let node = self.tree(id, tree);
            if self.scope.main {
                root = node;
            } else {
                let name = self.tree_name(id, tree.line);
                trees.insert(name, node);
            }
        }
        (root, trees)
    }

    fn tree(&mut self, id: &str, tree: &Element) -> NodeDef {
        let place = Place::new(format!("#{id}"), Some(tree.line));
        match tree.children.as_slice() {
            [only] => self.element(only, &Place::new(place.path, Some(only.line))),
            several => {
                let reason = format!("a tree has exactly one root node, this one has {}", several.len());
                self.report.add(&place, "BehaviorTree", Verdict::Placeholder, reason.clone());
                let children = self.children(tree, &place);
                build::placeholder(&format!("tree {id}"), &reason, children)
            }
        }
    }

    /// The name of a tree in `trees:`.
    pub(super) fn tree_name(&mut self, id: &str, line: u32) -> String {
        let (name, changed) = self.tree_names.rename(id);
        if changed {
            let place = Place::new(format!("#{id}"), Some(line));
            self.report.add(&place, "BehaviorTree", Verdict::Renamed, format!("the tree `{id}` is `{name}` now"));
        }
        name
    }

    /// One element with everything below it.
    pub(super) fn element(&mut self, element: &Element, place: &Place) -> NodeDef {
        let kind = tables::kind(element).to_owned();
        let slot = self.report.open(place, &kind);
        let mut notes = Vec::new();
        let made = self
            .check_attributes(element, &kind, place)
            .and_then(|()| wrappers::parse(self, element))
            .and_then(|wrappers| Ok(wrappers.around(self.core(element, &kind, place, &mut notes)?, &mut notes)));
        let mut node = match made {
            Ok(node) => {
                self.report.close(slot, &notes);
                node
            }
            Err(Unsupported(reason)) => {
                self.report.settle(slot, Verdict::Placeholder, reason.clone());
                let children = self.children(element, place);
                build::placeholder(&kind, &format!("{reason}{}", ports_of(element)), children)
            }
        };
        for (old, new) in self.scope.take_renamed() {
            self.report.add(place, &kind, Verdict::Renamed, format!("the key `{old}` is `{new}` now"));
        }
        if let Some(name) = element.attribute("name").filter(|name| !name.is_empty()) {
            node.name = Some(name.to_owned());
        }
        node
    }

    /// The node without its pre- and post-conditions. Whatever can fail is looked at before the first child, so that no
    /// child is converted twice.
    fn core(
        &mut self,
        element: &Element,
        kind: &str,
        place: &Place,
        notes: &mut Vec<String>,
    ) -> Result<NodeDef, Unsupported> {
        if tables::is_subtree(kind) {
            return subtrees::call(self, element, notes);
        }
        if tables::attributes(kind).is_none() {
            return leaves::registered(self, element, kind, place, notes);
        }
        if let Some(node) = controls::convert(self, element, kind, place, notes)? {
            return Ok(node);
        }
        if let Some(node) = decorators::convert(self, element, kind, place, notes)? {
            return Ok(node);
        }
        leaves::convert(self, element, kind, notes)
    }

    fn check_attributes(&mut self, element: &Element, kind: &str, place: &Place) -> Result<(), Unsupported> {
        if tables::is_explicit(element) && !element.attributes.contains_key("ID") {
            return Err(Unsupported::new(format!("`{}` needs an `ID`", element.tag)));
        }
        let Some(known) = tables::attributes(kind) else { return Ok(()) };
        for name in element.attributes.keys() {
            let common = name.starts_with('_') || name == "name" || (name == "ID" && tables::is_explicit(element));
            if !common && !known.contains(&name.as_str()) {
                self.report.add(place, kind, Verdict::Dropped, format!("`{kind}` has no port `{name}`"));
            }
        }
        Ok(())
    }

    /// All children, in order.
    pub(super) fn children(&mut self, element: &Element, place: &Place) -> Vec<NodeDef> {
        let at = |index: usize, child: &Element| Place::new(format!("{}/{index}", place.path), Some(child.line));
        element.children.iter().enumerate().map(|(index, child)| self.element(child, &at(index, child))).collect()
    }

    /// A port as a prop; `default` when it is absent.
    pub(super) fn prop(
        &mut self,
        element: &Element,
        port: &str,
        wanted: Wanted,
        default: Option<Value>,
    ) -> Result<Value, Unsupported> {
        match (element.attribute(port), default) {
            (Some(raw), _) => {
                let value = ports::parse(port, raw)?;
                ports::to_prop(value, wanted, &mut self.scope)
                    .map_err(|Unsupported(reason)| Unsupported::new(format!("`{port}`: {reason}")))
            }
            (None, Some(default)) => Ok(default),
            (None, None) => Err(Unsupported::new(format!("the port `{port}` is missing"))),
        }
    }
}

/// The attributes of an element as text, so that a placeholder says what was asked for.
fn ports_of(element: &Element) -> String {
    let ports: Vec<String> = element
        .attributes
        .iter()
        .filter(|(name, _)| *name != "ID" && *name != "name")
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    if ports.is_empty() { String::new() } else { format!(" ({})", ports.join(", ")) }
}
