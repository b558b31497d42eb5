//! Lowering: a checked definition becomes a program.
//!
//! The validator has already said everything a person needs to know; what lowering refuses is what the validator must have
//! refused before, or what only the compiled form shows (templates that do not compile).

use crate::{
    Definition, NodeDef, OnFailure, RetryDef,
    catalogue::Catalogue,
    control::{self, Control, ControlProps},
    program::{ConcurrencyPlan, Leaf, Node, NodeIndex, Program, Props, RetryPolicy, Work},
    with_defaults,
};
use akao_contract::{
    Address, BareNumber, NodeId, NodeType, Outcome, Reads, annotation, format_duration_ms, parse_duration_ms,
};
use akao_expression::{CompileError, Condition, Namespace, Reference, Template};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Why a definition cannot be lowered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct LowerError {
    /// The node's address, or the part of the header.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl LowerError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }

    fn at(mut self, path: &str) -> Self {
        if self.path.is_empty() {
            path.clone_into(&mut self.path);
        }
        self
    }
}

impl From<CompileError> for LowerError {
    fn from(problem: CompileError) -> Self {
        Self::new(problem.message)
    }
}

/// Lowers a definition over the node types that are known.
///
/// # Errors
/// The first thing that cannot be lowered; a definition that the validator accepts has none.
pub fn lower(definition: &Definition, catalogue: &Catalogue) -> Result<Arc<Program>, LowerError> {
    let mut lowering = Lowering::new(catalogue, definition);
    for (name, tree) in &definition.trees {
        let root = lowering.node(tree, &Address::root(), &format!("{name}:"))?;
        lowering.roots.insert(name.clone(), root);
    }
    // Trees may name trees that stand later in the file, so their places are known before they are lowered.
    let root = lowering.node(&definition.root, &Address::root(), "")?;
    lowering.finish(definition, root)
}

/// A definition being lowered.
pub(crate) struct Lowering<'a> {
    catalogue: &'a Catalogue,
    nodes: Vec<Option<Node>>,
    /// Places kept for the roots of trees.
    places: BTreeMap<String, NodeIndex>,
    roots: BTreeMap<String, NodeIndex>,
    /// Step ids that some expression names; none once an expression names them dynamically.
    named_steps: Option<BTreeSet<String>>,
    default_on_failure: OnFailure,
    secret_names: BTreeSet<String>,
    /// References of the node that is being lowered.
    references: Vec<Reference>,
}

impl<'a> Lowering<'a> {
    fn new(catalogue: &'a Catalogue, definition: &Definition) -> Self {
        let mut nodes = Vec::new();
        let mut places = BTreeMap::new();
        for name in definition.trees.keys() {
            places.insert(name.clone(), NodeIndex(u32::try_from(nodes.len()).unwrap_or(u32::MAX)));
            nodes.push(None);
        }
        Self {
            catalogue,
            nodes,
            places,
            roots: BTreeMap::new(),
            named_steps: Some(BTreeSet::new()),
            default_on_failure: definition.settings.on_failure.unwrap_or(OnFailure::Stop),
            secret_names: BTreeSet::new(),
            references: Vec::new(),
        }
    }

    /// The root of a tree.
    pub(crate) fn tree(&self, name: &str) -> Result<NodeIndex, LowerError> {
        self.places
            .get(name)
            .copied()
            .ok_or_else(|| LowerError::new(format!("there is no tree `{name}` under `trees:`")))
    }

    /// Compiles a template and notes what it names.
    pub(crate) fn template(&mut self, value: &Value) -> Result<Template, LowerError> {
        let template = Template::compile(value)?;
        self.note(&template.references());
        Ok(template)
    }

    /// Compiles a condition and notes what it names.
    pub(crate) fn condition(&mut self, value: &Value) -> Result<Condition, LowerError> {
        let condition = akao_expression::condition(value)?;
        if let Condition::Expression(expression) = &condition {
            let references = expression.references().to_vec();
            self.note(&references);
        }
        Ok(condition)
    }

