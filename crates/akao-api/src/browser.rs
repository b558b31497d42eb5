//! What protects people with browsers: the cookie, the token against requests of other sites, the checks of where a request
//! comes from, and the headers of every answer.

use crate::{App, app::Settings};
use akao_platform::{Actor, Begun, Code, Error, Means, SignedIn};
use axum::http::{
    HeaderMap, HeaderValue, Method, Uri,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
        STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use subtle::ConstantTimeEq;

/// The session's cookie.
const COOKIE_NAME: &str = "akao_session";

/// The cookie of a sign-in at a provider.
const FLOW_COOKIE_NAME: &str = "akao_flow";

/// What the names of both begin with: such a cookie is only taken over a secure connection, for this host alone and all its
/// paths.
const SECURE_PREFIX: &str = "__Host-";

/// What requests by a session repeat.
pub(crate) const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// The cookie of a session that has begun.
pub(crate) fn cookie(settings: &Settings, signed_in: &SignedIn, now_ms: i64) -> String {
    let seconds = signed_in.expires_ms.saturating_sub(now_ms).max(0) / 1000;
    set_cookie(settings, COOKIE_NAME, signed_in.session.expose(), seconds)
}

/// The cookie that takes the session's away.
pub(crate) fn no_cookie(settings: &Settings) -> String {
    set_cookie(settings, COOKIE_NAME, "", 0)
}

/// The cookie of a sign-in that was begun at a provider: what only the browser that began it has.
pub(crate) fn flow_cookie(settings: &Settings, begun: &Begun) -> String {
    set_cookie(settings, FLOW_COOKIE_NAME, begun.browser.expose(), begun.seconds)
}

/// A cookie for as many seconds. It comes along by links from other sites: from a provider, a browser comes back by one.
fn set_cookie(settings: &Settings, name: &str, value: &str, seconds: i64) -> String {
    let (prefix, secure) = if settings.plain_http { ("", "") } else { (SECURE_PREFIX, " Secure;") };
    format!("{prefix}{name}={value}; Path=/; Max-Age={seconds};{secure} HttpOnly; SameSite=Lax")
}

/// The session's secret among the cookies of a request.
pub(crate) fn session<'h>(settings: &Settings, headers: &'h HeaderMap) -> Option<&'h str> {
    named(settings, headers, COOKIE_NAME)
}

/// What only the browser has that began a sign-in.
pub(crate) fn flow<'h>(settings: &Settings, headers: &'h HeaderMap) -> Option<&'h str> {
    named(settings, headers, FLOW_COOKIE_NAME)
}

/// A cookie under the name that this server gives it: over a secure connection none counts that plain HTTP could have set.
fn named<'h>(settings: &Settings, headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let prefix = if settings.plain_http { "" } else { SECURE_PREFIX };
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| found.strip_prefix(prefix) == Some(name)).map(|(_, value)| value)
}

/// Whether a method changes nothing.
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses names of this server that it does not have: a page of somebody else whose name leads here could otherwise ask in
/// the name of whoever looks at it.
pub(crate) fn check_host(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<(), Error> {
    if headers.get_all(HOST).into_iter().count() > 1 {
        return Err(Error::invalid("the request names its host more than once"));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A target may name a host too, and counts before the header where something between reads both.
    let is_target_own = uri.authority().is_none_or(|target| app.settings.is_own_host(target.as_str()));
    match app.settings.is_own_host(host) && is_target_own {
        true => Ok(()),
        false => Err(Error::new(Code::CrossSite, "the request names another host than this server is known by")
            .hint("Start the server with `--public-url` and the address by which it is reached.")),
    }
}

/// Refuses changes that a page of another site asks for.
pub(crate) fn check_origin(app: &App, method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    match is_safe(method) || (headers.get(ORIGIN).is_none() && headers.get(FETCH_SITE).is_none()) {
        true => Ok(()),
        false => check_page(app, headers),
    }
}

/// Refuses requests that do not come from a page of this server, where a browser says so.
pub(crate) fn check_page(app: &App, headers: &HeaderMap) -> Result<(), Error> {
    let foreign = || Error::new(Code::CrossSite, "the request comes from a page of another site");
    if headers.get(FETCH_SITE).is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")) {
        return Err(foreign());
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let page = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    // The host was checked; a page of this server has the same. Behind a proxy the host may be another than people see.
    let asked = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_own = |page: &str| page.eq_ignore_ascii_case(asked) || app.settings.is_public(page);
    match page.is_some_and(is_own) {
        true => Ok(()),
        false => Err(foreign()),
    }
}

/// Refuses changes by a session that do not repeat what only its own pages know.
pub(crate) fn check_csrf(actor: &Actor, method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    let Means::Session { csrf, .. } = &actor.means else { return Ok(()) };
    let given = headers.get(CSRF_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
    match is_safe(method) || repeats(csrf, given) {
        true => Ok(()),
        false => Err(Error::new(Code::CrossSite, "the request does not repeat the token of its session")
            .hint("Send `X-CSRF-Token` with the value of `csrf` from the sign-in or from `/api/v1/me`.")),
    }
}

/// Whether what was given is what a session of the actor repeats; who has no session repeats nothing.
pub(crate) fn repeats_csrf(actor: &Actor, given: &[u8]) -> bool {
    match &actor.means {
        Means::Session { csrf, .. } => repeats(csrf, given),
        _ => true,
    }
}

fn repeats(csrf: &str, given: &[u8]) -> bool {
    bool::from(given.ct_eq(csrf.as_bytes()))
}

/// The headers that every answer has. Over a secure connection browsers are told to come by no other for a year.
pub(crate) fn protect(headers: &mut HeaderMap, secure: bool) {
    if secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (RESOURCE_POLICY, "same-origin"),
        (OPENER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let nothing =
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(nothing);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(plain_http: bool) -> Settings {
        let address = "127.0.0.1:8420".parse().unwrap();
        Settings { address, hosts: Vec::new(), tls: None, plain_http, proxies: Vec::new() }
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=b; __Host-akao_sessions=no; akao_session=plain"));
        headers.append(COOKIE, HeaderValue::from_static("x; __Host-akao_session=secret ; c=d"));
        assert_eq!(session(&settings(false), &headers), Some("secret"));
        assert_eq!(session(&settings(true), &headers), Some("plain"));
        assert_eq!(session(&settings(false), &HeaderMap::new()), None);
    }

    #[test]
    fn a_cookie_asks_for_a_secure_connection_unless_there_is_none() {
        let secure = "__Host-akao_session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(no_cookie(&settings(false)), secure);
        assert_eq!(no_cookie(&settings(true)), "akao_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
