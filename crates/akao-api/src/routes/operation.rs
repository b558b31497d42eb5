//! For machines that look after the server: whether it lives, whether it is ready, what it counts, what it offers.

use crate::{
    Access,
    answer::Answer,
    metrics::EngineHealth,
    openapi,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::Code;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/healthz", Access::Anyone, "health", "Whether the process lives.",
            Takes::Nothing, &[(200, Gives::Json("Health"))], health),
        route!(GET "/readyz", Access::Anyone, "readiness", "Whether platform data and the engine answer.",
            Takes::Nothing, &[(200, Gives::Json("Health"))], readiness, refuses: &[Code::Unavailable]),
        route!(GET "/metrics", Access::Operator, "metrics", "What the server counts, for Prometheus.",
            Takes::Nothing, &[(200, Gives::Text("text/plain"))], metrics),
        route!(GET "/api/v1/openapi.json", Access::Anyone, "openapi", "This interface, as an OpenAPI 3.1 document.",
            Takes::Nothing, &[(200, Gives::Json("OpenApi"))], document),
    ]
}

fn health(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::json(&json!({"status": "alive"}))) })
}

fn readiness(call: Call) -> Answering {
    Box::pin(async move {
        call.platform().is_ready().await?;
        Ok(Answer::json(&json!({"status": "ready"})))
    })
}

fn metrics(call: Call) -> Answering {
    Box::pin(async move {
        let health = call.platform().engine_health().await.ok();
        let engine = health.map(|(live, steps)| EngineHealth { live, steps });
        Ok(Answer::text("text/plain; version=0.0.4", call.app.metrics.text(engine)))
    })
}

fn document(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::json(openapi::document())) })
}
