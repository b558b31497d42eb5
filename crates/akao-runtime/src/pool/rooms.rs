//! Room for processes, over all pools. Who finds none waits in order, and as long as anybody waits, processes of others make
//! room: those that are idle at once, and when that is not enough, those that are busy after their calls.

use super::{Inner, Services};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool whose calls follow each other without a pause gives a process up for another pool that has waited this long.
const PATIENCE: Duration = Duration::from_secs(1);

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

    fn enter(&self, pool: u64) -> Place<'_> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::AcqRel);
        self.lock().push(Wanted { number, pool, since: Instant::now() });
        Place { rooms: self, number }
    }

    /// Whether any start waits.
    pub(super) fn are_wanted(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// How many starts wait.
    fn wanted(&self) -> usize {
        self.lock().len()
    }

    /// How many starts of other pools than this one have waited too long.
    pub(super) fn overdue(&self, pool: u64) -> usize {
        self.lock().iter().filter(|wanted| wanted.pool != pool && wanted.since.elapsed() >= PATIENCE).count()
    }
}

impl Services {
    /// Room for a process of the pool with this number; waits for it.
    pub(super) async fn room(&self, pool: u64) -> Option<OwnedSemaphorePermit> {
        let _place = self.rooms.enter(pool);
        self.make_room();
        // The semaphore is never closed.
        Arc::clone(&self.rooms.free).acquire_owned().await.ok()
    }

    /// Retires processes that are idle, in whichever pool: as many as starts wait for, less those that are ending already.
    /// Those that are kept warm come last, and among equals those that have been idle longest come first.
    pub(super) fn make_room(&self) {
        let pools = self.live_pools();
        let ending: usize = pools.iter().map(|pool| pool.ending()).sum();
        for _ in ending..self.rooms.wanted() {
            let idlest = pools.iter().filter_map(|pool| Some((pool.idlest()?, pool))).min_by_key(|(idle, _)| *idle);
            let Some((idle, pool)) = idlest else { return };
            pool.retire_idle(idle);
        }
    }
}

impl Inner {
    /// Room for the process, or none when nobody needs it any more. Only for those who wait do others make room: a process
    /// that is kept warm and takes another's place would lose it again at once.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        if let Some(room) = self.services.rooms.take() {
            return Some(room);
        }
        if self.lock().waiting.is_empty() {
            return None;
        }
        let room = self.services.room(self.number).await;
        // Who waited may have been served meanwhile.
        room.filter(|_| !self.lock().waiting.is_empty())
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
