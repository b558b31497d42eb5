//! One attached sandbox: its frozen policy, its names, its caps, and what it has used.

use crate::{
    audit::{Act, Attempt, Log, Reason, Verdict},
    dial::Dialer,
    limits::{Limits, Pace, Tally},
    names::{Names, in_range},
    policy::Policy,
};
use akao_address::{AddressClass, classify};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

/// How often the audit is told that a sandbox is slowed down.
const SLOWED_EVENT_INTERVAL: Duration = Duration::from_secs(1);

/// Where a connection is meant to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Name(Arc<str>),
    Address(IpAddr),
}

/// What all tasks of a sandbox share.
pub(crate) struct Sandbox {
    pub(crate) log: Log,
    pub(crate) policy: Policy,
    pub(crate) names: Names,
    pub(crate) limits: Limits,
    pub(crate) tally: Tally,
    pub(crate) connections: Pace,
    pub(crate) queries: Pace,
    pub(crate) dialer: Dialer,
    own_slots: Arc<Semaphore>,
    all_slots: Arc<Semaphore>,
    slowed: Mutex<Option<Instant>>,
}

/// The places that a connection takes, given back when it ends.
pub(crate) struct Slots {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Sandbox {
    pub(crate) fn new(log: Log, policy: Policy, limits: Limits, dialer: Dialer, all_slots: Arc<Semaphore>) -> Self {
        Self {
            log,
            policy,
            names: Names::new(limits.names_max),
            tally: Tally::new(limits.bytes_max),
            connections: Pace::new(limits.connections_per_second_max),
            queries: Pace::new(limits.queries_per_second_max),
            dialer,
            own_slots: Arc::new(Semaphore::new(connections_max(&limits))),
            all_slots,
            slowed: Mutex::new(None),
            limits,
        }
    }

    /// Where a connection to `address` goes, when it may.
    pub(crate) fn target(&self, address: IpAddr, port: u16) -> Result<Target, Reason> {
        if let IpAddr::V4(stand_in) = address
            && in_range(stand_in)
        {
            let name = self.names.name(stand_in).ok_or(Reason::NoSuchName)?;
            let open = self.policy.opens_name(&name, port);
            return if open { Ok(Target::Name(name)) } else { Err(Reason::PortNotGranted) };
        }
        if self.policy.opens_address(address, port) {
            return Ok(Target::Address(address));
        }
        match classify(address) {
            _ if self.policy.knows_address(address) => Err(Reason::PortNotGranted),
            AddressClass::Public => Err(Reason::NotGranted),
            class => Err(Reason::Closed(address, class)),
        }
    }

    /// The name that the address stands for, if it does.
    pub(crate) fn name_of(&self, address: IpAddr) -> Option<Arc<str>> {
        match address {
            IpAddr::V4(address) => self.names.name(address),
            IpAddr::V6(_) => None,
        }
    }

    /// A place for one more connection.
    pub(crate) fn slots(&self) -> Option<Slots> {
        let own = self.own_slots.clone().try_acquire_owned().ok()?;
        Some(Slots { _own: own, _all: self.all_slots.clone().try_acquire_owned().ok()? })
    }

    /// Waits until no connection has a place.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(connections_max(&self.limits)).unwrap_or(u32::MAX);
        let _ = self.own_slots.acquire_many(all).await;
    }

    /// Waits when more comes than may.
    pub(crate) async fn slow_down(&self, pace: &Pace, now: Instant, act: Act) {
        let delay = pace.delay(now);
        if delay.is_zero() {
            return;
        }
        if self.slowed_event_is_due(now) {
            self.log.record(&Attempt::new(act, "", 0), None, Verdict::Denied, Reason::TooFast);
        }
        sleep(delay).await;
    }

    /// Records that something was not let through.
    pub(crate) fn refuse(&self, attempt: &Attempt, dialled: Option<IpAddr>, reason: Reason) {
        let failed = matches!(reason, Reason::Unresolved | Reason::Unreachable | Reason::TooSlow | Reason::Broken);
        let verdict = if failed { Verdict::Failed } else { Verdict::Denied };
        if verdict == Verdict::Denied {
            self.tally.denied();
        }
        self.log.record(attempt, dialled, verdict, reason);
    }

    fn slowed_event_is_due(&self, now: Instant) -> bool {
        let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        let due = slowed.is_none_or(|last| now.duration_since(last) >= SLOWED_EVENT_INTERVAL);
        if due {
            *slowed = Some(now);
        }
        due
    }
}

/// The cap within what can be counted.
fn connections_max(limits: &Limits) -> usize {
    limits.connections_max.min(u32::MAX as usize)
}
