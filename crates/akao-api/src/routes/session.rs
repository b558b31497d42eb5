//! Signing in and out, and who one is.

use crate::{
    Access,
    answer::Answer,
    browser, documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_contract::Tenant;
use akao_engine::steps::timestamp;
use akao_platform::{Code, Error};
use akao_step::Secret;
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(POST "/api/v1/session", Access::Anyone, "sign_in", "Signs in by address and password.",
            Takes::Json("SignIn"), &[(201, Gives::Json("SignedIn"))], sign_in,
            refuses: &[Code::Unauthenticated, Code::SecondFactor, Code::Forbidden, Code::TooMany]),
        route!(POST "/api/v1/session/reset", Access::Anyone, "reset_password",
            "Chooses a new password by a code that the operator gave.",
            Takes::Json("ResetPassword"), &[(204, Gives::Nothing)], reset, refuses: &[Code::Forbidden, Code::TooMany]),
        route!(POST "/api/v1/password-resets", Access::Operator, "give_reset",
            "Gives a code by which somebody chooses a new password; it is shown once.",
            Takes::Json("GiveReset"), &[(201, Gives::Json("ResetGiven"))], give_reset, refuses: &[Code::NotFound]),
        route!(POST "/api/v1/me/totp", Access::Known, "enrol_totp",
            "Gives one's account a second factor that is still to be confirmed; its seed is shown once.",
            Takes::Json("Password"), &[(200, Gives::Json("Enrolment"))], enrol,
            refuses: &[Code::Conflict, Code::TooMany]),
        route!(POST "/api/v1/me/totp/confirm", Access::Known, "confirm_totp",
            "Confirms the second factor by a code; recovery codes are shown once.",
            Takes::Json("TotpCode"), &[(200, Gives::Json("RecoveryCodes"))], confirm,
            refuses: &[Code::Conflict, Code::TooMany]),
        route!(POST "/api/v1/me/totp/disable", Access::Known, "disable_totp", "Takes one's second factor away.",
            Takes::Json("Password"), &[(204, Gives::Nothing)], disable, refuses: &[Code::Conflict, Code::TooMany]),
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
    totp: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    code: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GiveResetBody {
    email: String,
    #[serde(default)]
    second_factor: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeBody {
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangePasswordBody {
    present: String,
    new: String,
}

fn sign_in(call: Call) -> Answering {
    Box::pin(async move {
        let SignInBody { email, password, tenant, totp } = call.json()?;
        let tenant: Option<Tenant> = tenant
            .map(|name| name.parse())
            .transpose()
            .map_err(|error: akao_contract::IdError| Error::invalid(error.to_string()))?;
        let (password, source) = (Secret::new(password), call.source);
        let work = move |platform: &akao_platform::Platform| {
            platform.sign_in(source, &email, &password, tenant.as_ref(), totp.as_deref())
        };
        let signed_in = call.platform().blocking(work).await?;
        let cookie = browser::cookie(&call.app.settings, &signed_in, call.platform().now_ms());
        Ok(Answer::made(&documents::signed_in(&signed_in), None).cookie(&cookie))
    })
}

fn reset(call: Call) -> Answering {
    Box::pin(async move {
        let ResetBody { code, password } = call.json()?;
        let (code, password) = (Secret::new(code), Secret::new(password));
        call.platform().blocking(move |platform| platform.reset_password(&code, &password)).await?;
        Ok(Answer::nothing())
    })
}

fn give_reset(call: Call) -> Answering {
    Box::pin(async move {
        let GiveResetBody { email, second_factor } = call.json()?;
        let given = call.blocking(move |platform, actor| platform.give_reset(actor, &email, second_factor)).await?;
        let document = json!({"code": given.code.expose(), "expires_at": timestamp(given.expires_ms)});
        Ok(Answer::made(&document, None))
    })
}

fn enrol(call: Call) -> Answering {
    Box::pin(async move {
        let PasswordBody { password } = call.json()?;
        let password = Secret::new(password);
        let made = call.blocking(move |platform, actor| platform.enrol_totp(actor, &password)).await?;
        Ok(Answer::json(&json!({"seed": made.seed.expose(), "uri": made.uri.expose()})))
    })
}

fn confirm(call: Call) -> Answering {
    Box::pin(async move {
        let CodeBody { code } = call.json()?;
        let codes = call.blocking(move |platform, actor| platform.confirm_totp(actor, &code)).await?;
        let codes: Vec<&str> = codes.iter().map(Secret::expose).collect();
        Ok(Answer::json(&json!({"recovery_codes": codes})))
    })
}

fn disable(call: Call) -> Answering {
    Box::pin(async move {
        let PasswordBody { password } = call.json()?;
        let password = Secret::new(password);
        call.blocking(move |platform, actor| platform.disable_totp(actor, &password)).await?;
        Ok(Answer::nothing())
    })
}

fn sign_out(call: Call) -> Answering {
    Box::pin(async move {
        call.blocking(|platform, actor| platform.sign_out(actor)).await?;
        Ok(Answer::nothing().cookie(&browser::no_cookie(&call.app.settings)))
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
        Ok(Answer::nothing().cookie(&browser::no_cookie(&call.app.settings)))
    })
}
