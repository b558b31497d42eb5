//! What the tests of processes share: a launcher of plain processes, packages whose node misbehaves on demand, and ports
//! that hold what a test puts into them.

#![allow(dead_code, reason = "each test binary uses its own part")]

mod launcher;
mod ports;

pub(crate) use launcher::PlainLaunch;
pub(crate) use ports::MemoryBlobs;

use akao_contract::{
    Address, Digest, ExecutionId, Invocation, LogLine, NodeId, OpId, Outcome, OutcomeStatus, Permission, StepContext,
};
use akao_runtime::{
    CircuitSettings, DiskState, HostPorts, NoDenials, NodePackage, PoolSnapshot, ProcessRunner, RuntimeSettings, Wish,
};
use akao_step::{CancellationToken, Secret, StepEvent, StepEvents, StepIo};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::mpsc;

/// No test waits longer than this for anything; it is far above what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The node of every package here.
pub(crate) const NODE: &str = "com.example.hostile";

/// Waits for `future`, and fails the test by name when it does not end.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not end"),
    }
}

/// Waits until `holds` does, and shows `state` when it never does.
pub(crate) async fn until<S: std::fmt::Debug>(what: &str, state: impl Fn() -> S, holds: impl Fn(&S) -> bool) {
    let begun = std::time::Instant::now();
    loop {
        let seen = state();
        if holds(&seen) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come; last: {seen:?}");
        // A turn of the machine; what is waited for happens in other processes.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A manifest whose parts a test may replace.
pub(crate) struct Package {
    pub(crate) instances: &'static str,
    pub(crate) resources: &'static str,
    pub(crate) permissions: &'static str,
    pub(crate) args: Vec<&'static str>,
    pub(crate) idempotent: bool,
    pub(crate) effects: &'static str,
    pub(crate) content: &'static str,
}

impl Default for Package {
    fn default() -> Self {
        Self {
            instances: "{ max: 1, concurrency: 1 }",
            resources: "{ memory: 128MB, timeout: 50s }",
            permissions: "[]",
            args: Vec::new(),
            idempotent: false,
            effects: "write",
            content: "one",
        }
    }
}

impl Package {
    pub(crate) fn build(&self) -> NodePackage {
        let text = format!(
            "manifest: 1\nid: {NODE}\nname: Hostile\nversion: 1.0.0\nruntime:\n  type: python\n  command: hostile.py\n  \
             args: {args}\n  instances: {instances}\nresources: {resources}\npermissions: {permissions}\nnodes:\n  \
             - id: {NODE}\n    idempotent: {idempotent}\n    effects: {effects}\n    main_output: result\n    \
             inputs: {{ do: {{ type: string }}, with: {{}} }}\n    \
             outputs: {{ result: {{ type: [string, number, object] }}, count: {{ type: integer }} }}\n",
            args = json!(self.args),
            instances = self.instances,
            resources = self.resources,
            permissions = self.permissions,
            idempotent = self.idempotent,
            effects = self.effects,
        );
        let parsed = akao_manifest::read(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        let digest = Digest::of(format!("{text}{}", self.content).as_bytes());
        NodePackage { parsed, folder: node_folder(), digest, granted: Vec::new() }
    }
}

/// Where the misbehaving node is.
fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node")
}

/// Settings that do not make a test wait.
pub(crate) fn quick() -> RuntimeSettings {
    RuntimeSettings {
        cancel_grace: Duration::from_secs(1),
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

/// A runner with what is behind it.
pub(crate) struct Ground {
    pub(crate) runner: Arc<ProcessRunner>,
    pub(crate) launch: Arc<PlainLaunch>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    /// The name of the node of the package that was added last.
    node_type: Mutex<Arc<str>>,
    folder: tempfile::TempDir,
}

impl Ground {
    pub(crate) fn new(settings: RuntimeSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launch = Arc::new(PlainLaunch::default());
        let blobs = Arc::new(MemoryBlobs::default());
        let host = HostPorts {
            blobs: Arc::clone(&blobs) as Arc<_>,
            state: Arc::new(DiskState::new(folder.path().join("state"))),
            denials: Arc::new(NoDenials),
            outside: None,
        };
        let runner = Arc::new(ProcessRunner::new(Arc::clone(&launch) as Arc<_>, host, settings));
        Self { runner, launch, blobs, node_type: Mutex::new(NODE.into()), folder }
    }

    /// A runner with one package.
    pub(crate) fn with(package: &Package) -> Self {
        let ground = Self::new(quick());
        ground.add(package);
        ground
    }

    /// Adds a package; steps that begin from now on are for its node.
    pub(crate) fn add(&self, package: &Package) {
        let package = package.build();
        *self.node_type.lock().unwrap() = package.pinned(&NODE.parse().unwrap()).to_string().into();
        self.runner.add(package).unwrap();
    }

    /// The name of the node that steps are for.
    pub(crate) fn node_type(&self) -> Arc<str> {
        Arc::clone(&self.node_type.lock().unwrap())
    }

    /// Runs one step to its end.
    pub(crate) async fn call(&self, behaviour: &str) -> Outcome {
        self.step(Step::new(behaviour)).await.outcome
    }

    pub(crate) async fn step(&self, step: Step) -> Done {
        let what = format!("the step `{}`", step.behaviour);
        within(&what, self.begin(step)).await
    }

    /// Runs one step to its end, in a process that is as it is wished.
    pub(crate) async fn step_as(&self, step: Step, wish: &Wish) -> Done {
        let what = format!("the step `{}`", step.behaviour);
        within(&what, self.begin_as(step, wish)).await
    }

    /// Starts a step; what comes back runs it.
    pub(crate) fn begin(&self, step: Step) -> impl Future<Output = Done> + Send + use<> {
        self.begin_as(step, &Wish::default())
    }

    fn begin_as(&self, step: Step, wish: &Wish) -> impl Future<Output = Done> + Send + use<> {
        let (sender, mut receiver) = mpsc::channel(100_000);
        let secrets = Arc::new(step.secrets());
        let io = StepIo { cancel: step.cancel.clone(), events: StepEvents::new(sender), secrets };
        let invocation = Invocation { node_type: self.node_type(), ..step.invocation() };
        let running = self.runner.run_as(invocation, io, wish);
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

    pub(crate) fn spawn(&self, step: Step) -> tokio::task::JoinHandle<Done> {
        tokio::spawn(self.begin(step))
    }

    /// The only pool.
    pub(crate) fn pool(&self) -> PoolSnapshot {
        let mut pools = self.runner.snapshot();
        assert_eq!(pools.len(), 1, "{pools:?}");
        pools.remove(0)
    }

    /// The pool of a tenant.
    pub(crate) fn pool_of(&self, tenant: &str) -> PoolSnapshot {
        let mut pools = self.runner.snapshot().into_iter().filter(|pool| pool.tenant.as_str() == tenant);
        pools.next().unwrap_or_else(|| panic!("`{tenant}` has no pool"))
    }
}

/// How a step went.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) progress: usize,
}

/// A step that asks the node to behave in some way.
pub(crate) struct Step {
    pub(crate) behaviour: String,
    pub(crate) with: Value,
    pub(crate) tenant: &'static str,
    pub(crate) grants: Vec<&'static str>,
    pub(crate) volumes: Vec<(&'static str, PathBuf)>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) output_key: Option<Value>,
    pub(crate) cancel: CancellationToken,
}

impl Step {
    pub(crate) fn new(behaviour: &str) -> Self {
        Self {
            behaviour: behaviour.to_owned(),
            with: Value::Null,
            tenant: "local",
            grants: Vec::new(),
            volumes: Vec::new(),
            deadline: None,
            output_key: None,
            cancel: CancellationToken::new(),
        }
    }

    pub(crate) fn with(mut self, with: Value) -> Self {
        self.with = with;
        self
    }

    pub(crate) fn context(&self) -> StepContext {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let deadline = self.deadline.map(|after| u64::try_from((now + after).as_millis()).unwrap());
        let grants: Vec<Permission> = self.grants.iter().map(|grant| grant.parse().unwrap()).collect();
        let volume = |(name, folder): &(&str, PathBuf)| ((*name).to_owned(), folder.display().to_string());
        StepContext {
            tenant: self.tenant.parse().unwrap(),
            execution: ExecutionId::from_parts(1, 1),
            workflow: "orders".into(),
            node_id: NodeId::new("work"),
            step: Address::root(),
            op: OpId(1),
            attempt: 1,
            idempotency_key: "blake3:00".to_owned(),
            deadline_ms: deadline,
            grants: Arc::new(grants),
            volumes: Arc::new(self.volumes.iter().map(volume).collect()),
            trace: None,
        }
    }

    /// Every tenant was given one secret.
    pub(crate) fn secrets(&self) -> BTreeMap<String, Secret> {
        let token = Secret::new(format!("token-of-{}", self.tenant));
        let is_granted = self.grants.contains(&"secrets=CRM_TOKEN");
        is_granted.then(|| ("CRM_TOKEN".to_owned(), token)).into_iter().collect()
    }

    fn invocation(&self) -> Invocation {
        let mut props = Map::new();
        props.insert("do".to_owned(), self.behaviour.as_str().into());
        if !self.with.is_null() {
            props.insert("with".to_owned(), self.with.clone());
        }
        if let Some(key) = &self.output_key {
            props.insert("outputKey".to_owned(), key.clone());
        }
        Invocation {
            context: self.context(),
            node_type: NODE.into(),
            props,
            blackboard: Default::default(),
            input: None,
        }
    }
}

/// Fails unless the outcome is a success, and gives its main output.
pub(crate) fn result(outcome: &Outcome) -> Value {
    assert_eq!(outcome.status, OutcomeStatus::Success, "{outcome:?}");
    outcome.outputs.get("result").cloned().unwrap_or_default()
}

/// Whether a process is there and runs.
pub(crate) fn is_alive(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}
