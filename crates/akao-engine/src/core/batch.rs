//! Sealing a batch: frames are closed, rows brought up to date, snapshots taken, idle executions let go.

use super::{Core, Effect, FeedItem, live::RowState};
use akao_contract::{ErrorKind, ExecutionId, ExecutionStatus, OpId, StepError};
use akao_flow::Event;
use akao_journal::{ExecutionChange, Write};
use std::sync::Arc;

/// A tail of fewer events than this is replayed rather than covered by a snapshot.
const SNAPSHOT_EVENTS_MIN: u64 = 64;

impl Core {
    /// Closes the frames of everything that the batch touched.
    pub(super) fn close_frames(&mut self) {
        for execution in std::mem::take(&mut self.touched) {
            self.close_frame(execution);
        }
    }

    fn close_frame(&mut self, execution: ExecutionId) {
        let now_ms = self.now_ms;
        let Some(live) = self.live.get_mut(&execution) else { return };
        let state = live.row_state();
        let last_seq = live.next_seq.saturating_sub(1);
        let ended_ms = live.finish.is_some().then_some(now_ms);
        let summary = live.finish.as_ref().and_then(|finish| serde_json::to_vec(finish).ok());
        if let Some(mut row) = live.new_row.take() {
            row.status = state.status;
            row.waiting.clone_from(&state.waiting);
            row.next_timer_ms = state.next_timer_ms;
            row.last_seq = last_seq;
            row.ended_ms = ended_ms;
            row.summary = summary;
            self.head.push(Write::InsertExecution(row));
        } else if state != live.row || live.finish.is_some() {
            let change = change(&live.row, &state, now_ms, last_seq, ended_ms, summary);
            self.writes.push(Write::UpdateExecution { execution, change });
        }
        let (ended, working) = (state.status.is_final(), live.is_working(state.status));
        live.row = state;
        if live.frame.count > 0 {
            let at_ms = live.last_ms;
            let (first_seq, count, body) = live.frame.take();
            let fed = std::mem::take(&mut live.fed);
            self.writes.push(Write::AppendFrame { execution, first_seq, count, at_ms, body });
            if !fed.is_empty() {
                self.effects.push(Effect::Feed(execution, FeedItem::Entries(first_seq, Arc::new(fed))));
            }
        }
        self.take_snapshot_if_due(execution);
        let Some(live) = self.live.get_mut(&execution) else { return };
        let (tenant, key) = (live.tenant.clone(), live.queue_key.clone());
        if live.may_leave() && !live.in_idle_list {
            live.in_idle_list = true;
            self.idle.push_back(execution);
        }
        self.placed(execution, ended, working, &tenant, key.as_deref());
    }

    /// A snapshot is taken when the tail has grown to the size of the last one, so that its cost is spread over the events.
    fn take_snapshot_if_due(&mut self, execution: ExecutionId) {
        let Some(live) = self.live.get_mut(&execution) else { return };
        let due = live.tail_events >= SNAPSHOT_EVENTS_MIN && live.tail_bytes >= live.snapshot_bytes.max(16 * 1024);
        if !due || live.finish.is_some() {
            return;
        }
        let body = live.machine.snapshot();
        live.snapshot_bytes = body.len();
        live.tail_bytes = 0;
        live.tail_events = 0;
        let seq = live.next_seq.saturating_sub(1);
        self.writes.push(Write::PutSnapshot { execution, seq, body });
    }

    /// Lets executions that only wait leave memory, oldest first. Ended ones leave at once.
    pub(super) fn evict(&mut self) {
        let excess = self.idle.len().saturating_sub(self.config.idle_executions_max);
        let mut kept = std::collections::VecDeque::with_capacity(self.idle.len());
        for (at, execution) in std::mem::take(&mut self.idle).into_iter().enumerate() {
            let Some(live) = self.live.get_mut(&execution) else { continue };
            live.in_idle_list = false;
            if !live.may_leave() {
                continue;
            }
            if live.finish.is_none() && at >= excess {
                live.in_idle_list = true;
                kept.push_back(execution);
                continue;
            }
            if let Some(live) = self.live.remove(&execution) {
                self.park_timers(execution, &live.timers);
            }
        }
        self.idle = kept;
    }

    /// Marks an execution as one whose record cannot be trusted. It is kept and never acted upon; who waits for it is told.
    pub(super) fn quarantine(
        &mut self,
        execution: ExecutionId,
        mut parent: Option<(ExecutionId, OpId)>,
        reason: String,
    ) {
        if let Some(live) = self.live.remove(&execution) {
            parent = live.parent;
            for (op, at) in live.timers {
                self.due.remove(&(at, execution, super::Due::Timer(op)));
            }
        }
        self.touched.remove(&execution);
        if let Some((parent, op)) = parent {
            let error = StepError::new(ErrorKind::Internal, format!("the child execution is quarantined: {reason}"));
            let event = Event::ChildFinished {
                op,
                status: ExecutionStatus::Quarantined,
                outputs: serde_json::Map::new(),
                error: Some(error),
            };
            self.inner.push_back(super::Inner::Event(parent, event));
        }
        self.effect(super::Effect::Quarantined(execution, reason.clone()));
        self.writes.push(Write::UpdateExecution {
            execution,
            change: ExecutionChange {
                status: Some(ExecutionStatus::Quarantined),
                waiting: Some(Some(reason)),
                next_timer_ms: Some(None),
                updated_ms: Some(self.now_ms),
                ended_ms: Some(Some(self.now_ms)),
                ..ExecutionChange::default()
            },
        });
        self.displaced(execution);
    }
}

fn change(
    old: &RowState,
    new: &RowState,
    now_ms: i64,
    last_seq: u64,
    ended_ms: Option<i64>,
    summary: Option<Vec<u8>>,
) -> ExecutionChange {
    ExecutionChange {
        status: (old.status != new.status).then_some(new.status),
        waiting: (old.waiting != new.waiting).then(|| new.waiting.clone()),
        next_timer_ms: (old.next_timer_ms != new.next_timer_ms).then_some(new.next_timer_ms),
        updated_ms: Some(now_ms),
        ended_ms: ended_ms.map(Some),
        last_seq: Some(last_seq),
        attributes: None,
        summary: summary.map(Some),
    }
}
