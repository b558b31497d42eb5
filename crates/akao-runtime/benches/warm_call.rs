//! A warm call through pools beside one through a connection alone, in the same run: `cargo bench -p akao-runtime`. Only the
//! difference means something; both speak with the same node, a thread of this program.

use akao_contract::{Address, Digest, ExecutionId, Invocation, NodeId, OpId, OutcomeStatus, StepContext, Tenant};
use akao_rpc::{Connection, ExecuteContext, ExecuteIo, ExecuteRequest, InfoRequest, NoHostCalls, Settings};
use akao_runtime::{
    DiskState, Ended, HostPorts, Kill, Launch, LaunchError, NoDenials, NodePackage, Process, ProcessRunner,
    ProcessSpec, RuntimeSettings, Started, Usage,
};
use akao_step::{BlobError, BlobStore, BoxFuture, CancellationToken, StepEvents, StepIo, StepRunner};
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const CALLS: usize = 10_000;
const IN_FLIGHT: usize = 64;
const NODE: &str = "com.example.enrich";

/// The node: answers every line with its parameters.
fn serve(socket: UnixStream) {
    let mut reader = BufReader::new(socket.try_clone().expect("a second handle"));
    let (mut socket, mut line) = (socket, Vec::new());
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let request: Value = serde_json::from_slice(&line).expect("the host sends JSON");
        let result = match request["method"].as_str() {
            Some("node.info") => json!({ "protocol": 1, "id": NODE, "version": "1.0.0", "nodes": [NODE] }),
            _ => json!({ "success": true, "outputs": { "result": request["params"]["parameters"] } }),
        };
        let mut answer = json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }).to_string();
        answer.push('\n');
        if socket.write_all(answer.as_bytes()).is_err() {
            return;
        }
        line.clear();
    }
}

fn node() -> tokio::net::UnixStream {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    std::thread::spawn(move || serve(theirs));
    ours.set_nonblocking(true).expect("a socket");
    tokio::net::UnixStream::from_std(ours).expect("a runtime")
}

/// Starts a thread instead of a process.
struct ThreadLaunch;

struct NoProcess;

impl Process for NoProcess {
    fn id(&self) -> u32 {
        0
    }

    fn kill(&self, _: Kill) {}

    fn ended(&self) -> BoxFuture<'_, Ended> {
        Box::pin(std::future::pending())
    }

    fn memory_bytes(&self) -> Option<u64> {
        None
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl Launch for ThreadLaunch {
    fn start<'a>(&'a self, _: &'a ProcessSpec) -> BoxFuture<'a, Result<Started, LaunchError>> {
        Box::pin(async {
            let (stdout, stderr) = (Box::pin(tokio::io::empty()), Box::pin(tokio::io::empty()));
            Ok(Started { socket: node(), stdout, stderr, workspace: None, process: Box::new(NoProcess) })
        })
    }
}

struct Nothing;

impl BlobStore for Nothing {
    fn put(&self, _: &Tenant, bytes: &[u8], _: &str) -> Result<akao_contract::BlobRef, BlobError> {
        Err(BlobError::NotFound(Digest::of(bytes)))
    }

    fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        Err(BlobError::NotFound(*digest))
    }
}

fn parameters() -> Map<String, Value> {
    let text = "abcdefghijklmnopqrstuvwxyz".repeat(8);
    match json!({ "text": text, "amount": 120, "rows": [1, 2, 3], "flags": { "a": true, "b": null } }) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn context() -> StepContext {
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(1_764_395_368_000, 7),
        workflow: "orders".into(),
        node_id: NodeId::new("work"),
        step: Address::root().child(0).child(1),
        op: OpId(1),
        attempt: 1,
        idempotency_key: format!("blake3:{}", "0".repeat(32)),
        deadline_ms: None,
        grants: Arc::default(),
        volumes: Arc::default(),
        trace: None,
    }
}

