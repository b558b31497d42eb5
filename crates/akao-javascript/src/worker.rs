//! The node of the contract: a script with its inputs is a call, its result the one output.

use crate::{Host, Limits, run};
use akao_node::{Context, Failure, Kind, Level, Map, Node, Package, Value, inputs, json};
use std::{
    rc::Rc,
    sync::Arc,
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

/// Answers the host until it closes.
pub fn serve() -> ! {
    akao_node::serve(Package::new(ID, VERSION).messages_up_to(MESSAGE_BYTES_MAX), nodes())
}

/// The one node, for the program and for tests that play the host.
pub fn nodes() -> Vec<Node> {
    vec![Node::new(ID, execute)]
}

fn execute(context: &Context, call: Call) -> Result<Value, Failure> {
    let memory = call.memory_bytes.unwrap_or(MEMORY_BYTES_DEFAULT);
    if memory < MEMORY_BYTES_MIN {
        let message = format!("a script needs at least {MEMORY_BYTES_MIN} bytes of memory, `memory` says {memory}");
        return Err(Failure::new(Kind::Input, message));
    }
    let own = call.timeout_ms.and_then(|timeout| Instant::now().checked_add(Duration::from_millis(timeout)));
    let deadline = own.into_iter().chain(deadline(context)).min();
    let result_bytes = context.message_bytes_max() - AROUND_BYTES;
    let limits = Limits { memory_bytes: memory, result_bytes, deadline };
    let result = run(&call.script, &call.inputs, limits, Rc::new(Caller(context.handle())))?;
    Ok(json!({"result": result}))
}

/// The moment before the host's deadline at which the script is stopped.
fn deadline(context: &Context) -> Option<Instant> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(context.deadline()?).saturating_sub(now);
    // A tenth of a very short time is enough for the answer.
    Instant::now().checked_add(left.saturating_sub(MARGIN.min(left / 10)))
}

/// Whoever asked for the run.
struct Caller(Arc<Context>);

impl Host for Caller {
    fn log(&self, level: Level, line: &str) {
        // Lines are clipped far below what a message may hold.
        let _ = self.0.log(level, line, json!({}));
    }

    fn progress(&self, fraction: Option<f64>, message: &str) {
        self.0.progress(fraction, message);
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled()
    }
}
