//! Warm calls: one after the other and 64 at a time, through the runner and through the engine, beside a bare echo in the
//! same language.

use super::peer::{Language, NODE};
use crate::{
    Ground,
    engine::{house, median},
    row::{Goal, Row},
};
use akao_contract::{
    Address, ExecutionId, Invocation, NodeId, OpId, OutcomeStatus, StepContext, Tenant, manifest::PinnedNode,
};
use akao_engine::{Bundle, Config};
use akao_nodes::{Audit, AuditEvent, BundleProgram, ExternalNodes, LaunchOptions, NodesOptions, Pinned, Subject};
use akao_package::Store;
use akao_runtime::RuntimeSettings;
use akao_step::{CancellationToken, StepEvents, StepIo, StepRunner};
use serde_json::{Map, Value, json};
use std::{
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Calls at a time.
const IN_FLIGHT: usize = 64;

/// What is sent and comes back.
fn text() -> String {
    "abcdefghijklmnopqrstuvwxyz".repeat(8)
}

/// An audit that nobody reads.
pub(super) struct Unheard;

impl Audit for Unheard {
    fn record(&self, _: &Subject, _: AuditEvent) {}
}

/// The runner of external nodes over a data directory.
pub(crate) fn external_nodes(folder: &Path) -> Arc<ExternalNodes> {
    external_nodes_with(folder, None)
}

/// The same, with what runs bundles.
pub(crate) fn external_nodes_with(folder: &Path, bundles: Option<Arc<dyn BundleProgram>>) -> Arc<ExternalNodes> {
    Arc::new(ExternalNodes::new(NodesOptions {
        grants: Arc::new(akao_nodes::NoPackageGrants),
        packages: Store::new(folder.join("packages")),
        state: folder.join("state"),
        blobs: house::no_blobs(),
        audit: Arc::new(Unheard),
        runtime: RuntimeSettings::default(),
        launch: LaunchOptions { bytecode: Some(folder.join("bytecode")), bundles, ..LaunchOptions::default() },
    }))
}

/// An echo over a socket with nothing around it.
pub(crate) struct BareEcho {
    bare: super::peer::Bare,
    _folder: tempfile::TempDir,
}

impl BareEcho {
    /// In Node.js.
    pub(crate) fn in_node() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { bare: Language::Node.bare(folder.path()), _folder: folder }
    }

    /// What so many calls take, in microseconds.
    pub(crate) fn times(&mut self, count: usize) -> Vec<f64> {
        bare_alone(&mut self.bare, count)
    }
}

/// A package that is kept and can be called.
pub(super) struct Callable {
    pub(super) nodes: Arc<ExternalNodes>,
    pub(super) package: Pinned,
    /// The node's pinned name, which an execution has ready.
    node_type: Arc<str>,
    _folder: tempfile::TempDir,
}

impl Callable {
    pub(super) fn new(language: Language, concurrency: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("echo");
        std::fs::create_dir(&source).expect("a folder");
        let package = language.package(&source, concurrency);
        let nodes = external_nodes(folder.path());
        Store::new(folder.path().join("packages")).put(&source).expect("the package is kept");
        let pinned = PinnedNode { node: NODE.parse().expect("an id"), version: "1.0.0".into(), digest: package.digest };
        Self { nodes, package, node_type: pinned.to_string().into(), _folder: folder }
    }

    /// The same package with nothing running, as a program finds it that starts anew.
    pub(super) fn anew(self) -> Self {
        let nodes = external_nodes(self._folder.path());
        Self { nodes, ..self }
    }

    pub(super) async fn call(&self, number: u64) {
        let props = Map::from_iter([("text".to_owned(), Value::String(text()))]);
        let invocation = Invocation {
            context: context(number),
            node_type: Arc::clone(&self.node_type),
            props,
            blackboard: Default::default(),
            input: None,
        };
        let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
        let outcome = self.nodes.run(invocation, io).await;
        assert_eq!(outcome.status, OutcomeStatus::Success, "{outcome:?}");
    }
}

/// The context of a step that belongs to no execution.
pub(crate) fn context(number: u64) -> StepContext {
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(1_764_395_368_000, 7),
        workflow: "bench".into(),
        node_id: NodeId::new("work"),
        step: Address::root(),
        op: OpId(number),
        attempt: 1,
        idempotency_key: String::new(),
        deadline_ms: None,
        grants: Arc::default(),
        volumes: Arc::default(),
        trace: None,
    }
}

pub(super) fn rust(ground: &Ground) -> Vec<Row> {
    of_language(Language::Rust, ground)
}

pub(super) fn python(ground: &Ground) -> Vec<Row> {
    of_language(Language::Python, ground)
}

pub(super) fn node(ground: &Ground) -> Vec<Row> {
    of_language(Language::Node, ground)
}

