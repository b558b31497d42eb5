//! The engine over a real journal, with leaves of the tests: start, wait, restart, signal, retry, fork, export.

use akao_contract::*;
use akao_engine::*;
use akao_flow::{Catalogue, Event, control_types};
use akao_journal::{Batch, Journal, OpenOptions, Reader, Write};
use akao_step::*;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Blobs in memory.
#[derive(Default)]
struct MemoryBlobs(Mutex<BTreeMap<Digest, Vec<u8>>>);

impl BlobStore for MemoryBlobs {
    fn put(&self, _: &Tenant, bytes: &[u8], media_type: &str) -> Result<BlobRef, BlobError> {
        let digest = Digest::of(bytes);
        self.0.lock().unwrap().insert(digest, bytes.to_vec());
        Ok(BlobRef { digest, bytes: bytes.len() as u64, media_type: media_type.into(), items: None })
    }

    fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        self.0.lock().unwrap().get(digest).cloned().ok_or(BlobError::NotFound(*digest))
    }
}

/// `Echo` answers with its prop `value` inline. `Slow` takes `ms` and changes something outside. `Flaky` fails `times`
/// times with a connection error. `Big` answers with a list of `count` objects. `Script` runs as `Slow` does and is harmless
/// to repeat while nothing is granted.
#[derive(Default)]
struct Runner {
    flaky: Arc<AtomicU64>,
    /// How many steps `Slow` and `Script` were begun.
    slow: Arc<AtomicU64>,
}

impl StepRunner for Runner {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        let traits = |effects, inline| RunnerTraits {
            effects,
            idempotent: inline,
            once_when_granted: false,
            inline,
            only_waits: false,
            takes_input: false,
        };
        match node_type {
            "Echo" | "Big" => Some(traits(Effects::None, true)),
            "Slow" | "Flaky" | EXTERNAL => Some(traits(Effects::Write, false)),
            "Script" => {
                Some(RunnerTraits { idempotent: true, once_when_granted: true, ..traits(Effects::None, false) })
            }
            _ => None,
        }
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        if &*invocation.node_type == "Big" {
            let count = invocation.props.get("value").and_then(Value::as_u64).unwrap_or(0);
            let items: Vec<Value> = (0..count).map(|n| json!({"n": n, "text": "some text that takes room"})).collect();
            return Outcome::success().output("result", items);
        }
        Outcome::success().output("result", invocation.props.get("value").cloned().unwrap_or(Value::Null))
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        let (flaky, slow) = (Arc::clone(&self.flaky), Arc::clone(&self.slow));
        Box::pin(async move {
            let number = |key: &str| invocation.props.get(key).and_then(Value::as_u64).unwrap_or(0);
            if &*invocation.node_type == "Flaky" {
                let failed = flaky.fetch_add(1, Ordering::SeqCst);
                assert_eq!(u64::from(invocation.context.attempt), failed + 1, "attempts are counted");
                return match failed < number("value") {
                    true => Outcome::failure(StepError::new(ErrorKind::Connection, "the other side is away")),
                    false => Outcome::success().output("result", failed),
                };
            }
            slow.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(number("ms"))) => Outcome::success().output("result", "slow"),
                () = io.cancel.cancelled() => Outcome::cancelled(),
            }
        })
    }
}

/// A node type that the engine's catalogue does not know; it runs as `Slow` does.
const EXTERNAL: &str = "com.example.slow@sha256:0123";

fn leaf(name: &str) -> NodeType {
    let mut node_type = control_types()[0].clone();
    node_type.name = name.into();
    node_type.aliases.clear();
    node_type.props = json!({"type": "object", "properties": {"value": {}, "ms": {}, "outputKey": {"type": "string"}}});
    node_type.main_output = Some("result".into());
    (node_type.children_min, node_type.children_max) = (0, Some(0));
    node_type
}

fn catalogue() -> Arc<Catalogue> {
    let mut types = control_types();
    types.extend(["Echo", "Slow", "Flaky", "Big", "Script"].map(leaf));
    Arc::new(Catalogue::from(types))
}

