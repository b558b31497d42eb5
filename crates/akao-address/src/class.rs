//! What sort of address an IP address is. Only a public one may be reached without being named by a grant.
//!
//! Forms of IPv6 that carry an IPv4 address are judged by the address they carry, so no spelling leads around the table.

use crate::network::{Network, contains};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// How an address may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Anybody's; allowed on the ports of the web.
    Public,
    /// An organisation's own network: RFC 1918, carrier-grade NAT, unique local.
    Private,
    /// This machine.
    Loopback,
    /// The link it is attached to.
    LinkLocal,
    /// Serves credentials to whoever asks from inside a cloud; only a grant of this very address opens it.
    Metadata,
    /// Anything that is no unicast address of the Internet: multicast, documentation, tunnels, reserved ranges.
    Special,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "a public address",
            Self::Private => "a private address",
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Special => "a reserved address",
        })
    }
}

/// Metadata services: AWS, Google, Azure and others share the first; then AWS containers and pods, Scaleway, Azure's wire
/// server, Alibaba and Oracle.
const METADATA_V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(169, 254, 42, 42),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// Metadata services over IPv6: AWS instances, AWS pods, Google, Oracle, Scaleway.
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

/// IANA's special-purpose registry for IPv4, as (network, length of its prefix, class).
const NETWORKS_V4: [(Ipv4Addr, u8, AddressClass); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, AddressClass::Special),
    (Ipv4Addr::new(10, 0, 0, 0), 8, AddressClass::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, AddressClass::Private),
    (Ipv4Addr::new(127, 0, 0, 0), 8, AddressClass::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, AddressClass::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, AddressClass::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, AddressClass::Special),
    (Ipv4Addr::new(192, 0, 2, 0), 24, AddressClass::Special),
    (Ipv4Addr::new(192, 88, 99, 0), 24, AddressClass::Special),
    (Ipv4Addr::new(192, 168, 0, 0), 16, AddressClass::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, AddressClass::Special),
    (Ipv4Addr::new(198, 51, 100, 0), 24, AddressClass::Special),
    (Ipv4Addr::new(203, 0, 113, 0), 24, AddressClass::Special),
    (Ipv4Addr::new(224, 0, 0, 0), 4, AddressClass::Special),
    (Ipv4Addr::new(240, 0, 0, 0), 4, AddressClass::Special),
];

/// The same for IPv6. What is in none of them and not in 2000::/3 is reserved.
const NETWORKS_V6: [(Ipv6Addr, u8, AddressClass); 10] = [
    (Ipv6Addr::LOCALHOST, 128, AddressClass::Loopback),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, AddressClass::Private),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, AddressClass::Private),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, AddressClass::LinkLocal),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, AddressClass::Special),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, AddressClass::Special),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, AddressClass::Special),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, AddressClass::Special),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, AddressClass::Special),
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, AddressClass::Public),
];

/// The class of an address.
pub fn classify(address: IpAddr) -> AddressClass {
    match canonical(address) {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

/// Whether a network may hold a public address. It may where it lies in none of the networks that are known to hold none.
pub fn may_be_public(network: Network) -> bool {
    let v4 = NETWORKS_V4.iter().map(|(within, prefix, class)| (IpAddr::from(*within), *prefix, *class));
    let v6 = NETWORKS_V6.iter().map(|(within, prefix, class)| (IpAddr::from(*within), *prefix, *class));
    v4.chain(v6).all(|(within, prefix, class)| class == AddressClass::Public || !network.is_within(within, prefix))
}

/// The address with the IPv4-mapped form of IPv6 taken back to IPv4, which is what the kernel dials.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    if METADATA_V4.contains(&address) {
        return AddressClass::Metadata;
    }
    let found = NETWORKS_V4.iter().find(|(network, prefix, _)| contains((*network).into(), *prefix, address.into()));
    found.map_or(AddressClass::Public, |(_, _, class)| *class)
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    if METADATA_V6.contains(&address) {
        return AddressClass::Metadata;
    }
    let found = NETWORKS_V6.iter().find(|(network, prefix, _)| contains((*network).into(), *prefix, address.into()));
    let own = found.map_or(AddressClass::Special, |(_, _, class)| *class);
    match carried(address).map(|(inner, translated)| (classify_v4(inner), translated)) {
        // NAT64 is how hosts of networks without IPv4 reach every public IPv4 address.
        Some((class, true)) => class,
        Some((AddressClass::Public, false)) | None => own,
        Some((class, false)) if own != AddressClass::Loopback => class,
        Some(_) => own,
    }
}

/// The IPv4 address that an IPv6 address carries, and whether a translator (NAT64) makes it the one that is reached.
fn carried(address: Ipv6Addr) -> Option<(Ipv4Addr, bool)> {
    let parts = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let last = join(parts[6], parts[7]);
    match parts {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some((last, true)),
        // IPv4-compatible.
        [0, 0, 0, 0, 0, 0, ..] => Some((last, false)),
        // Teredo hides the client's address by inverting it.
        [0x2001, 0, ..] => Some((Ipv4Addr::from_bits(!last.to_bits()), false)),
        // 6to4.
        [0x2002, high, low, ..] => Some((join(high, low), false)),
        // ISATAP.
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => Some((last, false)),
        _ => None,
    }
}
