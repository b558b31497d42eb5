//! What each tenant may use at once. One sheet is shared by everything that uses something up: the engine, the processes of
//! nodes, the store of large values. A tenant that stands not on it may use whatever there is.

use akao_contract::{
    Tenant,
    manifest::{ResourceCaps, Resources},
};
use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What a tenant may use at most; none is no bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Executions that run at once; those that wait do not count.
    pub executions: Option<u64>,
    /// Steps that run at once outside the engine's own thread.
    pub steps: Option<u64>,
    /// Processor time of its processes together, in thousandths of one processor.
    pub cpu_millis: Option<u64>,
    /// Memory of its processes together, in bytes.
    pub memory_bytes: Option<u64>,
    /// Everything that it stores, in bytes.
    pub storage_bytes: Option<u64>,
    /// Executions that it starts in a minute.
    pub starts_per_minute: Option<u64>,
}

/// What the limits of a tenant's processes add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Processor time, in thousandths of one processor.
    pub cpu_millis: u64,
    /// Memory, in bytes.
    pub memory_bytes: u64,
}

/// The sheet. Cheap to clone; every clone is the same sheet.
#[derive(Debug, Clone, Default)]
pub struct Allowances(Arc<Sheet>);

#[derive(Debug, Default)]
struct Sheet {
    tenants: Mutex<BTreeMap<Tenant, Entry>>,
    given_back: Notify,
}

#[derive(Debug, Default)]
struct Entry {
    allowance: Allowance,
    held: Held,
    /// What it stores beside its large values, in bytes.
    beside_bytes: u64,
}

impl Allowances {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Tenant, Entry>> {
        self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a tenant may use.
    pub fn of(&self, tenant: &Tenant) -> Allowance {
        self.lock().get(tenant).map(|entry| entry.allowance).unwrap_or_default()
    }

    /// Says what a tenant may use. What it uses already is not taken away.
    pub fn set(&self, tenant: &Tenant, allowance: Allowance) {
        self.lock().entry(tenant.clone()).or_default().allowance = allowance;
        self.0.given_back.notify_waiters();
    }

    /// Says what a tenant stores beside its large values, in bytes.
    pub fn stores_beside(&self, tenant: &Tenant, bytes: u64) {
        self.lock().entry(tenant.clone()).or_default().beside_bytes = bytes;
    }

    /// How many bytes of large values a tenant may have, with what else it stores; none where there is no bound.
    pub fn blob_bytes_max(&self, tenant: &Tenant) -> Option<u64> {
        let tenants = self.lock();
        let entry = tenants.get(tenant)?;
        entry.allowance.storage_bytes.map(|max| max.saturating_sub(entry.beside_bytes))
    }

    /// What the limits of a tenant's processes add up to now.
    pub fn held(&self, tenant: &Tenant) -> Held {
        self.lock().get(tenant).map(|entry| entry.held).unwrap_or_default()
    }

    /// The most that one process of a tenant may use: the operator's caps, and what the tenant has for all of them.
    pub fn caps(&self, tenant: &Tenant, caps: ResourceCaps) -> ResourceCaps {
        fn smaller<N: Ord>(cap: Option<N>, max: Option<N>) -> Option<N> {
            cap.into_iter().chain(max).min()
        }
        let Allowance { cpu_millis, memory_bytes, .. } = self.of(tenant);
        ResourceCaps {
            // What is more than a manifest can ask for is no bound.
            cpu_millis: smaller(caps.cpu_millis, cpu_millis.and_then(|max| u32::try_from(max).ok())),
            memory_bytes: smaller(caps.memory_bytes, memory_bytes),
            ..caps
        }
    }

    /// A share of what the tenant has for its processes; none while others hold too much of it. One process alone always has
    /// its share, so that nothing waits for ever.
    pub fn take(&self, tenant: &Tenant, resources: &Resources) -> Option<Share> {
        let wanted = Held { cpu_millis: resources.cpu_millis.into(), memory_bytes: resources.memory_bytes };
        let mut tenants = self.lock();
        let entry = tenants.entry(tenant.clone()).or_default();
        let (held, allowance) = (entry.held, entry.allowance);
        let fits = |held: u64, wanted: u64, max: Option<u64>| max.is_none_or(|max| held.saturating_add(wanted) <= max);
        let has_room = held == Held::default()
            || (fits(held.cpu_millis, wanted.cpu_millis, allowance.cpu_millis)
                && fits(held.memory_bytes, wanted.memory_bytes, allowance.memory_bytes));
        if !has_room {
            return None;
        }
        entry.held.cpu_millis += wanted.cpu_millis;
        entry.held.memory_bytes += wanted.memory_bytes;
        Some(Share { sheet: self.clone(), tenant: tenant.clone(), held: wanted })
    }