    /// Compiles the props of a control node.
    pub(crate) fn props(&mut self, definition: &NodeDef) -> Result<ControlProps, LowerError> {
        let template = self.template(&Value::Object(definition.props.clone()))?;
        Ok(match template.as_constant() {
            Some(Value::Object(map)) => ControlProps::Constant(Arc::new(map.clone())),
            _ => ControlProps::Template(template),
        })
    }

    fn note(&mut self, references: &[Reference]) {
        for reference in references.iter().filter(|reference| reference.namespace == Namespace::Steps) {
            match (reference.path.first(), &mut self.named_steps) {
                (Some(id), Some(named)) => {
                    named.insert(id.clone());
                }
                (None, named) => *named = None,
                (_, None) => {}
            }
        }
        let secrets = references.iter().filter(|reference| reference.namespace == Namespace::Secrets);
        self.secret_names.extend(secrets.filter_map(|reference| reference.path.first().cloned()));
        self.references.extend_from_slice(references);
    }

    fn node(&mut self, definition: &NodeDef, address: &Address, tree: &str) -> Result<NodeIndex, LowerError> {
        let path = format!("{tree}{address}");
        self.node_at(definition, address, tree).map_err(|problem| problem.at(&path))
    }

    fn node_at(&mut self, definition: &NodeDef, address: &Address, tree: &str) -> Result<NodeIndex, LowerError> {
        let index = match address.segments.is_empty().then(|| self.places.get(tree.trim_end_matches(':'))).flatten() {
            Some(place) if !tree.is_empty() => *place,
            _ => {
                self.nodes.push(None);
                NodeIndex(u32::try_from(self.nodes.len() - 1).map_err(|_| LowerError::new("too many nodes"))?)
            }
        };
        let mut children = Vec::with_capacity(definition.children.len());
        for (slot, child) in (0u32..).zip(&definition.children) {
            children.push(self.node(child, &address.child(slot), tree)?);
        }
        let outer = std::mem::take(&mut self.references);
        let node_type = self.catalogue.get(&definition.node_type);
        let node_type =
            node_type.ok_or_else(|| LowerError::new(format!("there is no node type `{}`", definition.node_type)))?;
        check_children(definition, node_type)?;
        let condition = definition.condition.as_ref().map(|value| self.condition(value)).transpose()?;
        let handles_failure = self.references.iter().any(names_end_of_step);
        let mut filled = definition.clone();
        filled.node_type.clone_from(&node_type.name);
        filled.children.clone_from(&definition.children);
        with_defaults(&node_type.props, &mut filled.props);
        let work = match control::lower(&filled, self)? {
            Some(control) => Work::Control(control),
            None => Work::Leaf(Box::new(self.leaf(&filled, node_type)?)),
        };
        let mut reads = self.reads(&filled, node_type);
        self.references = outer;
        for child in &children {
            let below = self.nodes[child.at()].as_ref().and_then(|node| node.reads.as_ref());
            reads = reads.zip(below).map(|(mut own, below)| {
                own.extend(below.iter().cloned());
                own
            });
        }
        if let Work::Control(Control::SubTree(_)) = work {
            // The tree may not be lowered yet; what it reads cannot be known here.
            reads = None;
        }
        self.nodes[index.at()] = Some(Node {
            id: match &definition.id {
                Some(id) => NodeId::new(id),
                None => NodeId::new(&format!("{tree}{address}")),
            },
            node_type: node_type.name.as_str().into(),
            name: definition.name.as_deref().map(Into::into),
            work,
            children,
            condition,
            handles_failure,
            on_failure: definition.on_failure.unwrap_or(self.default_on_failure_for(address)),
            pin: definition.pin.as_ref().map(pinned),
            retained: false,
            reads,
        });
        Ok(index)
    }

    /// `settings.on_failure` is the default of children of graphs and trees, never of the root itself.
    fn default_on_failure_for(&self, address: &Address) -> OnFailure {
        if address.segments.is_empty() { OnFailure::Stop } else { self.default_on_failure }
    }

