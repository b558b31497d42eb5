//! One package in its sandbox, called without a workflow, with its messages to look at.

use crate::{cli::Context, failure::Failure, operator::Operator, wiring};
use akao_contract::{
    Address, ExecutionId, Invocation, NodeId, NodeType, OpId, Outcome, Permission, StepContext, StepError, Tenant,
    manifest::{PackageId, PinnedNode},
};
use akao_flow::{check_props, with_defaults};
use akao_host::DiskBlobs;
use akao_nodes::{Audit, AuditEvent, Pinned, SandboxLaunch, Subject};
use akao_runtime::{
    DiskState, HostPorts, Launch, LaunchError, NoDenials, PoolSnapshot, ProcessRunner, ProcessSpec, Started,
    ValidateAnswer,
};
use akao_step::{BoxFuture, CancellationToken, Secret, StepEvent, StepEvents, StepIo, StepRunner};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
};

/// Events of a call that wait to be shown.
const EVENTS_WAITING_MAX: usize = 4_096;

/// Longest message that is looked at; a longer one breaks the connection, as the protocol wants it.
const MESSAGE_BYTES_MAX: u64 = 32 << 20;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From Akao to the node.
    In,
    /// From the node to Akao.
    Out,
}

/// Is shown every message.
pub(super) type Watch = Arc<dyn Fn(Way, &str) + Send + Sync>;

/// What a package may use.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub(super) grants: Vec<Permission>,
    pub(super) volumes: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// A package that can be called.
pub(super) struct Stand {
    package: Pinned,
    runner: ProcessRunner,
    calls: AtomicU64,
    entropy: u128,
    /// Where blobs and state are, for as long as this lives.
    _folder: tempfile::TempDir,
}

/// How a call went.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) events: Vec<StepEvent>,
}

impl Stand {
    /// Nothing is started yet.
    pub(super) fn new(package: Pinned, watch: Option<Watch>, context: &Context) -> Result<Self, Failure> {
        let operator = Operator::read(&wiring::data_dir(context)?)?;
        let no_folder = |error: io::Error| Failure::storage("cannot make a temporary folder").because(&error);
        let folder = tempfile::tempdir().map_err(no_folder)?;
        let sandboxes = SandboxLaunch::new(operator.launch(None), Arc::new(Unheard));
        let launch: Arc<dyn Launch> = match watch {
            Some(watch) => Arc::new(Watched { sandboxes, watch }),
            None => Arc::new(sandboxes),
        };
        let host = HostPorts {
            blobs: Arc::new(DiskBlobs::new(folder.path().join("blobs"))),
            state: Arc::new(DiskState::new(folder.path().join("state"))),
            denials: Arc::new(NoDenials),
            outside: None,
        };
        let runner = ProcessRunner::new(launch, host, operator.runtime());
        let cannot = |error| Failure::usage("the package cannot be run").because(&error);
        runner.add(package.to_package()).map_err(cannot)?;
        Ok(Self { package, runner, calls: AtomicU64::new(0), entropy: wiring::entropy()?, _folder: folder })
    }

    /// The package.
    pub(super) fn package(&self) -> &Pinned {
        &self.package
    }

    /// The node of this id, or the only one.
    pub(super) fn node(&self, id: Option<&str>) -> Result<Arc<NodeType>, Failure> {
        let types = self.package.node_types();
        let manifest = self.package.folder.manifest();
        let named: Vec<&str> = manifest.nodes.iter().map(|node| node.id.as_str()).collect();
        let at = match (id, &named[..]) {
            (Some(id), _) => named.iter().position(|name| *name == id),
            (None, [_]) => Some(0),
            (None, _) => named.iter().position(|name| *name == manifest.id.as_str()),
        };
        let listed = format!("It holds {}.", named.join(", "));
        match (at.and_then(|at| types.get(at)), id) {
            (Some(node), _) => Ok(Arc::clone(node)),
            (None, Some(id)) => Err(Failure::usage(format!("the package holds no node `{id}`")).hint(listed)),
            (None, None) => {
                Err(Failure::usage("the package holds several nodes").hint(format!("{listed} Name one with `--node`.")))
            }
        }
    }

    /// The parameters with defaults; an error names every problem.
    pub(super) fn parameters(&self, node: &NodeType, given: Value) -> Result<Map<String, Value>, Failure> {
        let mut map = match given {
            Value::Null => Map::new(),
            Value::Object(map) => map,
            other => return Err(Failure::usage(format!("inputs are an object, not {other}"))),
        };
        with_defaults(&node.props, &mut map);
        let problems: Vec<String> = check_props(&node.props, &map).into_iter().map(|problem| problem.message).collect();
        match problems.is_empty() {
            true => Ok(map),
            false => {
                let failure =
                    Failure::usage("the inputs do not fit the node").hint("Give them with `--input` or `--set`.");
                Err(Failure { causes: problems, ..failure })
            }
        }
    }

