//! The broker: sandboxes are attached with the sockets that were made inside them, and served until they are detached.

use crate::{
    audit::{AuditSink, Log},
    connection, datagram,
    dial::Dialer,
    limits::{Limits, Usage},
    policy::Policy,
    sandbox::Sandbox,
};
use akao_address::Resolver;
use std::{
    io,
    net::{TcpListener, UdpSocket},
    sync::Arc,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// What the operator decides for all sandboxes together.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most connections at a time. Each takes six descriptors, of which a process often has 1,024.
    pub connections_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections_max: 128 }
    }
}

/// The sockets of one sandbox, made inside its network namespace, where every address is local.
#[derive(Debug)]
pub struct Sockets {
    /// One for each port of the policy, on `[::]`, so that the address a node connected to is their own.
    pub listeners: Vec<TcpListener>,
    /// On port 53 of `[::]`.
    pub name_server: UdpSocket,
}

/// Why a sandbox cannot be attached. It then has no network.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// A listener is on a port that no entry of the policy names.
    #[error("a listener is on port {0}, which the policy does not name")]
    Port(u16),
    /// A socket cannot be used.
    #[error("a socket of the sandbox cannot be used")]
    Socket(#[from] io::Error),
}

/// Carries the connections of sandboxes out.
pub struct Broker {
    resolver: Arc<dyn Resolver>,
    audit: Arc<dyn AuditSink>,
    slots: Arc<Semaphore>,
}

impl Broker {
    /// A broker that resolves names by `resolver` and tells every decision to `audit`.
    pub fn new(options: &Options, resolver: Arc<dyn Resolver>, audit: Arc<dyn AuditSink>) -> Self {
        let slots = options.connections_max.min(Semaphore::MAX_PERMITS);
        Self { resolver, audit, slots: Arc::new(Semaphore::new(slots)) }
    }

    /// Serves a sandbox until what is returned is dropped. `identity` stands in its events. Must be called where tokio
    /// runs.
    ///
    /// The policy cannot be changed afterwards; the sockets cannot be attached a second time.
    pub fn attach(
        &self,
        identity: &str,
        sockets: Sockets,
        policy: Policy,
        limits: Limits,
    ) -> Result<Attached, AttachError> {
        let mut listeners = Vec::with_capacity(sockets.listeners.len());
        for listener in sockets.listeners {
            let port = listener.local_addr()?.port();
            if !policy.ports().contains(&port) {
                return Err(AttachError::Port(port));
            }
            listener.set_nonblocking(true)?;
            listeners.push(tokio::net::TcpListener::from_std(listener)?);
        }
        let name_server = datagram::prepare(sockets.name_server)?;
        let log = Log { sandbox: identity.into(), sink: self.audit.clone() };
        let dialer = Dialer::new(self.resolver.clone(), &limits);
        let sandbox = Arc::new(Sandbox::new(log, policy, limits, dialer, self.slots.clone()));
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(connection::serve(sandbox.clone(), listener));
        }
        tasks.spawn(datagram::serve(sandbox.clone(), name_server));
        Ok(Attached { sandbox, tasks })
    }
}

/// An attached sandbox. Dropping it closes its sockets and resets its connections; from then on it reaches nothing.
#[must_use = "a sandbox has a network only as long as this is kept"]
pub struct Attached {
    sandbox: Arc<Sandbox>,
    tasks: JoinSet<()>,
}

impl Attached {
    /// What the sandbox has used so far.
    pub fn usage(&self) -> Usage {
        self.sandbox.tally.usage()
    }

    /// Detaches the sandbox, waits until its connections have ended, and returns what it has used.
    pub async fn close(mut self) -> Usage {
        self.tasks.shutdown().await;
        self.sandbox.idle().await;
        self.usage()
    }
}
