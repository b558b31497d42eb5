//! External nodes as the program has them: packages in a store, sandboxes, the broker, the audit; and steps through them.

use crate::world::Names;
use akao_contract::{
    Address, BlobRef, Digest, ExecutionId, Invocation, LogLine, NodeId, OpId, Outcome, OutcomeStatus, Permission,
    StepContext, StepError, Tenant, manifest::PinnedNode,
};
use akao_nodes::{Audit, AuditEvent, ExternalNodes, LaunchOptions, NodesOptions, PackageGrants, Subject, pin};
use akao_package::Store;
use akao_runtime::{CircuitSettings, PoolSnapshot, RuntimeSettings};
use akao_step::{BlobError, BlobStore, CancellationToken, Secret, StepEvent, StepEvents, StepIo, StepRunner};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// No test waits longer than this for anything; it is far above what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The node that does what it is given.
const ACTS: (&str, &str) = ("com.example.acts", include_str!("acts.py"));

/// The node that misbehaves by name.
const HOSTILE: (&str, &str) = ("com.example.hostile", include_str!("../../../akao-runtime/tests/node/hostile.py"));

/// Runs a test's future to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(4 * PATIENCE, future).await.expect("the test ends") })
}

/// Waits until `holds` does, and shows `state` when it never does.
pub(crate) async fn until<S: std::fmt::Debug>(what: &str, state: impl Fn() -> S, holds: impl Fn(&S) -> bool) {
    let begun = Instant::now();
    loop {
        let seen = state();
        if holds(&seen) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come; last: {seen:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether the tests run as root here.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A package whose parts a test may replace.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) node: (&'static str, &'static str),
    pub(crate) instances: &'static str,
    pub(crate) resources: String,
    pub(crate) permissions: Value,
}

impl Package {
    fn of(node: (&'static str, &'static str)) -> Self {
        Self {
            node,
            instances: "{ max: 1, concurrency: 1 }",
            resources: "{ memory: 128MB, cpu: 1, timeout: 60s }".to_owned(),
            permissions: json!([]),
        }
    }

    /// The node that runs what the step says.
    pub(crate) fn acts() -> Self {
        Self::of(ACTS)
    }

    /// The same, asking for these hosts with their ports.
    pub(crate) fn with_hosts(hosts: &[&str]) -> Self {
        Self { permissions: json!([{"network.tcp": {"hosts": hosts}}]), ..Self::acts() }
    }

    /// The node that misbehaves.
    pub(crate) fn hostile() -> Self {
        Self::of(HOSTILE)
    }

    /// Writes its files.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("_.yaml"), self.manifest()).unwrap();
        std::fs::write(folder.join("main.py"), self.node.1).unwrap();
    }

    fn manifest(&self) -> String {
        let Self { node: (id, _), instances, resources, permissions } = self;
        format!(
            "manifest: 1\nid: {id}\nname: Test\nversion: 1.0.0\nruntime:\n  type: python\n  command: main.py\n  \
             instances: {instances}\nresources: {resources}\npermissions: {permissions}\nnodes:\n  - id: {id}\n    \
             main_output: result\n    inputs: {{ code: {{ type: string }}, do: {{ type: string }}, with: {{}} }}\n    \
             outputs: {{ result: {{}} }}\n",
        )
    }
}

/// Blobs in a map.
#[derive(Default)]
struct MemoryBlobs(Mutex<BTreeMap<(Tenant, Digest), Vec<u8>>>);

impl BlobStore for MemoryBlobs {
    fn put(&self, tenant: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        let digest = Digest::of(bytes);
        self.0.lock().unwrap().insert((tenant.clone(), digest), bytes.to_vec());
        Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type: media_type.to_owned(), items: None })
    }

    fn get(&self, tenant: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let blobs = self.0.lock().unwrap();
        blobs.get(&(tenant.clone(), *digest)).cloned().ok_or(BlobError::NotFound(*digest))
    }
}

/// An audit in memory.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(Subject, AuditEvent)>>);

impl Audit for Heard {
    fn record(&self, subject: &Subject, event: AuditEvent) {
        self.0.lock().unwrap().push((subject.clone(), event));
    }
}

