//! Signing in and out, and who one is.

use crate::{
    Access,
    answer::Answer,
    browser, documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_contract::Tenant;
use akao_platform::{Code, Error};
use akao_step::Secret;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(POST "/api/v1/session", Access::Anyone, "sign_in", "Signs in by address and password.",
            Takes::Json("SignIn"), &[(201, Gives::Json("SignedIn"))], sign_in,
            refuses: &[Code::Unauthenticated, Code::Forbidden, Code::TooMany]),
        route!(DELETE "/api/v1/session", Access::Known, "sign_out", "Ends one's session.",
            Takes::Nothing, &[(204, Gives::Nothing)], sign_out),
        route!(GET "/api/v1/me", Access::Known, "me", "Who one is, and what one may do.",
            Takes::Nothing, &[(200, Gives::Json("Me"))], me),
        route!(POST "/api/v1/me/password", Access::Known, "change_password",
            "Changes one's password; every session of the person ends.",
            Takes::Json("ChangePassword"), &[(204, Gives::Nothing)], change_password, refuses: &[Code::TooMany]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInBody {
    email: String,
    password: String,
    tenant: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePasswordBody {
    present: String,
    new: String,
}

fn sign_in(call: Call) -> Answering {
    Box::pin(async move {
        let SignInBody { email, password, tenant } = call.json()?;
        let tenant: Option<Tenant> = tenant
            .map(|name| name.parse())
            .transpose()
            .map_err(|error: akao_contract::IdError| Error::invalid(error.to_string()))?;
        let password = Secret::new(password);
        let work = move |platform: &akao_platform::Platform| platform.sign_in(&email, &password, tenant.as_ref());
        let signed_in = call.platform().blocking(work).await?;
        let cookie = browser::cookie(&signed_in, call.platform().now_ms());
        Ok(Answer::made(&documents::signed_in(&signed_in), None).cookie(&cookie))
    })
}

fn sign_out(call: Call) -> Answering {
    Box::pin(async move {
        call.blocking(|platform, actor| platform.sign_out(actor)).await?;
        Ok(Answer::nothing().cookie(&browser::no_cookie()))
    })
}

fn me(call: Call) -> Answering {
    Box::pin(async move {
        let whoami = call.blocking(|platform, actor| platform.whoami(actor)).await?;
        Ok(Answer::json(&documents::me(call.actor()?, &whoami)))
    })
}

fn change_password(call: Call) -> Answering {
    Box::pin(async move {
        let ChangePasswordBody { present, new } = call.json()?;
        let (present, new) = (Secret::new(present), Secret::new(new));
        call.blocking(move |platform, actor| platform.change_password(actor, &present, &new)).await?;
        Ok(Answer::nothing().cookie(&browser::no_cookie()))
    })
}