    fn leaf(&mut self, definition: &NodeDef, node_type: &NodeType) -> Result<Leaf, LowerError> {
        let mut props = definition.props.clone();
        let output_key = match props.get("outputKey") {
            Some(Value::String(key)) => Some(Arc::<str>::from(key.as_str())),
            _ => None,
        };
        let output = output_key.zip(node_type.main_output.as_deref().map(Arc::<str>::from));
        let properties = node_type.props.get("properties").and_then(Value::as_object);
        let annotated = |key: &str| {
            let keyed =
                properties.into_iter().flatten().filter(|(_, schema)| schema.get(key) == Some(&Value::Bool(true)));
            keyed.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
        };
        let literal = annotated(annotation::LITERAL);
        let mut fixed = Map::new();
        for name in &literal {
            if let Some(value) = props.shift_remove(name) {
                fixed.insert(name.clone(), value);
            }
        }
        let template = Template::compile_with_literals(&props, fixed)?;
        self.note(&template.references());
        let props = match template.as_constant() {
            Some(Value::Object(map)) => {
                let props = Arc::new(map.clone());
                Props::Constant(Arc::new(crate::StepInput { props, constant: true, ..crate::StepInput::default() }))
            }
            _ => Props::Template(template),
        };
        Ok(Leaf {
            props,
            read_props: annotated(annotation::READS).iter().map(|name| Arc::from(name.as_str())).collect(),
            reads_all: reads_all(definition, node_type),
            output,
            retry: definition.retry.as_ref().map(retry_policy).transpose()?,
            timeout_ms: definition.timeout.as_deref().map(duration).transpose()?,
            secrets: secrets_asked(node_type),
        })
    }

    /// The blackboard keys that a node itself reads; none when they cannot be known.
    fn reads(&self, definition: &NodeDef, node_type: &NodeType) -> Option<BTreeSet<Arc<str>>> {
        if reads_all(definition, node_type) {
            return None;
        }
        let mut reads = BTreeSet::new();
        for reference in &self.references {
            match (reference.namespace, reference.path.first()) {
                (Namespace::Blackboard, Some(key)) => {
                    reads.insert(Arc::from(key.as_str()));
                }
                (Namespace::Steps, Some(id)) => {
                    reads.insert(Arc::from(format!("steps.{id}")));
                }
                (Namespace::Blackboard | Namespace::Steps, None) => return None,
                _ => {}
            }
        }
        let properties = node_type.props.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            if schema.get(annotation::READS) != Some(&Value::Bool(true)) {
                continue;
            }
            match definition.props.get(name) {
                Some(Value::String(path)) if path.contains("${") || path.contains("{{") => return None,
                Some(Value::String(path)) => {
                    let path = path.strip_prefix("bb.").unwrap_or(path);
                    reads.insert(Arc::from(path.split('.').next().unwrap_or(path)));
                }
                _ => {}
            }
        }
        Some(reads)
    }

    fn finish(mut self, definition: &Definition, root: NodeIndex) -> Result<Arc<Program>, LowerError> {
        let mut outputs = Vec::new();
        for (name, value) in &definition.outputs {
            outputs.push((name.clone(), self.template(value).map_err(|problem| problem.at("outputs"))?));
        }
        let concurrency = match &definition.settings.concurrency {
            None => None,
            Some(plan) => {
                let key = plan.key.as_ref().map(|key| self.template(&Value::String(key.clone()))).transpose();
                Some(ConcurrencyPlan { key: key.map_err(|problem| problem.at("settings"))?, limit: plan.limit })
            }
        };
        let timeout_ms = definition.settings.timeout.as_deref().map(duration).transpose();
        let mut nodes: Vec<Node> = std::mem::take(&mut self.nodes).into_iter().flatten().collect();
        if has_circle(&nodes) {
            return Err(LowerError::new("trees contain each other").at("trees"));
        }
        for node in &mut nodes {
            node.retained = self.named_steps.as_ref().is_none_or(|named| named.contains(node.id.as_str()));
        }
        Ok(Arc::new(Program {
            workflow: definition.id.as_str().into(),
            version: definition.version.as_str().into(),
            name: definition.name.as_deref().map(Into::into),
            hash: crate::content_hash(definition, None),
            nodes,
            root,
            outputs,
            timeout_ms: timeout_ms.map_err(|problem| problem.at("settings.timeout"))?,
            concurrency,
            secret_names: self.secret_names,
        }))
    }
}

