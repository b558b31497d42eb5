//! Bodies of requests: bounded in size and time, JSON alone, and nothing in it that the route does not know.

use crate::route::{Access, Route, Takes};
use akao_platform::{Code, Error};
use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Longest body. The longest text of a workflow fits, with every letter escaped.
const BODY_BYTES_MAX: usize = 5 << 20;

/// Longest body of somebody who is not signed in.
const STRANGERS_BYTES_MAX: usize = 16 << 10;

/// How much of a body that is too long is read before the connection is closed.
const THROWN_AWAY_BYTES_MAX: usize = 32 << 20;

/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a short body that nobody wants may take.
const UNWANTED_TIME_MAX: Duration = Duration::from_secs(1);

/// Reads the body that a route takes.
pub(crate) async fn read(route: &Route, headers: &HeaderMap, body: Body) -> Result<Bytes, Error> {
    if matches!(route.takes, Takes::Nothing) {
        forget(body).await;
        return Ok(Bytes::new());
    }
    if !matches!(route.takes, Takes::Message(_)) && !is_json(headers) {
        forget(body).await;
        return Err(Error::new(Code::UnsupportedMedia, "the body is to be JSON")
            .hint("Send it with `Content-Type: application/json`."));
    }
    let bytes_max = bytes_max(route);
    if body.size_hint().lower() > bytes_max as u64 {
        // Whoever waits with the body hears so at once; whoever sends it would not, were nobody to read it.
        tokio::spawn(tokio::time::timeout(BODY_TIME_MAX, collect(body, 0)));
        return Err(too_large(bytes_max));
    }
    match tokio::time::timeout(BODY_TIME_MAX, collect(body, bytes_max)).await {
        Ok(collected) => collected,
        Err(_) => Err(Error::invalid("the body took too long to arrive")),
    }
}

/// Reads a short body that nobody wants: a connection on which a request was not read to its end cannot be used again, and
/// whoever sends the next one on it would hear nothing.
pub(crate) async fn forget(body: Body) {
    // The length of a body in chunks is not known before its end.
    let may_be_short = body.size_hint().upper().is_none_or(|bytes| bytes <= STRANGERS_BYTES_MAX as u64);
    if may_be_short {
        let _ = tokio::time::timeout(UNWANTED_TIME_MAX, collect(body, STRANGERS_BYTES_MAX)).await;
    }
}

fn bytes_max(route: &Route) -> usize {
    match route.takes {
        Takes::Message(bytes) => bytes,
        _ if route.access == Access::Anyone => STRANGERS_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    }
}

/// Reads a body to its end. What is too much is read a while and thrown away: whoever is still sending would not hear the answer.
async fn collect(mut body: Body, bytes_max: usize) -> Result<Bytes, Error> {
    let (mut collected, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::invalid("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= bytes_max {
            collected.extend_from_slice(&data);
        } else if length > THROWN_AWAY_BYTES_MAX {
            break;
        }
    }
    match length > bytes_max {
        true => Err(too_large(bytes_max)),
        false => Ok(collected.into()),
    }
}

fn too_large(bytes_max: usize) -> Error {
    Error::new(Code::TooLarge, format!("the body is longer than {} KiB", bytes_max >> 10))
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads JSON as what is wanted. Every route that takes JSON takes an object, and an array of its values in their order would be
/// read as one too.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let refused = |message: &str| {
        Error::invalid(format!("the body cannot be read: {message}"))
            .hint("The OpenAPI document at /api/v1/openapi.json says what this route takes.")
    };
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(refused("it is an array, and an object is wanted"));
    }
    // The message quotes at most a name or a short value.
    serde_json::from_slice(bytes).map_err(|error| refused(&akao_contract::shortened(error.to_string(), 300)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Pair {
        a: u8,
        b: Option<u8>,
    }

    #[test]
    fn a_body_is_an_object() {
        assert_eq!(parse::<Pair>(b" {\"a\": 1}").unwrap(), Pair { a: 1, b: None });
        for bad in [&b"[1, 2]"[..], b" \n[1, 2]", b"null", b"1", b"\"a\"", b"", b"{\"a\": 1}[]"] {
            assert_eq!(parse::<Pair>(bad).unwrap_err().code, Code::Invalid, "{bad:?}");
        }
    }
}
