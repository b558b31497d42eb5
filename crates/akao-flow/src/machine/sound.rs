//! Whether a state that was read fits its program and itself.
//!
//! A snapshot has a checksum where it is stored, so what is found here is a defect or somebody else's hand. The events can
//! always be replayed instead; an index that leads nowhere, a list that never ends or a count that falls below nothing would
//! stop the process. What a control node counts for itself is not looked at: replay finds it by its decisions.

use super::{
    OpKind, OpenOp, State,
    frame::{Frame, FrameIndex, Slab},
    scope::{ScopeData, ScopeIndex},
};
use crate::{control, program::Program};

/// Numbers of operations and frames stay far below what a counter holds.
const NUMBER_MAX: u64 = u64::MAX / 2;

/// What does not fit, as a fragment.
pub(super) fn check(state: &State, program: &Program) -> Result<(), &'static str> {
    if !state.frames.is_sound() || !state.scopes.is_sound() {
        return Err("its lists of free places are wrong");
    }
    scopes(&state.scopes, program)?;
    for (_, frame) in state.frames.iter() {
        if frame.node.at() >= program.len() {
            return Err("a frame belongs to a node that is not there");
        }
    }
    for (_, frame) in state.frames.iter() {
        parent(state, program, frame)?;
    }
    let mut listed = 0;
    for (at, frame) in state.frames.iter() {
        listed += children(state, FrameIndex(at), frame)?;
    }
    if listed > state.frames.len() {
        return Err("a frame is in two lists of children");
    }
    if state.finished.is_none() {
        counts(state)?;
    }
    let held_by = |frame: FrameIndex| frame.is_none() || state.frames.get(frame.0).is_some();
    if !state.ops.values().all(|open| held_by(open.frame)) {
        return Err("an operation belongs to a frame that is not there");
    }
    // The frames of an execution that has ended are gone.
    let rooted = state.finished.is_some() || held_by(state.root_frame);
    if state.scopes.get(state.root_scope.0).is_none() || !rooted {
        return Err("its root is not there");
    }
    Ok(())
}

/// What is counted is there, and numbers that are to come are new. An execution that ran out of fuel has ended in the middle
/// of counting, so only those that go on are looked at.
fn counts(state: &State) -> Result<(), &'static str> {
    let is_busy = |open: &&OpenOp| matches!(open.kind, OpKind::Step(_) | OpKind::Child(_) | OpKind::Load(_));
    if state.busy as usize != state.ops.values().filter(is_busy).count() {
        return Err("it counts other operations than there are");
    }
    if state.ops.keys().next_back().is_some_and(|op| op.0 >= state.next_op) || state.next_op > NUMBER_MAX {
        return Err("its next operation has a number that was given");
    }
    if state.frames.iter().any(|(_, frame)| frame.birth >= state.next_birth) || state.next_birth > NUMBER_MAX {
        return Err("its next frame has a number that was given");
    }
    Ok(())
}

/// Scopes lead to scopes that are there, and never in a circle.
fn scopes(scopes: &Slab<ScopeData>, program: &Program) -> Result<(), &'static str> {
    let mut known = std::collections::BTreeSet::new();
    for (at, scope) in scopes.iter() {
        let mut nodes = scope.steps.iter().chain(scope.memory.iter());
        if nodes.any(|(node, _)| node.at() >= program.len()) {
            return Err("a scope remembers a node that is not there");
        }
        let (mut way, mut next) = (Vec::new(), ScopeIndex(at));
        while next != ScopeIndex::NONE && !known.contains(&next) {
            let found = scopes.get(next.0).ok_or("a scope stands in one that is not there")?;
            if way.len() > scopes.len() {
                return Err("scopes stand in each other");
            }
            way.push(next);
            next = found.parent;
        }
        known.extend(way);
    }
    Ok(())
}

/// A parent is there, is older, which rules out circles, and has the child that the frame says it is.
fn parent(state: &State, program: &Program, frame: &Frame) -> Result<(), &'static str> {
    if state.scopes.get(frame.scope.0).is_none() {
        return Err("a frame stands in a scope that is not there");
    }
    if !control::fits(&frame.state, program.node(frame.node)) {
        return Err("a frame has the state of another kind of node");
    }
    if frame.parent.is_none() {
        return Ok(());
    }
    let parent = state.frames.get(frame.parent.0).ok_or("a frame has a parent that is not there")?;
    if parent.birth >= frame.birth {
        return Err("a frame is older than its parent");
    }
    // The root of a tree is no child of the SubTree node that runs it.
    let children = program.node(parent.node).children.len().max(1);
    if frame.slot as usize >= children {
        return Err("a frame is a child that its parent does not have");
    }
    Ok(())
}

/// The length of the list of a frame's children, each of which names the frame as its parent.
fn children(state: &State, at: FrameIndex, frame: &Frame) -> Result<usize, &'static str> {
    let (mut next, mut count) = (frame.first_child, 0);
    while !next.is_none() {
        let child = state.frames.get(next.0).ok_or("a list of children leads nowhere")?;
        count += 1;
        if child.parent != at || count > state.frames.len() {
            return Err("a list of children leads to somebody else's");
        }
        next = child.next_sibling;
    }
    if state.finished.is_none() && frame.live as usize != count {
        return Err("a frame counts other children than it has");
    }
    Ok(count)
}
