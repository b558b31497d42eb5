//! Deliveries on their way: signed, sent, repeated with growing pauses, given up after a day, and at last not tried any more.
//!
//! An address that does not answer keeps others waiting for the time of an answer at most: each webhook has one delivery under way,
//! a tenant has a few, the server a few dozen, and whoever was served last has the next turn last.

use super::{
    WebhookSpec,
    collect::{Active, ActiveWebhook},
};
use crate::{Error, Means, Platform, WebhookId, authentication, changed::next_change, decided::read, signature};
use akao_contract::{Permission, Tenant};
use akao_step::{Egress, EgressError, HttpCall, Secret};
use akao_store::{Delivery, StoreError, Webhook, Work};
use serde_json::json;
use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use url::Url;

/// Pauses before the second and each further attempt, in seconds; after the last one the delivery is dead.
const PAUSES_S: [i64; 8] = [5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200];

/// A webhook of which nothing has succeeded for so long is disabled with its next dead delivery.
const FAILING_MAX_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// How long a delivery is remembered.
pub(super) const REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// How much of an answer is read; it is not kept.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Deliveries under way, of a tenant and of all.
const OF_TENANT_MAX: usize = 4;
const OF_ALL_MAX: usize = 32;

/// How long a webhook rests whose delivery could not be written down: it would be sent again at once.
const AFTER_ERROR: Duration = Duration::from_secs(30);

/// What is told of an attempt for which the address, the secret or who is told could not be read.
const UNREADABLE: &str = "what is kept of the webhook cannot be opened; the operator finds more in the log";

/// Changes within this time are looked at together.
const CHANGES_TOGETHER: Duration = Duration::from_millis(100);

/// Longest pause between two looks, and how long one that cannot be read is taken to be so.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// The way to the addresses of webhooks.
#[derive(Clone)]
pub struct Outbound {
    /// The way out. It reaches public addresses alone, unless the operator allows others.
    pub egress: Arc<dyn Egress>,
    /// Whether the operator allows others.
    pub private: bool,
}

/// What is under way, and who is told.
#[derive(Default)]
pub(crate) struct InFlight {
    webhooks: Mutex<BTreeSet<(Tenant, String)>>,
    active: Mutex<Option<(Instant, Arc<Active>)>>,
    generation: AtomicU64,
    /// Which tenant comes first at the next look.
    turn: AtomicUsize,
    /// Told when a delivery has ended.
    ended: Notify,
}

impl InFlight {
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Who is told, as far as that is remembered. Where one could not be read, that is for a while: it may be readable again without
    /// anybody having changed it.
    pub(super) fn active(&self) -> Option<Arc<Active>> {
        let known = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, active) = known.as_ref()?;
        let is_whole = active.values().flatten().all(ActiveWebhook::is_readable);
        (is_whole || since.elapsed() < LOOK_AGAIN).then(|| Arc::clone(active))
    }

    /// Remembers who is told, unless that was changed since it was looked up.
    pub(super) fn set_active(&self, generation: u64, active: &Arc<Active>) {
        let mut known = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if self.generation() == generation {
            *known = Some((Instant::now(), Arc::clone(active)));
        }
    }

    pub(crate) fn forget_active(&self) {
        let mut known = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Ordering::SeqCst);
        *known = None;
    }

    /// Takes the one place of a webhook, when it and others are free.
    fn enter(&self, tenant: &Tenant, webhook: &str) -> bool {
        let mut under_way = self.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = under_way.iter().filter(|(of, _)| of == tenant).count();
        of_tenant < OF_TENANT_MAX
            && under_way.len() < OF_ALL_MAX
            && under_way.insert((tenant.clone(), webhook.to_owned()))
    }

    fn is_under_way(&self, tenant: &Tenant, webhook: &str) -> bool {
        let under_way = self.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.contains(&(tenant.clone(), webhook.to_owned()))
    }
}

