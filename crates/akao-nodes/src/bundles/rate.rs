//! How often nodes are called: a bucket of calls for each tenant and package, whichever version is called, that fills again as
//! time passes. It stays when a package is forgotten, so that a new decision or version is no new bucket.

use akao_contract::{
    ErrorKind, Invocation, StepError,
    manifest::{PackageId, PinnedNode},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Buckets are looked through for full ones when there are so many.
const BUCKETS_MAX: usize = 10_000;

/// How often a node may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Rate {
    count: u32,
    per_ms: u64,
}

/// The calls that are left, and when that was.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
    full_at: Instant,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<BTreeMap<(String, PackageId), Bucket>>);

impl Rates {
    /// Takes a call out of its bucket.
    ///
    /// # Errors
    /// It is empty.
    pub(crate) fn take(&self, rate: Rate, package: &PackageId, invocation: &Invocation) -> Result<(), StepError> {
        let key = (invocation.context.tenant.as_str().to_owned(), package.clone());
        let Err(wait) = self.taken(rate, key, Instant::now()) else { return Ok(()) };
        let name = PinnedNode::shown(&invocation.node_type);
        let message = format!("`{name}` may be called {} times in {} ms, and was", rate.count, rate.per_ms);
        let mut error = StepError::new(ErrorKind::Resource, message)
            .with_detail("reason", "rate_limit")
            .with_detail("retry_after_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1))
            .with_suggestion("Give the step a `retry` with a delay, or let the node's owner raise its rate.");
        error.retryable = true;
        Err(error)
    }

    fn taken(&self, rate: Rate, key: (String, PackageId), now: Instant) -> Result<(), Duration> {
        let (count, per) = (f64::from(rate.count), Duration::from_millis(rate.per_ms).as_secs_f64().max(0.001));
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| bucket.full_at > now);
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: count, at: now, full_at: now });
        let filled = bucket.left + now.duration_since(bucket.at).as_secs_f64() * count / per;
        (bucket.left, bucket.at) = (filled.min(count), now);
        let enough = bucket.left >= 1.0;
        if enough {
            bucket.left -= 1.0;
        }
        let left = bucket.left;
        let until = |calls: f64| Duration::try_from_secs_f64((calls - left).max(0.0) * per / count);
        bucket.full_at = now.checked_add(until(count).unwrap_or_default()).unwrap_or(now);
        if enough { Ok(()) } else { Err(until(1.0).unwrap_or(Duration::MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_again_and_each_tenant_and_package_has_its_own() {
        let (rates, rate) = (Rates::default(), Rate { count: 2, per_ms: 1_000 });
        let key = |tenant: &str, package: &str| (tenant.to_owned(), package.parse::<PackageId>().unwrap());
        let began = Instant::now();
        let take = |tenant: &str, package: &str, ms: u64| {
            rates.taken(rate, key(tenant, package), began + Duration::from_millis(ms))
        };
        assert_eq!((take("a", "custom.t-a.x", 0), take("a", "custom.t-a.x", 0)), (Ok(()), Ok(())));
        let wait = take("a", "custom.t-a.x", 0).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(take("a", "custom.t-a.x", 499).is_err());
        assert_eq!(take("a", "custom.t-a.x", 501), Ok(()));
        assert!(take("a", "custom.t-a.x", 501).is_err());
        assert_eq!((take("b", "custom.t-a.x", 501), take("a", "custom.t-a.y", 501)), (Ok(()), Ok(())));
        assert_eq!((take("a", "custom.t-a.x", 9_000), take("a", "custom.t-a.x", 9_000)), (Ok(()), Ok(())));
        assert!(take("a", "custom.t-a.x", 9_000).is_err(), "a bucket holds no more than its count");
    }
}
