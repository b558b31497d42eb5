//! How long executions are kept once they have ended. Older ones are removed beside the load, a few at a time with pauses between,
//! and then the large values to which nothing refers any more.

use crate::{
    unreferenced::{self, Removed},
    wiring,
};
use akao_api::Exposition;
use akao_contract::{BareNumber, Tenant, format_duration_ms, parse_duration_ms};
use akao_platform::{Error, Platform};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

/// Executions that are removed together. The engine does nothing else meanwhile.
const TOGETHER: u64 = 16;

/// The engine is left alone for so many times as long as a removal took: at most a fifth of its time goes into removals.
const PAUSES: u32 = 4;

/// The shortest pause.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// Before the first look: schedules and webhooks look first at what came while no server ran.
const FIRST_LOOK_AFTER: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);

/// Between two collections of large values, which read all that the journal holds.
const COLLECT_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest time. A key of a start, and a message of a hook, are recognised for as long as what they started is kept.
const KEPT_MS_MIN: u64 = 24 * 60 * 60 * 1000;

/// How long executions are kept once they have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepFinished {
    /// For good.
    Forever,
    /// For so many milliseconds.
    For(u64),
}

impl FromStr for KeepFinished {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        let ms = parse_duration_ms(text, BareNumber::Refused)
            .map_err(|_| "write for example `30d`, or `forever`".to_owned())?;
        match ms >= KEPT_MS_MIN {
            true => Ok(Self::For(ms)),
            false => {
                let least = format_duration_ms(KEPT_MS_MIN);
                Err(format!("at least {least}: until then a start that is sent again is recognised by its key"))
            }
        }
    }
}

/// What was removed since the start of the server.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts(Arc<CountsInner>);

#[derive(Debug, Default)]
struct CountsInner {
    executions: AtomicU64,
    values: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// Writes the figures.
    pub(super) fn write(&self, page: &mut Exposition) {
        let Self(counts) = self;
        let executions = counts.executions.load(Relaxed);
        page.counter("akao_executions_pruned_total", "Finished executions that are not kept any more.", executions);
        let values = counts.values.load(Relaxed);
        page.counter("akao_large_values_removed_total", "Large values that nothing referred to any more.", values);
        let bytes = counts.bytes.load(Relaxed);
        page.counter("akao_large_values_removed_bytes_total", "How large those were.", bytes);
    }
}

/// What removes executions that are not kept any more.
pub(super) struct Retention {
    platform: Platform,
    folder: PathBuf,
    /// How long executions are kept; for good when none.
    kept_ms: Option<i64>,
    counts: Counts,
    /// When large values were collected last.
    collected: Option<Instant>,
    /// Whether anything was removed since then.
    has_left: bool,
}

impl Retention {
    /// One over a data directory. Where everything is kept, it removes what somebody's own removals have left.
    pub(super) fn new(keep: KeepFinished, platform: Platform, folder: PathBuf, counts: Counts) -> Self {
        let kept_ms = match keep {
            KeepFinished::For(ms) => Some(i64::try_from(ms).unwrap_or(i64::MAX)),
            KeepFinished::Forever => None,
        };
        Self { platform, folder, kept_ms, counts, collected: None, has_left: false }
    }

    /// Looks again and again, for as long as this is waited for.
    pub(super) async fn run(mut self) {
        tokio::time::sleep(FIRST_LOOK_AFTER).await;
        loop {
            self.look().await;
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn look(&mut self) {
        if let Some(kept_ms) = self.kept_ms {
            self.remove_old(wiring::now_ms().saturating_sub(kept_ms)).await;
        }
        self.has_left |= self.platform.take_removed();
        if self.has_left && self.collected.is_none_or(|at| at.elapsed() >= COLLECT_AGAIN) {
            self.collect().await;
        }
    }

    async fn remove_old(&mut self, before_ms: i64) {
        let mut removed = BTreeMap::new();
        // What was removed before something went wrong is told too.
        if let Err(error) = self.remove(before_ms, &mut removed).await {
            tracing::warn!("executions that ended long ago stay until the next look: {}", error.message);
        }
        if !removed.is_empty() {
            self.has_left = true;
            self.tell(removed, before_ms).await;
        }
    }

    async fn remove(&self, before_ms: i64, removed: &mut BTreeMap<Tenant, u64>) -> Result<(), Error> {
        loop {
            let begun = Instant::now();
            let some = self.platform.prune_finished(before_ms, TOGETHER).await?;
            if some.is_empty() {
                return Ok(());
            }
            for (tenant, count) in some {
                self.counts.0.executions.fetch_add(count, Relaxed);
                *removed.entry(tenant).or_default() += count;
            }
            tokio::time::sleep(PAUSE_MIN.max(begun.elapsed() * PAUSES)).await;
        }
    }

    async fn tell(&self, removed: BTreeMap<Tenant, u64>, before_ms: i64) {
        let executions: u64 = removed.values().sum();
        tracing::info!(executions, "executions that ended long ago are removed");
        let told = self.platform.blocking(move |platform| platform.record_pruned(&removed, before_ms)).await;
        if let Err(error) = told {
            tracing::warn!("what was removed is not in the audit: {}", error.message);
        }
    }

    async fn collect(&mut self) {
        let folder = self.folder.clone();
        let collecting = tokio::task::spawn_blocking(move || unreferenced::remove(&folder, SystemTime::now()));
        match collecting.await {
            Ok(Ok(Removed { values, bytes })) => {
                (self.collected, self.has_left) = (Some(Instant::now()), false);
                self.counts.0.values.fetch_add(values, Relaxed);
                self.counts.0.bytes.fetch_add(bytes, Relaxed);
                if values > 0 {
                    tracing::info!(values, bytes, "large values that nothing refers to are removed");
                }
            }
            Ok(Err(failure)) => tracing::warn!("large values stay: {}", failure.full_message()),
            Err(broken) => tracing::warn!("large values stay: {broken}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_or_longer_or_for_good() {
        assert_eq!("30d".parse(), Ok(KeepFinished::For(30 * KEPT_MS_MIN)));
        assert_eq!("24h".parse(), Ok(KeepFinished::For(KEPT_MS_MIN)));
        assert_eq!("forever".parse(), Ok(KeepFinished::Forever));
        for (text, told) in [("23h", "at least 1d"), ("30", "write for example"), ("never", "write for example")] {
            let refused = text.parse::<KeepFinished>().unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }
}
