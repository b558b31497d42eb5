//! `ForEach`: runs its first child once for each element of a collection.
//!
//! - `collectionKey` names a blackboard list, or `items` gives the list itself. An object is walked as its
//!   `{key, value}` pairs. What is missing or neither list nor object fails the loop with kind `input`.
//! - Inside, `item` and `index` (from zero) are there, and the element also under `itemKey` (default `item`), its position
//!   under `indexKey` when that is given. These are read-only; other writes go to the scope around the loop.
//! - `limit` elements are worked on at once (default 1: in order; 0: all).
//! - `on_failure: stop` (prop `onFailure`, default `stop`): the first failure halts what runs and fails the loop.
//!   `continue`: failures are counted, the loop succeeds.
//! - `collect`: a value made at the end of each turn, inside it; the list of them, in the order of the elements, is the
//!   output `results` and stored under `outputKey`. A turn that failed or was skipped gives null.
//! - An empty collection succeeds; so does one whose turns were all skipped.
//! - Addresses below it carry the turn, from zero. Halt: every running turn is halted.

use super::{
    ControlProps, State,
    declare::{declare, output_key, with_outputs},
    props,
};
use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{Command, End, Failure, FrameIndex, NO_ITERATION, OpKind, Run, ScopeData, ScopeIndex, ScopeKind},
};
use akao_contract::{BlobRef, Category, ErrorKind, NodeStatus, NodeType, StepError};
use akao_expression::{Namespace, Scope, Template};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: for-each-example\nversion: 1.0.0\noutputs: { squares: \"${squares}\" }\nroot:\n  type: ForEach\n  props: { items: [1, 2, 3], collect: \"${steps.square.outputs.result}\", outputKey: squares }\n  children:\n    - { type: MathOp, id: square, props: { expression: \"${item} * ${item}\" } }\n";
    let properties = json!({
        "collectionKey": { "type": "string", "x-akao-reads": true, "description": "Blackboard path of the collection." },
        "items": { "description": "The collection itself." },
        "itemKey": { "type": "string", "default": "item", "description": "Name of the element inside the loop." },
        "indexKey": { "type": "string", "description": "Name of the position inside the loop." },
        "limit": { "type": "integer", "minimum": 0, "default": 1, "description": "Elements worked on at once; 0 means all." },
        "onFailure": { "enum": ["stop", "continue"], "default": "stop", "description": "What a failed turn does." },
        "collect": { "description": "Value kept from each turn." },
        "outputKey": output_key(),
    });
    let outputs = json!({
        "results": { "type": "array", "description": "What `collect` gave, in the order of the elements." },
        "count": { "type": "integer", "description": "Elements." },
        "failed": { "type": "integer", "description": "Turns that failed." },
    });
    with_outputs(
        declare(
            include_str!("for_each.rs"),
            Category::Composite,
            properties,
            (1, None),
            example,
            json!({"squares": [1, 4, 9]}),
        ),
        outputs,
    )
}

/// The loop's props: those read at its start, and the template made in every turn.
#[derive(Debug)]
pub(crate) struct Plan {
    props: ControlProps,
    collect: Option<Template>,
}

pub(super) fn lower(definition: &NodeDef, lowering: &mut Lowering<'_>) -> Result<Plan, LowerError> {
    let collect = definition.props.get("collect").map(|value| lowering.template(value)).transpose()?;
    let mut definition = NodeDef { props: definition.props.clone(), ..NodeDef::default() };
    definition.props.shift_remove("collect");
    Ok(Plan { props: lowering.props(&definition)?, collect })
}

/// The collection and how far the loop is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Each {
    /// Where the items came from, when they are a stored blob; then a snapshot holds the reference, not the items.
    pub(crate) source: Option<BlobRef>,
    #[serde(serialize_with = "Each::save_items")]
    save: ItemsToSave,
    pub(crate) item_key: Arc<str>,
    pub(crate) index_key: Option<Arc<str>>,
    next: u64,
    count: u64,
    live: u64,
    failed: u64,
    limit: u64,
    go_on: bool,
    failure: Option<Box<Failure>>,
    results: BTreeMap<u64, Value>,
    output_key: Option<String>,
}

