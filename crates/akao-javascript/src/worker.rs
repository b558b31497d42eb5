//! The node of the contract: a script with its inputs is a call, its result the one output.

use crate::{
    Answer, Host, Limits, Packages,
    bundle::{Bundle, BundleCall, BundleCalls, Ended, play},
    nothing,
    run::Ready,
};
use akao_node::{Calls, Context, Failure, Kind, Level, Map, Node, Package, Value, inputs, json};
use std::{
    fs,
    path::Path,
    rc::Rc,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The node's id, which is also its package's.
pub const ID: &str = "dev.akao.javascript";
/// The version of its package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a run may use of memory where the call does not say.
const MEMORY_BYTES_DEFAULT: u64 = 512_000_000;
/// Less does not hold an empty run with some data.
const MEMORY_BYTES_MIN: u64 = 4_000_000;
/// As long as hosts let messages be.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// What the answer has around the result.
const AROUND_BYTES: usize = 1_000;
/// The worker stops by itself so long before the host's deadline, so that its answer, with the line, is the first.
const MARGIN: Duration = Duration::from_millis(10);

inputs! {
    /// A script as it comes over the wire.
    struct Call {
        script: String,
        inputs: Map<String, Value> = json!({}),
        timeout_ms: Option<u64>,
        memory_bytes: Option<u64>,
    }
}

inputs! {
    /// A step for the node of a bundle.
    struct Step {
        props: Map<String, Value> = json!({}),
        blackboard: Map<String, Value> = json!({}),
        step: Map<String, Value> = json!({}),
        input: Map<String, Value> = json!({}),
        timeout_ms: Option<u64>,
        memory_bytes: Option<u64>,
    }
}

/// How the file with a bundle's map is called beside it.
const MAP: &str = ".map";

/// Answers the host until it closes, with the node `name` of a bundle.
pub fn serve_bundle(file: &Path, id: &str, version: &str, name: &str) -> ! {
    nothing::set_alone();
    let read = |file: &Path| fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()));
    let mut map = file.as_os_str().to_owned();
    map.push(MAP);
    // Without a map, places are those of the bundle.
    let map = read(Path::new(&map)).unwrap_or_default();
    let bundle = read(file).and_then(|text| Bundle::read(text, map));
    let name = name.to_owned();
    let node = match bundle {
        Ok(bundle) => {
            let bundle = Arc::new(bundle);
            Node::staying::<Step>(id, move |calls| play(&bundle, &name, &mut Steps(calls)))
        }
        Err(reason) => Node::new(id, move |_: &Context, _: Step| -> Result<Value, Failure> {
            Err(Failure::new(Kind::Input, format!("the bundle cannot be used: {reason}")))
        }),
    };
    akao_node::serve(Package::new(id, version).messages_up_to(MESSAGE_BYTES_MAX), vec![node])
}

/// Steps as calls of a bundle. QuickJS is bound to the thread that they come on.
struct Steps<'a, 'b>(&'a mut Calls<'b>);

impl BundleCalls for Steps<'_, '_> {
    fn next(&mut self) -> Option<BundleCall> {
        loop {
            let (context, step) = self.0.next_call::<Step>()?;
            match limits(&context, step.timeout_ms, step.memory_bytes) {
                Ok(limits) => {
                    let request = Map::from_iter([
                        ("props".to_owned(), Value::Object(step.props)),
                        ("blackboard".to_owned(), Value::Object(step.blackboard)),
                        ("step".to_owned(), Value::Object(step.step)),
                        ("input".to_owned(), Value::Object(step.input)),
                    ]);
                    return Some(BundleCall { request, limits, host: Rc::new(Caller { context }) });
                }
                Err(failure) => self.answer(Err(failure)),
            }
        }
    }

    fn answer(&mut self, ended: Ended) {
        self.0.answer(ended);
    }
}