struct House {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    blobs: Arc<MemoryBlobs>,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, runtime: tokio::runtime::Runtime::new().unwrap(), blobs: Arc::default() }
    }

    fn open(&self) -> (Engine, EngineThread) {
        self.open_over(self.journal(), Runner::default())
    }

    fn journal(&self) -> Journal {
        let options = OpenOptions { created_by: "test".into(), now_ms: 0 };
        Journal::open(self.folder.path(), &options).expect("a journal")
    }

    fn open_over(&self, journal: Journal, runner: Runner) -> (Engine, EngineThread) {
        self.open_within(journal, runner, Allowances::default())
    }

    fn open_within(&self, journal: Journal, runner: Runner, allowances: Allowances) -> (Engine, EngineThread) {
        Engine::start(Parts {
            journal,
            runner: Arc::new(runner),
            blobs: Arc::clone(&self.blobs) as Arc<dyn BlobStore>,
            secrets: None,
            catalogue: catalogue(),
            runtime: self.runtime.handle().clone(),
            config: Config { allowances, ..Config::default() },
            entropy: 42,
        })
        .expect("an engine")
    }

    fn reader(&self) -> Reader {
        Reader::open(self.folder.path()).unwrap()
    }

    fn call(&self, engine: &Engine, request: Request) -> Reply {
        self.runtime.block_on(engine.call(request)).expect("the request is carried out")
    }

    fn start(&self, engine: &Engine, root: Value) -> ExecutionId {
        match self.call(engine, start(root, None)) {
            Reply::Started { execution, .. } => execution,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the execution's row says a state, and gives its outputs.
    fn wait(&self, execution: ExecutionId, status: ExecutionStatus) -> Value {
        let reader = self.reader();
        let mut last = None;
        for _ in 0..12_000 {
            let row = reader.execution(execution).unwrap().unwrap();
            last = Some(row.status);
            if row.status == status {
                let summary = row.summary.map(|bytes| serde_json::from_slice::<Summary>(&bytes).unwrap());
                return summary.map_or(Value::Null, |summary| Value::Object(summary.outputs));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the execution is {last:?}, not {status}");
    }

    fn events(&self, execution: ExecutionId) -> Vec<Event> {
        let frames = self.reader().frames(execution, 0).unwrap();
        frames.iter().flat_map(|frame| read_entries(&frame.body).unwrap()).map(|entry| entry.event).collect()
    }
}

fn start(root: Value, key: Option<&str>) -> Request {
    let outputs = json!({"got": "${got | default(none)}"});
    let definition = json!({"akao": 1, "id": "w", "version": "1.0.0", "outputs": outputs, "root": root});
    Request::Start(Box::new(StartRequest {
        tenant: Tenant::local(),
        bundle: Bundle::of(serde_json::from_value(definition).unwrap()),
        input: Value::Null,
        grants: vec![],
        volumes: BTreeMap::new(),
        vars: serde_json::Map::new(),
        secrets: GivenSecrets::default(),
        idempotency_key: key.map(str::to_owned),
        debug: false,
        breakpoints: vec![],
        execution: None,
        trace: None,
        warnings: Vec::new(),
    }))
}

fn stop(engine: &Engine, thread: EngineThread) {
    engine.stop(Duration::from_secs(1));
    thread.join().unwrap();
}

#[test]
fn an_execution_survives_a_restart_and_ends_with_its_signal() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root = json!({"type": "Sequence", "children": [
        {"type": "Echo", "props": {"value": 1, "outputKey": "one"}},
        {"type": "Slow", "props": {"ms": 5}},
        {"type": "WaitForSignal", "props": {"signalName": "go", "outputKey": "got"}},
    ]});
    let Reply::Started { execution, repeated: false, .. } = house.call(&engine, start(root.clone(), Some("k"))) else {
        panic!("no start")
    };
    let Reply::Started { execution: again, repeated: true, .. } = house.call(&engine, start(root, Some("k"))) else {
        panic!("no repeat")
    };
    assert_eq!(again, execution);
    house.wait(execution, ExecutionStatus::Waiting);
    stop(&engine, thread);

    let (engine, thread) = house.open();
    let signal = |id: &str| Request::Signal {
        execution,
        name: "go".into(),
        key: None,
        payload: json!({"x": 1}),
        signal_id: Some(id.into()),
    };
    house.call(&engine, signal("s1"));
    assert_eq!(house.wait(execution, ExecutionStatus::Success), json!({"got": {"x": 1}}));
    let text = export::export(&house.reader(), house.blobs.as_ref(), execution).unwrap();
    assert_eq!(export::Export::parse(&text).unwrap().replay(&catalogue()).unwrap().len(), 4);
    stop(&engine, thread);
}

#[test]
fn a_version_carries_the_external_node_types_that_it_uses() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root = json!({"type": "Sequence", "children": [
        {"type": EXTERNAL, "props": {"ms": 1, "outputKey": "first"}},
        {"type": "WaitForSignal", "props": {"signalName": "go"}},
        {"type": EXTERNAL, "props": {"ms": 1, "outputKey": "got"}},
    ]});
    let mut request = start(root, None);
    let asked = house.runtime.block_on(engine.call(request.clone()));
    let Err(CallError::Invalid { message, .. }) = asked else { panic!("{asked:?}") };
    assert_eq!(message, format!("/0: there is no node type `{EXTERNAL}`"));
    let Request::Start(given) = &mut request else { panic!("a start") };
    given.bundle.nodes.push(Arc::new(leaf(EXTERNAL)));
    let Reply::Started { execution, .. } = house.call(&engine, request) else { panic!("no start") };
    house.wait(execution, ExecutionStatus::Waiting);
    stop(&engine, thread);

    // Another engine, and whoever has an export, knows them from the version alone.
    let (engine, thread) = house.open();
    let signal = Request::Signal { execution, name: "go".into(), key: None, payload: Value::Null, signal_id: None };
    house.call(&engine, signal);
    assert_eq!(house.wait(execution, ExecutionStatus::Success), json!({"got": "slow"}));
    let text = export::export(&house.reader(), house.blobs.as_ref(), execution).unwrap();
    assert_eq!(export::Export::parse(&text).unwrap().replay(&catalogue()).unwrap().len(), 4);
    stop(&engine, thread);
}

#[test]
fn a_step_is_tried_again_as_its_retry_says() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root =
        json!({"type": "Flaky", "props": {"value": 2, "outputKey": "got"}, "retry": {"attempts": 3, "delay": "1ms"}});
    let execution = house.start(&engine, root);
    assert_eq!(house.wait(execution, ExecutionStatus::Success), json!({"got": 2}));
    let events = house.events(execution);
    let Some(Event::StepFinished { attempts: 3, started_ms: Some(began), earlier, .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(earlier.iter().map(|failed| failed.number).collect::<Vec<_>>(), [1, 2]);
    assert!(earlier.iter().all(|failed| failed.error.kind == akao_contract::ErrorKind::Connection), "{earlier:?}");
    assert!(earlier[0].started_ms == *began && earlier[1].started_ms >= earlier[0].ended_ms, "{earlier:?}");
    stop(&engine, thread);
}

#[test]
fn a_fork_goes_on_from_before_a_step_with_edited_values() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root = json!({"type": "Sequence", "children": [
        {"type": "Echo", "props": {"value": 1, "outputKey": "one"}},
        {"id": "two", "type": "Echo", "props": {"value": "${one + 1}", "outputKey": "got"}},
    ]});
    let execution = house.start(&engine, root);
    assert_eq!(house.wait(execution, ExecutionStatus::Success), json!({"got": 2}));
    let fork = Request::Fork {
        execution,
        at: "two".into(),
        edits: vec![("bb.one".into(), json!(41))],
        secrets: GivenSecrets::default(),
        made: None,
        trace: None,
    };
    let Reply::Started { execution: fork, .. } = house.call(&engine, fork) else { panic!("no fork") };
    assert_eq!(house.wait(fork, ExecutionStatus::Success), json!({"got": 42}));
    let text = export::export(&house.reader(), house.blobs.as_ref(), fork).unwrap();
    export::Export::parse(&text).unwrap().replay(&catalogue()).unwrap();
    stop(&engine, thread);
}

/// What let the step go on is no part of a fork's history: the edits come before the step.
#[test]
fn a_fork_from_a_step_that_was_held_begins_where_it_was_held() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root = json!({"type": "Sequence", "children": [
        {"type": "Echo", "props": {"value": 1, "outputKey": "one"}},
        {"id": "two", "type": "Echo", "props": {"value": "${one + 1}", "outputKey": "sum"}},
        {"id": "three", "type": "Echo", "props": {"value": "${one * 100 + sum}", "outputKey": "got"}},
    ]});
    let mut request = start(root, None);
    let Request::Start(given) = &mut request else { panic!("a start") };
    given.breakpoints = vec![akao_flow::Breakpoint { at: "two".into(), condition: None, once: false }];
    let Reply::Started { execution, .. } = house.call(&engine, request) else { panic!("no start") };
    house.wait(execution, ExecutionStatus::Paused);
    house.call(&engine, Request::Step { execution, mode: akao_flow::StepMode::Over });
    house.wait(execution, ExecutionStatus::Paused);
    house.call(&engine, Request::Resume { execution, secrets: GivenSecrets::default() });
    house.wait(execution, ExecutionStatus::Success);
    for (at, got) in [("two", 4_142), ("three", 4_102)] {
        let fork = Request::Fork {
            execution,
            at: at.into(),
            edits: vec![("bb.one".into(), json!(41))],
            secrets: GivenSecrets::default(),
            made: None,
            trace: None,
        };
        let Reply::Started { execution: fork, .. } = house.call(&engine, fork) else { panic!("no fork") };
        assert_eq!(house.wait(fork, ExecutionStatus::Success), json!({"got": got}), "{at}");
    }
    stop(&engine, thread);
}

