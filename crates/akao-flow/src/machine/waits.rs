//! What an execution waits for, in words. What a wait is for is told, with the time limit of whatever it stands under; a
//! time limit is never told as something to wait for. How the words are joined and shown is left to others.

use super::{FrameIndex, OpKind, OpenOp, State};
use akao_contract::format_duration_ms;

/// Waits that are put into words; a loop can have very many.
const WAITS_TOLD_MAX: usize = 20;

/// Open operations that are looked at for it.
const WAITS_SEEN_MAX: usize = 2 * WAITS_TOLD_MAX;

/// The waits of a state, seen at `now_ms`.
pub(super) fn tell(state: &State, now_ms: i64) -> Vec<String> {
    let open: Vec<&OpenOp> = state.ops.values().take(WAITS_SEEN_MAX).collect();
    let mut waits: Vec<String> = open
        .iter()
        .filter_map(|wait| {
            let mut words = describe(state, &open, wait)?;
            if let Some(until) = limit(state, &open, wait) {
                words.push_str(&format!(", at most {}", rounded_up(until.saturating_sub(now_ms))));
            }
            Some(words)
        })
        .take(WAITS_TOLD_MAX)
        .collect();
    waits.dedup();
    waits
}

fn describe(state: &State, open: &[&OpenOp], wait: &OpenOp) -> Option<String> {
    match &wait.kind {
        OpKind::Signal(awaited) => Some(match &awaited.key {
            None => format!("signal {}", awaited.name),
            Some(key) => format!("signal {} with key {key}", awaited.name),
        }),
        OpKind::Task(task) => Some(format!("task \"{}\"", task.title)),
        OpKind::Child(child) => Some(format!("child {}", child.child)),
        OpKind::Timer { .. } => (!open.iter().any(|other| is_limit(state, wait, other))).then(|| "timer".to_owned()),
        OpKind::Step(_) | OpKind::Load(_) => None,
    }
}

/// The earliest end of a time limit that a wait stands under.
fn limit(state: &State, open: &[&OpenOp], wait: &OpenOp) -> Option<i64> {
    let ends = open.iter().filter_map(|timer| match timer.kind {
        OpKind::Timer { fire_at_ms } if is_limit(state, timer, wait) => Some(fire_at_ms),
        _ => None,
    });
    ends.min()
}

/// Whether a timer bounds a wait: the wait is made by the same node, or by one below it. The timer of the whole execution
/// has no node and bounds everything.
fn is_limit(state: &State, timer: &OpenOp, wait: &OpenOp) -> bool {
    if !matches!(timer.kind, OpKind::Timer { .. }) {
        return false;
    }
    let mut at = wait.frame;
    if timer.frame == at {
        return !matches!(wait.kind, OpKind::Timer { .. });
    }
    while let Some(frame) = state.frames.get(at.0) {
        at = frame.parent;
        if at == timer.frame {
            return true;
        }
    }
    timer.frame == FrameIndex::NONE
}

/// In whole seconds once it is longer than one, so that `at most` stays true.
fn rounded_up(left_ms: i64) -> String {
    let left_ms = u64::try_from(left_ms).unwrap_or(0);
    format_duration_ms(if left_ms > 1_000 { left_ms.div_ceil(1_000) * 1_000 } else { left_ms })
}
