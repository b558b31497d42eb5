//! Tenants of the server and what they may use, for its operator; and for each tenant what it may use.

use super::{members, tokens::PAGE};
use crate::{
    Access,
    answer::Answer,
    condition::{CONDITIONS, expected},
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_platform::{Actor, Code, Deletion, Platform};
use axum::http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(DELETE "/api/v1/tenants/{tenant}", Access::Operator, "delete_tenant",
            "Begins to delete a tenant with everything of it; what is under way goes on by itself, and nothing brings it back.",
            Takes::Nothing, &[(202, Gives::Json("Tenant"))], delete, parameters: DELETION, refuses: &[Code::Conflict, Code::Changed]),
        route!(GET "/api/v1/quotas", Access::Known, "quotas", "What the tenant may use, and what it uses.",
            Takes::Nothing, &[(200, Gives::Json("Quotas"))], quotas),
        route!(GET "/api/v1/tenants", Access::Operator, "list_tenants", "The tenants of the server, by name.",
            Takes::Nothing, &[(200, Gives::Page("Tenant"))], list, parameters: PAGE),
        route!(POST "/api/v1/tenants", Access::Operator, "make_tenant",
            "Makes a tenant and asks its owner to join; the code is shown once.",
            Takes::Json("NewTenant"), &[(201, Gives::Json("Invitation"))], make, refuses: &[Code::Conflict]),
        route!(GET "/api/v1/tenants/{tenant}/quota", Access::Operator, "show_quota", "What a tenant may use.",
            Takes::Nothing, &[(200, Gives::Json("Limits"))], show),
        route!(PUT "/api/v1/tenants/{tenant}/quota", Access::Operator, "set_quota", "Says what a tenant may use.",
            Takes::Json("SetQuota"), &[(200, Gives::Json("Limits"))], set, parameters: CONDITIONS,
            refuses: &[Code::Changed, Code::ConditionMissing]),
    ]
}

const DELETION: &[Parameter] = &[
    Parameter { place: Place::Query, name: "confirm", what: "The tenant's name once more." },
    Parameter {
        place: Place::Query,
        name: "cancel",
        what: "`true` cancels executions that have not ended; otherwise they keep the tenant.",
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenantBody {
    tenant: String,
    title: Option<String>,
    owner: String,
    tier: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetQuotaBody {
    tier: String,
    #[serde(default)]
    overrides: BTreeMap<String, Option<u64>>,
}

fn quotas(call: Call) -> Answering {
    Box::pin(async move {
        let (limits, used) = call.platform().quotas(call.actor()?).await?;
        Ok(Answer::json(&documents::quotas(&limits, &used)))
    })
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, _| platform.tenants(&page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::tenant)))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewTenantBody { tenant, title, owner, tier } = call.json()?;
        let work = move |platform: &Platform, actor: &Actor| {
            platform.make_tenant(actor, &tenant, title.as_deref(), &owner, tier.as_deref())
        };
        Ok(members::invitation(&call.blocking(work).await?))
    })
}

fn delete(call: Call) -> Answering {
    Box::pin(async move {
        let deletion = Deletion {
            tenant: call.param("tenant").to_owned(),
            confirmed: call.query.needed("confirm")?.to_owned(),
            cancels: call.query.truth("cancel")?,
        };
        let decided = call.blocking(move |platform, actor| platform.delete_tenant(actor, &deletion)).await?;
        Ok(Answer::json(&documents::tenant(&decided)).status(StatusCode::ACCEPTED))
    })
}

fn show(call: Call) -> Answering {
    Box::pin(async move {
        let tenant = call.param("tenant").to_owned();
        let limits = call.blocking(move |platform, _| platform.limits(&tenant)).await?;
        Ok(Answer::json(&documents::limits(&limits)).tagged(&limits.tag()))
    })
}

fn set(call: Call) -> Answering {
    Box::pin(async move {
        let SetQuotaBody { tier, overrides } = call.json()?;
        let (tenant, expected) = (call.param("tenant").to_owned(), expected(&call)?);
        let work =
            move |platform: &Platform, actor: &Actor| platform.set_limits(actor, &tenant, &tier, &overrides, &expected);
        let limits = call.blocking(work).await?;
        call.platform().admit_again().await?;
        Ok(Answer::json(&documents::limits(&limits)).tagged(&limits.tag()))
    })
}
