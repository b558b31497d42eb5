//! HTTP to a server: one connection for each request, bounded in time, encrypted unless the server is this machine.

use crate::{exit::Exit, failure::Failure};
use akao_address::is_this_machine;
use akao_step::Secret;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::{Builder, Runtime},
};
use tokio_rustls::TlsConnector;
use url::Url;

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long the head of an answer may take: a start is answered when it is durable.
const HEAD_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a whole answer may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(300);

/// A server and who asks it.
#[derive(Clone)]
pub(crate) struct Server {
    url: Url,
    token: Option<Secret>,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) tag: Option<String>,
    pub(crate) body: Vec<u8>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What is asked: method, path with its query, headers, body.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: "GET", path, headers: &[], body: None }
    }

    pub(crate) fn post(path: &'a str, body: Option<&'a Value>) -> Self {
        Self { method: "POST", path, headers: &[], body }
    }
}

fn unreachable(server: &Server, why: impl std::fmt::Display) -> Failure {
    Failure::new("connection", Exit::Failure, format!("cannot reach {}: {why}", server.url))
        .hint("Check the address, and that the server runs.")
}

impl Server {
    /// The server at an address.
    ///
    /// # Errors
    /// It is none, or a token would be sent where others can read it.
    pub(crate) fn at(address: &str, token: Option<Secret>) -> Result<Self, Failure> {
        let url =
            Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
        let url = url.ok_or_else(|| {
            Failure::usage(format!("`{address}` is not the address of a server")).hint("Write `https://NAME`.")
        })?;
        if url.scheme() == "http" && !url.host().is_some_and(|host| is_this_machine(&host)) {
            return Err(Failure::usage(format!(
                "{url} is not encrypted, and a token that is sent there could be read"
            ))
            .hint("Use the server's https address."));
        }
        Ok(Self { url, token })
    }

    /// The address, without a slash at its end.
    pub(crate) fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The same server, asked by whoever has this token.
    pub(crate) fn by(&self, token: Secret) -> Self {
        Self { url: self.url.clone(), token: Some(token) }
    }

    /// Whether a token goes along.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    async fn dial(&self) -> Result<Box<dyn Stream>, Failure> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.url.port_or_known_default().unwrap_or(443);
        let dialling = async {
            let socket = TcpStream::connect((host.as_str(), port)).await.map_err(|error| unreachable(self, error))?;
            let _ = socket.set_nodelay(true);
            if self.url.scheme() == "http" {
                return Ok(Box::new(socket) as Box<dyn Stream>);
            }
            let name = ServerName::try_from(host.clone()).map_err(|error| unreachable(self, error))?;
            let config = tls().map_err(|error| unreachable(self, error))?;
            let stream = TlsConnector::from(config).connect(name, socket).await;
            Ok(Box::new(stream.map_err(|error| unreachable(self, error))?) as Box<dyn Stream>)
        };
        match tokio::time::timeout(CONNECT_TIME_MAX, dialling).await {
            Ok(dialled) => dialled,
            Err(_) => Err(unreachable(self, "it does not answer")),
        }
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub(crate) async fn open(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, Failure> {
        let stream = self.dial().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(self, error))?;
        // What the connection ends with is told to whoever waits for its answer.
        tokio::spawn(async move { drop(connection.await) });
        let authority = self.url.authority().rsplit('@').next().unwrap_or_default();
        let mut request = Request::builder().method(ask.method).uri(ask.path).header(HOST, authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let body = match ask.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(body)).map_err(|error| {
            Failure::usage("the request cannot be sent").because(&error).hint("Check ids, keys and the token.")
        })?;
        match tokio::time::timeout(HEAD_TIME_MAX, sender.send_request(request)).await {
            Ok(answer) => answer.map_err(|error| unreachable(self, error)),
            Err(_) => Err(unreachable(self, "it does not answer in time")),
        }
    }

    /// Sends a request and takes the whole answer.
    ///
    /// # Errors
    /// The server cannot be reached, or breaks off.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let answer = self.open(ask).await?;
        let status = answer.status().as_u16();
        let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        match tokio::time::timeout(BODY_TIME_MAX, answer.into_body().collect()).await {
            Ok(Ok(body)) => Ok(Answer { status, tag, body: body.to_bytes().to_vec() }),
            Ok(Err(error)) => Err(unreachable(self, error)),
            Err(_) => Err(unreachable(self, "its answer does not end")),
        }
    }

    /// As [`Server::ask`], from where nothing is driven; the answer is a success.
    ///
    /// # Errors
    /// As [`Server::ask`], or the server refuses.
    pub(crate) fn ask_and_wait(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (server, method, path) = (self.clone(), ask.method.to_owned(), ask.path.to_owned());
        let headers: Vec<(String, String)> =
            ask.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = ask.body.cloned();
        runtime()?.spawn(async move {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let ask = Ask { method: &method, path: &path, headers: &headers, body: body.as_ref() };
            // Whoever asked waits below.
            let _ = sender.send(server.ask(&ask).await);
        });
        let answer = receiver.recv().map_err(|_| Failure::internal("a request broke off"))??;
        answer.success()
    }
}

/// Threads for requests of code that waits for them, and may run on threads that drive others.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: std::sync::OnceLock<Option<Runtime>> = std::sync::OnceLock::new();
    let made = RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().ok());
    made.as_ref().ok_or_else(|| Failure::internal("cannot start the threads of the program"))
}

fn tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

impl Answer {
    /// The answer, when it is a success.
    ///
    /// # Errors
    /// The server refuses, in its own words.
    pub(crate) fn success(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| problem[name].as_str().map(str::to_owned);
        let message = text("detail").unwrap_or_else(|| format!("the server answers {}", self.status));
        let code = text("code").unwrap_or_default();
        let failure = match self.status {
            401 => Failure::new("unauthenticated", Exit::Failure, message),
            403 => Failure::new("forbidden", Exit::Failure, message),
            404 => Failure::not_found(message),
            409 if code == "quarantined" => Failure::new("quarantined", Exit::Internal, message),
            409 | 412 | 428 => Failure::new("conflict", Exit::Failure, message),
            429 | 503 => Failure::new("unavailable", Exit::Failure, message),
            400..=499 => Failure::usage(message),
            _ => Failure::internal(message),
        };
        let sign_in = "Sign in with `akao login URL`, or give a token in AKAO_TOKEN.";
        let hint = if self.status == 401 { Some(sign_in.to_owned()) } else { text("suggestion") };
        let problems = problem["problems"].as_array().into_iter().flatten();
        let causes = problems.filter_map(|problem| problem["message"].as_str().map(str::to_owned)).collect();
        Err(Failure { causes, hint, ..failure })
    }

    /// Its document.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::internal("the server's answer cannot be read").because(&error))
    }

    /// Its text.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn text(self) -> Result<String, Failure> {
        String::from_utf8(self.body)
            .map_err(|error| Failure::internal("the server's answer cannot be read").because(&error))
    }
}
