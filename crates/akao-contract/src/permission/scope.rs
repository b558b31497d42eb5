//! What a permission is narrowed to, taken apart: hosts with ports, and places in volumes.
//!
//! HOST is a name, `*.suffix`, an address or a network such as `10.0.0.0/8`; an IPv6 address with a port stands in
//! brackets. PORT is a number or `*`. Names are plain ASCII; other spellings of addresses (`127.1`, `0x7f.1`) are refused,
//! so that no two readers of a scope disagree on what it names.

use std::{fmt, net::IpAddr, str::FromStr};

/// Longest host name and label, in bytes, as in DNS.
const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Why a text is not a host with a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostScopeError {
    /// A URL where only its host and port belong.
    #[error("`{0}` is a URL; a host and a port are wanted")]
    Url(String),
    /// Not a port.
    #[error("`{0}` is not a port; a port is a number from 1 to 65535")]
    Port(String),
    /// A suffix that covers a whole top-level domain, or a star elsewhere.
    #[error("`{0}` is too wide; a star stands for the first part of a name that has two more")]
    Wide(String),
    /// Letters outside ASCII.
    #[error("`{0}` holds letters outside ASCII; the form that begins with `xn--` is wanted")]
    Unicode(String),
    /// Not an address or a network in its one spelling.
    #[error("`{0}` is not an address or a network such as 10.0.0.0/8")]
    Address(String),
    /// Anything else.
    #[error("`{0}` is not a host; a name, `*.suffix`, an address or a network is wanted")]
    Host(String),
}

/// The host of a scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// One name, in lower case.
    Name(String),
    /// Every name that ends with this text, which begins with a dot.
    Suffix(String),
    /// The addresses of a network; a single address has its whole length as prefix.
    Network(IpAddr, u8),
}

/// The port of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortPattern {
    /// None was written: 80 and 443 for `network.http`, none for `network.tcp`.
    Default,
    /// Any port; only an owner grants it.
    Any,
    /// One port.
    One(u16),
}

/// A scope of `network.http` or `network.tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostScope {
    /// Which hosts.
    pub host: HostPattern,
    /// Which port of them.
    pub port: PortPattern,
}

impl HostScope {
    /// Whether everything that `asked` names is named here too.
    pub fn covers(&self, asked: &Self) -> bool {
        let host = match (&self.host, &asked.host) {
            (HostPattern::Name(ours), HostPattern::Name(theirs)) => ours == theirs,
            (HostPattern::Suffix(ours), HostPattern::Name(theirs)) => theirs.ends_with(ours.as_str()),
            (HostPattern::Suffix(ours), HostPattern::Suffix(theirs)) => theirs.ends_with(ours.as_str()),
            (HostPattern::Network(ours, prefix), HostPattern::Network(theirs, length)) => {
                prefix <= length && network_bits(*ours, *prefix) == network_bits(*theirs, *prefix)
            }
            _ => false,
        };
        let web = |port: u16| port == 80 || port == 443;
        let port = match (self.port, asked.port) {
            (PortPattern::Any, _) | (PortPattern::Default, PortPattern::Default) => true,
            (PortPattern::One(ours), PortPattern::One(theirs)) => ours == theirs,
            (PortPattern::Default, PortPattern::One(theirs)) => web(theirs),
            _ => false,
        };
        host && port
    }
}

/// The first bits of an address, with its family.
fn network_bits(address: IpAddr, prefix: u8) -> (bool, u128) {
    match address {
        IpAddr::V4(address) => {
            (false, u128::from(u32::from(address)).checked_shr(32u32.saturating_sub(prefix.into())).unwrap_or(0))
        }
        IpAddr::V6(address) => {
            (true, u128::from(address).checked_shr(128u32.saturating_sub(prefix.into())).unwrap_or(0))
        }
    }
}

impl FromStr for HostScope {
    type Err = HostScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains("://") {
            return Err(HostScopeError::Url(text.to_owned()));
        }
        let (host, port) = split(text)?;
        Ok(Self { host: parse_host(host)?, port: parse_port(port)? })
    }
}

impl fmt::Display for HostScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPattern::Name(name) => f.write_str(name)?,
            HostPattern::Suffix(suffix) => write!(f, "*{suffix}")?,
            HostPattern::Network(address, prefix) => write_network(f, *address, *prefix, self.port)?,
        }
        match self.port {
            PortPattern::Default => Ok(()),
            PortPattern::Any => f.write_str(":*"),
            PortPattern::One(port) => write!(f, ":{port}"),
        }
    }
}

fn write_network(f: &mut fmt::Formatter<'_>, address: IpAddr, prefix: u8, port: PortPattern) -> fmt::Result {
    let whole = prefix == if address.is_ipv4() { 32 } else { 128 };
    let bracket = address.is_ipv6() && port != PortPattern::Default;
    let (open, close) = if bracket { ("[", "]") } else { ("", "") };
    if whole { write!(f, "{open}{address}{close}") } else { write!(f, "{open}{address}/{prefix}{close}") }
}

