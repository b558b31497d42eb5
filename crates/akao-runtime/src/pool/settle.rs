//! What follows from a pool's state: who gets which process, what is started, what is retired.

use super::{Afterwards, Decision, Inner, Lease, Look, State};
use crate::{
    failure,
    instance::{Doom, END_LIMIT, Instance},
    launch::Kill,
};
use akao_contract::StepError;
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// A process that is idle, in the order in which they are given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Idle {
    /// It is the one that its pool keeps warm.
    is_kept: bool,
    since: Instant,
}

impl State {
    /// Callers that wait for a process.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Processes that take calls.
    pub(super) fn active(&self) -> u32 {
        u32::try_from(self.slots.iter().filter(|slot| !slot.is_retiring).count()).unwrap_or(u32::MAX)
    }

    /// Retires a process: at once when it is idle, else after its calls.
    fn retire(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        if !slot.is_retiring {
            slot.is_retiring = true;
            self.counters.retired += 1;
        }
        if slot.in_flight == 0 {
            slot.instance.retire.send_replace(true);
        }
    }
}

impl Inner {
    /// The first process with room, so that those behind it grow idle and end.
    pub(super) fn take(self: &Arc<Self>, state: &mut State) -> Option<Lease> {
        let concurrency = self.instances.concurrency;
        for slot in &mut state.slots {
            if slot.is_retiring || slot.in_flight >= concurrency {
                continue;
            }
            if slot.instance.connection.end_reason().is_some() {
                // Its process is about to end.
                slot.is_retiring = true;
                continue;
            }
            slot.in_flight += 1;
            slot.calls += 1;
            if slot.calls >= u64::from(self.instances.recycle_after) {
                slot.is_retiring = true;
                state.counters.retired += 1;
            }
            state.counters.calls += 1;
            return Some(Lease::new(Arc::clone(self), Arc::clone(&slot.instance)));
        }
        None
    }

    /// Gives what is free to who waits, in order.
    pub(super) fn assign(self: &Arc<Self>, state: &mut State, then: &mut Afterwards) {
        while !state.waiting.is_empty() {
            let Some(lease) = self.take(state) else { return };
            match state.waiting.pop_front() {
                Some(waiter) => then.leases.push((waiter.sender, lease)),
                None => return,
            }
        }
    }

    /// Starts processes for those who wait, as far as it is allowed.
    pub(super) fn grow(&self, state: &mut State, then: &mut Afterwards, now: Instant) {
        loop {
            let lacks_warm = state.keeps_warm && state.active() == 0;
            let warm = usize::from(lacks_warm && state.warm_at.is_none_or(|at| at <= now));
            let wanted = state.waiting.len().max(warm);
            let coming =
                usize::try_from(state.starting.saturating_mul(self.instances.concurrency)).unwrap_or(usize::MAX);
            if state.is_closed || wanted <= coming || state.starting + state.active() >= self.instances.max {
                let later = state.warm_at.filter(|at| lacks_warm && *at > now && !state.is_closed);
                return later.into_iter().for_each(|at| self.arm(state, then, at));
            }
            match state.circuit.ask(now) {
                Decision::Start => {
                    state.starting += 1;
                    state.next_number += 1;
                    self.alive.send_modify(|alive| *alive += 1);
                    then.starts.push(state.next_number);
                }
                Decision::Probing => return,
                Decision::Wait(at) => return self.arm(state, then, at),
                Decision::Refuse(until) => {
                    if state.keeps_warm {
                        self.arm(state, then, until);
                    }
                    if state.starting == 0 && state.active() == 0 {
                        let error = failure::circuit_open(&self.spec, until.saturating_duration_since(now), state);
                        then.failures.extend(state.waiting.drain(..).map(|waiter| (waiter.sender, error.clone())));
                    }
                    return;
                }
            }
        }
    }

    fn arm(&self, state: &mut State, then: &mut Afterwards, at: Instant) {
        if state.timer_at.is_none_or(|timer| at < timer) {
            state.timer_at = Some(at);
            then.timer = Some(at);
        }
    }

    /// A call has ended.
    pub(super) fn release(self: &Arc<Self>, instance: &Instance, was_answered: bool) {
        let mut state = self.lock();
        if was_answered {
            state.circuit.succeeded();
        }
        if let Some(slot) = state.slots.iter_mut().find(|slot| slot.instance.number == instance.number) {
            slot.in_flight -= 1;
            slot.answered += u64::from(was_answered);
            if slot.in_flight == 0 {
                slot.idle_since = Instant::now();
                if slot.is_retiring {
                    slot.instance.retire.send_replace(true);
                }
            }
        }
        let are_wanted = self.services.rooms.are_wanted();
        if are_wanted {
            self.yield_room(&mut state, instance);
        }
        if state.waiting.is_empty() {
            drop(state);
        } else {
            self.settle(state);
        }
        if are_wanted {
            self.services.make_room();
        }
    }

    /// Gives a process up, although it may be busy, when others have waited too long for room.
    fn yield_room(&self, state: &mut State, instance: &Instance) {
        let retiring = state.slots.iter().filter(|slot| slot.is_retiring).count();
        if retiring >= self.services.rooms.overdue(self.number, &self.spec.tenant) {
            return;
        }
        if let Some(at) = state.slots.iter().position(|slot| slot.instance.number == instance.number) {
            state.retire(at);
        }
    }