/// Items, and whether a snapshot must hold them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ItemsToSave {
    inline: bool,
    items: Arc<Vec<Arc<Value>>>,
}

impl Each {
    fn save_items<S: serde::Serializer>(save: &ItemsToSave, serializer: S) -> Result<S::Ok, S::Error> {
        if save.inline {
            return save.serialize(serializer);
        }
        ItemsToSave::default().serialize(serializer)
    }

    /// The element at a position.
    pub(crate) fn item(&self, index: u64) -> Option<Arc<Value>> {
        self.save.items.get(usize::try_from(index).ok()?).cloned()
    }

    /// Gives a restored loop the items that its snapshot refers to.
    pub(crate) fn refill(&mut self, value: &Value) -> Result<(), StepError> {
        self.save.items = Arc::new(elements(value.clone())?);
        Ok(())
    }

    /// Whether a restored loop still needs its items.
    pub(crate) fn needs_items(&self) -> Option<&BlobRef> {
        self.source.as_ref().filter(|_| self.count > 0 && self.save.items.is_empty())
    }
}

fn elements(value: Value) -> Result<Vec<Arc<Value>>, StepError> {
    match value {
        Value::Array(items) => Ok(items.into_iter().map(Arc::new).collect()),
        Value::Object(map) => {
            Ok(map.into_iter().map(|(key, value)| Arc::new(json!({"key": key, "value": value}))).collect())
        }
        other => {
            let found = match other {
                Value::Null => "null",
                Value::Bool(_) => "a truth value",
                Value::Number(_) => "a number",
                _ => "a text",
            };
            Err(StepError::new(ErrorKind::Input, format!("the collection must be a list or an object, found {found}")))
        }
    }
}

/// The collection as the props name it.
fn collection(run: &Run<'_>, frame: FrameIndex, props: &mut Arc<Map<String, Value>>) -> Result<Arc<Value>, StepError> {
    if props.contains_key("items") {
        // Rendered props belong to this start alone, so that their items need not be copied.
        let items = match Arc::get_mut(props) {
            Some(props) => props.get_mut("items").map(Value::take),
            None => props.get("items").cloned(),
        };
        return Ok(Arc::new(items.unwrap_or_default()));
    }
    let Some(path) = props::text(props, "collectionKey")? else {
        return Err(StepError::new(ErrorKind::Input, "`collectionKey` or `items` is missing"));
    };
    let view = run.view(run.frame(frame).scope);
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let mut value = view.get(Namespace::Blackboard, first).ok_or_else(|| {
        StepError::new(ErrorKind::Input, format!("there is no blackboard key `{first}` for `collectionKey`"))
    })?;
    for name in names {
        let inner = value.get(name).cloned();
        value = Arc::new(inner.ok_or_else(|| StepError::new(ErrorKind::Input, format!("`{path}` has no `{name}`")))?);
    }
    Ok(value)
}

fn each(props: &Map<String, Value>) -> Result<Each, StepError> {
    Ok(Each {
        source: None,
        save: ItemsToSave::default(),
        item_key: props::text(props, "itemKey")?.unwrap_or("item").into(),
        index_key: props::text(props, "indexKey")?.map(Into::into),
        next: 0,
        count: 0,
        live: 0,
        failed: 0,
        limit: match props::count(props, "limit", 1)? {
            0 => u64::MAX,
            limit => limit,
        },
        go_on: props::text(props, "onFailure")? == Some("continue"),
        failure: None,
        results: BTreeMap::new(),
        output_key: props::text(props, "outputKey")?.map(str::to_owned),
    })
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    let read =
        plan.props.read(run, frame).and_then(|mut props| Ok((collection(run, frame, &mut props)?, each(&props)?)));
    let (collection, mut each) = match read {
        Ok(read) => read,
        Err(error) => return run.fail(frame, error),
    };
    if let Some(blob) = BlobRef::from_value(&collection) {
        each.source = Some(blob.clone());
        *run.state_of(frame) = State::ForEach(Box::new(each));
        let op = run.open_op(frame, OpKind::Load(Box::new(blob.clone())));
        run.frame_mut(frame).op = Some(op);
        return run.command(Command::LoadBlob { op, blob: Box::new(blob) });
    }
    *run.state_of(frame) = State::ForEach(Box::new(each));
    begin(run, frame, Arc::unwrap_or_clone(collection), true);
}

