//! Starts processes of nodes: plans the sandbox, has it made, serves its network.
//!
//! The spawner is started with the first process, since most runs of the program need none, and again when it was lost.

use crate::{
    audit::{Audit, AuditEvent, Denial, Repeats, Subject},
    bytecode::Bytecode,
    checked::Checked,
    order::{Engine, Interpreters, NetworkRules, Planned, TIE, plan},
    process::SandboxedProcess,
    tie::tie,
};
use akao_address::{Resolver, SystemResolver};
use akao_broker::{Act, Attached, AuditSink, Broker, Event, Limits, Policy, Sockets, Verdict};
use akao_contract::{Digest, manifest::RuntimeKind};
use akao_runtime::{Launch, LaunchError, Outside, ProcessSpec, Started};
use akao_sandbox::{Launcher, Listeners, Sandboxed, Source, SpawnError, Stage, StartError, Tier};
use akao_step::BoxFuture;
use std::{
    collections::BTreeMap,
    io,
    net::{TcpListener, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};
use tokio::{net::unix::pipe, sync::RwLock};

/// The descriptor on which a node speaks.
const NODE_SOCKET: u32 = 3;

/// What an operator decides about processes.
#[derive(Clone, Default)]
pub struct LaunchOptions {
    /// The sandbox, among it the least that the machine must enforce.
    pub sandbox: akao_sandbox::Options,
    /// What runs commands.
    pub interpreters: Interpreters,
    /// The folder in which Python packages are kept with their compiled modules; none where modules are compiled at each start.
    pub bytecode: Option<PathBuf>,
    /// Networks beside the public Internet that nodes may reach when their grants name them.
    pub operator_networks: Vec<String>,
    /// Whether a connection must say the granted name in its TLS or HTTP greeting, so that a granted address does not lead
    /// to another name that is served there.
    pub server_name_required: bool,
    /// Whether an address or a network that a grant itself names is open although it is not public: where the one who
    /// grants is the operator.
    pub granted_addresses_are_open: bool,
    /// What one process may use of the network.
    pub network: Limits,
    /// All processes together.
    pub broker: akao_broker::Options,
    /// Finds the addresses of granted names; without one, the machine's own resolver.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// What nodes reach through the host.
    pub outside: Option<Arc<dyn Outside>>,
    /// What runs bundles; none where no bundle is run.
    pub bundles: Option<Arc<dyn BundleProgram>>,
}

/// The program that runs bundles: a package of its own, of which a process of a bundle sees the folder.
pub trait BundleProgram: Send + Sync {
    /// The folder, what it holds, and the program in it. Blocks.
    ///
    /// # Errors
    /// It is not there; the reason is for people.
    fn find(&self) -> Result<(PathBuf, Digest, &'static str), String>;
}

/// Starts processes in sandboxes. Clones share one spawner.
#[derive(Clone)]
pub struct SandboxLaunch(Arc<Shared>);

struct Shared {
    options: LaunchOptions,
    launcher: Mutex<Option<Arc<Launcher>>>,
    bytecode: Option<Bytecode>,
    checked: Checked,
    compiling: Mutex<Vec<JoinHandle<()>>>,
    /// Shared by the processes that are being made.
    making: Arc<RwLock<()>>,
    broker: Broker,
    sink: Arc<NetworkAudit>,
    next: AtomicU64,
}

/// A sandbox that was made, with the launcher's word on it.
struct Made {
    sandboxed: Sandboxed,
    tier: &'static str,
}

impl SandboxLaunch {
    /// Starts nothing yet.
    pub fn new(options: LaunchOptions, audit: Arc<dyn Audit>) -> Self {
        let resolver = options.resolver.clone().unwrap_or_else(|| Arc::new(SystemResolver));
        let sink = Arc::new(NetworkAudit { audit, subjects: Mutex::default(), repeats: Repeats::default() });
        let broker = Broker::new(&options.broker, resolver, Arc::clone(&sink) as Arc<dyn AuditSink>);
        let next = AtomicU64::new(1);
        let bytecode = options.bytecode.clone().map(Bytecode::new);
        let (launcher, compiling, checked) = (Mutex::new(None), Mutex::default(), Checked::default());
        let making = Arc::default();
        Self(Arc::new(Shared { options, launcher, bytecode, checked, compiling, making, broker, sink, next }))
    }

    /// Waits for processes that nobody waits for any more while they are being made, and for what is being prepared for later
    /// ones: whoever removes the folders of both comes after that.
    pub(crate) async fn settle(&self) {
        drop(self.0.making.write().await);
        let compiling = std::mem::take(&mut *self.0.compiling.lock().unwrap_or_else(PoisonError::into_inner));
        // Each ends within the limit of its sandbox; one that broke off has prepared nothing.
        let _ = tokio::task::spawn_blocking(|| compiling.into_iter().for_each(|work| drop(work.join()))).await;
    }

    /// Starts the spawner, if it does not run.
    pub(crate) async fn warm_up(&self) -> Result<(), LaunchError> {
        let shared = Arc::clone(&self.0);
        let broken =
            |_| Err(LaunchError::Failed { stage: "spawner".to_owned(), reason: "the host broke off".to_owned() });
        tokio::task::spawn_blocking(move || shared.launcher().map(drop)).await.unwrap_or_else(broken)
    }
}

impl Shared {
    /// The launcher, started when there is none or its spawner was lost. Blocks.
    fn launcher(&self) -> Result<Arc<Launcher>, LaunchError> {
        let mut launcher = self.launcher.lock().unwrap_or_else(PoisonError::into_inner);
        match &*launcher {
            Some(there) if !there.is_gone() => Ok(Arc::clone(there)),
            _ => {
                let started = Launcher::start(self.options.sandbox.clone()).map_err(|error| start_failed(&error))?;
                Ok(Arc::clone(launcher.insert(Arc::new(started))))
            }
        }
    }

    /// Forgets a launcher whose spawner is gone, so that the next process gets a new one.
    fn forget(&self, lost: &Arc<Launcher>) {
        let mut launcher = self.launcher.lock().unwrap_or_else(PoisonError::into_inner);
        if launcher.as_ref().is_some_and(|there| Arc::ptr_eq(there, lost)) {
            *launcher = None;
        }
    }

    fn make(&self, planned: Planned, socket: OwnedFd, words: &ProcessSpec) -> Result<Made, LaunchError> {
        let launcher = self.launcher()?;
        let tier = launcher.tier().tier.name();
        let mut descriptors = vec![(NODE_SOCKET, socket)];
        if words.wish.ties_children {
            descriptors.push((TIE, tie(launcher.tier().tier)?));
        }
        match launcher.spawn(planned.sandbox, descriptors) {
            Ok(sandboxed) => Ok(Made { sandboxed, tier }),
            Err(error) => {
                if matches!(error, SpawnError::SpawnerGone(_)) {
                    self.forget(&launcher);
                }
                Err(spawn_failed(&error, &words.command))
            }
        }
    }

    /// A Python package with its compiled modules, if they were made.
    fn bytecode(&self, spec: &ProcessSpec) -> Option<Source> {
        let is_usual = spec.kind == RuntimeKind::Python && spec.wish.interpreter.is_none();
        let bytecode = self.bytecode.as_ref().filter(|_| is_usual)?;
        bytecode.open(&spec.digest, &self.options.interpreters.find(spec.kind).ok()??, &spec.folder)
    }

    /// Has the modules of a Python package compiled for its next process, on a thread of its own. Where another than the usual
    /// interpreter runs it, they are compiled by each process: such a one is started once for many runs.
    fn compile(self: &Arc<Self>, spec: &ProcessSpec) {
        let is_python = spec.kind == RuntimeKind::Python && spec.wish.interpreter.is_none();
        let Ok(Some(interpreter)) = self.options.interpreters.find(spec.kind) else { return };
        let wanted = |bytecode: &Bytecode| bytecode.is_wanted(&spec.digest, &interpreter);
        if !is_python || !self.bytecode.as_ref().is_some_and(wanted) {
            return;
        }
        let (shared, digest, package) = (Arc::clone(self), spec.digest, spec.folder.clone());
        let work = std::thread::Builder::new().name("akao-bytecode".into()).spawn(move || {
            let (Some(bytecode), Ok(launcher)) = (&shared.bytecode, shared.launcher()) else { return };
            // Compiled modules name the files that they were made of, and without mounts those would be others.
            if launcher.tier().tier > Tier::T1 {
                return;
            }
            // Without it the next process starts as this one did.
            if let Err(error) = bytecode.make(&launcher, &digest, &interpreter, &package) {
                tracing::debug!(%digest, %error, "the modules of a package were not compiled");
            }
        });
        self.compiling.lock().unwrap_or_else(PoisonError::into_inner).extend(work);
    }

    /// What runs a bundle, held against its digest like any package.
    fn engine(&self, spec: &ProcessSpec) -> Result<Option<Engine>, LaunchError> {
        if spec.kind != RuntimeKind::Bundle {
            return Ok(None);
        }
        let failed = |reason: String| LaunchError::Program { program: "the program of bundles".to_owned(), reason };
        let bundles = self.options.bundles.as_ref();
        let bundles = bundles.ok_or_else(|| failed("no bundles are run here".to_owned()))?;
        let (folder, digest, program) = bundles.find().map_err(failed)?;
        Ok(Some(Engine { folder: self.checked.open(&folder, &digest)?, program }))
    }

    fn network_rules(&self, spec: &ProcessSpec) -> NetworkRules {
        let mut open = if spec.public_only { Vec::new() } else { self.options.operator_networks.clone() };
        if !spec.public_only && self.options.granted_addresses_are_open {
            open.extend(spec.grants.iter().filter_map(granted_network));
        }
        NetworkRules { open, server_name_required: self.options.server_name_required }
    }

    fn attach(
        &self,
        identity: &str,
        listeners: Option<Listeners>,
        policy: Option<Policy>,
    ) -> Result<Option<Attached>, LaunchError> {
        let (Some(listeners), Some(policy)) = (listeners, policy) else { return Ok(None) };
        let sockets = Sockets {
            listeners: listeners.tcp.into_iter().map(|(_, socket)| TcpListener::from(socket)).collect(),
            name_server: UdpSocket::from(listeners.names),
        };
        let failed = |error: akao_broker::AttachError| failed("network", &error);
        self.broker.attach(identity, sockets, policy, self.options.network.clone()).map(Some).map_err(failed)
    }
}

/// The network that a grant names by address.
fn granted_network(grant: &akao_contract::Permission) -> Option<String> {
    if !matches!(grant.name(), "network.http" | "network.tcp") {
        return None;
    }
    let (host, _) = akao_address::split_port(grant.scope()?).ok()?;
    let is_network = host.parse::<akao_address::Network>().is_ok();
    is_network.then(|| host.to_owned())
}

impl Launch for SandboxLaunch {
    fn start<'a>(&'a self, spec: &'a ProcessSpec) -> BoxFuture<'a, Result<Started, LaunchError>> {
        Box::pin(start(Arc::clone(&self.0), spec))
    }
}

async fn start(launch: Arc<Shared>, spec: &ProcessSpec) -> Result<Started, LaunchError> {
    let (ours, theirs) = UnixStream::pair().map_err(|error| failed("socket", &error))?;
    ours.set_nonblocking(true).map_err(|error| failed("socket", &error))?;
    let number = launch.next.fetch_add(1, Ordering::Relaxed);
    let subject = Subject {
        tenant: spec.tenant.as_str().to_owned(),
        package: spec.package.as_str().to_owned(),
        version: Some(spec.version.clone()),
        process: Some(number),
    };
    let (work, words) = (Arc::clone(&launch), spec.clone());
    // Dropped half-way, the work ends by itself and what it made is killed by being dropped.
    let making = Arc::clone(&launch.making).read_owned().await;
    let made = tokio::task::spawn_blocking(move || {
        let _making = making;
        let package = work.checked.open(&words.folder, &words.digest)?;
        let compiled = work.bytecode(&words);
        let is_compiled = compiled.is_some();
        // Its own files are those of the package, which were checked.
        let package = compiled.unwrap_or(package);
        let engine = work.engine(&words)?;
        let mut planned = plan(&words, package, engine, &work.options.interpreters, &work.network_rules(&words))?;
        let policy = planned.policy.take();
        let made = work.make(planned, theirs.into(), &words)?;
        if !is_compiled {
            work.compile(&words);
        }
        Ok((made, policy))
    });
    let broken = |_| Err(LaunchError::Failed { stage: "spawn".to_owned(), reason: "the host broke off".to_owned() });
    let (Made { mut sandboxed, tier }, policy) = made.await.unwrap_or_else(broken)?;
    let identity = format!("{}/{}#{number}", spec.tenant.as_str(), spec.package);
    let named = NetworkAudit::begin(&launch.sink, identity.clone(), &subject);
    let network = launch.attach(&identity, sandboxed.take_listeners(), policy)?;
    launch.sink.audit.record(
        &subject,
        AuditEvent::Started {
            digest: spec.digest,
            sandbox: hex(&sandboxed.hash()),
            tier: tier.to_owned(),
            grants: spec.grants.iter().map(ToString::to_string).collect(),
        },
    );
    let (stdout, stderr) = (sandboxed.take_stdout(), sandboxed.take_stderr());
    let workspace = sandboxed.take_workspace();
    let audit = Arc::clone(&launch.sink.audit);
    let process =
        SandboxedProcess::new(sandboxed, network, subject, audit).map_err(|error| failed("status", &error))?;
    Ok(Started {
        socket: tokio::net::UnixStream::from_std(ours).map_err(|error| failed("socket", &error))?,
        stdout: output(stdout)?,
        stderr: output(stderr)?,
        workspace,
        process: Box::new(Watched { process, _named: named }),
    })
}

/// A pipe that the program writes to.
fn output(pipe: Option<OwnedFd>) -> Result<akao_runtime::Output, LaunchError> {
    let Some(pipe) = pipe else { return Ok(Box::pin(tokio::io::empty())) };
    let unusable = |error: io::Error| failed("output", &error);
    rustix::io::ioctl_fionbio(&pipe, true).map_err(|errno| unusable(errno.into()))?;
    Ok(Box::pin(pipe::Receiver::from_owned_fd(pipe).map_err(unusable)?))
}

/// A process whose denials are told under its name as long as it is there.
struct Watched {
    process: SandboxedProcess,
    _named: Named,
}

/// As long as this is kept, denials of a sandbox are told as those of its subject.
struct Named {
    identity: String,
    sink: Arc<NetworkAudit>,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.sink.end(&self.identity);
    }
}

impl akao_runtime::Process for Watched {
    fn id(&self) -> u32 {
        self.process.id()
    }

    fn kill(&self, how: akao_runtime::Kill) {
        self.process.kill(how);
    }

    fn ended(&self) -> BoxFuture<'_, akao_runtime::Ended> {
        self.process.ended()
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.process.memory_bytes()
    }

    fn usage(&self) -> Option<akao_runtime::Usage> {
        self.process.usage()
    }
}

