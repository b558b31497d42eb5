//! From a name to an open connection: resolved once, every address judged, and only those dialled that passed.

use crate::{audit::Reason, limits::Limits, policy::Policy};
use akao_address::{Resolver, canonical};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, sync::Semaphore};

/// Most addresses of one name that are dialled before giving up.
const DIALS_MAX: usize = 8;

/// How long one address may take while others are left.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Finds and opens the way out for one sandbox.
pub(crate) struct Dialer {
    resolver: Arc<dyn Resolver>,
    lookups: Arc<Semaphore>,
}

impl Dialer {
    pub(crate) fn new(resolver: Arc<dyn Resolver>, limits: &Limits) -> Self {
        Self { resolver, lookups: Arc::new(Semaphore::new(limits.lookups_max.min(Semaphore::MAX_PERMITS))) }
    }

    /// The addresses of a name.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Reason> {
        let permit = self.lookups.clone().acquire_owned().await.map_err(|_| Reason::TooSlow)?;
        let (resolver, name) = (self.resolver.clone(), name.to_owned());
        // A lookup goes on when nobody waits for it any more, because the machine's own resolver cannot be interrupted;
        // its place is free only then, so that slow names cannot take all threads.
        let lookup = tokio::spawn(async move {
            let found = resolver.resolve(&name).await;
            drop(permit);
            found
        });
        let found = lookup.await.ok().and_then(Result::ok).unwrap_or_default();
        if found.is_empty() { Err(Reason::Unresolved) } else { Ok(found) }
    }
}

/// Opens a connection to one of the addresses, or tells why none may be dialled or none answers.
pub(crate) async fn dial(
    policy: &Policy,
    addresses: &[IpAddr],
    port: u16,
) -> Result<(TcpStream, IpAddr), (Option<IpAddr>, Reason)> {
    let (mut open, mut closed) = (Vec::new(), None);
    for address in addresses.iter().copied().map(canonical) {
        match check(policy, address) {
            Ok(()) => open.push(address),
            Err(reason) => drop(closed.get_or_insert(reason)),
        }
    }
    open.truncate(DIALS_MAX);
    let Some(last) = open.last().copied() else {
        return Err((None, closed.unwrap_or(Reason::Unresolved)));
    };
    for address in open {
        let connecting = TcpStream::connect(SocketAddr::new(address, port));
        let connected = match address == last {
            // The caller bounds the whole.
            true => connecting.await.ok(),
            false => tokio::time::timeout(DIAL_TIMEOUT, connecting).await.ok().and_then(Result::ok),
        };
        if let Some(stream) = connected {
            return Ok((stream, address));
        }
    }
    Err((Some(last), Reason::Unreachable))
}

/// Whether the address may be dialled. An address of this machine is its loopback by another name, unless the operator
/// opens it.
pub(crate) fn check(policy: &Policy, address: IpAddr) -> Result<(), Reason> {
    policy.check_dial(address).map_err(|class| Reason::Closed(address, class))?;
    // Who cannot find out does not dial.
    if !policy.operator_opens(address) && is_own(address).unwrap_or(true) {
        return Err(Reason::OwnAddress(address));
    }
    Ok(())
}

/// Whether the kernel would reach the address without leaving this machine. Connecting a datagram socket chooses the
/// source address and sends nothing; who talks to himself has the same address on both ends.
///
/// # Errors
/// There is no socket to ask with, as when the process has no descriptor left.
fn is_own(address: IpAddr) -> io::Result<bool> {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // What has no route is not reached by the dial either.
    let is_routed = socket.connect((address, 9)).is_ok();
    Ok(is_routed && canonical(socket.local_addr()?.ip()) == address)
}