/// Whether a node is given all that is visible of the blackboard.
fn reads_all(definition: &NodeDef, node_type: &NodeType) -> bool {
    let properties = node_type.props.get("properties").and_then(Value::as_object);
    let stands_instead = |(name, schema): (&String, &Value)| {
        schema.get(annotation::INSTEAD_OF_BLACKBOARD) == Some(&Value::Bool(true)) && definition.props.contains_key(name)
    };
    node_type.reads == Reads::All && !properties.into_iter().flatten().any(stands_instead)
}

/// Control nodes start their children by number, so that a missing one would not be a failure but a defect.
/// The names under `secrets` of what a node type asks for.
fn secrets_asked(node_type: &NodeType) -> Vec<Arc<str>> {
    let asked = node_type.permissions.iter().filter(|permission| permission.name() == "secrets");
    asked.filter_map(|permission| permission.scope().map(Arc::from)).collect()
}

fn check_children(definition: &NodeDef, node_type: &NodeType) -> Result<(), LowerError> {
    let count = u32::try_from(definition.children.len()).unwrap_or(u32::MAX);
    if count >= node_type.children_min && node_type.children_max.is_none_or(|most| count <= most) {
        return Ok(());
    }
    Err(LowerError::new(format!("{} cannot have {count} children", node_type.name)))
}

/// Whether following children and the trees that SubTree nodes run ever comes back to a node.
fn has_circle(nodes: &[Node]) -> bool {
    let mut open: Vec<usize> = vec![0; nodes.len()];
    let below = |node: &Node| {
        let tree = if let Work::Control(Control::SubTree(plan)) = &node.work { Some(plan.tree()) } else { None };
        node.children.iter().copied().chain(tree).map(NodeIndex::at).filter(|at| *at < nodes.len()).collect::<Vec<_>>()
    };
    nodes.iter().flat_map(below).for_each(|at| open[at] += 1);
    let mut free: Vec<usize> = (0..nodes.len()).filter(|at| open[*at] == 0).collect();
    let mut taken = 0;
    while let Some(at) = free.pop() {
        taken += 1;
        for next in below(&nodes[at]) {
            open[next] -= 1;
            if open[next] == 0 {
                free.push(next);
            }
        }
    }
    taken < nodes.len()
}

/// Whether a reference looks at how a step ended, not only at what it gave.
fn names_end_of_step(reference: &Reference) -> bool {
    reference.namespace == Namespace::Steps
        && reference.path.get(1).is_some_and(|name| name == "status" || name == "error")
}

fn duration(text: &str) -> Result<u64, LowerError> {
    parse_duration_ms(text, BareNumber::Refused).map_err(|problem| LowerError::new(problem.to_string()))
}

fn retry_policy(retry: &RetryDef) -> Result<RetryPolicy, LowerError> {
    let given = |text: &Option<String>, default: u64| text.as_deref().map_or(Ok(default), duration);
    let policy = RetryPolicy {
        attempts: retry.attempts.max(1),
        delay_ms: given(&retry.delay, 1_000)?,
        factor: retry.factor.unwrap_or(2.0),
        max_delay_ms: given(&retry.max_delay, 60_000)?,
        on: retry.on.clone(),
    };
    if policy.factor.is_finite() && policy.factor >= 1.0 {
        return Ok(policy);
    }
    let longest = format_duration_ms(policy.max_delay_ms);
    Err(LowerError::new(format!("`retry.factor` must be at least 1 (waits grow up to {longest})")))
}

/// Recorded outputs as the outcome that they stand for. `{outputs, writes}` is taken apart; anything else is the outputs.
fn pinned(pin: &Value) -> Outcome {
    let mut outcome = Outcome::success();
    let Some(map) = pin.as_object() else {
        return outcome.output("result", pin.clone());
    };
    let structured = !map.is_empty() && map.keys().all(|key| key == "outputs" || key == "writes");
    if structured {
        let part = |key: &str| map.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        outcome.outputs = part("outputs");
        outcome.writes = part("writes");
    } else {
        outcome.outputs = map.clone();
    }
    outcome
}