impl Heard {
    pub(crate) fn all(&self) -> Vec<(Subject, AuditEvent)> {
        self.0.lock().unwrap().clone()
    }

    /// Denials as "act target: reason".
    pub(crate) fn denials(&self) -> Vec<String> {
        let denied = |(_, event): (Subject, AuditEvent)| match event {
            AuditEvent::Denied { act, target, reason, .. } => Some(format!("{act} {target}: {reason}")),
            _ => None,
        };
        self.all().into_iter().filter_map(denied).collect()
    }

    /// Waits until a denial is told. The broker answers the node before it tells the audit.
    pub(crate) async fn denied(&self, what: &str) {
        until(what, || self.denials(), |denials| denials.iter().any(|denial| denial == what)).await;
    }
}

/// External nodes with what is behind them.
pub(crate) struct Ground {
    pub(crate) nodes: ExternalNodes,
    pub(crate) names: Arc<Names>,
    pub(crate) audit: Arc<Heard>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) lasting: Arc<Lasting>,
    store: Store,
}

/// What the operator has granted to whatever package is loaded next.
#[derive(Default)]
pub(crate) struct Lasting(Mutex<Vec<Permission>>);

impl Lasting {
    pub(crate) fn give(&self, grant: &str) {
        self.0.lock().unwrap().push(grant.parse().unwrap());
    }
}

impl PackageGrants for Lasting {
    fn of(&self, _: &PinnedNode) -> Vec<Permission> {
        self.0.lock().unwrap().clone()
    }
}

/// How a step went.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) progress: usize,
}

impl Done {
    /// The main output of a step that succeeded.
    pub(crate) fn result(&self) -> Value {
        assert_eq!(self.outcome.status, OutcomeStatus::Success, "{:?}", self.outcome);
        self.outcome.outputs.get("result").cloned().unwrap_or_default()
    }

    /// The error of a step that failed.
    pub(crate) fn error(&self) -> &StepError {
        self.outcome.error.as_ref().unwrap_or_else(|| panic!("{:?}", self.outcome))
    }
}

/// A step.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) node: Arc<str>,
    pub(crate) props: Map<String, Value>,
    pub(crate) tenant: &'static str,
    pub(crate) grants: Vec<String>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) secrets: BTreeMap<String, Secret>,
}

impl Step {
    pub(crate) fn of(self, tenant: &'static str) -> Self {
        Self { tenant, ..self }
    }

    pub(crate) fn granted(mut self, grants: &[&str]) -> Self {
        self.grants.extend(grants.iter().map(|grant| (*grant).to_owned()));
        self
    }

