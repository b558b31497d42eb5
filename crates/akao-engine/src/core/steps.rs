//! Steps outside the interpreter: which run now, which wait for a slot, what their end leads to.

use super::{Core, Due, Effect, FeedItem, Input, attempts::Attempt, live::Live};
use crate::{
    job::{Job, Kept, idempotency_key, retry_wait_ms},
    large,
    store::Store,
};
use akao_contract::{
    Effects, ErrorKind, ExecutionId, ExecutionStatus, OpId, Outcome, OutcomeStatus, StepContext, StepError, Tenant,
};
use akao_expression::SecretPart;
use akao_flow::{EarlierAttempt, Event, NodeIndex, RunStep};
use akao_journal::{OperationState, Write};
use akao_step::{Allowances, RunnerTraits, SecretMask, StepEvent};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Slots for steps that run outside the engine's thread, shared by tenants in turn.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    allowances: Allowances,
    /// Which attempt of each runs, and whose.
    running: BTreeMap<(ExecutionId, OpId), (u32, Tenant)>,
    /// How many of those each tenant has.
    by_tenant: BTreeMap<Tenant, u64>,
    waiting: BTreeMap<Tenant, VecDeque<(ExecutionId, RunStep)>>,
    last: Option<Tenant>,
}

impl Slots {
    pub(super) fn new(limit: usize, allowances: Allowances) -> Self {
        Self {
            limit,
            allowances,
            running: BTreeMap::new(),
            by_tenant: BTreeMap::new(),
            waiting: BTreeMap::new(),
            last: None,
        }
    }

    /// How many steps of a tenant run.
    pub(super) fn running_of(&self, tenant: &Tenant) -> u64 {
        self.by_tenant.get(tenant).copied().unwrap_or(0)
    }

    fn begin(&mut self, step: (ExecutionId, OpId), attempt: u32, tenant: Tenant) {
        *self.by_tenant.entry(tenant.clone()).or_default() += 1;
        if let Some((_, earlier)) = self.running.insert(step, (attempt, tenant)) {
            self.one_less(&earlier);
        }
    }

    fn one_less(&mut self, tenant: &Tenant) {
        if let Some(count) = self.by_tenant.get_mut(tenant) {
            *count -= 1;
            if *count == 0 {
                self.by_tenant.remove(tenant);
            }
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// An attempt has ended; says whether it had a slot. A repeated end of an earlier one frees nothing.
    fn ended(&mut self, execution: ExecutionId, op: OpId, attempt: u32) -> bool {
        let had_slot = self.running.get(&(execution, op)).is_some_and(|(running, _)| *running == attempt);
        if had_slot && let Some((_, tenant)) = self.running.remove(&(execution, op)) {
            self.one_less(&tenant);
        }
        had_slot
    }

    fn next(&mut self) -> Option<(ExecutionId, RunStep)> {
        if self.running.len() >= self.limit {
            return None;
        }
        let after = self.last.as_ref();
        let may = |tenant: &&Tenant| self.allowances.of(tenant).steps.is_none_or(|max| self.running_of(tenant) < max);
        let mut free = self.waiting.keys().filter(may);
        let first = free.next()?;
        let tenant = match after {
            Some(after) if first <= after => free.find(|tenant| *tenant > after).unwrap_or(first),
            _ => first,
        };
        let tenant = tenant.clone();
        let queue = self.waiting.get_mut(&tenant)?;
        let job = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        }
        self.last = Some(tenant);
        job
    }

    fn withdraw(&mut self, execution: ExecutionId, op: OpId) -> bool {
        for queue in self.waiting.values_mut() {
            if let Some(at) = queue.iter().position(|(id, step)| *id == execution && step.op == op) {
                queue.remove(at);
                self.waiting.retain(|_, queue| !queue.is_empty());
                return true;
            }
        }
        false
    }
}

impl Core {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        self.runner.traits(node_type)
    }

