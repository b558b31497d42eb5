//! One attempt of a step in a process: sent, watched until its deadline, halted within a grace, and answered exactly once.

mod batch;

use crate::{
    failure::Scene,
    instance::{Doom, Instance},
    launch::{Kill, Usage},
    lines::{Budget, LineSplitter, plain_text},
    mask::Masks,
    package::Node,
    pool::{Inner, Lease, LeaseError},
    workspace::WorkspaceFolder,
};
use akao_contract::{
    ErrorKind, Invocation, LogLevel, LogLine, OUTPUT_KEY, Outcome, OutcomeStatus, StepError, StepUsage, is_name,
    manifest::{Limit, format_bytes},
};
use akao_rpc::{
    Call, CallEvents, ExecuteAnswer, ExecuteContext, ExecuteIo, ExecuteRequest, LogEntry, Metadata, OutputChunk,
    Progress, RpcError,
};
use akao_step::{StepEvent, StepEvents, StepIo};
use futures_util::FutureExt as _;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A call is sent to another process when the one it got was gone before the call left; more often than this it is not.
const SENDS_MAX: usize = 3;

/// A call that lasts longer is measured, from then on: what the first milliseconds use is less than what measuring them costs.
const MEASURED_AFTER: Duration = Duration::from_millis(1);

/// The end of a call as the socket has it.
type Answer = Result<ExecuteAnswer, RpcError>;

/// See the module.
pub(crate) struct Attempt {
    pub(crate) pool: Arc<Inner>,
    pub(crate) node: Arc<Node>,
    pub(crate) invocation: Invocation,
    pub(crate) io: StepIo,
    /// How long the call may take once a process has it.
    pub(crate) call_ms: Option<u64>,
    /// How the reasons begin of errors that the node may tell; any where none is said.
    pub(crate) reasons: Option<&'static str>,
}

/// When an attempt must have ended, and whether it is the manifest that says so.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    limit: Option<Limit>,
    /// Whether a call that passes it is ended without a grace: the process should have answered well before.
    is_last: bool,
}

/// How a sent call went.
enum Went {
    Answered(Answer),
    Cancelled(Option<Answer>),
    /// The processes are being ended.
    Halted(Option<Answer>),
    /// Whether the process had to be ended for it.
    TimedOut {
        ended: bool,
    },
}

