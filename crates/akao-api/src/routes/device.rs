//! Programs that somebody signs in from a terminal, and the page on which people let them in.

use super::{setup::PAGE_POLICY, tokens};
use crate::{
    Access,
    answer::Answer,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Permission};
use akao_step::Secret;
use axum::http::header::CONTENT_SECURITY_POLICY;
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/device", Access::Anyone, "device_page", "The page on which a program of a terminal is let in.",
            Takes::Nothing, &[(200, Gives::Text("text/html"))], page),
        route!(GET "/device.js", Access::Anyone, "device_script", "The script of that page.",
            Takes::Nothing, &[(200, Gives::Text("text/javascript"))], script),
        route!(POST "/api/v1/device", Access::Anyone, "begin_device", "Begins to sign a program in.",
            Takes::Json("BeginDevice"), &[(201, Gives::Json("DeviceBegun"))], begin, refuses: &[Code::TooMany]),
        route!(POST "/api/v1/device/token", Access::Anyone, "device_token",
            "The token of a program that was let in, once; until then there is none.",
            Takes::Json("DeviceCode"), &[(201, Gives::Json("TokenMade")), (200, Gives::Json("Waiting"))], token,
            refuses: &[Code::Forbidden]),
        route!(POST "/api/v1/device/allow", Access::May(Permission::TokensOwn), "allow_device",
            "Lets a program in, which gets a token of one's own.",
            Takes::Json("UserCode"), &[(200, Gives::Json("DeviceAllowed"))], allow,
            refuses: &[Code::NotFound, Code::TooMany]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginBody {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceBody {
    device_code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserCodeBody {
    user_code: String,
}

fn page(_: Call) -> Answering {
    Box::pin(async {
        let page = include_str!("../pages/device.html").to_owned();
        Ok(Answer::text("text/html; charset=utf-8", page).header(CONTENT_SECURITY_POLICY, PAGE_POLICY))
    })
}

fn script(_: Call) -> Answering {
    Box::pin(async {
        Ok(Answer::text("text/javascript; charset=utf-8", include_str!("../pages/device.js").to_owned()))
    })
}

fn begin(call: Call) -> Answering {
    Box::pin(async move {
        let BeginBody { name } = call.json()?;
        let begun = call.platform().begin_device(call.source, &name)?;
        let document = json!({
            "device_code": begun.device_code.expose(), "user_code": begun.user_code, "page": begun.page,
            "seconds": begun.seconds, "interval": begun.interval_s,
        });
        Ok(Answer::made(&document, None))
    })
}

fn token(call: Call) -> Answering {
    Box::pin(async move {
        let DeviceBody { device_code } = call.json()?;
        Ok(match call.platform().device_token(&Secret::new(device_code))? {
            Some(made) => tokens::made(&made),
            None => Answer::json(&json!({"waiting": true})),
        })
    })
}

fn allow(call: Call) -> Answering {
    Box::pin(async move {
        let UserCodeBody { user_code } = call.json()?;
        let name = call.blocking(move |platform, actor| platform.allow_device(actor, &user_code)).await?;
        Ok(Answer::json(&json!({"name": name})))
    })
}
