//! Dials checked addresses, speaks TLS where the URL says so, and sends one HTTP request over the connection.
//!
//! Every request has a connection of its own: which address it goes to is decided by the check just made, never by what
//! an earlier request with other grants left open.

use super::{redirect::Hop, target::Target};
use akao_step::EgressError;
use http_body_util::Full;
use hyper::{
    Request, Response, Uri, Version,
    body::{Bytes, Incoming},
    client::conn,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{error::Error as _, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

/// How long one address is tried while another one is left.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest header list of an answer over HTTP/2, in bytes; HTTP/1 has a like bound of its own.
const HEADER_BYTES_MAX: u32 = 256 * 1024;

/// An answer whose body is still to come. Dropping it closes the connection.
pub(super) struct Open {
    pub(super) response: Response<Incoming>,
    _driver: Driver,
}

/// The task that moves a connection's bytes; it ends with its owner.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    fn spawn<T>(connection: impl Future<Output = T> + Send + 'static) -> Self {
        // What the connection ends with is told to whoever waits for its answer.
        Self(tokio::spawn(async move { drop(connection.await) }))
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Sends one request to one of `addresses` and waits for the head of the answer.
pub(super) async fn send(
    hop: &Hop,
    target: &Target,
    addresses: &[SocketAddr],
    tls: Option<Arc<ClientConfig>>,
) -> Result<Open, EgressError> {
    let socket = dial(target, addresses).await?;
    match tls {
        None => send_http1(hop, Box::new(socket)).await,
        Some(config) => {
            let stream = handshake(target, socket, config).await?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if http2 { send_http2(hop, Box::new(stream)).await } else { send_http1(hop, Box::new(stream)).await }
        }
    }
}

async fn dial(target: &Target, addresses: &[SocketAddr]) -> Result<TcpStream, EgressError> {
    let mut reason = "it has no address".to_owned();
    for (at, address) in addresses.iter().enumerate() {
        let dialling = TcpStream::connect(address);
        let dialled = if at + 1 == addresses.len() {
            dialling.await
        } else {
            tokio::time::timeout(DIAL_TIMEOUT, dialling)
                .await
                .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        };
        match dialled {
            Ok(socket) => {
                // A request is written at once; waiting to fill packets only delays it.
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
            Err(error) => reason = error.to_string(),
        }
    }
    Err(EgressError::Connection(format!("cannot connect to {target}: {reason}")))
}

async fn handshake(
    target: &Target,
    socket: TcpStream,
    config: Arc<ClientConfig>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, EgressError> {
    let name = ServerName::try_from(target.host_text())
        .map_err(|_| EgressError::Request(format!("`{}` cannot be a name in a certificate", target.host)))?;
    let connected = TlsConnector::from(config).connect(name, socket).await;
    connected.map_err(|error| match error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
        true => EgressError::Protocol(format!("no secure connection to {target}: {error}")),
        false => EgressError::Connection(format!("the connection to {target} broke off: {error}")),
    })
}

async fn send_http1(hop: &Hop, stream: Box<dyn Stream>) -> Result<Open, EgressError> {
    let (mut sender, connection) =
        conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let driver = Driver::spawn(connection);
    let mut request = request(hop, &hop.url[url::Position::BeforePath..url::Position::AfterQuery])?;
    let authority = &hop.url[url::Position::BeforeHost..url::Position::AfterPort];
    let host =
        HeaderValue::from_str(authority).map_err(|_| EgressError::Request("the host is not valid".to_owned()))?;
    request.headers_mut().insert(HOST, host);
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    Ok(Open { response, _driver: driver })
}

async fn send_http2(hop: &Hop, stream: Box<dyn Stream>) -> Result<Open, EgressError> {
    let mut builder = conn::http2::Builder::new(TokioExecutor::new());
    builder.max_header_list_size(HEADER_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let driver = Driver::spawn(connection);
    let mut request = request(hop, &hop.url[..url::Position::AfterQuery])?;
    *request.version_mut() = Version::HTTP_2;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    Ok(Open { response, _driver: driver })
}

fn request(hop: &Hop, uri: &str) -> Result<Request<Full<Bytes>>, EgressError> {
    let uri: Uri =
        uri.parse().map_err(|error| EgressError::Request(format!("`{}` cannot be sent: {error}", hop.url)))?;
    let mut request = Request::new(Full::new(hop.body.clone()));
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = hop.headers.clone();
    Ok(request)
}

/// An error of the HTTP library: a broken message is the other side's fault, everything else is the connection's.
pub(super) fn broken(error: &hyper::Error) -> EgressError {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    match error.is_parse() {
        true => EgressError::Protocol(format!("the answer is not HTTP ({error}{cause})")),
        false => EgressError::Connection(format!("the connection broke off ({error}{cause})")),
    }
}