    /// Sends a step on its way: inline, into the queue for a slot, or to wait for a secret.
    pub(super) fn dispatch(&mut self, execution: ExecutionId, step: RunStep) {
        let Some(live) = self.live.get_mut(&execution) else { return };
        let node_type = live.machine.program().node_type(step.node);
        let Some(traits) = self.runner.traits(node_type) else {
            let message = format!("node type `{node_type}` is not available here");
            let error = StepError::new(ErrorKind::NotFound, message);
            return self.finish_step(execution, step.op, Outcome::failure(error), Attempt::first());
        };
        let kept = self.config.keeps_secrets && live.tenant != Tenant::local();
        if let Some(missing) = missing_secret(&step, live).filter(|_| !kept) {
            live.blocked.insert(step.op, missing);
            return;
        }
        let plain = step.input.secrets.is_empty()
            && step.input.deferred.is_empty()
            && (step.input.constant || !step.input.props.values().any(large::holds_blob))
            && !step.input.blackboard.values().any(|value| large::holds_blob(value));
        if traits.inline && traits.effects == Effects::None && plain {
            self.inline.push_back((execution, step));
        } else {
            let tenant = live.tenant.clone();
            self.steps.waiting.entry(tenant).or_default().push_back((execution, step));
        }
    }

    fn job(&self, execution: ExecutionId, step: &RunStep, attempt: u32) -> Option<Job> {
        let live = self.live.get(&execution)?;
        let program = live.machine.program();
        let (_, timeout_ms) = program.delivery(step.node);
        let takes_input = self.runner.traits(program.node_type(step.node)).is_some_and(|traits| traits.takes_input);
        let names = || {
            step.input.secrets.iter().flat_map(|fill| &fill.parts).filter_map(|part| match part {
                SecretPart::Secret(name) => Some(name.as_str()),
                SecretPart::Text(_) => None,
            })
        };
        let kept = self.keeps_secrets_of(&live.tenant).then(|| Kept {
            filled: names().map(str::to_owned).collect(),
            lent: lendable(live, step.node).map(str::to_owned).collect(),
        });
        let given = |name: &str| Some((name.to_owned(), live.secrets.get(name)?.clone()));
        let secrets = names().filter_map(given).collect();
        let lent = Arc::new(lendable(live, step.node).filter_map(given).collect());
        Some(Job {
            lent,
            kept: kept.unwrap_or_default(),
            context: StepContext {
                tenant: live.tenant.clone(),
                execution,
                workflow: Arc::clone(program.workflow()),
                node_id: program.node_id(step.node).clone(),
                step: live.machine.address_of(step.op)?,
                op: step.op,
                attempt,
                idempotency_key: idempotency_key(execution, step.op),
                deadline_ms: timeout_ms.map(|ms| u64::try_from(self.now_ms).unwrap_or_default().saturating_add(ms)),
                grants: Arc::clone(&live.grants),
                volumes: Arc::clone(&live.volumes),
                trace: live.trace.clone(),
            },
            node_type: Arc::clone(program.node_type(step.node)),
            input: Arc::clone(&step.input),
            execution_input: takes_input.then(|| Arc::clone(live.machine.input())),
            timeout_ms,
            secrets,
        })
    }

    /// Runs a step that is a function of its inputs, here and now.
    pub(super) fn run_one_inline(&mut self, store: &dyn Store, execution: ExecutionId, step: &RunStep) {
        let attempt = self.attempt_number(execution, step.op);
        let Some(job) = self.job(execution, step, attempt) else { return };
        let started_ms = self.now_ms;
        let outcome = match job.invocation(self.blobs.as_ref()) {
            Ok(invocation) => self.runner.run_inline(&invocation),
            Err(error) => Outcome::failure(error),
        };
        let outcome = job.finish(self.blobs.as_ref(), &SecretMask::default(), outcome);
        self.step_done(store, execution, step.op, attempt, outcome, started_ms);
    }

    /// Lets waiting steps run as far as there are slots. A step that changes something outside and may not run twice is
    /// leased in the same batch, so that a crash cannot make it run again unseen.
    pub(super) fn fill_slots(&mut self) {
        while !self.draining {
            let Some((execution, step)) = self.steps.next() else { return };
            let attempt = self.attempt_number(execution, step.op);
            let Some(job) = self.job(execution, &step, attempt) else { continue };
            let once = self.traits(&job.node_type).is_none_or(|traits| {
                !traits.idempotent || (traits.once_when_granted && !job.context.grants.is_empty())
            });
            if once && let Some(live) = self.live.get_mut(&execution) {
                live.op_rows.insert(step.op);
                self.touched.insert(execution);
                self.writes.push(Write::PutOperation {
                    execution,
                    op: step.op,
                    state: OperationState::Leased,
                    attempt,
                    not_before_ms: None,
                    body: live.attempts.get(&step.op).map_or_else(Vec::new, Attempt::body),
                });
            }
            self.steps.begin((execution, step.op), attempt, job.context.tenant.clone());
            self.effect(Effect::Run(Box::new(job)));
        }
    }

