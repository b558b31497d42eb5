//! How often tenants start executions: so many in a minute, evenly or all at once. Counting begins anew with the process.

use crate::{Code, Error};
use akao_contract::Tenant;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What is looked at, in microseconds.
const MINUTE_US: i64 = 60_000_000;

/// What tenants have started.
#[derive(Default)]
pub(crate) struct Starts(Mutex<BTreeMap<Tenant, Pace>>);

/// The pace of one tenant.
#[derive(Clone, Copy)]
struct Pace {
    /// The time at which all that was started would have been, had it come evenly; in microseconds.
    even_us: i64,
    /// What one start counts for.
    cost_us: i64,
}

impl Pace {
    /// The same starts where each counts for this much.
    fn at(self, cost_us: i64, now_us: i64) -> Self {
        let ahead = self.even_us.saturating_sub(now_us).max(0);
        let starts = ahead.saturating_add(self.cost_us - 1) / self.cost_us;
        let ahead = if cost_us == self.cost_us { ahead } else { starts.saturating_mul(cost_us) };
        // What was started longer ago than a minute does not count, however far a clock was set back meanwhile.
        let ahead = ahead.min(MINUTE_US);
        Self { even_us: now_us.saturating_add(ahead), cost_us }
    }
}

/// A start that was counted.
pub(crate) struct Counted {
    cost_us: i64,
}

fn cost_us(max: u64) -> i64 {
    // More than one in a microsecond is no bound.
    (MINUTE_US / i64::try_from(max).unwrap_or(MINUTE_US).clamp(1, MINUTE_US)).max(1)
}

impl Starts {
    fn with<T>(&self, with: impl FnOnce(&mut BTreeMap<Tenant, Pace>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a start, where a tenant may make `max` of them in a minute.
    ///
    /// # Errors
    /// It has made that many; the refusal says when there is room for another.
    pub(crate) fn count(&self, tenant: &Tenant, max: Option<u64>, now_ms: i64) -> Result<Option<Counted>, Error> {
        let Some(max) = max else { return Ok(None) };
        let (cost_us, now_us) = (cost_us(max), now_ms.saturating_mul(1000));
        self.with(|tenants| {
            let pace = tenants.entry(tenant.clone()).or_insert(Pace { even_us: now_us, cost_us });
            *pace = pace.at(cost_us, now_us);
            let next = pace.even_us.saturating_add(cost_us);
            let over = next.saturating_sub(now_us).saturating_sub(MINUTE_US);
            if over > 0 {
                let seconds = u64::try_from(over).unwrap_or(0).div_ceil(1_000_000);
                return Err(Error {
                    retry_after_s: Some(seconds),
                    ..Error::new(Code::TooMany, format!("the tenant may start {max} executions in a minute"))
                        .hint("Wait a little, or ask the operator of the server for more.")
                });
            }
            pace.even_us = next;
            Ok(Some(Counted { cost_us }))
        })
    }

    /// Takes back what was counted: nothing was started.
    pub(crate) fn forget(&self, tenant: &Tenant, counted: Option<Counted>) {
        let Some(Counted { cost_us }) = counted else { return };
        self.with(|tenants| {
            if let Some(pace) = tenants.get_mut(tenant) {
                pace.even_us = pace.even_us.saturating_sub(cost_us);
            }
        });
    }

    /// How much of a minute's starts is used.
    pub(crate) fn used(&self, tenant: &Tenant, max: u64, now_ms: i64) -> u64 {
        let (cost_us, now_us) = (cost_us(max), now_ms.saturating_mul(1000));
        let Some(pace) = self.with(|tenants| tenants.get(tenant).copied()) else { return 0 };
        let ahead = u64::try_from(pace.at(cost_us, now_us).even_us.saturating_sub(now_us)).unwrap_or(0);
        ahead.div_ceil(u64::try_from(cost_us).unwrap_or(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_starts_may_come_at_once_and_come_back_evenly() {
        let (starts, tenant): (Starts, Tenant) = (Starts::default(), "acme".parse().unwrap());
        let count = |now_ms| starts.count(&tenant, Some(60), now_ms);
        for _ in 0..60 {
            assert!(count(0).is_ok());
        }
        assert_eq!(starts.used(&tenant, 60, 0), 60);
        let refused = count(0).err().unwrap();
        assert_eq!((refused.code, refused.retry_after_s), (Code::TooMany, Some(1)));
        assert!(count(999).is_err() && count(1_000).is_ok() && count(1_000).is_err());
        assert_eq!(starts.used(&tenant, 60, 31_000), 30);
        let counted = count(31_000).ok().unwrap();
        starts.forget(&tenant, counted);
        assert_eq!(starts.used(&tenant, 60, 31_000), 30, "what was not started does not count");
        assert!(starts.count(&tenant, Some(600), 31_000).is_ok(), "more is allowed from now on");
        assert_eq!(starts.used(&tenant, 600, 31_000), 31, "and what was started stays so many");
        assert_eq!(starts.used(&tenant, 10, 31_000), 10, "never more than all of them");
        assert!(starts.count(&"globex".parse().unwrap(), Some(1), 0).is_ok(), "others have their own");
        assert!(starts.count(&tenant, None, 0).is_ok(), "no bound");
    }

    #[test]
    fn a_clock_that_is_set_back_refuses_nobody_for_longer_than_a_minute() {
        let (starts, tenant): (Starts, Tenant) = (Starts::default(), "acme".parse().unwrap());
        let (hour, count) = (3_600_000, |now_ms| starts.count(&tenant, Some(60), now_ms));
        assert!(count(hour).is_ok());
        assert_eq!(starts.used(&tenant, 60, 0), 60);
        assert_eq!(count(0).err().unwrap().retry_after_s, Some(1));
        assert!(count(1_000).is_ok(), "from then on they come back as always");
        assert_eq!(starts.used(&tenant, 60, 61_000), 0);
        assert!((0..60).all(|_| count(61_000).is_ok()));
    }
}
