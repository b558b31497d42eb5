//! SubTree: that the tree it names is there, that trees do not contain each other, and that each tree is used.

use super::Checker;
use super::graph::left_over;
use crate::{NodeDef, ProblemCode};
use akao_document::Path;
use akao_document::suggest::{self, shown};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Trees of a cycle that a message names.
const CYCLE_SHOWN_MAX: usize = 8;

/// Trees from which a way back is looked for; each may walk through all others.
const STARTS_MAX: usize = 50;

impl<'a> Checker<'a> {
    pub(super) fn sub_tree(&mut self, node: &NodeDef, path: &Path<'_>) {
        let Some(Value::String(name)) = node.props.get("treeId") else { return };
        let trees = &self.definition.trees;
        let props = path.key("props");
        let path = props.key("treeId");
        if akao_document::value::has_template(name) {
            let message = "`treeId` must be the name of a tree, not an expression".to_owned();
            let suggestion = Some("Choose among trees with a Switch.".to_owned());
            return self.problem(ProblemCode::UnknownTree, &path, message, suggestion);
        }
        if trees.contains_key(name) {
            return;
        }
        let message = format!("there is no tree `{}`", shown(name));
        let suggestion = suggest::sentence(name, "trees", trees.keys().map(String::as_str))
            .or_else(|| Some(format!("Add it: `trees: {{ {}: {{ type: Sequence }} }}`.", shown(name))));
        self.problem(ProblemCode::UnknownTree, &path, message, suggestion);
    }

    pub(super) fn trees(&mut self) {
        let definition = self.definition;
        let at = Path::DOCUMENT;
        let at = at.key("trees");
        let mut runs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, tree) in &definition.trees {
            let named = runs.entry(name).or_default();
            self.named_trees(tree, named);
            let position = self.positions.nearest(&at.key(name)).key;
            self.name_at(name, "name of a tree", position, &at.key(name));
        }
        let mut used = BTreeSet::new();
        self.named_trees(&definition.root, &mut used);
        let mut reached: Vec<&str> = used.iter().copied().collect();
        while let Some(name) = reached.pop() {
            reached.extend(runs.get(name).into_iter().flatten().copied().filter(|next| used.insert(next)));
        }
        for name in definition.trees.keys().filter(|name| !used.contains(name.as_str())) {
            let position = self.positions.nearest(&at.key(name)).key;
            let message = format!("no SubTree names the tree `{}`", shown(name));
            let suggestion = Some(format!("Remove it, or run it with `type: SubTree` and `treeId: {}`.", shown(name)));
            self.problem_at(ProblemCode::UnusedTree, position, &at.key(name), message, suggestion);
        }
        self.tree_cycles(&runs, &at);
    }

    fn named_trees(&self, node: &'a NodeDef, found: &mut BTreeSet<&'a str>) {
        let is_sub_tree = self.catalogue.get(&node.node_type).is_some_and(|node_type| node_type.name == "SubTree");
        if let Some(Value::String(name)) = node.props.get("treeId").filter(|_| is_sub_tree) {
            found.insert(name);
        }
        for child in &node.children {
            self.named_trees(child, found);
        }
    }

    fn tree_cycles(&mut self, runs: &BTreeMap<&'a str, BTreeSet<&'a str>>, at: &Path<'_>) {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        let circular = circular(runs);
        let starts = self.definition.trees.keys().filter(|name| circular.contains(name.as_str()));
        for start in starts.take(STARTS_MAX) {
            if told.contains(start.as_str()) {
                continue;
            }
            let Some(cycle) = way_back(start, runs).filter(|cycle| !cycle.iter().any(|name| told.contains(name)))
            else {
                continue;
            };
            told.extend(cycle.iter().copied());
            let mut names: Vec<String> = cycle.iter().take(CYCLE_SHOWN_MAX).map(|name| shown(name)).collect();
            names.extend((cycle.len() > CYCLE_SHOWN_MAX).then(|| "…".to_owned()));
            names.push(shown(start));
            let position = self.positions.nearest(&at.key(start)).key;
            let message = format!("trees contain each other: {}", names.join(" → "));
            let suggestion = Some("A tree cannot run itself; repeat with While, or call another workflow.".to_owned());
            self.problem_at(ProblemCode::TreeCycle, position, &at.key(start), message, suggestion);
        }
    }
}

/// The trees that may be part of a cycle: neither those that lead to none, nor those that none leads to.
fn circular<'a>(runs: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let places: BTreeMap<&str, usize> = runs.keys().enumerate().map(|(at, name)| (*name, at)).collect();
    let forward: Vec<Vec<usize>> =
        runs.values().map(|named| named.iter().filter_map(|name| places.get(name).copied()).collect()).collect();
    let mut backward = vec![Vec::new(); forward.len()];
    for (at, named) in forward.iter().enumerate() {
        named.iter().for_each(|to| backward[*to].push(at));
    }
    let (leads, led) = (left_over(&forward), left_over(&backward));
    runs.keys().enumerate().filter(|(at, _)| leads[*at] && led[*at]).map(|(_, name)| *name).collect()
}

/// The shortest way from a tree through what it runs back to itself.
fn way_back<'a>(start: &'a str, runs: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(name) = queue.pop_front() {
        for next in runs.get(name).into_iter().flatten().copied() {
            if next == start {
                let mut way = vec![name];
                while let Some(before) = came_from.get(way[way.len() - 1]).filter(|_| way[way.len() - 1] != start) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, name);
                queue.push_back(next);
            }
        }
    }
    None
}
