//! Requests: each is checked first and changes nothing when it is refused.

use super::{CallId, Core, Effect, live::Attributes, load::Fresh};
use crate::{
    request::{CallError, Reply, Request, StartRequest},
    store::Store,
    version::Version,
};
use akao_contract::{Digest, ErrorKind, ExecutionId, ExecutionStatus, OpId, Permission, StepError, Tenant};
use akao_flow::{Event, SEMANTICS, Start, StartChild};
use akao_journal::{TaskStatus, Write};
use akao_step::Secret;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

type Answer = Result<Reply, CallError>;

/// Most breakpoints of an execution.
const BREAKPOINTS_MAX: usize = 1_000;

/// Longest id of a signal, in bytes.
const SIGNAL_ID_BYTES_MAX: usize = 255;

/// Whether a signal with an id came before; if not, what is kept of it.
enum Seen {
    Before,
    New([String; 2]),
}

impl Core {
    pub(super) fn call(&mut self, store: &dyn Store, call: CallId, request: Request) {
        let answer = self.answer(store, request);
        self.work_off(store);
        self.effect(Effect::Answer(call, answer));
    }

    fn answer(&mut self, store: &dyn Store, request: Request) -> Answer {
        match request {
            Request::Start(start) => self.start(store, *start),
            Request::Signal { execution, name, key, payload, signal_id } => {
                self.signal(store, execution, Event::Signal { name, key, payload }, signal_id)
            }
            Request::Cancel { execution, reason, force } => self.cancel(store, execution, reason, force),
            Request::LeaveQueue { execution, reason } => match self.leave_queue(store, execution, reason.as_deref()) {
                true => Ok(Reply::Done),
                false => Err(CallError::conflict(format!("execution {execution} does not wait in the queue"))),
            },
            Request::Pause { execution } => self.simple(store, execution, Event::PauseRequested),
            Request::Resume { execution, secrets } => self.resume(store, execution, secrets.0),
            Request::Debug { execution, on } => self.simple(store, execution, Event::DebugAttached { on }),
            Request::Step { execution, mode } => self.simple(store, execution, Event::Stepped { mode }),
            Request::SetBreakpoint { execution, breakpoint } => {
                self.check_breakpoint(store, execution, &breakpoint)?;
                self.simple(store, execution, Event::BreakpointSet(breakpoint))
            }
            Request::ClearBreakpoint { execution, at } => {
                self.check_clear(store, execution, &at)?;
                self.simple(store, execution, Event::BreakpointCleared { at })
            }
            Request::Edit { execution, path, value, at } => self.edit(store, execution, path, value, at),
            Request::Inspect { execution, at } => self.inspect(store, execution, at.as_ref()),
            Request::CompleteTask { execution, op, decision } => self.complete_task(store, execution, op, decision),
            Request::Fork { execution, at, edits, secrets, made, trace } => {
                self.fork(store, (execution, &at), edits, secrets.0, (made, trace))
            }
            Request::Import { export } => self.import(store, &export),
            Request::Queue => {
                let (entries, running, limit) = self.queue();
                Ok(Reply::Queue { entries, running, limit })
            }
            Request::Usage { tenant } => Ok(Reply::Usage {
                executions: self.admission.running_of(&tenant),
                queued: self.admission.queued_of(&tenant),
                steps: self.steps.running_of(&tenant),
            }),
            Request::Admit => {
                self.admit_soon();
                Ok(Reply::Done)
            }
            Request::Health => Ok(Reply::Health {
                pid: 0,
                live: self.live.len() as u64,
                steps: self.steps.running() as u64,
                idle: self.is_idle(),
            }),
            Request::Prune { .. } | Request::Remove { .. } | Request::RemoveOf { .. } => {
                Err(CallError::invalid("removing is done by the process that owns the journal"))
            }
        }
    }

