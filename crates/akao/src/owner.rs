//! Who owns a data directory, and how other processes reach them.
//!
//! The process that holds the journal's lock is the owner; it serves `control.sock` in the data directory. Every other
//! process is its client. A command that needs an owner and finds none either becomes it ([`in_process`]) or starts one
//! in the background ([`background`]); the lock decides every race.

mod client;
mod pools;
mod protocol;
mod server;
mod socket;
mod spawn;
mod watch;

pub(crate) use client::Client;
pub(crate) use pools::PoolState;
pub(crate) use server::Server;
pub(crate) use spawn::start_background;

use crate::{
    failure::Failure,
    operator::{Operator, Preload},
    used::Used,
    wiring,
};
use akao_contract::{Address, ExecutionId, NodeId, OpId, Permission, StepContext};
use akao_engine::{CallError, Engine, EngineThread, Executions, Reply, Request, StartRequest};
use akao_host::BoundedBlobs;
use akao_journal::OpenError;
use akao_nodes::{ExternalNodes, Pinned};
use akao_step::{Allowances, SecretSource};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, task::JoinHandle};

/// How long steps that run may take to end when their process ends.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long an owner that has the lock may take until it answers.
const OWNER_WAIT: Duration = Duration::from_secs(15);

/// Background owners that are started anew when they are killed before they answer.
const KILLED_MAX: u32 = 3;

/// Between two looks at something that another process does.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The way to the executions of a data directory.
pub(crate) enum Attached {
    /// This process is the owner.
    Own(Own),
    /// Another process is.
    Client(Client),
}

impl Attached {
    /// The executions.
    pub(crate) fn executions(&self) -> &dyn Executions {
        match self {
            Self::Own(own) => &own.engine,
            Self::Client(client) => client,
        }
    }

    /// Whether this process is the owner.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// Starts what is to be started ahead, where this process runs the steps: packages whose manifest says so, that the
    /// operator lists, or that were used most.
    pub(crate) async fn preload(&self, packages: &[Pinned], start: &StartRequest) {
        let Self::Own(own) = self else { return };
        let most_used = if own.preload.most_used == 0 { Used::default() } else { Used::read(&own.folder) };
        let most_used = most_used.most(own.preload.most_used);
        for package in packages {
            let manifest = package.folder.manifest();
            let is_ahead = manifest.preload
                || own.preload.nodes.contains(&manifest.id)
                || most_used.contains(&manifest.id.as_str());
            let Some(node) = package.first_node().filter(|_| is_ahead) else { continue };
            let is_lent = |name: &&String| {
                let of_name = |grant: &&Permission| grant.name() == "secrets" && grant.scope() == Some(name.as_str());
                manifest.permissions.iter().any(|asked| of_name(&asked))
                    && start.grants.iter().any(|granted| of_name(&granted))
            };
            let lent = start.secrets.0.iter().filter(|(name, _)| is_lent(name));
            let secrets = Arc::new(lent.map(|(name, secret)| (name.clone(), secret.clone())).collect());
            // What cannot be started ahead is told by the step that needs it.
            let _ = own.nodes.preload(&node, &context_like(start), &secrets).await;
        }
    }

    /// Lets go. An owner with unfinished executions hands them to a background process if they are to go on.
    pub(crate) async fn end(self, goes_on: bool) -> Result<(), Failure> {
        match self {
            Self::Own(own) => own.end(goes_on).await,
            Self::Client(_) => Ok(()),
        }
    }
}

/// The context of the steps of an execution that is about to begin, as far as it decides which process serves them.
fn context_like(start: &StartRequest) -> StepContext {
    StepContext {
        tenant: start.tenant.clone(),
        execution: ExecutionId::from_parts(0, 0),
        workflow: start.bundle.definition.id.as_str().into(),
        node_id: NodeId::new("ahead"),
        step: Address::root(),
        op: OpId(0),
        attempt: 1,
        idempotency_key: String::new(),
        deadline_ms: None,
        grants: Arc::new(start.grants.clone()),
        volumes: Arc::new(start.volumes.clone()),
        trace: None,
    }
}

/// This process as the owner of a data directory.
pub(crate) struct Own {
    pub(crate) engine: Engine,
    thread: EngineThread,
    pub(crate) nodes: Arc<ExternalNodes>,
    pub(crate) blobs: Arc<BoundedBlobs>,
    pub(crate) allowances: Allowances,
    pub(crate) server: Server,
    preload: Preload,
    watching: JoinHandle<()>,
    folder: PathBuf,
}

impl Own {
    /// Becomes the owner: takes the lock, starts the engine and serves the socket.
    ///
    /// # Errors
    /// The inner one when another process is the owner.
    pub(crate) fn open(folder: &Path) -> Result<Result<Self, OpenError>, Failure> {
        Self::open_with(folder, &|_| Ok(None))
    }

    /// As [`Own::open`], with what is made once the lock is held and before any step runs: where secrets of tenants are kept, and
    /// what tenants may use.
    fn open_with(folder: &Path, prepare: Prepare<'_>) -> Result<Result<Self, OpenError>, Failure> {
        wiring::make_data_dir(folder)?;
        let preload = Operator::read(folder)?.preload;
        let journal = match wiring::open_journal(folder) {
            Ok(journal) => journal,
            Err(locked @ OpenError::Locked { .. }) => return Ok(Err(locked)),
            Err(other) => return Err(other.into()),
        };
        let allowances = Allowances::default();
        let secrets = prepare(&allowances)?;
        let wiring::Started { engine, thread, nodes, blobs } =
            wiring::start_engine(journal, folder, &allowances, Handle::current(), secrets)?;
        let server = Server::start(folder, engine.clone(), Arc::clone(&nodes))?;
        let watching = watch::watch_packages(folder, Arc::clone(&nodes));
        let folder = folder.to_owned();
        Ok(Ok(Self { engine, thread, nodes, blobs, allowances, server, preload, watching, folder }))
    }

