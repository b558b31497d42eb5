//! What the next request of a redirect is. Pure: the checks of the new URL's target are made by whoever sends it.

use super::target;
use akao_step::EgressError;
use hyper::{
    HeaderMap, Method, StatusCode,
    body::Bytes,
    header::{self, HeaderName},
};
use url::Url;

/// Headers that speak for the sender; another origin must not be told them.
const CREDENTIALS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-auth-token"),
];

/// Headers that describe a body; they go when it goes.
const OF_THE_BODY: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION];

/// One request of an exchange.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Hop {
    /// The request that follows when this one was answered so; none when the answer is not a redirect.
    pub(super) fn redirected(&self, status: StatusCode, headers: &HeaderMap) -> Result<Option<Self>, EgressError> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = headers.get(header::LOCATION) else { return Ok(None) };
        let bad = || EgressError::Protocol(format!("{} redirects to something that is not a URL", self.url));
        let location = std::str::from_utf8(location.as_bytes()).map_err(|_| bad())?;
        let mut url = self.url.join(location).map_err(|_| bad())?;
        target::check_url(&url)?;
        if url.fragment().is_none() {
            url.set_fragment(self.url.fragment());
        }
        let mut next = Self { url, ..self.clone() };
        next.keep_to_method_rules(status);
        if next.url.origin() != self.url.origin() {
            CREDENTIALS.iter().for_each(|name| drop(next.headers.remove(name)));
        }
        Ok(Some(next))
    }

    /// 303 turns everything but HEAD into GET; 301 and 302 turn POST into GET, as every browser does.
    fn keep_to_method_rules(&mut self, status: StatusCode) {
        let becomes_get = match status.as_u16() {
            303 => self.method != Method::HEAD && self.method != Method::GET,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            OF_THE_BODY.iter().for_each(|name| drop(self.headers.remove(name)));
        }
    }
}