/// Host and port apart. A text with several colons and no brackets is an IPv6 address without a port.
fn split(text: &str) -> Result<(&str, Option<&str>), HostScopeError> {
    let bad = || HostScopeError::Host(text.to_owned());
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
        // Brackets hold IPv6 addresses and nothing else.
        let inside = host.contains(':');
        return match (inside, rest, rest.strip_prefix(':')) {
            (true, "", _) => Ok((host, None)),
            (true, _, Some(port)) => Ok((host, Some(port))),
            _ => Err(bad()),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((text, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

fn parse_port(port: Option<&str>) -> Result<PortPattern, HostScopeError> {
    match port {
        None => Ok(PortPattern::Default),
        Some("*") => Ok(PortPattern::Any),
        Some(text) => {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let port = text.parse().ok().filter(|port| digits && *port != 0);
            port.map(PortPattern::One).ok_or_else(|| HostScopeError::Port(text.to_owned()))
        }
    }
}

fn parse_host(text: &str) -> Result<HostPattern, HostScopeError> {
    // With a star in front and a dot behind it.
    if text.len() > HOST_BYTES_MAX + 3 {
        return Err(HostScopeError::Host(text.to_owned()));
    }
    if !text.is_ascii() {
        return Err(HostScopeError::Unicode(text.to_owned()));
    }
    let bad_address = || HostScopeError::Address(text.to_owned());
    if let Some((network, prefix)) = text.split_once('/') {
        // A name with a path behind it is no network at all.
        let named = network.contains(|c: char| c.is_ascii_alphabetic()) && !network.contains(':');
        let bad = || if named { HostScopeError::Host(text.to_owned()) } else { bad_address() };
        let network: IpAddr = network.parse().map_err(|_| bad())?;
        let length = if network.is_ipv4() { 32 } else { 128 };
        let digits = !prefix.is_empty() && prefix.len() <= 3 && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|prefix| digits && *prefix <= length).ok_or_else(bad_address)?;
        return Ok(HostPattern::Network(network, prefix));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(HostPattern::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let name = lower.strip_prefix("*.").unwrap_or(&lower);
    if name.contains('*') {
        return Err(HostScopeError::Wide(text.to_owned()));
    }
    let labels: Vec<&str> = name.split('.').collect();
    if name.len() > HOST_BYTES_MAX || !labels.iter().all(|label| is_label(label)) {
        return Err(HostScopeError::Host(text.to_owned()));
    }
    // A name whose last part is a number is another spelling of an address to some resolver.
    if labels.last().is_some_and(|label| looks_numeric(label)) {
        return Err(bad_address());
    }
    match lower.starts_with("*.") {
        true if labels.len() < 2 => Err(HostScopeError::Wide(text.to_owned())),
        true => Ok(HostPattern::Suffix(format!(".{name}"))),
        false => Ok(HostPattern::Name(name.to_owned())),
    }
}

fn is_label(label: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(good)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn looks_numeric(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|b| b.is_ascii_digit())
}

/// Why a text is not a place in a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeScopeError {
    /// A path of the machine.
    #[error("`{0}` is a path of the machine; a place in a volume is wanted")]
    HostPath(String),
    /// A path that leaves its volume.
    #[error("`{0}` leaves its volume")]
    Leaves(String),
    /// Anything else.
    #[error("`{0}` is not a place in a volume, such as `volume://orders`")]
    Malformed(String),
}

/// A scope of `filesystem.read` or `filesystem.write`: a volume, or a folder or file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeScope {
    /// The volume's name.
    pub volume: String,
    /// The path in it, without slashes at its ends; empty for the whole volume.
    pub path: String,
}

impl VolumeScope {
    /// Whether `asked` is this place or below it.
    pub fn covers(&self, asked: &Self) -> bool {
        let below = |rest: &str| self.path.is_empty() || rest.is_empty() || rest.starts_with('/');
        self.volume == asked.volume && asked.path.strip_prefix(self.path.as_str()).is_some_and(below)
    }
}

impl FromStr for VolumeScope {
    type Err = VolumeScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || VolumeScopeError::Malformed(text.to_owned());
        let (volume, path) = match (text.strip_prefix("volume://"), text.strip_prefix("project://")) {
            (Some(rest), _) => rest.split_once('/').unwrap_or((rest, "")),
            (_, Some(path)) => ("project", path),
            _ if text.starts_with(['/', '~', '.', '\\']) || text.starts_with("file:") => {
                return Err(VolumeScopeError::HostPath(text.to_owned()));
            }
            _ => return Err(malformed()),
        };
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if volume.is_empty() || !volume.bytes().all(good) {
            return Err(malformed());
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.split('/').any(|part| part == "..") {
            return Err(VolumeScopeError::Leaves(text.to_owned()));
        }
        let bad_part =
            |part: &str| part.is_empty() || part == "." || part.contains(|c: char| c == '\\' || c.is_control());
        if !path.is_empty() && path.split('/').any(bad_part) {
            return Err(malformed());
        }
        Ok(Self { volume: volume.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for VolumeScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "volume://{}", self.volume)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
    }
}
