//! [`Egress`] whose every connection was checked.
//!
//! A name that nothing could open is refused before anybody is asked for its addresses. Any other is resolved once, every
//! address of the answer is judged against the grants, and only addresses that passed are dialled. Redirects are followed
//! here and checked like the first URL. Proxy variables are not read. Making a [`CheckedEgress`] costs nothing; what TLS
//! needs is built with the first secure connection. The policy is explained in `docs/network.md`.

mod connection;
mod decode;
mod grant;
mod redirect;
mod target;
mod trust;

use akao_address::parse_host;
use akao_contract::Permission;
use akao_step::{BoxFuture, Egress, EgressError, HttpAnswer, HttpCall, Reach};
use decode::Coding;
use grant::Purpose;
use http_body_util::BodyExt;
use hyper::{
    HeaderMap, Method,
    header::{self, HeaderName, HeaderValue},
};
use redirect::Hop;
use rustls::ClientConfig;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use target::Target;

pub use akao_address::{AddressClass, Resolver, SystemResolver, classify};
pub use grant::{GrantError, check_grant};

/// Headers that the client itself sets; a caller who sets them could make two servers read two different requests.
const OWN_HEADERS: [HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    HeaderName::from_static("keep-alive"),
];

/// What an operator decides for all requests.
#[derive(Debug, Clone)]
pub struct EgressOptions {
    /// Whether HTTP to public addresses on ports 80 and 443 needs no grant.
    pub public_web: bool,
    /// Whether nothing but public addresses is reached, whatever is granted: for those who grant something and do not
    /// look after this machine.
    pub public_only: bool,
    /// PEM files with certificate authorities that are trusted besides those of the web.
    pub ca_files: Vec<PathBuf>,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self { public_web: true, public_only: false, ca_files: Vec::new() }
    }
}