    /// A share, waited for. `make_room` is called before each wait.
    pub async fn taken(&self, tenant: &Tenant, resources: &Resources, mut make_room: impl FnMut()) -> Share {
        loop {
            // Registered before the look, so that what is given back in between is not missed.
            let mut given_back = pin!(self.0.given_back.notified());
            given_back.as_mut().enable();
            if let Some(share) = self.take(tenant, resources) {
                return share;
            }
            make_room();
            given_back.await;
        }
    }
}

/// A share of what a tenant has for its processes; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    sheet: Allowances,
    tenant: Tenant,
    held: Held,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(entry) = self.sheet.lock().get_mut(&self.tenant) {
            entry.held.cpu_millis = entry.held.cpu_millis.saturating_sub(self.held.cpu_millis);
            entry.held.memory_bytes = entry.held.memory_bytes.saturating_sub(self.held.memory_bytes);
        }
        self.sheet.0.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(cpu_millis: u32, memory_bytes: u64) -> Resources {
        Resources { cpu_millis, memory_bytes, ..Resources::default() }
    }

    fn sheet(cpu_millis: u64, memory_bytes: u64) -> (Allowances, Tenant) {
        let (sheet, tenant) = (Allowances::default(), "acme".parse().unwrap());
        let allowance =
            Allowance { cpu_millis: Some(cpu_millis), memory_bytes: Some(memory_bytes), ..Allowance::default() };
        sheet.set(&tenant, allowance);
        (sheet, tenant)
    }

    #[test]
    fn shares_add_up_to_no_more_than_the_tenant_has() {
        let (sheet, tenant) = sheet(1_000, 500);
        let first = sheet.take(&tenant, &resources(600, 100)).unwrap();
        assert!(sheet.take(&tenant, &resources(600, 100)).is_none(), "too much of the processor");
        assert!(sheet.take(&tenant, &resources(100, 500)).is_none(), "too much memory");
        let second = sheet.take(&tenant, &resources(400, 400)).unwrap();
        assert_eq!(sheet.held(&tenant), Held { cpu_millis: 1_000, memory_bytes: 500 });
        assert!(sheet.take(&"globex".parse().unwrap(), &resources(9_999, 9_999)).is_some(), "others have their own");
        drop((first, second));
        assert_eq!(sheet.held(&tenant), Held::default());
    }

    #[test]
    fn one_process_is_cut_down_to_what_the_tenant_has_for_all() {
        let (sheet, tenant) = sheet(1_000, 500);
        let capped = |asked: Resources, caps: ResourceCaps| {
            let capped = asked.capped_by(&sheet.caps(&tenant, caps));
            (capped.cpu_millis, capped.memory_bytes)
        };
        assert_eq!(capped(resources(4_000, 900), ResourceCaps::default()), (1_000, 500));
        assert_eq!(capped(resources(100, 90), ResourceCaps::default()), (100, 90), "the smaller one holds");
        let operators = ResourceCaps { cpu_millis: Some(50), ..ResourceCaps::default() };
        assert_eq!(capped(resources(4_000, 90), operators), (50, 90));
        assert!(sheet.take(&tenant, &resources(4_000, 900)).is_some(), "alone it may, also if it was made before");
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_something_is_given_back_or_more_is_allowed() {
        let (sheet, tenant) = sheet(1_000, 500);
        let first = sheet.take(&tenant, &resources(900, 100)).unwrap();
        let (other, whose) = (sheet.clone(), tenant.clone());
        let waits = tokio::spawn(async move { other.taken(&whose, &resources(900, 100), || ()).await });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(first);
        let second = waits.await.unwrap();
        let (other, whose) = (sheet.clone(), tenant.clone());
        let waits = tokio::spawn(async move { other.taken(&whose, &resources(900, 100), || ()).await });
        tokio::task::yield_now().await;
        sheet.set(&tenant, Allowance::default());
        drop((waits.await.unwrap(), second));
    }
}
