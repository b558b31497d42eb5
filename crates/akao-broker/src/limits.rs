//! What one sandbox may use of the broker, and what it has used.

use crate::audit::Reason;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The caps of one sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, those still being decided included.
    pub connections_max: usize,
    /// Most connections a second; what comes faster waits, and denied ones count.
    pub connections_per_second_max: u32,
    /// Most queries to the name server a second; what comes faster waits, and is lost when too much waits.
    pub queries_per_second_max: u32,
    /// Most bytes over the sandbox's life, both directions together.
    pub bytes_max: u64,
    /// Most names that get an address.
    pub names_max: usize,
    /// Most names that are being resolved at a time.
    pub lookups_max: usize,
    /// How long it may take from the first byte to an open connection: the first bytes, the name, the dial.
    pub open_timeout: Duration,
    /// How long a connection may be silent in both directions.
    pub idle_timeout: Duration,
    /// How long the other side may be silent once one side has finished.
    pub half_open_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            connections_per_second_max: 200,
            queries_per_second_max: 200,
            bytes_max: 1 << 30,
            names_max: 1024,
            lookups_max: 8,
            open_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            half_open_timeout: Duration::from_secs(30),
        }
    }
}

/// What a sandbox has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes that nodes sent.
    pub bytes_out: u64,
    /// Bytes that nodes were sent.
    pub bytes_in: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Connections and queries that were denied.
    pub denied: u64,
}

/// Which way bytes go, seen from the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Out,
    In,
}

/// Counts what a sandbox uses.
#[derive(Debug)]
pub(crate) struct Tally {
    bytes_max: u64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    opened: AtomicU64,
    denied: AtomicU64,
}

impl Tally {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self { bytes_max, bytes_out: zero(), bytes_in: zero(), opened: zero(), denied: zero() }
    }

    /// Counts bytes before they are passed on; fails when there are more than may be.
    pub(crate) fn spend(&self, direction: Direction, bytes: usize) -> Result<(), Reason> {
        let counter = if direction == Direction::Out { &self.bytes_out } else { &self.bytes_in };
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.is_spent() { Err(Reason::BytesSpent) } else { Ok(()) }
    }

    /// Whether more bytes were moved than may be.
    pub(crate) fn is_spent(&self) -> bool {
        let moved = self.bytes_out.load(Ordering::Relaxed).saturating_add(self.bytes_in.load(Ordering::Relaxed));
        moved > self.bytes_max
    }

    pub(crate) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn usage(&self) -> Usage {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Usage {
            bytes_out: load(&self.bytes_out),
            bytes_in: load(&self.bytes_in),
            opened: load(&self.opened),
            denied: load(&self.denied),
        }
    }
}

/// A rate with room for a burst of one second. It slows down and never refuses, so that a flood costs the sandbox and not
/// the broker.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(per_second_max: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second_max.max(1);
        // The burst is there from the start.
        let now = Instant::now();
        Self { interval, next: Mutex::new(now.checked_sub(Duration::from_secs(1)).unwrap_or(now)) }
    }

    /// How long the one that comes at `now` has to wait.
    pub(crate) fn delay(&self, now: Instant) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        *next = (*next).max(earliest) + self.interval;
        next.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_burst_passes_and_the_rest_waits() {
        let pace = Pace::new(10);
        let now = Instant::now() + Duration::from_secs(5);
        for _ in 0..10 {
            assert_eq!(pace.delay(now), Duration::ZERO);
        }
        assert_eq!(pace.delay(now), Duration::from_millis(100));
        assert_eq!(pace.delay(now), Duration::from_millis(200));
        assert_eq!(pace.delay(now + Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn bytes_are_spent_once() {
        let tally = Tally::new(100);
        assert_eq!(tally.spend(Direction::Out, 60), Ok(()));
        assert_eq!(tally.spend(Direction::In, 40), Ok(()));
        assert_eq!(tally.spend(Direction::In, 1), Err(Reason::BytesSpent));
        let usage = tally.usage();
        assert_eq!((usage.bytes_out, usage.bytes_in), (60, 41));
    }
}
