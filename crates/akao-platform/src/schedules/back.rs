//! The clock was ahead and was set back: the next time of a schedule, written down while it was, would not come for as long as that.
//! Schedules are moved back to the time that comes next from now. What was started meanwhile is not started again.

use super::{ScheduleSpec, come::jitter_ms};
use crate::{Error, Platform};
use akao_contract::Tenant;
use akao_store::Schedule;
use std::sync::atomic::Ordering;

/// Schedules that are read at once.
const AT_ONCE: i64 = 200;

/// The time that comes next of a schedule and when it is due, where another one is written down that comes later.
fn earlier(row: &Schedule, now_ms: i64) -> Option<(i64, i64)> {
    let written = row.next_ms.filter(|next| *next > now_ms)?;
    // What cannot be read is told when its time comes.
    let spec: ScheduleSpec = serde_json::from_str(&row.spec).ok()?;
    let next = spec.times().ok()?.next(now_ms).filter(|next| *next < written)?;
    Some((next, next.saturating_add(jitter_ms(&row.id, next, spec.jitter_s))))
}

impl Platform {
    /// Looks at every schedule when the clock says less than at the last look, and at the first one, of which nobody knows what the
    /// clock said before. True when that is to be tried again; one tenant's trouble is none of the others'. Blocks.
    pub(super) fn look_back(&self) -> bool {
        let (looked, now_ms) = (&self.inner.schedules_looked_ms, self.now_ms());
        if looked.swap(now_ms, Ordering::Relaxed) <= now_ms {
            return false;
        }
        let failed = |of: &str, error: &Error| {
            tracing::error!("schedules{of} cannot be held against the clock, which is tried again: {error}");
        };
        let have_failed = match self.read(|work| Ok(work.accounts().tenants()?)) {
            Ok(tenants) => {
                let fails = |tenant: &Tenant| {
                    self.move_back(tenant, now_ms).inspect_err(|error| failed(&format!(" of {tenant}"), error)).is_err()
                };
                // Every one is looked at.
                tenants.iter().map(fails).fold(false, |any, one| any | one)
            }
            Err(error) => {
                failed("", &error);
                true
            }
        };
        if have_failed {
            looked.store(i64::MAX, Ordering::Relaxed);
        }
        have_failed
    }

    fn move_back(&self, tenant: &Tenant, now_ms: i64) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let rows = self.read(|work| Ok(work.of(tenant).schedules().page(&after, AT_ONCE)?))?;
            let Some(last) = rows.last() else { return Ok(()) };
            after.clone_from(&last.id);
            for row in &rows {
                let Some((next, due)) = earlier(row, now_ms) else { continue };
                tracing::warn!(
                    "schedule {} of {tenant} waited for a time after its next one: the clock was set back",
                    row.id
                );
                self.parts().store.write(|work| {
                    let schedules = work.of(tenant).schedules();
                    // Whoever changed it since it was read has the time that comes next.
                    if schedules.get(&row.id)?.as_ref() != Some(row) {
                        return Ok::<_, Error>(());
                    }
                    schedules.forget_ahead(&row.id, now_ms)?;
                    Ok(schedules.move_on(&row.id, Some(next), Some(due))?)
                })?;
            }
        }
    }
}
