//! One connection of a node: where it was meant to go, whether it may, the way out, and the bytes.
//!
//! | step | ends in |
//! |---|---|
//! | the address it was opened to is a name, or an address that is granted | open, or denied |
//! | strict mode: the first bytes say the name | open, or denied |
//! | the name is resolved, addresses that are closed are dropped | dial, denied, or failed |
//! | one of the addresses answers | relay, or failed |
//! | both sides finish | the end |
//!
//! A node sees a reset wherever the table says denied or failed.

use crate::{
    audit::{Act, Attempt, Reason, Verdict},
    dial::dial,
    greeting,
    relay::relay,
    sandbox::{Sandbox, Target},
};
use akao_address::canonical;
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// How long to wait when the machine has no room for another connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A way out that is open.
struct Opened {
    outside: TcpStream,
    dialled: IpAddr,
    /// What was read from the node before.
    prefix: Vec<u8>,
}

/// Takes connections until the sandbox is detached; then those that are open end too, as they are held here.
pub(crate) async fn serve(sandbox: Arc<Sandbox>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((inside, _)) = listener.accept().await else {
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        // Until it was relayed to its end, a connection that is dropped is reset.
        let _ = inside.set_zero_linger();
        sandbox.slow_down(&sandbox.connections, Instant::now(), Act::Connect).await;
        let Ok(meant) = inside.local_addr() else { continue };
        let (address, port) = (canonical(meant.ip()), meant.port());
        match sandbox.slots() {
            Some(slots) => {
                let carried = carry(sandbox.clone(), inside, address, port);
                connections.spawn(async move {
                    carried.await;
                    // Given back after the sockets are closed, however it ends.
                    drop(slots);
                });
            }
            None => {
                let attempt = Attempt::new(Act::Connect, &shown(&sandbox, address), port);
                sandbox.refuse(&attempt, None, Reason::TooManyConnections);
            }
        }
    }
}

/// An address as people know it: by the name that it stands for.
fn shown(sandbox: &Sandbox, address: IpAddr) -> String {
    sandbox.name_of(address).map_or_else(|| address.to_string(), |name| name.to_string())
}

/// One connection from its acceptance to its end.
async fn carry(sandbox: Arc<Sandbox>, mut inside: TcpStream, address: IpAddr, port: u16) {
    let target = sandbox.target(address, port);
    let named = match &target {
        Ok(Target::Name(name)) => name.to_string(),
        _ => shown(&sandbox, address),
    };
    let mut attempt = Attempt::new(Act::Connect, &named, port);
    let opened = match target {
        Ok(target) => open(&sandbox, &mut inside, &target, port).await,
        Err(reason) => Err((None, reason)),
    };
    let opened = match opened {
        Ok(opened) => opened,
        Err((dialled, reason)) => {
            // The node is answered before the audit is.
            drop(inside);
            return sandbox.refuse(&attempt, dialled, reason);
        }
    };
    sandbox.tally.opened();
    sandbox.log.record(&attempt, Some(opened.dialled), Verdict::Allowed, Reason::Granted);
    let ended = relay(inside, opened.outside, &opened.prefix, &sandbox.tally, &sandbox.limits).await;
    if let Err(reason) = ended {
        attempt.act = Act::Relay;
        sandbox.refuse(&attempt, Some(opened.dialled), reason);
    }
}

/// Finds the way out, within the time that opening may take.
async fn open(
    sandbox: &Sandbox,
    inside: &mut TcpStream,
    target: &Target,
    port: u16,
) -> Result<Opened, (Option<IpAddr>, Reason)> {
    if sandbox.tally.is_spent() {
        return Err((None, Reason::BytesSpent));
    }
    let opening = async {
        let mut prefix = Vec::new();
        let addresses = match target {
            Target::Address(address) => vec![*address],
            Target::Name(name) => {
                if sandbox.policy.server_name_required() {
                    prefix = greeting::read(inside, name, port).await.map_err(|reason| (None, reason))?;
                }
                sandbox.dialer.resolve(name).await.map_err(|reason| (None, reason))?
            }
        };
        let (outside, dialled) = dial(&sandbox.policy, &addresses, port).await?;
        Ok(Opened { outside, dialled, prefix })
    };
    timeout(sandbox.limits.open_timeout, opening).await.unwrap_or(Err((None, Reason::TooSlow)))
}