#[test]
fn a_pause_holds_attempts_back_and_a_long_wait_for_one_holds_no_place() {
    let house = House::new();
    let runner = Runner::default();
    let again = Runner { flaky: Arc::clone(&runner.flaky), ..Runner::default() };
    let (engine, thread) = house.open_over(house.journal(), runner);
    let retry = json!({"attempts": 3, "delay": "1500ms", "factor": 1});
    let root = json!({"type": "Flaky", "props": {"value": 1, "outputKey": "got"}, "retry": retry});
    let execution = house.start(&engine, root);
    house.wait(execution, ExecutionStatus::Waiting);
    let row = house.reader().execution(execution).unwrap().unwrap();
    assert!(row.waiting.as_deref().is_some_and(|text| text.starts_with("attempt 2, in ")), "{row:?}");
    assert!(row.next_timer_ms.is_some(), "it is taken up again after a restart");
    house.call(&engine, Request::Pause { execution });
    std::thread::sleep(Duration::from_millis(2_000));
    house.wait(execution, ExecutionStatus::Paused);
    stop(&engine, thread);
    let (engine, thread) = house.open_over(house.journal(), again);
    std::thread::sleep(Duration::from_millis(300));
    house.wait(execution, ExecutionStatus::Paused);
    house.call(&engine, Request::Resume { execution, secrets: GivenSecrets::default() });
    assert_eq!(house.wait(execution, ExecutionStatus::Success), json!({"got": 1}));
    stop(&engine, thread);
}

