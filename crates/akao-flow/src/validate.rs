//! Whether a definition means something: node types, props, expressions, names, and the rules of control nodes.
//!
//! Everything that is wrong is found in one go, in the order of the text. Nothing is run and nothing is looked up but the
//! catalogue that is given.

mod children;
mod graph;
pub(crate) mod names;
mod templates;
mod trees;

use crate::draft::is_folder;
use crate::read::{Parsed, Positions};
use crate::{Catalogue, Definition, Draft, NodeDef, Position, Problem, ProblemCode, Refusal};
use akao_contract::{Category, NodeType, annotation};
use akao_document::Path;
use akao_document::Problems;
use akao_document::value::{self as props, PropProblemKind};
use akao_expression::Reference;
use names::NameProblem;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Every problem of a definition that was read, in the order of the text. It can run when no problem is an error.
pub fn validate(parsed: &Parsed, catalogue: &Catalogue) -> Vec<Problem> {
    found(parsed, catalogue, &BTreeMap::new(), Problems::default()).into_vec()
}

/// The problems of the meaning after those that were found before.
pub(crate) fn found(
    parsed: &Parsed,
    catalogue: &Catalogue,
    refused: &BTreeMap<String, Refusal>,
    before: Problems,
) -> Problems {
    let mut checker = Checker::new(parsed, catalogue, refused, before);
    checker.workflow();
    checker.problems
}

/// Reads and validates in one go, so that problems of the shape do not hide problems of the meaning. There is a definition
/// only when nothing is an error; warnings come with it.
pub fn check(text: &str, catalogue: &Catalogue) -> (Option<Parsed>, Vec<Problem>) {
    Draft::read(text).check(catalogue, &BTreeMap::new())
}

/// Annotation of a prop that is a condition: a boolean, a bare expression or one whole `${…}`.
const CONDITION: &str = "x-akao-condition";

/// The ids of one tree, with the node that has each.
type Ids<'a> = BTreeMap<&'a str, &'a NodeDef>;

struct Checker<'a> {
    definition: &'a Definition,
    positions: &'a Positions,
    catalogue: &'a Catalogue,
    /// Why node types that were looked for cannot be used.
    refused: &'a BTreeMap<String, Refusal>,
    /// Ids by tree; the root tree has no name.
    ids: Rc<BTreeMap<Option<&'a str>, Ids<'a>>>,
    /// Blackboard keys that some node writes.
    written: BTreeSet<&'a str>,
    /// What the templates that were compiled refer to, by their text: workflows repeat them.
    compiled: BTreeMap<String, Rc<[Reference]>>,
    /// The same for conditions.
    conditions: BTreeMap<String, Rc<[Reference]>>,
    problems: Problems,
    /// How many expressions were compiled, and how long the texts are that hold them.
    expressions: usize,
    expression_bytes: usize,
}

/// What stands around a node.
#[derive(Clone, Copy)]
struct Surroundings<'s> {
    ids: &'s Ids<'s>,
    /// The tree's root and where it stands.
    tree: (&'s NodeDef, &'s Path<'s>),
    /// Whether the tree is `root:`, not one of `trees:`.
    is_root: bool,
    /// The parent's canonical type.
    parent: Option<&'s str>,
    in_for_each: bool,
    in_loop: bool,
}

impl<'a> Checker<'a> {
    fn new(
        parsed: &'a Parsed,
        catalogue: &'a Catalogue,
        refused: &'a BTreeMap<String, Refusal>,
        problems: Problems,
    ) -> Self {
        let mut ids = BTreeMap::new();
        let mut checker = Self {
            definition: &parsed.definition,
            positions: &parsed.positions,
            catalogue,
            refused,
            ids: Rc::default(),
            written: BTreeSet::new(),
            compiled: BTreeMap::new(),
            conditions: BTreeMap::new(),
            problems,
            expressions: 0,
            expression_bytes: 0,
        };
        checker.collect(ids.entry(None).or_default(), &parsed.definition.root);
        for (name, tree) in &parsed.definition.trees {
            checker.collect(ids.entry(Some(name.as_str())).or_default(), tree);
        }
        checker.ids = Rc::new(ids);
        checker
    }

    /// Gathers the ids and the blackboard keys of a tree before anything is checked against them.
    fn collect(&mut self, ids: &mut Ids<'a>, node: &'a NodeDef) {
        if let Some(id) = &node.id {
            ids.entry(id).or_insert(node);
        }
        for (key, value) in &node.props {
            if let Value::String(text) = value
                && matches!(key.as_str(), "outputKey" | "key" | "itemKey" | "indexKey" | "counterKey")
            {
                self.written.insert(text);
            }
        }
        for child in &node.children {
            self.collect(ids, child);
        }
    }

