//! Where a request comes from: its peer, or whom a proxy that the operator trusts asks for.

use crate::app::Settings;
use akao_platform::Source;
use axum::http::{HeaderMap, HeaderName};
use std::{
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Addresses that begin alike: one, or a network such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// How many bits of it are the same.
    bits: u32,
}

/// A text that names no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoNetwork;

impl std::fmt::Display for NoNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an address is meant, or a network such as 10.0.0.0/8")
    }
}

impl std::error::Error for NoNetwork {}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let most = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| NoNetwork))?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(NoNetwork) }
    }
}

impl Network {
    fn has(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differs = u32::from(own) ^ u32::from(other);
                differs.checked_shr(u32::BITS - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differs = u128::from(own) ^ u128::from(other);
                differs.checked_shr(u128::BITS - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The source of a request. Of what stands in the header only the end was written by somebody who is trusted: the last address
/// that is no proxy.
pub(crate) fn of(settings: &Settings, peer: Option<&Peer>, headers: &HeaderMap) -> Source {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.to_canonical());
    if !settings.trusts(peer) {
        return Source::of(peer);
    }
    let lines = headers.get_all(FORWARDED_FOR).into_iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut known = named.iter().rev().map_while(|text| text.parse::<IpAddr>().ok()).map(|found| found.to_canonical());
    Source::of(known.find(|found| !settings.trusts(*found)).unwrap_or(peer))
}

impl Settings {
    /// Whether an address is that of a proxy whose word is taken.
    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.has(address))
    }

    /// Whether many people come by one address: that of a proxy which is named, or of one on this machine.
    pub(crate) fn is_shared(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusts(address) || (address.is_loopback() && !self.hosts.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_what_begins_like_it() {
        let has = |network: &str, address: &str| {
            network.parse::<Network>().map(|network| network.has(address.parse().unwrap()))
        };
        for (network, address, expected) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            assert_eq!(has(network, address), Ok(expected), "{network} {address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.0/", "proxy.example", "10.0.0.0/-1"] {
            assert_eq!(bad.parse::<Network>(), Err(NoNetwork), "{bad}");
        }
    }

    #[test]
    fn a_proxy_that_is_trusted_says_whom_it_asks_for_and_nobody_else_does() {
        let proxies = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap()).to_vec();
        let address = "127.0.0.1:8420".parse().unwrap();
        let settings = Settings { address, hosts: Vec::new(), tls: None, plain_http: false, proxies };
        let of = |peer: &str, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            super::of(&settings, Some(&Peer(peer.parse().unwrap())), &headers)
        };
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("192.0.2.9", &["192.0.2.1"]), source("192.0.2.9"), "strangers say what they like");
        assert_eq!(of("10.0.0.1", &["192.0.2.1"]), source("192.0.2.1"));
        assert_eq!(of("10.0.0.1", &["192.0.2.7, 192.0.2.1, 10.0.0.2"]), source("192.0.2.1"));
        assert_eq!(of("10.0.0.1", &["192.0.2.7", "192.0.2.1"]), source("192.0.2.1"));
        assert_eq!(of("::ffff:10.0.0.1", &["192.0.2.1"]), source("192.0.2.1"));
        assert_eq!(of("10.0.0.1", &["192.0.2.1, unknown"]), source("10.0.0.1"));
        assert_eq!(of("10.0.0.1", &[]), source("10.0.0.1"));
    }
}