    /// Starts an execution, or answers an earlier start with the same key again.
    fn start(&mut self, store: &dyn Store, request: StartRequest) -> Answer {
        if self.draining {
            return Err(CallError::Stopped { message: "the engine is ending".into() });
        }
        let keyed = request.idempotency_key.clone().map(|key| (key, request_hash(&request)));
        if let Some((key, hash)) = &keyed
            && let Some(known) = self.known_start(store, &request.tenant, key, *hash)?
        {
            return Ok(known);
        }
        let tenant = request.tenant.clone();
        let (versions, writes) = Version::of_bundle(&tenant, request.bundle, &self.catalogue)?;
        let version = versions.last().cloned().ok_or_else(|| CallError::invalid("the bundle holds no workflow"))?;
        let execution = self.new_id(store, request.execution)?;
        let mut input = request.input;
        crate::large::externalise(self.blobs.as_ref(), &tenant, &mut input)
            .map_err(|problem| CallError::invalid(format!("the input cannot be stored: {problem}")))?;
        // Refused before anything is written: a key without its execution would spoil the whole batch.
        version.program.concurrency(&input).map_err(|error| CallError::invalid(error.message))?;
        bound_breakpoints(request.breakpoints.len())?;
        for breakpoint in &request.breakpoints {
            version.program.check_breakpoint(breakpoint)?;
        }
        match self.keeps_secrets_of(&tenant) {
            true => require_granted(&version, &request.grants)?,
            false => require_secrets(&version, &request.grants, &request.secrets.0)?,
        }
        let start = Start {
            execution,
            tenant: tenant.clone(),
            semantics: SEMANTICS,
            at_ms: self.now_ms,
            input,
            vars: request.vars,
            debug: request.debug,
            breakpoints: request.breakpoints,
        };
        self.store_versions(&versions, writes);
        if let Some((key, hash)) = keyed {
            self.new_keys.insert((tenant.clone(), key.clone()), (hash, execution));
            self.writes.push(Write::PutStartKey { tenant, key, request_hash: hash, execution });
        }
        let (grants, volumes, trace) = (request.grants, request.volumes, request.trace);
        let attributes = Attributes { grants, volumes, trace, warnings: request.warnings, queued: None };
        self.place(start, version, attributes, request.secrets.0, None, None)
    }

    /// The id that was asked for, when nothing has it, or a new one.
    pub(super) fn new_id(&mut self, store: &dyn Store, asked: Option<ExecutionId>) -> Result<ExecutionId, CallError> {
        let Some(asked) = asked else {
            let now_ms = u64::try_from(self.now_ms).unwrap_or_default();
            return Ok(ExecutionId::from_parts(now_ms, self.next_entropy()));
        };
        // A second row with the id would spoil the whole batch.
        let is_taken = self.live.contains_key(&asked)
            || self.queued_now.contains_key(&asked)
            || store.execution(asked).map_err(unreadable)?.is_some();
        if is_taken { Err(CallError::conflict(format!("there is an execution {asked} already"))) } else { Ok(asked) }
    }

    fn known_start(
        &self,
        store: &dyn Store,
        tenant: &Tenant,
        key: &str,
        hash: [u8; 32],
    ) -> Result<Option<Reply>, CallError> {
        let fresh = self.new_keys.get(&(tenant.clone(), key.to_owned())).copied();
        let known = match fresh {
            Some(known) => Some(known),
            None => {
                store.start_key(tenant, key).map_err(unreadable)?.map(|known| (known.request_hash, known.execution))
            }
        };
        let Some((known_hash, execution)) = known else { return Ok(None) };
        if known_hash != hash {
            return Err(CallError::conflict(format!(
                "idempotency key `{key}` was used for another request, which started {execution}"
            )));
        }
        let status = match self.live.get(&execution) {
            Some(live) => live.row_state().status,
            None => store.execution(execution).map_err(unreadable)?.map_or(ExecutionStatus::Queued, |row| row.status),
        };
        Ok(Some(Reply::Started { execution, status, repeated: true, position: None }))
    }

