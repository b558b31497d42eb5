//! The application: the router that is made from the table of routes, and the way of a request through it.

use crate::{
    Access, Route,
    answer::Answer,
    body, browser, condition, console, guard,
    live::Hub,
    metrics::{Figures, Metrics},
    problem,
    query::Query,
    route::{Call, Place, Takes},
    routes,
    source::{self, Network},
    stream::Holders,
    traces::{RequestSpan, Told, Traces},
};
use akao_platform::{Code, Error, Permission, Platform};
use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, request::Parts},
    routing::{MethodFilter, MethodRouter, on},
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::sync::watch;
use tracing::Instrument;
use ulid::Ulid;

/// Requests under way at once; beyond that new ones are told to come again, so that those under way end soon.
const REQUESTS_MAX: usize = 1_024;

/// Starts of executions among them: enough to keep the disk and every processor busy, and few enough to be acknowledged soon.
const STARTS_MAX: usize = 256;

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
    /// Whether people are meant to come by plain HTTP: browsers keep no cookie of it that asks for a secure connection.
    pub plain_http: bool,
    /// Proxies whose word is taken for whom they ask for.
    pub proxies: Vec<Network>,
}

/// Operations that machines ask every few seconds: no trace is begun for them.
const UNTRACED: [&str; 3] = ["health", "readiness", "metrics"];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The place in a trace that a request names.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).map(str::to_owned)
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
    pub(crate) hub: Hub,
    /// Who holds the streams of events.
    pub(crate) streams: Holders,
    /// What others count.
    pub(crate) figures: Figures,
    traces: Told,
    under_way: AtomicUsize,
    starts: AtomicUsize,
}

impl App {
    /// An application over a platform.
    pub fn new(platform: Platform, settings: Settings) -> Arc<Self> {
        Self::observed(platform, settings, Figures::default(), None)
    }

