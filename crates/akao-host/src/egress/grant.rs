//! What a network grant opens: `network.http=HOST[:PORT]` and `network.tcp=HOST:PORT`.
//!
//! HOST is a name, `*.suffix`, an address or a network such as `10.0.0.0/8`; an IPv6 address with a port stands in
//! brackets. PORT is a number or `*`; without it `network.http` opens 80 and 443, and `network.tcp` opens nothing.

use super::{
    address::{AddressClass, canonical, classify, contains},
    target::Target,
};
use akao_contract::Permission;
use std::net::IpAddr;
use url::Host;

/// The ports that are open for HTTP unless a grant names another.
pub(super) const WEB_PORTS: [u16; 2] = [80, 443];

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Http,
    Tcp,
}

impl Purpose {
    /// The permission's name.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::Http => "network.http",
            Self::Tcp => "network.tcp",
        }
    }
}

/// Why the scope of a network grant is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the grant `{grant}` is not valid: {reason}")]
pub struct GrantError {
    /// The grant as it was given.
    pub grant: String,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Name(String),
    /// The text after `*`, with its dot.
    Suffix(String),
    Network(IpAddr, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortPattern {
    Default,
    Any,
    One(u16),
}

/// A network grant taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NetworkGrant {
    host: HostPattern,
    port: PortPattern,
}

/// Checks the scope of a network grant, so that a mistake is told when the grant is given. Other permissions pass.
pub fn check_grant(permission: &Permission) -> Result<(), GrantError> {
    let tcp = permission.name() == Purpose::Tcp.permission();
    if !tcp && permission.name() != Purpose::Http.permission() {
        return Ok(());
    }
    let bad = |reason: String| GrantError { grant: permission.to_string(), reason };
    let Some(scope) = permission.scope() else { return Ok(()) };
    let grant = parse(scope).map_err(bad)?;
    match grant.port {
        PortPattern::Default if tcp => {
            Err(bad(format!("it names no port; write for example `network.tcp={scope}:5432`")))
        }
        _ => Ok(()),
    }
}

/// Whether `address`, one of the target's, may be dialled; otherwise why not.
pub(super) fn judge(
    purpose: Purpose,
    grants: &[Permission],
    public_web: bool,
    target: &Target,
    address: IpAddr,
) -> Result<(), String> {
    let class = classify(address);
    let scopes = grants.iter().filter(|grant| grant.name() == purpose.permission()).filter_map(Permission::scope);
    let mut parsed = scopes.filter_map(|scope| parse(scope).ok());
    if parsed.any(|grant| grant.opens(purpose, target, address, class)) {
        return Ok(());
    }
    let web = WEB_PORTS.contains(&target.port);
    match (purpose, class) {
        (Purpose::Http, AddressClass::Public) if public_web && web => Ok(()),
        (Purpose::Http, AddressClass::Public) if public_web => Err(format!("port {} is not 80 or 443", target.port)),
        (_, AddressClass::Public) => Err("it is not granted".to_owned()),
        _ if target.is_address() => Err(format!("it is {class}")),
        _ => Err(format!("it resolves to {address}, {class}")),
    }
}

impl NetworkGrant {
    fn opens(&self, purpose: Purpose, target: &Target, address: IpAddr, class: AddressClass) -> bool {
        let port = match self.port {
            PortPattern::Any => true,
            PortPattern::One(port) => port == target.port,
            PortPattern::Default => purpose == Purpose::Http && WEB_PORTS.contains(&target.port),
        };
        port && match (&self.host, &target.host) {
            (HostPattern::Network(network, prefix), _) => {
                let whole = *prefix == if network.is_ipv4() { 32 } else { 128 };
                contains(*network, *prefix, address) && (whole || class != AddressClass::Metadata)
            }
            // Who names a host means wherever it resolves to. Nobody means the credentials of the machine.
            (HostPattern::Name(name), Host::Domain(host)) => name == host && class != AddressClass::Metadata,
            // A suffix may cover names that others control; those must not lead back to this machine.
            (HostPattern::Suffix(suffix), Host::Domain(host)) => {
                host.ends_with(suffix.as_str()) && matches!(class, AddressClass::Public | AddressClass::Private)
            }
            _ => false,
        }
    }
}

fn parse(scope: &str) -> Result<NetworkGrant, String> {
    let (host, port) = split(scope)?;
    Ok(NetworkGrant { host: parse_host(host)?, port: parse_port(port)? })
}

/// Host and port apart. A text with several colons and no brackets is an IPv6 address without a port.
fn split(scope: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(rest) = scope.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            _ => Err("after the bracket only `:PORT` may follow".to_owned()),
        };
    }
    match scope.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((scope, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((scope, None)),
    }
}

fn parse_port(port: Option<&str>) -> Result<PortPattern, String> {
    match port {
        None => Ok(PortPattern::Default),
        Some("*") => Ok(PortPattern::Any),
        Some(text) => match text.parse() {
            Ok(port) if port != 0 => Ok(PortPattern::One(port)),
            _ => Err(format!("`{text}` is not a port; a port is a number from 1 to 65535 or `*`")),
        },
    }
}

fn parse_host(text: &str) -> Result<HostPattern, String> {
    if let Some((network, prefix)) = text.split_once('/') {
        return parse_network(network, prefix).ok_or_else(|| format!("`{text}` is not a network such as 10.0.0.0/8"));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let address = canonical(address);
        return Ok(HostPattern::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    let bad = || format!("`{text}` is not a host; write a name, `*.suffix`, an address or a network");
    match super::target::parse_host(name) {
        Ok(Host::Domain(name)) if !name.contains('*') && text.starts_with("*.") => {
            Ok(HostPattern::Suffix(format!(".{name}")))
        }
        Ok(Host::Domain(name)) if !name.contains('*') => Ok(HostPattern::Name(name)),
        // Another spelling of an address, such as 127.1.
        Ok(Host::Ipv4(address)) if !text.starts_with("*.") => Ok(HostPattern::Network(address.into(), 32)),
        _ => Err(bad()),
    }
}

fn parse_network(network: &str, prefix: &str) -> Option<HostPattern> {
    let network: IpAddr = network.parse().ok()?;
    let prefix: u8 = prefix.parse().ok()?;
    (prefix <= if network.is_ipv4() { 32 } else { 128 }).then_some(HostPattern::Network(network, prefix))
}
