//! Answers: a status, a few headers and a body.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, Response, StatusCode,
        header::{CONTENT_TYPE, ETAG, HeaderName, LOCATION, SET_COOKIE},
    },
};
use serde::Serialize;
use serde_json::Value;

/// An answer.
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    fn new(status: StatusCode, media: Option<&'static str>, body: Body) -> Self {
        let mut headers = HeaderMap::with_capacity(12);
        if let Some(media) = media {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        Self { status, headers, body }
    }

    /// A document.
    pub(crate) fn json(document: &impl Serialize) -> Self {
        // What is answered has names as keys and finite numbers, all of which JSON can say.
        let text = serde_json::to_vec(document).unwrap_or_default();
        Self::new(StatusCode::OK, Some("application/json"), Body::from(text))
    }

    /// A document about something that was made, with the place where it is.
    pub(crate) fn made(document: &Value, location: Option<String>) -> Self {
        let answer = Self { status: StatusCode::CREATED, ..Self::json(document) };
        match location {
            Some(location) => answer.header(LOCATION, &location),
            None => answer,
        }
    }

    /// Done, and nothing to say.
    pub(crate) fn nothing() -> Self {
        Self::new(StatusCode::NO_CONTENT, None, Body::empty())
    }

    /// The caller has it already.
    pub(crate) fn unchanged() -> Self {
        Self::new(StatusCode::NOT_MODIFIED, None, Body::empty())
    }

    /// It is elsewhere.
    pub(crate) fn elsewhere(location: &str) -> Self {
        Self::new(StatusCode::SEE_OTHER, None, Body::empty()).header(LOCATION, location)
    }

    /// A refusal.
    pub(crate) fn problem(status: StatusCode, document: &Value) -> Self {
        Self::new(status, Some("application/problem+json"), Body::from(document.to_string()))
    }

    /// Text of a media type.
    pub(crate) fn text(media: &'static str, text: String) -> Self {
        Self::new(StatusCode::OK, Some(media), Body::from(text))
    }

    /// Text that never changes.
    pub(crate) fn fixed(media: &'static str, text: &'static str) -> Self {
        Self::new(StatusCode::OK, Some(media), Body::from(text))
    }

    /// Bytes of a media type.
    pub(crate) fn bytes(media: &'static str, body: Body) -> Self {
        Self::new(StatusCode::OK, Some(media), body)
    }

    /// Without a body, when it was asked by HEAD.
    pub(crate) fn for_method(self, method: &Method) -> Self {
        match *method {
            Method::HEAD => Self { body: Body::empty(), ..self },
            _ => self,
        }
    }

    /// A body that goes on.
    pub(crate) fn stream(media: &'static str, body: Body) -> Self {
        Self::new(StatusCode::OK, Some(media), body)
    }

    /// With a header. What cannot stand in one is left out; ours can.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// With the tag of what it shows.
    pub(crate) fn tagged(self, tag: &str) -> Self {
        self.header(ETAG, &format!("\"{tag}\""))
    }

    /// With a cookie.
    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header(SET_COOKIE, cookie)
    }

    /// With another status.
    pub(crate) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