impl Attempt {
    /// Runs the attempt to its one outcome.
    pub(crate) async fn run(mut self) -> Outcome {
        let key = match self.output_key() {
            Ok(key) => key,
            Err(error) => return Outcome::failure(error),
        };
        if let Err(error) = batch::check(&self.invocation.props) {
            return Outcome::failure(error);
        }
        let deadline = self.deadline();
        if deadline.at <= Instant::now() {
            return Outcome::failure(self.scene().deadline(deadline.limit, None));
        }
        for _ in 0..SENDS_MAX {
            let lease = match self.pool.lease(Some(deadline.at), &self.io.cancel).await {
                Ok(lease) => lease,
                Err(LeaseError::Cancelled) => return Outcome::cancelled(),
                Err(LeaseError::TimedOut) => return Outcome::failure(self.scene().waited_too_long()),
                Err(LeaseError::Failed(error)) => return Outcome::failure(error),
            };
            if let Some(outcome) = self.call(lease, &self.deadline_of_call(deadline), key.as_deref()).await {
                return outcome;
            }
        }
        let message = format!("the processes of `{}` end before a call reaches them", self.node.declaration.id);
        let mut error = StepError::new(ErrorKind::Internal, message).with_detail("reason", "not_sent");
        error.retryable = true;
        Outcome::failure(error)
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            package: &self.pool.package,
            node: &self.node,
            spec: &self.pool.spec,
            caps: self.pool.services.caps_of(&self.pool.spec.tenant),
        }
    }

    /// Takes the key of the main output out of the props: it is Akao's, and not the node's.
    fn output_key(&mut self) -> Result<Option<String>, StepError> {
        if self.node.declaration.main_output.is_none() {
            return Ok(None);
        }
        match self.invocation.props.shift_remove(OUTPUT_KEY) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(key)) if is_name(&key) => Ok(Some(key)),
            Some(other) => {
                let shown = akao_contract::shortened(other.to_string(), 80);
                let message = format!("the prop `{OUTPUT_KEY}` is {shown}, which is not a blackboard key");
                Err(StepError::new(ErrorKind::Input, message)
                    .with_suggestion("A key starts with a letter or `_` and holds letters, digits and `_`."))
            }
        }
    }

    /// The earlier of the manifest's limit and the step's own deadline.
    fn deadline(&self) -> Deadline {
        let now = Instant::now();
        let limit = now + Duration::from_millis(self.pool.spec.resources.timeout_ms);
        let own = self.invocation.context.deadline_ms.map(|at_ms| {
            let at = UNIX_EPOCH.checked_add(Duration::from_millis(at_ms));
            let rest = at.and_then(|at| at.duration_since(SystemTime::now()).ok());
            now + rest.unwrap_or_default().min(Duration::from_millis(self.pool.spec.resources.timeout_ms))
        });
        match own {
            Some(own) if own < limit => Deadline { at: own, limit: None, is_last: false },
            _ => Deadline { at: limit, limit: Some(Limit::Timeout), is_last: false },
        }
    }

    /// The same, or the time that the call itself may take, which begins now.
    fn deadline_of_call(&self, deadline: Deadline) -> Deadline {
        let own = self.call_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        match own {
            Some(own) if own < deadline.at => Deadline { at: own, limit: Some(Limit::Timeout), is_last: true },
            _ => deadline,
        }
    }

    /// One call in one process; none when it was never sent because the process was gone.
    async fn call(&self, lease: Lease, deadline: &Deadline, key: Option<&str>) -> Option<Outcome> {
        let instance = Arc::clone(lease.instance());
        let masks = Arc::clone(&instance.masks);
        let nodes = self.pool.package.manifest().nodes.len();
        let context = ExecuteContext::new(self.node.declaration.id.as_str(), &self.invocation.context);
        let mut context = context.lean(nodes);
        if !self.node.traits.idempotent {
            context.idempotency_key = None;
        }
        let events = Arc::new(Forward {
            events: self.io.events.clone(),
            masks: Arc::clone(&masks),
            budget: Mutex::new(Budget::new(self.pool.services.settings.lines)),
            streams: Mutex::default(),
        });
        let run = instance.run_number();
        instance.streams.enter(run, self.io.events.clone());
        let request = ExecuteRequest { context, parameters: &self.invocation.props };
        let mut io = ExecuteIo::new().events(Arc::clone(&events) as Arc<_>);
        let mut output = io.output();
        let call = instance.connection.execute(&request, io);
        let was_sent = call.id().is_some();
        let mut running = Running { call: Some(call), lease: Some(lease), run, before: None };
        let went = {
            let told = async {
                while let Some(chunk) = output.next().await {
                    events.output(&chunk);
                }
                std::future::pending::<std::convert::Infallible>().await
            };
            tokio::select! {
                biased;
                went = self.wait(&mut running, deadline) => went,
                never = told => match never {},
            }
        };
        // What came before the answer is there by now.
        while let Some(Some(chunk)) = output.next().now_or_never() {
            events.output(&chunk);
        }
        events.end_output();
        if !was_sent && matches!(&went, Went::Answered(Err(error)) if error.ends_connection()) {
            return None;
        }
        let usage = running.usage();
        let outcome = Outcome { usage, ..self.outcome(went, &instance, deadline, key).await };
        running.finish();
        Some(masks.outcome(outcome))
    }

    async fn wait(&self, running: &mut Running, deadline: &Deadline) -> Went {
        let at = tokio::time::Instant::from_std(deadline.at);
        // One timer for both, since most calls have ended before either.
        let alarm = tokio::time::sleep_until(at.min(tokio::time::Instant::now() + MEASURED_AFTER));
        tokio::pin!(alarm);
        let went = loop {
            let Some(call) = &mut running.call else { return Went::TimedOut { ended: false } };
            tokio::select! {
                biased;
                answer = &mut *call => return Went::Answered(running.answered(answer)),
                () = self.io.cancel.cancelled() => break Went::Cancelled(None),
                () = self.pool.halt.cancelled() => break Went::Halted(None),
                () = &mut alarm => {}
            }
            if tokio::time::Instant::now() >= at {
                break Went::TimedOut { ended: false };
            }
            running.before = running.lease.as_ref().and_then(|lease| lease.instance().process.usage());
            alarm.as_mut().reset(at);
        };
        let is_over = deadline.is_last && matches!(went, Went::TimedOut { .. });
        let answer = running.wind_down(is_over).await;
        match went {
            Went::Cancelled(_) => Went::Cancelled(Some(answer)),
            Went::Halted(_) => Went::Halted(Some(answer)),
            Went::Answered(_) | Went::TimedOut { .. } => {
                // What came after the deadline came too late.
                self.pool.lock().counters.late_answers += u64::from(answer.is_ok());
                Went::TimedOut { ended: answer.is_err_and(|error| error.ends_connection()) }
            }
        }
    }

    async fn outcome(&self, went: Went, instance: &Instance, deadline: &Deadline, key: Option<&str>) -> Outcome {
        match went {
            Went::Answered(Ok(answer)) => self.answered(answer, key, instance).await,
            Went::Answered(Err(error)) => Outcome::failure(self.unanswered(&error, instance).await),
            Went::TimedOut { ended } => {
                // The connection is gone a little before it is known what the process has used.
                let end = if ended { instance.wait_end().await } else { instance.end.borrow().clone() };
                let ran = end.map(|end| (instance.started.elapsed(), end));
                Outcome::failure(self.scene().deadline(deadline.limit, ran))
            }
            // A step that was done all the same is done.
            Went::Cancelled(Some(Ok(answer))) => self.answered(answer, key, instance).await,
            Went::Cancelled(_) => Outcome::cancelled(),
            Went::Halted(Some(Ok(answer))) if answer.result.is_ok() => self.answered(answer, key, instance).await,
            Went::Halted(_) => Outcome::failure(self.scene().halted()),
        }
    }

    async fn unanswered(&self, error: &RpcError, instance: &Instance) -> StepError {
        if self.reasons.is_some() && matches!(error, RpcError::Answered(_)) {
            return self.scene().not_its_own(error.to_step_error());
        }
        if !error.ends_connection() {
            return self.scene().only_this_call(error);
        }
        let end = instance.wait_end().await.unwrap_or_else(|| instance.unknown_end());
        self.scene().broken(error, &end)
    }

    async fn answered(&self, answer: ExecuteAnswer, key: Option<&str>, instance: &Instance) -> Outcome {
        let logs: Vec<LogLine> = metadata_line(&answer.metadata).into_iter().collect();
        let outcome = match answer.result {
            Ok(outputs) => match batch::count(&self.invocation.props) {
                Some(count) => batch::success(&self.node, outputs, count, key, &instance.masks).await,
                None => self.success(outputs, key, &instance.masks).await,
            },
            Err(mut error) => {
                error.message = plain_text(error.message);
                match error.kind {
                    _ if !self.is_believed(&error) => Outcome::failure(self.scene().not_its_own(error)),
                    // Which limit of its process a script says that it has met would be its own word, too.
                    ErrorKind::Resource if self.reasons.is_none() => Outcome::failure(self.scene().said_limit(error)),
                    // A defect as the node has it, where its workspace takes no more: that is most likely what it met.
                    ErrorKind::Internal if instance.workspace.as_ref().is_some_and(WorkspaceFolder::is_full) => {
                        Outcome::failure(self.scene().met_limit(error, Limit::Disk))
                    }
                    ErrorKind::Cancelled => Outcome { error: Some(error), ..Outcome::cancelled() },
                    _ => Outcome::failure(error),
                }
            }
        };
        Outcome { logs, ..outcome }
    }

    /// Whether an error is one that the node may tell.
    fn is_believed(&self, error: &StepError) -> bool {
        let Some(beginning) = self.reasons else { return true };
        let asked = self.io.cancel.is_cancelled() || self.pool.halt.is_cancelled();
        match error.kind {
            ErrorKind::Cancelled => asked,
            _ => error.detail.get("reason").and_then(Value::as_str).is_some_and(|reason| reason.starts_with(beginning)),
        }
    }

    async fn success(&self, outputs: Map<String, Value>, key: Option<&str>, masks: &Arc<Masks>) -> Outcome {
        let declaration = &self.node.declaration;
        let outputs = match self.node.checked(outputs, masks).await {
            Ok(outputs) => outputs,
            Err(error) => return Outcome::failure(error),
        };
        let mut writes = Map::new();
        let main = declaration.main_output.as_deref().and_then(|name| outputs.get(name));
        if let (Some(key), Some(main)) = (key, main) {
            writes.insert(key.to_owned(), main.clone());
        }
        Outcome { status: OutcomeStatus::Success, outputs, writes, ..Outcome::default() }
    }
}