    /// Gives a new execution its place: it begins in this batch, or its row waits in the queue.
    pub(super) fn place(
        &mut self,
        start: Start,
        version: Arc<Version>,
        attributes: Attributes,
        secrets: BTreeMap<String, akao_step::Secret>,
        parent: Option<(ExecutionId, OpId)>,
        forked_from: Option<(ExecutionId, u64)>,
    ) -> Answer {
        let execution = start.execution;
        let bound = version.program.concurrency(&start.input).map_err(|error| CallError::invalid(error.message))?;
        let queue_key = bound.as_ref().map(|(key, _)| key.clone());
        let workflow = version.definition.id.clone();
        let position = self.enter(&start.tenant.clone(), execution, &workflow, bound);
        let mut fresh = Fresh { start, version, attributes, secrets, parent, forked_from, queue_key };
        if position.is_some() {
            fresh.attributes.queued = Some(Box::new(fresh.start.clone()));
            let row = fresh.row(ExecutionStatus::Queued);
            self.head.push(Write::InsertExecution(Box::new(row)));
            self.queued_secrets.insert(execution, std::mem::take(&mut fresh.secrets));
            self.queued_now.insert(execution, Box::new(fresh));
            return Ok(Reply::Started { execution, status: ExecutionStatus::Queued, repeated: false, position });
        }
        let row = Box::new(fresh.row(ExecutionStatus::Running));
        self.begin(fresh, Some(row));
        let status = self.live.get(&execution).map_or(ExecutionStatus::Running, |live| live.row_state().status);
        Ok(Reply::Started { execution, status, repeated: false, position: None })
    }

    /// Starts the execution that a `SubWorkflow` asks for.
    pub(super) fn start_child(&mut self, store: &dyn Store, parent: ExecutionId, start: StartChild) {
        let Some(live) = self.live.get(&parent) else { return };
        let tenant = live.tenant.clone();
        let found = live.version.children.get(&start.workflow).copied();
        let attributes = Attributes {
            grants: live.grants.to_vec(),
            volumes: (*live.volumes).clone(),
            trace: live.trace.as_deref().map(str::to_owned),
            // They are said once, of the execution that was asked for.
            warnings: Vec::new(),
            queued: None,
        };
        let secrets = live.secrets.clone();
        let started = found
            .ok_or_else(|| format!("workflow `{}` is not part of this version", start.workflow))
            .and_then(|digest| self.child_start(store, &tenant, digest, &start));
        let placed = started.and_then(|(child, version)| {
            let parent_op = start.wait.then_some((parent, start.op));
            self.place(child, version, attributes, secrets, parent_op, None).map_err(|problem| problem.to_string())
        });
        if let (Err(reason), true) = (placed, start.wait) {
            let event = Event::ChildFinished {
                op: start.op,
                status: ExecutionStatus::Failure,
                outputs: serde_json::Map::new(),
                error: Some(StepError::new(ErrorKind::Input, reason)),
            };
            self.inner.push_back(super::Inner::Event(parent, event));
        }
    }

    fn child_start(
        &mut self,
        store: &dyn Store,
        tenant: &Tenant,
        digest: Digest,
        start: &StartChild,
    ) -> Result<(Start, Arc<Version>), String> {
        let version = self.version(store, tenant, digest)?;
        let mut input = crate::input::accept(&version.definition, start.input.clone())
            .map_err(|problems| format!("the child's input is not valid: {}", problems.join("; ")))?;
        crate::large::externalise(self.blobs.as_ref(), tenant, &mut input).map_err(|problem| problem.to_string())?;
        let start = Start {
            execution: start.child,
            tenant: tenant.clone(),
            semantics: SEMANTICS,
            at_ms: self.now_ms,
            input,
            vars: serde_json::Map::new(),
            debug: false,
            breakpoints: vec![],
        };
        Ok((start, version))
    }

    pub(super) fn cancel_child(&mut self, store: &dyn Store, child: ExecutionId) {
        // A child that has ended has told its parent already.
        let _ = self.cancel(store, child, Some("the parent was halted".into()), false);
    }

    fn simple(&mut self, store: &dyn Store, execution: ExecutionId, event: Event) -> Answer {
        self.ensure_live(store, execution)?;
        self.event(store, execution, event);
        Ok(Reply::Done)
    }