/// The way out to the network.
pub struct CheckedEgress {
    options: EgressOptions,
    resolver: Arc<dyn Resolver>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl CheckedEgress {
    /// A way out that resolves names as the machine does.
    pub fn new(options: EgressOptions) -> Self {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// A way out with another resolver.
    pub fn with_resolver(options: EgressOptions, resolver: Arc<dyn Resolver>) -> Self {
        Self { options, resolver, tls: OnceLock::new() }
    }

    /// Resolves a target once and returns those of its addresses that may be dialled.
    async fn check(
        &self,
        purpose: Purpose,
        grants: &[Permission],
        target: &Target,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        // A question to a name server tells those who run it what is in the name, and its answer what is inside.
        grant::judge_name(purpose, grants, &self.options, target).map_err(|reason| EgressError::Denied {
            target: target.to_string(),
            reason,
            grant: Some(format!("{}={target}", purpose.permission())),
        })?;
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => self.resolver.resolve(&target.host_text()).await.unwrap_or_default(),
        };
        let (mut checked, mut denied) = (Vec::new(), None);
        for address in addresses {
            match grant::judge(purpose, grants, &self.options, target, address) {
                Ok(()) => checked.push(SocketAddr::new(address, target.port)),
                Err(reason) => drop(denied.get_or_insert((address, reason))),
            }
        }
        match denied {
            _ if !checked.is_empty() => Ok(checked),
            None => Err(EgressError::Resolve(target.host_text())),
            Some((address, reason)) => {
                let is_open = grant::is_open(&self.options, classify(address));
                // Whoever asked for a name is not told its addresses.
                let grant = is_open.then(|| format!("{}={target}", purpose.permission()));
                let reason = if is_open { reason } else { format!("{reason}, and only public addresses are open") };
                Err(EgressError::Denied { target: target.to_string(), reason, grant })
            }
        }
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, EgressError> {
        let built = self.tls.get_or_init(|| trust::client_config(&self.options.ca_files));
        built.clone().map_err(EgressError::Request)
    }

    /// Sends a request and follows its redirects.
    async fn follow(&self, grants: &[Permission], call: &HttpCall) -> Result<HttpAnswer, EgressError> {
        let mut hop = first_hop(call)?;
        let mut redirects_left = call.redirects_max;
        loop {
            let target = Target::of(&hop.url)?;
            let addresses = self.check(Purpose::Http, grants, &target).await?;
            let tls = if hop.url.scheme() == "https" { Some(self.tls()?) } else { None };
            let open = connection::send(&hop, &target, &addresses, tls).await?;
            let next = match call.redirects_max {
                0 => None,
                _ => hop.redirected(open.response.status(), open.response.headers())?,
            };
            match next {
                None => return read_answer(open, &hop, call.answer_bytes_max).await,
                Some(_) if redirects_left == 0 => {
                    let message = format!("more than {} redirects, the last from {}", call.redirects_max, hop.url);
                    return Err(EgressError::Protocol(message));
                }
                Some(next) => hop = next,
            }
            redirects_left -= 1;
        }
    }
}

impl Egress for CheckedEgress {
    fn http<'a>(&'a self, grants: &'a [Permission], call: HttpCall) -> BoxFuture<'a, Result<HttpAnswer, EgressError>> {
        Box::pin(async move {
            let exchange = tokio::time::timeout(call.timeout, self.follow(grants, &call)).await;
            exchange.unwrap_or(Err(EgressError::Timeout(call.timeout)))
        })
    }

    fn reach<'a>(
        &'a self,
        grants: &'a [Permission],
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Reach, EgressError>> {
        Box::pin(async move {
            let parsed = parse_host(host.trim_start_matches('[').trim_end_matches(']'));
            let target = Target { host: parsed.map_err(|error| EgressError::Request(error.to_string()))?, port };
            let addresses = self.check(Purpose::Tcp, grants, &target).await?;
            Ok(Reach { host: target.host_text(), addresses })
        })
    }
}

fn first_hop(call: &HttpCall) -> Result<Hop, EgressError> {
    let method = Method::from_bytes(call.method.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
    let method = method.ok_or_else(|| EgressError::Request(format!("`{}` is not a method", call.method)))?;
    let url = target::parse_url(&call.url)?;
    Ok(Hop { method, url, headers: first_headers(&call.headers)?, body: call.body.clone().into() })
}

fn first_headers(given: &[(String, String)]) -> Result<HeaderMap, EgressError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let bad = |what: &str| EgressError::Request(format!("the header `{}` {what}", name.escape_debug()));
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("has a name that cannot be sent"))?;
        if OWN_HEADERS.contains(&parsed) || parsed.as_str().starts_with("proxy-") {
            return Err(bad("is set by the client itself; leave it out"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad("has a value that cannot be sent"))?;
        headers.try_append(parsed, value).map_err(|_| bad("is one too many"))?;
    }
    let defaults = [
        (header::ACCEPT, "*/*"),
        (header::ACCEPT_ENCODING, decode::ACCEPTED),
        (header::USER_AGENT, concat!("akao/", env!("CARGO_PKG_VERSION"))),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    Ok(headers)
}

/// Reads the body within the bound, before and after its compression is taken off.
async fn read_answer(open: connection::Open, hop: &Hop, bytes_max: u64) -> Result<HttpAnswer, EgressError> {
    let status = open.response.status().as_u16();
    let mut headers = open.response.headers().clone();
    let mut open = open;
    let mut body = Vec::new();
    while let Some(frame) = open.response.body_mut().frame().await {
        let Ok(data) = frame.map_err(|error| connection::broken(&error))?.into_data() else { continue };
        if (body.len() + data.len()) as u64 > bytes_max {
            return Err(EgressError::TooLarge(bytes_max));
        }
        body.extend_from_slice(&data);
    }
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|value| Coding::named(value.to_str().ok()?));
    if let Some(coding) = coding {
        let decoding = tokio::task::spawn_blocking(move || decode::decode(coding, &body, bytes_max)).await;
        body = decoding.map_err(|error| EgressError::Protocol(format!("the answer cannot be decoded: {error}")))??;
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    Ok(HttpAnswer { status, headers, body, url: hop.url.to_string() })
}
