//! The engine without threads, files and clocks: inputs go in, one batch of writes and the effects that wait for it come
//! out. The shell (`engine.rs`) commits the batch and then lets the effects go; a simulator does the same with a model of
//! a disk.
//!
//! ```text
//! inputs ─► live executions ─► entries, row changes ─► Batch ─► commit ─► effects: run steps, answers, feeds
//! ```
//!
//! An execution may step on in memory before its batch is durable, by steps that are functions of their inputs; every
//! effect that anybody outside could see waits for the commit.

mod admission;
mod attempts;
mod batch;
mod carry;
mod history;
mod live;
mod load;
mod requests;
mod steps;

pub use live::{Attributes, FeedItem, Summary};
pub(crate) use load::read_blob;
pub use steps::step_done;

use crate::{
    entry::Entry,
    job::Job,
    request::{CallError, Reply},
    store::Store,
    version::Version,
};
use akao_contract::{BlobRef, Digest, ExecutionId, ExecutionStatus, OpId, Outcome, Permission, Tenant};
use akao_flow::{Catalogue, Event, Reaction, RunStep, StartChild};
use akao_journal::{Batch, Write};
use akao_step::{Allowances, BlobStore, StepRunner};
use live::Live;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Bounds of an engine.
#[derive(Debug, Clone)]
pub struct Config {
    /// Steps that run at once outside the engine's thread.
    pub step_slots: usize,
    /// Executions that run at once; waiting ones do not count.
    pub executions_max: usize,
    /// Idle executions that stay in memory.
    pub idle_executions_max: usize,
    /// Events in one batch after which no further step is run before the commit.
    pub batch_events_max: usize,
    /// Whether steps that are functions of their inputs may run before their cause is durable.
    pub speculate: bool,
    /// What each tenant may run at once.
    pub allowances: Allowances,
    /// Whether the secrets of tenants are kept, and fetched when a step needs them. Those of the command line's own tenant
    /// always come with its requests.
    pub keeps_secrets: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            step_slots: 64,
            executions_max: 4_096,
            idle_executions_max: 512,
            batch_events_max: 4_096,
            speculate: true,
            allowances: Allowances::default(),
            keeps_secrets: false,
        }
    }
}

/// Something that reaches the engine.
#[derive(Debug)]
pub enum Input {
    /// A request, and whom to answer.
    Call(CallId, Box<crate::request::Request>),
    /// A step has ended.
    StepDone {
        /// Whose.
        execution: ExecutionId,
        /// Which.
        op: OpId,
        /// Which attempt.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// When the attempt began.
        started_ms: i64,
    },
    /// A large collection was loaded, or could not be.
    Loaded {
        /// Whose.
        execution: ExecutionId,
        /// Which.
        op: OpId,
        /// The value.
        value: Result<serde_json::Value, akao_contract::StepError>,
    },
    /// Somebody follows an execution: its entries are fed from now on.
    Follow(ExecutionId),
    /// Nobody follows it any more.
    Unfollow(ExecutionId),
    /// No new step is begun; used before the end of the process.
    Drain,
}

/// Names a caller until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// Something that may be seen outside, and therefore waits until its batch is durable.
#[derive(Debug)]
pub enum Effect {
    /// Answer a caller.
    Answer(CallId, Result<Reply, CallError>),
    /// Run a step.
    Run(Box<Job>),
    /// Halt a running step.
    Halt(ExecutionId, OpId),
    /// Load a large collection.
    Load(ExecutionId, OpId, Tenant, BlobRef),
    /// Tell followers.
    Feed(ExecutionId, FeedItem),
    /// Tell whoever waits for the end.
    Ended(ExecutionId, Box<akao_flow::Finish>),
    /// Tell whoever waits for the end or follows that there will be none.
    Quarantined(ExecutionId, String),
}

/// What a due time is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A timer of the interpreter.
    Timer(OpId),
    /// The next attempt of a step.
    Attempt(OpId),
    /// Some timer of an execution that is not in memory.
    Wake,
}

/// Work that inputs lead to inside the engine.
#[derive(Debug)]
enum Inner {
    Event(ExecutionId, Event),
    StartChild { parent: ExecutionId, start: StartChild },
    CancelChild { child: ExecutionId },
    Admit,
}

/// The engine's state.
pub struct Core {
    config: Config,
    catalogue: Arc<Catalogue>,
    runner: Arc<dyn StepRunner>,
    blobs: Arc<dyn BlobStore>,
    /// Random bits for new ids; each start uses it up and mixes a new one.
    entropy: u128,
    now_ms: i64,
    versions: BTreeMap<Digest, Arc<Version>>,
    live: BTreeMap<ExecutionId, Live>,
    due: BTreeSet<(i64, ExecutionId, Due)>,
    admission: admission::Admission,
    steps: steps::Slots,
    /// Steps to run on the engine's own thread.
    inline: VecDeque<(ExecutionId, RunStep)>,
    inner: VecDeque<Inner>,
    idle: VecDeque<ExecutionId>,
    followed: BTreeSet<ExecutionId>,
    /// Secrets of executions that wait for a place.
    queued_secrets: BTreeMap<ExecutionId, BTreeMap<String, akao_step::Secret>>,
    /// Executions that were queued in this batch, whose rows cannot be read yet.
    queued_now: BTreeMap<ExecutionId, Box<load::Fresh>>,
    /// Running executions that were found at the start and are not in memory yet.
    to_resume: VecDeque<ExecutionId>,
    draining: bool,
    reaction: Reaction,
    // The batch that is being made.
    touched: BTreeSet<ExecutionId>,
    head: Vec<Write>,
    writes: Vec<Write>,
    effects: Vec<Effect>,
    batch_events: usize,
    new_keys: BTreeMap<(Tenant, String), ([u8; 32], ExecutionId)>,
    new_signals: BTreeSet<(ExecutionId, String)>,
}