    fn workflow(&mut self) {
        let (definition, at) = (self.definition, Path::DOCUMENT);
        let ids = Rc::clone(&self.ids);
        let none = Ids::new();
        let root_path = at.key("root");
        let root = Surroundings {
            ids: ids.get(&None).unwrap_or(&none),
            tree: (&definition.root, &root_path),
            is_root: true,
            parent: None,
            in_for_each: false,
            in_loop: false,
        };
        self.node(&definition.root, &root_path, &root);
        let trees = at.key("trees");
        for (name, tree) in &definition.trees {
            let (path, ids) = (trees.key(name), ids.get(&Some(name.as_str())).unwrap_or(&none));
            let around = Surroundings { ids, tree: (tree, &path), is_root: false, ..root };
            self.node(tree, &path, &around);
        }
        self.outputs(&root);
        self.settings(&root);
        self.trees();
    }

    fn outputs(&mut self, around: &Surroundings<'_>) {
        let at = Path::DOCUMENT;
        let at = at.key("outputs");
        for (name, value) in &self.definition.outputs {
            let path = at.key(name);
            if !akao_contract::is_name(name) {
                let position = self.positions.nearest(&path).key;
                let message = format!("`{}` is not a valid name of an output", akao_document::suggest::shown(name));
                self.problem_at(
                    ProblemCode::InvalidName,
                    position,
                    &path,
                    message,
                    Some(akao_document::suggest::mended_name(name)),
                );
            }
            self.templates(value, &path, around);
        }
    }

    fn settings(&mut self, around: &Surroundings<'_>) {
        let at = Path::DOCUMENT;
        let at = at.key("settings");
        let Some(key) = self.definition.settings.concurrency.as_ref().and_then(|bound| bound.key.as_ref()) else {
            return;
        };
        self.templates(&Value::String(key.clone()), &at.key("concurrency").key("key"), around);
    }

    /// Checks a node and what is below it. Recursion is bounded by the depth that the YAML budget allows.
    fn node(&mut self, node: &'a NodeDef, path: &Path<'_>, around: &Surroundings<'_>) {
        if self.problems.is_full() {
            return;
        }
        let catalogue = self.catalogue;
        let node_type = catalogue.get(&node.node_type);
        self.id(node, path, around);
        self.placement(node, path, around);
        if let Some(condition) = &node.condition {
            self.condition(condition, &path.key("if"), around);
        }
        match node_type {
            Some(node_type) => self.of_type(node, node_type, path, around),
            None => {
                self.unknown_type(&node.node_type, path);
                self.templates_of_props(None, node, path, around);
            }
        }
        let name = node_type.map_or(node.node_type.as_str(), |node_type| node_type.name.as_str());
        let below = Surroundings {
            parent: Some(name),
            in_for_each: around.in_for_each || name == "ForEach",
            in_loop: around.in_loop || matches!(name, "ForEach" | "While" | "Repeat" | "Retry"),
            ..*around
        };
        let children = path.key("children");
        for (at, child) in node.children.iter().enumerate() {
            self.node(child, &children.index(at), &below);
        }
    }

    fn id(&mut self, node: &NodeDef, path: &Path<'_>, around: &Surroundings<'_>) {
        let Some(id) = node.id.as_deref() else { return };
        let path = path.key("id");
        self.name(id, "node id", &path);
        let Some(first) = around.ids.get(id).copied().filter(|first| !std::ptr::eq(*first, node)) else { return };
        let (tree, tree_path) = around.tree;
        let line = self.position_of_id(first, tree, tree_path).map_or(0, |position| position.line);
        let message = format!("the id `{}` is already given at line {line}", akao_document::suggest::shown(id));
        let suggestion = Some("Ids are unique within a tree; choose another.".to_owned());
        self.problem(ProblemCode::DuplicateId, &path, message, suggestion);
    }

    /// Where the id of `wanted` is written, which is `node` or below it.
    fn position_of_id(&self, wanted: &NodeDef, node: &NodeDef, path: &Path<'_>) -> Option<Position> {
        if std::ptr::eq(wanted, node) {
            return Some(self.positions.nearest(&path.key("id")).value);
        }
        let children = path.key("children");
        let mut below = node.children.iter().enumerate();
        below.find_map(|(at, child)| self.position_of_id(wanted, child, &children.index(at)))
    }

    /// Checks a name that stands as a value.
    fn name(&mut self, name: &str, what: &str, path: &Path<'_>) {
        if names::check(name, what).is_err() {
            self.name_at(name, what, self.positions.nearest(path).value, path);
        }
    }