    /// Whether nothing runs, is queued or waits for a timer.
    pub(crate) async fn is_idle(&self) -> bool {
        matches!(Engine::call(&self.engine, Request::Health).await, Ok(Reply::Health { idle: true, .. }))
    }

    /// Whether the engine has ended by itself, which it does only when the journal fails.
    pub(crate) fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Stops serving and ends the engine; steps that run get their grace.
    ///
    /// # Errors
    /// The journal had refused a commit.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.watching.abort();
        self.server.close().await;
        self.engine.stop(STOP_GRACE);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await;
        count_calls(&self.nodes, &self.folder);
        self.nodes.shutdown().await;
        match joined {
            Ok(ended) => ended.map_err(Failure::from),
            Err(broken) => Err(Failure::internal("the engine broke off").because(&broken)),
        }
    }

    async fn end(self, goes_on: bool) -> Result<(), Failure> {
        let folder = self.folder.clone();
        let unfinished = goes_on && !self.is_idle().await && !self.has_failed();
        self.stop().await?;
        if unfinished { start_background(&folder).map(drop) } else { Ok(()) }
    }
}

/// Counts the calls of each package. Nothing that is needed is lost when it fails.
fn count_calls(nodes: &ExternalNodes, folder: &Path) {
    let pools = nodes.snapshot();
    if pools.iter().all(|pool| pool.counters.calls == 0) {
        return;
    }
    let (mut used, now) = (Used::read(folder), wiring::now_ms());
    pools.iter().for_each(|pool| used.add(&pool.package, pool.counters.calls, now));
    used.forget(now);
    let _ = used.write(folder);
}

/// Becomes the owner, or the client of the process that is.
///
/// # Errors
/// The data directory cannot be used, or its owner does not answer.
pub(crate) async fn in_process(folder: &Path) -> Result<Attached, Failure> {
    let deadline = Instant::now() + OWNER_WAIT;
    loop {
        let locked = match Own::open(folder)? {
            Ok(own) => return Ok(Attached::Own(own)),
            Err(locked) => locked,
        };
        let client = Client::new(folder);
        match client.is_answered().await {
            Ok(true) => return Ok(Attached::Client(client)),
            Err(silent) => return Err(silent),
            Ok(false) if Instant::now() >= deadline => return Err(locked.into()),
            Ok(false) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// Says what tenants may use, and makes what keeps their secrets, where this process has that.
pub(crate) type Prepare<'a> = &'a dyn Fn(&Allowances) -> Result<Option<Arc<dyn SecretSource>>, Failure>;

/// Becomes the owner; one in the background that a command left behind makes room for it.
///
/// # Errors
/// Another process stays the owner, or the data directory cannot be used.
pub(crate) async fn only_owner(folder: &Path, prepare: Prepare<'_>) -> Result<Own, Failure> {
    let deadline = Instant::now() + OWNER_WAIT;
    loop {
        let locked = match Own::open_with(folder, prepare)? {
            Ok(own) => return Ok(own),
            Err(locked) => locked,
        };
        if !Client::new(folder).asks_for_room().await? || Instant::now() >= deadline {
            return Err(locked.into());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The client of the owner, which is started in the background when there is none.
///
/// # Errors
/// The data directory cannot be used, or its owner does not answer.
pub(crate) async fn background(folder: &Path) -> Result<Client, Failure> {
    wiring::make_data_dir(folder)?;
    // The background process would tell nobody.
    Operator::read(folder)?;
    let deadline = Instant::now() + OWNER_WAIT;
    let client = Client::new(folder);
    let (mut started, mut killed): (Option<std::process::Child>, u32) = (None, 0);
    loop {
        if client.is_answered().await? {
            return Ok(client);
        }
        let ended = match &mut started {
            None => Some(None),
            Some(child) => child.try_wait().ok().flatten().map(Some),
        };
        match ended {
            Some(Some(status)) if !status.success() => {
                // One that was killed had no reason of its own; the next one may live.
                killed += u32::from(status.code().is_none());
                let reason = why_not(folder);
                if let Some(reason) = reason.filter(|_| status.code().is_some() || killed > KILLED_MAX) {
                    return Err(reason);
                }
                started = None;
            }
            Some(_) => started = Some(start_background(folder)?),
            None => {}
        }
        if Instant::now() >= deadline {
            let still = wiring::open_journal(folder).err().map(Failure::from);
            return Err(still.unwrap_or_else(|| spawn::failed(folder)));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Why a background owner could not start, as this process meets it too; none when another one has started meanwhile.
fn why_not(folder: &Path) -> Option<Failure> {
    match wiring::open_journal(folder) {
        Err(OpenError::Locked { .. }) => None,
        Err(other) => Some(other.into()),
        Ok(_) => Some(spawn::failed(folder)),
    }
}

/// The owner if there is one; nothing is started.
pub(crate) async fn existing(folder: &Path) -> Option<Client> {
    let client = Client::new(folder);
    client.is_answered().await.unwrap_or(false).then_some(client)
}

/// What a broken connection is to whoever asked.
fn broken(message: impl Into<String>) -> CallError {
    CallError::Stopped { message: message.into() }
}