/// Turns what the broker decides into entries of the audit.
struct NetworkAudit {
    audit: Arc<dyn Audit>,
    subjects: Mutex<BTreeMap<String, Subject>>,
    repeats: Repeats,
}

impl NetworkAudit {
    fn begin(sink: &Arc<Self>, identity: String, subject: &Subject) -> Named {
        let mut subjects = sink.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        subjects.insert(identity.clone(), subject.clone());
        Named { identity, sink: Arc::clone(sink) }
    }

    fn end(&self, identity: &str) {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner).remove(identity);
    }
}

impl AuditSink for NetworkAudit {
    fn record(&self, event: Event) {
        if event.verdict != Verdict::Denied {
            return;
        }
        let subject = self.subjects.lock().unwrap_or_else(PoisonError::into_inner).get(&*event.sandbox).cloned();
        let Some(subject) = subject else { return };
        let act = match event.act {
            Act::Query => "query",
            Act::Connect => "connect",
            Act::Relay => "relay",
        };
        let target = if event.port == 0 { event.target } else { format!("{}:{}", event.target, event.port) };
        let reason = event.reason.to_string();
        let denial = Denial { act: act.to_owned(), target, reason };
        self.repeats.tell(&*self.audit, &subject, denial);
    }
}

fn failed(stage: &str, error: &(dyn std::error::Error + 'static)) -> LaunchError {
    LaunchError::Failed { stage: stage.to_owned(), reason: with_causes(error) }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What an operator can do on a machine that reaches T2.
const OPT_IN: &str = " Nodes without network, of one tenant at a time, run here with `--sandbox-tier T2`; docs/sandbox.md says \
                      what is not held then.";

fn start_failed(error: &StartError) -> LaunchError {
    match error {
        StartError::Tier { report, .. } => {
            let findings = report.findings.iter().map(|finding| format!("{}. {}", finding.what, finding.cure));
            let findings: Vec<String> = findings.collect();
            let opt_in = if report.tier == Tier::T2 { OPT_IN } else { "" };
            LaunchError::Isolation { reason: format!("{error}; {}{opt_in}", findings.join(" ")) }
        }
        other => failed("spawner", other),
    }
}

fn spawn_failed(error: &SpawnError, command: &str) -> LaunchError {
    match error {
        SpawnError::NoNetwork => LaunchError::NoNetwork { reason: error.to_string() },
        SpawnError::Neighbours => LaunchError::MixedTenants { reason: error.to_string() },
        SpawnError::Tier(_) => LaunchError::Isolation { reason: error.to_string() },
        SpawnError::Stage { failure, cause } if failure.stage == Stage::Execute => {
            LaunchError::Program { program: command.to_owned(), reason: cause.to_string() }
        }
        SpawnError::Stage { failure, cause }
            if failure.stage == Stage::Clone && cause.kind() != io::ErrorKind::PermissionDenied =>
        {
            LaunchError::NoRoom { reason: with_causes(error) }
        }
        SpawnError::Stage { failure, .. } => failed(failure.stage.name(), error),
        other => failed("sandbox", other),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
