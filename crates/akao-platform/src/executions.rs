//! Executions of a tenant: started from its workflows, listed, and looked at. An execution of another tenant looks like one
//! that is not there.

use crate::{Actor, Code, Error, Page, PageRequest, Permission, Platform, bundle::warnings, secret};
use akao_contract::{Address, ExecutionId, ExecutionStatus, Tenant};
use akao_engine::{
    Bundle, CallError, Follower, GivenSecrets, QueueEntry, Reply, Request, StartRequest, StoredVersion, export,
    steps::Steps,
};
use akao_flow::{Breakpoint, Definition, Finish};
use akao_journal::{ExecutionFilter, ExecutionRow};
use akao_store::WorkflowVersion;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

/// Longest `Idempotency-Key`, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// What the server's own keys begin with: those of its schedules. Nobody else's may, or a schedule would find its start done.
pub(crate) const OWN_KEYS: &str = "akao:";

/// What may be granted to steps on a server. There is no file of the host and no program of the host for a tenant.
const GRANTABLE: [&str; 3] = ["network.http", "network.tcp", "secrets"];

/// A start.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The workflow's id.
    pub workflow: String,
    /// The version; the latest one when absent.
    pub version: Option<String>,
    /// The input.
    pub input: Value,
    /// What the steps may do.
    pub grants: Vec<String>,
    /// Whether a debugger is there from the first step.
    pub debug: bool,
    /// Where to stop.
    pub breakpoints: Vec<Breakpoint>,
    /// The same key with the same request starts one execution, whatever happens in between.
    pub key: Option<String>,
    /// W3C `traceparent` of what asked.
    pub trace: Option<String>,
}

/// An execution was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub execution: ExecutionId,
    /// Its state right after the start.
    pub status: ExecutionStatus,
    /// Whether an earlier start with the same key is answered again.
    pub repeated: bool,
    /// Place in the queue, from 1, when it is queued.
    pub position: Option<u64>,
    /// What is to be known of what it runs, such as that a node's version is deprecated.
    pub warnings: Vec<String>,
}

/// Which executions are wanted.
#[derive(Debug, Clone, Default)]
pub struct ExecutionList {
    /// In one of these states.
    pub statuses: Vec<ExecutionStatus>,
    /// Of this workflow.
    pub workflow: Option<String>,
    /// Found in the workflow's id, or at the start of the execution's.
    pub text: Option<String>,
    /// Started at or after, in Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Started before.
    pub until_ms: Option<i64>,
    /// Started by this execution.
    pub parent: Option<ExecutionId>,
}

impl Platform {
    /// Starts an execution. When this is answered it survives the end of the process.
    ///
    /// # Errors
    /// There is no such workflow, the input does not fit, the key was used for another request, or the tenant starts too much.
    pub async fn start(&self, actor: &Arc<Actor>, start: Start) -> Result<Started, Error> {
        if start.key.as_ref().is_some_and(|key| key.starts_with(OWN_KEYS)) {
            return Err(Error::invalid(format!("an `Idempotency-Key` does not begin with `{OWN_KEYS}`")));
        }
        self.start_keyed(actor, start).await
    }

    /// Starts an execution, perhaps under a key of the server's own.
    pub(crate) async fn start_keyed(&self, actor: &Arc<Actor>, start: Start) -> Result<Started, Error> {
        if start.key.as_ref().is_some_and(|key| key.is_empty() || key.len() > KEY_BYTES_MAX) {
            return Err(Error::invalid(format!("`Idempotency-Key` has 1 to {KEY_BYTES_MAX} bytes")));
        }
        let max = self.parts().allowances.of(&actor.tenant).starts_per_minute;
        // Whoever asks again for what was started is answered, also when nothing more may be started.
        let counted = match self.has_started(&actor.tenant, start.key.as_deref())? {
            true => None,
            false => self.inner.starts.count(&actor.tenant, max, self.now_ms())?,
        };
        let answer = self.start_counted(actor, start).await;
        if !answer.as_ref().is_ok_and(|started| !started.repeated) {
            self.inner.starts.forget(&actor.tenant, counted);
        }
        answer
    }

    /// Whether a key has started something. Reads one row, which is quick enough to be done anywhere.
    fn has_started(&self, tenant: &Tenant, key: Option<&str>) -> Result<bool, Error> {
        let Some(key) = key else { return Ok(false) };
        Ok(self.journal(|reader| reader.start_key(tenant, key))?.is_some())
    }

