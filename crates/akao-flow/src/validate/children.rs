//! How many children a node has, and the rules of Switch, Graph, SubTree and Conditional about them.

use super::{Checker, called};
use crate::{NodeDef, ProblemCode};
use akao_contract::{Category, NodeType};
use akao_document::Path;
use akao_document::suggest::shown;
use serde_json::Value;
use std::collections::BTreeMap;

impl<'a> Checker<'a> {
    pub(super) fn children_count(&mut self, node: &NodeDef, node_type: &NodeType, path: &Path<'_>) {
        let count = node.children.len();
        let fits = |bound: u32| usize::try_from(bound).unwrap_or(usize::MAX);
        let (least, most) = (fits(node_type.children_min), node_type.children_max.map(fits));
        if count >= least && most.is_none_or(|most| count <= most) || self.is_unreadable(&path.key("children")) {
            return;
        }
        let name = called(node, node_type);
        let wanted = match (least, most) {
            (_, Some(0)) => "takes no children".to_owned(),
            (least, Some(most)) if least == most => format!("needs exactly {}", children(least)),
            (least, Some(most)) => format!("needs {least} to {}", children(most)),
            (least, None) => format!("needs at least {}", children(least)),
        };
        let suggestion = hint(name, node_type.category, count, least);
        // Too many stand at the first that is too many; too few at the list, or at the node when there is no list.
        let at = path.key("children");
        let message = match most {
            Some(0) => format!("{name} {wanted}, but has {count}"),
            _ => format!("{name} {wanted}, not {count}"),
        };
        match most.filter(|most| count > *most) {
            Some(most) => self.problem(ProblemCode::ChildrenCount, &at.index(most), message, suggestion),
            None => self.problem(ProblemCode::ChildrenCount, &at, message, suggestion),
        }
    }

    pub(super) fn rules_of(&mut self, node: &'a NodeDef, name: &str, path: &Path<'_>) {
        match name {
            "Graph" => self.graph(node, path),
            "Switch" => self.switch(node, path),
            "SubTree" => self.sub_tree(node, path),
            "ForEach" => {
                self.one_of_two(node, name, ["items", "collectionKey"], "items: \"${bb.orders}\"", path);
                self.for_each(node, path);
            }
            "Timeout" => self.one_of_two(node, name, ["timeoutMs", "duration"], "duration: 30s", path),
            "StreamingSink" => self.one_of_two(node, name, ["channelId", "channelKey"], "channelId: progress", path),
            "Sequence" => self.after_the_end(node, path),
            _ => {}
        }
    }

    /// A node behind an unconditional FailureNode never runs.
    fn after_the_end(&mut self, node: &NodeDef, path: &Path<'_>) {
        let ends = |child: &NodeDef| {
            matches!(child.node_type.as_str(), "FailureNode" | "AlwaysFailure")
                && child.condition.is_none()
                && child.on_failure.is_none()
        };
        let Some(at) = node.children.iter().position(ends) else { return };
        if at + 1 < node.children.len() {
            let message = "this node never runs: the one before it always fails".to_owned();
            let suggestion = Some("Remove it, or move it in front of the FailureNode.".to_owned());
            self.problem(ProblemCode::Unreachable, &path.key("children").index(at + 1), message, suggestion);
        }
    }

    fn for_each(&mut self, node: &NodeDef, path: &Path<'_>) {
        if node.children.len() > 1 {
            let message = "only the first child of a ForEach runs".to_owned();
            let suggestion = Some("Put the children under a Sequence.".to_owned());
            self.problem(ProblemCode::Unreachable, &path.key("children").index(1), message, suggestion);
        }
    }

