//! The engine as a thread: it owns the journal, commits what the core has made, and only then lets effects go.
//!
//! One thread applies events and commits them in groups; steps run on the runtime's threads. Whoever holds an [`Engine`]
//! talks to the thread by messages.

use crate::{
    changes::Changes,
    core::{CallId, Config, Core, Effect, FeedItem, Input},
    delivery::{self, Means, Tell},
    job::Job,
    request::{CallError, Reply, Request},
    watch::Unread,
};
use akao_contract::{ErrorKind, ExecutionId, ExecutionStatus, OpId, StepError, Tenant};
use akao_flow::{Catalogue, Finish};
use akao_journal::{CommitError, Journal};
use akao_step::{BlobStore, CancellationToken, SecretSource, StepRunner};
use crossbeam_channel::{Receiver, Sender};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};

/// Inputs taken into one batch.
const INPUTS_PER_BATCH: usize = 1_024;

/// After this long without work the journal is tidied.
const IDLE_AFTER: Duration = Duration::from_millis(500);

/// What an engine is made of.
pub struct Parts {
    /// The journal; the engine is its only writer.
    pub journal: Journal,
    /// Runs steps.
    pub runner: Arc<dyn StepRunner>,
    /// Large values.
    pub blobs: Arc<dyn BlobStore>,
    /// The secrets that are kept for tenants, where there are any.
    pub secrets: Option<Arc<dyn SecretSource>>,
    /// The node types that workflows may use.
    pub catalogue: Arc<Catalogue>,
    /// Where steps run.
    pub runtime: Handle,
    /// Bounds.
    pub config: Config,
    /// Random bits for ids.
    pub entropy: u128,
}

enum Message {
    Input(Input),
    Call(Box<Request>, oneshot::Sender<Result<Reply, CallError>>),
    Run(Box<Request>, oneshot::Sender<Result<Ended, CallError>>),
    Wait(ExecutionId, oneshot::Sender<Result<Ended, CallError>>),
    Follow(ExecutionId, mpsc::Sender<FeedItem>),
    Told(ExecutionId, OpId, akao_step::StepEvent),
    Stop { grace: Duration },
}

/// An execution and how it ended.
pub type Ended = (ExecutionId, Box<Finish>);

/// A handle on a running engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    messages: Sender<Message>,
    /// What callers are told once it has ended by itself.
    ended: Arc<OnceLock<CallError>>,
    changes: Changes,
}

/// The engine's thread, to be waited for.
pub struct EngineThread(JoinHandle<Result<(), CommitError>>);

