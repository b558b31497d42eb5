//! Tenants of the server, for its operator.

use super::members;
use crate::{
    Access,
    route::{Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::Code;
use serde::Deserialize;

pub(super) fn routes() -> Vec<Route> {
    vec![route!(POST "/api/v1/tenants", Access::Operator, "make_tenant",
        "Makes a tenant and asks its owner to join; the code is shown once.",
        Takes::Json("NewTenant"), &[(201, Gives::Json("Invitation"))], make, refuses: &[Code::Conflict])]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenantBody {
    tenant: String,
    title: Option<String>,
    owner: String,
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let NewTenantBody { tenant, title, owner } = call.json()?;
        let work = move |platform: &akao_platform::Platform, actor: &akao_platform::Actor| {
            platform.make_tenant(actor, &tenant, title.as_deref(), &owner)
        };
        Ok(members::invitation(&call.blocking(work).await?))
    })
}