#[test]
fn a_signal_that_is_sent_again_is_taken_once_and_another_by_its_id_is_refused() {
    let house = House::new();
    let (engine, thread) = house.open();
    let waits = json!({"type": "WaitForSignal", "props": {"signalName": "go", "outputKey": "got"}});
    let execution = house.start(&engine, json!({"type": "Sequence", "children": [waits]}));
    house.wait(execution, ExecutionStatus::Waiting);
    let signal = |payload: i64, id: &str| Request::Signal {
        execution,
        name: "go".into(),
        key: None,
        payload: json!(payload),
        signal_id: Some(id.into()),
    };
    let answer = |request| house.runtime.block_on(engine.call(request));
    for id in ["", "a\nb", &"x".repeat(256)] {
        assert!(matches!(answer(signal(1, id)), Err(CallError::Invalid { .. })), "{id:?}");
    }
    assert!(matches!(answer(signal(1, "first")), Ok(Reply::Done)));
    house.wait(execution, ExecutionStatus::Success);
    assert!(matches!(answer(signal(1, "first")), Ok(Reply::Done)), "the answer may have been lost");
    assert!(matches!(answer(signal(2, "first")), Err(CallError::KeyReused { .. })));
    assert!(matches!(answer(signal(2, "second")), Err(CallError::Conflict { .. })));
    stop(&engine, thread);
}

#[test]
fn large_collections_are_walked_by_reference() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root = json!({"type": "Sequence", "children": [
        {"type": "Big", "props": {"value": 5000, "outputKey": "rows"}},
        {"type": "ForEach", "props": {"collectionKey": "rows", "limit": 8, "collect": "${item.n}", "outputKey": "all"},
            "children": [{"type": "Echo", "props": {"value": "${item.n}"}}]},
        {"type": "Echo", "props": {"value": "${all | length}", "outputKey": "got"}},
    ]});
    let execution = house.start(&engine, root);
    assert_eq!(house.wait(execution, ExecutionStatus::Success), json!({"got": 5000}));
    let text = export::export(&house.reader(), house.blobs.as_ref(), execution).unwrap();
    export::Export::parse(&text).unwrap().replay(&catalogue()).unwrap();
    stop(&engine, thread);
}

