//! Topic `custom`: custom nodes in TypeScript: from an upload to the first answer, and a warm call.

use crate::{
    Ground,
    engine::median,
    external::{self, context},
    row::{Goal, Row},
};
use akao_contract::{Invocation, OutcomeStatus, Tenant};
use akao_custom::{Compiler, Draft, Engine, NodeName, Options, Sources};
use akao_nodes::{ExternalNodes, pin};
use akao_package::Store;
use akao_step::{CancellationToken, StepEvents, StepIo, StepRunner};
use serde_json::{Map, Value};
use std::{path::Path, sync::Arc, time::Instant};
use tokio::runtime::Runtime;

/// A measurement; it may give several rows.
type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 2] =
    [("a TypeScript node from upload to its first answer", upload), ("a warm call of a TypeScript node", warm)];

/// What is uploaded; each time it is another content.
fn source(number: usize) -> String {
    format!(
        "import {{ ActionNode }} from '@wayfarer-ai/btree';\nimport type {{ NodeStatus, TemporalContext }} from '@wayfarer-ai/btree';\n\
         interface Props {{ text: string; count?: number }}\nconst NUMBER: number = {number};\n\
         export class Echo extends ActionNode {{\n  async executeTick(context: TemporalContext): Promise<NodeStatus> {{\n    \
         context.setResult((this.config as unknown as Props).text);\n    return NUMBER < 0 ? NodeStatus.FAILURE : NodeStatus.SUCCESS;\n  }}\n}}\n"
    )
}

/// A data directory in which nodes are compiled and run.
struct Bench {
    nodes: Arc<ExternalNodes>,
    compiler: Arc<Compiler>,
    store: Store,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("packages"));
        let engine = Engine::new(store.clone(), folder.path().join("scripts"));
        let nodes = external::external_nodes_with(folder.path(), Some(Arc::new(engine)));
        let compiler = Compiler::new(Arc::clone(&nodes), store.clone(), folder.path().join("scripts"));
        Self { nodes, compiler: Arc::new(compiler), store, folder }
    }

    /// Compiles a node and keeps it, as an upload does; gives the name under which its steps run.
    async fn upload(&self, number: usize) -> Arc<str> {
        let (tenant, name) = (Tenant::local(), "Echo".parse::<NodeName>().expect("a name"));
        let sources = Sources::of_file("node.ts", &source(number));
        let compiled = self.compiler.compile(&tenant, &sources, Options::default()).await.expect("it is compiled");
        assert_eq!(compiled.problems, Vec::new());
        let version = semver::Version::new(1, 0, number as u64);
        let draft = Draft {
            tenant: &tenant,
            name: &name,
            version: &version,
            description: None,
            schema: None,
            compiled: &compiled,
            sources: &sources,
        };
        let package = self.folder.path().join(format!("echo-{number}"));
        std::fs::create_dir(&package).expect("a folder");
        draft.write(&package).expect("the package is written");
        kept(&self.store, &package)
    }
}

fn kept(store: &Store, package: &Path) -> Arc<str> {
    store.put(package).expect("the package is kept");
    let node = pin(package).expect("it is a package").first_node().expect("it has a node");
    node.to_string().into()
}

async fn call(nodes: &ExternalNodes, node_type: &Arc<str>, number: u64) {
    let invocation = Invocation {
        context: context(number),
        node_type: Arc::clone(node_type),
        props: Map::from_iter([("text".to_owned(), Value::String("x".repeat(100)))]),
        blackboard: Default::default(),
        input: None,
    };
    let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
    let outcome = nodes.run(invocation, io).await;
    assert_eq!(outcome.status, OutcomeStatus::Success, "{outcome:?}");
}

fn upload(ground: &Ground) -> Vec<Row> {
    let count = if ground.quick { 5 } else { 20 };
    let runtime = Runtime::new().expect("a runtime");
    let mut times = Vec::new();
    let bench = Bench::new();
    let mut first = 0.0;
    for number in 0..count {
        let start = Instant::now();
        runtime.block_on(async {
            let node_type = bench.upload(number).await;
            call(&bench.nodes, &node_type, 0).await;
        });
        let ms = start.elapsed().as_secs_f64() * 1e3;
        if number == 0 { first = ms } else { times.push(ms) }
    }
    runtime.block_on(bench.nodes.shutdown());
    vec![
        Row::new(
            "TypeScript node of one file, upload to first answer, p50",
            median(&mut times),
            "ms",
            None,
            Goal::AtMost(1_000.0),
            ground.quick,
        ),
        Row::new("the same, the first of a server", first, "ms", None, Goal::AtMost(1_000.0), ground.quick),
    ]
}

fn warm(ground: &Ground) -> Vec<Row> {
    let count = if ground.quick { 1_000 } else { 5_000 };
    let runtime = Runtime::new().expect("a runtime");
    let bench = Bench::new();
    let node_type = runtime.block_on(bench.upload(0));
    let mut bare = external::BareEcho::in_node();
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    let nodes = Arc::clone(&bench.nodes);
    for round in 0..10 {
        floors.extend(bare.times(count / 10));
        let (nodes, node_type) = (Arc::clone(&nodes), Arc::clone(&node_type));
        let timed = runtime.block_on(async move {
            tokio::spawn(async move {
                let mut times = Vec::new();
                for number in 0..count / 10 {
                    let start = Instant::now();
                    call(&nodes, &node_type, number as u64).await;
                    times.push(start.elapsed().as_secs_f64() * 1e6);
                }
                times
            })
            .await
            .expect("the work ends")
        });
        // The first round warms both up.
        if round > 0 {
            ours.extend(timed);
        } else {
            floors.clear();
        }
    }
    runtime.block_on(bench.nodes.shutdown());
    let floor = (median(&mut floors), "bare echo in Node.js, p50 µs");
    vec![Row::new(
        "warm call of a TypeScript node, p50",
        median(&mut ours),
        "µs",
        Some(floor),
        Goal::RatioAtMost(1.5),
        ground.quick,
    )]
}
