//! Running one attempt of a step: prepare, run under a deadline, halt within a grace, make the outcome fit for the journal.

use crate::{core::Input, job::Job};
use akao_contract::{ErrorKind, LogLevel, LogLine, Outcome, StepError, format_duration_ms};
use akao_step::{BlobStore, BoxFuture, CancellationToken, SecretSource, StepEvent, StepEvents, StepIo, StepRunner};
use futures_util::{FutureExt as _, future::CatchUnwind};
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
};

/// How long a halted step may take to end by itself.
pub const HALT_GRACE: Duration = Duration::from_secs(5);

/// Events of one step that wait to be told; more are dropped. A process may write 2,000 lines of one run in one go, and then
/// there is its note that more came, and progress between them.
const EVENTS_WAITING_MAX: usize = 2_048;

/// Lines of one step that are kept with its outcome; whoever follows sees more.
const LINES_KEPT_MAX: usize = 2_000;

/// Where a step's events go.
pub(crate) type Tell = Arc<dyn Fn(&Job, StepEvent) + Send + Sync>;

/// What attempts are run with.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) runner: Arc<dyn StepRunner>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) secrets: Option<Arc<dyn SecretSource>>,
}

/// Runs an attempt to its end; the input tells the engine how it went.
pub(crate) async fn deliver(job: Job, means: Means, cancel: CancellationToken, tell: Tell, started_ms: i64) -> Input {
    let Means { runner, blobs, secrets } = means;
    let (job, fetched) = fetched(job, secrets).await;
    if let Err(error) = fetched {
        return crate::core::step_done(&job, Outcome::failure(error), started_ms);
    }
    let mask = job.mask();
    let outcome = match job.invocation(blobs.as_ref()) {
        Err(error) => Outcome::failure(error),
        Ok(invocation) => {
            let (sender, mut receiver) = mpsc::channel(EVENTS_WAITING_MAX);
            let events = StepEvents::new(sender);
            let secrets = Arc::clone(&job.lent);
            let io = StepIo { cancel: cancel.clone(), events: events.clone(), secrets };
            let only_waits = runner.traits(&job.node_type).is_some_and(|traits| traits.only_waits);
            let work = bounded(Work::new(runner.run(invocation, io), only_waits), job.timeout_ms, cancel);
            tokio::pin!(work);
            let mut log = Log { job: &job, mask: &mask, tell: &tell, lines: Vec::new() };
            let mut outcome = loop {
                tokio::select! {
                    outcome = &mut work => break outcome,
                    Some(event) = receiver.recv() => log.take(event),
                }
            };
            // What it told last still waits when its end is there.
            while let Ok(event) = receiver.try_recv() {
                log.take(event);
            }
            if let Some(note) = dropped(events.lines_dropped()) {
                log.take(note);
            }
            outcome.logs.splice(0..0, log.lines);
            outcome
        }
    };
    let outcome = job.finish(blobs.as_ref(), &mask, outcome);
    crate::core::step_done(&job, outcome, started_ms)
}

/// The job with the secrets that are kept for it, or why they cannot be had.
async fn fetched(mut job: Job, source: Option<Arc<dyn SecretSource>>) -> (Job, Result<(), StepError>) {
    let Some(source) = source.filter(|_| job.needs_secrets()) else { return (job, Ok(())) };
    let context = job.clone();
    let fetching = tokio::task::spawn_blocking(move || {
        let fetched = job.fetch(source.as_ref());
        (job, fetched)
    });
    fetching.await.unwrap_or_else(|_| {
        (context, Err(StepError::new(ErrorKind::Internal, "fetching the step's secrets broke off")))
    })
}

/// What a step tells while it runs: passed on at once, and its lines kept, because they are part of how it ended.
struct Log<'a> {
    job: &'a Job,
    mask: &'a akao_step::SecretMask,
    tell: &'a Tell,
    lines: Vec<LogLine>,
}

impl Log<'_> {
    fn take(&mut self, event: StepEvent) {
        let event = masked(self.mask, event);
        if let StepEvent::Log(line) = &event
            && self.lines.len() < LINES_KEPT_MAX
        {
            self.lines.push(line.clone());
        }
        (self.tell)(self.job, event);
    }
}

