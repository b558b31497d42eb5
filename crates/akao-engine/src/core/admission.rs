//! Which executions may run: a bound on all, one per tenant, one per tenant and concurrency key, and turns between tenants. What is
//! over a bound queues, in order. An execution that only waits, be it for its children, holds no place; it keeps its key.

use super::{Core, Due, Inner, live::Attributes};
use crate::{request::QueueEntry, store::Store};
use akao_contract::{ExecutionId, ExecutionStatus, Tenant};
use akao_journal::{ExecutionChange, OpenExecution, Write};
use akao_step::Allowances;
use std::collections::{BTreeMap, VecDeque};

/// One execution that waits for a place.
#[derive(Debug, Clone)]
struct Waiting {
    id: ExecutionId,
    workflow: String,
    key: Option<(String, u32)>,
    since_ms: i64,
}

/// Places and who waits for them.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    allowances: Allowances,
    running: BTreeMap<ExecutionId, Tenant>,
    /// How many of those each tenant has.
    by_tenant: BTreeMap<Tenant, u64>,
    /// Executions that hold a concurrency key, each with its own bound: those admitted and not ended, also while they
    /// wait. Versions of a workflow may differ in the bound; the smallest of those that hold the key counts for all.
    holders: BTreeMap<(Tenant, String), BTreeMap<ExecutionId, u32>>,
    queues: BTreeMap<Tenant, VecDeque<Waiting>>,
    /// The tenant whose turn was last.
    last: Option<Tenant>,
}

impl Admission {
    pub(super) fn new(limit: usize, allowances: Allowances) -> Self {
        Self {
            limit,
            allowances,
            running: BTreeMap::new(),
            by_tenant: BTreeMap::new(),
            holders: BTreeMap::new(),
            queues: BTreeMap::new(),
            last: None,
        }
    }

    fn begin(&mut self, tenant: &Tenant, id: ExecutionId) {
        if self.running.insert(id, tenant.clone()).is_none() {
            *self.by_tenant.entry(tenant.clone()).or_default() += 1;
        }
    }

    fn end(&mut self, id: ExecutionId) {
        let Some(tenant) = self.running.remove(&id) else { return };
        if let Some(count) = self.by_tenant.get_mut(&tenant) {
            *count -= 1;
            if *count == 0 {
                self.by_tenant.remove(&tenant);
            }
        }
    }

    /// How many executions of a tenant run.
    pub(super) fn running_of(&self, tenant: &Tenant) -> u64 {
        self.by_tenant.get(tenant).copied().unwrap_or(0)
    }

    /// How many executions of a tenant wait for a place.
    pub(super) fn queued_of(&self, tenant: &Tenant) -> u64 {
        self.queues.get(tenant).map_or(0, |queue| queue.len() as u64)
    }

    /// An execution that an earlier engine had admitted.
    pub(super) fn found(&mut self, tenant: &Tenant, key: Option<&(String, u32)>, running: bool, id: ExecutionId) {
        if running {
            self.begin(tenant, id);
        }
        self.hold(tenant, id, key);
    }

