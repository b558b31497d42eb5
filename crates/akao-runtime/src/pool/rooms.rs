//! Room for processes, over all pools. Who finds none waits in order, and as long as anybody waits, processes of others make
//! room: those that are idle at once, and when that is not enough, those that are busy after their calls.
//!
//! A process also takes a share of the processor time and memory that its tenant has for all of its processes. For who waits
//! for a share, only processes of the same tenant make room.

use super::{Inner, Services};
use akao_contract::{Tenant, manifest::Resources};
use akao_step::Share;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool whose calls follow each other without a pause gives a process up for another pool that has waited this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Room for one process: its place among all, and its share of what its tenant has.
pub(crate) struct Room {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

/// See the module.
pub(crate) struct Rooms {
    free: Arc<Semaphore>,
    wanted: Mutex<Vec<Wanted>>,
    /// How many stand in `wanted`, for those who only want to know whether any does.
    count: AtomicUsize,
    next_number: AtomicUsize,
}

/// A start that waits for room.
struct Wanted {
    number: usize,
    /// The pool's number.
    pool: u64,
    /// Whose processes are to make room; none for those of all.
    of: Option<Tenant>,
    since: Instant,
}

/// The place of a start in `wanted`.
struct Place<'a> {
    rooms: &'a Rooms,
    number: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.rooms.lock().retain(|wanted| wanted.number != self.number);
        self.rooms.count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Rooms {
    pub(crate) fn new(processes_max: usize) -> Self {
        let rooms = processes_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(rooms)),
            wanted: Mutex::default(),
            count: AtomicUsize::new(0),
            next_number: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room that is free now and that nobody waits for.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    fn enter(&self, pool: u64, of: Option<Tenant>) -> Place<'_> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::AcqRel);
        self.lock().push(Wanted { number, pool, of, since: Instant::now() });
        Place { rooms: self, number }
    }

    /// Whether any start waits.
    pub(super) fn are_wanted(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// How many starts wait for processes of whom.
    fn wanted(&self) -> BTreeMap<Option<Tenant>, usize> {
        let mut counts = BTreeMap::new();
        self.lock().iter().for_each(|wanted| *counts.entry(wanted.of.clone()).or_default() += 1);
        counts
    }

    /// How many starts of other pools have waited too long for processes of this pool, which works for a tenant.
    pub(super) fn overdue(&self, pool: u64, tenant: &Tenant) -> usize {
        let wants = |wanted: &&Wanted| wanted.pool != pool && wanted.of.as_ref().is_none_or(|of| of == tenant);
        self.lock().iter().filter(wants).filter(|wanted| wanted.since.elapsed() >= PATIENCE).count()
    }
}

impl Services {
    /// Room for a process of the pool with this number; waits for it.
    pub(super) async fn room(&self, pool: u64) -> Option<OwnedSemaphorePermit> {
        let _place = self.rooms.enter(pool, None);
        self.make_room();
        // The semaphore is never closed.
        Arc::clone(&self.rooms.free).acquire_owned().await.ok()
    }

    /// Retires processes that are idle, in whichever pool: as many as starts wait for, less those that are ending already.
    /// Those that are kept warm come last, and among equals those that have been idle longest come first.
    pub(super) fn make_room(&self) {
        let pools = self.live_pools();
        for (of, wanted) in self.rooms.wanted() {
            let concerned = || pools.iter().filter(|pool| of.as_ref().is_none_or(|tenant| pool.spec.tenant == *tenant));
            let ending: usize = concerned().map(|pool| pool.ending()).sum();
            for _ in ending..wanted {
                let idle = concerned().filter_map(|pool| Some((pool.idlest()?, pool)));
                let Some((idle, pool)) = idle.min_by_key(|(idle, _)| *idle) else { break };
                pool.retire_idle(idle);
            }
        }
    }
}

impl Inner {
    /// Room for a process with these limits, or none when nobody needs it any more. Only for those who wait do others make
    /// room: a process that is kept warm and takes another's place would lose it again at once.
    pub(super) async fn room(&self, resources: &Resources) -> Option<Room> {
        let share = self.share(resources).await?;
        let place = match self.services.rooms.take() {
            Some(place) => place,
            None if self.lock().waiting.is_empty() => return None,
            None => {
                let place = self.services.room(self.number).await;
                // Who waited may have been served meanwhile.
                place.filter(|_| !self.lock().waiting.is_empty())?
            }
        };
        Some(Room { _place: place, _share: share })
    }

    /// A share of what the tenant has, as [`Inner::room`].
    async fn share(&self, resources: &Resources) -> Option<Share> {
        let (allowances, tenant) = (&self.services.settings.allowances, &self.spec.tenant);
        if let Some(share) = allowances.take(tenant, resources) {
            return Some(share);
        }
        if self.lock().waiting.is_empty() {
            return None;
        }
        let _wanted = self.services.rooms.enter(self.number, Some(tenant.clone()));
        let share = allowances.taken(tenant, resources, || self.services.make_room()).await;
        (!self.lock().waiting.is_empty()).then_some(share)
    }

    /// A start is given up before anything was done.
    pub(super) fn not_needed(self: &Arc<Self>) {
        let mut state = self.lock();
        state.starting -= 1;
        state.circuit.ended_well();
        state.warm_at = Some(Instant::now() + self.services.settings.check_interval);
        self.gone();
        self.settle(state);
    }
}
