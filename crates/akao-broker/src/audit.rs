//! What the broker tells about every decision: a node's query or connection, where it went, and why it was let through or
//! not.

use akao_address::AddressClass;
use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

/// Longest target that an event repeats, in characters; names that DNS can carry are shorter.
const TARGET_CHARS_MAX: usize = 256;

/// What a node tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It asked the name server.
    Query,
    /// It opened a connection.
    Connect,
    /// A connection that was open ended before both sides had finished.
    Relay,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was let through.
    Allowed,
    /// The policy or a cap forbids it.
    Denied,
    /// It was allowed and did not work.
    Failed,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An entry of the allow-list covers it.
    Granted,
    /// No entry covers it.
    NotGranted,
    /// An entry covers the host, but not this port.
    PortNotGranted,
    /// The query cannot be understood, or its name is not one that a host can have.
    Malformed,
    /// A name server other than the sandbox's own was asked.
    OtherNameServer,
    /// An address of the range for names, which stands for no name in this sandbox.
    NoSuchName,
    /// The sandbox has asked for as many names as it may.
    TooManyNames,
    /// It leads to an address that only the operator can open.
    Closed(IpAddr, AddressClass),
    /// It leads to an address of this machine itself.
    OwnAddress(IpAddr),
    /// The name has no address.
    Unresolved,
    /// No address of it answers.
    Unreachable,
    /// It took longer than it may.
    TooSlow,
    /// The sandbox, or all of them together, have as many connections as they may.
    TooManyConnections,
    /// The sandbox connects or asks faster than it may; it is slowed down.
    TooFast,
    /// The sandbox has moved as many bytes as it may.
    BytesSpent,
    /// The first bytes name another host than the one connected to.
    OtherServerName(String),
    /// The first bytes name no host.
    NoServerName,
    /// The first bytes can be read in two ways.
    Ambiguous(&'static str),
    /// A side broke the connection off.
    Broken,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted => f.write_str("it is granted"),
            Self::NotGranted => f.write_str("it is not granted"),
            Self::PortNotGranted => f.write_str("the port is not granted"),
            Self::Malformed => f.write_str("it is no query for the address of a host"),
            Self::OtherNameServer => f.write_str("the sandbox has a name server of its own"),
            Self::NoSuchName => f.write_str("the address stands for no name"),
            Self::TooManyNames => f.write_str("the sandbox has asked for too many names"),
            Self::Closed(address, class) => write!(f, "it leads to {address}, {class}"),
            Self::OwnAddress(address) => write!(f, "it leads to {address}, an address of this machine"),
            Self::Unresolved => f.write_str("the name has no address"),
            Self::Unreachable => f.write_str("it does not answer"),
            Self::TooSlow => f.write_str("it took too long"),
            Self::TooManyConnections => f.write_str("there are too many connections"),
            Self::TooFast => f.write_str("the sandbox is slowed down"),
            Self::BytesSpent => f.write_str("the sandbox has moved all bytes it may"),
            Self::OtherServerName(name) => write!(f, "the first bytes ask for `{name}`"),
            Self::NoServerName => f.write_str("the first bytes name no host"),
            Self::Ambiguous(what) => write!(f, "the first bytes are ambiguous: {what}"),
            Self::Broken => f.write_str("the connection was broken off"),
        }
    }
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose it is: the identity that the sandbox was attached with, never one that a node says.
    pub sandbox: Arc<str>,
    /// What was tried.
    pub act: Act,
    /// The name or address, escaped and bounded.
    pub target: String,
    /// The port.
    pub port: u16,
    /// The address that was dialled, when one was.
    pub dialled: Option<IpAddr>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
}

/// Takes events. It is called where connections are relayed, so it must not block.
pub trait AuditSink: Send + Sync {
    /// Takes one event.
    fn record(&self, event: Event);
}

/// An audit sink that is a bounded queue. What does not fit is counted, so that a flood can neither hold up the relays
/// nor go unnoticed.
#[derive(Debug)]
pub struct AuditQueue {
    sender: mpsc::Sender<Event>,
    dropped: AtomicU64,
}

impl AuditQueue {
    /// A queue of `capacity` events and its other end.
    pub fn bounded(capacity: usize) -> (Arc<Self>, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Arc::new(Self { sender, dropped: AtomicU64::new(0) }), receiver)
    }

    /// How many events found no place.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl AuditSink for AuditQueue {
    fn record(&self, event: Event) {
        if self.sender.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The audit of one sandbox: its identity and where its events go.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) sandbox: Arc<str>,
    pub(crate) sink: Arc<dyn AuditSink>,
}

/// What was tried, while it is decided.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) act: Act,
    pub(crate) target: String,
    pub(crate) port: u16,
}

impl Attempt {
    pub(crate) fn new(act: Act, target: &str, port: u16) -> Self {
        Self { act, target: shown(target), port }
    }
}

impl Log {
    pub(crate) fn record(&self, attempt: &Attempt, dialled: Option<IpAddr>, verdict: Verdict, reason: Reason) {
        let (sandbox, target) = (self.sandbox.clone(), attempt.target.clone());
        self.sink.record(Event { sandbox, act: attempt.act, target, port: attempt.port, dialled, verdict, reason });
    }
}

/// Text of a node's, fit for a line of a log.
pub(crate) fn shown(text: &str) -> String {
    text.chars().flat_map(char::escape_default).take(TARGET_CHARS_MAX).collect()
}
