//! What is done about the times of schedules that have come and were written down, see `plan.rs`.
//!
//! The start is made under the key of the time, and what became of it is written. Whoever is killed in between finds the time
//! open, and starts it again under the same key, which the engine knows: nothing is lost and nothing doubled.

use super::{Overlap, ScheduleSpec, plan::Open};
use crate::{Actor, Code, Error, Platform, Start, Steer, changed::next_change};
use akao_contract::{ExecutionStatus, Tenant};
use akao_store::Fire;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// Times of a schedule that wait for the one before.
const WAITING_MAX: i64 = 10;

/// Tenants whose times are acted on at once: one whose starts take long keeps few of the others waiting.
const TENANTS_AT_ONCE: usize = 4;

/// How long a start is tried for which there is no room.
const TRIED_MS: i64 = 5 * 60 * 1000;

/// Longest pause between two looks, so that a clock that is set is noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Pause after a start that could not be made because the engine did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Changes within this time are looked at together.
const CHANGES_TOGETHER: Duration = Duration::from_millis(50);

/// What a look found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// When the next time comes, in Unix milliseconds.
    pub next_ms: Option<i64>,
    /// Whether a time waits for the end of an execution.
    pub waits: bool,
    /// Whether a start is to be tried again.
    pub again: bool,
    /// Whether there were more times than one look takes.
    pub more: bool,
}

impl Looked {
    fn take(&mut self, other: &Self) {
        self.waits |= other.waits;
        self.again |= other.again;
        self.more |= other.more;
    }
}

/// What decides about a time.
struct Standing {
    fire: Fire,
    /// Who starts what; why nobody does.
    decided: Result<(Actor, ScheduleSpec), String>,
    /// The execution that its schedule has started last, while it has not ended.
    running: Option<String>,
    /// Times of the schedule that wait.
    waiting: i64,
    /// Whether one of them comes before it.
    is_behind: bool,
}

impl Platform {
    /// Looks once: acts on what has come, and says when to look again.
    ///
    /// # Errors
    /// Platform data cannot be read or written.
    pub async fn look_at_schedules(&self) -> Result<Looked, Error> {
        let again = self.blocking(|platform| Ok(platform.look_back())).await?;
        let (began_ms, mut looked) = (self.now_ms(), Looked { again, ..Looked::default() });
        let mut tenants = self.blocking(Self::tenants_with_times).await?.into_iter();
        let mut looks = JoinSet::new();
        loop {
            while looks.len() < TENANTS_AT_ONCE {
                let Some(tenant) = tenants.next() else { break };
                let platform = self.clone();
                looks.spawn(async move {
                    let found = platform.look_at_tenant(&tenant).await;
                    (tenant, found)
                });
            }
            match looks.join_next().await {
                Some(Ok((_, Ok(found)))) => looked.take(&found),
                Some(Ok((tenant, Err(error)))) => {
                    tracing::error!("the schedules of {tenant} cannot be looked at: {error}");
                    looked.again = true;
                }
                Some(Err(broken)) => {
                    tracing::error!("a look at schedules ended: {broken}");
                    looked.again = true;
                }
                None => break,
            }
        }
        // What was due before and is still there could not be written down, and is looked at again after a while.
        looked.next_ms = self.blocking(move |platform| platform.next_time(began_ms)).await?;
        Ok(looked)
    }

    fn tenants_with_times(&self) -> Result<Vec<Tenant>, Error> {
        let now_ms = self.now_ms();
        let mut found = Vec::new();
        for tenant in self.read(|work| Ok(work.accounts().tenants()?))? {
            if self.read(|work| Ok(work.of(&tenant).schedules().has_work(now_ms)?))? {
                found.push(tenant);
            }
        }
        Ok(found)
    }

    fn next_time(&self, after_ms: i64) -> Result<Option<i64>, Error> {
        self.read(|work| {
            let mut next: Option<i64> = None;
            for tenant in work.accounts().tenants()? {
                let found = work.of(&tenant).schedules().earliest(after_ms)?;
                next = next.into_iter().chain(found).min();
            }
            Ok(next)
        })
    }