/// What somebody else wrote is taken in only when it is whole and says of itself what its history says.
#[test]
fn exports_that_are_not_what_they_say_are_refused() {
    let house = House::new();
    let (engine, thread) = house.open();
    let execution = house.start(&engine, json!({"type": "Echo", "props": {"value": 1}}));
    house.wait(execution, ExecutionStatus::Success);
    let text = export::export(&house.reader(), house.blobs.as_ref(), execution).unwrap();
    stop(&engine, thread);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let elsewhere = House::new();
    let (engine, thread) = elsewhere.open();
    let import = |lines: &[Value]| {
        let export = lines.iter().map(|line| line.to_string() + "\n").collect();
        elsewhere.runtime.block_on(engine.call(Request::Import { export }))
    };
    type Change = fn(&mut Vec<Value>);
    let cases: [(Change, &str); 11] = [
        (|lines| lines.truncate(1), "holds no event"),
        (|lines| lines.push(json!({"first_seq": 0, "entries": []})), "must come next"),
        (|lines| lines.push(json!({"first_seq": u64::MAX, "entries": []})), "must come next"),
        (|lines| lines.push(lines[1].clone()), "must come next"),
        (|lines| lines[1]["first_seq"] = json!(7), "must come next"),
        (|lines| lines[0]["execution"]["status"] = json!("waiting"), "the file says waiting, its history success"),
        (|lines| lines[0]["execution"]["status"] = json!("failure"), "the file says failure, its history success"),
        (|lines| lines[0]["execution"]["id"] = json!("01ARZ3NDEKTSV4RRFFQ69G5FAV"), "of another execution"),
        (|lines| lines[0]["execution"]["tenant"] = json!("acme"), "of another execution"),
        (
            |lines| with_root(lines, json!({"type": "Conditional", "children": [{"type": "Echo"}]})),
            "cannot have 1 children",
        ),
        (
            |lines| with_root(lines, json!({"type": "SubTree", "props": {"treeId": "again"}})),
            "trees contain each other",
        ),
    ];
    for (change, message) in cases {
        let mut changed = lines.clone();
        change(&mut changed);
        let error = import(&changed).expect_err(message).to_string();
        assert!(error.contains(message), "{message}: {error}");
    }
    assert!(matches!(import(&lines), Ok(Reply::Started { status: ExecutionStatus::Success, .. })));
    stop(&engine, thread);
}

/// Puts another root into an export's definition, and a tree that names itself, with the digest that it then has.
fn with_root(lines: &mut [Value], root: Value) {
    let (_, mut stored) = lines[0]["definitions"].as_object().unwrap().clone().into_iter().next().unwrap();
    stored["definition"]["root"] = root;
    stored["definition"]["trees"] = json!({"again": {"type": "SubTree", "props": {"treeId": "again"}}});
    let definition: akao_flow::Definition = serde_json::from_value(stored["definition"].clone()).unwrap();
    let digest = akao_flow::content_hash(&definition, None).to_string();
    lines[0]["definitions"] = json!({ digest.clone(): stored });
    lines[0]["execution"]["definition"] = json!(digest);
}

#[test]
fn a_cancel_halts_what_runs() {
    let house = House::new();
    let (engine, thread) = house.open();
    let execution = house.start(&engine, json!({"type": "Slow", "props": {"ms": 60000}}));
    house.call(&engine, Request::Cancel { execution, reason: Some("enough".into()), force: false });
    house.wait(execution, ExecutionStatus::Cancelled);
    stop(&engine, thread);
}

#[test]
fn only_what_waits_leaves_the_queue() {
    let house = House::new();
    let (allowances, tenant) = (Allowances::default(), Tenant::local());
    allowances.set(&tenant, Allowance { executions: Some(1), ..Allowance::default() });
    let (engine, thread) = house.open_within(house.journal(), Runner::default(), allowances);
    let root = json!({"type": "Slow", "props": {"ms": 600_000}});
    let (runs, waits) = (house.start(&engine, root.clone()), house.start(&engine, root));
    house.wait(runs, ExecutionStatus::Running);
    let leave = |execution| house.runtime.block_on(engine.call(Request::LeaveQueue { execution, reason: None }));
    assert!(matches!(leave(runs), Err(CallError::Conflict { .. })));
    assert!(matches!(leave(waits), Ok(Reply::Done)));
    house.wait(waits, ExecutionStatus::Cancelled);
    house.wait(runs, ExecutionStatus::Running);
    stop(&engine, thread);
}

