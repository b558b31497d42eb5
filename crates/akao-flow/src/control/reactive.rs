//! What `ReactiveSequence` and `ReactiveSelector` share: looking again at earlier children when something they read has
//! changed, while a later child runs.
//!
//! The sequence goes on after a success and is decided by a failure; the selector the other way round. In both, at most one
//! child is the *running* one. When a blackboard key that an earlier child reads changes, the earlier children run again
//! from the first, one after the other, beside it. If one of them decides now, the running child is halted and the node
//! ends with that decision. Else the running child, which was never disturbed, stays.

use super::State;
use crate::machine::{End, FrameIndex, Run};
use akao_contract::NodeStatus;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// Watches every key: some child reads what cannot be known beforehand.
pub(crate) const ANY_KEY: &str = "*";

/// Where the node is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Whether a success goes on (sequence) or decides (selector).
    selector: bool,
    /// The furthest child; the running one unless `checking` has not reached it.
    current: u32,
    /// The earlier child that runs again now.
    checking: Option<u32>,
    /// Something changed while earlier children were being looked at: once more from the first.
    again: bool,
    /// The running child ended while earlier children were being looked at.
    ended: Option<End>,
    ran: bool,
    last_failure: Option<End>,
    watched: BTreeSet<Arc<str>>,
}

fn progress<'a>(run: &'a mut Run<'_>, frame: FrameIndex) -> Option<&'a mut Progress> {
    match run.state_of(frame) {
        State::Reactive(progress) => Some(progress),
        _ => None,
    }
}

pub(super) fn start(run: &mut Run<'_>, frame: FrameIndex, selector: bool) {
    *run.state_of(frame) = State::Reactive(Box::new(Progress { selector, ..Progress::default() }));
    run.start_child(frame, 0);
}

/// A key that an earlier child reads has changed.
pub(crate) fn wake(run: &mut Run<'_>, frame: FrameIndex) {
    if run.frame(frame).closing.is_some() {
        return;
    }
    let Some(progress) = progress(run, frame) else { return };
    if progress.current == 0 {
        return;
    }
    if progress.checking.is_some() {
        progress.again = true;
        return;
    }
    progress.checking = Some(0);
    run.start_child(frame, 0);
}

pub(super) fn child_ended(run: &mut Run<'_>, frame: FrameIndex, slot: u32, end: End) {
    let Some(progress) = progress(run, frame) else { return };
    let decides = match end.status {
        NodeStatus::Skipped => false,
        NodeStatus::Success => progress.selector,
        NodeStatus::Failure => !progress.selector,
        _ => true,
    };
    match end.status {
        NodeStatus::Success => progress.ran = true,
        NodeStatus::Failure if progress.selector => progress.last_failure = Some(end.clone()),
        _ => {}
    }
    match progress.checking {
        Some(_) if slot == progress.current => {
            // The running child ended first; what the earlier ones say still counts.
            progress.ended = Some(end);
        }
        Some(_) if decides => run.close(frame, end),
        Some(checking) if progress.again => {
            debug_assert_eq!(checking, slot, "one earlier child is looked at at a time");
            progress.again = false;
            progress.checking = Some(0);
            run.start_child(frame, 0);
        }
        Some(checking) if checking + 1 < progress.current => {
            progress.checking = Some(checking + 1);
            run.start_child(frame, checking + 1);
        }
        Some(_) => {
            progress.checking = None;
            let current = progress.current;
            if let Some(end) = progress.ended.take() {
                child_ended(run, frame, current, end);
            }
        }
        None if decides => run.close(frame, end),
        None => advance(run, frame, slot),
    }
}

/// The running child let the node go on: the next child starts, and what the passed ones read is watched.
fn advance(run: &mut Run<'_>, frame: FrameIndex, slot: u32) {
    watch(run, frame, slot);
    let count = run.node_of(frame).children.len();
    let Some(progress) = progress(run, frame) else { return };
    if (slot as usize + 1) < count {
        progress.current = slot + 1;
        return run.start_child(frame, slot + 1);
    }
    let end = match (progress.selector, progress.last_failure.take()) {
        (true, Some(failure)) => failure,
        (false, _) if progress.ran => End::SUCCESS,
        _ => End::SKIPPED,
    };
    run.end(frame, end);
}

fn watch(run: &mut Run<'_>, frame: FrameIndex, slot: u32) {
    let keys: Vec<Arc<str>> = match &run.child_node(frame, slot).reads {
        Some(keys) => keys.iter().cloned().collect(),
        None => vec![ANY_KEY.into()],
    };
    for key in keys {
        run.state.watchers.entry(Arc::clone(&key)).or_default().insert(frame);
        if let Some(progress) = progress(run, frame) {
            progress.watched.insert(key);
        }
    }
}

/// Takes an ended node out of the watchers.
pub(super) fn forget(run: &mut Run<'_>, frame: FrameIndex, progress: &Progress) {
    for key in &progress.watched {
        if let Some(frames) = run.state.watchers.get_mut(key) {
            frames.remove(&frame);
            if frames.is_empty() {
                run.state.watchers.remove(key);
            }
        }
    }
}
