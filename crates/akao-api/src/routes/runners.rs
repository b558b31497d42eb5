//! What runs steps, and how it is. Until there are runners elsewhere, that is this server itself, under the name `local`. The paths
//! without a version are for clients that call runners nodes; they answer the same.

use crate::{
    Access,
    answer::Answer,
    route::{Answering, Call, Gives, Route, Takes, route},
    runners::{Runner, RunnerPool},
};
use akao_platform::{Error, Load, Permission};
use serde_json::{Value, json};

/// The runner that the server itself is.
const LOCAL: &str = "local";

pub(super) fn routes() -> Vec<Route> {
    let read = Access::May(Permission::ExecutionsRead);
    vec![
        route!(GET "/api/v1/runners", read, "list_runners", "What runs steps, with what the tenant has there.",
            Takes::Nothing, &[(200, Gives::Json("Runners"))], list),
        route!(GET "/api/v1/runners/{runner}", read, "show_runner",
            "How a runner is, what the tenant runs there and may run; for the operator in person, of all tenants together.",
            Takes::Nothing, &[(200, Gives::Json("Runner"))], show),
        route!(GET "/api/nodes", read, "list_runners_plain", "What runs steps: `/api/v1/runners` under an older name.",
            Takes::Nothing, &[(200, Gives::Json("Runners"))], list),
        route!(GET "/api/nodes/{runner}/status", read, "show_runner_plain",
            "How a runner is: `/api/v1/runners/{runner}` under an older name.",
            Takes::Nothing, &[(200, Gives::Json("Runner"))], show),
    ]
}

fn list(call: Call) -> Answering {
    Box::pin(async move { Ok(Answer::json(&json!({"items": [local(&call).await?]}))) })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        match call.param("runner") {
            LOCAL => Ok(Answer::json(&local(&call).await?)),
            _ => Err(Error::not_found("such runner")),
        }
    })
}

/// This server as a runner, as far as whoever asks may see it.
async fn local(call: &Call) -> Result<Value, Error> {
    let (actor, runner) = (call.actor()?, call.app.figures.runner());
    let mine = capped(call.platform().load(actor).await?, runner);
    let pools = runner.map(|runner| runner.pools(Some(&actor.tenant))).unwrap_or_default();
    // What others run is nobody's business but the operator's, who has to look after it.
    let whole = match actor.operator {
        true => {
            let load = capped(call.platform().whole_load().await?, runner);
            let pools = runner.map(|runner| runner.pools(None)).unwrap_or_default();
            Some(share(&load, &pools))
        }
        false => None,
    };
    Ok(json!({
        "id": LOCAL,
        "state": if *call.app.ending.borrow() { "ending" } else { "ready" },
        "version": env!("CARGO_PKG_VERSION"),
        "isolation": runner.and_then(Runner::isolation),
        "tenant": share(&mine, &pools),
        "server": whole,
    }))
}

/// A load whose bounds are no more than the machine has.
fn capped(load: Load, runner: Option<&dyn Runner>) -> Load {
    let Some(runner) = runner else { return load };
    let least = |bound: Option<u64>, there: Option<u64>| bound.into_iter().chain(there).min();
    Load {
        steps_max: least(load.steps_max, Some(runner.steps_max())),
        cpu_millis: least(load.cpu_millis, Some(runner.cpu_millis())),
        memory_bytes: least(load.memory_bytes, runner.memory_bytes()),
        ..load
    }
}

fn share(load: &Load, pools: &[RunnerPool]) -> Value {
    let pool = |pool: &RunnerPool| {
        json!({
            "package": pool.package, "processes": pool.processes, "busy": pool.busy, "waiting": pool.waiting,
            "stopped": pool.stopped,
        })
    };
    json!({
        "cpu_millis": load.cpu_millis,
        "memory_bytes": load.memory_bytes,
        "executions": {"running": load.executions, "queued": load.queued, "max": load.executions_max},
        "steps": {"running": load.steps, "max": load.steps_max},
        "pools": pools.iter().map(pool).collect::<Vec<_>>(),
    })
}