    async fn start_counted(&self, actor: &Arc<Actor>, start: Start) -> Result<Started, Error> {
        let start = Arc::new(start);
        let version = start.version.clone();
        let answer = self.start_version(actor, &start, version).await;
        match (answer, &start.key) {
            // The latest version may have changed since the first request: what was started then is meant.
            (Err(refused), Some(key)) if refused.code == Code::KeyReused && start.version.is_none() => {
                match self.version_of_key(actor, &start.workflow, key).await? {
                    Some(version) => self.start_version(actor, &start, Some(version)).await,
                    None => Err(refused),
                }
            }
            (answer, _) => answer,
        }
    }

    async fn start_version(
        &self,
        actor: &Arc<Actor>,
        start: &Arc<Start>,
        version: Option<String>,
    ) -> Result<Started, Error> {
        let (who, wanted) = (Arc::clone(actor), Arc::clone(start));
        let prepared = self.briefly(move |platform| {
            let (_, bundle): (WorkflowVersion, Bundle) = platform.bundle(&who, &wanted.workflow, version.as_deref())?;
            // A key that has started something starts nothing more; the engine says whether it is the same request.
            let known = platform.has_started(&who.tenant, wanted.key.as_deref())?;
            if !known {
                platform.check_packages(&bundle, "started")?;
            }
            let warnings = platform.read(|work| Ok(warnings(&bundle, &work.of(&who.tenant).custom_nodes())?))?;
            Ok((StartRequest { warnings, ..platform.prepare(&who, &wanted, bundle)? }, known))
        });
        let (request, known) = prepared.await?;
        let warnings = request.warnings.clone();
        let details = json!({
            "execution": request.execution, "workflow": request.bundle.definition.id,
            "version": request.bundle.definition.version, "grants": request.grants,
        });
        let (executions, keyed) = (Arc::clone(&self.parts().executions), start.key.is_some());
        let act = async move {
            match executions.call(Request::Start(Box::new(request))).await {
                Ok(Reply::Started { execution, status, repeated, position }) => {
                    Ok(Started { execution, status, repeated, position, warnings })
                }
                Err(CallError::Conflict { message }) if keyed => {
                    Err(Error::new(Code::KeyReused, message).hint("Take a new key for a new request."))
                }
                other => Err(unexpected(other)),
            }
        };
        match known {
            true => act.await,
            false => self.announced(actor, "execution.started", details, act).await,
        }
    }

    /// The version that a key started, if it was of this workflow.
    async fn version_of_key(&self, actor: &Arc<Actor>, workflow: &str, key: &str) -> Result<Option<String>, Error> {
        let (tenant, workflow, key) = (actor.tenant.clone(), workflow.to_owned(), key.to_owned());
        self.blocking(move |platform| {
            let row = platform.journal(|reader| match reader.start_key(&tenant, &key)? {
                Some(known) => reader.execution(known.execution),
                None => Ok(None),
            })?;
            Ok(row.filter(|row| row.workflow == workflow).map(|row| row.version))
        })
        .await
    }

    pub(crate) fn prepare(&self, actor: &Actor, start: &Start, bundle: Bundle) -> Result<StartRequest, Error> {
        let input = akao_engine::input::accept(&bundle.definition, start.input.clone()).map_err(|problems| Error {
            problems: problems.into_iter().map(|message| json!({"message": message})).collect(),
            ..Error::new(Code::InvalidInput, "the input does not fit the workflow")
        })?;
        Ok(StartRequest {
            tenant: actor.tenant.clone(),
            bundle,
            input,
            grants: self.grants(actor, &start.grants)?,
            // There is no file of the host for a tenant.
            volumes: BTreeMap::new(),
            vars: Map::new(),
            secrets: GivenSecrets::default(),
            idempotency_key: start.key.clone(),
            debug: start.debug,
            breakpoints: start.breakpoints.clone(),
            execution: Some(self.new_execution()?),
            trace: start.trace.clone(),
            warnings: Vec::new(),
        })
    }

    /// An id for an execution that is announced before it is started.
    pub(crate) fn new_execution(&self) -> Result<ExecutionId, Error> {
        let now_ms = u64::try_from(self.now_ms()).unwrap_or_default();
        Ok(ExecutionId::from_parts(now_ms, secret::random_bits()?))
    }

