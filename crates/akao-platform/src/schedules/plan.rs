//! A time of a schedule has come: that is written down with what is to be started and the key under which, and the schedule is
//! moved on, in one transaction. What was to be decided before it is decided outside, because times of a long absence take a
//! while and others wait for the transaction.

use super::{
    ScheduleSpec,
    come::{Come, come, jitter_ms},
};
use crate::{Actor, Error, Means, Platform, ScheduleId, acting::acting, executions::OWN_KEYS};
use akao_contract::Tenant;
use akao_store::{Fire, Schedule, Work};
use serde_json::json;
use std::sync::PoisonError;

/// How long it is remembered what became of a time.
const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Times of a schedule that are open at once.
const OPEN_MAX: i64 = 200;

/// Times of a tenant that are looked at together, of those that are to be acted on and of those that wait.
const AT_ONCE: i64 = 100;

/// What of a tenant is open.
pub(super) struct Open {
    /// The keys of times, in the order in which they are looked at.
    pub(super) keys: Vec<String>,
    /// Whether there may be more times to act on.
    pub(super) more: bool,
    /// Whether something is to be looked at again after a while.
    pub(super) again: bool,
}

/// The key under which the execution of a time is started.
fn key(schedule: &str, nominal_ms: i64) -> String {
    format!("{OWN_KEYS}schedule:{schedule}:{nominal_ms}")
}

/// What has come of a schedule; the reason why it stops when that cannot be told.
fn has_come(row: &Schedule, now_ms: i64) -> Result<(ScheduleSpec, Come), String> {
    let spec: ScheduleSpec =
        serde_json::from_str(&row.spec).map_err(|_| "what was decided cannot be read".to_owned())?;
    let times = spec.times().map_err(|error| error.message)?;
    let first = row.next_ms.ok_or("its next time is not known")?;
    let come = come(&times, &row.id, &spec, first, now_ms);
    Ok((spec, come))
}

impl Platform {
    /// Who a schedule acts as.
    pub(super) fn schedule_actor(
        &self,
        work: &Work<'_>,
        tenant: &Tenant,
        row: &Schedule,
    ) -> Result<Result<Actor, String>, Error> {
        match row.id.parse::<ScheduleId>() {
            Ok(id) => acting(work, tenant, &row.account, &row.permissions, Means::Schedule(id)),
            Err(()) => Ok(Err("its id cannot be read".to_owned())),
        }
    }

    /// Writes down what has come of a tenant's schedules, and gives what is open. Blocks.
    pub(super) fn plan_tenant(&self, tenant: &Tenant) -> Result<Open, Error> {
        let (now_ms, mut again) = (self.now_ms(), false);
        for id in self.read(|work| Ok(work.of(tenant).schedules().due(now_ms)?))? {
            // One that cannot be written down keeps none of the others waiting.
            if let Err(error) = self.plan(tenant, &id, now_ms) {
                tracing::error!("the time of schedule {id} of {tenant} cannot be written down: {error}");
                again = true;
            }
        }
        let after = self.waiting_after(tenant);
        let (planned, waiting) = self.read(|work| {
            let schedules = work.of(tenant).schedules();
            Ok((schedules.planned(AT_ONCE)?, schedules.waiting(&after, AT_ONCE)?))
        })?;
        let is_full = |count: usize| i64::try_from(count).is_ok_and(|count| count >= AT_ONCE);
        let rest = is_full(waiting.len()).then(|| waiting.last().map(|(id, _)| id.clone())).flatten();
        again |= rest.is_some() || !after.is_empty();
        self.set_waiting_after(tenant, rest);
        let more = is_full(planned.len());
        // What has waited comes before what has come now.
        let keys = waiting.iter().map(|(schedule, nominal_ms)| key(schedule, *nominal_ms)).chain(planned).collect();
        Ok(Open { keys, more, again })
    }

    /// The schedule up to which those with waiting times were looked at: with many, each look takes the next of them.
    fn waiting_after(&self, tenant: &Tenant) -> String {
        let places = self.inner.waiting_after.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(tenant).cloned().unwrap_or_default()
    }