/// A stored collection is at hand, or cannot be had.
pub(crate) fn loaded(run: &mut Run<'_>, frame: FrameIndex, value: Option<Arc<Value>>, error: Option<StepError>) {
    if run.frame(frame).phase == crate::machine::Phase::Halting {
        return run.end(frame, End::CANCELLED);
    }
    match (value, error) {
        (Some(value), _) => begin(run, frame, Arc::unwrap_or_clone(value), false),
        (None, Some(error)) => run.fail(frame, error),
        (None, None) => run.fail(frame, StepError::new(ErrorKind::Internal, "the stored collection was not given")),
    }
}

fn begin(run: &mut Run<'_>, frame: FrameIndex, collection: Value, inline: bool) {
    let items = match elements(collection) {
        Ok(items) => items,
        Err(error) => return run.fail(frame, error),
    };
    run.refuel(items.len() as u64);
    let State::ForEach(each) = run.state_of(frame) else { return };
    each.count = items.len() as u64;
    each.save = ItemsToSave { inline, items: Arc::new(items) };
    go_on(run, frame);
}

/// Starts turns until the limit is reached, or ends the loop.
fn go_on(run: &mut Run<'_>, frame: FrameIndex) {
    loop {
        let State::ForEach(each) = run.state_of(frame) else { return };
        if each.next >= each.count || each.live >= each.limit {
            break;
        }
        let index = each.next;
        each.next += 1;
        each.live += 1;
        let scope = ScopeData::new(run.frame(frame).scope, ScopeKind::Iteration { of: frame, index });
        let scope = run.new_scope(scope);
        run.start_child_in(frame, 0, index, scope);
    }
    let State::ForEach(each) = run.state_of(frame) else { return };
    if each.live == 0 && each.next >= each.count {
        finish(run, frame);
    }
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan, turn: (u64, ScopeIndex), end: End) {
    let (iteration, scope) = turn;
    debug_assert_ne!(iteration, NO_ITERATION, "a loop's child belongs to a turn");
    let mut end = end;
    if let (Some(template), NodeStatus::Success) = (&plan.collect, end.status) {
        match run.render_in(scope, template) {
            Ok(rendered) => keep(run, frame, iteration, rendered.value),
            Err(error) => {
                let error = StepError { message: format!("`collect`: {}", error.message), ..error };
                end = End::failed(Box::new(Failure { error, step: run.address(frame).with_iteration(iteration) }));
            }
        }
    }
    run.drop_turn(frame, scope);
    let State::ForEach(each) = run.state_of(frame) else { return };
    each.live -= 1;
    match end.status {
        NodeStatus::Success | NodeStatus::Skipped => {}
        NodeStatus::Failure if each.go_on => each.failed += 1,
        _ => return run.close(frame, end),
    }
    go_on(run, frame);
}

fn keep(run: &mut Run<'_>, frame: FrameIndex, iteration: u64, value: Value) {
    if let State::ForEach(each) = run.state_of(frame) {
        each.results.insert(iteration, value);
    }
}

fn finish(run: &mut Run<'_>, frame: FrameIndex) {
    let has_collect = matches!(&run.node_of(frame).work, crate::program::Work::Control(super::Control::ForEach(plan)) if plan.collect.is_some());
    let State::ForEach(each) = run.state_of(frame) else { return };
    let mut results = std::mem::take(&mut each.results);
    let (count, failed, output_key) = (each.count, each.failed, each.output_key.clone());
    let mut outputs = Map::new();
    if has_collect {
        let list: Vec<Value> = (0..count).map(|index| results.remove(&index).unwrap_or(Value::Null)).collect();
        if let Some(key) = output_key {
            let scope = run.frame(frame).scope;
            run.write(scope, &key, Value::Array(list.clone()));
        }
        outputs.insert("results".into(), Value::Array(list));
    }
    outputs.insert("count".into(), count.into());
    outputs.insert("failed".into(), failed.into());
    run.end_with(frame, End::SUCCESS, outputs, None);
}
