//! What is to be told: found in the journal, behind the place up to which it was looked at. That place and the deliveries are
//! written together, so that a kill neither loses nor doubles one; a delivery of the same event is there once.

use super::{WebhookEvent, WebhookSpec, deliver::REMEMBERED_MS};
use crate::{Error, Platform, WebhookId, decided::read, secret};
use akao_contract::{ExecutionStatus, Tenant};
use akao_engine::steps::timestamp;
use akao_flow::Finish;
use akao_journal::{ChangedExecution, ExecutionRow, ReadError, Reader, TaskFilter, TaskRow};
use akao_store::{Delivery, Webhook};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// Events of the journal that are looked at together.
const EVENTS_AT_ONCE: u32 = 1_000;

/// Tasks of one execution that are told together.
const TASKS_MAX: u32 = 1_000;

/// By how much the times of an event and of the task that it opened may differ.
const TIMES_APART_MS: i64 = 60_000;

/// The place up to which the journal was looked at, by this name.
const PLACE: &str = "webhooks";

/// Active webhooks by tenant. They are remembered, and what is sealed in them may have been sealed anew since, by another process.
pub(super) type Active = BTreeMap<Tenant, Vec<ActiveWebhook>>;

/// An active webhook.
pub(super) struct ActiveWebhook {
    pub(super) row: Webhook,
    /// What was decided; none when that cannot be read.
    spec: Option<WebhookSpec>,
}

impl ActiveWebhook {
    /// One that cannot be read is told nothing new, and keeps nobody else from being told.
    fn of(row: Webhook, tenant: &Tenant) -> Self {
        let spec =
            read(&row.spec).inspect_err(|_| tracing::error!("webhook {} of {tenant} cannot be read", row.id)).ok();
        Self { row, spec }
    }

    pub(super) fn is_readable(&self) -> bool {
        self.spec.is_some()
    }

    fn wants(&self, event: WebhookEvent, workflow: &str) -> bool {
        self.spec.as_ref().is_some_and(|spec| spec.wants(event, workflow))
    }
}

/// Something to be told.
struct Told {
    tenant: Tenant,
    workflow: String,
    event: WebhookEvent,
    subject: String,
    /// When it happened, in Unix milliseconds.
    at_ms: i64,
    data: Value,
}

impl Platform {
    /// The active webhooks, which are looked up again when one was changed. Blocks.
    pub(super) fn active_webhooks(&self) -> Result<Arc<Active>, Error> {
        let in_flight = &self.inner.in_flight;
        let generation = in_flight.generation();
        if let Some(known) = in_flight.active() {
            return Ok(known);
        }
        let mut active = Active::new();
        self.read(|work| {
            for tenant in work.accounts().tenants()? {
                let rows = work.of(&tenant).webhooks().active()?;
                let found: Vec<_> = rows.into_iter().map(|row| ActiveWebhook::of(row, &tenant)).collect();
                if !found.is_empty() {
                    active.insert(tenant, found);
                }
            }
            Ok(())
        })?;
        let active = Arc::new(active);
        in_flight.set_active(generation, &active);
        Ok(active)
    }

    /// Looks at what was added to the journal; true when there may be more. Blocks.
    pub(super) fn collect(&self) -> Result<bool, Error> {
        let active = self.active_webhooks()?;
        if active.is_empty() {
            return Ok(false);
        }
        let stored = self.read(|work| Ok(work.accounts().place(PLACE)?))?;
        // Nobody has looked before: nothing before the first webhook is told.
        let first = active.values().flatten().map(|webhook| webhook.row.since_lsn).min().unwrap_or(0);
        let from = stored.unwrap_or(first);
        let (told, next) = self.journal(|reader| {
            let last = reader.last_lsn()?;
            // One whose last events were pruned gives their places again, and one that was begun anew all of them.
            let from = if from > last { 0 } else { from };
            let (changed, next) = reader.changed_since(from, EVENTS_AT_ONCE)?;
            let mut told = Vec::new();
            for changed in changed {
                match told_of(reader, &active, &changed) {
                    // What is damaged is nobody else's.
                    Err(ReadError::Damaged(damage)) => {
                        tracing::error!("nobody is told of execution {}: {damage}", changed.id);
                    }
                    found => told.extend(found?),
                }
            }
            Ok((told, next))
        })?;
        if stored == Some(next) {
            return Ok(false);
        }
        self.write_deliveries(&active, &told, next)?;
        Ok(next > from)
    }

