//! What one sandbox may reach. A policy is made once, from text, and cannot be changed; another policy is another sandbox.
//!
//! A malformed policy is refused as a whole, and an empty one opens nothing.

use akao_address::{AddressClass, Entry, EntryError, Network, NetworkError, PORTS_MAX, classify};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// Most entries of an allow-list.
pub const ENTRIES_MAX: usize = 1024;

/// A policy as it is written.
#[derive(Debug, Clone, Default)]
pub struct PolicySpec {
    /// `HOST[:PORT,…]`, HOST being a name, `*.suffix`, an address or a network. Without ports: 80 and 443.
    pub allow: Vec<String>,
    /// Networks beside the public Internet that the operator lets sandboxes reach, when an entry names them too. A
    /// metadata service is reached only when the operator names its very address.
    pub operator_networks: Vec<String>,
    /// Whether the first bytes of a connection to a name must say that name: by SNI in TLS, by Host in HTTP/1.
    pub server_name_required: bool,
}

/// Why a policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// An entry of the allow-list cannot be read.
    #[error("the allow-list cannot be used")]
    Entry(#[from] EntryError),
    /// A network of the operator's cannot be read.
    #[error("the operator's networks cannot be used")]
    Network(#[from] NetworkError),
    /// More ports than there are listeners for.
    #[error("the allow-list names {0} ports, more than {PORTS_MAX}")]
    Ports(usize),
    /// More entries than are searched for each connection.
    #[error("the allow-list has {0} entries, more than {ENTRIES_MAX}")]
    Entries(usize),
}

/// What one sandbox may reach, frozen. Clones share it.
#[derive(Debug, Clone)]
pub struct Policy(Arc<Rules>);

#[derive(Debug, Default)]
struct Rules {
    entries: Vec<Entry>,
    operator_networks: Vec<Network>,
    ports: BTreeSet<u16>,
    server_name_required: bool,
}

impl Policy {
    /// Reads a policy; a single mistake refuses the whole.
    pub fn new(spec: &PolicySpec) -> Result<Self, PolicyError> {
        let count = spec.allow.len().max(spec.operator_networks.len());
        if count > ENTRIES_MAX {
            return Err(PolicyError::Entries(count));
        }
        let entries = spec.allow.iter().map(|text| text.parse()).collect::<Result<Vec<Entry>, _>>()?;
        let operator_networks = spec.operator_networks.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        let ports: BTreeSet<u16> = entries.iter().flat_map(Entry::ports).copied().collect();
        if ports.len() > PORTS_MAX {
            return Err(PolicyError::Ports(ports.len()));
        }
        let server_name_required = spec.server_name_required;
        Ok(Self(Arc::new(Rules { entries, operator_networks, ports, server_name_required })))
    }

    /// The policy that opens nothing.
    pub fn closed() -> Self {
        Self(Arc::default())
    }

    /// The ports on which a sandbox of this policy listens, at most [`PORTS_MAX`].
    pub fn ports(&self) -> &BTreeSet<u16> {
        &self.0.ports
    }

    /// Whether the first bytes of a connection to a name must say that name.
    pub fn server_name_required(&self) -> bool {
        self.0.server_name_required
    }

    /// Whether an entry covers the name on any port, so that it has an address in the sandbox.
    pub fn knows_name(&self, name: &str) -> bool {
        self.0.entries.iter().any(|entry| entry.host().covers_name(name))
    }

    /// Whether an entry opens the port of the name.
    pub fn opens_name(&self, name: &str, port: u16) -> bool {
        self.0.entries.iter().any(|entry| entry.opens_name(name, port))
    }

    /// Whether an entry covers the address, named as an address, on any port.
    pub fn knows_address(&self, address: IpAddr) -> bool {
        self.0.entries.iter().any(|entry| entry.host().covers_address(address))
    }

    /// Whether an entry opens the port of the address, named as an address.
    pub fn opens_address(&self, address: IpAddr, port: u16) -> bool {
        self.0.entries.iter().any(|entry| entry.opens_address(address, port))
    }

    /// Whether the operator lets sandboxes reach the address although it is not public.
    pub(crate) fn operator_opens(&self, address: IpAddr) -> bool {
        let metadata = classify(address) == AddressClass::Metadata;
        let opens = |network: &&Network| network.contains(address) && (network.is_single() || !metadata);
        self.0.operator_networks.iter().any(|network| opens(&network))
    }

    /// Whether the address may be dialled, whoever named it; otherwise the class that closes it.
    pub fn check_dial(&self, address: IpAddr) -> Result<(), AddressClass> {
        match classify(address) {
            AddressClass::Public => Ok(()),
            _ if self.operator_opens(address) => Ok(()),
            class => Err(class),
        }
    }
}