    /// Checks a name that stands at a position.
    fn name_at(&mut self, name: &str, what: &str, position: Position, path: &Path<'_>) {
        match names::check(name, what) {
            Ok(()) => {}
            Err(NameProblem::Malformed { message, suggestion }) => {
                self.problem_at(ProblemCode::InvalidName, position, path, message, Some(suggestion));
            }
            Err(NameProblem::Reserved { message, suggestion }) => {
                self.problem_at(ProblemCode::ReservedName, position, path, message, Some(suggestion));
            }
        }
    }

    /// What depends on the parent: `needs`, `case` and `default`.
    fn placement(&mut self, node: &NodeDef, path: &Path<'_>, around: &Surroundings<'_>) {
        let mut misplaced = |key: &str, home: &str, suggestion: &str| {
            let path = path.key(key);
            let position = self.positions.nearest(&path).key;
            let message = format!("`{key}` has a meaning only for children of a {home}");
            self.problem_at(ProblemCode::MisplacedKey, position, &path, message, Some(suggestion.to_owned()));
        };
        if !node.needs.is_empty() && around.parent != Some("Graph") {
            misplaced("needs", "Graph", "Put the nodes under `type: Graph`; in a Sequence the order is the order.");
        }
        if node.case.is_some() && around.parent != Some("Switch") {
            misplaced("case", "Switch", "Put the node under `type: Switch`, or use `if`.");
        }
        if node.default && around.parent != Some("Switch") {
            misplaced("default", "Switch", "Put the node under `type: Switch`, or remove the key.");
        }
    }

    fn unknown_type(&mut self, name: &str, path: &Path<'_>) {
        if name.is_empty() {
            return;
        }
        let path = path.key("type");
        if let Some(base) = self.standard_with_version(name) {
            let shown = akao_document::suggest::shown(name);
            let message =
                format!("`{shown}` names a version, and `{base}` is a standard node, which has none of its own");
            return self.problem(ProblemCode::UnavailableType, &path, message, Some(format!("Write `type: {base}`.")));
        }
        if let Some(Refusal { message, suggestion }) = self.refused.get(name) {
            return self.problem(ProblemCode::UnavailableType, &path, message.clone(), Some(suggestion.clone()));
        }
        if let Some(form) = external_form(name) {
            let shown = akao_document::suggest::shown(name);
            let message = format!("`{shown}` is {form}, which is not part of this installation");
            let suggestion = "Use a built-in node; `akao list-nodes` shows them.".to_owned();
            return self.problem(ProblemCode::UnavailableType, &path, message, Some(suggestion));
        }
        let message = format!("there is no node type `{}`", akao_document::suggest::shown(name));
        let suggestion = match self.nearest_type(name) {
            _ if name.starts_with("n8n-nodes") => {
                "Nodes of n8n do not run here; `akao list-nodes` shows the node types.".to_owned()
            }
            Some(near) => format!("Did you mean `{near}`?"),
            None => "`akao list-nodes` shows the node types.".to_owned(),
        };
        self.problem(ProblemCode::UnknownType, &path, message, Some(suggestion));
    }