/// What a script did with a grant before the program was killed is not known; without grants it could do nothing.
#[test]
fn a_script_is_run_again_after_a_kill_only_where_nothing_was_granted() {
    let mut house = House::new();
    let runner = Runner::default();
    let begun = Arc::clone(&runner.slow);
    let (engine, thread) = house.open_over(house.journal(), runner);
    let begin = |grants: Vec<Permission>| {
        let mut request = start(json!({"type": "Script", "props": {"ms": 3_000, "outputKey": "got"}}), None);
        let Request::Start(given) = &mut request else { panic!("a start") };
        given.grants = grants;
        let Reply::Started { execution, .. } = house.call(&engine, request) else { panic!("no start") };
        execution
    };
    let plain = begin(vec![]);
    let granted = begin(vec!["network.http=api.example.com".parse().unwrap()]);
    for _ in 0..2_000 {
        if begun.load(Ordering::SeqCst) == 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(begun.load(Ordering::SeqCst), 2, "both run");
    // What a kill leaves: the files as they are while both steps run.
    let left = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(house.folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), left.path().join(file.file_name())).unwrap();
    }
    stop(&engine, thread);

    house.folder = left;
    let (engine, thread) = house.open();
    assert_eq!(house.wait(plain, ExecutionStatus::Success), json!({"got": "slow"}));
    house.wait(granted, ExecutionStatus::Failure);
    let events = house.events(granted);
    let text = format!("{:?}", events.iter().find(|event| matches!(event, Event::StepFinished { .. })));
    assert!(text.contains("outcome_unknown"), "{text}");
    stop(&engine, thread);
}

#[test]
fn a_tenant_runs_no_more_at_once_than_it_may_also_after_a_restart() {
    let house = House::new();
    let (allowances, tenant) = (Allowances::default(), Tenant::local());
    let allow = |executions, steps| {
        allowances.set(&tenant, Allowance { executions: Some(executions), steps: Some(steps), ..Allowance::default() });
    };
    allow(1, 8);
    let open = || {
        let runner = Runner::default();
        let slow = Arc::clone(&runner.slow);
        let (engine, thread) = house.open_within(house.journal(), runner, allowances.clone());
        (engine, thread, slow)
    };
    let (engine, thread, slow) = open();
    let root = json!({"type": "Slow", "props": {"ms": 600_000}});
    let ids: Vec<ExecutionId> = (0..4).map(|_| house.start(&engine, root.clone())).collect();
    let usage = |engine: &Engine| match house.call(engine, Request::Usage { tenant: tenant.clone() }) {
        Reply::Usage { executions, queued, steps } => (executions, queued, steps),
        other => panic!("{other:?}"),
    };
    assert_eq!(usage(&engine), (1, 3, 1));
    stop(&engine, thread);
    drop(slow);
    // A step that changes something and was under way is not run again; its execution ends and the next one begins.
    let (engine, thread, _) = open();
    house.wait(ids[1], ExecutionStatus::Running);
    assert_eq!(usage(&engine), (1, 2, 1));
    allow(3, 2);
    assert_eq!(house.call(&engine, Request::Admit), Reply::Done);
    house.wait(ids[3], ExecutionStatus::Running);
    assert_eq!(usage(&engine), (3, 0, 2), "three run, and one of them waits for the slot of its step");
    allow(3, 3);
    assert_eq!(house.call(&engine, Request::Admit), Reply::Done);
    assert_eq!(usage(&engine), (3, 0, 3));
    stop(&engine, thread);
}

