//! `MockAction`: stands for work that is not there, and ends after a while with the status it was told.

use crate::{BuiltIn, Run, declare::Leaf, props::Props};
use akao_contract::{Category, ErrorKind, Invocation, Outcome, StepError};
use akao_step::{BoxFuture, Ports, StepIo};
use serde_json::{Value, json};
use std::time::Duration;

/// Most ticks that a mock may run for.
const TICKS_MAX: u64 = 1_000_000;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("MockAction", Category::Test, "Stands for work and ends with the status it was told.")
        .description(
            "A leaf for trying out a tree before its real nodes exist. The btree family counts ticks; here nothing \
            ticks, so a mock with `ticksBeforeComplete` N ends after (N - 1) × `tickMs`. `RUNNING` runs until the \
            node is halted.",
        )
        .prop(
            "returnStatus",
            json!({"enum": ["SUCCESS", "FAILURE", "RUNNING"], "description": "How it ends.", "default": "SUCCESS"}),
        )
        .prop(
            "ticksBeforeComplete",
            json!({
                "type": "integer", "minimum": 0, "maximum": TICKS_MAX, "default": 1,
                "description": "Ticks until it ends; 0 and 1 end at once.",
            }),
        )
        .prop(
            "tickMs",
            json!({
                "type": ["integer", "string"], "minimum": 0, "default": 10, "x-akao-duration": "ms",
                "description": "How long a tick takes; a bare number is milliseconds.",
            }),
        )
        .error(ErrorKind::User, "`returnStatus` is `FAILURE`")
        .example("type: MockAction\nprops: { ticksBeforeComplete: 3 }\n", Value::Null)
        .run(Run::Async(run))
}

fn run(invocation: Invocation, io: StepIo, _: Ports) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        match read(&invocation) {
            Ok(plan) => play(plan, io).await,
            Err(error) => Outcome::failure(error),
        }
    })
}

/// How long to run, and how to end; no status means never.
struct Plan {
    time: Duration,
    end: Option<Outcome>,
}

fn read(invocation: &Invocation) -> Result<Plan, StepError> {
    let props = Props::of(invocation);
    let ticks = props.count("ticksBeforeComplete", TICKS_MAX)?.unwrap_or(1);
    let time_ms = ticks.saturating_sub(1).saturating_mul(props.duration_ms_or("tickMs", 10)?);
    let end = match props.choice("returnStatus", &["SUCCESS", "FAILURE", "RUNNING"])? {
        "SUCCESS" => Some(Outcome::success()),
        "FAILURE" => Some(Outcome::failure(StepError::new(ErrorKind::User, "the mock was told to fail"))),
        _ => None,
    };
    Ok(Plan { time: Duration::from_millis(time_ms), end })
}

async fn play(plan: Plan, io: StepIo) -> Outcome {
    let Some(end) = plan.end else {
        io.cancel.cancelled().await;
        return Outcome::cancelled();
    };
    tokio::select! {
        biased;
        () = io.cancel.cancelled() => Outcome::cancelled(),
        () = tokio::time::sleep(plan.time) => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, failure, summary};
    use std::sync::Arc;
    use tokio::time::Instant;

    async fn outcome(props: Value) -> (Value, u128) {
        let started = Instant::now();
        let invocation = testing::invocation(&built_in(), &props, &json!({}));
        let outcome = run(invocation, testing::io(), testing::ports(&Arc::default())).await;
        (summary(&outcome), started.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_as_it_was_told_and_when() {
        let success = json!({"outputs": {}});
        let cases = [
            (json!({}), success.clone(), 0),
            (json!({"ticksBeforeComplete": 0}), success.clone(), 0),
            (json!({"ticksBeforeComplete": 4}), success.clone(), 30),
            (json!({"ticksBeforeComplete": 2, "tickMs": "1s"}), success, 1000),
            (json!({"returnStatus": "FAILURE"}), failure("user", "the mock was told to fail"), 0),
            (
                json!({"returnStatus": "MAYBE"}),
                failure("input", "the prop `returnStatus` is `MAYBE`; it must be one of SUCCESS, FAILURE, RUNNING"),
                0,
            ),
            (
                json!({"ticksBeforeComplete": -1}),
                failure(
                    "input",
                    "the prop `ticksBeforeComplete` is a number; it must be a whole number that is not negative",
                ),
                0,
            ),
        ];
        for (props, expected, time_ms) in cases {
            assert_eq!(outcome(props.clone()).await, (expected, time_ms), "{props}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_halt_ends_it_at_once() {
        for status in ["SUCCESS", "RUNNING"] {
            let io = testing::io();
            io.cancel.cancel();
            let props = json!({"ticksBeforeComplete": 1000, "returnStatus": status});
            let invocation = testing::invocation(&built_in(), &props, &json!({}));
            let outcome = run(invocation, io, testing::ports(&Arc::default())).await;
            assert_eq!(outcome, Outcome::cancelled(), "{status}");
        }
    }
}
