//! One connection for a console: events of executions, changes of lists, the queue and tasks, over a WebSocket.
//!
//! Messages are JSON texts with a `type`. The first one is `hello`, with the session's `csrf` where a session asks. Each
//! subscription has an `id` that its owner chose, and is taken up again with the last `cursor` that was seen. Nothing waits without
//! bound: an execution's events are read as fast as they are taken, whoever has missed changes of lists is told to read them again, and
//! whoever takes nothing for seconds is told so and cut off, to come back with its cursors.

mod connection;
mod hub;
mod subscription;

pub(crate) use hub::Hub;

use crate::{
    answer::Answer,
    browser, guard,
    route::{Access, Answering, Call, Gives, Route, Takes, route},
};
use akao_platform::{Code, Error, Means};
use axum::http::{
    HeaderMap, HeaderName, StatusCode,
    header::{CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};
use tracing::Instrument;

/// Longest message of a client, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

pub(crate) fn routes() -> Vec<Route> {
    vec![route!(GET "/api/v1/live", Access::Known, "live",
        "One WebSocket for events of executions, changes of lists, the queue and tasks.",
        Takes::Nothing, &[(101, Gives::Nothing)], open, refuses: &[Code::TooMany])]
}

fn has(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let words = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    words.flat_map(|value| value.split(',')).any(|found| found.trim().eq_ignore_ascii_case(word))
}

fn open(mut call: Call) -> Answering {
    Box::pin(async move {
        let refused = || {
            Error::invalid("this path is a WebSocket")
                .hint("Ask with `Upgrade: websocket` and `Sec-WebSocket-Version: 13`.")
        };
        let headers = &call.headers;
        let asks = has(headers, &CONNECTION, "upgrade") && has(headers, &UPGRADE, "websocket");
        let key = headers.get(SEC_WEBSOCKET_KEY).filter(|_| asks && has(headers, &SEC_WEBSOCKET_VERSION, "13"));
        let accept = derive_accept_key(key.ok_or_else(refused)?.as_bytes());
        let actor = std::sync::Arc::clone(call.actor()?);
        // A page of another site can open a connection with the cookie of whoever looks at it.
        if matches!(actor.means, Means::Session { .. }) && !headers.contains_key(ORIGIN) {
            return Err(Error::new(Code::CrossSite, "a live connection of a session names the page that opens it"));
        }
        browser::check_page(&call.app, headers)?;
        let credential = guard::credential(&call.app.settings, headers)?.ok_or_else(refused)?;
        let place = hub::enter(&call.app, &actor)?;
        let upgrade = call.upgrade.take().ok_or_else(refused)?;
        let app = std::sync::Arc::clone(&call.app);
        let serving = async move {
            let upgraded = match upgrade.await {
                Ok(upgraded) => upgraded,
                Err(error) => return tracing::debug!("a connection was not upgraded: {error}"),
            };
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
            connection::serve(app, socket, actor, credential).await;
            drop(place);
        };
        tokio::spawn(serving.in_current_span());
        let answer = Answer::nothing().status(StatusCode::SWITCHING_PROTOCOLS);
        Ok(answer.header(CONNECTION, "Upgrade").header(UPGRADE, "websocket").header(SEC_WEBSOCKET_ACCEPT, &accept))
    })
}
