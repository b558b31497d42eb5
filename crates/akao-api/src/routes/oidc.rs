//! Signing in by a provider, and the identities that are linked to one's account.

use crate::{
    Access,
    answer::Answer,
    browser, console, documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_contract::Tenant;
use akao_platform::{Begun, Callback, Code, Error, Wish};
use akao_step::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

const TENANT: &[Parameter] =
    &[Parameter { place: Place::Query, name: "tenant", what: "The tenant to sign in to; the first one when absent." }];

/// What of that which providers send along means something here; whatever else they send is passed over (RFC 6749, 4.1.2).
const RETURNED: &[Parameter] = &[
    returned("code", "What the provider gives for the sign-in."),
    returned("state", "Which sign-in it is."),
    returned("iss", "Who the provider is."),
    returned("error", "Why the provider refused."),
];

const fn returned(name: &'static str, what: &'static str) -> Parameter {
    Parameter { place: Place::Query, name, what }
}

pub(super) fn routes() -> Vec<Route> {
    const REFUSED: &[Code] = &[Code::Forbidden, Code::TooMany, Code::Conflict];
    vec![
        route!(GET "/api/v1/oidc", Access::Anyone, "list_providers", "The providers by which people can sign in.",
            Takes::Nothing, &[(200, Gives::Json("Providers"))], list),
        route!(GET "/api/v1/oidc/{provider}/login", Access::Anyone, "begin_oidc", "Sends the browser to a provider.",
            Takes::Nothing, &[(303, Gives::Nothing)], begin, parameters: TENANT, refuses: REFUSED),
        route!(POST "/api/v1/oidc/{provider}/login", Access::Anyone, "begin_oidc_with",
            "Says where the browser goes to sign in at a provider, also by an invitation.",
            Takes::Json("BeginOidc"), &[(200, Gives::Json("Elsewhere"))], begin_with, refuses: REFUSED),
        route!(GET "/api/v1/oidc/{provider}/callback", Access::Anyone, "end_oidc",
            "Ends a sign-in with what came back from the provider; further parameters are passed over.",
            Takes::Nothing, &[(303, Gives::Nothing)], end, parameters: RETURNED, passes_over: true, refuses: REFUSED),
        route!(GET "/api/v1/me/identities", Access::Known, "list_identities", "Identities that lead to one's account.",
            Takes::Nothing, &[(200, Gives::Json("Identities"))], identities),
        route!(POST "/api/v1/me/identities", Access::Known, "link_identity",
            "Says where the browser goes to link an identity to one's account.",
            Takes::Json("LinkIdentity"), &[(200, Gives::Json("Elsewhere"))], link,
            refuses: &[Code::NotFound, Code::TooMany]),
        route!(DELETE "/api/v1/me/identities/{identity}", Access::Known, "unlink_identity", "Takes a link away.",
            Takes::Nothing, &[(204, Gives::Nothing)], unlink, refuses: &[Code::Conflict]),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginBody {
    tenant: Option<String>,
    invitation: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkBody {
    provider: String,
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let providers = call.platform().providers().iter();
        let items: Vec<Value> =
            providers.map(|provider| json!({"provider": provider.name, "title": provider.title})).collect();
        Ok(Answer::json(&json!({"items": items})))
    })
}

fn tenant(name: Option<&str>) -> Result<Option<Tenant>, Error> {
    name.map(str::parse).transpose().map_err(|error: akao_contract::IdError| Error::invalid(error.to_string()))
}

fn begin(call: Call) -> Answering {
    Box::pin(async move {
        let wish = Wish { tenant: tenant(call.query.get("tenant"))?, ..Wish::default() };
        match call.platform().begin_oidc(call.param("provider"), wish).await {
            Ok(begun) => {
                Ok(Answer::elsewhere(&begun.location).cookie(&browser::flow_cookie(&call.app.settings, &begun)))
            }
            Err(error) => refused(&call, error),
        }
    })
}

fn begin_with(call: Call) -> Answering {
    Box::pin(async move {
        let BeginBody { tenant: named, invitation } = call.json()?;
        let wish = Wish { tenant: tenant(named.as_deref())?, invitation: invitation.map(Secret::new) };
        Ok(elsewhere(&call, &call.platform().begin_oidc(call.param("provider"), wish).await?))
    })
}

fn elsewhere(call: &Call, begun: &Begun) -> Answer {
    Answer::json(&json!({"location": begun.location})).cookie(&browser::flow_cookie(&call.app.settings, begun))
}

fn end(call: Call) -> Answering {
    Box::pin(async move {
        let text = |name: &str| call.query.get(name).map(str::to_owned);
        let callback = Callback {
            state: text("state"),
            code: text("code"),
            issuer: text("iss"),
            error: text("error"),
            browser: browser::flow(&call.app.settings, &call.headers).map(Secret::new),
        };
        match call.platform().end_oidc(call.param("provider"), callback).await {
            Ok(signed_in) => {
                let cookie = browser::cookie(&call.app.settings, &signed_in, call.platform().now_ms());
                Ok(Answer::elsewhere("/").cookie(&cookie))
            }
            Err(error) => refused(&call, error),
        }
    })
}

/// Leads a person to the page that tells that they were not let in; a program is told by the answer. An address holds the code
/// alone: what is said may be the words of others.
fn refused(call: &Call, error: Error) -> Result<Answer, Error> {
    if !console::is_of_a_person(&call.headers) {
        return Err(error);
    }
    tracing::info!("a sign-in by {:?} was refused: {:?}", call.param("provider"), error.message);
    Ok(Answer::elsewhere(&format!("/sign-in?refused={}", error.code.as_str())))
}

fn identities(call: Call) -> Answering {
    Box::pin(async move {
        let found = call.blocking(|platform, actor| platform.identities(actor)).await?;
        Ok(Answer::json(&json!({"items": found.iter().map(documents::identity).collect::<Vec<_>>()})))
    })
}

fn link(call: Call) -> Answering {
    Box::pin(async move {
        let LinkBody { provider } = call.json()?;
        Ok(elsewhere(&call, &call.platform().begin_link(call.actor()?, &provider).await?))
    })
}

fn unlink(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("identity").to_owned();
        call.blocking(move |platform, actor| platform.remove_identity(actor, &id)).await?;
        Ok(Answer::nothing())
    })
}