fn runner(folder: &std::path::Path) -> (ProcessRunner, Arc<str>) {
    let text = format!(
        "manifest: 1\nid: {NODE}\nname: Enrich\nversion: 1.0.0\nruntime: {{ type: executable, command: node, \
         instances: {{ max: 1, concurrency: {IN_FLIGHT}, recycle_after: 100000000 }} }}\n\
         nodes: [{{ id: {NODE}, inputs: {{ text: {{}} }}, outputs: {{ result: {{ type: object }} }} }}]\n"
    );
    let parsed = akao_manifest::read(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let package =
        NodePackage { parsed, folder: folder.to_owned(), digest: Digest::of(text.as_bytes()), granted: Vec::new() };
    let host = HostPorts {
        blobs: Arc::new(Nothing),
        state: Arc::new(DiskState::new(folder.join("state"))),
        denials: Arc::new(NoDenials),
        outside: None,
    };
    let runner = ProcessRunner::new(Arc::new(ThreadLaunch), host, RuntimeSettings::default());
    let node_type = package.pinned(&NODE.parse().expect("an id")).to_string().into();
    runner.add(package).expect("the package is run as a process");
    (runner, node_type)
}

async fn through_pool(runner: &ProcessRunner, node_type: &Arc<str>) {
    let invocation = Invocation {
        context: context(),
        node_type: Arc::clone(node_type),
        props: parameters(),
        blackboard: Default::default(),
        input: None,
    };
    let io = StepIo { cancel: CancellationToken::new(), events: StepEvents::none(), secrets: Default::default() };
    let outcome = runner.run(invocation, io).await;
    assert_eq!(outcome.status, OutcomeStatus::Success, "{outcome:?}");
}

async fn through_connection(connection: &Connection) {
    // What a caller has of its own in either case.
    let (context, parameters) = (context(), parameters());
    let request = ExecuteRequest { context: ExecuteContext::new(NODE, &context).lean(1), parameters: &parameters };
    let answer = connection.execute(&request, ExecuteIo::new()).await;
    assert!(answer.is_ok_and(|answer| answer.result.is_ok()));
}

async fn alone<F: Future<Output = ()>>(call: impl Fn() -> F) -> Duration {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let start = Instant::now();
        call().await;
        times.push(start.elapsed());
    }
    times.sort();
    times[CALLS / 2]
}

async fn together<F: Future<Output = ()>>(call: impl Fn() -> F) -> f64 {
    let start = Instant::now();
    let mut running = Vec::new();
    for _ in 0..CALLS / IN_FLIGHT {
        running.extend((0..IN_FLIGHT).map(|_| Box::pin(call())));
        futures_util::future::join_all(running.drain(..)).await;
    }
    (CALLS / IN_FLIGHT * IN_FLIGHT) as f64 / start.elapsed().as_secs_f64()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (runner, node_type) = runner(folder.path());
    through_pool(&runner, &node_type).await;
    let settings = Settings { in_flight_max: IN_FLIGHT + 4, ..Settings::default() };
    let connection = Connection::open(node(), settings, Arc::new(NoHostCalls));
    connection.info(&InfoRequest::new("bench"), Duration::from_secs(5)).await.expect("the node answers");
    println!("round  connection p50  pool p50  more     connection {IN_FLIGHT}/s  pool {IN_FLIGHT}/s  ratio");
    for round in 1..=ROUNDS {
        let (wire, pool) =
            (alone(|| through_connection(&connection)).await, alone(|| through_pool(&runner, &node_type)).await);
        let (wires, pools) =
            (together(|| through_connection(&connection)).await, together(|| through_pool(&runner, &node_type)).await);
        let more = pool.saturating_sub(wire);
        println!(
            "{round:>5}  {wire:>14.1?}  {pool:>8.1?}  {more:>7.1?}  {wires:>16.0}  {pools:>9.0}  {:.2}",
            pools / wires
        );
    }
}
