//! Slows down who guesses: after some failures in a row a name is refused for a while, whoever asks and however right.

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

impl Throttle {
    /// Whether the name may be tried now.
    pub(crate) fn check(&self, name: &[u8; 32], now_ms: i64) -> Result<(), Error> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = failures.get(name).filter(|found| found.count >= FAILURES_MAX) else { return Ok(()) };
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
}
