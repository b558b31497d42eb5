//! The examples of every node type, run by the real engine over a real journal, with the real standard nodes and ports.

use akao_builtin::BuiltInRunner;
use akao_contract::{Example, ExecutionId, ExecutionStatus, NodeType, Tenant};
use akao_engine::{Bundle, Config, Engine, EngineThread, GivenSecrets, Parts, Reply, Request, StartRequest, Summary};
use akao_flow::{Catalogue, Severity};
use akao_host::{CheckedEgress, DiskBlobs, EgressOptions, ProjectVolumes};
use akao_journal::{Journal, OpenOptions, Reader};
use akao_step::Ports;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// An example ends within this time; the longest ones wait for some milliseconds.
const END_WITHIN: Duration = Duration::from_secs(20);

fn node_types() -> Vec<NodeType> {
    let leaves = akao_builtin::all().into_iter().map(|built_in| Arc::unwrap_or_clone(built_in.node_type));
    akao_flow::control_types().into_iter().chain(leaves).collect()
}

/// An engine in a folder of its own.
struct Bench {
    engine: Engine,
    thread: EngineThread,
    reader: Reader,
    runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(catalogue: &Arc<Catalogue>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        std::fs::create_dir(folder.path().join("project")).expect("a folder");
        let options = OpenOptions { created_by: "examples".into(), now_ms: 1 };
        let journal = Journal::open(&data, &options).expect("a new journal");
        let reader = journal.reader().expect("a second connection");
        let runtime = Runtime::new().expect("threads");
        let blobs = Arc::new(DiskBlobs::new(data.join("blobs")));
        let ports = Ports {
            blobs: blobs.clone(),
            egress: Arc::new(CheckedEgress::new(EgressOptions::default())),
            volumes: Arc::new(ProjectVolumes::new()),
        };
        let parts = Parts {
            journal,
            runner: Arc::new(BuiltInRunner::new(ports)),
            blobs,
            secrets: None,
            catalogue: Arc::clone(catalogue),
            runtime: runtime.handle().clone(),
            config: Config::default(),
            entropy: 7,
        };
        let (engine, thread) = Engine::start(parts).expect("the journal is empty");
        Self { engine, thread, reader, runtime, folder }
    }

    /// Runs a workflow to its end.
    fn run(&self, bundle: Bundle, input: Value, project: &Path) -> Result<Summary, String> {
        let volumes = BTreeMap::from([("project".to_owned(), project.display().to_string())]);
        let input = akao_engine::input::accept(&bundle.definition, input).map_err(|problems| problems.join("; "))?;
        let request = StartRequest {
            tenant: Tenant::local(),
            bundle,
            input,
            grants: vec![],
            volumes,
            vars: Map::new(),
            secrets: GivenSecrets::default(),
            idempotency_key: None,
            debug: false,
            breakpoints: vec![],
            execution: None,
            trace: None,
            warnings: Vec::new(),
        };
        let started = self.runtime.block_on(self.engine.call(Request::Start(Box::new(request))));
        match started.map_err(|error| error.to_string())? {
            Reply::Started { execution, .. } => self.end_of(execution),
            other => Err(format!("a start was answered by {other:?}")),
        }
    }

    fn project(&self) -> std::path::PathBuf {
        self.folder.path().join("project")
    }