    fn attempt_number(&self, execution: ExecutionId, op: OpId) -> u32 {
        let attempt = self.live.get(&execution).and_then(|live| live.attempts.get(&op));
        attempt.map_or(1, |attempt| attempt.number)
    }

    /// An attempt has ended: another one, or the end of the step.
    pub(super) fn step_done(
        &mut self,
        store: &dyn Store,
        execution: ExecutionId,
        op: OpId,
        attempt: u32,
        outcome: Outcome,
        started_ms: i64,
    ) {
        let had_slot = self.steps.ended(execution, op, attempt);
        let was_live = self.live.contains_key(&execution);
        if self.ensure_live(store, execution).is_err() {
            return;
        }
        if !was_live && self.is_about_to_end(execution, op) {
            // Taking the execution up decided already how the step ended.
            return;
        }
        let Some(live) = self.live.get_mut(&execution) else { return };
        let current = live.attempts.get(&op).cloned().unwrap_or_else(Attempt::first);
        if !live.machine.is_open(op) || current.due_ms.is_some() || current.number != attempt {
            // A late or repeated completion of an attempt that is already counted.
            return;
        }
        match self.retry_wait(execution, op, attempt, &outcome) {
            Some(wait_ms) => {
                if !had_slot {
                    // It ended somewhere else, before a crash, and waits here to begin; the next attempt has its own time.
                    self.steps.withdraw(execution, op);
                }
                let error = outcome.error.unwrap_or_else(|| StepError::new(ErrorKind::Internal, "it did not say why"));
                let failed = EarlierAttempt::new(attempt, started_ms, self.now_ms, &error);
                self.wait_for_attempt(execution, op, current.next(failed, outcome.logs), wait_ms);
            }
            None => {
                let started_ms = current.started_ms.or(Some(started_ms));
                self.finish_step(execution, op, outcome, Attempt { started_ms, ..current });
            }
        }
    }

    /// Whether the end of a step is decided and only has to be applied.
    fn is_about_to_end(&self, execution: ExecutionId, op: OpId) -> bool {
        self.inner.iter().any(|inner| match inner {
            super::Inner::Event(id, Event::StepFinished { op: ended, .. }) => *id == execution && *ended == op,
            _ => false,
        })
    }

    fn retry_wait(&self, execution: ExecutionId, op: OpId, attempt: u32, outcome: &Outcome) -> Option<u64> {
        let live = self.live.get(&execution)?;
        if outcome.status != OutcomeStatus::Failure || live.machine.is_halting(op) {
            return None;
        }
        let node = live.machine.node_of(op)?;
        let (policy, _) = live.machine.program().delivery(node);
        policy?;
        let input = Arc::clone(live.machine.step_input(op)?);
        let job = self.job(execution, &RunStep { op, node, input }, attempt)?;
        retry_wait_ms(policy, &job.context, outcome)
    }

    fn wait_for_attempt(&mut self, execution: ExecutionId, op: OpId, next: Attempt, wait_ms: u64) {
        let due_ms = self.now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        if let Some(failed) = next.earlier.last().filter(|_| self.followed.contains(&execution)) {
            self.effect(Effect::Feed(execution, FeedItem::Step(op, told(failed, wait_ms))));
        }
        let next = next.until(due_ms, self.now_ms);
        let Some(live) = self.live.get_mut(&execution) else { return };
        live.op_rows.insert(op);
        self.touched.insert(execution);
        self.due.insert((due_ms, execution, Due::Attempt(op)));
        self.writes.push(Write::PutOperation {
            execution,
            op,
            state: OperationState::RetryAt,
            attempt: next.number,
            not_before_ms: Some(due_ms),
            body: next.body(),
        });
        live.attempts.insert(op, next);
    }

    /// The wait before an attempt is over.
    pub(super) fn attempt_again(&mut self, store: &dyn Store, execution: ExecutionId, op: OpId) {
        if self.ensure_live(store, execution).is_err() {
            return;
        }
        let Some(live) = self.live.get_mut(&execution) else { return };
        if live.machine.status() == ExecutionStatus::Paused {
            // Nothing is started until it goes on, which asks for what has become due.
            return;
        }
        let Some(attempt) = live.attempts.get_mut(&op) else { return };
        (attempt.due_ms, attempt.rests) = (None, false);
        self.touched.insert(execution);
        let step = live.machine.node_of(op).zip(live.machine.step_input(op).cloned());
        if let Some((node, input)) = step {
            self.dispatch(execution, RunStep { op, node, input });
        }
    }