    fn write_deliveries(&self, active: &Active, told: &[Told], next: i64) -> Result<(), Error> {
        let now_ms = self.now_ms();
        // What is older may have been told and forgotten.
        let remembered = now_ms.saturating_sub(REMEMBERED_MS);
        self.parts().store.write(|work| {
            for told in told.iter().filter(|told| told.at_ms > remembered) {
                let webhooks = work.of(&told.tenant).webhooks();
                let of_tenant = active.get(&told.tenant).into_iter().flatten();
                let wanting = of_tenant
                    .filter(|webhook| webhook.row.since_ms < told.at_ms && webhook.wants(told.event, &told.workflow));
                for webhook in wanting {
                    let id = WebhookId::new(now_ms, secret::random_bits()?);
                    let body = json!({"type": told.event, "timestamp": timestamp(now_ms), "data": told.data});
                    webhooks.insert_delivery(&Delivery {
                        id: id.as_str().to_owned(),
                        webhook: webhook.row.id.clone(),
                        event: told.event.as_str().to_owned(),
                        subject: told.subject.clone(),
                        body: body.to_string(),
                        state: "pending".to_owned(),
                        attempts: 0,
                        due_ms: Some(now_ms),
                        status: None,
                        error: None,
                        created_ms: now_ms,
                        tried_ms: None,
                    })?;
                }
            }
            Ok(work.accounts().set_place(PLACE, next)?)
        })
    }
}

/// What is to be told of an execution, of whoever wants to hear something of it.
fn told_of(reader: &Reader, active: &Active, changed: &ChangedExecution) -> Result<Vec<Told>, ReadError> {
    let Some(row) = reader.execution(changed.id)? else { return Ok(Vec::new()) };
    let Some(webhooks) = active.get(&row.tenant) else { return Ok(Vec::new()) };
    let wanted = |event| webhooks.iter().any(|webhook| webhook.wants(event, &row.workflow));
    let mut told = Vec::new();
    if let Some(event) = ended(row.status).filter(|event| wanted(*event)) {
        told.push(of_execution(&row, event));
    }
    if wanted(WebhookEvent::TaskOpened) {
        // Whatever became of it: one that was answered at once was opened all the same.
        let filter = TaskFilter {
            execution: Some(changed.id),
            since_ms: Some(changed.first_ms.saturating_sub(TIMES_APART_MS)),
            ..TaskFilter::default()
        };
        told.extend(reader.tasks(&filter, TASKS_MAX)?.iter().map(|task| of_task(&row, task)));
    }
    Ok(told)
}

fn ended(status: ExecutionStatus) -> Option<WebhookEvent> {
    match status {
        ExecutionStatus::Success | ExecutionStatus::Skipped => Some(WebhookEvent::Succeeded),
        ExecutionStatus::Failure | ExecutionStatus::Quarantined => Some(WebhookEvent::Failed),
        ExecutionStatus::Cancelled => Some(WebhookEvent::Cancelled),
        _ => None,
    }
}

fn of_execution(row: &ExecutionRow, event: WebhookEvent) -> Told {
    let finish = row.summary.as_deref().and_then(|bytes| serde_json::from_slice::<Finish>(bytes).ok());
    // Its message may hold values of the work; its kind does not.
    let error = finish.and_then(|finish| finish.failure).map(|failure| json!({"kind": failure.error.kind}));
    let data = json!({
        "execution": row.id, "workflow": row.workflow, "version": row.version, "status": row.status,
        "started_at": timestamp(row.started_ms), "ended_at": row.ended_ms.map(timestamp), "error": error,
    });
    let (tenant, workflow) = (row.tenant.clone(), row.workflow.clone());
    let at_ms = row.ended_ms.unwrap_or(row.updated_ms);
    Told { tenant, workflow, event, subject: row.id.to_string(), at_ms, data }
}

fn of_task(row: &ExecutionRow, task: &TaskRow) -> Told {
    let subject = format!("{}:{}", task.execution, task.op);
    let data = json!({
        "task": subject, "execution": row.id, "workflow": row.workflow, "version": row.version, "title": task.title,
        "assignee": task.assignee, "role": task.role, "due_at": task.due_ms.map(timestamp),
        "created_at": timestamp(task.created_ms),
    });
    let (tenant, workflow, event) = (row.tenant.clone(), row.workflow.clone(), WebhookEvent::TaskOpened);
    Told { tenant, workflow, event, subject, at_ms: task.created_ms, data }
}
