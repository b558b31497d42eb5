//! Service accounts: programs that are members.

use super::tokens::{NewTokenBody, made};
use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Permission, member_tag};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let write = Access::May(Permission::MembersWrite);
    vec![
        route!(POST "/api/v1/service-accounts", write, "make_service",
            "Makes a member that is a program; it has tokens and no password.",
            Takes::Json("NewService"), &[(201, Gives::Json("Member"))], make, refuses: &[Code::Conflict]),
        route!(POST "/api/v1/service-accounts/{user}/tokens", write, "make_service_token",
            "Makes a token of a service account; its secret is shown once.",
            Takes::Json("NewToken"), &[(201, Gives::Json("TokenMade"))], make_token),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewServiceBody {
    name: String,
    role: String,
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewServiceBody { name, role } = call.json()?;
        let made = call.blocking(move |platform, actor| platform.make_service(actor, &name, &role)).await?;
        let place = format!("/api/v1/members/{}", made.account);
        Ok(Answer::made(&documents::member(&made), Some(place)).tagged(&member_tag(&made)))
    })
}

fn make_token(call: Call) -> Answering {
    Box::pin(async move {
        let (user, new) = (call.param("user").to_owned(), call.json::<NewTokenBody>()?.into());
        let token = call.blocking(move |platform, actor| platform.make_service_token(actor, &user, &new)).await?;
        Ok(made(&token))
    })
}
