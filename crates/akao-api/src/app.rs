//! The application: the router that is made from the table of routes, and the way of a request through it.

use crate::{
    Route,
    answer::Answer,
    body, browser, guard,
    metrics::Metrics,
    problem,
    query::Query,
    route::{Call, Place},
    routes,
};
use akao_platform::{Code, Error, Platform};
use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    http::{HeaderName, HeaderValue, Method, Response, request::Parts},
    routing::{MethodFilter, MethodRouter, on},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::sync::watch;
use tracing::Instrument;
use ulid::Ulid;

/// Requests under way at once; beyond that new ones are told to come again, so that those under way end soon.
const REQUESTS_MAX: usize = 1_024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the operator decides about the server's face.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address that is listened on.
    pub address: SocketAddr,
    /// Names, with their port where it is not the usual one, by which the server is reached beside its address.
    pub hosts: Vec<String>,
    /// Certificate and key, for HTTPS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

impl Settings {
    /// Whether `host`, with its port, is a name that the operator gave the server.
    pub(crate) fn is_public(&self, host: &str) -> bool {
        self.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Whether `host`, with its port, is a name of this server.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        if self.is_public(host) {
            return true;
        }
        let port = self.address.port();
        // Browsers leave out the port that is usual.
        let is_usual = port == if self.tls.is_some() { 443 } else { 80 };
        let is_address = host.parse::<SocketAddr>().is_ok_and(|named| named.port() == port)
            || (is_usual && host.parse::<std::net::IpAddr>().is_ok());
        // A page can make its own name lead to an address, but no address be another's.
        is_address
            || host.eq_ignore_ascii_case(&format!("localhost:{port}"))
            || (is_usual && host.eq_ignore_ascii_case("localhost"))
    }
}

/// The application.
pub struct App {
    pub(crate) platform: Platform,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    /// True from the moment on at which the server ends.
    pub(crate) ending: watch::Sender<bool>,
    under_way: AtomicUsize,
}

impl App {
    /// An application over a platform.
    pub fn new(platform: Platform, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            platform,
            settings,
            metrics: Metrics::new(routes::table().len()),
            ending: watch::Sender::new(false),
            under_way: AtomicUsize::new(0),
        })
    }

    /// The router of the table of routes.
    pub fn router(self: &Arc<Self>) -> Router {
        let mut paths: BTreeMap<&'static str, MethodRouter> = BTreeMap::new();
        for (index, route) in routes::table().iter().enumerate() {
            let app = Arc::clone(self);
            let handler = move |path: Result<RawPathParams, RawPathParamsRejection>, request: Request| async move {
                app.answer(index, route, path, request).await
            };
            let method = paths.remove(route.path).unwrap_or_default();
            let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
            paths.insert(route.path, method.merge(on(filter, handler)));
        }
        let mut router = Router::new();
        for (path, methods) in paths {
            let app = Arc::clone(self);
            let other = move |request: Request| async move {
                app.refuse(&request.into_parts().0, Error::new(Code::MethodNotAllowed, "this path has no such method"))
            };
            router = router.route(path, methods.fallback(other));
        }
        let app = Arc::clone(self);
        router.fallback(move |request: Request| async move {
            let missing = Error::not_found("such path").hint("What there is stands in /api/v1/openapi.json.");
            app.refuse(&request.into_parts().0, missing)
        })
    }

    async fn answer(
        self: Arc<Self>,
        index: usize,
        route: &'static Route,
        path: Result<RawPathParams, RawPathParamsRejection>,
        request: Request,
    ) -> Response<Body> {
        let (began, id) = (Instant::now(), request_id());
        let under_way = UnderWay::begin(&self);
        let app = Arc::clone(&self);
        let answered = match under_way.count > REQUESTS_MAX {
            true => Err(Error {
                retry_after_s: Some(1),
                ..Error::new(Code::Unavailable, "the server has more requests under way than it can answer in time")
            }),
            false => {
                let span = tracing::info_span!("request", correlationId = %id, operation = route.operation);
                app.handle(route, path, request).instrument(span).await
            }
        };
        let answer = answered.unwrap_or_else(|error| problem::answer(&error, &id));
        let response = self.finished(answer, &id);
        let took = began.elapsed();
        tracing::debug!(correlationId = %id, status = response.status().as_u16(), us = took.as_micros(), "{}", route.operation);
        self.metrics.request(index, response.status(), took);
        response
    }

    async fn handle(
        self: Arc<Self>,
        route: &'static Route,
        path: Result<RawPathParams, RawPathParamsRejection>,
        request: Request,
    ) -> Result<Answer, Error> {
        let (Parts { method, uri, headers, .. }, body) = request.into_parts();
        let actor = guard::admit(&self, route, &method, &headers).await?;
        let path = path.map_err(|_| Error::not_found("such path"))?;
        let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let known = route.parameters.iter().filter(|parameter| parameter.place == Place::Query);
        let query = Query::read(uri.query(), known.map(|parameter| parameter.name))?;
        let body = body::read(route, &headers, body).await?;
        (route.handler)(Call { app: self, actor, path, query, headers, body }).await
    }

    /// Refuses what no route is asked for.
    fn refuse(&self, request: &Parts, error: Error) -> Response<Body> {
        let id = request_id();
        let error = browser::check_host(self, &request.headers).err().unwrap_or(error);
        self.metrics.unrouted();
        let answer = problem::answer(&error, &id);
        // Without a body, which an answer to HEAD must not have.
        match request.method == Method::HEAD {
            true => self.finished(Answer::nothing().status(problem::status_of(error.code)), &id),
            false => self.finished(answer, &id),
        }
    }

    fn finished(&self, answer: Answer, id: &str) -> Response<Body> {
        let mut response = answer.into_response();
        browser::protect(response.headers_mut(), self.settings.tls.is_some());
        if let Ok(id) = HeaderValue::from_str(id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
}

/// Counts a request while it is under way.
struct UnderWay<'a> {
    app: &'a App,
    count: usize,
}

impl<'a> UnderWay<'a> {
    fn begin(app: &'a App) -> Self {
        Self { app, count: app.under_way.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.app.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A number for each request, by which its lines of the log are found. A name that a caller gave would let it write into the log.
fn request_id() -> String {
    let mut random = [0; 16];
    // Without random numbers ids repeat, which only makes the log harder to read.
    let _ = getrandom::fill(&mut random);
    Ulid::from_parts(0, u128::from_ne_bytes(random)).to_string().split_off(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_own_when_no_page_of_somebody_else_can_have_its_name() {
        let settings =
            Settings { address: "127.0.0.1:8420".parse().unwrap(), hosts: vec!["akao.example".to_owned()], tls: None };
        for (host, own) in [
            ("127.0.0.1:8420", true),
            ("localhost:8420", true),
            ("LOCALHOST:8420", true),
            ("[::1]:8420", true),
            ("akao.example", true),
            ("akao.example:8420", false),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
            ("evil.example:8420", false),
            ("localhost.evil.example:8420", false),
            ("", false),
        ] {
            assert_eq!(settings.is_own_host(host), own, "{host}");
        }
    }
}
