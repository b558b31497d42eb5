//! The network of sandboxed nodes.
//!
//! A sandbox lives in a network namespace of its own in which every address is local and nothing leads out. Listeners made
//! inside it are handed to the broker outside, which sees where each connection was meant to go, holds that against the
//! sandbox's frozen policy, and carries the bytes. Names are answered with addresses that stand for them in this sandbox
//! only; they are resolved when a connection is opened, outside, and only an address that passed is dialled.
//!
//! Making namespaces, routes and listeners is not done here. `docs/sandbox-network.md` explains the whole.
#![cfg(target_os = "linux")]

mod audit;
mod broker;
mod connection;
mod datagram;
mod dial;
mod dns;
mod greeting;
mod limits;
mod names;
mod policy;
mod relay;
mod sandbox;

pub use akao_address::{AddressClass, BoxFuture, Resolver, SystemResolver};
pub use audit::{Act, AuditQueue, AuditSink, Event, Reason, Verdict};
pub use broker::{AttachError, Attached, Broker, Options, Sockets};
pub use limits::{Limits, Usage};
pub use names::NAME_SERVER;
pub use policy::{ENTRIES_MAX, Policy, PolicyError, PolicySpec};