    async fn look_at_tenant(&self, tenant: &Tenant) -> Result<Looked, Error> {
        let of = tenant.clone();
        let Open { keys, more, again } = self.blocking(move |platform| platform.plan_tenant(&of)).await?;
        let mut looked = Looked { again, more, ..Looked::default() };
        for key in &keys {
            match self.carry_out(tenant, key).await {
                Ok(waits) => looked.waits |= waits,
                Err(error) => {
                    tracing::warn!("the start `{key}` of {tenant} is tried again: {error}");
                    (looked.again, looked.more) = (true, false);
                    if matches!(error.code, Code::Unavailable | Code::TooMany) {
                        // The others would meet the same.
                        break;
                    }
                }
            }
        }
        Ok(looked)
    }

    /// Acts on a time that is open; true when it waits.
    async fn carry_out(&self, tenant: &Tenant, key: &str) -> Result<bool, Error> {
        let (of, named) = (tenant.clone(), key.to_owned());
        let found = self.blocking(move |platform| platform.standing(&of, &named)).await?;
        let Some(standing) = found else { return Ok(false) };
        let Standing { fire, decided, running, waiting, is_behind } = standing;
        let (actor, spec) = match decided {
            Ok((actor, spec)) => (Arc::new(actor), spec),
            Err(reason) => return self.settle(tenant, &fire, "refused", None, Some(reason)).await,
        };
        match (spec.overlap, running) {
            (Overlap::Skip, Some(before)) => {
                let reason = format!("{before} still ran");
                return self.settle(tenant, &fire, "skipped", None, Some(reason)).await;
            }
            (Overlap::Queue, before) if before.is_some() || is_behind => {
                let before = before.unwrap_or_else(|| "a time before it".to_owned());
                return self.let_wait(tenant, &fire, &before, waiting).await;
            }
            (Overlap::Cancel, Some(before)) => {
                let reason = Some("the next time of its schedule has come".to_owned());
                // It may have ended meanwhile.
                let cancelled = self.steer(&actor, &before, Steer::Cancel { reason, force: false }).await;
                cancelled.or_else(ended)?;
            }
            (Overlap::Allow | Overlap::Queue, _) | (_, None) => {}
        }
        self.start_fire(tenant, &fire, &actor, &spec).await
    }

    /// Lets a time wait for the one before, when not too many do.
    async fn let_wait(&self, tenant: &Tenant, fire: &Fire, before: &str, waiting: i64) -> Result<bool, Error> {
        if fire.state != "planned" {
            return Ok(true);
        }
        if waiting >= WAITING_MAX {
            let reason = format!("{before} still ran, and {WAITING_MAX} times wait already");
            return self.settle(tenant, fire, "skipped", None, Some(reason)).await;
        }
        self.settle(tenant, fire, "waiting", None, Some(format!("{before} still runs"))).await?;
        Ok(true)
    }

    async fn start_fire(
        &self,
        tenant: &Tenant,
        fire: &Fire,
        actor: &Arc<Actor>,
        spec: &ScheduleSpec,
    ) -> Result<bool, Error> {
        let start: Start = spec.start(spec.version.clone(), Some(fire.key.clone()));
        let error = match self.start_keyed(actor, start).await {
            Ok(started) => {
                return self.settle(tenant, fire, "started", Some(started.execution.to_string()), None).await;
            }
            Err(error) => error,
        };
        // A clock that was set back since makes it no longer.
        let is_tried = self.now_ms().saturating_sub(fire.at_ms).saturating_abs() < TRIED_MS;
        match error.code {
            Code::Unavailable => return Err(error),
            Code::Internal | Code::TooMany if is_tried => return Err(error),
            _ => {}
        }
        let reason = std::iter::once(error.message.clone())
            .chain(error.problems.iter().filter_map(|problem| Some(problem["message"].as_str()?.to_owned())))
            .collect::<Vec<_>>()
            .join("; ");
        self.settle(tenant, fire, "refused", None, Some(reason)).await
    }

