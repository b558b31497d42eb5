//! Slows down who guesses: after some failures in a row a name is refused for a while, whoever asks and however right. And who
//! asks for something again and again: some at once, and then one after another.

use crate::{Code, Error};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Failures within the time after which a name is refused.
const FAILURES_MAX: u32 = 10;

/// How long failures are remembered.
const REMEMBERED_MS: i64 = 5 * 60 * 1000;

/// Names that are remembered; beyond that those are forgotten that are not refused.
const NAMES_MAX: usize = 10_000;

/// Failures by name. Names are hashed addresses, so that a list of them is not kept in memory.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<BTreeMap<[u8; 32], Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    since_ms: i64,
}

impl Failures {
    /// A clock that was set back makes nobody wait for longer than it did.
    fn begin_by(&mut self, now_ms: i64) {
        self.since_ms = self.since_ms.min(now_ms);
    }
}

impl Throttle {
    /// Whether the name may be tried now.
    pub(crate) fn check(&self, name: &[u8; 32], now_ms: i64) -> Result<(), Error> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = failures.get_mut(name).filter(|found| found.count >= FAILURES_MAX) else { return Ok(()) };
        found.begin_by(now_ms);
        let left_ms = found.since_ms.saturating_add(REMEMBERED_MS).saturating_sub(now_ms);
        match u64::try_from(left_ms) {
            Ok(left_ms @ 1..) => Err(Error {
                retry_after_s: Some(left_ms.div_ceil(1000)),
                ..Error::new(Code::TooMany, "too many attempts failed").hint("Wait a few minutes.")
            }),
            _ => Ok(()),
        }
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, name: [u8; 32], now_ms: i64) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |found: &Failures| now_ms.saturating_sub(found.since_ms) < REMEMBERED_MS;
        if failures.len() >= NAMES_MAX {
            failures.retain(|_, found| fresh(found));
            if failures.len() >= NAMES_MAX {
                // Names that are refused stay so: others in great number must not set them free.
                failures.retain(|_, found| found.count >= FAILURES_MAX);
            }
        }
        let found = failures.entry(name).or_insert(Failures { count: 0, since_ms: now_ms });
        found.begin_by(now_ms);
        if !fresh(found) {
            *found = Failures { count: 0, since_ms: now_ms };
        }
        found.count += 1;
    }

    /// Forgets the failures of a name that turned out right.
    pub(crate) fn succeeded(&self, name: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// Those who have some left or wait for more; beyond that all are forgotten, which only lets more through.
const TRICKLES_MAX: usize = 10_000;

/// How much each of many may ask for: so many at once, and one more after a time.
pub(crate) struct Trickle<K> {
    at_once: u32,
    every_ms: i64,
    /// By when each has all of it again, in Unix milliseconds.
    full_at_ms: Mutex<BTreeMap<K, i64>>,
}

impl<K: Ord> Trickle<K> {
    pub(crate) fn new(at_once: u32, every_ms: i64) -> Self {
        Self { at_once, every_ms, full_at_ms: Mutex::default() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// There is none: how long it takes until there is one, in milliseconds.
    pub(crate) fn take(&self, key: K, now_ms: i64) -> Result<(), i64> {
        let mut all = self.full_at_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= TRICKLES_MAX {
            all.retain(|_, full_at_ms| now_ms < *full_at_ms);
            if all.len() >= TRICKLES_MAX {
                all.clear();
            }
        }
        let full_at_ms = all.entry(key).or_insert(now_ms);
        let most = now_ms.saturating_add(self.every_ms.saturating_mul(i64::from(self.at_once)));
        // Nobody waits for longer than that, also when the clock was set back.
        *full_at_ms = (*full_at_ms).min(most);
        let next = (*full_at_ms).max(now_ms).saturating_add(self.every_ms);
        if next > most {
            return Err(next.saturating_sub(most));
        }
        *full_at_ms = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_after_ten_failures_and_for_five_minutes() {
        let (throttle, name, other) = (Throttle::default(), [1; 32], [2; 32]);
        for _ in 0..FAILURES_MAX {
            assert_eq!(throttle.check(&name, 0), Ok(()));
            throttle.failed(name, 0);
        }
        let refused = throttle.check(&name, 1_000).unwrap_err();
        assert_eq!((refused.code, refused.retry_after_s), (Code::TooMany, Some(299)));
        assert_eq!(throttle.check(&other, 1_000), Ok(()));
        assert_eq!(throttle.check(&name, REMEMBERED_MS), Ok(()));
        throttle.failed(name, REMEMBERED_MS);
        assert_eq!(throttle.check(&name, REMEMBERED_MS), Ok(()), "counting begins again");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_longer() {
        let (throttle, name, hour) = (Throttle::default(), [1; 32], 3_600_000);
        (0..FAILURES_MAX).for_each(|_| throttle.failed(name, hour));
        assert_eq!(throttle.check(&name, 0).unwrap_err().retry_after_s, Some(300));
        assert_eq!(throttle.check(&name, REMEMBERED_MS), Ok(()));
        throttle.failed(name, hour);
        throttle.failed(name, 0);
        assert_eq!(throttle.check(&name, REMEMBERED_MS), Ok(()), "what failed before it is forgotten as always");
        let trickle = Trickle::new(3, 1_000);
        assert!((0..3).all(|_| trickle.take("a", hour) == Ok(())));
        assert_eq!((trickle.take("a", 0), trickle.take("a", 999)), (Err(1_000), Err(1)));
        assert_eq!((trickle.take("a", 1_000), trickle.take("a", 1_000)), (Ok(()), Err(1_000)));
    }

    #[test]
    fn who_asks_again_and_again_gets_one_after_another() {
        let trickle = Trickle::new(3, 1_000);
        assert!((0..3).all(|_| trickle.take("a", 0) == Ok(())));
        assert_eq!(trickle.take("a", 0), Err(1_000));
        assert_eq!(trickle.take("b", 0), Ok(()), "others are not concerned");
        assert_eq!(trickle.take("a", 999), Err(1));
        assert_eq!((trickle.take("a", 1_000), trickle.take("a", 1_000)), (Ok(()), Err(1_000)));
        assert!((0..3).all(|_| trickle.take("a", 60_000) == Ok(())), "all of it comes back");
    }
}