impl EngineThread {
    /// Waits for the end of the engine.
    ///
    /// # Errors
    /// The journal refused a commit; nothing was acknowledged after that.
    pub fn join(self) -> Result<(), CommitError> {
        match self.0.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Whether the engine has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// Entries of an execution as they become durable, for one follower.
pub struct Feed {
    items: mpsc::Receiver<FeedItem>,
}

impl Feed {
    /// A feed that passes on what arrives from another process.
    pub fn new(items: mpsc::Receiver<FeedItem>) -> Self {
        Self { items }
    }

    /// The next item; none when the engine has ended or the follower was too slow. A follower that was too slow reads the
    /// journal from where it stands and follows again.
    pub async fn next(&mut self) -> Option<FeedItem> {
        self.items.recv().await
    }
}

/// Items that wait for a follower; one that lags further is dropped.
const FEED_ITEMS_MAX: usize = 4_096;

impl Engine {
    /// Starts the engine's thread and takes up what was under way.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn start(parts: Parts) -> Result<(Self, EngineThread), akao_journal::ReadError> {
        let (messages, inbox) = crossbeam_channel::unbounded();
        let mut core = Core::new(
            Config { keeps_secrets: parts.secrets.is_some(), ..parts.config.clone() },
            Arc::clone(&parts.catalogue),
            Arc::clone(&parts.runner),
            Arc::clone(&parts.blobs),
            parts.entropy,
        );
        core.recover(parts.journal.read(), now_ms())?;
        let engine = Self { messages: messages.clone(), ended: Arc::default(), changes: Changes::default() };
        let shell = Shell {
            core,
            journal: parts.journal,
            means: Means { runner: parts.runner, blobs: parts.blobs, secrets: parts.secrets },
            runtime: parts.runtime,
            inbox,
            messages,
            callers: BTreeMap::new(),
            removals: Vec::new(),
            waiting: BTreeMap::new(),
            next_call: 0,
            running: BTreeMap::new(),
            followers: BTreeMap::new(),
            stopping: None,
            ended: Arc::clone(&engine.ended),
            changes: engine.changes.clone(),
            unread: Unread::default(),
        };
        let thread = std::thread::Builder::new().name("akao-engine".into()).spawn(move || shell.run());
        let thread = thread.expect("the system has a thread for the engine");
        Ok((engine, EngineThread(thread)))
    }

    /// Asks, and waits until the answer is durable.
    ///
    /// # Errors
    /// The request was refused; nothing was changed.
    pub async fn call(&self, request: Request) -> Result<Reply, CallError> {
        let (sender, receiver) = oneshot::channel();
        self.messages.send(Message::Call(Box::new(request), sender)).map_err(|_| self.stopped())?;
        receiver.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Starts an execution and waits until it has ended.
    ///
    /// # Errors
    /// The start was refused.
    pub async fn run_to_end(&self, start: Request) -> Result<Ended, CallError> {
        self.ended(|sender| Message::Run(Box::new(start), sender)).await
    }

    /// Waits until an execution has ended; answers at once when it has.
    ///
    /// # Errors
    /// There is no such execution, or it is quarantined.
    pub async fn wait(&self, execution: ExecutionId) -> Result<Ended, CallError> {
        self.ended(|sender| Message::Wait(execution, sender)).await
    }

    async fn ended(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<Ended, CallError>>) -> Message,
    ) -> Result<Ended, CallError> {
        let (sender, receiver) = oneshot::channel();
        self.messages.send(message(sender)).map_err(|_| self.stopped())?;
        receiver.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// What whoever asks too late is told: why the engine ended, if not because it was asked to.
    fn stopped(&self) -> CallError {
        let asked = || CallError::Stopped { message: "it has ended".into() };
        self.ended.get().cloned().unwrap_or_else(asked)
    }

    /// Whether it has ended by itself, which it does only when the journal fails.
    pub fn has_failed(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Follows an execution from now on. What came before is in the journal; entries carry their sequence numbers, so the
    /// two can be joined without a gap: follow first, then read.
    pub fn follow(&self, execution: ExecutionId) -> Feed {
        let (sender, items) = mpsc::channel(FEED_ITEMS_MAX);
        // An engine that has ended drops the sender, which ends the feed.
        let _ = self.messages.send(Message::Follow(execution, sender));
        Feed { items }
    }

    /// Which executions change, told when it is durable.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Ends the engine: no step is begun any more, those that run get `grace` to end. What has not ended is taken up by the
    /// next engine.
    pub fn stop(&self, grace: Duration) {
        let _ = self.messages.send(Message::Stop { grace });
    }
}

/// Who is to be answered, and with what.
enum Caller {
    Answer(oneshot::Sender<Result<Reply, CallError>>),
    /// The answer names an execution; its end is what the caller wants.
    End(oneshot::Sender<Result<Ended, CallError>>),
}

struct Shell {
    core: Core,
    journal: Journal,
    means: Means,
    runtime: Handle,
    inbox: Receiver<Message>,
    messages: Sender<Message>,
    callers: BTreeMap<CallId, Caller>,
    removals: Vec<(Request, Caller)>,
    waiting: BTreeMap<ExecutionId, Vec<oneshot::Sender<Result<Ended, CallError>>>>,
    next_call: u64,
    running: BTreeMap<(ExecutionId, OpId), CancellationToken>,
    followers: BTreeMap<ExecutionId, Vec<mpsc::Sender<FeedItem>>>,
    stopping: Option<Instant>,
    ended: Arc<OnceLock<CallError>>,
    changes: Changes,
    unread: Unread,
}

/// The time, in Unix milliseconds. The one place where the engine looks at a clock.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Shell {
    fn run(mut self) -> Result<(), CommitError> {
        let ended = self.work();
        if let Err(problem) = &ended {
            self.refuse_all(problem);
        }
        ended
    }

    fn work(&mut self) -> Result<(), CommitError> {
        let mut tidy = false;
        loop {
            match self.wait(tidy) {
                Some(message) => {
                    tidy = true;
                    self.take(message);
                    for _ in 1..INPUTS_PER_BATCH {
                        let Ok(message) = self.inbox.try_recv() else { break };
                        self.take(message);
                    }
                }
                None if tidy && !self.core.has_work() && self.nothing_due() => {
                    tidy = false;
                    self.journal.idle()?;
                }
                None => {}
            }
            self.turn()?;
            self.remove_all();
            if self.may_end() {
                return Ok(());
            }
        }
    }

    fn nothing_due(&self) -> bool {
        self.core.next_due_ms().is_none_or(|due| due > now_ms())
    }

    /// Waits for a message, the next due time or the moment to tidy up.
    fn wait(&self, tidy: bool) -> Option<Message> {
        if self.core.has_work() {
            return self.inbox.try_recv().ok();
        }
        let mut wait = if tidy { IDLE_AFTER } else { Duration::from_secs(3_600) };
        if let Some(due) = self.core.next_due_ms() {
            let left = u64::try_from(due.saturating_sub(now_ms())).unwrap_or(0);
            wait = wait.min(Duration::from_millis(left));
        }
        if let Some(end) = self.stopping {
            wait = wait.min(end.saturating_duration_since(Instant::now()));
        }
        self.inbox.recv_timeout(wait).ok()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Input(input) => {
                if let Input::StepDone { execution, op, .. } = &input {
                    self.running.remove(&(*execution, *op));
                }
                self.core.handle(&self.unread.watch(self.journal.read()), now_ms(), input);
            }
            Message::Call(request, caller) => self.take_call(*request, Caller::Answer(caller)),
            Message::Run(request, caller) => self.take_call(*request, Caller::End(caller)),
            Message::Wait(execution, caller) => self.wait_for(execution, caller),
            Message::Follow(execution, follower) => {
                let followers = self.followers.entry(execution).or_default();
                // Of an execution that waits for days nothing is told, so that who has gone away would stay here.
                followers.retain(|follower| !follower.is_closed());
                followers.push(follower);
                self.core.handle(&self.unread.watch(self.journal.read()), now_ms(), Input::Follow(execution));
            }
            Message::Told(execution, op, event) => self.feed(execution, &FeedItem::Step(op, event)),
            Message::Stop { grace } => {
                self.stopping.get_or_insert_with(|| Instant::now() + grace);
                self.core.handle(&self.unread.watch(self.journal.read()), now_ms(), Input::Drain);
            }
        }
    }

    fn take_call(&mut self, request: Request, caller: Caller) {
        if matches!(request, Request::Prune { .. } | Request::Remove { .. } | Request::RemoveOf { .. }) {
            return self.removals.push((request, caller));
        }
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.callers.insert(call, caller);
        self.core.handle(&self.unread.watch(self.journal.read()), now_ms(), Input::Call(call, Box::new(request)));
    }

    /// Removes what was asked for. That waits for the end of a turn: what the turn has decided, such as a fork, may need what is
    /// to be removed.
    fn remove_all(&mut self) {
        for (request, caller) in std::mem::take(&mut self.removals) {
            let answer = match request {
                Request::Prune { ended_before_ms, executions_max } => self.prune(ended_before_ms, executions_max),
                Request::Remove { execution } => self.remove(execution),
                Request::RemoveOf { tenant, executions_max } => self.remove_of(&tenant, executions_max),
                _ => continue,
            };
            self.answer(caller, answer);
        }
    }

    fn answer(&mut self, caller: Caller, answer: Result<Reply, CallError>) {
        // A caller that has gone away does not want its answer.
        match (caller, answer) {
            (Caller::Answer(caller), answer) => {
                let _ = caller.send(with_pid(answer));
            }
            (Caller::End(caller), Ok(Reply::Started { execution, repeated: false, .. })) => {
                self.waiting.entry(execution).or_default().push(caller);
            }
            (Caller::End(caller), Ok(Reply::Started { execution, .. })) => self.wait_for(execution, caller),
            (Caller::End(caller), Ok(_)) => {
                let _ = caller.send(Err(CallError::Invalid {
                    message: "only a start can be waited for".into(),
                    suggestion: None,
                }));
            }
            (Caller::End(caller), Err(problem)) => {
                let _ = caller.send(Err(problem));
            }
        }
    }

    /// Remembers who waits for an end, or answers from the row when it has come already.
    fn wait_for(&mut self, execution: ExecutionId, caller: oneshot::Sender<Result<Ended, CallError>>) {
        let answer = match self.journal.read().execution(execution) {
            Err(problem) => Err(CallError::unreadable(&problem)),
            Ok(None) => Err(CallError::NotFound { message: format!("there is no execution {execution}") }),
            Ok(Some(row)) if row.status == ExecutionStatus::Quarantined => {
                Err(CallError::Quarantined { execution, reason: row.waiting.unwrap_or_default() })
            }
            Ok(Some(row)) => match row.summary.as_deref().map(serde_json::from_slice::<Finish>) {
                Some(Ok(finish)) => Ok((execution, Box::new(finish))),
                Some(Err(problem)) => Err(CallError::Quarantined { execution, reason: problem.to_string() }),
                None => {
                    self.waiting.entry(execution).or_default().push(caller);
                    return;
                }
            },
        };
        let _ = caller.send(answer);
    }

    fn prune(&mut self, ended_before_ms: i64, executions_max: Option<u64>) -> Result<Reply, CallError> {
        let (mut executions, mut tenants) = (0, BTreeMap::new());
        loop {
            let left = executions_max.map_or(u64::MAX, |max| max.saturating_sub(executions));
            let pruned = self.journal.prune_some(ended_before_ms, usize::try_from(left).unwrap_or(usize::MAX));
            let pruned = pruned.map_err(|problem| CallError::of_commit(&problem))?;
            if pruned.executions == 0 {
                return Ok(Reply::Pruned { executions, tenants });
            }
            executions += pruned.executions as u64;
            for (tenant, count) in pruned.tenants {
                *tenants.entry(tenant).or_default() += count;
            }
        }
    }

    fn remove(&mut self, execution: ExecutionId) -> Result<Reply, CallError> {
        let row = |id| self.journal.read().execution(id).map_err(|problem| CallError::unreadable(&problem));
        let found = row(execution)?;
        let found = found.ok_or_else(|| CallError::not_found(format!("there is no execution {execution}")))?;
        if !found.status.is_final() {
            return Err(CallError::conflict(format!("execution {execution} has not ended: {}", found.status)));
        }
        // Its end may be on the way to the one that started it.
        if let Some((parent, _)) = found.parent
            && row(parent)?.is_some_and(|parent| !parent.status.is_final())
        {
            return Err(CallError::conflict(format!(
                "execution {execution} was started by {parent}, which has not ended"
            )));
        }
        self.journal.remove(execution).map_err(|problem| CallError::of_commit(&problem))?;
        Ok(Reply::Done)
    }

    fn remove_of(&mut self, tenant: &Tenant, executions_max: u64) -> Result<Reply, CallError> {
        let max = usize::try_from(executions_max).unwrap_or(usize::MAX);
        let removed = self.journal.remove_of(tenant, max).map_err(|problem| CallError::of_commit(&problem))?;
        let tenants = (removed > 0).then(|| (tenant.clone(), removed as u64)).into_iter().collect();
        Ok(Reply::Pruned { executions: removed as u64, tenants })
    }

    /// One batch: advance, seal, commit, let go.
    fn turn(&mut self) -> Result<(), CommitError> {
        self.core.advance(&self.unread.watch(self.journal.read()), now_ms());
        // What was decided without what could not be read is not committed.
        self.unread.check()?;
        let (batch, effects) = self.core.seal();
        if !batch.writes.is_empty() {
            self.journal.commit(&batch)?;
            self.changes.tell(&batch);
        }
        self.core.committed();
        self.core.run_durable(&self.unread.watch(self.journal.read()));
        // Answers first: a caller that waits for an end is known before the end is told. Ends last: followers have
        // everything by then.
        let (answers, others): (Vec<_>, Vec<_>) =
            effects.into_iter().partition(|effect| matches!(effect, Effect::Answer(..)));
        let (ends, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|effect| matches!(effect, Effect::Ended(..) | Effect::Quarantined(..)));
        for effect in answers.into_iter().chain(others).chain(ends) {
            self.let_go(effect);
        }
        Ok(())
    }

    fn let_go(&mut self, effect: Effect) {
        match effect {
            Effect::Answer(call, answer) => {
                if let Some(caller) = self.callers.remove(&call) {
                    self.answer(caller, answer);
                }
            }
            Effect::Run(job) => self.run_step(*job),
            Effect::Halt(execution, op) => {
                if let Some(cancel) = self.running.get(&(execution, op)) {
                    cancel.cancel();
                }
            }
            Effect::Load(execution, op, tenant, blob) => {
                let (blobs, messages) = (Arc::clone(&self.means.blobs), self.messages.clone());
                self.runtime.spawn_blocking(move || {
                    let value = load(blobs.as_ref(), &tenant, &blob);
                    let _ = messages.send(Message::Input(Input::Loaded { execution, op, value }));
                });
            }
            Effect::Feed(execution, item) => self.feed(execution, &item),
            Effect::Ended(execution, finish) => {
                for caller in self.waiting.remove(&execution).into_iter().flatten() {
                    let _ = caller.send(Ok((execution, finish.clone())));
                }
                self.end_feeds(execution);
            }
            Effect::Quarantined(execution, reason) => {
                for caller in self.waiting.remove(&execution).into_iter().flatten() {
                    let _ = caller.send(Err(CallError::Quarantined { execution, reason: reason.clone() }));
                }
                self.end_feeds(execution);
            }
        }
    }

    /// Ends the feeds of an execution that has ended. One that is cancelled in the queue, or quarantined, has no event that
    /// could tell its followers; the end of the feed makes them look at the row.
    fn end_feeds(&mut self, execution: ExecutionId) {
        if self.followers.remove(&execution).is_some() {
            self.core.handle(&self.unread.watch(self.journal.read()), now_ms(), Input::Unfollow(execution));
        }
    }

    fn run_step(&mut self, job: Job) {
        let cancel = CancellationToken::new();
        let (execution, op) = (job.context.execution, job.context.op);
        self.running.insert((execution, op), cancel.clone());
        let messages = self.messages.clone();
        let told = self.messages.clone();
        let tell: Tell = Arc::new(move |job: &Job, event| {
            let _ = told.send(Message::Told(job.context.execution, job.context.op, event));
        });
        let work = delivery::deliver(job, self.means.clone(), cancel, tell, now_ms());
        self.runtime.spawn(async move {
            // The engine has ended: the next one finds the step without an outcome.
            let _ = messages.send(Message::Input(work.await));
        });
    }

    fn feed(&mut self, execution: ExecutionId, item: &FeedItem) {
        let Some(followers) = self.followers.get_mut(&execution) else { return };
        followers.retain(|follower| follower.try_send(item.clone()).is_ok());
        if followers.is_empty() {
            self.followers.remove(&execution);
            self.core.handle(&self.unread.watch(self.journal.read()), now_ms(), Input::Unfollow(execution));
        }
    }

    fn may_end(&mut self) -> bool {
        let Some(end) = self.stopping else { return false };
        let over = Instant::now() >= end;
        if over {
            for cancel in self.running.values() {
                cancel.cancel();
            }
        }
        self.core.running_steps() == 0 && !self.core.has_work() || over
    }

    fn refuse_all(&mut self, problem: &CommitError) {
        let refusal = CallError::of_commit(problem);
        // Before anything else, so that whoever asks from now on is told the same.
        let _ = self.ended.set(refusal.clone());
        let removals = std::mem::take(&mut self.removals).into_iter().map(|(_, caller)| caller);
        for caller in std::mem::take(&mut self.callers).into_values().chain(removals) {
            self.answer(caller, Err(refusal.clone()));
        }
        for caller in std::mem::take(&mut self.waiting).into_values().flatten() {
            let _ = caller.send(Err(refusal.clone()));
        }
    }
}

fn with_pid(answer: Result<Reply, CallError>) -> Result<Reply, CallError> {
    answer.map(|reply| match reply {
        Reply::Health { live, steps, idle, .. } => Reply::Health { pid: std::process::id(), live, steps, idle },
        other => other,
    })
}

fn load(
    blobs: &dyn BlobStore,
    tenant: &akao_contract::Tenant,
    blob: &akao_contract::BlobRef,
) -> Result<serde_json::Value, StepError> {
    let failed =
        |problem: String| StepError::new(ErrorKind::Internal, format!("the collection cannot be read: {problem}"));
    let bytes = blobs.get(tenant, &blob.digest).map_err(|problem| failed(problem.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|problem| failed(problem.to_string()))
}
