//! The roles of a tenant.

use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, KNOWN, expected, holds},
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Permission, RoleChange};
use axum::http::header::IF_NONE_MATCH;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Access::May(Permission::MembersRead), Access::May(Permission::RolesWrite));
    vec![
        route!(GET "/api/v1/roles", read, "list_roles", "The roles of the tenant: built in, then its own.",
            Takes::Nothing, &[(200, Gives::Json("Roles"))], list),
        route!(POST "/api/v1/roles", write, "make_role", "Makes a role out of permissions.",
            Takes::Json("NewRole"), &[(201, Gives::Json("Role"))], make, refuses: &[Code::Conflict]),
        route!(GET "/api/v1/roles/{role}", read, "show_role", "A role.",
            Takes::Nothing, &[(200, Gives::Json("Role")), (304, Gives::Nothing)], show, parameters: KNOWN),
        route!(PUT "/api/v1/roles/{role}", write, "change_role", "Changes what a role may do, for all who have it.",
            Takes::Json("ChangeRole"), &[(200, Gives::Json("Role"))], change, parameters: CHANGES,
            refuses: &[Code::Conflict, Code::Changed, Code::ConditionMissing]),
        route!(DELETE "/api/v1/roles/{role}", write, "remove_role", "Takes a role away that nobody has.",
            Takes::Nothing, &[(204, Gives::Nothing)], remove, parameters: CHANGES,
            refuses: &[Code::Conflict, Code::Changed]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRoleBody {
    role: String,
    title: Option<String>,
    permissions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeRoleBody {
    title: Option<String>,
    permissions: Vec<String>,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let found = call.blocking(|platform, actor| platform.roles(actor)).await?;
        let items: Vec<Value> = found.iter().map(documents::role).collect();
        Ok(Answer::json(&json!({"items": items})))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewRoleBody { role, title, permissions } = call.json()?;
        let change = RoleChange { title, permissions };
        let made = call.blocking(move |platform, actor| platform.make_role(actor, &role, &change)).await?;
        let place = format!("/api/v1/roles/{}", made.name);
        Ok(Answer::made(&documents::role(&made), Some(place)).tagged(&made.tag()))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let name = call.param("role").to_owned();
        let role = call.blocking(move |platform, actor| platform.role(actor, &name)).await?;
        let known = call.header(&IF_NONE_MATCH)?.is_some_and(|known| holds(known, &role.tag()));
        let answer = if known { Answer::unchanged() } else { Answer::json(&documents::role(&role)) };
        Ok(answer.tagged(&role.tag()))
    })
}

fn change(call: Call) -> Answering {
    Box::pin(async move {
        let ChangeRoleBody { title, permissions } = call.json()?;
        let (name, expected) = (call.param("role").to_owned(), expected(&call)?);
        let change = RoleChange { title, permissions };
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.change_role(actor, &name, &change, &expected)
        };
        let role = call.blocking(work).await?;
        Ok(Answer::json(&documents::role(&role)).tagged(&role.tag()))
    })
}

fn remove(call: Call) -> Answering {
    Box::pin(async move {
        let (name, expected) = (call.param("role").to_owned(), expected(&call)?);
        call.blocking(move |platform, actor| platform.remove_role(actor, &name, &expected)).await?;
        Ok(Answer::nothing())
    })
}