    fn set_waiting_after(&self, tenant: &Tenant, place: Option<String>) {
        let mut places = self.inner.waiting_after.lock().unwrap_or_else(PoisonError::into_inner);
        match place {
            Some(place) => places.insert(tenant.clone(), place),
            None => places.remove(tenant),
        };
    }

    /// Writes down the times of a schedule that have come, and moves it on.
    fn plan(&self, tenant: &Tenant, id: &str, now_ms: i64) -> Result<(), Error> {
        let found = self.read(|work| Ok(work.of(tenant).schedules().get(id)?))?;
        let Some(row) = found.filter(|row| row.due_ms.is_some_and(|due| due <= now_ms)) else { return Ok(()) };
        let has_come = has_come(&row, now_ms);
        self.parts().store.write(|work| {
            // What was changed since it was read is looked at again.
            if work.of(tenant).schedules().get(id)?.as_ref() != Some(&row) {
                return Ok(());
            }
            if let Err(reason) = self.schedule_actor(work, tenant, &row)? {
                return self.stop_schedule(work, tenant, &row, &reason, now_ms);
            }
            match &has_come {
                Ok((spec, come)) => self.write_down(work, tenant, &row, (spec, come), now_ms),
                Err(reason) => self.stop_schedule(work, tenant, &row, reason, now_ms),
            }
        })
    }

    fn write_down(
        &self,
        work: &Work<'_>,
        tenant: &Tenant,
        row: &Schedule,
        (spec, come): (&ScheduleSpec, &Come),
        now_ms: i64,
    ) -> Result<(), Error> {
        let schedules = work.of(tenant).schedules();
        let latest = work.of(tenant).workflows().get(&spec.workflow)?.map(|workflow| workflow.latest.version);
        let request = ScheduleSpec { version: spec.version.clone().or(latest), ..spec.clone() };
        let request = serde_json::to_string(&request).map_err(|error| Error::internal(&error))?;
        let fire = |nominal_ms: i64, skipped: Option<String>| Fire {
            key: key(&row.id, nominal_ms),
            schedule: row.id.clone(),
            nominal_ms,
            state: if skipped.is_some() { "skipped" } else { "planned" }.to_owned(),
            request: if skipped.is_some() { String::new() } else { request.clone() },
            execution: None,
            reason: skipped,
            at_ms: now_ms,
        };
        if let (count @ 1.., Some(first)) = (come.missed, row.next_ms) {
            let reason = match count {
                1 => "it, and perhaps more after it, was missed while the server was not there".to_owned(),
                count => format!("{count} times were missed while the server was not there"),
            };
            schedules.insert_fire(&fire(first, Some(reason)))?;
        }
        let open = schedules.open_of(&row.id)?;
        for (nominal_ms, before) in come.times.iter().zip(open..) {
            let full = (before >= OPEN_MAX).then(|| format!("{OPEN_MAX} times before it are not started yet"));
            schedules.insert_fire(&fire(*nominal_ms, full))?;
        }
        schedules.forget_fires(&row.id, now_ms.saturating_sub(REMEMBERED_MS))?;
        let Some(next) = come.next else {
            // Those that have come last are still acted on.
            let reason = "its time does not come again for eight years";
            return self.note_stop(work, tenant, row, reason, now_ms);
        };
        let due = next.saturating_add(jitter_ms(&row.id, next, spec.jitter_s));
        Ok(schedules.move_on(&row.id, Some(next), Some(due))?)
    }

    /// Stops a schedule; what of it is open is not started any more.
    fn stop_schedule(
        &self,
        work: &Work<'_>,
        tenant: &Tenant,
        row: &Schedule,
        reason: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        work.of(tenant).schedules().skip_open(&row.id, &format!("the schedule has stopped: {reason}"))?;
        self.note_stop(work, tenant, row, reason, now_ms)
    }

    fn note_stop(
        &self,
        work: &Work<'_>,
        tenant: &Tenant,
        row: &Schedule,
        reason: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        tracing::warn!("schedule {} of {tenant} stops: {reason}", row.id);
        work.of(tenant).schedules().stop(&row.id, reason)?;
        let details = json!({"schedule": row.id, "name": row.name, "reason": reason});
        crate::audit::record(work, tenant, now_ms, json!({"schedule": row.id}), "schedule.stopped", details)
    }
}
