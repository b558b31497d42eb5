//! `RunningNode`: runs until it is halted. It never ends by itself.

use crate::{BuiltIn, Run, declare::Leaf};
use akao_contract::{Category, ErrorKind, Invocation, Outcome};
use akao_step::{BoxFuture, Ports, StepIo};
use serde_json::Value;

pub(super) fn built_in() -> BuiltIn {
    Leaf::new("RunningNode", Category::Test, "Runs until it is halted.")
        .description(
            "A leaf that never ends by itself: a `Timeout`, a `Race`, a cancel or the node's own `timeout` ends it. \
            Useful to test what stands around it. To wait for a person, a signal or a time use the durable waiting \
            nodes instead.",
        )
        .error(ErrorKind::Timeout, "the node's own `timeout` passes")
        .example("type: RunningNode\ntimeout: 50ms\n", Value::Null)
        .run(Run::Async(run))
}

fn run(_: Invocation, io: StepIo, _: Ports) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        io.cancel.cancelled().await;
        Outcome::cancelled()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::{sync::Arc, time::Duration};

    #[tokio::test(start_paused = true)]
    async fn it_runs_until_it_is_halted() {
        let io = testing::io();
        let invocation = testing::invocation(&built_in(), &serde_json::json!({}), &serde_json::json!({}));
        let mut step = run(invocation, io.clone(), testing::ports(&Arc::default()));
        assert!(tokio::time::timeout(Duration::from_secs(3600), &mut step).await.is_err());
        io.cancel.cancel();
        assert_eq!(step.await, Outcome::cancelled());
    }
}