#[test]
fn what_was_removed_is_gone_and_what_comes_late_for_it_disturbs_nobody() {
    let house = House::new();
    let (engine, thread) = house.open();
    let slow = json!({"type": "Slow", "props": {"ms": 150}});
    let Reply::Started { execution, .. } = house.call(&engine, start(slow.clone(), Some("k"))) else {
        panic!("no start")
    };
    let asked = |request| house.runtime.block_on(engine.call(request));
    let refused = asked(Request::Remove { execution });
    assert!(matches!(refused, Err(CallError::Conflict { .. })), "{refused:?}");
    let of = |executions_max| Request::RemoveOf { tenant: Tenant::local(), executions_max };
    let none = Reply::Pruned { executions: 0, tenants: BTreeMap::new() };
    assert_eq!(house.call(&engine, of(64)), none, "what runs is not removed");
    house.call(&engine, Request::Cancel { execution, reason: None, force: true });
    house.wait(execution, ExecutionStatus::Cancelled);
    assert_eq!(house.call(&engine, Request::Remove { execution }), Reply::Done);
    assert!(house.reader().execution(execution).unwrap().is_none());
    for late in [
        Request::Remove { execution },
        Request::Cancel { execution, reason: None, force: true },
        Request::Signal { execution, name: "go".into(), key: None, payload: Value::Null, signal_id: None },
    ] {
        let refused = asked(late);
        assert!(matches!(refused, Err(CallError::NotFound { .. })), "{refused:?}");
    }
    // Its step may answer only now; the same key is a new start.
    std::thread::sleep(Duration::from_millis(300));
    let Reply::Started { execution: next, repeated: false, .. } = house.call(&engine, start(slow, Some("k"))) else {
        panic!("no start")
    };
    house.wait(next, ExecutionStatus::Success);
    let waits = house.start(&engine, json!({"type": "WaitForSignal", "props": {"signalName": "go"}}));
    house.wait(waits, ExecutionStatus::Waiting);
    let one = Reply::Pruned { executions: 1, tenants: BTreeMap::from([(Tenant::local(), 1)]) };
    assert_eq!((house.call(&engine, of(64)), house.call(&engine, of(64))), (one, none));
    let go = Request::Signal { execution: waits, name: "go".into(), key: None, payload: Value::Null, signal_id: None };
    house.call(&engine, go);
    house.wait(waits, ExecutionStatus::Success);
    stop(&engine, thread);
    assert_eq!(house.reader().verify().unwrap().damages, []);
}

