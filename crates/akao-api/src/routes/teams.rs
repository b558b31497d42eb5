//! The teams of a tenant.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    condition::{CHANGES, expected},
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Permission};
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    let (read, write) = (Access::May(Permission::MembersRead), Access::May(Permission::RolesWrite));
    vec![
        route!(GET "/api/v1/teams", read, "list_teams", "The teams of the tenant, by name.",
            Takes::Nothing, &[(200, Gives::Page("Team"))], list, parameters: PAGE),
        route!(POST "/api/v1/teams", write, "make_team", "Makes a team, whose members have its role beside their own.",
            Takes::Json("NewTeam"), &[(201, Gives::Json("Team"))], make, refuses: &[Code::Conflict]),
        route!(GET "/api/v1/teams/{team}", read, "show_team", "A team with its members.",
            Takes::Nothing, &[(200, Gives::Json("Team"))], show),
        route!(PUT "/api/v1/teams/{team}", write, "change_team", "Changes title and role of a team.",
            Takes::Json("ChangeTeam"), &[(200, Gives::Json("Team"))], change, parameters: CHANGES,
            refuses: &[Code::Changed, Code::ConditionMissing]),
        route!(DELETE "/api/v1/teams/{team}", write, "remove_team", "Takes a team away; its members stay.",
            Takes::Nothing, &[(204, Gives::Nothing)], remove, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(PUT "/api/v1/teams/{team}/members/{user}", write, "join_team", "Takes a member into a team.",
            Takes::Nothing, &[(204, Gives::Nothing)], join, parameters: CHANGES, refuses: &[Code::Changed]),
        route!(DELETE "/api/v1/teams/{team}/members/{user}", write, "leave_team", "Takes a member out of a team.",
            Takes::Nothing, &[(204, Gives::Nothing)], leave, parameters: CHANGES, refuses: &[Code::Changed]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTeamBody {
    team: String,
    title: Option<String>,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeTeamBody {
    title: Option<String>,
    role: String,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.teams(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::team)))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewTeamBody { team, title, role } = call.json()?;
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.make_team(actor, &team, title.as_deref(), &role)
        };
        let made = call.blocking(work).await?;
        let place = format!("/api/v1/teams/{}", made.row.name);
        Ok(Answer::made(&documents::team(&made), Some(place)).tagged(&made.tag()))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let name = call.param("team").to_owned();
        let team = call.blocking(move |platform, actor| platform.team(actor, &name)).await?;
        Ok(Answer::json(&documents::team(&team)).tagged(&team.tag()))
    })
}

fn change(call: Call) -> Answering {
    Box::pin(async move {
        let ChangeTeamBody { title, role } = call.json()?;
        let (name, expected) = (call.param("team").to_owned(), expected(&call)?);
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.change_team(actor, &name, title.as_deref(), &role, &expected)
        };
        let team = call.blocking(work).await?;
        Ok(Answer::json(&documents::team(&team)).tagged(&team.tag()))
    })
}

fn remove(call: Call) -> Answering {
    Box::pin(async move {
        let (name, expected) = (call.param("team").to_owned(), expected(&call)?);
        call.blocking(move |platform, actor| platform.remove_team(actor, &name, &expected)).await?;
        Ok(Answer::nothing())
    })
}

fn join(call: Call) -> Answering {
    set_member(call, true)
}

fn leave(call: Call) -> Answering {
    set_member(call, false)
}

fn set_member(call: Call, is_in: bool) -> Answering {
    Box::pin(async move {
        let (team, user) = (call.param("team").to_owned(), call.param("user").to_owned());
        let expected = expected(&call)?;
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.set_team_member(actor, &team, &user, is_in, &expected)
        };
        let tag = call.blocking(work).await?;
        Ok(Answer::nothing().tagged(&tag))
    })
}
