//! Connections: accepted, bounded in number, head and time, and drained when the server ends.

use crate::{App, shares::Shares, source::Peer};
use akao_platform::Source;
use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header::CONNECTION},
};
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Connections at once; more wait in the system's queue. A stream of events holds one.
const CONNECTIONS_MAX: usize = 4_096;

/// Connections of one source at once, unless many people come by it: some are left for others.
const OF_SOURCE_MAX: usize = CONNECTIONS_MAX / 4 * 3;

/// Longest head of a request, in bytes, and most headers in it.
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 96;

/// How long the first head of a connection may take to arrive. Whoever opens one has something to ask.
const FIRST_HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the head of a later request may take to arrive; also how long a connection may wait for it.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);

/// The same for connections of proxies, which keep some open for whoever comes next: longer than they keep them themselves.
const PROXY_HEAD_TIME_MAX: Duration = Duration::from_secs(120);

/// How long the handshake of a connection may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Wait after the system refused a connection, which it does when descriptors run out.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// A server that is listening.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Listens at an address; port 0 takes a free one.
    ///
    /// # Errors
    /// The system refuses the address.
    pub async fn to(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves until `stop` ends; then streams end, requests under way are finished, and what is left after `grace` is cut off.
pub async fn serve(app: Arc<App>, bound: Bound, stop: impl Future<Output = ()>, grace: Duration) {
    let router = app.router();
    let tls = app.settings.tls.clone().map(TlsAcceptor::from);
    let (places, mut tasks) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), JoinSet::new());
    let sources: Arc<Shares<Source>> = Arc::default();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, bound.listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => break,
            next = next => next,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let is_shared = app.settings.is_shared(peer.ip());
                let most = if is_shared { CONNECTIONS_MAX } else { OF_SOURCE_MAX };
                let Some(share) = sources.take(&Source::of(peer.ip()), most) else {
                    tracing::debug!("{} has as many connections as one address may have", peer.ip());
                    continue;
                };
                let visit = Visit { peer: Peer(peer.ip()), is_shared, tls: tls.clone(), router: router.clone() };
                let ending = app.ending.subscribe();
                tasks.spawn(async move {
                    visit.connection(stream, ending).await;
                    drop((place, share));
                });
            }
            Err(error) => {
                tracing::warn!("the system refuses a connection: {error}");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
    drop(bound.listener);
    app.ending.send_replace(true);
    let drained = tokio::time::timeout(grace, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!("{} connections are cut off", tasks.len());
        tasks.shutdown().await;
    }
}

/// Waits until the server ends. What is lent by waiting is given back before anything else is waited for.
pub(crate) async fn end(ending: &mut watch::Receiver<bool>) {
    drop(ending.wait_for(|ending| *ending).await);
}

/// Waits until something is told that was not heard of yet. Whoever tells lives as long as the server.
pub(crate) async fn change(told: &mut watch::Receiver<()>) {
    if told.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Somebody's connection.
struct Visit {
    peer: Peer,
    /// Whether many people come by it.
    is_shared: bool,
    tls: Option<TlsAcceptor>,
    router: axum::Router,
}

impl Visit {
    /// Serves the connection to its end.
    async fn connection(self, stream: TcpStream, ending: watch::Receiver<bool>) {
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.tls.clone() else { return self.http(stream, ending).await };
        match tokio::time::timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, ending).await,
            Ok(Err(error)) => tracing::debug!("a handshake failed: {error}"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    /// Serves the requests of the connection.
    async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        mut ending: watch::Receiver<bool>,
    ) {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(if self.is_shared { PROXY_HEAD_TIME_MAX } else { HEAD_TIME_MAX })
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX);
        // A proxy may open connections before somebody comes by them.
        let asked = Arc::new(AtomicBool::new(self.is_shared));
        let (has_asked, peer, router) = (Arc::clone(&asked), self.peer, TowerToHyperService::new(self.router));
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            has_asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(peer);
            let answering = (head_bytes(&request) <= HEAD_BYTES_MAX).then(|| router.call(request));
            async move {
                match answering {
                    Some(answering) => answering.await,
                    None => Ok(head_too_long()),
                }
            }
        });
        let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let mut first = pin!(tokio::time::sleep(FIRST_HEAD_TIME_MAX));
        let mut is_fresh = true;
        let served = loop {
            tokio::select! {
                served = serving.as_mut() => break served,
                () = end(&mut ending) => {
                    serving.as_mut().graceful_shutdown();
                    break serving.await;
                }
                () = &mut first, if is_fresh => {
                    is_fresh = false;
                    if !asked.load(Ordering::Relaxed) {
                        return tracing::debug!("a connection was opened and nothing was asked");
                    }
                }
            }
        };
        if let Err(error) = served {
            tracing::debug!("a connection broke off: {error}");
        }
    }
}

/// The length of a head, nearly. What was read at once may be longer than the bound on what is read ahead.
fn head_bytes(request: &Request<Incoming>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    target + headers.sum::<usize>()
}

/// The answer to such a head, as to one that is longer than what is read ahead.
fn head_too_long() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