    /// Looks at a process: whether its time has come, and whether it may be asked for its health.
    pub(crate) fn look(self: &Arc<Self>, instance: &Instance) -> Look {
        let mut state = self.lock();
        let Some(at) = state.slots.iter().position(|slot| slot.instance.number == instance.number) else {
            return Look::Nothing;
        };
        let is_last = state.active() == 1;
        let slot = &state.slots[at];
        if slot.is_retiring {
            return Look::Nothing;
        }
        let is_idle = slot.in_flight == 0;
        let is_kept = state.keeps_warm && is_last;
        let idle_too_long = is_idle && !is_kept && slot.idle_since.elapsed() >= self.services.settings.idle_max;
        let is_old = instance.started.elapsed() >= Duration::from_millis(self.instances.age_ms_max);
        if idle_too_long || is_old || self.has_grown(instance) {
            state.retire(at);
            self.settle(state);
            return Look::Nothing;
        }
        if is_idle { Look::AskHealth { calls: slot.calls } } else { Look::Nothing }
    }

    /// Whether a process uses much of its memory, and much more than at its start.
    fn has_grown(&self, instance: &Instance) -> bool {
        let condition = instance.condition.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(now), Some(first)) = (condition.memory_bytes, condition.memory_bytes_first) else { return false };
        let limit = self.spec.resources.memory_bytes;
        now.saturating_mul(100) >= limit.saturating_mul(self.services.settings.recycle_memory_percent)
            && now.saturating_mul(2) >= first.saturating_mul(3)
    }

    /// The process that is idle and may be given up before the others.
    pub(super) fn idlest(&self) -> Option<Idle> {
        let state = self.lock();
        let is_kept = state.keeps_warm && state.active() == 1;
        let idle = state.slots.iter().filter(|slot| slot.in_flight == 0 && !slot.is_retiring);
        idle.map(|slot| Idle { is_kept, since: slot.idle_since }).min()
    }

    /// Retires that process, if it still is idle.
    pub(super) fn retire_idle(self: &Arc<Self>, idle: Idle) {
        let mut state = self.lock();
        let is_idle = |slot: &super::Slot| slot.in_flight == 0 && !slot.is_retiring && slot.idle_since == idle.since;
        if let Some(at) = state.slots.iter().position(is_idle) {
            state.retire(at);
        }
    }

    /// Processes that end and do nothing any more.
    pub(super) fn ending(&self) -> usize {
        self.lock().slots.iter().filter(|slot| slot.is_retiring && slot.in_flight == 0).count()
    }

    /// Whether anything would be lost or forgotten with the pool.
    pub(crate) fn is_in_use(&self) -> bool {
        let state = self.lock();
        let is_empty = state.slots.is_empty() && state.starting == 0 && state.waiting.is_empty();
        !is_empty || state.keeps_warm || state.circuit.failures() != Some(0)
    }

    /// Has a process ready, and another when it ends.
    ///
    /// # Errors
    /// Nothing is started any more.
    pub(crate) fn keep_warm(self: &Arc<Self>) -> Result<(), StepError> {
        let mut state = self.lock();
        if let Some(error) = self.closed(&state) {
            return Err(error);
        }
        state.keeps_warm = true;
        self.settle(state);
        Ok(())
    }

    /// Has no process ready any more, and has each end when it is idle. Calls that run or wait are served.
    pub(crate) fn let_go(self: &Arc<Self>) {
        let mut state = self.lock();
        state.keeps_warm = false;
        for at in 0..state.slots.len() {
            state.retire(at);
        }
        self.settle(state);
    }

    /// Takes no more calls, and asks every process to end that is idle or will be.
    fn begin_closing(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_closed = true;
            for at in 0..state.slots.len() {
                state.retire(at);
            }
            std::mem::take(&mut state.waiting)
        };
        self.closing.cancel();
        for waiter in waiting {
            let _ = waiter.sender.send(Err(failure::closed(&self.spec)));
        }
    }

    /// Waits until no process is left.
    async fn emptied(&self) {
        let mut alive = self.alive.subscribe();
        // The sender lives in the pool.
        let _ = alive.wait_for(|alive| *alive == 0).await;
    }

    /// Closes the pool and waits until no process is left: calls that run have the grace of a shutdown, then they are cancelled, then killed.
    pub(crate) async fn shut(&self) {
        let settings = &self.services.settings;
        self.begin_closing();
        if tokio::time::timeout(settings.shutdown_grace, self.emptied()).await.is_ok() {
            return;
        }
        self.halt.cancel();
        if tokio::time::timeout(settings.cancel_grace + settings.terminate_grace, self.emptied()).await.is_ok() {
            return;
        }
        let instances: Vec<_> = self.lock().slots.iter().map(|slot| Arc::clone(&slot.instance)).collect();
        instances.iter().for_each(|instance| instance.kill(Kill::Now, Doom::Retired));
        if tokio::time::timeout(END_LIMIT, self.emptied()).await.is_err() {
            tracing::warn!(package = %self.spec.package, left = *self.alive.borrow(), "processes did not end when killed");
        }
    }

    /// Why nobody is served any more, if so.
    pub(super) fn closed(&self, state: &State) -> Option<StepError> {
        state.is_closed.then(|| failure::closed(&self.spec))
    }
}
