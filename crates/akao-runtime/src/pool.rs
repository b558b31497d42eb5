//! The processes of one package for one tenant with one set of grants. A process never serves another.
//!
//! Calls take the first process with room, else wait in order. A process is started when somebody waits, never before,
//! unless the pool is kept warm. The lock is held for bookkeeping only, never across a wait, a system call or a callback.

mod lease;
mod rooms;
mod settle;

pub(crate) use lease::{Lease, LeaseError};
pub(crate) use rooms::{Room, Rooms};

use crate::{
    circuit::{Circuit, Decision},
    failure,
    host::HostPorts,
    instance::{Birth, Doom, End, Instance},
    launch::{EndCause, Kill, Launch, ProcessSpec},
    lines::plain_text,
    package::NodePackage,
    settings::RuntimeSettings,
    state::StateOwner,
    supervise::{note_memory, supervise},
};
use akao_contract::{
    StepError, Tenant,
    manifest::{Instances, ResourceCaps},
};
use akao_step::{CancellationToken, Secret};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::{Semaphore, oneshot, watch};

/// What all pools share.
pub(crate) struct Services {
    pub(crate) launch: Arc<dyn Launch>,
    pub(crate) host: HostPorts,
    pub(crate) settings: RuntimeSettings,
    /// Files of nodes that are held in memory at once.
    pub(crate) blob_room: Arc<Semaphore>,
    /// Processes of all pools.
    pub(crate) rooms: Rooms,
    /// Every pool, to find a process that is idle when there is no room.
    pub(crate) pools: Mutex<Vec<Weak<Inner>>>,
    pub(crate) next_pool: AtomicU64,
    /// No new call is taken.
    pub(crate) is_shut: AtomicBool,
}

impl Services {
    pub(crate) fn owner(&self, spec: &ProcessSpec) -> StateOwner {
        StateOwner { tenant: spec.tenant.clone(), package: spec.package.clone() }
    }

    /// The most that a process of a tenant may use: the operator's caps, and what the tenant has for all of them.
    pub(crate) fn caps_of(&self, tenant: &Tenant) -> ResourceCaps {
        self.settings.allowances.caps(tenant, self.settings.caps)
    }

    /// Every pool.
    pub(crate) fn live_pools(&self) -> Vec<Arc<Inner>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}

/// A process that is ready.
pub(crate) struct Slot {
    pub(crate) instance: Arc<Instance>,
    pub(crate) in_flight: u32,
    /// Calls that it was given.
    pub(crate) calls: u64,
    pub(crate) answered: u64,
    /// It is given nothing more, and ends when it is idle.
    pub(crate) is_retiring: bool,
    pub(crate) idle_since: Instant,
}

/// Somebody who waits for a process.
struct Waiter {
    number: u64,
    sender: oneshot::Sender<Result<Lease, StepError>>,
}

/// What happened in a pool since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolCounters {
    /// Calls that were given to a process.
    pub calls: u64,
    /// Processes that became ready.
    pub starts: u64,
    /// Starts that failed.
    pub failed_starts: u64,
    /// Processes that ended where they should not have.
    pub crashes: u64,
    /// Processes that were retired, for their age, their calls, their memory, idleness or health.
    pub retired: u64,
    /// Callers that were refused because too many waited.
    pub refused: u64,
    /// Answers to calls that had been given up.
    pub late_answers: u64,
}

pub(crate) struct State {
    pub(crate) slots: Vec<Slot>,
    pub(crate) starting: u32,
    waiting: VecDeque<Waiter>,
    next_number: u64,
    pub(crate) circuit: Circuit,
    pub(crate) last_error: Option<StepError>,
    /// When a start is tried again.
    timer_at: Option<Instant>,
    /// There was no room for a process that nobody waits for; until then none is tried.
    warm_at: Option<Instant>,
    is_closed: bool,
    pub(crate) keeps_warm: bool,
    pub(crate) counters: PoolCounters,
}

/// See the module.
pub(crate) struct Inner {
    number: u64,
    pub(crate) package: Arc<NodePackage>,
    pub(crate) spec: ProcessSpec,
    secrets: Arc<BTreeMap<String, Secret>>,
    pub(crate) services: Arc<Services>,
    instances: Instances,
    state: Mutex<State>,
    /// Processes that are there or are being started.
    alive: watch::Sender<u32>,
    /// No more calls are taken; a start that is under way is given up.
    closing: CancellationToken,
    /// Calls that still run are to end.
    pub(crate) halt: CancellationToken,
}