/// The thread commits first and lets go afterwards: whatever it answers or begins is durable.
#[test]
fn nothing_is_acknowledged_or_begun_by_a_commit_that_fails() {
    let house = House::new();
    let journal = house.journal();
    journal.limit_pages(45).unwrap();
    let runner = Runner::default();
    let slow = Arc::clone(&runner.slow);
    let (engine, thread) = house.open_over(journal, runner);
    let padding = "p".repeat(900);
    let root = json!({"type": "Sequence", "children": [
        {"type": "Slow", "props": {"ms": 600_000, "value": padding}},
    ]});
    let mut acknowledged = Vec::new();
    let refused = loop {
        assert!(acknowledged.len() < 10_000, "the disk is never full");
        match house.runtime.block_on(engine.call(start(root.clone(), None))) {
            Ok(Reply::Started { execution, .. }) => acknowledged.push(execution),
            Ok(other) => panic!("{other:?}"),
            Err(refused) => break refused,
        }
    };
    let CallError::Stopped { message } = &refused else { panic!("{refused:?}") };
    assert!(message.contains("journal.db cannot grow, the disk is full"), "{message}");
    let Err(problem) = thread.join() else { panic!("the engine has ended without saying why") };
    assert_eq!(problem.to_string(), *message);
    let late = house.runtime.block_on(engine.call(Request::Health));
    assert_eq!(late, Err(refused), "whoever asks later is told why, too");
    let reader = house.reader();
    let lost = |id: &&ExecutionId| reader.execution(**id).unwrap().is_none();
    assert_eq!(acknowledged.iter().find(lost), None, "an acknowledged start is not durable");
    // The last start that was refused began nothing. Those whose slots were taken wait for them.
    let expected = acknowledged.len().min(Config::default().step_slots) as u64;
    for _ in 0..500 {
        if slow.load(Ordering::SeqCst) >= expected {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(slow.load(Ordering::SeqCst), expected);
}

/// The checksum of a decision: the events are whole, and the interpreter answers them in another way than it did.
#[test]
fn an_execution_whose_decision_is_no_longer_taken_is_quarantined() {
    let (house, other) = (House::new(), House::new());
    let (engine, thread) = house.open();
    let execution = house.start(&engine, json!({"type": "WaitForSignal", "props": {"signalName": "go"}}));
    house.wait(execution, ExecutionStatus::Waiting);
    stop(&engine, thread);
    let reader = house.reader();
    let row = reader.execution(execution).unwrap().unwrap();
    let body = reader.definition(&row.tenant, row.definition).unwrap().unwrap();
    let mut writes = vec![
        Write::PutDefinition { tenant: row.tenant.clone(), digest: row.definition, body: body.into() },
        Write::InsertExecution(Box::new(row)),
    ];
    for frame in reader.frames(execution, 0).unwrap() {
        let mut entries = read_entries(&frame.body).unwrap();
        entries.last_mut().unwrap().hash ^= 1;
        let body = serde_json::to_vec(&entries).unwrap();
        let (first_seq, count, at_ms) = (frame.first_seq, frame.count, frame.at_ms);
        writes.push(Write::AppendFrame { execution, first_seq, count, at_ms, body });
    }
    other.journal().commit(&Batch { writes }).unwrap();
    let (engine, thread) = other.open();
    let request = Request::Signal { execution, name: "go".into(), key: None, payload: Value::Null, signal_id: None };
    let refused = other.runtime.block_on(engine.call(request));
    let Err(CallError::Quarantined { reason, .. }) = &refused else { panic!("{refused:?}") };
    assert!(reason.starts_with("nondeterminism at event "), "{reason}");
    other.wait(execution, ExecutionStatus::Quarantined);
    stop(&engine, thread);
}

/// What an execution is going to start is found by its own definition alone.
#[test]
fn what_is_started_later_is_there_after_others_that_ran_it_were_removed() {
    let house = House::new();
    let (engine, thread) = house.open();
    let root = json!({"type": "Sequence", "children": [
        {"type": "WaitForSignal", "props": {"signalName": "go"}},
        {"type": "SubWorkflow", "props": {"workflow": "child"}},
    ]});
    let begin = || {
        let mut request = start(root.clone(), None);
        let Request::Start(given) = &mut request else { panic!("a start") };
        let child =
            json!({"akao": 1, "id": "child", "version": "1.0.0", "root": {"type": "Echo", "props": {"value": 1}}});
        given.bundle.children = BTreeMap::from([("child".into(), Bundle::of(serde_json::from_value(child).unwrap()))]);
        let Reply::Started { execution, .. } = house.call(&engine, request) else { panic!("no start") };
        house.wait(execution, ExecutionStatus::Waiting);
        execution
    };
    let go = |execution| {
        let payload = Value::Null;
        house.call(&engine, Request::Signal { execution, name: "go".into(), key: None, payload, signal_id: None });
        house.wait(execution, ExecutionStatus::Success);
    };
    let (first, second) = (begin(), begin());
    go(first);
    let of_first = akao_journal::ExecutionFilter { parent: Some(first), ..Default::default() };
    let children = house.reader().list(&of_first, None, 10).unwrap().rows;
    assert_eq!(children.len(), 1);
    assert_eq!(house.call(&engine, Request::Remove { execution: children[0].id }), Reply::Done);
    go(second);
    // The one whose child is gone can still be carried elsewhere, and gone through again.
    let fork = |execution| Request::Fork {
        execution,
        at: "/1".into(),
        edits: vec![],
        secrets: GivenSecrets::default(),
        made: None,
        trace: None,
    };
    export::export(&house.reader(), house.blobs.as_ref(), first).unwrap();
    let Reply::Started { execution: again, .. } = house.call(&engine, fork(first)) else { panic!("no fork") };
    house.wait(again, ExecutionStatus::Success);
    stop(&engine, thread);
}

/// Whatever is decided in one turn is written before anything is removed that it may need.
#[test]
fn an_execution_is_forked_and_removed_in_one_breath() {
    let house = House::new();
    let (engine, thread) = house.open();
    for _ in 0..20 {
        let execution =
            house.start(&engine, json!({"id": "one", "type": "Echo", "props": {"value": 7, "outputKey": "got"}}));
        house.wait(execution, ExecutionStatus::Success);
        let fork = Request::Fork {
            execution,
            at: "one".into(),
            edits: vec![],
            secrets: GivenSecrets::default(),
            made: None,
            trace: None,
        };
        let (forked, removed) = house
            .runtime
            .block_on(async { tokio::join!(engine.call(fork), engine.call(Request::Remove { execution })) });
        let Ok(Reply::Started { execution: fork, .. }) = forked else { panic!("{forked:?}") };
        assert_eq!(removed.unwrap(), Reply::Done);
        assert_eq!(house.wait(fork, ExecutionStatus::Success), json!({"got": 7}));
        assert_eq!(house.call(&engine, Request::Remove { execution: fork }), Reply::Done);
    }
    stop(&engine, thread);
}
