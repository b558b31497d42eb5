//! Hosts and addresses: which of them are public, how they are spelled, and what an entry of an allow-list covers.
//!
//! One place for all who open connections on behalf of somebody else, so that no spelling is public to one of them and
//! private to another. What a match then means (a grant, a denial, an event) is decided by who asks.

mod class;
mod entry;
mod host;
mod network;
mod resolver;

pub use class::{AddressClass, canonical, classify, may_be_public};
pub use entry::{Entry, EntryError, HostPattern, PORTS_MAX, WEB_PORTS, parse_port, split_port};
pub use host::{HostError, NAME_BYTES_MAX, is_plain_name, is_this_machine, parse_host};
pub use network::{Network, NetworkError};
pub use resolver::{BoxFuture, Resolver, SystemResolver};
pub use url::Host;
