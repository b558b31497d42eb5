//! The world outside the engine: steps that run, what they change there, and how often.

use crate::{random::Random, workload};
use akao_contract::{ErrorKind, ExecutionId, OpId, Outcome, StepError};
use akao_engine::{Input, Job, step_done};
use akao_step::BlobStore;
use std::collections::BTreeMap;

/// A step that runs.
pub(crate) struct Running {
    job: Job,
    started_ms: i64,
    halted: bool,
}

#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) running: Vec<Running>,
    /// How often the effect of an attempt was asked for, by idempotency key and attempt.
    effects: BTreeMap<(String, u32), u32>,
    /// The key of each operation, which must not change.
    keys: BTreeMap<(ExecutionId, OpId), String>,
    owners: BTreeMap<String, (ExecutionId, OpId)>,
    /// Ends that were told, to be told again.
    told: Vec<(Job, Outcome, i64)>,
}

impl Outside {
    /// A step begins, and its effect happens.
    pub(crate) fn begin(&mut self, job: Job, now_ms: i64) -> Result<(), String> {
        let (execution, op, attempt) = (job.context.execution, job.context.op, job.context.attempt);
        let key = job.context.idempotency_key.clone();
        let known = self.keys.entry((execution, op)).or_insert_with(|| key.clone());
        if *known != key {
            return Err(format!("operation {op} of {execution} changed its idempotency key"));
        }
        if *self.owners.entry(key.clone()).or_insert((execution, op)) != (execution, op) {
            return Err(format!("operation {op} of {execution} has the idempotency key of another one"));
        }
        let times = self.effects.entry((key, attempt)).or_default();
        *times += 1;
        if *times > 1 && !workload::is_idempotent(&job.node_type) {
            return Err(format!("attempt {attempt} of operation {op} of {execution} took effect {times} times"));
        }
        if self.running.iter().any(|running| running.job.context.execution == execution && running.job.context.op == op)
        {
            return Err(format!("operation {op} of {execution} runs twice at once"));
        }
        self.running.push(Running { job, started_ms: now_ms, halted: false });
        Ok(())
    }

    pub(crate) fn halt(&mut self, execution: ExecutionId, op: OpId) {
        for running in &mut self.running {
            running.halted |= running.job.context.execution == execution && running.job.context.op == op;
        }
    }

    /// Some running step ends: as it wants, or by a fault of the outside.
    pub(crate) fn end_one(&mut self, random: &mut Random, blobs: &dyn BlobStore, faults: bool) -> Option<Input> {
        if self.running.is_empty() {
            return None;
        }
        let at = random.below(self.running.len());
        let Running { job, started_ms, halted } = self.running.swap_remove(at);
        let outcome = if halted && random.percent(80) {
            Outcome::cancelled()
        } else if faults && random.percent(20) {
            let kind = [ErrorKind::Connection, ErrorKind::Timeout, ErrorKind::Permission][random.below(3)];
            Outcome::failure(StepError::new(kind, "the other side was not well"))
        } else {
            match job.invocation(blobs) {
                Ok(invocation) => job.finish(blobs, &job.mask(), workload::answer(&invocation)),
                Err(error) => Outcome::failure(error),
            }
        };
        self.told.push((job.clone(), outcome.clone(), started_ms));
        Some(step_done(&job, outcome, started_ms))
    }

    /// An end that was told before is told again. When it is that of an attempt that runs anew since a crash, the engine
    /// takes it for the end of that one, whose own end will be the repetition.
    pub(crate) fn tell_again(&mut self, random: &mut Random) -> Option<Input> {
        let (job, outcome, started_ms) = random.pick(&self.told)?.clone();
        let same = |running: &Running| {
            let (one, other) = (&running.job.context, &job.context);
            (one.execution, one.op, one.attempt) == (other.execution, other.op, other.attempt)
        };
        if let Some(at) = self.running.iter().position(same) {
            self.running.swap_remove(at);
        }
        Some(step_done(&job, outcome, started_ms))
    }

    /// The process dies: its steps die with it, but some have ended and their ends arrive late.
    pub(crate) fn crash(&mut self) {
        for Running { job, started_ms, .. } in std::mem::take(&mut self.running) {
            self.told.push((job, Outcome::success().output("result", 1), started_ms));
        }
    }
}
