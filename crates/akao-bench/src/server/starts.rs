//! Starts of executions that arrive at their own times: a steady rate, and far more than the server can take.

use super::{
    client::{Answer, Client, Told, executions, open_loop, percentile},
    program::{Program, named},
};
use crate::{
    Ground,
    row::{Goal, Row},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Three steps, each of which is in the journal before the next one begins.
const THREE_STEPS: &str = "akao: 1
id: steady
version: 1.0.0
root:
  type: Sequence
  children:
    - { type: SuccessNode }
    - { type: SuccessNode }
    - { type: SuccessNode }
";

const START: (&str, &str, &str) = ("POST", "/api/v1/executions", r#"{"workflow":"steady"}"#);

/// How long everything that was started may take to end after the last start.
const LATEST_END: Duration = Duration::from_secs(30);

/// Clients that find the peak.
const AT_ONCE: usize = 64;

/// Clients of the overload: more than twice as many as may have a request under way.
const CROWD: usize = 2_500;

/// How much more the crowd asks for than the server can take.
const OVER: f64 = 5.0;

/// A server with the workflow, and a client that may start it.
fn server(akao: &std::path::Path) -> (Program, Arc<Client>) {
    let server = Program::start(akao);
    let headers = format!("Authorization: Bearer {}\r\n", server.with_execution().token);
    server.ask("POST", "/api/v1/workflows/steady/versions", &headers, Some(&json!({"source": THREE_STEPS})));
    let client = Client::new(&server.address, &headers);
    (server, client)
}

pub(super) fn steady(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "starts at a steady rate") else { return Vec::new() };
    let loads: [(f64, u64); 2] = if ground.quick { [(50.0, 10), (200.0, 10)] } else { [(50.0, 600), (200.0, 300)] };
    let runtime = Runtime::new().expect("a runtime");
    let measure = |(rate, seconds): (f64, u64)| {
        let (_server, client) = server(&akao);
        let begun = Timestamp::now();
        let told = open_loop(&runtime, &client, START, rate, Duration::from_secs(seconds));
        let ends = ends(&runtime, &client, told.len());
        let mut acknowledged: Vec<f64> = told.iter().map(|one| one.took.as_secs_f64() * 1e3).collect();
        let mut whole = Vec::new();
        for one in &told {
            let Some(end) = started(one).and_then(|id| ends.get(&id)) else { continue };
            let due_ms = begun.as_millisecond() as f64 + one.due.as_secs_f64() * 1e3;
            whole.push(end.as_millisecond() as f64 - due_ms);
        }
        let lost = told.len() - whole.len();
        tell_lost(&told, &ends);
        let name = |what: &str| format!("{rate} starts/s for {seconds} s, three steps each: {what}");
        let row = |what: &str, value, unit, goal| Row::new(&name(what), value, unit, None, goal, ground.quick);
        [
            row("acknowledged, p95", percentile(&mut acknowledged, 95), "ms", Goal::AtMost(30.0)),
            row("from the time it was due to its end, p95", percentile(&mut whole, 95), "ms", Goal::AtMost(200.0)),
            row("refused, lost or failed", lost as f64, "starts", Goal::AtMost(0.0)),
        ]
    };
    loads.into_iter().flat_map(measure).collect()
}

/// Tells of each start that was refused, broke off or did not end well, because one of many thousands is worth a look.
fn tell_lost(told: &[Told], ends: &BTreeMap<String, Timestamp>) {
    for one in told {
        match (&one.answer, started(one)) {
            (_, Some(id)) if ends.contains_key(&id) => {}
            (_, Some(id)) => eprintln!("the execution {id}, due at {:?}, did not end well", one.due),
            (Ok(answer), None) => eprintln!("the start due at {:?} was answered: {}", one.due, answer.head),
            (Err(error), None) => eprintln!("the start due at {:?} broke off: {error}", one.due),
        }
    }
}

/// The execution that a start was answered with.
fn started(one: &Told) -> Option<String> {
    let answer = one.answer.as_ref().ok().filter(|answer| (200..300).contains(&answer.status))?;
    answer.document()["execution"].as_str().map(str::to_owned)
}

/// When each execution ended well; waits until as many have, or for as long as they may take.
fn ends(runtime: &Runtime, client: &Arc<Client>, expected: usize) -> BTreeMap<String, Timestamp> {
    let latest = Instant::now() + LATEST_END;
    loop {
        let found = runtime.block_on(ended(client));
        if found.len() >= expected || Instant::now() > latest {
            return found;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

async fn ended(client: &Client) -> BTreeMap<String, Timestamp> {
    let end = |one: &Value| {
        let end = one["ended_at"].as_str()?.parse().ok()?;
        (one["status"] == "success").then_some((one["execution"].as_str()?.to_owned(), end))
    };
    executions(client).await.iter().filter_map(end).collect()
}

/// Five times as many starts as the server can take, by far more clients than are let in.
pub(super) fn overload(ground: &Ground) -> Vec<Row> {
    let Some(akao) = named(ground, "overload") else { return Vec::new() };
    let seconds = Duration::from_secs(if ground.quick { 3 } else { 20 });
    let runtime = Runtime::new().expect("a runtime");
    let (_server, client) = server(&akao);
    let per_second = |count: usize| count as f64 / seconds.as_secs_f64();
    let peak = per_second(crowd(&runtime, &client, AT_ONCE, seconds, Duration::ZERO).taken);
    let pace = Duration::from_secs_f64(CROWD as f64 / (OVER * peak));
    let over = crowd(&runtime, &client, CROWD, seconds, pace);
    let normal_after = normal_after(&runtime, &client);
    let row = |what: &str, value, unit, floor, goal| {
        let name = format!("{CROWD} clients that want {OVER} times as many starts: {what}");
        Row::new(&name, value, unit, floor, goal, ground.quick)
    };
    let floor = Some((peak, "64 clients without a pause, starts/s"));
    let mut shed_ms = over.shed_ms;
    let asked = per_second(over.taken + shed_ms.len() + over.neither);
    vec![
        // Without that it was no overload.
        row("asked", asked, "starts/s", floor, Goal::RatioAtLeast(OVER * 0.9)),
        row("taken", per_second(over.taken), "starts/s", floor, Goal::RatioAtLeast(0.9)),
        row("told to come back, p99", percentile(&mut shed_ms, 99), "ms", None, Goal::AtMost(20.0)),
        row("neither taken nor told when to come back", over.neither as f64, "starts", None, Goal::AtMost(0.0)),
        row("as usual again after", normal_after, "s", None, Goal::AtMost(10.0)),
    ]
}

/// What a crowd was answered.
#[derive(Default)]
struct Crowd {
    taken: usize,
    /// How long those waited that were told to come back.
    shed_ms: Vec<f64>,
    neither: usize,
}

/// So many clients, each of which asks when its pace says so, or as soon as it was answered where that is later.
fn crowd(runtime: &Runtime, client: &Arc<Client>, clients: usize, time: Duration, pace: Duration) -> Crowd {
    let begin = Instant::now();
    let end = begin + time;
    let lane = |client: Arc<Client>, number: usize| async move {
        let mut seen = Crowd::default();
        // Not all in the same moment.
        let mut due = begin + pace.mul_f64(number as f64 / clients as f64);
        while Instant::now() < end {
            tokio::time::sleep_until(due.into()).await;
            due += pace;
            let asked = Instant::now();
            match client.ask(START.0, START.1, START.2).await {
                Ok(answer) if (200..300).contains(&answer.status) => seen.taken += 1,
                Ok(answer) if [429, 503].contains(&answer.status) && says_when(&answer) => {
                    seen.shed_ms.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                _ => seen.neither += 1,
            }
        }
        seen
    };
    let lanes: Vec<_> = (0..clients).map(|number| runtime.spawn(lane(Arc::clone(client), number))).collect();
    let mut all = Crowd::default();
    for lane in lanes {
        let seen = runtime.block_on(lane).expect("no panic");
        all.taken += seen.taken;
        all.shed_ms.extend(seen.shed_ms);
        all.neither += seen.neither;
    }
    all
}

fn says_when(answer: &Answer) -> bool {
    answer.head.to_ascii_lowercase().contains("retry-after")
}

/// How long it takes until ten starts in a row are acknowledged within 30 ms each and their executions end within 200 ms, in seconds.
fn normal_after(runtime: &Runtime, client: &Arc<Client>) -> f64 {
    let begun = Instant::now();
    let mut in_a_row = 0;
    while in_a_row < 10 && begun.elapsed() < Duration::from_secs(60) {
        in_a_row = if runtime.block_on(is_normal(client)) { in_a_row + 1 } else { 0 };
    }
    begun.elapsed().as_secs_f64()
}

async fn is_normal(client: &Client) -> bool {
    let asked = Instant::now();
    let Ok(answer) = client.ask(START.0, START.1, START.2).await else { return false };
    if !(200..300).contains(&answer.status) || asked.elapsed() > Duration::from_millis(30) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        return false;
    }
    let Some(id) = answer.document()["execution"].as_str().map(str::to_owned) else { return false };
    while asked.elapsed() < Duration::from_millis(200) {
        let shown = client.ask("GET", &format!("/api/v1/executions/{id}"), "").await.map(|answer| answer.document());
        if shown.is_ok_and(|shown: Value| shown["status"] == "success") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}