    fn hold(&mut self, tenant: &Tenant, id: ExecutionId, key: Option<&(String, u32)>) {
        if let Some((key, limit)) = key {
            self.holders.entry((tenant.clone(), key.clone())).or_default().insert(id, *limit);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty() && self.queues.is_empty()
    }

    fn has_room(&self, tenant: &Tenant, key: Option<&(String, u32)>) -> bool {
        let free = |(key, limit): &(String, u32)| {
            let Some(holders) = self.holders.get(&(tenant.clone(), key.clone())) else { return *limit > 0 };
            let limit = holders.values().chain([limit]).min().copied().unwrap_or(0);
            holders.len() < limit as usize
        };
        let of_tenant = || self.allowances.of(tenant).executions.is_none_or(|max| self.running_of(tenant) < max);
        self.running.len() < self.limit && key.is_none_or(free) && of_tenant()
    }

    fn take(&mut self, tenant: &Tenant, id: ExecutionId, key: Option<&(String, u32)>) {
        self.begin(tenant, id);
        self.hold(tenant, id, key);
    }

    /// The next execution that has room, tenants in turn, each one's in order.
    fn next(&mut self) -> Option<(Tenant, Waiting)> {
        if self.running.len() >= self.limit {
            return None;
        }
        let tenants: Vec<Tenant> = self.queues.keys().cloned().collect();
        let after = self.last.as_ref().map_or(0, |last| tenants.iter().position(|tenant| tenant > last).unwrap_or(0));
        for tenant in tenants.iter().cycle().skip(after).take(tenants.len()) {
            let queue = self.queues.get(tenant)?;
            let Some(at) = queue.iter().position(|waiting| self.has_room(tenant, waiting.key.as_ref())) else {
                continue;
            };
            let queue = self.queues.get_mut(tenant)?;
            let waiting = queue.remove(at)?;
            if queue.is_empty() {
                self.queues.remove(tenant);
            }
            self.last = Some(tenant.clone());
            return Some((tenant.clone(), waiting));
        }
        None
    }

    fn forget(&mut self, id: ExecutionId) {
        self.end(id);
        self.holders.retain(|_, holders| {
            holders.remove(&id);
            !holders.is_empty()
        });
    }

    fn leave(&mut self, id: ExecutionId, tenant: &Tenant, key: Option<&str>) {
        self.end(id);
        let Some(key) = key.map(|key| (tenant.clone(), key.to_owned())) else { return };
        if let Some(holders) = self.holders.get_mut(&key) {
            holders.remove(&id);
            if holders.is_empty() {
                self.holders.remove(&key);
            }
        }
    }

    fn drop_queued(&mut self, id: ExecutionId) -> bool {
        let before: usize = self.queues.values().map(VecDeque::len).sum();
        for queue in self.queues.values_mut() {
            queue.retain(|waiting| waiting.id != id);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        before != self.queues.values().map(VecDeque::len).sum::<usize>()
    }
}

impl Core {
    /// Takes a place for a new execution, or puts it at the end of its tenant's queue and says its place there.
    pub(super) fn enter(
        &mut self,
        tenant: &Tenant,
        id: ExecutionId,
        workflow: &str,
        key: Option<(String, u32)>,
    ) -> Option<u64> {
        let ahead = self.admission.queues.get(tenant).is_some_and(|queue| {
            queue
                .iter()
                .any(|waiting| key.is_none() || waiting.key.as_ref().map(|k| &k.0) == key.as_ref().map(|k| &k.0))
        });
        let has_room = !self.draining && self.admission.has_room(tenant, key.as_ref());
        if has_room && !ahead {
            self.admission.take(tenant, id, key.as_ref());
            return None;
        }
        if has_room {
            // Only its turn is missing. What stands before it may wait for a key that stays taken, so nothing else
            // would come to look at the queue.
            self.inner.push_back(Inner::Admit);
        }
        let queue = self.admission.queues.entry(tenant.clone()).or_default();
        queue.push_back(Waiting { id, workflow: workflow.to_owned(), key, since_ms: self.now_ms });
        Some(queue.len() as u64)
    }

    /// Puts an execution that was queued when the last engine ended back into its place.
    pub(super) fn requeue(&mut self, store: &dyn Store, row: &OpenExecution) {
        let limit = self.version(store, &row.tenant, row.definition).ok().and_then(|version| {
            let queued = store.execution(row.id).ok()??;
            let attributes: Attributes = serde_json::from_slice(&queued.attributes).ok()?;
            version.program.concurrency(&attributes.queued?.input).ok()?
        });
        let waiting = Waiting { id: row.id, workflow: row.workflow.clone(), key: limit, since_ms: row.started_ms };
        self.admission.queues.entry(row.tenant.clone()).or_default().push_back(waiting);
    }

    /// Starts queued executions as far as there is room.
    pub(super) fn admit(&mut self, store: &dyn Store) {
        while !self.draining {
            let Some((tenant, waiting)) = self.admission.next() else { return };
            self.admission.take(&tenant, waiting.id, waiting.key.as_ref());
            if let Err(reason) = self.start_queued(store, waiting.id) {
                let parent = store.execution(waiting.id).ok().flatten().and_then(|row| row.parent);
                self.quarantine(waiting.id, parent, reason);
            }
        }
    }

    /// Brings the places up to date with an execution's state. `working` tells one that has steps of its own under way
    /// from one that waits.
    pub(super) fn placed(&mut self, id: ExecutionId, ended: bool, working: bool, tenant: &Tenant, key: Option<&str>) {
        if ended {
            self.admission.leave(id, tenant, key);
        } else if working {
            self.admission.begin(tenant, id);
            return;
        } else {
            self.admission.end(id);
        }
        self.admit_soon();
    }

    /// A quarantined execution gives back whatever it held.
    pub(super) fn displaced(&mut self, id: ExecutionId) {
        self.admission.forget(id);
        self.admit_soon();
    }

    /// Looks at the queue again: more may be allowed than before.
    pub(super) fn admit_soon(&mut self) {
        if !self.admission.queues.is_empty() {
            self.inner.push_back(Inner::Admit);
        }
    }

    /// Takes an execution out of the queue for good.
    pub(super) fn cancel_queued(&mut self, id: ExecutionId, reason: Option<&str>) -> bool {
        if !self.admission.drop_queued(id) {
            return false;
        }
        let failure = akao_flow::Failure {
            error: akao_contract::StepError::new(
                akao_contract::ErrorKind::Cancelled,
                reason.unwrap_or("cancelled before it was started"),
            ),
            step: akao_contract::Address::root(),
        };
        let finish = akao_flow::Finish {
            status: ExecutionStatus::Cancelled,
            outputs: serde_json::Map::new(),
            failure: Some(failure),
            soft_failures: vec![],
        };
        self.effect(super::Effect::Ended(id, Box::new(finish.clone())));
        self.writes.push(Write::UpdateExecution {
            execution: id,
            change: ExecutionChange {
                status: Some(ExecutionStatus::Cancelled),
                ended_ms: Some(Some(self.now_ms)),
                updated_ms: Some(self.now_ms),
                summary: Some(serde_json::to_vec(&finish).ok()),
                ..ExecutionChange::default()
            },
        });
        true
    }

    /// What waits for a place.
    pub(super) fn queue(&self) -> (Vec<QueueEntry>, u64, u64) {
        let mut entries = Vec::new();
        for (tenant, queue) in &self.admission.queues {
            for (position, waiting) in (1..).zip(queue) {
                entries.push(QueueEntry {
                    id: waiting.id,
                    kind: "execution".into(),
                    target: waiting.workflow.clone(),
                    action: "start".into(),
                    tenant: tenant.clone(),
                    enqueued_at: waiting.since_ms,
                    position,
                    key: waiting.key.as_ref().map(|(key, _)| key.clone()),
                });
            }
        }
        (entries, self.admission.running.len() as u64, self.admission.limit as u64)
    }

    /// Whether an execution waits for a place.
    pub(super) fn is_queued(&self, id: ExecutionId) -> bool {
        self.admission.queues.values().flatten().any(|waiting| waiting.id == id)
    }

    /// Forgets due times of an execution that leaves memory, but for the next one.
    pub(super) fn park_timers(&mut self, id: ExecutionId, timers: &BTreeMap<akao_contract::OpId, i64>) {
        for (op, at) in timers {
            self.due.remove(&(*at, id, Due::Timer(*op)));
        }
        if let Some(at) = timers.values().min() {
            self.due.insert((*at, id, Due::Wake));
        }
    }
}
