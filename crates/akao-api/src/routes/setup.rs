//! The first minute of a server.

use crate::{
    Access,
    answer::Answer,
    browser, console, documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Setup};
use akao_step::Secret;
use axum::http::header::CONTENT_SECURITY_POLICY;
use serde::Deserialize;
use serde_json::json;

/// What the page may load: its own script, which asks this server.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/setup", Access::Anyone, "setup_page", "The page that the setup link opens.",
            Takes::Nothing, &[(200, Gives::Text("text/html"))], page),
        route!(GET "/setup.js", Access::Anyone, "setup_script", "The script of that page.",
            Takes::Nothing, &[(200, Gives::Text("text/javascript"))], script),
        route!(GET "/api/v1/setup", Access::Anyone, "setup_status", "Whether the server still has to be set up.",
            Takes::Nothing, &[(200, Gives::Json("SetupStatus"))], status),
        route!(POST "/api/v1/setup", Access::Anyone, "setup", "Makes the first tenant and its owner, once.",
            Takes::Json("Setup"), &[(201, Gives::Json("SignedIn"))], set_up, refuses: &[Code::Forbidden, Code::TooMany]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupBody {
    code: String,
    tenant: String,
    title: Option<String>,
    email: String,
    name: String,
    password: String,
}

fn page(_: Call) -> Answering {
    Box::pin(async {
        if console::is_there() {
            return Ok(console::page());
        }
        let page = include_str!("../pages/setup.html").to_owned();
        Ok(Answer::text("text/html; charset=utf-8", page).header(CONTENT_SECURITY_POLICY, PAGE_POLICY))
    })
}

fn script(_: Call) -> Answering {
    Box::pin(async { Ok(Answer::text("text/javascript; charset=utf-8", include_str!("../pages/setup.js").to_owned())) })
}

fn status(call: Call) -> Answering {
    Box::pin(async move {
        let open = call.platform().blocking(|platform| platform.is_new()).await?;
        Ok(Answer::json(&json!({"needed": open})))
    })
}

fn set_up(call: Call) -> Answering {
    Box::pin(async move {
        let SetupBody { code, tenant, title, email, name, password } = call.json()?;
        let setup = Setup { code: Secret::new(code), tenant, title, email, name, password: Secret::new(password) };
        let signed_in = call.platform().blocking(move |platform| platform.set_up(&setup)).await?;
        let cookie = browser::cookie(&call.app.settings, &signed_in, call.platform().now_ms());
        Ok(Answer::made(&documents::signed_in(&signed_in), None).cookie(&cookie))
    })
}