    /// Runs one call to its end. `told` is given each event as it comes.
    pub(super) async fn call(
        &self,
        node: &NodeType,
        parameters: Map<String, Value>,
        given: &Given,
        mut told: impl FnMut(&StepEvent),
    ) -> Done {
        let (sender, mut receiver) = mpsc::channel(EVENTS_WAITING_MAX);
        let secrets = Arc::new(given.secrets.clone());
        let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::new(sender), secrets };
        let context = self.context(given);
        let invocation = Invocation {
            context,
            node_type: node.name.as_str().into(),
            props: parameters,
            blackboard: BTreeMap::new(),
            input: None,
        };
        let mut running = self.runner.run(invocation, io);
        let mut events = Vec::new();
        let outcome = loop {
            tokio::select! {
                outcome = &mut running => break outcome,
                Some(event) = receiver.recv() => {
                    told(&event);
                    events.push(event);
                }
            }
        };
        while let Ok(event) = receiver.try_recv() {
            told(&event);
            events.push(event);
        }
        Done { outcome, events }
    }

    /// What the node itself says about parameters.
    pub(super) async fn validate(
        &self,
        node: &PackageId,
        parameters: &Map<String, Value>,
        given: &Given,
    ) -> Result<ValidateAnswer, StepError> {
        let manifest = self.package.folder.manifest();
        let name = PinnedNode { node: node.clone(), version: manifest.version.clone(), digest: self.package.digest };
        let secrets = Arc::new(given.secrets.clone());
        self.runner.validate(&name.to_string(), &self.context(given), &secrets, parameters).await
    }

    /// What runs.
    pub(super) fn snapshot(&self) -> Vec<PoolSnapshot> {
        self.runner.snapshot()
    }

    /// Ends the processes.
    pub(super) async fn end(&self) {
        self.runner.shutdown().await;
    }

    fn context(&self, given: &Given) -> StepContext {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let at_ms = u64::try_from(wiring::now_ms()).unwrap_or_default();
        let execution = ExecutionId::from_parts(at_ms, self.entropy & ((1 << 80) - 1));
        StepContext {
            tenant: Tenant::local(),
            execution,
            workflow: "akao-node".into(),
            node_id: NodeId::new("node"),
            step: Address::root(),
            op: OpId(number),
            attempt: 1,
            idempotency_key: format!("{execution}/{number}"),
            deadline_ms: None,
            grants: Arc::new(given.grants.clone()),
            volumes: Arc::new(given.volumes.clone()),
            trace: None,
        }
    }
}

/// The audit of somebody who looks on.
struct Unheard;

impl Audit for Unheard {
    fn record(&self, _: &Subject, _: AuditEvent) {}
}

/// Starts processes and shows what passes between them and the host.
struct Watched {
    sandboxes: SandboxLaunch,
    watch: Watch,
}

impl Launch for Watched {
    fn start<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<Started, LaunchError>> {
        Box::pin(async move {
            let started = self.sandboxes.start(spec).await?;
            let failed = |error: io::Error| LaunchError::Failed { stage: "socket".into(), reason: error.to_string() };
            let (host, ours) = UnixStream::pair().map_err(failed)?;
            let (from_host, to_host) = ours.into_split();
            let (from_node, to_node) = started.socket.into_split();
            tokio::spawn(pass_on(from_host, to_node, Way::In, Arc::clone(&self.watch)));
            tokio::spawn(pass_on(from_node, to_host, Way::Out, Arc::clone(&self.watch)));
            Ok(Started { socket: host, ..started })
        })
    }
}

/// Passes messages on, shows each, and closes the way on when it ends.
async fn pass_on(from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, watch: Watch) {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        match (&mut from).take(MESSAGE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let packed = packed_bytes(&line);
        match packed {
            Some(bytes) => watch(way, &format!("a compressed message of {bytes} bytes")),
            None => watch(way, String::from_utf8_lossy(&line).trim_end()),
        }
        // What cannot be passed on any more has been seen, which is what this is for.
        if to.write_all(&line).await.is_err() {
            break;
        }
        if let Some(bytes) = packed
            && tokio::io::copy(&mut (&mut from).take(bytes), &mut to).await.is_err()
        {
            break;
        }
    }
    // The other side has left already if this fails.
    let _ = to.shutdown().await;
}

/// How many bytes follow a line that says so: `Z123`.
fn packed_bytes(line: &[u8]) -> Option<u64> {
    let number = line.strip_prefix(b"Z")?.strip_suffix(b"\n")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}
