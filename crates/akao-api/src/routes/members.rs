//! The people of a tenant.

use super::tokens::PAGE;
use crate::{
    Access,
    answer::Answer,
    browser,
    condition::{CHANGES, expected},
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_engine::steps::timestamp;
use akao_platform::{Code, Invited, Joined, Permission, Platform, member_tag};
use akao_step::Secret;
use akao_store::Member;
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/members", Access::May(Permission::MembersRead), "list_members", "The people of the tenant.",
            Takes::Nothing, &[(200, Gives::Page("Member"))], list, parameters: PAGE),
        route!(POST "/api/v1/members", Access::May(Permission::MembersWrite), "invite",
            "Asks somebody to join; the code is shown once.",
            Takes::Json("Invite"), &[(201, Gives::Json("Invitation"))], invite),
        route!(POST "/api/v1/members/join", Access::Anyone, "join", "Joins a tenant by an invitation.",
            Takes::Json("Join"), &[(201, Gives::Json("SignedIn"))], join,
            refuses: &[Code::Unauthenticated, Code::SecondFactor, Code::Forbidden, Code::Conflict, Code::TooMany]),
        route!(GET "/api/v1/members/{user}", Access::May(Permission::MembersRead), "show_member",
            "A person of the tenant, or a program.", Takes::Nothing, &[(200, Gives::Json("Member"))], show),
        route!(PUT "/api/v1/members/{user}", Access::May(Permission::MembersWrite), "set_role", "Changes a role.",
            Takes::Json("SetRole"), &[(200, Gives::Json("Member"))], set_role, parameters: CHANGES,
            refuses: &[Code::Conflict, Code::Changed]),
        route!(DELETE "/api/v1/members/{user}", Access::May(Permission::MembersWrite), "remove_member",
            "Takes somebody out, with sessions and tokens.",
            Takes::Nothing, &[(204, Gives::Nothing)], remove, parameters: CHANGES,
            refuses: &[Code::Conflict, Code::Changed]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InviteBody {
    email: String,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinBody {
    code: String,
    name: Option<String>,
    password: String,
    totp: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetRoleBody {
    role: String,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.members(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::member)))
    })
}

fn invite(call: Call) -> Answering {
    Box::pin(async move {
        let InviteBody { email, role } = call.json()?;
        let invited = call.blocking(move |platform, actor| platform.invite(actor, &email, &role)).await?;
        Ok(invitation(&invited))
    })
}

/// An invitation with its code, which is shown now and never again.
pub(super) fn invitation(invited: &Invited) -> Answer {
    let document = json!({
        "email": invited.email, "role": invited.role, "code": invited.code.expose(),
        "expires_at": timestamp(invited.expires_ms),
    });
    Answer::made(&document, None)
}

fn join(call: Call) -> Answering {
    Box::pin(async move {
        let JoinBody { code, name, password, totp } = call.json()?;
        let joined = Joined { code: Secret::new(code), name, password: Secret::new(password), totp };
        let signed_in = call.platform().blocking(move |platform| platform.join(&joined)).await?;
        let cookie = browser::cookie(&call.app.settings, &signed_in, call.platform().now_ms());
        Ok(Answer::made(&documents::signed_in(&signed_in), None).cookie(&cookie))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move { Ok(shown(&call.about("user", Platform::member).await?)) })
}

fn shown(member: &Member) -> Answer {
    Answer::json(&documents::member(member)).tagged(&member_tag(member))
}

fn set_role(call: Call) -> Answering {
    Box::pin(async move {
        let SetRoleBody { role } = call.json()?;
        let (user, expected) = (call.path_value("user"), expected(&call)?);
        let member = call.blocking(move |platform, actor| platform.set_role(actor, &user, &role, &expected)).await?;
        Ok(shown(&member))
    })
}

fn remove(call: Call) -> Answering {
    Box::pin(async move {
        let (user, expected) = (call.path_value("user"), expected(&call)?);
        call.blocking(move |platform, actor| platform.remove_member(actor, &user, &expected)).await?;
        Ok(Answer::nothing())
    })
}
