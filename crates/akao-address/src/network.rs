//! Networks: an address and the length of its prefix, as in `10.0.0.0/8`. An address alone is a network of one.

use crate::class::canonical;
use std::{fmt, net::IpAddr, str::FromStr};

/// Addresses that share a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a network such as 10.0.0.0/8")]
pub struct NetworkError(String);

impl Network {
    /// The network of this one address, an IPv4-mapped one taken back to IPv4.
    pub fn of(address: IpAddr) -> Self {
        let address = canonical(address);
        Self { address, prefix: bits(address) }
    }

    /// Whether the address is in the network; an IPv4 address is never in an IPv6 network.
    pub fn contains(&self, address: IpAddr) -> bool {
        contains(self.address, self.prefix, address)
    }

    /// Whether it lies in a network, as an address and the length of a prefix.
    pub(crate) fn is_within(&self, network: IpAddr, prefix: u8) -> bool {
        prefix <= self.prefix && contains(network, prefix, self.address)
    }

    /// Whether it holds one address only.
    pub fn is_single(&self) -> bool {
        self.prefix == bits(self.address)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = || NetworkError(text.to_owned());
        let Some((network, prefix)) = text.split_once('/') else {
            return text.parse().map(Self::of).map_err(|_| bad());
        };
        let address: IpAddr = network.parse().map_err(|_| bad())?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        if prefix > bits(address) { Err(bad()) } else { Ok(Self { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_single() {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.prefix),
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether `address` is in the network; an IPv4 address is never in an IPv6 network.
pub(crate) fn contains(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    match (network, canonical(address)) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32u32.saturating_sub(prefix.into());
            network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128u32.saturating_sub(prefix.into());
            network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
        }
        _ => false,
    }
}