    fn signal(
        &mut self,
        store: &dyn Store,
        execution: ExecutionId,
        mut event: Event,
        signal_id: Option<String>,
    ) -> Answer {
        if self.is_queued(execution) {
            return Err(CallError::conflict(format!(
                "execution {execution} waits for a place and cannot take signals yet"
            )));
        }
        // Also of one that has ended since: whoever sends again has perhaps not heard the answer.
        let seen = signal_id.map(|id| self.seen(store, execution, id, &event)).transpose()?;
        if let Some(Seen::Before) = seen {
            return Ok(Reply::Done);
        }
        self.ensure_live(store, execution)?;
        let Some(live) = self.live.get(&execution) else { return Ok(Reply::Done) };
        live.machine.accepts_signal(&event).map_err(|refused| CallError::conflict(refused.to_string()))?;
        let tenant = live.tenant.clone();
        if let Event::Signal { payload, .. } = &mut event {
            crate::large::externalise(self.blobs.as_ref(), &tenant, payload)
                .map_err(|problem| CallError::invalid(format!("the payload cannot be stored: {problem}")))?;
        }
        if let Some(Seen::New(ids)) = seen {
            for signal_id in ids {
                self.new_signals.insert((execution, signal_id.clone()));
                self.writes.push(Write::PutSignalSeen { execution, signal_id });
            }
        }
        self.event(store, execution, event);
        Ok(Reply::Done)
    }

    /// Whether a signal of this id came before. An id is kept twice: alone, and with the digest of what came by it.
    fn seen(&self, store: &dyn Store, execution: ExecutionId, id: String, event: &Event) -> Result<Seen, CallError> {
        if !(1..=SIGNAL_ID_BYTES_MAX).contains(&id.len()) || id.contains(char::is_control) {
            let message = format!("the id of a signal has 1 to {SIGNAL_ID_BYTES_MAX} bytes and no control characters");
            return Err(CallError::invalid(message));
        }
        let known = |id: &str| -> Result<bool, CallError> {
            Ok(self.new_signals.contains(&(execution, id.to_owned()))
                || store.signal_seen(execution, id).map_err(unreadable)?)
        };
        let content = serde_json::to_vec(event).map_err(|error| CallError::invalid(error.to_string()))?;
        let whole = format!("{id}\n{}", akao_contract::Digest::of(&content));
        match (known(&id)?, known(&whole)?) {
            (false, _) => Ok(Seen::New([id, whole])),
            (true, true) => Ok(Seen::Before),
            (true, false) => {
                Err(CallError::KeyReused { message: format!("another signal came with the id `{id}` before") })
            }
        }
    }

    fn cancel(&mut self, store: &dyn Store, execution: ExecutionId, reason: Option<String>, force: bool) -> Answer {
        if self.leave_queue(store, execution, reason.as_deref()) {
            return Ok(Reply::Done);
        }
        self.simple(store, execution, Event::CancelRequested { reason, force })
    }

    /// Ends an execution that waits for a place, and tells whatever waits for it; false when it does not.
    fn leave_queue(&mut self, store: &dyn Store, execution: ExecutionId, reason: Option<&str>) -> bool {
        let is_queued = self.cancel_queued(execution, reason);
        if is_queued {
            self.queued_secrets.remove(&execution);
            let parent = match self.queued_now.remove(&execution) {
                Some(fresh) => fresh.parent,
                None => store.execution(execution).ok().flatten().and_then(|row| row.parent),
            };
            if let Some(parent) = parent {
                let event = Event::ChildFinished {
                    op: parent.1,
                    status: ExecutionStatus::Cancelled,
                    outputs: serde_json::Map::new(),
                    error: None,
                };
                self.inner.push_back(super::Inner::Event(parent.0, event));
            }
        }
        is_queued
    }

