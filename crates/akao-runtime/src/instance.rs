//! One process of a node and the connection to it: how it is started, greeted, and asked to end.

use crate::{
    declared::Declared,
    host::HostSide,
    launch::{EndCause, Ended, Kill, Process, ProcessSpec},
    mask::Masks,
    pool::{Room, Services},
    streams::Streams,
    workspace::WorkspaceFolder,
};
use akao_contract::{ErrorKind, StepError};
use akao_rpc::{Connection, HealthStatus, HostCalls, InfoRequest, NoHostCalls, RpcError, Settings};
use akao_step::Secret;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long the end of a process is waited for once it is sure to come.
pub(crate) const END_LIMIT: Duration = Duration::from_secs(5);

/// Calls beyond those of steps that a connection has room for: health and shutdown.
const OWN_CALLS: u32 = 4;

/// Why a process was ended from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doom {
    /// It broke the protocol.
    Offence,
    /// It closed its socket and went on.
    SocketClosed,
    /// A call did not end when it was asked to.
    CallDidNotEnd,
    /// It was retired and did not end in time.
    Retired,
}

/// How a process ended, with what is known of why.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) ended: Ended,
    pub(crate) doom: Option<Doom>,
}

/// How a node feels, and what its process uses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(crate) health: Option<HealthStatus>,
    pub(crate) detail: Value,
    pub(crate) memory_bytes: Option<u64>,
    /// What it used when it was ready.
    pub(crate) memory_bytes_first: Option<u64>,
}

/// See the module.
pub(crate) struct Instance {
    pub(crate) number: u64,
    pub(crate) connection: Connection,
    pub(crate) process: Box<dyn Process>,
    pub(crate) streams: Streams,
    pub(crate) masks: Arc<Masks>,
    /// What the node sees as `/workspace`.
    pub(crate) workspace: Option<WorkspaceFolder>,
    pub(crate) started: Instant,
    pub(crate) condition: Mutex<Condition>,
    pub(crate) retire: watch::Sender<bool>,
    pub(crate) end: watch::Sender<Option<End>>,
    doom: Mutex<Option<Doom>>,
    next_run: AtomicU64,
    _room: Room,
}

/// What one process is started for.
pub(crate) struct Birth<'a> {
    pub(crate) number: u64,
    pub(crate) spec: &'a ProcessSpec,
    pub(crate) services: &'a Services,
    pub(crate) secrets: Arc<BTreeMap<String, Secret>>,
    pub(crate) declares_secret: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub(crate) concurrency: u32,
    pub(crate) room: Room,
}

impl Instance {
    /// Starts a process and opens the connection. It is not greeted yet, and somebody must drive it.
    pub(crate) async fn launch(birth: Birth<'_>) -> Result<Arc<Self>, StepError> {
        let Birth { number, spec, services, secrets, declares_secret, concurrency, room } = birth;
        let settings = &services.settings;
        let starting = tokio::time::timeout(settings.launch_limit, services.launch.start(spec));
        let started = match starting.await {
            Ok(started) => started.map_err(|error| error.to_step_error())?,
            Err(_) => {
                let message = format!("the process was not started within {} ms", settings.launch_limit.as_millis());
                let mut error = StepError::new(ErrorKind::Timeout, message).with_detail("reason", "launch_timeout");
                error.retryable = true;
                return Err(error.with_suggestion("The machine is overloaded; try again later."));
            }
        };
        let masks = Arc::new(Masks::default());
        let workspace = started.workspace.map(WorkspaceFolder::new);
        let side = HostSide {
            owner: services.owner(spec),
            declared: Declared::of(spec.kind),
            grants: spec.grants.clone(),
            secrets,
            declares_secret,
            ports: services.host.clone(),
            workspace: workspace.clone(),
            masks: Arc::clone(&masks),
            blob_room: Arc::clone(&services.blob_room),
            blob_bytes_max: settings.blob_bytes_max.min(spec.resources.disk_bytes),
        };
        let host: Arc<dyn HostCalls> = match spec.wish.without_host_calls {
            true => Arc::new(NoHostCalls),
            false => Arc::new(side),
        };
        let wire = Settings {
            message_bytes_max: settings.message_bytes_max,
            in_flight_max: usize::try_from(concurrency.saturating_add(OWN_CALLS)).unwrap_or(usize::MAX),
            ..Settings::default()
        };
        Ok(Arc::new(Self {
            number,
            connection: Connection::open(started.socket, wire, host),
            process: started.process,
            streams: Streams::new(started.stdout, started.stderr, settings.lines, Arc::clone(&masks)),
            masks,
            workspace,
            started: Instant::now(),
            condition: Mutex::default(),
            retire: watch::Sender::new(false),
            end: watch::Sender::new(None),
            doom: Mutex::default(),
            next_run: AtomicU64::new(0),
            _room: room,
        }))
    }

