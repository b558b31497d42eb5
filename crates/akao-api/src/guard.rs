//! The checks before a handler runs: who asks, whether it may, and whether the request comes from where it seems to. The table
//! of routes says what is needed; there is no other place where that is decided.

use crate::{Access, App, Route, app::Settings, browser};
use akao_platform::{Actor, Code, Credential, Error};
use akao_step::Secret;
use axum::http::{
    HeaderMap, Method, Uri,
    header::{AUTHORIZATION, HeaderValue},
};
use std::sync::Arc;

/// Longest secret that is looked up, in bytes.
const SECRET_BYTES_MAX: usize = 256;

/// Who asks, when it may ask this.
pub(crate) async fn admit(
    app: &Arc<App>,
    route: &Route,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<Arc<Actor>>, Error> {
    browser::check_host(app, uri, headers)?;
    browser::check_origin(app, method, headers)?;
    if route.access == Access::Anyone {
        return Ok(None);
    }
    let Some(credential) = credential(&app.settings, headers)? else {
        return Err(Error::new(Code::Unauthenticated, "nobody is signed in")
            .hint("Sign in, or send an API token with `Authorization: Bearer TOKEN`."));
    };
    let actor = actor(app, credential).await?;
    browser::check_csrf(&actor, method, headers)?;
    permit(route.access, &actor)?;
    Ok(Some(actor))
}

/// Whether an actor may use a route.
fn permit(access: Access, actor: &Actor) -> Result<(), Error> {
    match access {
        Access::Anyone | Access::Known => Ok(()),
        Access::May(permission) if actor.may(permission) => Ok(()),
        Access::May(permission) => {
            Err(Error::new(Code::Forbidden, format!("this needs the permission `{permission}`"))
                .hint("Ask an admin of the tenant for a role that has it, or use a token that was made with it."))
        }
        Access::Operator if actor.operator => Ok(()),
        Access::Operator => Err(Error::new(Code::Forbidden, "this is for the operator of the server, in person")),
    }
}

/// The actor of a credential; looked up where blocking is allowed, unless it is known.
pub(crate) async fn actor(app: &Arc<App>, credential: Credential) -> Result<Arc<Actor>, Error> {
    match app.platform.known_actor(&credential) {
        Some(actor) => Ok(actor),
        None => app.platform.briefly(move |platform| platform.actor(&credential)).await,
    }
}

/// The secret that came with a request. A token comes before a cookie.
pub(crate) fn credential(settings: &Settings, headers: &HeaderMap) -> Result<Option<Credential>, Error> {
    let found = match headers.get(AUTHORIZATION) {
        Some(value) => Some(Credential::Token(Secret::new(bearer(value)?))),
        None => browser::session(settings, headers).map(|secret| Credential::Session(Secret::new(secret))),
    };
    match &found {
        Some(Credential::Session(secret) | Credential::Token(secret)) if secret.expose().len() > SECRET_BYTES_MAX => {
            Err(Error::new(Code::Unauthenticated, "the secret is longer than any that was given out"))
        }
        _ => Ok(found),
    }
}

fn bearer(value: &HeaderValue) -> Result<&str, Error> {
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
    match scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        true => Ok(token.trim()),
        false => Err(Error::new(Code::Unauthenticated, "the header `Authorization` is not `Bearer TOKEN`")),
    }
}