    fn resume(
        &mut self,
        store: &dyn Store,
        execution: ExecutionId,
        secrets: BTreeMap<String, akao_step::Secret>,
    ) -> Answer {
        self.ensure_live(store, execution)?;
        let Some(live) = self.live.get_mut(&execution) else { return Ok(Reply::Done) };
        let (gave, waits) = (!secrets.is_empty(), !live.blocked.is_empty());
        live.secrets.extend(secrets);
        if waits {
            self.unblock(execution);
        }
        let Some(live) = self.live.get(&execution) else { return Ok(Reply::Done) };
        if let Some(missing) = live.blocked.values().next() {
            return Err(CallError::Invalid {
                message: format!("secret `{missing}` is still missing"),
                suggestion: Some(format!("Give it with --secret {missing}=@FILE or --secret {missing}=env:VARIABLE.")),
            });
        }
        if live.machine.status() == ExecutionStatus::Paused {
            return self.simple(store, execution, Event::ResumeRequested);
        }
        if gave || waits || live.row.status == ExecutionStatus::Running {
            return Ok(Reply::Done);
        }
        let waits = live.machine.waits(self.now_ms).join("; ");
        Err(CallError::conflict(format!("execution {execution} is not paused; it waits for {waits}")))
    }

    fn check_breakpoint(
        &mut self,
        store: &dyn Store,
        execution: ExecutionId,
        breakpoint: &akao_flow::Breakpoint,
    ) -> Result<(), CallError> {
        self.ensure_live(store, execution)?;
        let Some(live) = self.live.get(&execution) else { return Ok(()) };
        let others = live.machine.breakpoints().iter().filter(|other| other.at != breakpoint.at);
        bound_breakpoints(others.count() + 1)?;
        Ok(live.machine.program().check_breakpoint(breakpoint)?)
    }

    /// A breakpoint that is to be cleared must be set.
    fn check_clear(&mut self, store: &dyn Store, execution: ExecutionId, at: &str) -> Result<(), CallError> {
        self.ensure_live(store, execution)?;
        let Some(live) = self.live.get(&execution) else { return Ok(()) };
        let set: Vec<&str> = live.machine.breakpoints().iter().map(|breakpoint| breakpoint.at.as_str()).collect();
        if set.contains(&at) {
            return Ok(());
        }
        let suggestion = match &set[..] {
            [] => "No breakpoint is set.".to_owned(),
            set => format!("Breakpoints are set at {}.", set.join(", ")),
        };
        let message = format!("there is no breakpoint at `{at}`");
        Err(CallError::Invalid { message, suggestion: Some(suggestion) })
    }

    fn edit(
        &mut self,
        store: &dyn Store,
        execution: ExecutionId,
        path: String,
        mut value: Value,
        at: Option<akao_contract::Address>,
    ) -> Answer {
        self.ensure_live(store, execution)?;
        let Some(live) = self.live.get(&execution) else { return Ok(Reply::Done) };
        if live.machine.status() != ExecutionStatus::Paused {
            return Err(CallError::conflict("values can be changed only while the execution is paused"));
        }
        check_path(&path)?;
        let tenant = live.tenant.clone();
        crate::large::externalise(self.blobs.as_ref(), &tenant, &mut value)
            .map_err(|problem| CallError::invalid(format!("the value cannot be stored: {problem}")))?;
        self.simple(store, execution, Event::ValueEdited { path, value, at })
    }

    fn inspect(&mut self, store: &dyn Store, execution: ExecutionId, at: Option<&akao_contract::Address>) -> Answer {
        self.ensure_live(store, execution)?;
        let Some(live) = self.live.get(&execution) else {
            return Err(CallError::not_found(format!("there is no execution {execution}")));
        };
        let held = live.machine.held().into_iter().map(|(address, id, reason)| (address, id.to_string(), reason));
        let held: Vec<_> = held.collect();
        let at = at.or(held.first().map(|(address, _, _)| address));
        Ok(Reply::Values { values: live.machine.values_at(at), status: live.row_state().status, held: held.clone() })
    }