/// What is to be done with a process that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Nothing,
    /// It is idle; it had been given so many calls.
    AskHealth {
        calls: u64,
    },
}

/// What is done once the lock is free.
#[derive(Default)]
struct Afterwards {
    leases: Vec<(oneshot::Sender<Result<Lease, StepError>>, Lease)>,
    failures: Vec<(oneshot::Sender<Result<Lease, StepError>>, StepError)>,
    starts: Vec<u64>,
    timer: Option<Instant>,
}

impl Inner {
    pub(crate) fn new(
        package: Arc<NodePackage>,
        spec: ProcessSpec,
        secrets: Arc<BTreeMap<String, Secret>>,
        services: Arc<Services>,
    ) -> Arc<Self> {
        let settings = &services.settings;
        let asked = package.manifest().runtime.instances;
        let instances = Instances {
            max: asked.max.clamp(1, settings.instances_max.max(1)),
            concurrency: asked.concurrency.clamp(1, settings.concurrency_max.max(1)),
            ..asked
        };
        let state = State {
            slots: Vec::new(),
            starting: 0,
            waiting: VecDeque::new(),
            next_number: 1,
            circuit: Circuit::new(settings.circuit),
            last_error: None,
            timer_at: None,
            warm_at: None,
            is_closed: false,
            keeps_warm: false,
            counters: PoolCounters::default(),
        };
        let pool = Arc::new(Self {
            number: services.next_pool.fetch_add(1, Ordering::Relaxed),
            package,
            spec,
            secrets,
            services,
            instances,
            state: Mutex::new(state),
            alive: watch::Sender::new(0),
            closing: CancellationToken::new(),
            halt: CancellationToken::new(),
        });
        let mut pools = pool.services.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(&pool));
        // Either the shutdown finds the pool in the list, or the pool finds that it has come too late.
        if pool.services.is_shut.load(Ordering::Acquire) {
            pool.lock().is_closed = true;
        }
        drop(pools);
        pool
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what is wanted and allowed, and gives what is free to who waits.
    fn settle(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut then = Afterwards::default();
        self.assign(&mut state, &mut then);
        self.grow(&mut state, &mut then, Instant::now());
        drop(state);
        for number in then.starts {
            tokio::spawn(Arc::clone(self).start(number));
        }
        if let Some(at) = then.timer {
            let pool = Arc::downgrade(self);
            tokio::spawn(async move {
                tokio::time::sleep_until(at.into()).await;
                if let Some(pool) = pool.upgrade() {
                    pool.timer_rang(at);
                }
            });
        }
        for (sender, error) in then.failures {
            let _ = sender.send(Err(error));
        }
        for (sender, lease) in then.leases {
            // Who went away meanwhile leaves the lease here, and dropping it gives the process to the next.
            drop(sender.send(Ok(lease)));
        }
    }

    /// The process as it would be started now: with no more than its tenant has for all of its processes.
    fn spec_now(&self) -> ProcessSpec {
        let resources = self.spec.resources.capped_by(&self.services.caps_of(&self.spec.tenant));
        ProcessSpec { resources, ..self.spec.clone() }
    }

    fn timer_rang(self: &Arc<Self>, at: Instant) {
        let mut state = self.lock();
        if state.timer_at == Some(at) {
            state.timer_at = None;
        }
        self.settle(state);
    }

    /// Starts one process and makes it ready.
    async fn start(self: Arc<Self>, number: u64) {
        let spec = self.spec_now();
        let room = tokio::select! {
            room = self.room(&spec.resources) => room,
            () = self.closing.cancelled() => None,
        };
        let Some(room) = room else { return self.not_needed() };
        let package = Arc::clone(&self.package);
        let birth = Birth {
            number,
            spec: &spec,
            services: &self.services,
            secrets: Arc::clone(&self.secrets),
            declares_secret: Arc::new(move |name: &str| package.declares_secret(name)),
            concurrency: self.instances.concurrency,
            room,
        };
        let launched = tokio::select! {
            launched = Instance::launch(birth) => launched,
            () = self.closing.cancelled() => Err(failure::closed(&self.spec)),
        };
        let ready = match launched {
            Ok(instance) => self.greet(instance).await,
            Err(error) => {
                self.gone();
                Err(error)
            }
        };
        self.started(ready);
    }