    fn end_of(&self, execution: ExecutionId) -> Result<Summary, String> {
        let end = Instant::now() + END_WITHIN;
        loop {
            let row = self.reader.execution(execution).map_err(|error| error.to_string())?;
            let row = row.ok_or("the execution is not in the journal")?;
            if row.status.is_final() {
                let summary = row.summary.ok_or("an execution that has ended has a summary")?;
                return serde_json::from_slice(&summary).map_err(|error| error.to_string());
            }
            if Instant::now() > end {
                return Err(format!("it is still {} ({:?})", row.status.as_str(), row.waiting));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn stop(self) {
        self.engine.stop(Duration::from_millis(100));
        self.thread.join().expect("the journal took every commit");
    }
}

/// The bundle of an example; one that is not valid is a mistake of the example.
fn bundle(text: &str, catalogue: &Catalogue) -> Result<Bundle, String> {
    let (parsed, problems) = akao_flow::check(text, catalogue);
    if let Some(problem) = problems.iter().find(|problem| problem.severity == Severity::Error) {
        return Err(format!("it is not valid: {problem}"));
    }
    let mut definition = parsed.ok_or("it gives no definition")?.definition;
    akao_flow::canonicalise(&mut definition, catalogue);
    Ok(Bundle::of(definition))
}

/// The bundle of a node type's example with the workflows that stand beside it.
fn example_bundle(example: &Example, catalogue: &Catalogue) -> Result<Bundle, String> {
    let mut whole = bundle(&example.workflow, catalogue)?;
    for (path, text) in &example.files {
        whole.children.insert(format!("./{path}"), bundle(text, catalogue)?);
    }
    Ok(whole)
}

#[test]
fn every_example_of_every_node_type_keeps_its_promise() {
    let types = node_types();
    let catalogue = Arc::new(Catalogue::from(types.clone()));
    let bench = Bench::new(&catalogue);
    let mut broken = Vec::new();
    for node_type in &types {
        assert!(!node_type.examples.is_empty(), "{} has no example", node_type.name);
        for example in &node_type.examples {
            let end = example_bundle(example, &catalogue)
                .and_then(|bundle| bench.run(bundle, example.input.clone(), &bench.project()));
            if let Err(problem) = end.and_then(|end| compare(&end, &example.outputs)) {
                broken.push(format!("{}: {problem}", node_type.name));
            }
        }
    }
    assert!(broken.is_empty(), "{} examples do not keep their promise:\n{}", broken.len(), broken.join("\n"));
    bench.stop();
}

/// An example with outputs succeeds with exactly these; one without may fail, and must end.
fn compare(end: &Summary, promised: &Value) -> Result<(), String> {
    if promised.is_null() {
        return Ok(());
    }
    let outputs = Value::Object(end.outputs.clone());
    match end.status {
        ExecutionStatus::Success if outputs == *promised => Ok(()),
        ExecutionStatus::Success => Err(format!("its outputs are {outputs}, not {promised}")),
        status => Err(format!("it ended as {}: {:?}", status.as_str(), end.failure)),
    }
}

/// `cargo xtask test` runs the folders of `examples/` through the program; here the engine runs them, and each is in the
/// usual form. An example that needs more arguments, such as another volume, is run by the program alone.
#[test]
fn the_example_folders_keep_their_promise() {
    let catalogue = Arc::new(Catalogue::from(node_types()));
    let bench = Bench::new(&catalogue);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(&root).expect("the examples") {
        let folder = entry.expect("an entry").path();
        let Ok(text) = std::fs::read_to_string(folder.join("workflow.yaml")) else { continue };
        // What has to be built first has a test of its own, `example_nodes`.
        if folder.join("run.sh").is_file() {
            continue;
        }
        assert_eq!(akao_flow::format_workflow(&text, &catalogue).as_ref(), Ok(&text), "{}", folder.display());
        let promise = std::fs::read_to_string(folder.join("expect.json")).expect("what it promises");
        // A script runs in a sandbox, which only the program puts together.
        if promise.contains("\"arguments\"") || text.contains("Interpreter\n") {
            continue;
        }
        if let Err(problem) = run_folder(&bench, &folder, &text, &catalogue) {
            panic!("{}: {problem}", folder.display());
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} examples");
    bench.stop();
}

fn run_folder(bench: &Bench, folder: &Path, text: &str, catalogue: &Catalogue) -> Result<(), String> {
    let json = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|_| "null".to_owned());
        serde_json::from_str::<Value>(&text).map_err(|error| error.to_string())
    };
    let (input, promise) = (json("input.json")?, json("expect.json")?);
    let mut whole = bundle(text, catalogue)?;
    for child in ["add-tax.yaml"].into_iter().filter(|child| folder.join(child).is_file()) {
        let text = std::fs::read_to_string(folder.join(child)).map_err(|error| error.to_string())?;
        whole.children.insert(format!("./{child}"), bundle(&text, catalogue)?);
    }
    let end = bench.run(whole, input, folder)?;
    if promise["status"] != end.status.as_str() {
        return Err(format!("it ended as {}: {:?}", end.status.as_str(), end.failure));
    }
    compare(&end, &promise["outputs"])?;
    println!("{}: {}", folder.display(), Value::Object(end.outputs));
    Ok(())
}