    /// Asks again for the attempts of an execution that goes on after a pause.
    pub(super) fn await_attempts(&mut self, execution: ExecutionId) {
        let Some(live) = self.live.get(&execution) else { return };
        let due =
            live.attempts.iter().filter_map(|(op, attempt)| Some((attempt.due_ms?, execution, Due::Attempt(*op))));
        self.due.extend(due);
    }

    /// Ends a step: its row goes, its event is journaled. What earlier attempts wrote comes before what the last one did.
    pub(super) fn finish_step(&mut self, execution: ExecutionId, op: OpId, mut outcome: Outcome, last: Attempt) {
        let Some(live) = self.live.get_mut(&execution) else { return };
        live.attempts.remove(&op);
        live.blocked.remove(&op);
        if live.op_rows.remove(&op) {
            self.writes.push(Write::DeleteOperation { execution, op });
        }
        let Attempt { number: attempts, started_ms, earlier, logs, .. } = last;
        outcome.logs.splice(..0, logs);
        let event = Event::StepFinished { op, outcome, attempts, started_ms, earlier };
        self.inner.push_back(super::Inner::Event(execution, event));
    }

    /// The interpreter wants a step halted. One that runs is asked to end and answers itself; the others end here.
    pub(super) fn halt_step(&mut self, execution: ExecutionId, op: OpId) {
        if self.steps.running.contains_key(&(execution, op)) {
            return self.effect(Effect::Halt(execution, op));
        }
        self.steps.withdraw(execution, op);
        self.inline.retain(|(id, step)| *id != execution || step.op != op);
        let attempt = self.live.get(&execution).and_then(|live| live.attempts.get(&op)).cloned();
        let attempt = attempt.unwrap_or_else(Attempt::first);
        if let Some(due_ms) = attempt.due_ms {
            self.due.remove(&(due_ms, execution, Due::Attempt(op)));
        }
        self.finish_step(execution, op, Outcome::cancelled(), attempt);
    }

    /// Tries again to start steps that waited for a secret.
    pub(super) fn unblock(&mut self, execution: ExecutionId) {
        let Some(live) = self.live.get_mut(&execution) else { return };
        let blocked = std::mem::take(&mut live.blocked);
        self.touched.insert(execution);
        for op in blocked.into_keys() {
            let Some(live) = self.live.get(&execution) else { return };
            if let (Some(node), Some(input)) = (live.machine.node_of(op), live.machine.step_input(op).cloned()) {
                self.dispatch(execution, RunStep { op, node, input });
            }
        }
    }
}

fn missing_secret(step: &RunStep, live: &Live) -> Option<String> {
    let parts = step.input.secrets.iter().flat_map(|fill| &fill.parts);
    let filled_in = parts.filter_map(|part| match part {
        SecretPart::Secret(name) => Some(name.as_str()),
        SecretPart::Text(_) => None,
    });
    let mut needed = filled_in.chain(lendable(live, step.node));
    needed.find(|name| !live.secrets.contains_key(*name)).map(str::to_owned)
}

/// The secrets that a node asks for and is granted.
fn lendable(live: &Live, node: NodeIndex) -> impl Iterator<Item = &str> {
    let asked = live.machine.program().secrets_asked(node).iter().map(AsRef::as_ref);
    asked.filter(|name| super::is_lent(&live.grants, name))
}

/// What is told of a failed attempt while the next one is waited for.
fn told(failed: &EarlierAttempt, wait_ms: u64) -> StepEvent {
    let wait = std::time::Duration::from_millis(wait_ms);
    let message = format!("attempt {} failed: {}; the next in {wait:.1?}", failed.number, failed.error);
    StepEvent::Progress { fraction: None, message }
}

/// A completion as an input, for shells.
pub fn step_done(job: &Job, outcome: Outcome, started_ms: i64) -> Input {
    Input::StepDone {
        execution: job.context.execution,
        op: job.context.op,
        attempt: job.context.attempt,
        outcome,
        started_ms,
    }
}