    /// The standard node of which somebody wants a version, as only other nodes have them.
    fn standard_with_version<'n>(&self, name: &'n str) -> Option<&'n str> {
        let (base, _) = name.split_once('@')?;
        let is_standard = |node_type: &&NodeType| !node_type.name.contains(['@', '#', '.', '/']);
        self.catalogue.get(base).filter(is_standard).map(|_| base)
    }

    /// The canonical name of the type whose name or alias is nearest.
    fn nearest_type(&self, name: &str) -> Option<&'a str> {
        let near = akao_document::suggest::nearest(name, self.catalogue.names())?;
        self.catalogue.get(near).map(|node_type| node_type.name.as_str())
    }

    fn of_type(&mut self, node: &'a NodeDef, node_type: &'a NodeType, path: &Path<'_>, around: &Surroundings<'_>) {
        self.children_count(node, node_type, path);
        self.props(node, node_type, path);
        self.templates_of_props(Some(node_type), node, path, around);
        if is_control(node_type.category) {
            self.step_keys_of_control(node, node_type, path);
        }
        self.rules_of(node, &node_type.name, path);
    }

    fn props(&mut self, node: &NodeDef, node_type: &NodeType, path: &Path<'_>) {
        let props_path = path.key("props");
        if node.props.is_empty() && self.is_unreadable(&props_path) {
            return;
        }
        for problem in without_consequences(props::check_props(&node_type.props, &node.props)) {
            let code = match problem.kind {
                PropProblemKind::Unknown => ProblemCode::UnknownProp,
                PropProblemKind::Missing => ProblemCode::MissingProp,
                PropProblemKind::Invalid => ProblemCode::InvalidProp,
            };
            let (message, suggestion) = match (problem.kind, problem.pointer.as_str()) {
                (PropProblemKind::Missing, "") => {
                    let prop = problem.message.trim_end_matches(" is missing").trim_start_matches("the prop ");
                    (format!("{} needs the prop {prop}", called(node, node_type)), problem.suggestion)
                }
                (PropProblemKind::Unknown, pointer) if pointer.matches('/').count() == 1 => {
                    let name = problem.message.strip_prefix("there is no prop ").unwrap_or(&problem.message);
                    (
                        format!("{} has no prop {name}", called(node, node_type)),
                        self.unknown_prop_hint(node_type, pointer, problem.suggestion),
                    )
                }
                _ => (problem.message, problem.suggestion),
            };
            let steps: Vec<String> =
                problem.pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
            self.problem_below(code, &props_path, &steps, message, suggestion);
        }
        self.written_keys(node, node_type, &props_path);
    }

    /// A key of the node that was written among the props is a frequent slip.
    fn unknown_prop_hint(&self, node_type: &NodeType, pointer: &str, suggestion: Option<String>) -> Option<String> {
        let key = pointer.trim_start_matches('/');
        let near = suggestion.as_deref().is_some_and(|text| text.starts_with("Did you mean"));
        let of_node =
            matches!(key, "retry" | "timeout" | "if" | "needs" | "children" | "on_failure" | "id" | "name" | "pin");
        match (of_node, near) {
            (true, false) => Some(format!("`{key}` belongs to the node: write it beside `props`, not inside.")),
            _ if suggestion.is_none() && node_type.props.get("properties").is_none() => {
                Some("It takes no props; remove it.".to_owned())
            }
            _ => suggestion,
        }
    }

    /// Blackboard keys that the node writes.
    fn written_keys(&mut self, node: &NodeDef, node_type: &NodeType, props_path: &Path<'_>) {
        let Some(properties) = node_type.props.get("properties").and_then(Value::as_object) else { return };
        for (name, property) in properties {
            if !props::says(Some(property), annotation::WRITES) {
                continue;
            }
            if let Some(Value::String(key)) = node.props.get(name)
                && !props::has_template(key)
            {
                let path = props_path.key(name);
                self.name(key, "blackboard key", &path);
            }
        }
    }

    fn templates_of_props(
        &mut self,
        node_type: Option<&NodeType>,
        node: &NodeDef,
        path: &Path<'_>,
        around: &Surroundings<'_>,
    ) {
        let path = path.key("props");
        let properties = node_type.and_then(|node_type| node_type.props.get("properties")).and_then(Value::as_object);
        let name = node_type.map(|node_type| node_type.name.as_str());
        for (key, value) in &node.props {
            let property = properties.and_then(|properties| props::find(properties, key));
            let says = |annotation: &str| props::says(property, annotation);
            match (name, key.as_str()) {
                _ if says(annotation::LITERAL) => {}
                _ if says(CONDITION) => self.condition(value, &path.key(key), around),
                // Made at the end of each turn, inside the loop.
                (Some("ForEach"), "collect") => {
                    let inside = Surroundings { in_for_each: true, in_loop: true, ..*around };
                    self.templates(value, &path.key(key), &inside);
                }
                // Made at the end of the tree, inside it; which steps it has is the tree's business.
                (Some("SubTree"), "outputs") => {
                    let tree = node.props.get("treeId").and_then(Value::as_str);
                    let ids = self.ids.get(&tree).cloned().unwrap_or_default();
                    let inside = Surroundings { ids: &ids, is_root: false, ..*around };
                    self.templates(value, &path.key(key), &inside);
                }
                _ => self.templates(value, &path.key(key), around),
            }
        }
    }

    /// `retry` and `timeout` are carried out by what runs steps; a control node is not a step.
    fn step_keys_of_control(&mut self, node: &NodeDef, node_type: &NodeType, path: &Path<'_>) {
        if node.retry.is_some() {
            let path = path.key("retry");
            let position = self.positions.nearest(&path).key;
            let message = format!("`retry` has no meaning on {}: only steps have attempts", node_type.name);
            let suggestion = match node_type.category {
                Category::Waiting => "Wrap it in a Retry node: `type: Retry` with this node as its child.",
                _ => "Wrap it in a Retry node, or give `retry` to the steps inside.",
            };
            self.problem_at(ProblemCode::RetryOnControl, position, &path, message, Some(suggestion.to_owned()));
        }
        if node.timeout.is_some() {
            let path = path.key("timeout");
            let position = self.positions.nearest(&path).key;
            let message = format!("`timeout` has no effect on {}: it bounds the attempts of a step", node_type.name);
            let suggestion = match node_type.category {
                Category::Waiting => "Use its own prop, or wrap it in a Timeout node.",
                _ => "Wrap it in a Timeout node.",
            };
            self.problem_at(ProblemCode::TimeoutOnControl, position, &path, message, Some(suggestion.to_owned()));
        }
    }

    /// Whether the text has something at a path.
    fn has(&self, path: &Path<'_>) -> bool {
        self.positions.kind(path).is_some()
    }

    /// Whether the text has something at a path that was left out because it is neither list nor mapping nor nothing.
    fn is_unreadable(&self, path: &Path<'_>) -> bool {
        let read = match self.positions.kind(path) {
            Some(kind) => matches!(
                (kind, path.last_key()),
                ("a list", Some("children")) | ("a mapping", Some("props")) | ("nothing", _)
            ),
            None => true,
        };
        !read
    }

    /// A problem at the value of a path.
    fn problem(&mut self, code: ProblemCode, path: &Path<'_>, message: String, suggestion: Option<String>) {
        let position = self.positions.nearest(path).value;
        self.problem_at(code, position, path, message, suggestion);
    }

    fn problem_at(
        &mut self,
        code: ProblemCode,
        position: Position,
        path: &Path<'_>,
        message: String,
        suggestion: Option<String>,
    ) {
        self.problems.add(code, position, path, message, suggestion);
    }

    /// A problem at the end of a JSON pointer below a path. A step that is an index is one where the text has a list.
    fn problem_below(
        &mut self,
        code: ProblemCode,
        path: &Path<'_>,
        steps: &[String],
        message: String,
        suggestion: Option<String>,
    ) {
        match steps.split_first() {
            None if code == ProblemCode::UnknownProp => {
                let position = self.positions.nearest(path).key;
                self.problem_at(code, position, path, message, suggestion);
            }
            None => self.problem(code, path, message, suggestion),
            Some((step, rest)) => {
                let index = step.parse::<usize>().ok().filter(|_| self.positions.kind(path) == Some("a list"));
                match index {
                    Some(index) => self.problem_below(code, &path.index(index), rest, message, suggestion),
                    None => self.problem_below(code, &path.key(step), rest, message, suggestion),
                }
            }
        }
    }
}

