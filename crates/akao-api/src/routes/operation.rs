//! For machines that look after the server: whether it lives, whether it is ready, what it counts, what it offers.

use crate::{
    Access,
    answer::Answer,
    metrics::EngineHealth,
    openapi,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Permission};
use axum::http::header::CONTENT_SECURITY_POLICY;
use serde_json::json;

/// What the page of the interface may load: its own script and style, which ask this server.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/healthz", Access::Anyone, "health", "Whether the process lives.",
            Takes::Nothing, &[(200, Gives::Json("Health"))], health),
        route!(GET "/readyz", Access::Anyone, "readiness", "Whether platform data and the engine answer.",
            Takes::Nothing, &[(200, Gives::Json("Health"))], readiness, refuses: &[Code::Unavailable]),
        route!(GET "/metrics", Access::May(Permission::ServerMetrics), "metrics", "What the server counts, for Prometheus.",
            Takes::Nothing, &[(200, Gives::Text("text/plain"))], metrics),
        route!(GET "/api/v1/openapi.json", Access::Anyone, "openapi", "This interface, as an OpenAPI 3.1 document.",
            Takes::Nothing, &[(200, Gives::Json("OpenApi"))], document),
        route!(GET "/api/v1/openapi-3.0.json", Access::Anyone, "openapi_older",
            "The same for tools that read OpenAPI 3.0.3.",
            Takes::Nothing, &[(200, Gives::Json("OpenApi"))], older_document),
        route!(GET "/reference", Access::Anyone, "reference_page", "A page to read and try this interface.",
            Takes::Nothing, &[(200, Gives::Text("text/html"))], reference_page),
        route!(GET "/reference.js", Access::Anyone, "reference_script", "The script of that page.",
            Takes::Nothing, &[(200, Gives::Text("text/javascript"))], reference_script),
        route!(GET "/reference.css", Access::Anyone, "reference_style", "The style of that page.",
            Takes::Nothing, &[(200, Gives::Text("text/css"))], reference_style),
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
        let (health, queue) = (call.platform().engine_health().await.ok(), call.platform().engine_queue().await.ok());
        let engine = health.zip(queue).map(|((live, steps), (waiting, running, limit))| EngineHealth {
            live,
            steps,
            waiting,
            running,
            limit,
        });
        let app = &call.app;
        let text = app.metrics.text(engine, app.under_way(), app.hub.open(), &app.figures);
        Ok(Answer::text("text/plain; version=0.0.4", text))
    })
}

fn document(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::fixed("application/json", openapi::text())) })
}

fn older_document(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::fixed("application/json", openapi::older_text())) })
}

fn reference_page(_: Call) -> Answering {
    Box::pin(async {
        let page = Answer::fixed("text/html; charset=utf-8", include_str!("../pages/reference.html"));
        Ok(page.header(CONTENT_SECURITY_POLICY, PAGE_POLICY))
    })
}

fn reference_script(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::fixed("text/javascript; charset=utf-8", include_str!("../pages/reference.js"))) })
}

fn reference_style(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::fixed("text/css; charset=utf-8", include_str!("../pages/reference.css"))) })
}
