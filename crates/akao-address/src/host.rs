//! Hosts in one form: names lower case, in ASCII, without a final dot; every spelling of an address is an address.

use std::net::Ipv6Addr;
use url::Host;

/// Longest name, in bytes, that DNS can carry.
pub const NAME_BYTES_MAX: usize = 253;

/// Longest part between two dots.
const LABEL_BYTES_MAX: usize = 63;

/// Why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host")]
pub struct HostError(String);

/// Reads a host by the rules of URLs: IDNA, lower case, every spelling of an IPv4 address, IPv6 with or without brackets.
pub fn parse_host(text: &str) -> Result<Host<String>, HostError> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(Host::Ipv6(address));
    }
    let bad = || HostError(text.to_owned());
    match Host::parse(text).map_err(|_| bad())? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            // Taking the dot away may leave an address (`127.0.0.1.`), or nothing.
            match Host::parse(name).map_err(|_| bad())? {
                Host::Domain(name) if name.ends_with('.') => Err(bad()),
                host => Ok(host),
            }
        }
        host => Ok(host),
    }
}

/// Whether `name` is a name in the form that [`parse_host`] gives, and one that DNS can carry. What programs ask a name
/// server for is held against this, so that nothing is decoded a second time.
pub fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let label = |label: &str| !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.bytes().all(plain);
    name.len() <= NAME_BYTES_MAX
        && name.split('.').all(label)
        && matches!(parse_host(name), Ok(Host::Domain(parsed)) if parsed == name)
}

/// Whether a host is this machine by its very name, so that what is sent to it stays here.
///
/// A name that a resolver would have to be asked about is not.
pub fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}
