//! What a network grant opens: `network.http=HOST[:PORT]` and `network.tcp=HOST:PORT`.
//!
//! HOST is a name, `*.suffix`, an address or a network such as `10.0.0.0/8`; an IPv6 address with a port stands in
//! brackets. PORT is a number or `*`; without it `network.http` opens 80 and 443, and `network.tcp` opens nothing.

use super::{EgressOptions, target::Target};
use akao_address::{AddressClass, Host, HostPattern, WEB_PORTS, classify, may_be_public, parse_port, split_port};
use akao_contract::Permission;
use std::net::IpAddr;

/// Why a public address is closed where nothing is open by itself.
const NOT_GRANTED: &str = "it is not granted";

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

/// Whether any address that a name may have could be dialled; otherwise why not. Addresses pass: they are judged as such.
pub(super) fn judge_name(
    purpose: Purpose,
    grants: &[Permission],
    options: &EgressOptions,
    target: &Target,
) -> Result<(), String> {
    let Host::Domain(name) = &target.host else { return Ok(()) };
    let is_web = purpose == Purpose::Http && options.public_web;
    if is_web && WEB_PORTS.contains(&target.port) {
        return Ok(());
    }
    if granted(purpose, grants).any(|grant| grant.may_open(purpose, options, name, target.port)) {
        return Ok(());
    }
    Err(if is_web { off_the_web(target.port) } else { NOT_GRANTED.to_owned() })
}

/// Whether `address`, one of the target's, may be dialled; otherwise why not. Who is told that learns no address of a name.
pub(super) fn judge(
    purpose: Purpose,
    grants: &[Permission],
    options: &EgressOptions,
    target: &Target,
    address: IpAddr,
) -> Result<(), String> {
    let class = classify(address);
    let (public_web, is_open) = (options.public_web, is_open(options, class));
    if is_open && granted(purpose, grants).any(|grant| grant.opens(purpose, target, address, class)) {
        return Ok(());
    }
    let web = WEB_PORTS.contains(&target.port);
    match (purpose, class) {
        (Purpose::Http, AddressClass::Public) if public_web && web => Ok(()),
        (Purpose::Http, AddressClass::Public) if public_web => Err(off_the_web(target.port)),
        (_, AddressClass::Public) => Err(NOT_GRANTED.to_owned()),
        _ if target.is_address() => Err(format!("it is {class}")),
        (_, AddressClass::Metadata) => {
            Err(format!("it resolves to {class}, which nothing but a grant of the address opens"))
        }
        _ => Err(format!("it resolves to {class}")),
    }
}

/// The grants that are for this purpose.
fn granted(purpose: Purpose, grants: &[Permission]) -> impl Iterator<Item = NetworkGrant> {
    let scopes = grants.iter().filter(move |grant| grant.name() == purpose.permission()).filter_map(Permission::scope);
    scopes.filter_map(|scope| parse(scope).ok())
}

fn off_the_web(port: u16) -> String {
    format!("port {port} is not 80 or 443")
}

/// Whether a grant can open addresses of a class at all.
pub(super) fn is_open(options: &EgressOptions, class: AddressClass) -> bool {
    class == AddressClass::Public || !options.public_only
}

impl NetworkGrant {
    fn opens_port(&self, purpose: Purpose, port: u16) -> bool {
        match self.port {
            PortPattern::Any => true,
            PortPattern::One(own) => own == port,
            PortPattern::Default => purpose == Purpose::Http && WEB_PORTS.contains(&port),
        }
    }

    /// Whether it can open some address of a name. Which names lead into a network nobody knows before they are resolved.
    fn may_open(&self, purpose: Purpose, options: &EgressOptions, name: &str, port: u16) -> bool {
        self.opens_port(purpose, port)
            && match &self.host {
                HostPattern::Network(network) => !options.public_only || may_be_public(*network),
                host @ (HostPattern::Name(_) | HostPattern::Suffix(_)) => host.covers_name(name),
            }
    }

    fn opens(&self, purpose: Purpose, target: &Target, address: IpAddr, class: AddressClass) -> bool {
        self.opens_port(purpose, target.port)
            && match (&self.host, &target.host) {
                (HostPattern::Network(network), _) => {
                    network.contains(address) && (network.is_single() || class != AddressClass::Metadata)
                }
                (_, Host::Ipv4(_) | Host::Ipv6(_)) => false,
                // Who names a host means wherever it resolves to. Nobody means the credentials of the machine.
                (name @ HostPattern::Name(_), Host::Domain(host)) => {
                    name.covers_name(host) && class != AddressClass::Metadata
                }
                // A suffix may cover names that others control; those must not lead back to this machine.
                (suffix @ HostPattern::Suffix(_), Host::Domain(host)) => {
                    suffix.covers_name(host) && matches!(class, AddressClass::Public | AddressClass::Private)
                }
            }
    }
}

fn parse(scope: &str) -> Result<NetworkGrant, String> {
    let (host, port) = split_port(scope)?;
    let port = match port {
        None => PortPattern::Default,
        Some("*") => PortPattern::Any,
        Some(port) => PortPattern::One(parse_port(port)?),
    };
    Ok(NetworkGrant { host: HostPattern::parse(host)?, port })
}
