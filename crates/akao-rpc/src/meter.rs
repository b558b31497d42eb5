//! Slows down a node that tells too much, and ends one that sends what nobody asked for.

use crate::{
    RpcError,
    limits::{NOTIFICATION_WINDOW, NOTIFICATIONS_PER_WINDOW_MAX, UNSOLICITED_PER_SECOND_MAX},
};
use std::time::{Duration, Instant};

/// Counts within windows of time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    window: Option<Instant>,
    told: u32,
    second: Option<Instant>,
    unsolicited: u32,
}

impl Meter {
    /// Counts a notification or request.
    pub(crate) fn told(&mut self, now: Instant) {
        if self.window.is_none_or(|at| now.saturating_duration_since(at) >= NOTIFICATION_WINDOW) {
            (self.window, self.told) = (Some(now), 0);
        }
        self.told = self.told.saturating_add(1);
    }

    /// Until when reading rests, if there was too much.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        if self.told > NOTIFICATIONS_PER_WINDOW_MAX { self.window.map(|at| at + NOTIFICATION_WINDOW) } else { None }
    }

    /// Opens a new window once reading has rested; answers whether it has.
    pub(crate) fn rested(&mut self, now: Instant) -> bool {
        let is_over = self.rests_until().is_some_and(|until| now >= until);
        if is_over {
            (self.window, self.told) = (None, 0);
        }
        is_over
    }

    /// Counts a message that nobody asked for.
    pub(crate) fn unsolicited(&mut self, now: Instant) -> Result<(), RpcError> {
        if self.second.is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_secs(1)) {
            (self.second, self.unsolicited) = (Some(now), 0);
        }
        self.unsolicited += 1;
        if self.unsolicited > UNSOLICITED_PER_SECOND_MAX {
            return Err(RpcError::Flood { what: "messages that nobody asked for" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_full_rests_until_it_ends() {
        let mut meter = Meter::default();
        let start = Instant::now();
        for _ in 0..NOTIFICATIONS_PER_WINDOW_MAX {
            meter.told(start);
        }
        assert_eq!(meter.rests_until(), None);
        meter.told(start + Duration::from_millis(50));
        assert_eq!(meter.rests_until(), Some(start + NOTIFICATION_WINDOW));
        meter.told(start + NOTIFICATION_WINDOW);
        assert_eq!(meter.rests_until(), None);
    }

    #[test]
    fn what_nobody_asked_for_is_borne_for_a_while() {
        let mut meter = Meter::default();
        let start = Instant::now();
        for _ in 0..UNSOLICITED_PER_SECOND_MAX {
            assert_eq!(meter.unsolicited(start), Ok(()));
        }
        assert!(matches!(meter.unsolicited(start), Err(RpcError::Flood { .. })));
        assert_eq!(meter.unsolicited(start + Duration::from_secs(2)), Ok(()));
    }
}