    pub(crate) fn grants(&self, actor: &Actor, texts: &[String]) -> Result<Vec<akao_contract::Permission>, Error> {
        if !texts.is_empty() && !actor.may(Permission::ExecutionsGrant) {
            let message = format!("granting something to steps needs the permission `{}`", Permission::ExecutionsGrant);
            return Err(Error::new(Code::Forbidden, message));
        }
        let read = |text: &String| {
            let permission: akao_contract::Permission =
                text.parse().map_err(|error: akao_contract::PermissionError| Error::invalid(error.to_string()))?;
            if !GRANTABLE.contains(&permission.name()) {
                let message = format!("`{}` cannot be granted on a server", permission.name());
                return Err(Error::invalid(message).hint(format!("What can be granted is {}.", GRANTABLE.join(", "))));
            }
            (self.parts().check_grant)(&permission).map_err(Error::invalid)?;
            Ok(permission)
        };
        let grants = texts.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        self.check_kept(actor, &grants)?;
        Ok(grants)
    }

    /// A page of the tenant's executions, newest first. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant, or the journal cannot be read.
    pub fn executions(
        &self,
        actor: &Actor,
        list: &ExecutionList,
        page: &PageRequest,
    ) -> Result<Page<ExecutionRow>, Error> {
        let filter = ExecutionFilter {
            tenant: Some(actor.tenant.clone()),
            statuses: list.statuses.clone(),
            workflow: list.workflow.clone(),
            since_ms: list.since_ms,
            until_ms: list.until_ms,
            text: list.text.clone(),
            parent: list.parent,
        };
        let cursor = page.after_number()?;
        let found = self.journal(|reader| reader.list(&filter, cursor, page.limit))?;
        let next = found.next.map(|next| crate::page::cursor(&next.to_string()));
        Ok(Page { items: found.rows, next })
    }

    /// An execution of the tenant. Reads one row, which is quick enough to be done anywhere.
    ///
    /// # Errors
    /// There is none with this id in the tenant.
    pub fn execution(&self, actor: &Actor, id: &str) -> Result<ExecutionRow, Error> {
        let missing = || Error::not_found(format_args!("execution `{}`", akao_contract::shortened(id.to_owned(), 40)));
        let id: ExecutionId = id.parse().map_err(|_| missing())?;
        let row = self.journal(|reader| reader.execution(id))?;
        row.filter(|row| row.tenant == actor.tenant).ok_or_else(missing)
    }

    /// Removes an execution that has ended, with its record; large values that it alone had go a while later. Its start's key is
    /// free again.
    ///
    /// # Errors
    /// There is none with this id in the tenant, or it or the one that started it has not ended.
    pub async fn remove_execution(&self, actor: &Arc<Actor>, id: &str) -> Result<(), Error> {
        let row = self.execution(actor, id)?;
        if !row.status.is_final() {
            return Err(Error::new(Code::Conflict, format!("execution {} has not ended: {}", row.id, row.status))
                .hint("Cancel it first."));
        }
        let details =
            json!({"execution": row.id, "workflow": row.workflow, "version": row.version, "status": row.status});
        let (executions, execution) = (Arc::clone(&self.parts().executions), row.id);
        let act = async move {
            match executions.call(Request::Remove { execution }).await {
                Ok(Reply::Done) => Ok(()),
                other => Err(unexpected(other)),
            }
        };
        self.announced(actor, "execution.removed", details, act).await?;
        self.inner.has_removed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The id of the step at which an execution failed, as its definition has it; none when it failed at none. Blocks.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn failed_step(&self, row: &ExecutionRow) -> Result<Option<String>, Error> {
        let finish = row.summary.as_deref().and_then(|bytes| serde_json::from_slice::<Finish>(bytes).ok());
        let Some(failure) = finish.and_then(|finish| finish.failure) else { return Ok(None) };
        let body = self.journal(|reader| reader.definition(&row.tenant, row.definition))?;
        let version = body.and_then(|body| serde_json::from_slice::<StoredVersion>(&body).ok());
        Ok(version.and_then(|version| step_id(&version.definition, &failure.step)))
    }

    /// The steps of an execution, from its history. Blocks.
    ///
    /// # Errors
    /// There is no such execution, or its history cannot be read.
    pub fn steps(&self, actor: &Actor, id: &str) -> Result<Steps, Error> {
        let mut follower = self.follower(self.execution(actor, id)?.id)?;
        follower.catch_up()?;
        let mut steps = Steps::default();
        follower.take_ready().iter().for_each(|told| steps.take(told));
        Ok(steps)
    }

    /// The record of an execution from one event on, as `akao executions export` writes it. Blocks.
    ///
    /// # Errors
    /// There is no such execution, its record cannot be read, or the actor may not see workflows, which are part of it.
    pub fn record(&self, actor: &Actor, id: &str, from_seq: u64) -> Result<String, Error> {
        let (execution, blobs) = (self.execution(actor, id)?.id, self.parts().blobs.as_ref());
        if !actor.may(Permission::WorkflowsRead) {
            let message =
                format!("the record holds the workflow, which needs the permission `{}`", Permission::WorkflowsRead);
            return Err(Error::new(Code::Forbidden, message));
        }
        let text = self.journal(|reader| Ok(export::excerpt(reader, blobs, execution, from_seq)))?;
        text.map_err(|problem| {
            tracing::error!("the record of {execution} cannot be read: {problem}");
            Error::new(Code::Quarantined, "the record of the execution is damaged")
        })
    }

    /// Replays an execution's history and holds every decision against the recorded one; says how many events there are.
    /// Blocks.
    ///
    /// # Errors
    /// As [`Platform::steps`]; a decision differs.
    pub fn replay(&self, actor: &Actor, id: &str) -> Result<usize, Error> {
        let mut follower = self.follower(self.execution(actor, id)?.id)?;
        follower.catch_up()?;
        Ok(follower.take_ready().len())
    }

    /// What of the tenant waits for a place, and how many of its executions may run at once.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn queue(&self, actor: &Actor) -> Result<(Vec<QueueEntry>, u64), Error> {
        let (mut entries, limit) = self.queues().await?;
        Ok((entries.remove(&actor.tenant).unwrap_or_default(), self.places(&actor.tenant, limit)))
    }

