//! Running one attempt of a step: prepare, run under a deadline, halt within a grace, make the outcome fit for the journal.

use crate::{core::Input, job::Job};
use akao_contract::{ErrorKind, Outcome, StepError, format_duration_ms};
use akao_step::{BlobStore, CancellationToken, StepEvent, StepEvents, StepIo, StepRunner};
use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How long a halted step may take to end by itself.
pub const HALT_GRACE: Duration = Duration::from_secs(5);

/// Events of one step that wait to be told; more are dropped.
const EVENTS_WAITING_MAX: usize = 256;

/// Where a step's events go.
pub(crate) type Tell = Arc<dyn Fn(&Job, StepEvent) + Send + Sync>;

/// Runs an attempt to its end; the input tells the engine how it went.
pub(crate) async fn deliver(
    job: Job,
    runner: Arc<dyn StepRunner>,
    blobs: Arc<dyn BlobStore>,
    cancel: CancellationToken,
    tell: Tell,
    started_ms: i64,
) -> Input {
    let mask = job.mask();
    let outcome = match job.invocation(blobs.as_ref()) {
        Err(error) => Outcome::failure(error),
        Ok(invocation) => {
            let (sender, mut receiver) = mpsc::channel(EVENTS_WAITING_MAX);
            let secrets = Arc::clone(&job.lent);
            let io = StepIo { cancel: cancel.clone(), events: StepEvents::new(sender), secrets };
            let work = bounded(runner.run(invocation, io), job.timeout_ms, cancel);
            tokio::pin!(work);
            let mut open = true;
            loop {
                tokio::select! {
                    outcome = &mut work => break outcome,
                    event = receiver.recv(), if open => match event {
                        Some(event) => tell(&job, masked(&mask, event)),
                        None => open = false,
                    },
                }
            }
        }
    };
    let outcome = job.finish(blobs.as_ref(), &mask, outcome);
    crate::core::step_done(&job, outcome, started_ms)
}

fn masked(mask: &akao_step::SecretMask, event: StepEvent) -> StepEvent {
    match event {
        StepEvent::Log(mut line) => {
            line.message = mask.text(&line.message).into_owned();
            StepEvent::Log(line)
        }
        StepEvent::Progress { fraction, message } => {
            StepEvent::Progress { fraction, message: mask.text(&message).into_owned() }
        }
    }
}

/// Bounds a step by its timeout, and by a grace once it was asked to end. A panic inside is a failure of the step.
async fn bounded(
    work: impl Future<Output = Outcome> + Send + 'static,
    timeout_ms: Option<u64>,
    cancel: CancellationToken,
) -> Outcome {
    let mut task = tokio::spawn(AssertUnwindSafe(work));
    let deadline = async {
        match timeout_ms {
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = &mut task => return outcome_of(ended),
        () = cancel.cancelled() => {}
        () = deadline => {
            cancel.cancel();
            let limit = format_duration_ms(timeout_ms.unwrap_or_default());
            let error = StepError::new(ErrorKind::Timeout, format!("the step took longer than {limit}"));
            end_within_grace(task).await;
            return Outcome::failure(error);
        }
    }
    end_within_grace(task).await.unwrap_or_else(Outcome::cancelled)
}

async fn end_within_grace(mut task: tokio::task::JoinHandle<Outcome>) -> Option<Outcome> {
    if let Ok(ended) = tokio::time::timeout(HALT_GRACE, &mut task).await {
        return Some(outcome_of(ended));
    }
    task.abort();
    None
}

fn outcome_of(ended: Result<Outcome, tokio::task::JoinError>) -> Outcome {
    ended.unwrap_or_else(|problem| {
        if problem.is_cancelled() {
            return Outcome::cancelled();
        }
        let error = StepError::new(ErrorKind::Internal, "the node broke off; this is a defect of the node type");
        Outcome::failure(error)
    })
}
