//! Tenants of the server and what they may use, for its operator; and for each tenant what it may use.

use super::{members, tokens::PAGE};
use crate::{
    Access,
    answer::Answer,
    condition::{CONDITIONS, expected},
    documents,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Actor, Code, Platform};
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) fn routes() -> Vec<Route> {
    vec![
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
