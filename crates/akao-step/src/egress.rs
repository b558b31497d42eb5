//! The way out to the network. Every address is checked before it is dialled; a name is resolved once and the checked
//! address is the one that is dialled; redirects are checked again.

use akao_contract::Permission;
use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

/// A boxed future, so that the ports can be used as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What to do where an address is closed whatever is granted.
pub const ONLY_PUBLIC: &str = "A service in a network of one's own is reached by a package to which the operator of the server grants its address.";

/// Why the network could not be used.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The target is not granted. `grant` is the option that would grant it, where one would.
    #[error("{target} is not reachable{}: {reason}", if grant.is_some() { " without a grant" } else { "" })]
    Denied {
        /// Host and port that were asked for.
        target: String,
        /// Why it needs a grant (`private address`, `port 22`, …).
        reason: String,
        /// What to grant, for example `network.http=localhost:8080`; nothing where only public addresses are open.
        grant: Option<String>,
    },
    /// The name does not resolve.
    #[error("cannot resolve {0}")]
    Resolve(String),
    /// No connection, or it broke off.
    #[error("{0}")]
    Connection(String),
    /// The deadline passed.
    #[error("no complete answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The answer is larger than the caller allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    /// The request itself is not valid.
    #[error("{0}")]
    Request(String),
    /// The other side broke its protocol.
    #[error("{0}")]
    Protocol(String),
}

/// An HTTP request.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// Method, upper case.
    pub method: String,
    /// Absolute `http` or `https` URL.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// For the whole exchange.
    pub timeout: Duration,
    /// Redirects that are followed, each checked like the first URL.
    pub redirects_max: u32,
    /// Largest answer body that is read.
    pub answer_bytes_max: u64,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The URL that answered, after redirects.
    pub url: String,
}

/// A checked target for protocols other than HTTP: dial one of `addresses`, never the name again.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The name as it was asked for, for TLS.
    pub host: String,
    /// Addresses that passed the check.
    pub addresses: Vec<SocketAddr>,
}

/// The way out.
pub trait Egress: Send + Sync {
    /// Sends an HTTP request under the given grants.
    fn http<'a>(&'a self, grants: &'a [Permission], call: HttpCall) -> BoxFuture<'a, Result<HttpAnswer, EgressError>>;
    /// Checks a TCP target (`network.tcp`) and returns the addresses that may be dialled.
    fn reach<'a>(
        &'a self,
        grants: &'a [Permission],
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Reach, EgressError>>;
}