/// Answers the host until it closes.
pub fn serve() -> ! {
    nothing::set_alone();
    akao_node::serve(Package::new(ID, VERSION).messages_up_to(MESSAGE_BYTES_MAX), nodes())
}

/// The one node, for the program and for tests that play the host.
pub fn nodes() -> Vec<Node> {
    vec![Node::staying::<Call>(ID, scripts)]
}

/// Runs one script after the other, each in a runtime of its own. It is made while nobody waits for it, and dropped after the
/// answer.
fn scripts(calls: &mut Calls<'_>) {
    loop {
        let ready = packages().and_then(Ready::new);
        let Some((context, call)) = calls.next_call::<Call>() else { return };
        calls.answer(match &ready {
            Ok(ready) => execute(ready, &context, &call),
            Err(failure) => Err(failure.clone()),
        });
    }
}

fn execute(ready: &Ready, context: &Context, call: &Call) -> Result<Value, Failure> {
    let limits = limits(context, call.timeout_ms, call.memory_bytes)?;
    let host = Rc::new(Caller { context: context.handle() });
    let result = ready.run(&call.script, &call.inputs, limits, host)?;
    Ok(json!({"result": result}))
}

/// Where the packages of the environment stand, if there is one.
const PACKAGES: &str = "/environment/bundle.js";

/// The packages that scripts may import here. They are read once: a worker has one environment for its life.
fn packages() -> Result<Option<Arc<Packages>>, Failure> {
    static PACKAGES_READ: OnceLock<Result<Option<Arc<Packages>>, String>> = OnceLock::new();
    let read = PACKAGES_READ.get_or_init(|| Ok(Packages::read(Path::new(PACKAGES))?.map(Arc::new)));
    read.clone().map_err(|reason| {
        Failure::new(Kind::Internal, format!("the environment cannot be loaded: {reason}"))
            .with_detail(json!({"reason": "script_environment"}))
    })
}

fn limits(context: &Context, timeout_ms: Option<u64>, memory_bytes: Option<u64>) -> Result<Limits, Failure> {
    let memory = memory_bytes.unwrap_or(MEMORY_BYTES_DEFAULT);
    if memory < MEMORY_BYTES_MIN {
        let message = format!("a script needs at least {MEMORY_BYTES_MIN} bytes of memory, `memory` says {memory}");
        return Err(Failure::new(Kind::Input, message));
    }
    let own = timeout_ms.and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)));
    let deadline = own.into_iter().chain(deadline(context)).min();
    let result_bytes = context.message_bytes_max() - AROUND_BYTES;
    Ok(Limits { memory_bytes: memory, result_bytes, deadline })
}

/// The moment before the host's deadline at which the script is stopped.
fn deadline(context: &Context) -> Option<Instant> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(context.deadline()?).saturating_sub(now);
    // A tenth of a very short time is enough for the answer.
    Instant::now().checked_add(left.saturating_sub(MARGIN.min(left / 10)))
}

/// Whoever asked for the run.
struct Caller {
    context: Arc<Context>,
}

impl Host for Caller {
    fn log(&self, level: Level, line: &str) {
        // Lines are clipped far below what a message may hold.
        let _ = self.context.log(level, line, json!({}));
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.context.progress(fraction, message);
    }

    fn is_cancelled(&self) -> bool {
        self.context.cancelled()
    }

    fn ask(&self, method: &str, params: Value, answer: Answer) -> Result<(), Failure> {
        // On a thread of its own: the call may end before the answer comes.
        let (context, method) = (Arc::clone(&self.context), method.to_owned());
        let work = move || answer(context.ask(&method, params).map(Value::Object));
        let thread = std::thread::Builder::new().name("akao-ask".to_owned()).stack_size(THREAD_STACK_BYTES);
        let started = thread.spawn(work);
        started.map(drop).map_err(|error| Failure::new(Kind::Resource, format!("no thread to ask with: {error}")))
    }
}

/// A thread that asks has little to do.
const THREAD_STACK_BYTES: usize = 256 << 10;
