//! Schedules: executions that are started when their time comes, in the name of whoever decided it last.
//!
//! What is decided is here; `schedules/come.rs` says which times have come, `schedules/plan.rs` writes them down, and
//! `schedules/fire.rs` acts on them; `schedules/back.rs` is for a clock that was set back. Whoever changes a schedule is from then
//! on the person in whose name it starts, so that nobody makes another person's permissions work for themselves.

mod back;
mod come;
mod fire;
mod plan;

pub use fire::Looked;

use crate::{
    Actor, Code, Error, Expected, Page, PageRequest, Permission, Platform, ScheduleId, Start,
    accounts::clean_name,
    acting::pinned,
    cron::{self, Cron},
    decided::{allows, changed, missing, read, tag},
    secret,
};
use akao_store::{Fire, Schedule, Work};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Schedules of one tenant.
const SCHEDULES_MAX: i64 = 1_000;

/// Longest jitter, in seconds.
const JITTER_S_MAX: u32 = 3_600;

/// Most missed times that are made up for.
const CATCH_UP_MAX: u32 = 100;

/// Most next times that are told at once.
const TIMES_MAX: u32 = 100;

/// Longest form of what is decided, in bytes.
const SPEC_BYTES_MAX: usize = 256 << 10;

/// What becomes of times that were missed, because the server was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Nothing.
    #[default]
    Skip,
    /// The last one is made up for.
    One,
    /// All are, up to a bound; of more, the last ones.
    All,
}

/// What becomes of a time while the execution before still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Another one is started.
    Allow,
    /// Nothing.
    #[default]
    Skip,
    /// It waits for the end of the one before.
    Queue,
    /// The one before is cancelled.
    Cancel,
}

/// What somebody decides of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSpec {
    /// The workflow.
    pub workflow: String,
    /// Its version; when absent the one that is the latest when the time comes, and with grants when it was decided.
    #[serde(default)]
    pub version: Option<String>,
    /// The input.
    #[serde(default)]
    pub input: Map<String, Value>,
    /// What the steps may do.
    #[serde(default)]
    pub grants: Vec<String>,
    /// When; see `cron.rs`.
    pub cron: String,
    /// The time zone.
    #[serde(default = "utc")]
    pub zone: String,
    /// Each time is acted on up to so many seconds later, so that many schedules do not come at once.
    #[serde(default)]
    pub jitter_s: u32,
    /// Missed times.
    #[serde(default)]
    pub catch_up: CatchUp,
    /// How many missed times are made up for at most.
    #[serde(default = "ten")]
    pub catch_up_max: u32,
    /// While the one before runs.
    #[serde(default)]
    pub overlap: Overlap,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn ten() -> u32 {
    10
}

/// A schedule as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleView {
    /// Its row.
    pub row: Schedule,
    /// What was decided.
    pub spec: ScheduleSpec,
}

/// What times an expression means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The times, in Unix milliseconds, with how people of the zone write them.
    pub times: Vec<(i64, String)>,
}

/// An expression with its zone.
struct Times {
    cron: Cron,
    zone: TimeZone,
}

impl Times {
    fn read(cron: &str, zone: &str) -> Result<Self, Error> {
        let cron = Cron::parse(cron).map_err(|error| Error::invalid(error.to_string()))?;
        let unknown = || {
            let zone = akao_contract::shortened(zone.to_owned(), 60);
            Error::invalid(format!("there is no time zone `{zone}`"))
                .hint("Write for example `Europe/Berlin` or `UTC`.")
        };
        // The zone of this machine is nobody's decision.
        let zone = TimeZone::get(zone).ok().filter(|found| found.iana_name().is_some()).ok_or_else(unknown)?;
        Ok(Self { cron, zone })
    }

    fn next(&self, after_ms: i64) -> Option<i64> {
        self.cron.next_after(&self.zone, after_ms)
    }

    fn preview(&self, after_ms: i64, count: u32) -> Preview {
        let following = std::iter::successors(self.next(after_ms), |last| self.next(*last));
        let shown = |ms: i64| cron::shown(&self.zone, ms).map(|at| (ms, at.to_string()));
        Preview { times: following.take(count as usize).filter_map(shown).collect() }
    }
}

impl ScheduleSpec {
    fn times(&self) -> Result<Times, Error> {
        Times::read(&self.cron, &self.zone)
    }

    fn start(&self, version: Option<String>, key: Option<String>) -> Start {
        Start {
            workflow: self.workflow.clone(),
            version,
            input: Value::Object(self.input.clone()),
            grants: self.grants.clone(),
            key,
            ..Start::default()
        }
    }

    /// Bounds that need nothing but the text.
    fn check(&self) -> Result<(), Error> {
        if self.jitter_s > JITTER_S_MAX {
            return Err(Error::invalid(format!("`jitter_s` is at most {JITTER_S_MAX}")));
        }
        if !(1..=CATCH_UP_MAX).contains(&self.catch_up_max) {
            return Err(Error::invalid(format!("`catch_up_max` is from 1 to {CATCH_UP_MAX}")));
        }
        Ok(())
    }

