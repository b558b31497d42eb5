//! `Graph`: runs its children in the order that their `needs` ask for, as many at once as that allows.
//!
//! - A child names the ids of siblings in `needs`; it starts when all of them have ended. Children without needs start at
//!   once. Circles are refused when the workflow is checked.
//! - By default a child starts when each of its needs has succeeded, was skipped, or failed with `on_failure: continue`.
//! - A failure stops what has not started: those children never run. What runs already goes on to its end. Only a child
//!   whose `if` looks at the `status` or `error` of a step still starts, once its needs have ended; that is how failures
//!   are handled inside a graph. The graph then fails with the first failure in time; the others are in `detail.causes`.
//! - With `on_failure: continue` on a child (or in `settings`), its failure counts as a success here.
//! - A child whose `if` is false is skipped; that does not stop those that need it.
//! - When every child was skipped, the graph is skipped. Halt: every running child is halted.

use super::{State, declare::declare, selector::with_causes};
use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{End, Failure, FrameIndex, Run},
};
use akao_contract::{Category, NodeStatus, NodeType};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

pub(super) fn node_type() -> NodeType {
    let example = "akao: 1\nid: graph-example\nversion: 1.0.0\noutputs: { sum: \"${steps.sum.outputs.result}\" }\nroot:\n  type: Graph\n  children:\n    - { id: a, type: MathOp, props: { expression: 2 + 3 } }\n    - { id: b, type: MathOp, props: { expression: 4 * 5 } }\n    - { id: sum, type: MathOp, needs: [a, b], props: { expression: \"${steps.a.outputs.result} + ${steps.b.outputs.result}\" } }\n";
    declare(include_str!("graph.rs"), Category::Composite, json!({}), (1, None), example, json!({"sum": 25}))
}

/// For each child: how many it needs, and who needs it.
#[derive(Debug)]
pub(crate) struct Plan {
    needs: Vec<u32>,
    needed_by: Vec<Vec<u32>>,
}

pub(super) fn lower(definition: &NodeDef, _: &mut Lowering<'_>) -> Result<Plan, LowerError> {
    let children = &definition.children;
    let mut siblings: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, child) in children.iter().enumerate() {
        if let Some(id) = child.id.as_deref() {
            siblings.entry(id).or_insert(at);
        }
    }
    let mut needed_by = vec![Vec::new(); children.len()];
    let mut needs = Vec::with_capacity(children.len());
    for (slot, child) in (0u32..).zip(children) {
        for need in &child.needs {
            let found = siblings.get(need.as_str()).copied();
            let found = found.ok_or_else(|| LowerError::new(format!("`needs` names `{need}`, which is no sibling")))?;
            needed_by[found].push(slot);
        }
        needs.push(u32::try_from(child.needs.len()).unwrap_or(u32::MAX));
    }
    let plan = Plan { needs, needed_by };
    if plan.has_circle() {
        return Err(LowerError::new("the `needs` of this graph go round in a circle"));
    }
    Ok(plan)
}

impl Plan {
    fn has_circle(&self) -> bool {
        let mut open = self.needs.clone();
        let mut ready: Vec<usize> = (0..open.len()).filter(|slot| open[*slot] == 0).collect();
        let mut seen = 0;
        while let Some(slot) = ready.pop() {
            seen += 1;
            for dependent in &self.needed_by[slot] {
                open[*dependent as usize] -= 1;
                if open[*dependent as usize] == 0 {
                    ready.push(*dependent as usize);
                }
            }
        }
        seen < open.len()
    }
}

/// For each child how many needs are open, and what came out so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    open: Vec<u32>,
    /// Children whose needs include one that failed or never ran.
    blocked: Vec<bool>,
    ended: u32,
    skipped: u32,
    failures: Vec<Failure>,
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    let count = plan.needs.len();
    let (open, blocked) = (plan.needs.clone(), vec![false; count]);
    *run.state_of(frame) =
        State::Graph(Box::new(Progress { open, blocked, ended: 0, skipped: 0, failures: Vec::new() }));
    for slot in (0u32..).zip(&plan.needs).filter(|(_, needs)| **needs == 0).map(|(slot, _)| slot) {
        run.start_child(frame, slot);
    }
}

impl Progress {
    /// Whether there is an entry for each child.
    pub(super) fn fits(&self, plan: &Plan) -> bool {
        self.open.len() == plan.needs.len() && self.blocked.len() == plan.needs.len()
    }
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan, slot: u32, end: End) {
    let State::Graph(progress) = run.state_of(frame) else { return };
    progress.ended += 1;
    let failed = match end.status {
        NodeStatus::Success => false,
        NodeStatus::Skipped => {
            progress.skipped += 1;
            false
        }
        _ => {
            if let Some(failure) = end.failure
                && progress.failures.len() < 21
            {
                progress.failures.insert(0, *failure);
            }
            true
        }
    };
    release(run, frame, plan, slot, failed);
    settle(run, frame, plan);
}

/// Tells the children that need `slot`; starts those whose needs have all ended and that may start.
fn release(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan, slot: u32, failed: bool) {
    let mut ended = vec![(slot, failed)];
    while let Some((slot, failed)) = ended.pop() {
        for dependent in plan.needed_by[slot as usize].iter().copied() {
            let handles_failure = run.child_node(frame, dependent).handles_failure;
            let State::Graph(progress) = run.state_of(frame) else { return };
            progress.open[dependent as usize] -= 1;
            progress.blocked[dependent as usize] |= failed;
            if progress.open[dependent as usize] > 0 {
                continue;
            }
            let stopped = progress.blocked[dependent as usize] || !progress.failures.is_empty();
            if stopped && !handles_failure {
                // It never runs; those that need it learn that too.
                progress.ended += 1;
                ended.push((dependent, true));
            } else {
                run.start_child(frame, dependent);
            }
        }
    }
}

fn settle(run: &mut Run<'_>, frame: FrameIndex, plan: &Plan) {
    if run.frame(frame).live > 0 {
        return;
    }
    let State::Graph(progress) = run.state_of(frame) else { return };
    let all_skipped = progress.skipped as usize == plan.needs.len();
    match with_causes(std::mem::take(&mut progress.failures)) {
        Some(failure) => run.end(frame, End::failed(failure)),
        None if all_skipped => run.end(frame, End::SKIPPED),
        None if (progress.ended as usize) < plan.needs.len() => run.end(frame, End::CANCELLED),
        None => run.end(frame, End::SUCCESS),
    }
}