    /// What decides about a time; none when it is not open any more. Blocks.
    fn standing(&self, tenant: &Tenant, key: &str) -> Result<Option<Standing>, Error> {
        let found = self.read(|work| {
            let schedules = work.of(tenant).schedules();
            let fire = schedules.fire(key)?.filter(|fire| matches!(fire.state.as_str(), "planned" | "waiting"));
            let Some(fire) = fire else { return Ok(None) };
            let Some(row) = schedules.get(&fire.schedule)? else { return Ok(None) };
            let actor = self.schedule_actor(work, tenant, &row)?;
            let (waiting, last) = (schedules.waiting_of(&row.id)?, schedules.last_started(&row.id)?);
            Ok(Some((fire, actor, waiting, last)))
        })?;
        let Some((fire, actor, (waiting, first), last)) = found else { return Ok(None) };
        let decided = actor.and_then(|actor| match serde_json::from_str(&fire.request) {
            Ok(spec) => Ok((actor, spec)),
            Err(_) => Err("what was to be started cannot be read".to_owned()),
        });
        // One that was started under this key before a crash is not in its own way.
        let own = self.journal(|reader| reader.start_key(tenant, key))?.map(|known| known.execution);
        let running = match last.as_deref().and_then(|id| id.parse().ok()) {
            Some(id) if own.is_none() => {
                let row = self.journal(|reader| reader.execution(id))?;
                row.filter(|row| is_open(row.status)).map(|row| row.id.to_string())
            }
            _ => None,
        };
        let is_behind = own.is_none() && first.is_some_and(|first| first < fire.nominal_ms);
        Ok(Some(Standing { fire, decided, running, waiting, is_behind }))
    }

    /// Says what became of a time. It does not wait any more.
    async fn settle(
        &self,
        tenant: &Tenant,
        fire: &Fire,
        state: &'static str,
        execution: Option<String>,
        reason: Option<String>,
    ) -> Result<bool, Error> {
        let (tenant, key) = (tenant.clone(), fire.key.clone());
        self.blocking(move |platform| {
            platform.parts().store.write(|work| {
                let schedules = work.of(&tenant).schedules();
                schedules.settle_fire(&key, state, execution.as_deref(), reason.as_deref())?;
                Ok(false)
            })
        })
        .await
    }

    /// Acts on schedules until `end` ends. A look that is under way then is left as a kill would leave it.
    pub async fn run_schedules(&self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            // Before the look, so that no end of an execution falls in between.
            let mut changes = self.parts().changes.listen();
            let looked = tokio::select! {
                () = &mut end => return,
                looked = self.look_at_schedules() => looked,
            };
            let looked = looked.unwrap_or_else(|error| {
                tracing::error!("schedules cannot be looked at: {error}");
                Looked { again: true, ..Looked::default() }
            });
            if looked.more {
                continue;
            }
            let left = looked.next_ms.map(|next| next.saturating_sub(self.now_ms()).max(0));
            let left = left.and_then(|left| u64::try_from(left).ok()).map_or(LOOK_AGAIN, Duration::from_millis);
            let pause = left.min(if looked.again { TRY_AGAIN } else { LOOK_AGAIN });
            tokio::select! {
                () = &mut end => return,
                () = tokio::time::sleep(pause) => {}
                () = self.inner.schedules_changed.notified() => {}
                // An execution that ends is what a time may wait for.
                () = next_change(&mut changes, CHANGES_TOGETHER), if looked.waits => {}
            }
        }
    }
}

fn is_open(status: ExecutionStatus) -> bool {
    !status.is_final()
}

fn ended(error: Error) -> Result<Option<akao_contract::ExecutionId>, Error> {
    match error.code {
        Code::Conflict | Code::NotFound | Code::Quarantined | Code::Forbidden => Ok(None),
        _ => Err(error),
    }
}
