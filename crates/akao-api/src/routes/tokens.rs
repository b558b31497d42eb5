//! API tokens.

use crate::{
    Access,
    answer::Answer,
    documents,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_platform::{NewToken, Permission, Platform, TokenMade};
use serde::Deserialize;
use serde_json::json;

/// The parameters of every list.
pub(super) const PAGE: &[Parameter] = &[LIMIT, CURSOR];

pub(super) const LIMIT: Parameter = Parameter { place: Place::Query, name: "limit", what: "Items at most, 1 to 200." };

pub(super) const CURSOR: Parameter =
    Parameter { place: Place::Query, name: "cursor", what: "`next` of the page before." };

pub(super) fn routes() -> Vec<Route> {
    vec![
        route!(GET "/api/v1/tokens", Access::May(Permission::TokensOwn), "list_tokens",
            "One's API tokens; everybody's for whoever may see those.",
            Takes::Nothing, &[(200, Gives::Page("Token"))], list, parameters: PAGE),
        route!(POST "/api/v1/tokens", Access::May(Permission::TokensOwn), "make_token",
            "Makes an API token; its secret is shown once.",
            Takes::Json("NewToken"), &[(201, Gives::Json("TokenMade"))], make),
        route!(GET "/api/v1/tokens/{token}", Access::May(Permission::TokensOwn), "show_token",
            "An API token, without its secret.", Takes::Nothing, &[(200, Gives::Json("Token"))], show),
        route!(DELETE "/api/v1/tokens/{token}", Access::May(Permission::TokensOwn), "revoke_token",
            "Makes an API token worthless.", Takes::Nothing, &[(204, Gives::Nothing)], revoke),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTokenBody {
    name: String,
    permissions: Option<Vec<String>>,
    days: Option<u32>,
}

impl From<NewTokenBody> for NewToken {
    fn from(body: NewTokenBody) -> Self {
        let NewTokenBody { name, permissions, days } = body;
        Self { name, permissions, days }
    }
}

fn list(call: Call) -> Answering {
    Box::pin(async move {
        let page = call.query.page()?;
        let found = call.blocking(move |platform, actor| platform.tokens(actor, &page)).await?;
        Ok(Answer::json(&documents::page(&found, documents::token)))
    })
}

fn make(call: Call) -> Answering {
    Box::pin(async move {
        let new = call.json::<NewTokenBody>()?.into();
        Ok(made(&call.blocking(move |platform, actor| platform.make_token(actor, &new)).await?))
    })
}

/// A token with its secret, which is shown now and never again.
pub(super) fn made(made: &TokenMade) -> Answer {
    let mut document = documents::token(&made.token);
    document["secret"] = json!(made.secret.expose());
    Answer::made(&document, Some(format!("/api/v1/tokens/{}", made.token.id)))
}

fn show(call: Call) -> Answering {
    Box::pin(async move { Ok(Answer::json(&documents::token(&call.about("token", Platform::token).await?))) })
}

fn revoke(call: Call) -> Answering {
    Box::pin(async move {
        let id = call.param("token").to_owned();
        call.blocking(move |platform, actor| platform.revoke_token(actor, &id)).await?;
        Ok(Answer::nothing())
    })
}