/// Says how many lines were not told, if any.
fn dropped(lines: u64) -> Option<StepEvent> {
    let message = match lines {
        0 => return None,
        1 => "[1 line is missing: the step wrote faster than its lines were taken]".to_owned(),
        _ => format!("[{lines} lines are missing: the step wrote faster than its lines were taken]"),
    };
    Some(StepEvent::Log(LogLine { level: LogLevel::Warn, message }))
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

/// What a step does. A panic inside is a failure of the step; dropped, it ends.
enum Work {
    /// It only waits: in the task that bounds it, because a task of its own would be woken, and wake that one, for each step.
    Here(CatchUnwind<AssertUnwindSafe<BoxFuture<'static, Outcome>>>),
    /// In a task of its own, so that its bound counts also where it keeps its thread busy.
    Beside(JoinHandle<Outcome>),
}

impl Work {
    fn new(work: BoxFuture<'static, Outcome>, only_waits: bool) -> Self {
        match only_waits {
            true => Self::Here(AssertUnwindSafe(work).catch_unwind()),
            false => Self::Beside(tokio::spawn(work)),
        }
    }
}

impl Future for Work {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        match &mut *self {
            Self::Here(work) => Pin::new(work).poll(context).map(|ended| ended.unwrap_or_else(|_| broke_off())),
            Self::Beside(task) => Pin::new(task).poll(context).map(|ended| {
                let lost = |problem: JoinError| if problem.is_panic() { broke_off() } else { Outcome::cancelled() };
                ended.unwrap_or_else(lost)
            }),
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Self::Beside(task) = self {
            task.abort();
        }
    }
}

fn broke_off() -> Outcome {
    let error = StepError::new(ErrorKind::Internal, "the node broke off; this is a defect of the node type");
    Outcome::failure(error)
}

/// Bounds a step by its timeout, and by a grace once it was asked to end.
async fn bounded(mut work: Work, timeout_ms: Option<u64>, cancel: CancellationToken) -> Outcome {
    let deadline = async {
        match timeout_ms {
            Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        ended = &mut work => return ended,
        () = cancel.cancelled() => {}
        () = deadline => {
            cancel.cancel();
            let limit = format_duration_ms(timeout_ms.unwrap_or_default());
            let error = StepError::new(ErrorKind::Timeout, format!("the step took longer than {limit}"));
            let _ = tokio::time::timeout(HALT_GRACE, work).await;
            return Outcome::failure(error);
        }
    }
    tokio::time::timeout(HALT_GRACE, work).await.unwrap_or_else(|_| Outcome::cancelled())
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_contract::{Address, BlobRef, Digest, ExecutionId, Invocation, NodeId, OpId, StepContext, Tenant};
    use akao_step::{BlobError, RunnerTraits};
    use std::sync::{Mutex, PoisonError};

    /// Writes so many lines in one go, and ends.
    struct Talker(u32);

    impl StepRunner for Talker {
        fn traits(&self, _: &str) -> Option<RunnerTraits> {
            None
        }

        fn run_inline(&self, _: &Invocation) -> Outcome {
            Outcome::success()
        }

        fn run(&self, _: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
            let lines = self.0;
            Box::pin(async move {
                for line in 0..lines {
                    io.events.tell(StepEvent::Log(LogLine { level: LogLevel::Info, message: line.to_string() }));
                }
                Outcome::success()
            })
        }
    }

    struct NoBlobs;

    impl BlobStore for NoBlobs {
        fn put(&self, _: &Tenant, bytes: &[u8], _: &str) -> Result<BlobRef, BlobError> {
            Err(BlobError::NotFound(Digest::of(bytes)))
        }

        fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
            Err(BlobError::NotFound(*digest))
        }
    }

    fn job() -> Job {
        let context = StepContext {
            tenant: Tenant::local(),
            execution: ExecutionId::from_parts(1, 1),
            workflow: "orders".into(),
            node_id: NodeId::new("work"),
            step: Address::root(),
            op: OpId(1),
            attempt: 1,
            idempotency_key: String::new(),
            deadline_ms: None,
            grants: Arc::default(),
            volumes: Arc::default(),
            trace: None,
        };
        Job {
            context,
            node_type: "Talk".into(),
            input: Arc::default(),
            execution_input: None,
            timeout_ms: None,
            secrets: Default::default(),
            lent: Arc::default(),
            kept: Default::default(),
        }
    }

    /// The lines that are told of a step that writes so many. One thread, so that the step ends before any is taken.
    fn told(lines: u32) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        let tell: Tell = Arc::new(move |_: &Job, event| {
            if let StepEvent::Log(line) = event {
                hearing.lock().unwrap_or_else(PoisonError::into_inner).push(line.message);
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let means = Means { runner: Arc::new(Talker(lines)), blobs: Arc::new(NoBlobs), secrets: None };
        let done = runtime.block_on(deliver(job(), means, CancellationToken::new(), tell, 0));
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Input::StepDone { outcome, .. } = done else { panic!("the end of a step is told as such") };
        let kept: Vec<&str> = outcome.logs.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(kept[..], heard[..heard.len().min(LINES_KEPT_MAX)], "what was told is part of how it ended");
        std::mem::take(&mut *heard)
    }

    #[test]
    fn the_last_lines_are_told_and_those_that_found_no_room_are_counted() {
        let (first, all) = (told(1), told(2_000));
        assert_eq!((first.as_slice(), all.len(), all[1_999].as_str()), (&["0".to_owned()][..], 2_000, "1999"));
        let most = EVENTS_WAITING_MAX as u32;
        assert_eq!(told(most).len(), EVENTS_WAITING_MAX);
        for (missing, note) in [(1, "[1 line is missing"), (952, "[952 lines are missing")] {
            let lines = told(most + missing);
            assert_eq!(lines.len(), EVENTS_WAITING_MAX + 1);
            assert!(lines[EVENTS_WAITING_MAX].starts_with(note), "{:?}", lines.last());
        }
    }
}