    fn complete_task(
        &mut self,
        store: &dyn Store,
        execution: ExecutionId,
        op: OpId,
        decision: akao_flow::Decision,
    ) -> Answer {
        let task = store.task(execution, op).map_err(unreadable)?;
        let task = task.ok_or_else(|| CallError::not_found(format!("execution {execution} has no task {op}")))?;
        if task.status != TaskStatus::Open {
            return Err(CallError::conflict(format!("the task is {} already", task.status.as_str())));
        }
        self.ensure_live(store, execution)?;
        let open = self.live.get(&execution).is_some_and(|live| live.machine.is_open(op));
        if !open {
            return Err(CallError::conflict("the task is no longer open"));
        }
        let spec: Option<akao_flow::TaskSpec> = serde_json::from_slice(&task.body).ok();
        if let Some(spec) = spec.filter(|spec| decision.approved && !spec.form.is_null()) {
            crate::input::check_form(&spec.form, &decision.data)
                .map_err(|problems| CallError::invalid(format!("the form is not valid: {}", problems.join("; "))))?;
        }
        self.writes.push(Write::CloseTask {
            execution,
            op,
            status: TaskStatus::Completed,
            at_ms: self.now_ms,
            body: serde_json::to_vec(&decision).ok(),
        });
        self.event(store, execution, Event::TaskCompleted { op, decision });
        Ok(Reply::Done)
    }
}

pub(super) fn unreadable(problem: akao_journal::ReadError) -> CallError {
    CallError::unreadable(&problem)
}

/// A path that an edit can mean.
pub(super) fn check_path(path: &str) -> Result<(), CallError> {
    let first = path.split('.').next().unwrap_or_default();
    let sensible = akao_contract::is_name(first)
        && !matches!(first, "secrets" | "execution" | "workflow" | "vars" | "item" | "index");
    if sensible && !path.ends_with('.') && !path.contains("..") {
        return Ok(());
    }
    Err(CallError::Invalid {
        message: format!("`{path}` is not a path that can be changed"),
        suggestion: Some(
            "Use `bb.key`, `input.key` or `steps.id.outputs.key`; a bare key means the blackboard.".into(),
        ),
    })
}

/// What makes two starts the same: everything but the secrets, and what is said about them.
fn request_hash(request: &StartRequest) -> [u8; 32] {
    let secrets = crate::request::GivenSecrets::default();
    let plain = StartRequest { secrets, execution: None, trace: None, warnings: Vec::new(), ..request.clone() };
    let value = serde_json::to_value(&plain).unwrap_or_default();
    *Digest::of(&akao_flow::canonical_json(&value)).bytes()
}

/// Refuses a start that does not grant a secret which a template names. Whether it is kept is seen when a step needs it.
fn require_granted(version: &Version, grants: &[Permission]) -> Result<(), CallError> {
    match version.program.secret_names().into_iter().find(|name| !super::is_lent(grants, name)) {
        None => Ok(()),
        Some(name) => Err(CallError::Invalid {
            message: format!("the workflow uses secret `{name}`, which was not granted"),
            suggestion: Some(format!("Start it with the grant `secrets={name}`.")),
        }),
    }
}

/// Refuses a start without a secret that a template names, or that a node asks for and is granted.
fn require_secrets(
    version: &Version,
    grants: &[Permission],
    given: &BTreeMap<String, Secret>,
) -> Result<(), CallError> {
    let program = &version.program;
    let lent = program.all_secrets_asked().into_iter().filter(|name| super::is_lent(grants, name));
    let mut needed = program.secret_names().into_iter().chain(lent);
    match needed.find(|name| !given.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(CallError::Invalid {
            message: format!("the workflow needs secret `{name}`"),
            suggestion: Some(format!("Give it with --secret {name}=@FILE or --secret {name}=env:VARIABLE.")),
        }),
    }
}

/// Each node that starts is held against every breakpoint, on the thread that all executions share.
fn bound_breakpoints(count: usize) -> Result<(), CallError> {
    if count <= BREAKPOINTS_MAX {
        return Ok(());
    }
    let message = format!("an execution has at most {BREAKPOINTS_MAX} breakpoints");
    Err(CallError::Invalid { message, suggestion: Some("Clear some, or give one a condition.".to_owned()) })
}