    async fn greet(self: &Arc<Self>, instance: Arc<Instance>) -> Result<Arc<Instance>, StepError> {
        tokio::spawn(supervise(Arc::clone(&instance), Arc::downgrade(self)));
        let nodes: Vec<&str> = self.package.manifest().nodes.iter().map(|node| node.id.as_str()).collect();
        let greeted = tokio::select! {
            greeted = instance.greet(&self.spec, &nodes, self.instances.concurrency, &self.services.settings) => greeted,
            () = self.closing.cancelled() => Err(failure::closed(&self.spec)),
        };
        match greeted {
            Ok(()) => {
                note_memory(&instance);
                Ok(instance)
            }
            Err(mut error) => {
                // It may quote what the node said.
                error.message = plain_text(error.message);
                instance.kill(Kill::Now, Doom::Offence);
                // The next one is not started beside it.
                let _ = instance.wait_end().await;
                Err(error)
            }
        }
    }

    fn started(self: &Arc<Self>, ready: Result<Arc<Instance>, StepError>) {
        let mut state = self.lock();
        state.starting -= 1;
        let mut failed = None;
        match ready {
            // A process that ended since is not given to anybody; its end was told when there was no slot yet.
            Ok(instance) if instance.end.borrow().is_some() => {
                state.counters.crashes += 1;
                state.circuit.failed(Instant::now());
            }
            Ok(instance) => {
                state.counters.starts += 1;
                if state.is_closed {
                    instance.retire.send_replace(true);
                }
                let is_retiring = state.is_closed;
                let (in_flight, calls, answered, idle_since) = (0, 0, 0, Instant::now());
                state.slots.push(Slot { instance, in_flight, calls, answered, is_retiring, idle_since });
            }
            Err(error) => {
                state.counters.failed_starts += 1;
                state.circuit.failed(Instant::now());
                state.last_error = Some(error.clone());
                failed = state.waiting.pop_front().map(|waiter| (waiter.sender, error));
            }
        }
        if state.is_closed {
            drop(state);
        } else {
            self.settle(state);
        }
        if let Some((sender, error)) = failed {
            let _ = sender.send(Err(error));
        }
        if self.services.rooms.are_wanted() {
            // Whoever the process was started for may have gone.
            self.services.make_room();
        }
    }

    /// One process less.
    fn gone(&self) {
        self.alive.send_modify(|alive| *alive = alive.saturating_sub(1));
    }

    /// A process has ended, and nothing of it is left.
    pub(crate) fn instance_ended(self: &Arc<Self>, instance: &Instance, end: &End) {
        let mut state = self.lock();
        state.counters.late_answers += instance.connection.counters().late_answers;
        let at = state.slots.iter().position(|slot| slot.instance.number == instance.number);
        if let Some(at) = at {
            let slot = state.slots.remove(at);
            let was_asked = *slot.instance.retire.borrow() && matches!(end.doom, None | Some(Doom::Retired));
            let left = end.ended.cause == EndCause::Exited(0) && slot.in_flight == 0 && slot.answered > 0;
            match was_asked || left || end.doom == Some(Doom::CallDidNotEnd) {
                true => state.circuit.ended_well(),
                false => {
                    state.counters.crashes += 1;
                    state.circuit.failed(Instant::now());
                    state.last_error = Some(failure::crashed(&self.spec, end));
                }
            }
        }
        self.gone();
        self.settle(state);
    }

    /// Takes an unhealthy process out of use.
    pub(crate) fn unhealthy(self: &Arc<Self>, instance: &Instance) {
        let mut state = self.lock();
        if let Some(slot) = state.slots.iter_mut().find(|slot| slot.instance.number == instance.number) {
            slot.is_retiring = true;
            if slot.in_flight == 0 {
                slot.instance.retire.send_replace(true);
            }
            state.counters.retired += 1;
            state.circuit.failed(Instant::now());
        }
        self.settle(state);
    }

    /// Gives a process nothing more: a call in it did not end.
    pub(crate) fn avoid(&self, instance: &Instance) {
        let mut state = self.lock();
        if let Some(slot) = state.slots.iter_mut().find(|slot| slot.instance.number == instance.number) {
            slot.is_retiring = true;
        }
    }

    /// The calls that a process was given so far.
    pub(crate) fn calls_of(&self, instance: &Instance) -> Option<u64> {
        self.lock().slots.iter().find(|slot| slot.instance.number == instance.number).map(|slot| slot.calls)
    }
}
