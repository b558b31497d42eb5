//! A thousand executions at once, each with a step of Python in a process of its own.

use super::{
    client::{Client, executions, percentile, probe},
    program::{Program, named},
};
use crate::{
    Ground,
    row::{Goal, Row},
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Between two looks of somebody who uses the interface meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

const WORKFLOW: &str = "akao: 1
id: works
version: 1.0.0
root:
  type: Sequence
  children:
    - { type: Delay, props: { delayMs: 3000 }, children: [{ type: SuccessNode }] }
    - { type: PythonInterpreter, props: { script: \"result = sum(range(1000))\", outputKey: sum } }
";

pub(super) fn many(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "executions with a script") else { return Vec::new() };
    let count = if ground.quick { 200 } else { 1_000 };
    let runtime = Runtime::new().expect("a runtime");
    let server = Program::start(&akao);
    let readable = server.with_execution();
    let headers = format!("Authorization: Bearer {}\r\n", readable.token);
    server.ask("POST", "/api/v1/workflows/works/versions", &headers, Some(&json!({"source": WORKFLOW})));
    let client = Client::new(&server.address, &headers);
    let end = Arc::new(AtomicBool::new(false));
    let path = format!("/api/v1/executions/{}", readable.execution);
    let looks = runtime.spawn(probe(Arc::clone(&client), path, LOOK_EVERY, Arc::clone(&end)));
    let begun = Instant::now();
    runtime.block_on(start(&client, count));
    let at_once = runtime.block_on(with_status(&client, &["running", "waiting", "queued"]));
    let (mut done, mut ended) = (0, Duration::ZERO);
    while done < count && begun.elapsed() < Duration::from_secs(300) {
        std::thread::sleep(Duration::from_millis(200));
        // The one that was there before is not one of them.
        done = runtime.block_on(with_status(&client, &["success"])).saturating_sub(1);
        ended = begun.elapsed();
    }
    end.store(true, Ordering::Relaxed);
    let mut looks = runtime.block_on(looks).expect("no panic");
    let row = |what: &str, value, unit, goal| {
        Row::new(&format!("{count} executions with a step of Python: {what}"), value, unit, None, goal, ground.quick)
    };
    vec![
        row("under way at once", at_once as f64, "executions", Goal::AtLeast(count as f64 * 0.95)),
        row("not ended well", (count - done) as f64, "executions", Goal::AtMost(0.0)),
        row("a read of the interface meanwhile, p95", percentile(&mut looks, 95), "ms", Goal::AtMost(200.0)),
        row("all ended", ended.as_secs_f64(), "s", Goal::AtMost(300.0)),
    ]
}

async fn start(client: &Arc<Client>, count: usize) {
    let lane = |client: Arc<Client>, count: usize| async move {
        for _ in 0..count {
            let answer = client.ask("POST", "/api/v1/executions", r#"{"workflow":"works"}"#).await.expect("an answer");
            assert!((200..300).contains(&answer.status), "{}", answer.head);
        }
    };
    let lanes: Vec<_> = (0..10).map(|_| tokio::spawn(lane(Arc::clone(client), count / 10))).collect();
    for lane in lanes {
        lane.await.expect("no panic");
    }
}

/// How many executions have one of these states.
async fn with_status(client: &Client, statuses: &[&str]) -> usize {
    let has_one = |one: &&Value| statuses.iter().any(|status| one["status"] == **status);
    executions(client).await.iter().filter(has_one).count()
}