    /// An application whose page of figures has some of others too, and whose requests are told as parts of traces.
    pub fn observed(
        platform: Platform,
        settings: Settings,
        figures: Figures,
        traces: Option<Arc<dyn Traces>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            platform,
            settings,
            metrics: Metrics::new(routes::table().len()),
            ending: watch::Sender::new(false),
            hub: Hub::default(),
            streams: Holders::default(),
            figures,
            traces: Told(traces),
            under_way: AtomicUsize::new(0),
            starts: AtomicUsize::new(0),
        })
    }

    /// Requests under way.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
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
                let (parts, body) = request.into_parts();
                body::forget(body).await;
                app.refuse(&parts, Error::new(Code::MethodNotAllowed, "this path has no such method"))
            };
            router = router.route(path, methods.fallback(other));
        }
        let app = Arc::clone(self);
        router.fallback(move |request: Request| async move {
            let (parts, body) = request.into_parts();
            body::forget(body).await;
            app.unrouted(&parts)
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
        let under_way = UnderWay::begin(&self.under_way);
        let is_start = route.access == Access::May(Permission::ExecutionsStart);
        let start = is_start.then(|| UnderWay::begin(&self.starts));
        let is_full = under_way.count > REQUESTS_MAX || start.as_ref().is_some_and(|start| start.count > STARTS_MAX);
        let app = Arc::clone(&self);
        let parent = traceparent(request.headers());
        let mut trace = None;
        let method = route.method.as_str();
        let answered = match is_full {
            true => Err(Error {
                retry_after_s: Some(1),
                ..Error::new(Code::Unavailable, "the server has more requests under way than it can answer in time")
            }),
            false => {
                let span = tracing::info_span!("request", correlationId = %id, operation = route.operation);
                app.handle(route, path, request, &mut trace).instrument(span).await
            }
        };
        let answer = answered.unwrap_or_else(|error| problem::answer(&error, &id));
        let response = self.finished(answer, &id);
        let took = began.elapsed();
        tracing::debug!(correlationId = %id, status = response.status().as_u16(), us = took.as_micros(), "{}", route.operation);
        self.metrics.request(index, response.status(), took);
        if let Some(traces) = self.traces_of(route) {
            // Who was not let in has none yet.
            let trace = trace.unwrap_or_else(|| traces.open(parent.as_deref(), false));
            traces.close(&RequestSpan {
                traceparent: &trace,
                parent: parent.as_deref(),
                method,
                path: route.path,
                status: response.status().as_u16(),
                took,
                correlation_id: &id,
            });
        }
        response
    }

    async fn handle(
        self: Arc<Self>,
        route: &'static Route,
        path: Result<RawPathParams, RawPathParamsRejection>,
        request: Request,
        trace: &mut Option<String>,
    ) -> Result<Answer, Error> {
        let (parts, body) = request.into_parts();
        match self.call(route, path, parts, trace).await {
            Ok(mut call) => {
                call.body = body::read(route, &call.headers, body).await?;
                (route.handler)(call).await
            }
            Err(refused) => {
                body::forget(body).await;
                Err(refused)
            }
        }
    }

    /// What is asked for, by somebody who may, before its body is read.
    async fn call(
        self: Arc<Self>,
        route: &'static Route,
        path: Result<RawPathParams, RawPathParamsRejection>,
        parts: Parts,
        trace: &mut Option<String>,
    ) -> Result<Call, Error> {
        let Parts { method, uri, headers, mut extensions, .. } = parts;
        let upgrade = extensions.remove();
        let actor = guard::admit(&self, route, &method, &uri, &headers).await?;
        let parent = traceparent(&headers);
        *trace = self.traces_of(route).map(|traces| traces.open(parent.as_deref(), actor.is_some()));
        let trace = trace.clone().or(parent);
        condition::refuse_unmet(route, &headers)?;
        let path = path.map_err(|_| Error::not_found("such path"))?;
        let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let known = route.parameters.iter().filter(|parameter| parameter.place == Place::Query);
        let known = known.map(|parameter| parameter.name);
        let query = match route.takes {
            Takes::Message(_) => Query::any(uri.query()),
            _ if route.passes_over => Query::read_known(uri.query(), known)?,
            _ => Query::read(uri.query(), known)?,
        };
        let source = source::of(&self.settings, extensions.get(), &headers);
        Ok(Call { app: self, actor, path, query, headers, body: Bytes::new(), trace, source, upgrade })
    }

    /// Where a request of this route is told as part of a trace, if anywhere.
    fn traces_of(&self, route: &Route) -> Option<&Arc<dyn Traces>> {
        self.traces.0.as_ref().filter(|_| !UNTRACED.contains(&route.operation))
    }

    /// Answers what is in no route: the console, or that there is no such thing.
    fn unrouted(&self, request: &Parts) -> Response<Body> {
        let known = browser::check_host(self, &request.uri, &request.headers).is_ok();
        if let Some(answer) = console::answer(&request.method, request.uri.path(), &request.headers).filter(|_| known) {
            return self.finished(answer, &request_id());
        }
        self.refuse(request, Error::not_found("such path").hint("What there is stands in /api/v1/openapi.json."))
    }

    /// Refuses what no route is asked for.
    fn refuse(&self, request: &Parts, error: Error) -> Response<Body> {
        let id = request_id();
        let error = browser::check_host(self, &request.uri, &request.headers).err().unwrap_or(error);
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
    all: &'a AtomicUsize,
    count: usize,
}

impl<'a> UnderWay<'a> {
    fn begin(all: &'a AtomicUsize) -> Self {
        Self { all, count: all.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A number for each request, by which its lines of the log are found. A name that a caller gave would let it write into the log.
/// It is no secret: a number that each process begins at another place.
fn request_id() -> String {
    static BEGIN: LazyLock<u64> = LazyLock::new(|| {
        let mut random = [0; 8];
        // Without random numbers ids repeat with each process, which only makes the log harder to read.
        let _ = getrandom::fill(&mut random);
        u64::from_ne_bytes(random)
    });
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let random = u128::from(*BEGIN) << 16;
    let count = u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
    Ulid::from_parts(0, random.wrapping_add(count)).to_string().split_off(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_own_when_no_page_of_somebody_else_can_have_its_name() {
        let settings = Settings {
            address: "127.0.0.1:8420".parse().unwrap(),
            hosts: vec!["akao.example".to_owned()],
            tls: None,
            plain_http: false,
            proxies: Vec::new(),
        };
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