/// What a node says that a call used, as a line of the step's log.
fn metadata_line(metadata: &Metadata) -> Option<LogLine> {
    let time = metadata.execution_time.filter(|ms| ms.is_finite());
    let memory = metadata.memory_used.map(format_bytes);
    let message = match (time, memory) {
        (Some(ms), Some(memory)) => format!("execution_time {ms:.3} ms, memory_used {memory}"),
        (Some(ms), None) => format!("execution_time {ms:.3} ms"),
        (None, Some(memory)) => format!("memory_used {memory}"),
        (None, None) => return None,
    };
    Some(LogLine { level: LogLevel::Debug, message })
}

/// Hands on what a node tells while the call runs.
struct Forward {
    events: StepEvents,
    masks: Arc<Masks>,
    /// What the call may still log, fields included.
    budget: Mutex<Budget>,
    /// Lines that are not ended yet, by the stream's name.
    streams: Mutex<BTreeMap<String, LineSplitter>>,
}

impl Forward {
    /// Text of a stream is lines of the log, each with the stream's name before it.
    fn output(&self, chunk: &OutputChunk) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let splitter = streams.entry(chunk.stream.clone()).or_insert_with(LineSplitter::new);
        splitter.feed(chunk.text.as_bytes(), &mut budget, |line| self.line(&chunk.stream, line));
    }

    fn end_output(&self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, mut splitter) in std::mem::take(&mut *streams) {
            splitter.finish(&mut budget, |line| self.line(&name, line));
        }
    }

    fn line(&self, stream: &str, line: String) {
        let message = self.masks.text(format!("{}: {line}", plain_text(stream.to_owned())));
        self.events.tell(StepEvent::Log(LogLine { level: LogLevel::Info, message }));
    }
}