    /// How many executions of a tenant may run at once where so many may of all together.
    pub fn places(&self, tenant: &Tenant, of_all: u64) -> u64 {
        self.parts().allowances.of(tenant).executions.map_or(of_all, |own| own.min(of_all))
    }

    /// What of each tenant waits for a place, for whoever shows each of them its own, and how many executions may run at once
    /// of all together.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn queues(&self) -> Result<(BTreeMap<Tenant, Vec<QueueEntry>>, u64), Error> {
        match self.parts().executions.call(Request::Queue).await {
            Ok(Reply::Queue { entries, limit, .. }) => {
                let mut of: BTreeMap<Tenant, Vec<QueueEntry>> = BTreeMap::new();
                for entry in entries {
                    of.entry(entry.tenant.clone()).or_default().push(entry);
                }
                Ok((of, limit))
            }
            other => Err(unexpected(other)),
        }
    }

    /// Takes an execution out of the queue: it never begins. One that has begun is left alone.
    ///
    /// # Errors
    /// There is no such execution in the tenant, or it does not wait any more.
    pub async fn leave_queue(&self, actor: &Arc<Actor>, id: &str) -> Result<(), Error> {
        let row = self.execution(actor, id)?;
        if row.status != ExecutionStatus::Queued {
            let message = format!("execution {} does not wait in the queue; it is {}", row.id, row.status);
            return Err(Error::new(Code::Conflict, message).hint("Cancel the execution itself."));
        }
        let reason = Some("taken out of the queue".to_owned());
        // It may begin at this moment: the engine takes out only what still waits.
        self.steer(actor, id, crate::Steer::LeaveQueue { reason }).await.map(drop)
    }

    /// Follows an execution from its first event.
    pub(crate) fn follower(&self, id: ExecutionId) -> Result<Follower, Error> {
        let parts = self.parts();
        let readers = Arc::clone(&parts.readers);
        Ok(Follower::new(readers, Arc::clone(&parts.blobs), id, &parts.catalogue)?)
    }
}

/// The id of the step at an address: the one that its author gave, or its place within its tree.
fn step_id(definition: &Definition, address: &Address) -> Option<String> {
    let (mut node, mut tree, mut place) = (&definition.root, String::new(), Address::root());
    for segment in &address.segments {
        match node.props.get("treeId").and_then(Value::as_str).filter(|_| node.node_type == "SubTree") {
            // What it runs is the root of another tree.
            Some(name) => (node, tree, place) = (definition.trees.get(name)?, format!("{name}:"), Address::root()),
            None => {
                node = node.children.get(usize::try_from(segment.index).ok()?)?;
                place = place.child(segment.index);
            }
        }
    }
    Some(node.id.clone().unwrap_or_else(|| format!("{tree}{place}")))
}

/// An answer that does not belong to what was asked.
pub(crate) fn unexpected(answer: Result<Reply, CallError>) -> Error {
    match answer {
        Err(refused) => refused.into(),
        Ok(reply) => {
            tracing::error!("the engine gave an answer to something else: {reply:?}");
            Error::new(Code::Internal, "the server met a defect; its operator finds more in the log")
        }
    }
}
