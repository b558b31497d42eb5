//! A thousand people who watch: streams of twenty executions that tell something all the time, each in a signed-in session.

use super::{
    client::percentile,
    program::{Program, named},
};
use crate::{
    Ground,
    row::{Goal, Row},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

const STREAMS: usize = 1_000;
const EXECUTIONS: usize = 20;

/// How long the executions are silent at first, so that everybody is there when they begin.
const SILENCE: Duration = Duration::from_secs(8);

/// What one stream heard.
struct Heard {
    execution: usize,
    ids: Vec<String>,
    /// From the time that an event names to its arrival, in milliseconds; without those of the silence.
    late_ms: Vec<f64>,
    ended: bool,
}

fn workflow(rounds: usize) -> String {
    format!(
        "akao: 1
id: talks
version: 1.0.0
root:
  type: Sequence
  children:
    - {{ type: Delay, props: {{ delayMs: {} }}, children: [{{ type: SuccessNode }}] }}
    - type: Repeat
      props: {{ numCycles: {rounds} }}
      children:
        - {{ type: Delay, props: {{ delayMs: 400 }}, children: [{{ type: SuccessNode }}] }}
",
        SILENCE.as_millis()
    )
}

pub(super) fn streams(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "live streams") else { return Vec::new() };
    let rounds = if ground.quick { 20 } else { 100 };
    let runtime = Runtime::new().expect("a runtime");
    let server = Program::start(&akao);
    let session = server.set_up();
    server.ask("POST", "/api/v1/workflows/talks/versions", &session, Some(&json!({"source": workflow(rounds)})));
    let start = |_| {
        let (_, started) = server.ask("POST", "/api/v1/executions", &session, Some(&json!({"workflow": "talks"})));
        started["execution"].as_str().expect("an id").to_owned()
    };
    let executions: Vec<String> = (0..EXECUTIONS).map(start).collect();
    let begun = Instant::now();
    let streams: Vec<_> = (0..STREAMS)
        .map(|number| {
            let execution = number % EXECUTIONS;
            let request = format!(
                "GET /api/v1/executions/{}/events HTTP/1.1\r\nHost: {}\r\n{session}\r\n",
                executions[execution], server.address
            );
            runtime.spawn(hear(server.address.clone(), request, execution))
        })
        .collect();
    let heard: Vec<Heard> = streams.into_iter().map(|one| runtime.block_on(one).expect("no panic")).collect();
    let told = begun.elapsed().saturating_sub(SILENCE).as_secs_f64();
    rows(&heard, told, ground.quick)
}

fn rows(heard: &[Heard], seconds: f64, quick: bool) -> Vec<Row> {
    let mut late: Vec<f64> = heard.iter().flat_map(|one| one.late_ms.iter().copied()).collect();
    let events: usize = (0..EXECUTIONS)
        .filter_map(|at| heard.iter().find(|one| one.execution == at))
        .map(|one| one.late_ms.len())
        .sum();
    // Everybody who watches an execution must have heard the same, in the same order, to its end.
    let differs = |one: &&Heard| {
        let first = heard.iter().find(|other| other.execution == one.execution).expect("it is one of them");
        let unique: BTreeSet<&String> = one.ids.iter().collect();
        !one.ended || one.ids != first.ids || unique.len() != one.ids.len()
    };
    let gaps = heard.iter().filter(differs).count();
    let what = format!(
        "{} streams, {:.0} events/s, {:.0} deliveries/s",
        heard.len(),
        events as f64 / seconds,
        late.len() as f64 / seconds
    );
    let row = |name: &str, value, unit, goal| Row::new(&format!("{what}: {name}"), value, unit, None, goal, quick);
    vec![
        row("an event to a watcher, p95", percentile(&mut late, 95), "ms", Goal::AtMost(200.0)),
        row("streams with a gap, a repeat or no end", gaps as f64, "streams", Goal::AtMost(0.0)),
    ]
}

/// Hears one stream to its end.
async fn hear(address: String, request: String, execution: usize) -> Heard {
    let mut heard = Heard { execution, ids: Vec::new(), late_ms: Vec::new(), ended: false };
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let (mut bytes, begun) = (Vec::new(), Instant::now());
    while !heard.ended && stream.read_buf(&mut bytes).await.expect("events") > 0 {
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { continue };
        let text = String::from_utf8_lossy(&bytes[..=end]).into_owned();
        bytes.drain(..=end);
        take(&mut heard, &text, begun.elapsed() > SILENCE);
    }
    heard
}

/// Takes whole lines; those of the transfer's framing begin otherwise than those of the events.
fn take(heard: &mut Heard, text: &str, counts: bool) {
    for line in text.lines() {
        if let Some(id) = line.strip_prefix("id: ") {
            heard.ids.push(id.to_owned());
        }
        heard.ended |= line == "event: complete";
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let data: Value = serde_json::from_str(data).expect("a document");
        let at = data["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        if let Some(at) = at.filter(|_| counts) {
            heard.late_ms.push((Timestamp::now().as_microsecond() - at.as_microsecond()) as f64 / 1e3);
        }
    }
}