fn of_language(language: Language, ground: &Ground) -> Vec<Row> {
    let count = if ground.quick { 2_000 } else { 10_000 };
    let runtime = Runtime::new().expect("a runtime");
    let scratch = tempfile::tempdir().expect("a folder");
    // A node that takes one call at a time answers where it reads, as the echo does.
    let callable = Arc::new(Callable::new(language, 1));
    let mut bare = language.bare(scratch.path());
    // Both take turns, since times drift here.
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    on_worker(&runtime, alone(Arc::clone(&callable), 200));
    bare_alone(&mut bare, 200);
    for _ in 0..10 {
        floors.extend(bare_alone(&mut bare, count / 10));
        ours.extend(on_worker(&runtime, alone(Arc::clone(&callable), count / 10)));
    }
    let floor = median(&mut floors);
    let echo = format!("bare echo in {}, p50 µs", language.name());
    let name = format!("warm call of a {} node through the runner, p50", language.name());
    let mut rows =
        vec![Row::new(&name, median(&mut ours), "µs", Some((floor, &echo)), Goal::RatioAtMost(1.5), ground.quick)];
    let name = format!("warm call of a {} node through the engine, journal in memory, mean", language.name());
    let mean = floors.iter().sum::<f64>() / floors.len() as f64;
    let echo = format!("bare echo in {}, mean µs", language.name());
    let value = through_the_engine(&callable, &runtime, count / 2);
    rows.push(Row::new(&name, value, "µs", Some((mean, &echo)), Goal::RatioAtMost(1.5), ground.quick));
    runtime.block_on(callable.nodes.shutdown());
    let callable = Arc::new(Callable::new(language, IN_FLIGHT as u32));
    on_worker(&runtime, alone(Arc::clone(&callable), 200));
    let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bare_rates.push(bare_together(&mut bare, count));
        rates.push(on_worker(&runtime, together(Arc::clone(&callable), count)));
    }
    let name = format!("calls of a {} node per second, {IN_FLIGHT} in flight", language.name());
    let echo = format!("bare echo in {}, {IN_FLIGHT} in flight", language.name());
    let floor = median(&mut bare_rates);
    rows.push(Row::new(
        &name,
        median(&mut rates),
        "calls/s",
        Some((floor, &echo)),
        Goal::RatioAtLeast(0.6),
        ground.quick,
    ));
    runtime.block_on(callable.nodes.shutdown());
    rows
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// Runs where steps run: on one of the runtime's own threads.
fn on_worker<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async { tokio::spawn(work).await.expect("the work ends") })
}

async fn alone(callable: Arc<Callable>, count: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let start = Instant::now();
        callable.call(number as u64).await;
        times.push(micros(start));
    }
    times
}

fn bare_alone(bare: &mut super::peer::Bare, count: usize) -> Vec<f64> {
    let text = text();
    let call = |number: usize| {
        let start = Instant::now();
        bare.send(number, &text);
        assert!(bare.receive().is_object());
        micros(start)
    };
    (0..count).map(call).collect()
}

async fn together(callable: Arc<Callable>, count: usize) -> f64 {
    let start = Instant::now();
    let lanes = (0..IN_FLIGHT).map(|lane| {
        let callable = Arc::clone(&callable);
        tokio::spawn(async move {
            for number in 0..count / IN_FLIGHT {
                callable.call((lane * count + number) as u64).await;
            }
        })
    });
    let lanes: Vec<_> = lanes.collect();
    futures_util::future::try_join_all(lanes).await.expect("the calls end");
    (count / IN_FLIGHT * IN_FLIGHT) as f64 / start.elapsed().as_secs_f64()
}

/// A window of calls: one more is sent for each that was answered.
fn bare_together(bare: &mut super::peer::Bare, count: usize) -> f64 {
    let text = text();
    let start = Instant::now();
    (0..IN_FLIGHT).for_each(|number| bare.send(number, &text));
    for number in IN_FLIGHT..count {
        assert!(bare.receive().is_object());
        bare.send(number, &text);
    }
    (0..IN_FLIGHT).for_each(|_| assert!(bare.receive().is_object()));
    count as f64 / start.elapsed().as_secs_f64()
}

/// Microseconds of a step in a chain of calls. The journal is in memory, so that the disk's syncs do not count.
fn through_the_engine(callable: &Callable, runtime: &Runtime, steps: usize) -> f64 {
    let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let (engine, thread) =
        house::open_with(folder.path(), runtime, Config::default(), Some(Arc::clone(&callable.nodes) as Arc<_>));
    let node_type = callable.package.node_types().swap_remove(0);
    let chain = |steps: usize| {
        let child = json!({"type": node_type.name, "props": {"text": text()}});
        let definition =
            house::definition(json!({"type": "Repeat", "props": {"numCycles": steps}, "children": [child]}));
        Bundle { definition, children: Default::default(), nodes: vec![Arc::clone(&node_type)] }
    };
    let run = |steps: usize| {
        let start = Instant::now();
        runtime.block_on(engine.run_to_end(house::start_bundle(chain(steps)))).expect("the execution ends");
        micros(start)
    };
    run(100);
    let value = run(steps) / steps as f64;
    engine.stop(Duration::from_secs(5));
    thread.join().expect("the engine ends well");
    value
}