    fn invocation(&self) -> Invocation {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let grants: Vec<Permission> = self.grants.iter().map(|grant| grant.parse().unwrap()).collect();
        let context = StepContext {
            tenant: self.tenant.parse().unwrap(),
            execution: ExecutionId::from_parts(1, 1),
            workflow: "orders".into(),
            node_id: NodeId::new("work"),
            step: Address::root(),
            op: OpId(1),
            attempt: 1,
            idempotency_key: "blake3:00".to_owned(),
            deadline_ms: self.deadline.map(|after| u64::try_from((now + after).as_millis()).unwrap()),
            grants: Arc::new(grants),
            volumes: Arc::default(),
            trace: None,
        };
        let (node_type, props) = (Arc::clone(&self.node), self.props.clone());
        Invocation { context, node_type, props, blackboard: Default::default(), input: None }
    }
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self::with(LaunchOptions::default(), settings())
    }

    pub(crate) fn with(launch: LaunchOptions, runtime: RuntimeSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (names, audit) = (Arc::new(Names::default()), Arc::new(Heard::default()));
        let store = Store::new(folder.path().join("packages"));
        let lasting = Arc::new(Lasting::default());
        let nodes = ExternalNodes::new(NodesOptions {
            grants: Arc::clone(&lasting) as _,
            packages: Store::new(folder.path().join("packages")),
            state: folder.path().join("state"),
            blobs: Arc::new(MemoryBlobs::default()),
            audit: Arc::clone(&audit) as Arc<dyn Audit>,
            runtime,
            launch: LaunchOptions { resolver: Some(Arc::clone(&names) as _), ..launch },
        });
        Self { nodes, names, audit, folder, store, lasting }
    }

    /// Stores a package; gives the name of its node.
    pub(crate) fn add(&self, package: &Package) -> Arc<str> {
        let folder = tempfile::tempdir().unwrap();
        package.write(folder.path());
        let pinned = pin(folder.path()).unwrap_or_else(|error| panic!("{error:?}\n{}", package.manifest()));
        self.store.put(folder.path()).unwrap();
        pinned.node_types()[0].name.as_str().into()
    }

    /// A step of a package; all that the package asks for is granted.
    pub(crate) fn step(&self, package: &Package, props: Value) -> Step {
        let node = self.add(package);
        let asked = package.permissions.as_array().into_iter().flatten();
        let hosts = asked.filter_map(|asked| asked["network.tcp"]["hosts"].as_array()).flatten();
        let grants = hosts.map(|host| format!("network.tcp={}", host.as_str().unwrap())).collect();
        let Value::Object(props) = props else { panic!("props are an object") };
        Step { node, props, tenant: "local", grants, deadline: None, secrets: BTreeMap::new() }
    }

    /// A step that runs this Python.
    pub(crate) fn code(&self, package: &Package, code: &str) -> Step {
        self.step(package, json!({"code": code}))
    }

    /// Runs this Python as a step to its end; gives what it left in `out`.
    pub(crate) async fn says(&self, package: &Package, code: &str) -> Value {
        self.run(self.code(package, code)).await.result()
    }

    /// Runs a step to its end.
    pub(crate) async fn run(&self, step: Step) -> Done {
        tokio::time::timeout(PATIENCE, self.begin(step)).await.expect("the step ends")
    }

    /// Starts a step; what comes back runs it.
    pub(crate) fn begin(&self, step: Step) -> impl Future<Output = Done> + Send + use<> {
        let (sender, mut receiver) = mpsc::channel(100_000);
        let io = StepIo {
            cancel: CancellationToken::new(),
            events: StepEvents::new(sender),
            secrets: Arc::new(step.secrets.clone()),
        };
        let running = self.nodes.run(step.invocation(), io);
        async move {
            let outcome = running.await;
            let (mut logs, mut progress) = (Vec::new(), 0);
            while let Ok(event) = receiver.try_recv() {
                match event {
                    StepEvent::Log(line) => logs.push(line),
                    StepEvent::Progress { .. } => progress += 1,
                }
            }
            Done { outcome, logs, progress }
        }
    }

    /// The pools of a tenant.
    pub(crate) fn pools_of(&self, tenant: &str) -> Vec<PoolSnapshot> {
        self.nodes.snapshot().into_iter().filter(|pool| pool.tenant.as_str() == tenant).collect()
    }

    /// Every process that is there, as the host numbers them.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.nodes.snapshot().iter().flat_map(|pool| &pool.instances).map(|instance| instance.process).collect()
    }

    /// Ends everything, and fails when a process is left.
    pub(crate) async fn end(self) {
        let processes = self.processes();
        self.nodes.shutdown().await;
        let left = || processes.iter().copied().filter(|process| is_alive(*process)).collect::<Vec<_>>();
        until("the end of all processes", left, Vec::is_empty).await;
    }
}

/// Whether a process is there and runs.
pub(crate) fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// Settings that do not make a test wait, nor fail on a busy machine.
pub(crate) fn settings() -> RuntimeSettings {
    RuntimeSettings {
        cancel_grace: Duration::from_millis(300),
        terminate_grace: Duration::from_millis(200),
        shutdown_grace: Duration::from_secs(5),
        handshake_limit: Duration::from_secs(30),
        launch_limit: Duration::from_secs(30),
        circuit: CircuitSettings {
            wait_min: Duration::from_millis(1),
            wait_max: Duration::from_millis(10),
            failures_max: 1_000,
            ..CircuitSettings::default()
        },
        ..RuntimeSettings::default()
    }
}