    /// What is written down.
    fn text(&self) -> Result<String, Error> {
        let text = serde_json::to_string(self).map_err(|error| Error::internal(&error))?;
        match text.len() > SPEC_BYTES_MAX {
            true => Err(Error::new(Code::TooLarge, "a schedule is longer than 256 KiB")),
            false => Ok(text),
        }
    }
}

/// From now on the schedule is in the actor's name.
fn take_over(row: &mut Schedule, actor: &Actor, text: String) {
    row.spec = text;
    row.account = actor.user.as_str().to_owned();
    row.permissions = actor.permissions.to_text();
}

impl ScheduleView {
    fn of(row: Schedule) -> Result<Self, Error> {
        let spec = read(&row.spec)?;
        Ok(Self { row, spec })
    }

    /// What whoever changes it names, so that nobody changes what they have not seen.
    pub fn tag(&self) -> String {
        tag(&self.row)
    }
}

impl Platform {
    /// Refuses what would be refused when its time comes; else what is written down, and the next time. Blocks.
    fn check_spec(&self, actor: &Actor, spec: &ScheduleSpec) -> Result<(String, i64), Error> {
        spec.check()?;
        let next = spec.times()?.next(self.now_ms());
        let next = next.ok_or_else(|| Error::invalid(format!("`{}` does not come for eight years", spec.cron)))?;
        if !actor.may(Permission::ExecutionsStart) {
            let message = format!("a schedule starts executions, which needs `{}`", Permission::ExecutionsStart);
            return Err(Error::new(Code::Forbidden, message));
        }
        let (found, bundle) = self.bundle(actor, &spec.workflow, spec.version.as_deref())?;
        self.check_packages(&bundle, "started")?;
        self.prepare(actor, &spec.start(None, None), bundle)?;
        let version = pinned(spec.version.as_deref(), &spec.grants, &found.version);
        Ok((ScheduleSpec { version, ..spec.clone() }.text()?, next))
    }

    /// Makes a schedule. Blocks.
    ///
    /// # Errors
    /// What it is to start cannot be started by the actor, or its times cannot be meant.
    pub fn make_schedule(&self, actor: &Actor, name: &str, spec: &ScheduleSpec) -> Result<ScheduleView, Error> {
        let (text, next) = self.check_spec(actor, spec)?;
        let now_ms = self.now_ms();
        let id = ScheduleId::new(now_ms, secret::random_bits()?);
        let row = Schedule {
            id: id.as_str().to_owned(),
            name: clean_name("name", name)?,
            spec: text,
            account: actor.user.as_str().to_owned(),
            permissions: actor.permissions.to_text(),
            state: "active".to_owned(),
            reason: None,
            revision: 1,
            created_ms: now_ms,
            changed_ms: now_ms,
            next_ms: Some(next),
            due_ms: Some(next.saturating_add(come::jitter_ms(id.as_str(), next, spec.jitter_s))),
        };
        self.store(|work| {
            let schedules = work.of(&actor.tenant).schedules();
            if schedules.count()? >= SCHEDULES_MAX {
                return Err(Error::new(Code::Conflict, format!("a tenant has at most {SCHEDULES_MAX} schedules")));
            }
            schedules.insert(&row)?;
            let details = json!({"schedule": row.id, "name": row.name, "workflow": spec.workflow, "cron": spec.cron});
            actor.record(work, now_ms, "schedule.created", details)
        })?;
        ScheduleView::of(row)
    }

