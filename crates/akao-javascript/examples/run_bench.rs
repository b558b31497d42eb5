//! How long a run takes, beside a bare QuickJS that does the same and beside Node.js doing nothing.
//!
//! `cargo run --release -p akao-javascript --example run_bench [ROUNDS [BUNDLE MODULE…]]`; with the `bundle.js` of an environment, how
//! long runs take that import its modules. What is compared is measured in turn, round by
//! round, so that a machine whose speed drifts is as fast for the one as for the other.

use akao_javascript::{Host, Limits, Packages, run, run_with, worker};
use akao_node::{Level, Map, Value, json, testing::TestHost};
use rquickjs::{Context, Runtime};
use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

const SCRIPT: &str = "const paid = orders.filter((order) => order.paid);
return { total: paid.reduce((sum, order) => sum + order.amount, 0), ids: paid.map((order) => order.id) };";
const NODE_ROUNDS: usize = 30;
/// The floor is as if measured by this many more rounds before anything counts.
const WARM_UP: usize = 200;

struct Silent;

impl Host for Silent {
    fn log(&self, _: Level, _: &str) {}

    fn progress(&self, _: Option<f64>, _: &str) {}

    fn is_cancelled(&self) -> bool {
        false
    }
}

fn main() {
    let rounds = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3_000);
    let Value::Object(inputs) = inputs() else { unreachable!("an object was made") };
    let mut host = TestHost::new(worker::nodes());
    let (mut bare, mut ours, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let expected = ours_once(&inputs);
    for round in 0..rounds + WARM_UP {
        let times = [
            timed(|| assert_eq!(bare_once(&inputs), expected)),
            timed(|| assert_eq!(ours_once(&inputs), expected)),
            timed(|| {
                let call = host.execute(worker::ID, json!({"script": SCRIPT, "inputs": inputs}));
                assert_eq!(call.outputs["result"], expected);
            }),
        ];
        if round >= WARM_UP {
            for (all, time) in [&mut bare, &mut ours, &mut calls].into_iter().zip(times) {
                all.push(time);
            }
        }
    }
    let mut node: Vec<Duration> = (0..NODE_ROUNDS).filter_map(|_| node_once()).collect();
    let floor = tell("bare QuickJS: runtime, context, JSON in, evaluation, JSON out, drop", &mut bare, None);
    let own = tell("a run", &mut ours, Some(floor));
    tell("a call of the worker over a socket, with another thread for the host", &mut calls, Some(floor));
    for (name, mut times) in imports(rounds) {
        tell(&name, &mut times, Some(floor));
    }
    if !node.is_empty() {
        let node = tell("node -e 0", &mut node, None);
        println!("a run is {:.5} of node -e 0", own.as_secs_f64() / node.as_secs_f64());
    }
}

/// Runs that import a module, for each that was named.
fn imports(rounds: usize) -> Vec<(String, Vec<Duration>)> {
    let Some(file) = env::args().nth(2) else { return Vec::new() };
    let packages = Packages::read(Path::new(&file)).expect("a bundle").map(Arc::new);
    let once = |module: &str| {
        let script = format!("import * as all from {module:?}\nreturn typeof all");
        let deadline = Some(Instant::now() + Duration::from_secs(30));
        let limits = Limits { memory_bytes: 512_000_000, result_bytes: 1_000_000, deadline };
        timed(|| drop(run_with(packages.clone(), &script, &Map::new(), limits, Rc::new(Silent)).expect("it is there")))
    };
    let modules = env::args().skip(3);
    modules
        .map(|module| (format!("a run that imports {module}"), (0..rounds).map(|_| once(&module)).collect()))
        .collect()
}

fn inputs() -> Value {
    let order = |index: u32| json!({"id": format!("order-{index}"), "paid": !index.is_multiple_of(3), "amount": f64::from(index) * 1.25});
    json!({"orders": (0..20).map(order).collect::<Vec<Value>>(), "title": "Orders of the day"})
}

fn ours_once(inputs: &Map<String, Value>) -> Value {
    let deadline = Some(Instant::now() + Duration::from_secs(30));
    run(SCRIPT, inputs, Limits { memory_bytes: 512_000_000, result_bytes: 1_000_000, deadline }, Rc::new(Silent))
        .expect("the script runs")
}

/// What any program with QuickJS in it would do, without a limit and without a helper.
fn bare_once(inputs: &Map<String, Value>) -> Value {
    let runtime = Runtime::new().expect("a runtime");
    let context = Context::full(&runtime).expect("a context");
    context.with(|ctx| {
        let written = serde_json::to_string(inputs).expect("inputs are JSON");
        let inputs = ctx.json_parse(written).expect("they are read");
        ctx.globals()
            .set(
                "orders",
                inputs.as_object().expect("an object").get::<_, rquickjs::Value<'_>>("orders").expect("orders"),
            )
            .expect("set");
        let value: rquickjs::Value<'_> = ctx.eval(format!("(function () {{ {SCRIPT} }})()")).expect("the script runs");
        let result = ctx.json_stringify(value).expect("JSON").expect("a value").to_string().expect("text");
        serde_json::from_str(&result).expect("JSON")
    })
}

fn node_once() -> Option<Duration> {
    let started = Instant::now();
    let status = Command::new("node").args(["-e", "0"]).stdin(Stdio::null()).status().ok()?;
    status.success().then(|| started.elapsed())
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// Prints a row and gives the median.
fn tell(name: &str, times: &mut [Duration], floor: Option<Duration>) -> Duration {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let ratio =
        floor.map_or(String::new(), |floor| format!(", {:.2} of bare", at(0.5).as_secs_f64() / floor.as_secs_f64()));
    println!("{name}: min {:.0}, p50 {:.0}, p99 {:.0} µs{ratio}", micros(at(0.0)), micros(at(0.5)), micros(at(0.99)));
    at(0.5)
}