/// A node type as people know it: one of an external node as it is written, since its own name holds a digest.
fn called<'n>(node: &'n NodeDef, node_type: &'n NodeType) -> &'n str {
    if node_type.name.contains('#') { &node.node_type } else { &node_type.name }
}

/// Whether the interpreter itself carries out a node of this category, so that there is no step to retry or to time.
fn is_control(category: Category) -> bool {
    matches!(category, Category::Composite | Category::Decorator | Category::Waiting)
}

/// Leaves out missing props whose misspelt name is there: mending the one mends the other.
fn without_consequences(mut problems: Vec<props::PropProblem>) -> Vec<props::PropProblem> {
    let meant: Vec<String> = problems
        .iter()
        .filter(|problem| problem.kind == PropProblemKind::Unknown)
        .filter_map(|problem| {
            problem.suggestion.as_ref()?.strip_prefix("Did you mean `")?.strip_suffix("`?").map(str::to_owned)
        })
        .collect();
    problems.retain(|problem| {
        problem.kind != PropProblemKind::Missing
            || !meant.iter().any(|name| problem.message.contains(&format!("`{name}`")))
    });
    problems
}

/// What a name is that no built-in can have: decided by its form alone.
fn external_form(name: &str) -> Option<&'static str> {
    if is_folder(name) || name.starts_with('/') {
        return Some("a node folder");
    }
    let (base, version) = name.split_once('@').map_or((name, None), |(base, version)| (base, Some(version)));
    let segments: Vec<&str> = base.split('.').collect();
    let well_formed = segments.iter().all(|segment| {
        segment.starts_with(|c: char| c.is_ascii_alphabetic())
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    });
    match (well_formed, segments.len(), version) {
        (false, ..) | (true, 1, None) => None,
        (true, 1, Some(_)) => Some("a custom node of a tenant"),
        (true, 2, _) if base.contains('-') => None,
        (true, 2, _) => Some("a capability"),
        (true, ..) => Some("a package node"),
    }
}