impl Core {
    /// An engine over nothing. `entropy` makes the ids of this process differ from those of others.
    pub fn new(
        config: Config,
        catalogue: Arc<Catalogue>,
        runner: Arc<dyn StepRunner>,
        blobs: Arc<dyn BlobStore>,
        entropy: u128,
    ) -> Self {
        let admission = admission::Admission::new(config.executions_max, config.allowances.clone());
        let steps = steps::Slots::new(config.step_slots, config.allowances.clone());
        Self {
            config,
            catalogue,
            runner,
            blobs,
            entropy,
            now_ms: 0,
            versions: BTreeMap::new(),
            live: BTreeMap::new(),
            due: BTreeSet::new(),
            admission,
            steps,
            inline: VecDeque::new(),
            inner: VecDeque::new(),
            idle: VecDeque::new(),
            followed: BTreeSet::new(),
            queued_secrets: BTreeMap::new(),
            queued_now: BTreeMap::new(),
            to_resume: VecDeque::new(),
            draining: false,
            reaction: Reaction::default(),
            touched: BTreeSet::new(),
            head: Vec::new(),
            writes: Vec::new(),
            effects: Vec::new(),
            batch_events: 0,
            new_keys: BTreeMap::new(),
            new_signals: BTreeSet::new(),
        }
    }

