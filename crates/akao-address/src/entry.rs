//! What an entry of an allow-list covers: `HOST` or `HOST:PORT[,PORT…]`.
//!
//! HOST is a name, `*.suffix`, an address or a network such as `10.0.0.0/8`; an IPv6 address with a port stands in
//! brackets. Whether a covered address may be dialled also depends on its class, which is for the asker to judge.

use crate::{
    host::{is_plain_name, parse_host},
    network::Network,
};
use std::{net::IpAddr, str::FromStr};
use url::Host;

/// The ports that an entry opens when it names none.
pub const WEB_PORTS: [u16; 2] = [80, 443];

/// Most ports of one entry.
pub const PORTS_MAX: usize = 32;

/// The host part of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// That name alone.
    Name(String),
    /// Every name below one; holds the text after `*`, with its dot.
    Suffix(String),
    /// Addresses.
    Network(Network),
}

impl HostPattern {
    /// Reads a host by the rules of URLs, so that another spelling of an address (`127.1`) is that address.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return text.parse().map(Self::Network).map_err(|error| format!("{error}"));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(Network::of(address)));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let bad = || format!("`{text}` is not a host; write a name, `*.suffix`, an address or a network");
        match parse_host(name) {
            Ok(Host::Domain(name)) if !name.contains('*') && text.starts_with("*.") => {
                Ok(Self::Suffix(format!(".{name}")))
            }
            Ok(Host::Domain(name)) if !name.contains('*') => Ok(Self::Name(name)),
            Ok(Host::Ipv4(address)) if !text.starts_with("*.") => Ok(Self::Network(Network::of(address.into()))),
            _ => Err(bad()),
        }
    }

    /// Whether it covers the name, which is in the form that [`parse_host`] gives. A network covers no name.
    pub fn covers_name(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Suffix(suffix) => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            Self::Network(_) => false,
        }
    }

    /// Whether it covers the address by itself. A name covers no address.
    pub fn covers_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(address))
    }
}

/// Why an entry of an allow-list is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the entry `{entry}` is not valid: {reason}")]
pub struct EntryError {
    /// The entry as it was given.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An entry of an allow-list whose ports are enumerated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    host: HostPattern,
    ports: Vec<u16>,
}

impl Entry {
    /// What it covers.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// The ports it opens, ascending and each once.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Whether it opens the port of the name.
    pub fn opens_name(&self, name: &str, port: u16) -> bool {
        self.ports.contains(&port) && self.host.covers_name(name)
    }

    /// Whether it opens the port of the address, named as an address.
    pub fn opens_address(&self, address: IpAddr, port: u16) -> bool {
        self.ports.contains(&port) && self.host.covers_address(address)
    }
}

impl FromStr for Entry {
    type Err = EntryError;

    /// Stricter than a URL: what is written with escapes or as a number in disguise is a mistake or a trick.
    fn from_str(text: &str) -> Result<Self, EntryError> {
        let bad = |reason: String| EntryError { entry: text.escape_debug().to_string(), reason };
        let (host, ports) = split_port(text).map_err(bad)?;
        let pattern = HostPattern::parse(host).map_err(bad)?;
        let plain = match &pattern {
            HostPattern::Name(name) => is_plain_name(name) && !host.contains('%'),
            HostPattern::Suffix(suffix) => is_plain_name(&suffix[1..]) && !host.contains('%'),
            HostPattern::Network(_) => Network::from_str(host).is_ok(),
        };
        if !plain {
            return Err(bad(format!("`{}` is not written plainly", host.escape_debug())));
        }
        let ports = ports.map_or_else(|| Ok(WEB_PORTS.to_vec()), parse_ports).map_err(bad)?;
        Ok(Self { host: pattern, ports })
    }
}

/// Host and port apart. A text with several colons and no brackets is an IPv6 address without a port.
pub fn split_port(text: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            _ => Err("after the bracket only `:PORT` may follow".to_owned()),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((text, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

/// Reads one port.
pub fn parse_port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(format!("`{text}` is not a port; a port is a number from 1 to 65535 or `*`")),
    }
}

fn parse_ports(text: &str) -> Result<Vec<u16>, String> {
    if text == "*" {
        return Err(format!("ports are named one by one, at most {PORTS_MAX}"));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bad = |text: &str| format!("`{}` is not a port; a port is a number from 1 to 65535", text.escape_debug());
    let mut ports = Vec::new();
    for part in text.split(',') {
        let port = Some(part).filter(|part| digits(part)).and_then(|part| parse_port(part).ok());
        ports.push(port.ok_or_else(|| bad(part))?);
        if ports.len() > PORTS_MAX {
            return Err(format!("it names more than {PORTS_MAX} ports"));
        }
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}
