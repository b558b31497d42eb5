//! Topic `script`: steps of a few lines of Python and JavaScript, beside the least that could run them.

mod floor;
mod javascript;

use crate::{
    Ground,
    engine::{house, median},
    external::{context, external_nodes},
    row::{Goal, Row},
};
use akao_contract::{Invocation, OutcomeStatus};
use akao_engine::Config;
use akao_nodes::ExternalNodes;
use akao_package::Store;
use akao_script::{ScriptOptions, Scripts};
use akao_step::{CancellationToken, StepEvents, StepIo, StepRunner};
use floor::{ForkServer, Prototype};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// A measurement; it may give several rows.
type Measure = fn(&Ground) -> Vec<Row>;

/// Every figure by name.
pub(crate) const FIGURES: [(&str, Measure); 6] = [
    ("a step of Python", step),
    ("a step of Python with numpy", numpy),
    ("steps of Python per second", rate),
    ("steps of Python in an execution", chain),
    ("a step of JavaScript", javascript::quick),
    ("a step of JavaScript in Node.js", javascript::in_node),
];

/// What every step runs.
const SCRIPT: &str = "result = sum(items)";

/// What lies between two steps that are timed, in which the next process is forked.
const PACE: Duration = Duration::from_millis(15);

/// Steps at once.
const AT_ONCE: usize = 8;

