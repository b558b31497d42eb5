//! Connections: accepted, bounded in number, head and time, and drained when the server ends.

use crate::App;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Connections at once; more wait in the system's queue. A stream of events holds one.
const CONNECTIONS_MAX: usize = 4_096;

/// Longest head of a request, in bytes, and most headers in it.
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 96;

/// How long the head of a request may take to arrive; also how long a connection may wait for its next request.
const HEAD_TIME_MAX: Duration = Duration::from_secs(60);

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
            Ok((stream, _)) => {
                let (tls, router, ending) = (tls.clone(), router.clone(), app.ending.subscribe());
                tasks.spawn(async move {
                    connection(stream, tls, router, ending).await;
                    drop(place);
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

/// Serves one connection to its end.
async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: axum::Router, ending: watch::Receiver<bool>) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return http(stream, router, ending).await };
    match tokio::time::timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, router, ending).await,
        Ok(Err(error)) => tracing::debug!("a handshake failed: {error}"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
}

/// Serves the requests of one connection.
async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: axum::Router,
    mut ending: watch::Receiver<bool>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let mut serving =
        pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).with_upgrades());
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = end(&mut ending) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection broke off: {error}");
    }
}
