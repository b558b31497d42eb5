//! Accounts of people and programs, for the operator of the server; and what is kept about oneself.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    browser, documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::Code;
use akao_step::Secret;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/me/data", Access::Known, "own_data", "What is kept about oneself, without secrets.",
            Takes::Nothing, &[(200, Gives::Json("AccountData"))], own_data, refuses: &[Code::NotFound, Code::TooMany]),
        route!(POST "/api/v1/me/delete", Access::Known, "delete_me",
            "Takes one's own account away, with everything that is kept about it.",
            Takes::Json("Password"), &[(204, Gives::Nothing)], delete_own,
            refuses: &[Code::NotFound, Code::Conflict, Code::TooMany]),
        route!(GET "/api/v1/accounts", Access::Operator, "list_accounts", "The accounts of the server, by id.",
            Takes::Nothing, &[(200, Gives::Page("Account"))], list, parameters: PAGE),
        route!(GET "/api/v1/accounts/{user}/data", Access::Operator, "account_data",
            "What is kept about an account, without secrets.",
            Takes::Nothing, &[(200, Gives::Json("AccountData"))], data, refuses: &[Code::TooMany]),
        route!(POST "/api/v1/accounts/{user}/disable", Access::Operator, "disable_account",
            "Switches an account off; its sessions end, and its tokens are revoked.",
            Takes::Nothing, &[(200, Gives::Json("Account"))], disable, refuses: &[Code::Conflict]),
        route!(POST "/api/v1/accounts/{user}/enable", Access::Operator, "enable_account", "Switches an account on again.",
            Takes::Nothing, &[(200, Gives::Json("Account"))], enable),
        route!(DELETE "/api/v1/accounts/{user}", Access::Operator, "delete_account",
            "Takes an account away, with everything that is kept about it.",
            Takes::Nothing, &[(204, Gives::Nothing)], delete, refuses: &[Code::Conflict]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    password: String,
}

fn own_data(call: Call) -> Answering {
    Box::pin(async move {
        let kept = call.blocking(|platform, actor| platform.kept_of_actor(actor)).await?;
        Ok(Answer::json(&documents::kept(&kept)))
    })
}

fn delete_own(call: Call) -> Answering {
    Box::pin(async move {
        let PasswordBody { password } = call.json()?;
        let password = Secret::new(password);
        call.blocking(move |platform, actor| platform.delete_own_account(actor, &password)).await?;
        Ok(Answer::nothing().cookie(&browser::no_cookie(&call.app.settings)))
    })
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, _| platform.accounts(&page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::account)))
    })
}

fn data(call: Call) -> Answering {
    Box::pin(async move {
        let kept = call.about("user", |platform, _, user| platform.kept(user)).await?;
        Ok(Answer::json(&documents::kept(&kept)))
    })
}

fn disable(call: Call) -> Answering {
    switch(call, true)
}

fn enable(call: Call) -> Answering {
    switch(call, false)
}

fn switch(call: Call, disabled: bool) -> Answering {
    Box::pin(async move {
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor, user: &str| {
            platform.set_disabled(actor, user, disabled)
        };
        Ok(Answer::json(&documents::account(&call.about("user", work).await?)))
    })
}

fn delete(call: Call) -> Answering {
    Box::pin(async move {
        call.about("user", |platform, actor, user| platform.delete_account(actor, user)).await?;
        Ok(Answer::nothing())
    })
}