    /// Finds what was under way when the last engine ended. Running executions are taken up batch by batch.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn recover(&mut self, store: &dyn Store, now_ms: i64) -> Result<(), akao_journal::ReadError> {
        self.now_ms = now_ms;
        let (mut queued, mut holders) = (Vec::new(), Vec::new());
        store.open_executions(&mut |row| match row.status {
            ExecutionStatus::Queued => queued.push(row),
            status => {
                let running = status == ExecutionStatus::Running;
                self.admission.found(&row.tenant, None, running, row.id);
                if let Some(key) = row.queue_key {
                    holders.push((row.tenant, row.definition, key, running, row.id));
                }
                if running {
                    self.to_resume.push_back(row.id);
                } else if let Some(at) = row.next_timer_ms {
                    self.due.insert((at, row.id, Due::Wake));
                }
            }
        })?;
        for (tenant, definition, key, running, id) in holders {
            // A version that cannot be read quarantines its execution later; until then nobody else gets its key.
            let version = self.version(store, &tenant, definition).ok();
            let bound = version.as_ref().and_then(|version| version.definition.settings.concurrency.as_ref());
            let key = (key, bound.map_or(1, |bound| bound.limit));
            self.admission.found(&tenant, Some(&key), running, id);
        }
        queued.sort_by_key(|row| (row.started_ms, row.id));
        for row in queued {
            self.requeue(store, &row);
        }
        self.inner.push_back(Inner::Admit);
        Ok(())
    }

    /// Takes one input.
    pub fn handle(&mut self, store: &dyn Store, now_ms: i64, input: Input) {
        self.now_ms = self.now_ms.max(now_ms);
        match input {
            Input::Call(call, request) => self.call(store, call, *request),
            Input::StepDone { execution, op, attempt, outcome, started_ms } => {
                self.step_done(store, execution, op, attempt, outcome, started_ms);
            }
            Input::Loaded { execution, op, value } => {
                let (value, error) = match value {
                    Ok(value) => (Some(Arc::new(value)), None),
                    Err(error) => (None, Some(error)),
                };
                self.event(store, execution, Event::BlobLoaded { op, value, error });
            }
            Input::Follow(execution) => {
                self.followed.insert(execution);
            }
            Input::Unfollow(execution) => {
                self.followed.remove(&execution);
            }
            Input::Drain => self.draining = true,
        }
        self.work_off(store);
    }

    /// Fires what is due, takes up executions found at the start and runs inline steps, within the bounds of one batch.
    pub fn advance(&mut self, store: &dyn Store, now_ms: i64) {
        self.now_ms = self.now_ms.max(now_ms);
        // Sealing a batch and recovery leave work behind, such as a place that has become free.
        self.work_off(store);
        self.fire(store);
        while self.batch_events < self.config.batch_events_max {
            let Some(execution) = self.to_resume.pop_front() else { break };
            self.batch_events += 1;
            // A problem quarantines the execution; there is nobody to tell.
            let _ = self.ensure_live(store, execution);
            self.work_off(store);
        }
        if self.config.speculate {
            self.run_inline(store);
        }
    }

    /// Whether another turn has something to do now: [`Core::advance`], or [`Core::seal`] after [`Core::run_durable`].
    pub fn has_work(&self) -> bool {
        let unsealed = !self.touched.is_empty() || !self.writes.is_empty() || !self.effects.is_empty();
        unsealed || !self.to_resume.is_empty() || !self.inline.is_empty() || !self.inner.is_empty()
    }

    /// When the next timer is due.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.due.first().map(|(at, _, _)| *at)
    }

    /// Whether nothing runs, is queued or waits for a time.
    pub fn is_idle(&self) -> bool {
        !self.has_work() && self.due.is_empty() && self.steps.is_empty() && self.admission.is_empty()
    }

    /// Steps under way outside the engine's thread.
    pub fn running_steps(&self) -> usize {
        self.steps.running()
    }

    /// The writes so far and the effects that wait for them. The engine goes on in memory at once.
    pub fn seal(&mut self) -> (Batch, Vec<Effect>) {
        self.fill_slots();
        self.close_frames();
        let mut writes = std::mem::take(&mut self.head);
        writes.append(&mut self.writes);
        self.batch_events = 0;
        (Batch { writes }, std::mem::take(&mut self.effects))
    }

    /// The sealed batch is durable: what only stood in for it is forgotten.
    pub fn committed(&mut self) {
        self.new_keys.clear();
        self.new_signals.clear();
        self.queued_now.clear();
        self.evict();
    }

    /// Runs the inline steps whose cause is durable, which is all of them right after [`Core::committed`]. An engine that
    /// does not speculate calls it there and nowhere else; what these steps lead to waits for the next commit.
    pub fn run_durable(&mut self, store: &dyn Store) {
        if self.config.speculate {
            return;
        }
        for _ in 0..self.inline.len() {
            let Some((execution, step)) = self.inline.pop_front() else { break };
            self.run_one_inline(store, execution, &step);
            self.work_off(store);
        }
    }

    fn run_inline(&mut self, store: &dyn Store) {
        while self.batch_events < self.config.batch_events_max {
            let Some((execution, step)) = self.inline.pop_front() else { break };
            self.run_one_inline(store, execution, &step);
            self.work_off(store);
        }
    }

    fn fire(&mut self, store: &dyn Store) {
        while self.batch_events < self.config.batch_events_max {
            let Some((at, execution, due)) = self.due.first().copied() else { break };
            if at > self.now_ms {
                break;
            }
            self.due.pop_first();
            match due {
                Due::Timer(op) => self.event(store, execution, Event::TimerFired { op }),
                Due::Attempt(op) => self.attempt_again(store, execution, op),
                Due::Wake => {
                    let _ = self.ensure_live(store, execution);
                }
            }
            self.work_off(store);
        }
    }

    fn work_off(&mut self, store: &dyn Store) {
        while let Some(inner) = self.inner.pop_front() {
            match inner {
                Inner::Event(execution, event) => self.event(store, execution, event),
                Inner::StartChild { parent, start } => self.start_child(store, parent, start),
                Inner::CancelChild { child } => self.cancel_child(store, child),
                Inner::Admit => self.admit(store),
            }
        }
    }

    /// Journals an event and carries out what the interpreter answers. Events for executions that have ended, or for
    /// operations that are closed, change nothing and are not journaled.
    fn event(&mut self, store: &dyn Store, execution: ExecutionId, event: Event) {
        if self.ensure_live(store, execution).is_err() {
            return;
        }
        let Some(live) = self.live.get_mut(&execution) else { return };
        if live.finish.is_some() || live.is_stale(&event) {
            return;
        }
        self.reaction.clear();
        let at_ms = self.now_ms.max(live.last_ms);
        let was_paused = live.machine.status() == ExecutionStatus::Paused;
        live.apply(at_ms, event, &mut self.reaction, self.followed.contains(&execution));
        if was_paused && live.machine.status() != ExecutionStatus::Paused {
            self.await_attempts(execution);
        }
        self.batch_events += 1;
        self.touched.insert(execution);
        self.carry_out_reaction(execution);
    }

    /// Whether the secrets of a tenant are kept, instead of given with its requests.
    fn keeps_secrets_of(&self, tenant: &Tenant) -> bool {
        self.config.keeps_secrets && *tenant != Tenant::local()
    }

    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn next_entropy(&mut self) -> u128 {
        // Any well-mixed sequence will do: ids must differ, not be secret.
        self.entropy = xxhash_rust::xxh3::xxh3_128(&self.entropy.to_be_bytes());
        self.entropy & ((1 << 80) - 1)
    }
}

/// Whether the grants of an execution let its nodes ask for a secret.
pub(crate) fn is_lent(grants: &[Permission], name: &str) -> bool {
    grants.iter().any(|grant| grant.name() == "secrets" && grant.scope() == Some(name))
}

/// Entries as followers get them.
pub type Entries = Arc<Vec<Entry>>;