impl CallEvents for Forward {
    fn progress(&self, progress: Progress) {
        let message = self.masks.text(plain_text(progress.message));
        self.events.tell(StepEvent::Progress { fraction: progress.fraction, message });
    }

    fn log(&self, entry: LogEntry) {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        if budget.is_spent() {
            return budget.drop_bytes(entry.message.len());
        }
        let mut message = entry.message;
        if !entry.fields.is_empty() {
            message = format!("{message} {}", Value::Object(entry.fields));
        }
        let message = self.masks.shortened(plain_text(message), budget.line_bytes_max());
        if let Some(message) = budget.take(message) {
            self.events.tell(StepEvent::Log(LogLine { level: entry.level, message }));
        }
    }
}

/// A call that was sent. Whoever goes away before its answer leaves a task that halts it: the process takes the next call
/// only when this one has ended.
struct Running {
    call: Option<Call>,
    lease: Option<Lease>,
    run: u64,
    /// What the process had used when the call turned out not to be short.
    before: Option<Usage>,
}

impl Running {
    fn answered(&mut self, answer: Answer) -> Answer {
        self.call = None;
        let is_from_node = matches!(&answer, Ok(_) | Err(RpcError::Answered(_)));
        if let Some(lease) = &mut self.lease
            && is_from_node
        {
            lease.answered();
        }
        answer
    }

    /// What the process has used since then; nothing for short calls, and where the process is gone.
    fn usage(&self) -> Option<StepUsage> {
        let (before, now) = (self.before?, self.lease.as_ref()?.instance().process.usage()?);
        Some(StepUsage {
            cpu_ms: now.cpu_ms.saturating_sub(before.cpu_ms),
            memory_peak_bytes: now.memory_peak_bytes,
            pids_peak: now.pids_peak,
        })
    }

    /// `$/cancel`, SIGTERM, SIGKILL, until the call has its end.
    async fn wind_down(&mut self, is_over: bool) -> Answer {
        let (Some(call), Some(lease)) = (&mut self.call, &self.lease) else { return Err(RpcError::ClosedHere) };
        let answer = wind_down(call, lease.pool(), lease.instance(), is_over).await;
        self.answered(answer)
    }

    /// The outcome is there; the process may take the next call.
    fn finish(mut self) {
        self.leave();
        self.lease = None;
    }

    fn leave(&self) {
        if let Some(lease) = &self.lease {
            lease.instance().streams.leave(self.run);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.leave();
        let (Some(mut call), Some(lease)) = (self.call.take(), self.lease.take()) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = wind_down(&mut call, lease.pool(), lease.instance(), false).await;
                drop(lease);
            });
        }
    }
}

/// Ends a call: by asking, within a grace, unless its time `is_over` for good; then with its process.
async fn wind_down(call: &mut Call, pool: &Inner, instance: &Instance, is_over: bool) -> Answer {
    let settings = &pool.services.settings;
    call.cancel();
    if is_over {
        pool.avoid(instance);
        instance.kill(Kill::Now, Doom::CallDidNotEnd);
        let _ = instance.wait_end().await;
        return Err(RpcError::ClosedHere);
    }
    if let Ok(answer) = tokio::time::timeout(settings.cancel_grace, &mut *call).await {
        return answer;
    }
    pool.avoid(instance);
    instance.kill(Kill::Ask, Doom::CallDidNotEnd);
    if let Ok(answer) = tokio::time::timeout(settings.terminate_grace, &mut *call).await {
        return answer;
    }
    instance.kill(Kill::Now, Doom::CallDidNotEnd);
    // The connection ends with its process; nothing of that is left when this returns.
    let _ = instance.wait_end().await;
    Err(RpcError::ClosedHere)
}
