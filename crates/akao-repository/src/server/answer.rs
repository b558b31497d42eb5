//! From a request to an answer: which of the few things that there are is meant.

use super::{files, search};
use crate::{
    fetch::is_file_name,
    folder::{Folder, FolderError},
    metadata::Identity,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
};
use std::{io, sync::Arc};

/// The body of an answer.
pub(super) type Body = BoxBody<Bytes, io::Error>;

/// What is served.
pub(super) struct Site {
    folder: Folder,
    identity: Identity,
    searches: search::Searches,
}

impl Site {
    /// Reads the repository once, so that a damaged one is not served.
    pub(super) async fn open(folder: Folder) -> Result<Arc<Self>, FolderError> {
        let read = folder.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let identity = read.identity()?;
            Ok((identity, search::Searches::of(&read)?))
        });
        let (identity, searches) = opened.await.unwrap_or_else(|error| {
            Err(FolderError::Damaged { dir: folder.dir().to_owned(), reason: error.to_string() })
        })?;
        Ok(Arc::new(Self { folder, identity, searches }))
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let mut answer = self.found(request).await;
        answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if request.method() == Method::HEAD {
            // The headers stay what they would be for GET.
            let length = answer.headers().get(hyper::header::CONTENT_LENGTH).cloned();
            let exact = hyper::body::Body::size_hint(answer.body()).exact();
            *answer.body_mut() = empty();
            if let Some(length) = length.or_else(|| exact.map(HeaderValue::from)) {
                answer.headers_mut().insert(hyper::header::CONTENT_LENGTH, length);
            }
        }
        answer
    }

    async fn found<B>(&self, request: &Request<B>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let path = request.uri().path();
        match path.strip_prefix('/') {
            Some("") => json(
                StatusCode::OK,
                &serde_json::json!({
                    "repository": self.identity.repository,
                    "name": self.identity.name,
                    "search": "/search?q=",
                }),
            ),
            Some("search") => self.searches.answer(&self.folder, request.uri().query().unwrap_or_default()).await,
            // The path is taken as it is: a name of a repository has nothing that would be escaped.
            Some(name) if is_file_name(name) => files::answer(self.folder.dir(), name, request.headers()).await,
            _ => problem(StatusCode::NOT_FOUND, "there is no such file"),
        }
    }
}

/// A body without bytes.
pub(super) fn empty() -> Body {
    whole(Bytes::new())
}

/// A body of bytes at hand.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

/// An answer of JSON.
pub(super) fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    typed(status, "application/json", Bytes::from(value.to_string()))
}

/// An answer that says what is wrong.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let value = serde_json::json!({ "status": status.as_u16(), "detail": detail });
    typed(status, "application/problem+json", Bytes::from(value.to_string()))
}

fn typed(status: StatusCode, media: &'static str, bytes: Bytes) -> Response<Body> {
    let mut answer = Response::new(whole(bytes));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