/// The runner of scripts over a data directory of its own.
struct Bench {
    nodes: Arc<ExternalNodes>,
    scripts: Arc<Scripts>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::over(tempfile::tempdir().expect("a folder"))
    }

    /// Over a data directory, in which there may be environments.
    fn over(data: tempfile::TempDir) -> Self {
        let folder = data.path().join("nodes");
        std::fs::create_dir_all(&folder).expect("a folder");
        let nodes = external_nodes(&folder);
        let options = ScriptOptions::new(Store::new(folder.join("packages")), folder.join("scripts"));
        let scripts = Arc::new(Scripts::new(Arc::clone(&nodes), options));
        Self { nodes, scripts, _folder: data }
    }

    async fn run(scripts: Arc<Scripts>, number: u64) {
        let props = json!({"script": SCRIPT, "inputs": {"items": [1, 2, 3]}});
        Self::run_of(scripts, "PythonInterpreter", props, number).await;
    }

    async fn run_of(scripts: Arc<Scripts>, node_type: &str, props: Value, number: u64) {
        let invocation = Invocation {
            context: context(number),
            node_type: node_type.into(),
            props: props.as_object().cloned().unwrap_or_default(),
            blackboard: Default::default(),
            input: None,
        };
        let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Arc::default() };
        let outcome = scripts.run(invocation, io).await;
        assert_eq!(outcome.status, OutcomeStatus::Success, "{outcome:?}");
    }

    /// One step of Python, in milliseconds.
    fn time(&self, runtime: &Runtime, number: u64) -> f64 {
        self.time_of(runtime, "PythonInterpreter", json!({"script": SCRIPT, "inputs": {"items": [1, 2, 3]}}), number)
    }

    /// One step, in milliseconds.
    fn time_of(&self, runtime: &Runtime, node_type: &'static str, props: Value, number: u64) -> f64 {
        let scripts = Arc::clone(&self.scripts);
        runtime.block_on(async move {
            let timed = tokio::spawn(async move {
                let start = Instant::now();
                Self::run_of(scripts, node_type, props, number).await;
                millis(start)
            });
            timed.await.expect("the step ends")
        })
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn step(ground: &Ground) -> Vec<Row> {
    let rounds = if ground.quick { 100 } else { 400 };
    let runtime = Runtime::new().expect("a runtime");
    let bench = Bench::new();
    let mut prototype = Prototype::start();
    for number in 0..20 {
        bench.time(&runtime, number);
        prototype.time(number);
    }
    let (mut ours, mut floors, mut cold) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..rounds {
        std::thread::sleep(PACE);
        floors.push(prototype.time(number));
        std::thread::sleep(PACE);
        ours.push(bench.time(&runtime, number));
        if number % 10 == 0 {
            cold.push(floor::cold());
        }
    }
    let value = median(&mut ours);
    let name = "a step of Python, fresh process, all confinement, p50";
    let mut rows = vec![
        Row::new(
            name,
            value,
            "ms",
            Some((median(&mut floors), "bare pre-forked process in the same sandbox, p50 ms")),
            Goal::RatioAtMost(1.5),
            ground.quick,
        ),
        Row::new(
            "the same beside a Python that is started",
            value,
            "ms",
            Some((median(&mut cold), "python3 -c 'import json', p50 ms")),
            Goal::RatioAtMost(0.08),
            ground.quick,
        ),
    ];
    // Until the next process waits, the one that forks it is alone and nothing is shared.
    std::thread::sleep(10 * PACE);
    rows.extend(floor::waiting_memory(&bench.nodes, &prototype).map(|(ours, bare)| {
        let floor = Some((bare, "the bare process that waits, MB"));
        Row::new(
            "memory of a waiting process of Python, its own pages",
            ours,
            "MB",
            floor,
            Goal::RatioAtMost(1.5),
            ground.quick,
        )
    }));
    runtime.block_on(bench.nodes.shutdown());
    rows
}

/// What a step costs where numpy is loaded and used. The registry of Python's packages is asked for it; without it there is no row.
fn numpy(ground: &Ground) -> Vec<Row> {
    const NAME: &str = "a step of Python that uses numpy, p50";
    let Some(akao) = &ground.akao else { return Vec::new() };
    let data = tempfile::tempdir().expect("a folder");
    let mut command = std::process::Command::new(akao);
    command.args(["env", "create", "data", "--python", "--packages", "numpy", "--data-dir"]).arg(data.path());
    let made = command.output().expect("the program runs");
    if !made.status.success() {
        eprintln!("no numpy: {}", String::from_utf8_lossy(&made.stderr).trim());
        return Vec::new();
    }
    let (runtime, bench) = (Runtime::new().expect("a runtime"), Bench::over(data));
    let script = "import numpy\nresult = numpy.arange(items).sum()";
    let props = json!({"script": script, "inputs": {"items": 1000}, "environment": "data"});
    let mut times = Vec::new();
    for number in 0..if ground.quick { 100 } else { 400 } {
        std::thread::sleep(PACE);
        times.push(bench.time_of(&runtime, "PythonInterpreter", props.clone(), number));
    }
    runtime.block_on(bench.nodes.shutdown());
    vec![Row::new(NAME, median(&mut times[20..]), "ms", None, Goal::AtMost(3.0), ground.quick)]
}

fn rate(ground: &Ground) -> Vec<Row> {
    let count = if ground.quick { 400 } else { 2_000 };
    let runtime = Runtime::new().expect("a runtime");
    let bench = Bench::new();
    let server = ForkServer::start();
    let ours = |count: usize| {
        let start = Instant::now();
        runtime.block_on(async {
            let lanes = (0..AT_ONCE).map(|lane| {
                let scripts = Arc::clone(&bench.scripts);
                tokio::spawn(async move {
                    for number in 0..count / AT_ONCE {
                        Bench::run(Arc::clone(&scripts), (lane * count + number) as u64).await;
                    }
                })
            });
            futures_util::future::try_join_all(lanes.collect::<Vec<_>>()).await.expect("the steps end");
        });
        count as f64 / start.elapsed().as_secs_f64()
    };
    ours(200);
    let (mut rates, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        floors.push(server.rate(count, AT_ONCE));
        rates.push(ours(count));
    }
    runtime.block_on(bench.nodes.shutdown());
    vec![Row::new(
        &format!("steps of Python per second, {AT_ONCE} at once"),
        median(&mut rates),
        "steps/s",
        Some((median(&mut floors), "a fork for each, nothing confined")),
        Goal::RatioAtLeast(0.6),
        ground.quick,
    )]
}

/// Forty tiny steps after each other in one execution, with the journal on the disk.
fn chain(ground: &Ground) -> Vec<Row> {
    const STEPS: usize = 40;
    let runtime = Runtime::new().expect("a runtime");
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    let runner = Arc::clone(&bench.scripts) as Arc<dyn StepRunner>;
    let types = akao_script::node_types();
    let (engine, thread) = house::open_scripts(folder.path(), &runtime, Config::default(), (types, runner));
    let leaf = json!({"type": "PythonInterpreter", "props": {"script": SCRIPT, "inputs": {"items": [1, 2, 3]}}});
    let tree = json!({"type": "Repeat", "props": {"numCycles": STEPS}, "children": [leaf]});
    let definition = house::definition(tree);
    let mut times: Vec<f64> = (0..if ground.quick { 5 } else { 15 })
        .map(|_| {
            let start = Instant::now();
            runtime.block_on(engine.run_to_end(house::start(&definition))).expect("the execution ends");
            millis(start) / STEPS as f64
        })
        .collect();
    engine.stop(Duration::from_secs(5));
    thread.join().expect("the engine ends well");
    runtime.block_on(bench.nodes.shutdown());
    let name = format!("{STEPS} tiny steps of Python after each other in one durable execution, a step, p50");
    vec![Row::new(&name, median(&mut times), "ms", None, Goal::AtMost(5.0), ground.quick)]
}