/// The place of a delivery that is under way, given back however that ends.
struct Place {
    platform: Platform,
    tenant: Tenant,
    webhook: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let in_flight = &self.platform.inner.in_flight;
        let mut under_way = in_flight.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&(self.tenant.clone(), self.webhook.clone()));
        in_flight.ended.notify_one();
    }
}

/// How an attempt ended.
enum Attempt {
    Delivered(u16),
    /// The address says that it is not there any more.
    Gone,
    Failed(Option<u16>, String),
}

impl Platform {
    /// Tells webhooks until `end` ends. What is under way then is sent again by the next server.
    pub async fn run_webhooks(&self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            let mut changes = self.parts().changes.listen();
            let looked = tokio::select! {
                () = &mut end => return,
                looked = self.look_at_webhooks() => looked,
            };
            let next_ms = looked.unwrap_or_else(|error| {
                tracing::error!("webhooks cannot be told: {error}");
                None
            });
            let left = next_ms.map(|next| next.saturating_sub(self.now_ms()).max(0));
            let pause = left.and_then(|left| u64::try_from(left).ok()).map_or(LOOK_AGAIN, Duration::from_millis);
            let has_webhooks = self.inner.in_flight.active().is_none_or(|active| !active.is_empty());
            tokio::select! {
                () = &mut end => return,
                () = tokio::time::sleep(pause.min(LOOK_AGAIN)) => {}
                () = self.inner.webhooks_changed.notified() => {}
                () = self.inner.in_flight.ended.notified() => {}
                () = next_change(&mut changes, CHANGES_TOGETHER), if has_webhooks => {}
            }
        }
    }

    /// Looks once: writes down what is to be told, and sends what is due. Says when the next one is due.
    ///
    /// # Errors
    /// Platform data or the journal cannot be read or written.
    pub async fn look_at_webhooks(&self) -> Result<Option<i64>, Error> {
        while self.blocking(Self::collect).await? {}
        let (due, next_ms) = self.blocking(Self::due_deliveries).await?;
        for (tenant, webhook, delivery) in due {
            if !self.inner.in_flight.enter(&tenant, &webhook.id) {
                continue;
            }
            let place = Place { platform: self.clone(), tenant, webhook: webhook.id.clone() };
            tokio::spawn(async move {
                let Place { platform, tenant, webhook: id } = &place;
                if let Err(error) = platform.deliver(tenant, webhook, delivery).await {
                    tracing::error!("a delivery of webhook {id} cannot be written down: {error}");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            });
        }
        Ok(next_ms)
    }

    fn due_deliveries(&self) -> Result<(Vec<(Tenant, Webhook, Delivery)>, Option<i64>), Error> {
        let (now_ms, active, in_flight) = (self.now_ms(), self.active_webhooks()?, &self.inner.in_flight);
        let (mut due, mut next_ms): (Vec<_>, Option<i64>) = (Vec::new(), None);
        // Each look begins with another tenant, and with what has waited longest of it.
        let turn = in_flight.turn.fetch_add(1, Ordering::Relaxed) % active.len().max(1);
        for (tenant, webhooks) in active.iter().cycle().skip(turn).take(active.len()) {
            let mut of_tenant = Vec::new();
            // Who is free is asked before the database is: a delivery that ends in between would be free, and read as it was before.
            let free: Vec<_> = webhooks
                .iter()
                .map(|webhook| &webhook.row)
                .filter(|row| !in_flight.is_under_way(tenant, &row.id))
                .collect();
            self.read(|work| {
                for row in free {
                    let found = work.of(tenant).webhooks().next_delivery(&row.id)?;
                    of_tenant.extend(found.map(|delivery| (tenant.clone(), row.clone(), delivery)));
                }
                Ok(())
            })?;
            of_tenant.sort_by_key(|(_, _, delivery)| delivery.due_ms);
            for found in of_tenant {
                match found.2.due_ms.filter(|due| *due > now_ms) {
                    Some(later) => next_ms = Some(next_ms.map_or(later, |next| next.min(later))),
                    // Those that are due and have no place are looked at when a place is free.
                    None => due.push(found),
                }
            }
        }
        Ok((due, next_ms))
    }

    async fn deliver(&self, tenant: &Tenant, remembered: Webhook, delivery: Delivery) -> Result<(), Error> {
        let now_ms = self.now_ms();
        let (of, known) = (tenant.clone(), remembered.clone());
        let looked = self.blocking(move |platform| platform.read(|work| look_up(work, &of, &known, now_ms))).await?;
        let tenant = tenant.clone();
        let (webhook, spec, secrets) = match looked {
            Looked::Told(webhook, spec, secrets) => (webhook, spec, secrets),
            Looked::NotThere => {
                self.inner.in_flight.forget_active();
                return Ok(());
            }
            Looked::MayNot(webhook, reason) => {
                return self.blocking(move |platform| platform.disable(&tenant, &webhook, &reason)).await;
            }
            Looked::Unreadable(webhook, why) => {
                tracing::error!("webhook {} of {tenant} cannot be opened: {why}", webhook.id);
                let attempt = Attempt::Failed(None, UNREADABLE.to_owned());
                let settle = move |platform: &Self| platform.settle_attempt(&tenant, &webhook, delivery, attempt);
                return self.blocking(settle).await;
            }
        };
        if is_changed(&remembered, &webhook) {
            // Somebody beside this server has changed it, or it could not be read a moment ago.
            self.inner.in_flight.forget_active();
        }
        let id = format!("msg_{}", delivery.id);
        let stamp = now_ms.div_euclid(1_000).to_string();
        let body = delivery.body.clone().into_bytes();
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("webhook-signature".to_owned(), signature::sign(&secrets, &id, &stamp, &body)),
            ("webhook-id".to_owned(), id),
            ("webhook-timestamp".to_owned(), stamp),
        ];
        let attempt = self.send(&spec.url, headers, body).await;
        self.blocking(move |platform| platform.settle_attempt(&tenant, &webhook, delivery, attempt)).await
    }

    async fn send(&self, url: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> Attempt {
        let Some(grant) = grant(url) else { return Attempt::Failed(None, "the address cannot be read".to_owned()) };
        let call = HttpCall {
            method: "POST".to_owned(),
            url: url.to_owned(),
            headers,
            body,
            timeout: ANSWER_WITHIN,
            // A redirect could lead anywhere, and a signed message would follow.
            redirects_max: 0,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        match self.parts().outbound.egress.http(&[grant], call).await {
            Ok(answer) if (200..300).contains(&answer.status) => Attempt::Delivered(answer.status),
            Ok(answer) if answer.status == 410 => Attempt::Gone,
            Ok(answer) => Attempt::Failed(Some(answer.status), format!("the answer was {}", answer.status)),
            Err(EgressError::Denied { target, reason, .. }) => {
                Attempt::Failed(None, format!("{target} is not reached by webhooks: {reason}"))
            }
            Err(error) => Attempt::Failed(None, akao_contract::shortened(error.to_string(), 200)),
        }
    }

    fn settle_attempt(
        &self,
        tenant: &Tenant,
        webhook: &Webhook,
        delivery: Delivery,
        attempt: Attempt,
    ) -> Result<(), Error> {
        let now_ms = self.now_ms();
        let attempts = delivery.attempts + 1;
        let settled = after(delivery, &attempt, attempts, now_ms);
        let reason = self.parts().store.write(|work| {
            let webhooks = work.of(tenant).webhooks();
            webhooks.settle_delivery(&settled)?;
            // It may have been changed while the delivery was under way.
            let Some(failing_since_ms) = webhooks.failing_since(&webhook.id)? else { return Ok(None) };
            webhooks.forget_deliveries(now_ms.saturating_sub(REMEMBERED_MS))?;
            if matches!(attempt, Attempt::Delivered(_)) {
                if failing_since_ms.is_some() {
                    webhooks.set_failing(&webhook.id, None)?;
                }
                return Ok(None);
            }
            let since = failing_since_ms.unwrap_or(now_ms);
            if failing_since_ms.is_none() {
                webhooks.set_failing(&webhook.id, Some(since))?;
            }
            Ok::<_, Error>(match attempt {
                Attempt::Gone => Some("the address answered that it is gone"),
                _ if settled.state == "dead" && now_ms.saturating_sub(since) >= FAILING_MAX_MS => {
                    Some("no delivery has succeeded for three days")
                }
                _ => None,
            })
        })?;
        reason.map_or(Ok(()), |reason| self.disable(tenant, webhook, reason))
    }

    /// Tells a webhook nothing any more, until somebody lets it go on.
    fn disable(&self, tenant: &Tenant, webhook: &Webhook, reason: &str) -> Result<(), Error> {
        let now_ms = self.now_ms();
        let disabled = self.parts().store.write(|work| {
            // Somebody who has mended it meanwhile is not undone.
            if !work.of(tenant).webhooks().disable(&webhook.id, webhook.revision, reason)? {
                return Ok::<_, Error>(false);
            }
            let details = json!({"webhook": webhook.id, "name": webhook.name, "reason": reason});
            crate::audit::record(work, tenant, now_ms, json!({"webhook": webhook.id}), "webhook.disabled", details)?;
            Ok(true)
        })?;
        self.inner.in_flight.forget_active();
        if !disabled {
            return Ok(());
        }
        tracing::warn!("webhook {} of {tenant} is disabled: {reason}", webhook.id);
        Ok(())
    }
}

/// A webhook as it is when it is told.
enum Looked {
    /// What was decided, and the secrets that count.
    Told(Webhook, WebhookSpec, Vec<Secret>),
    /// It was taken away, rests, or its tenant ends.
    NotThere,
    /// Why it is told nothing any more.
    MayNot(Webhook, String),
    /// Why what is kept of it does not open.
    Unreadable(Webhook, String),
}

/// Whether a webhook is another one than is remembered. Since when it fails is written down here at each turn, and counts for nothing
/// else.
fn is_changed(remembered: &Webhook, now: &Webhook) -> bool {
    Webhook { failing_since_ms: now.failing_since_ms, ..remembered.clone() } != *now
}

/// What was read, or why it does not open. That is an attempt which failed; a database that fails says nothing of the webhook.
fn opened<T>(read: Result<T, StoreError>) -> Result<Result<T, String>, Error> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(why @ (StoreError::Sealed { .. } | StoreError::Key { .. } | StoreError::Damaged { .. })) => {
            Ok(Err(why.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Looks a webhook up again: what is remembered of it may be sealed with a key that is not there any more.
fn look_up(work: &Work<'_>, tenant: &Tenant, known: &Webhook, now_ms: i64) -> Result<Looked, Error> {
    let webhooks = work.of(tenant).webhooks();
    if work.of(tenant).row()?.is_none() {
        return Ok(Looked::NotThere);
    }
    let row = match opened(webhooks.get(&known.id))? {
        Ok(row) => row,
        Err(why) => return Ok(Looked::Unreadable(known.clone(), why)),
    };
    let Some(row) = row.filter(|row| row.state == "active") else { return Ok(Looked::NotThere) };
    let Ok(spec) = read::<WebhookSpec>(&row.spec) else {
        return Ok(Looked::Unreadable(row, "what was decided is not readable".to_owned()));
    };
    if let Err(why) = opened(work.accounts().by_id(&row.account))? {
        return Ok(Looked::Unreadable(row, why));
    }
    if let Err(reason) = may_be_told(work, tenant, &row, &spec)? {
        return Ok(Looked::MayNot(row, reason));
    }
    Ok(match opened(webhooks.secrets(&row, now_ms))? {
        Ok(secrets) => Looked::Told(row, spec, secrets),
        Err(why) => Looked::Unreadable(row, why),
    })
}

/// Whether whoever decided a webhook last may still see what it is told; the reason when not.
fn may_be_told(
    work: &Work<'_>,
    tenant: &Tenant,
    webhook: &Webhook,
    spec: &WebhookSpec,
) -> Result<Result<(), String>, Error> {
    let Ok(id) = webhook.id.parse::<WebhookId>() else { return Ok(Err("its id cannot be read".to_owned())) };
    let Some(actor) = authentication::member(work, tenant, &webhook.account, Means::Webhook(id))? else {
        return Ok(Err("the person in whose name it is told does not belong to the tenant any more".to_owned()));
    };
    Ok(match spec.missing(&actor) {
        None => Ok(()),
        Some(needed) => {
            let who = crate::address(actor.kind, &actor.email).unwrap_or(&actor.name);
            Err(format!("{who} may not see any more what it is told, which needs `{needed}`"))
        }
    })
}

/// The delivery after an attempt.
fn after(delivery: Delivery, attempt: &Attempt, attempts: i64, now_ms: i64) -> Delivery {
    let (state, status, error) = match attempt {
        Attempt::Delivered(status) => ("delivered", Some(*status), None),
        Attempt::Gone => ("dead", Some(410), Some("the address answered that it is gone".to_owned())),
        Attempt::Failed(status, error) => ("pending", *status, Some(error.clone())),
    };
    let pause = usize::try_from(attempts - 1).ok().and_then(|at| PAUSES_S.get(at));
    let (state, due_ms) = match (state, pause) {
        ("pending", Some(pause)) => {
            // Spread by up to a fifth, so that what failed together does not come back together.
            let spread = delivery.id.bytes().map(i64::from).sum::<i64>() % 201;
            ("pending", Some(now_ms.saturating_add(pause * (1_000 + spread))))
        }
        ("pending", None) => ("dead", None),
        (state, _) => (state, None),
    };
    Delivery {
        state: state.to_owned(),
        attempts,
        due_ms,
        status: status.map(i64::from),
        error,
        tried_ms: Some(now_ms),
        ..delivery
    }
}

/// What reaches the address, and nothing else.
fn grant(url: &str) -> Option<Permission> {
    let url = Url::parse(url).ok()?;
    format!("network.http={}:{}", url.host_str()?, url.port_or_known_default()?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_open_is_an_attempt_that_failed() {
        let code = |error: StoreError| opened::<()>(Err(error)).map(|opened| opened.is_err());
        assert_eq!(code(StoreError::Sealed { table: "webhook", column: "secret" }), Ok(true));
        assert_eq!(code(StoreError::key("there is none", "Bring it back.")), Ok(true));
        code(StoreError::Lost("it went away".into())).unwrap_err();
        code(StoreError::Database("it is busy".into())).unwrap_err();
    }

    #[test]
    fn one_that_fails_is_no_other_webhook() {
        let remembered = Webhook {
            id: "w".to_owned(),
            name: "all".to_owned(),
            spec: "{}".to_owned(),
            secret: "sealed".to_owned(),
            old_secret: None,
            old_until_ms: None,
            account: "a".to_owned(),
            state: "active".to_owned(),
            reason: None,
            failing_since_ms: None,
            since_lsn: 0,
            since_ms: 0,
            revision: 1,
            created_ms: 0,
            changed_ms: 0,
        };
        let failing = Webhook { failing_since_ms: Some(7), ..remembered.clone() };
        assert!(!is_changed(&remembered, &failing) && !is_changed(&failing, &remembered));
        assert!(is_changed(&remembered, &Webhook { secret: "anew".to_owned(), ..failing }));
    }
}