    /// Pairs of props of which exactly one must be given.
    fn one_of_two(&mut self, node: &NodeDef, name: &str, [first, second]: [&str; 2], example: &str, path: &Path<'_>) {
        let at = path.key("props");
        match (node.props.contains_key(first), node.props.contains_key(second)) {
            (true, true) => {
                let message = format!("{name} has both `{first}` and `{second}`");
                let path = at.key(second);
                let position = self.positions.nearest(&path).key;
                let suggestion = Some("Keep one of the two.".to_owned());
                self.problem_at(ProblemCode::InvalidProp, position, &path, message, suggestion);
            }
            (false, false) => {
                let message = format!("{name} needs the prop `{first}` or `{second}`");
                let suggestion = Some(format!("Add one, for example `{example}`."));
                self.problem(ProblemCode::MissingProp, &at, message, suggestion);
            }
            _ => {}
        }
    }

    fn switch(&mut self, node: &NodeDef, path: &Path<'_>) {
        let children = path.key("children");
        let mut taken = BTreeMap::new();
        let mut default: Option<usize> = None;
        for (at, child) in node.children.iter().enumerate() {
            let child_path = children.index(at);
            if default.is_some_and(|default| default + 1 == at) && !child.default {
                let message = "this case stands after the default".to_owned();
                let suggestion = Some("Put the default last.".to_owned());
                self.problem(ProblemCode::InvalidCase, &child_path, message, suggestion);
            }
            match (&child.case, child.default) {
                (None, false) if self.has(&child_path.key("case")) || self.has(&child_path.key("default")) => {}
                (None, false) => {
                    let message = "a child of a Switch has neither `case` nor `default`".to_owned();
                    let suggestion = Some("Write `case: VALUE`, or `default: true` on the last child.".to_owned());
                    self.problem(ProblemCode::InvalidCase, &child_path, message, suggestion);
                }
                (Some(_), true) => {
                    let message = "a child of a Switch has both `case` and `default`".to_owned();
                    self.problem(
                        ProblemCode::InvalidCase,
                        &child_path,
                        message,
                        Some("Keep one of the two.".to_owned()),
                    );
                }
                (None, true) if default.is_some() => {
                    let message = "a Switch has two defaults".to_owned();
                    let path = child_path.key("default");
                    let suggestion = Some("Keep one of them, as the last child.".to_owned());
                    self.problem(ProblemCode::InvalidCase, &path, message, suggestion);
                }
                (None, true) => default = Some(at),
                (Some(case), false) => self.case(case, &mut taken, &child_path),
            }
        }
    }

    fn case(&mut self, case: &Value, taken: &mut BTreeMap<String, u32>, path: &Path<'_>) {
        let line = self.positions.nearest(&path.key("case")).key.line;
        let values = case.as_array().map_or(std::slice::from_ref(case), Vec::as_slice);
        for value in values.iter().filter(|value| !value.as_str().is_some_and(akao_document::value::has_template)) {
            let Some(first) = taken.get(&value.to_string()) else {
                taken.insert(value.to_string(), line);
                continue;
            };
            let shown = value.as_str().map_or_else(|| value.to_string(), shown);
            let message = format!("the case `{shown}` is already taken at line {first}");
            let suggestion = Some("The first one wins, so this one never runs; remove it.".to_owned());
            self.problem(ProblemCode::InvalidCase, &path.key("case"), message, suggestion);
        }
    }
}

fn children(count: usize) -> String {
    if count == 1 { "1 child".to_owned() } else { format!("{count} children") }
}

fn hint(name: &str, category: Category, count: usize, least: usize) -> Option<String> {
    let text = match name {
        "Conditional" => "Its children are the condition, what runs when it holds, and optionally what runs when not.",
        "While" => "Its children are the condition and the body.",
        "Recovery" => "Its children are what is tried, what runs on failure, and what always runs at the end.",
        "ForEach" => "Its child is the body; put several nodes under a Sequence.",
        "SubTree" | "SubWorkflow" => "What it runs stands elsewhere; put the children under `trees:`.",
        _ if category == Category::Decorator && count > least => "Put the children under a Sequence.",
        _ if category == Category::Decorator => "Give it the node that it changes.",
        _ if count > 0 && least == 0 => "Only control nodes have children; put them beside it in a Sequence.",
        _ => "Add the missing children.",
    };
    Some(text.to_owned())
}
