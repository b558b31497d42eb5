//! A repository over HTTP: its files, and `GET /search?q=…` over its index. Reading only; publishing happens in the folder.
//!
//! Clients believe signatures, not this server; what it must do is stay up. Connections, headers and times are bounded, and
//! only plainly named files of the two folders are opened. With online keys it signs the timestamp again before it ends.

mod answer;
mod files;
mod online;
mod range;
mod search;

pub use online::Online;

use crate::folder::{Folder, FolderError};
use answer::Site;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{future::Future, io, net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Largest request line with headers, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// Wait after the system refused a connection, which it does when descriptors run out.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// How a repository is served.
#[derive(Clone)]
pub struct Settings {
    /// Most connections at once; more wait in the system's queue.
    pub connections_max: usize,
    /// Time for the handshake and for the headers of a request.
    pub head_timeout: Duration,
    /// Longest life of a connection: nobody holds one by reading slowly.
    pub connection_timeout: Duration,
    /// Time that requests under way have when the server stops.
    pub drain_timeout: Duration,
    /// Certificate and key, for HTTPS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Keys with which the timestamp is signed again.
    pub online: Option<Online>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections_max: 256,
            head_timeout: Duration::from_secs(10),
            connection_timeout: Duration::from_secs(600),
            drain_timeout: Duration::from_secs(10),
            tls: None,
            online: None,
        }
    }
}

/// Why a repository cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is none, or it is damaged.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The listener has no address.
    #[error("the listener cannot be used")]
    Listener(#[from] io::Error),
}

/// Serves the repository in `dir` until `stop` ends; then requests under way are finished.
///
/// # Errors
/// There is no repository in the folder, or it is damaged.
pub async fn serve(
    dir: impl Into<PathBuf>,
    listener: TcpListener,
    settings: Settings,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let folder = Folder::at(dir);
    let site = Site::open(folder.clone()).await?;
    let address = listener.local_addr()?;
    tracing::info!(%address, repository = site.identity().name, "serving");
    let (ending, _) = watch::channel(false);
    let mut tasks = JoinSet::new();
    if let Some(online) = settings.online.clone() {
        let mut ended = ending.subscribe();
        tasks.spawn(async move {
            tokio::select! {
                () = online.keep_valid(folder) => {}
                () = end(&mut ended) => {}
            }
        });
    }
    accept(&listener, &settings, &site, &ending, &mut tasks, stop).await;
    drop(listener);
    ending.send_replace(true);
    let drained = tokio::time::timeout(settings.drain_timeout, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tracing::warn!(left = tasks.len(), "connections were cut off at the end of the drain time");
        tasks.shutdown().await;
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    settings: &Settings,
    site: &Arc<Site>,
    ending: &watch::Sender<bool>,
    tasks: &mut JoinSet<()>,
    stop: impl Future<Output = ()> + Send,
) {
    let places = Arc::new(Semaphore::new(settings.connections_max));
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            () = &mut stop => return,
            next = next => next,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (settings, site, ended) = (settings.clone(), site.clone(), ending.subscribe());
                tasks.spawn(async move {
                    let lived = settings.connection_timeout;
                    if tokio::time::timeout(lived, connection(stream, peer, &settings, site, ended)).await.is_err() {
                        tracing::debug!(%peer, "connection cut off at the end of its time");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection refused by the system");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

/// Waits until the server stops. What is lent by waiting is given back before anything else is waited for.
async fn end(ended: &mut watch::Receiver<bool>) {
    drop(ended.wait_for(|ended| *ended).await);
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    settings: &Settings,
    site: Arc<Site>,
    ended: watch::Receiver<bool>,
) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &settings.tls else { return http(stream, peer, settings, site, ended).await };
    match tokio::time::timeout(settings.head_timeout, TlsAcceptor::from(tls.clone()).accept(stream)).await {
        Ok(Ok(stream)) => http(stream, peer, settings, site, ended).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "handshake failed"),
        Err(_) => tracing::debug!(%peer, "handshake took too long"),
    }
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    settings: &Settings,
    site: Arc<Site>,
    mut ended: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let site = site.clone();
        async move { Ok::<_, std::convert::Infallible>(site.answer(&request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = end(&mut ended) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection broke off");
    }
}