    /// Changes platform data that nobody is known by, and wakes whoever waits for schedules.
    fn store<T>(&self, write: impl FnOnce(&Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let answer = self.parts().store.write(write);
        self.inner.schedules_changed.notify_one();
        answer
    }

    /// Changes a schedule, which is in the actor's name from then on. Blocks.
    ///
    /// # Errors
    /// As for a new one; it was changed meanwhile.
    pub fn change_schedule(
        &self,
        actor: &Actor,
        id: &str,
        expected: &Expected,
        name: &str,
        spec: &ScheduleSpec,
    ) -> Result<ScheduleView, Error> {
        let (text, next) = self.check_spec(actor, spec)?;
        let name = clean_name("name", name)?;
        self.changed_schedule(actor, id, Some(expected), "schedule.changed", |_, row| {
            row.name = name;
            take_over(row, actor, text);
            if row.state == "stopped" {
                row.state = "active".to_owned();
                row.reason = None;
            }
            let due = next.saturating_add(come::jitter_ms(&row.id, next, spec.jitter_s));
            (row.next_ms, row.due_ms) = if row.state == "active" { (Some(next), Some(due)) } else { (None, None) };
            Ok(())
        })
    }

    /// One change by a person.
    fn changed_schedule(
        &self,
        actor: &Actor,
        id: &str,
        expected: Option<&Expected>,
        what: &str,
        change: impl FnOnce(&Work<'_>, &mut Schedule) -> Result<(), Error>,
    ) -> Result<ScheduleView, Error> {
        let now_ms = self.now_ms();
        self.store(|work| ScheduleView::of(changed(work, actor, (id, expected), (now_ms, what), change)?))
    }

    /// Lets a schedule rest. Times that come meanwhile are not made up for, and those that wait are skipped. Blocks.
    ///
    /// # Errors
    /// There is no such schedule, or it is not what was expected.
    pub fn pause_schedule(&self, actor: &Actor, id: &str, expected: &Expected) -> Result<ScheduleView, Error> {
        self.changed_schedule(actor, id, None, "schedule.paused", |work, row| {
            allows(expected, row)?;
            work.of(&actor.tenant).schedules().skip_open(&row.id, "the schedule was paused")?;
            row.state = "paused".to_owned();
            (row.reason, row.next_ms, row.due_ms) = (None, None, None);
            Ok(())
        })
    }

    /// Lets a schedule go on, in the name of whoever says so. Blocks.
    ///
    /// # Errors
    /// There is no such schedule, it is not what was expected, or the actor may not start what it starts.
    pub fn resume_schedule(&self, actor: &Actor, id: &str, expected: &Expected) -> Result<ScheduleView, Error> {
        let present = self.schedule(actor, id)?;
        allows(expected, &present.row)?;
        let (text, next) = self.check_spec(actor, &present.spec)?;
        self.changed_schedule(actor, id, Some(&Expected::tag(present.tag())), "schedule.resumed", |_, row| {
            row.state = "active".to_owned();
            row.reason = None;
            take_over(row, actor, text);
            row.next_ms = Some(next);
            row.due_ms = Some(next.saturating_add(come::jitter_ms(&row.id, next, present.spec.jitter_s)));
            Ok(())
        })
    }

    /// Takes a schedule away. What it has started goes on. Blocks.
    ///
    /// # Errors
    /// There is no such schedule, or it is not what was expected.
    pub fn delete_schedule(&self, actor: &Actor, id: &str, expected: &Expected) -> Result<(), Error> {
        let now_ms = self.now_ms();
        self.store(|work| {
            let schedules = work.of(&actor.tenant).schedules();
            let row = schedules.get(id)?.ok_or_else(|| missing::<Schedule>(id))?;
            allows(expected, &row)?;
            schedules.delete(id)?;
            actor.record(work, now_ms, "schedule.deleted", json!({"schedule": row.id, "name": row.name}))
        })
    }

    /// A page of the tenant's schedules. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant.
    pub fn schedules(&self, actor: &Actor, page: &PageRequest) -> Result<Page<ScheduleView>, Error> {
        let after = page.after().unwrap_or_default();
        let rows = self.read(|work| Ok(work.of(&actor.tenant).schedules().page(after, page.one_more())?))?;
        let views = rows.into_iter().map(ScheduleView::of).collect::<Result<Vec<_>, _>>()?;
        Ok(page.page(views, |view| view.row.id.clone()))
    }

    /// One of them. Blocks.
    ///
    /// # Errors
    /// There is none with this id in the tenant.
    pub fn schedule(&self, actor: &Actor, id: &str) -> Result<ScheduleView, Error> {
        let row = self.read(|work| Ok(work.of(&actor.tenant).schedules().get(id)?))?;
        ScheduleView::of(row.ok_or_else(|| missing::<Schedule>(id))?)
    }

    /// A page of what became of a schedule's times, newest first. Blocks.
    ///
    /// # Errors
    /// There is no such schedule, or the page cannot be meant.
    pub fn schedule_fires(&self, actor: &Actor, id: &str, page: &PageRequest) -> Result<Page<Fire>, Error> {
        let before = page.after_number()?.unwrap_or(i64::MAX);
        let rows = self.read(|work| {
            let schedules = work.of(&actor.tenant).schedules();
            schedules.get(id)?.ok_or_else(|| missing::<Schedule>(id))?;
            Ok(schedules.fires(id, before, page.one_more())?)
        })?;
        Ok(page.page(rows, |fire| fire.nominal_ms.to_string()))
    }

    /// The next times of an expression.
    ///
    /// # Errors
    /// It cannot be meant.
    pub fn preview_times(&self, cron: &str, zone: &str, count: u32) -> Result<Preview, Error> {
        if !(1..=TIMES_MAX).contains(&count) {
            return Err(Error::invalid(format!("`count` is from 1 to {TIMES_MAX}")));
        }
        Ok(Times::read(cron, zone)?.preview(self.now_ms(), count))
    }

    /// Starts what a schedule starts, now, in the actor's own name and as part of a trace; its times stay as they are.
    ///
    /// # Errors
    /// There is no such schedule, or the actor may not start what it starts.
    pub async fn trigger_schedule(
        &self,
        actor: &Arc<Actor>,
        id: &str,
        trace: Option<String>,
    ) -> Result<crate::Started, Error> {
        let (who, named) = (Arc::clone(actor), id.to_owned());
        let spec = self.blocking(move |platform| Ok(platform.schedule(&who, &named)?.spec)).await?;
        if !actor.may(Permission::ExecutionsStart) {
            let message = format!("this starts an execution, which needs `{}`", Permission::ExecutionsStart);
            return Err(Error::new(Code::Forbidden, message));
        }
        self.start(actor, Start { trace, ..spec.start(spec.version.clone(), None) }).await
    }
}