    /// A number for a step that begins.
    pub(crate) fn run_number(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    /// The handshake: the node must be the one that the manifest names.
    pub(crate) async fn greet(
        &self,
        spec: &ProcessSpec,
        nodes: &[&str],
        concurrency: u32,
        settings: &crate::RuntimeSettings,
    ) -> Result<(), StepError> {
        let request = InfoRequest {
            host: settings.host.clone(),
            tenant: Some(spec.tenant.as_str().to_owned()),
            granted: spec.grants.iter().map(|grant| Value::String(grant.to_string())).collect(),
            concurrency,
            limits: limits(spec),
        };
        let answer = match self.connection.info(&request, settings.handshake_limit).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.not_greeted(spec, error).await),
        };
        let (id, version) = (spec.package.as_str(), spec.version.as_str());
        let wrong = |reason: &str, message: String, suggestion: String| {
            Err(StepError::new(ErrorKind::Protocol, message).with_detail("reason", reason).with_suggestion(suggestion))
        };
        if answer.id != id {
            let said = akao_contract::shortened(answer.id, 100);
            let message = format!("the node says in `node.info` that it is `{said}`; its manifest says `{id}`");
            return wrong("wrong_id", message, "Make `id` in the manifest and in the node's code the same.".to_owned());
        }
        if answer.version != version {
            let said = akao_contract::shortened(answer.version, 100);
            let message = format!("the node `{id}` says that it is version `{said}`; its manifest says `{version}`");
            return wrong(
                "wrong_version_of_node",
                message,
                "Build the node again, or correct `version` in its manifest.".to_owned(),
            );
        }
        let missing =
            nodes.iter().find(|node| !answer.nodes.is_empty() && answer.nodes.iter().all(|said| said.id != **node));
        if let Some(node) = missing {
            let message = format!("the node `{id}` does not serve `{node}`, which its manifest declares");
            return wrong(
                "node_missing",
                message,
                format!("Serve `{node}` in the node's code, or remove it from the manifest."),
            );
        }
        Ok(())
    }

    /// Why there was no usable answer to `node.info`.
    async fn not_greeted(&self, spec: &ProcessSpec, error: RpcError) -> StepError {
        let package = &spec.package;
        let told = match &error {
            RpcError::TimedOut { limit_ms, .. } => {
                let message =
                    format!("the node `{package}` did not answer `node.info` within {limit_ms} ms of its start");
                let mut told = StepError::new(ErrorKind::Timeout, message).with_detail("reason", "handshake_timeout");
                told.retryable = false;
                told.with_suggestion("Let the node speak on descriptor 3 before it does anything slow; `akao-conformance` plays the handshake to it.")
            }
            RpcError::WrongVersion { .. } => {
                error.to_step_error().with_suggestion("Build the node with an SDK of this Akao's version.")
            }
            RpcError::Closed | RpcError::ClosedHere | RpcError::Io { .. } => {
                let end = self.wait_end().await;
                let how = end.map_or("closed its socket".to_owned(), |end| crate::failure::how_it_ended(&end));
                let message = format!("the node `{package}` {how} before it answered `node.info`");
                let mut told = StepError::new(ErrorKind::Internal, message).with_detail("reason", "crashed_at_start");
                told.retryable = true;
                told.with_suggestion(
                    "Its last lines are shown; `akao node run FOLDER` starts it alone and shows every message.",
                )
            }
            _ => error.to_step_error().with_suggestion("See what ends a connection in docs/node-protocol.md."),
        };
        let lines: Vec<Value> =
            self.streams.own_lines().into_iter().rev().take(10).map(|line| line.message.into()).collect();
        if lines.is_empty() {
            return told;
        }
        told.with_detail("lines", lines.into_iter().rev().collect::<Vec<_>>())
    }

    /// Ends the process from here; the first reason is kept.
    pub(crate) fn kill(&self, how: Kill, doom: Doom) {
        self.doom.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(doom);
        self.process.kill(how);
    }

    pub(crate) fn doom(&self) -> Option<Doom> {
        *self.doom.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the process ended, when that is known or will be soon.
    pub(crate) async fn wait_end(&self) -> Option<End> {
        let mut end = self.end.subscribe();
        let waited = tokio::time::timeout(END_LIMIT, end.wait_for(Option::is_some)).await;
        waited.ok()?.ok()?.clone()
    }

    /// What is told when nobody can say how it ended.
    pub(crate) fn unknown_end(&self) -> End {
        End { ended: Ended { cause: EndCause::Unknown, usage: Default::default() }, doom: self.doom() }
    }
}

/// The limits as a node is told them, in the manifest's words and in numbers.
fn limits(spec: &ProcessSpec) -> Map<String, Value> {
    let held = &spec.resources;
    let pairs: [(&str, u64); 6] = [
        ("memory_bytes", held.memory_bytes),
        ("cpu_millis", held.cpu_millis.into()),
        ("pids", held.pids.into()),
        ("files", held.files.into()),
        ("disk_bytes", held.disk_bytes),
        ("timeout_ms", held.timeout_ms),
    ];
    pairs.into_iter().map(|(name, amount)| (name.to_owned(), amount.into())).collect()
}
