//! Where a request goes: scheme, host and port, taken from a URL by the one parser that everything else uses too.

use akao_address::{Host, parse_host};
use akao_step::EgressError;
use std::{fmt, net::IpAddr};
use url::Url;

/// Longest URL that is sent, in bytes.
const URL_BYTES_MAX: usize = 64 * 1024;

/// A host and a port. Names are lower case, in ASCII, without a final dot; every spelling of an address is an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl Target {
    /// The target of a URL that [`parse_url`] let pass.
    pub(super) fn of(url: &Url) -> Result<Self, EgressError> {
        let no_host = || EgressError::Request(format!("`{url}` names no host"));
        let host = match url.host().ok_or_else(no_host)? {
            Host::Domain(name) => parse_host(name).map_err(|_| no_host())?,
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or_else(no_host)?;
        Ok(Self { host, port })
    }

    /// The address, when the host is one.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// Whether the host is an address and not a name.
    pub(super) fn is_address(&self) -> bool {
        self.address().is_some()
    }

    /// The host as TLS and resolvers want it, an IPv6 address without brackets.
    pub(super) fn host_text(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Reads a URL and refuses what is never sent.
pub(super) fn parse_url(text: &str) -> Result<Url, EgressError> {
    if text.len() > URL_BYTES_MAX {
        return Err(EgressError::Request(format!("the URL is longer than {URL_BYTES_MAX} bytes")));
    }
    // What does not parse may still hold a password before its `@`.
    let shown = if text.contains('@') { "the text" } else { text };
    let url = Url::parse(text).map_err(|error| EgressError::Request(format!("`{shown}` is not a URL: {error}")))?;
    check_url(&url)?;
    Ok(url)
}

/// Refuses other schemes and credentials, also in the URL of a redirect.
pub(super) fn check_url(url: &Url) -> Result<(), EgressError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EgressError::Request(format!("the scheme `{}` is not http or https", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "the URL holds a user name or a password; send them in the header Authorization";
        return Err(EgressError::Request(message.to_owned()));
    }
    Ok(())
}
