//! One seed: clients, the outside, the clock and the faults take turns; then the faults stop and all must come to rest.

use crate::{
    checks::Checks,
    outside::Outside,
    random::Random,
    store::MemStore,
    workload::{self, MemBlobs, Runner},
};
use akao_contract::{BlobRef, ErrorKind, ExecutionId, ExecutionStatus, OpId, StepError, Tenant};
use akao_engine::{CallError, CallId, Config, Core, Effect, GivenSecrets, Input, Reply, Request, StartRequest};
use akao_flow::{Breakpoint, Catalogue, Command, Decision, StepMode};
use akao_journal::{TaskStatus, Write};
use akao_step::BlobStore;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Checked = Result<(), String>;

/// Workflows that seeds choose from; more than a run uses, so that seeds differ, and few enough to be prepared once.
const WORKFLOWS: u64 = 4_096;

/// Turns of the quiet end after which it is plain that it does not come.
const QUIET_TURNS_MAX: usize = 4_000;

/// What happened, over all seeds: a simulator that does nothing proves nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    executions: usize,
    commits: usize,
    crashes: usize,
    failed_commits: usize,
    drains: usize,
    steps: usize,
    repeated_ends: usize,
    signals: usize,
    tasks: usize,
    cancels: usize,
    forks: usize,
    children: usize,
    queued: usize,
    repeated_starts: usize,
    unknown_outcomes: usize,
    snapshots: usize,
    loads: usize,
}

impl Seen {
    fn all(&mut self) -> [(&'static str, &mut usize); 17] {
        [
            ("executions", &mut self.executions),
            ("commits", &mut self.commits),
            ("crashes", &mut self.crashes),
            ("failed commits", &mut self.failed_commits),
            ("drains", &mut self.drains),
            ("steps", &mut self.steps),
            ("repeated ends", &mut self.repeated_ends),
            ("signals", &mut self.signals),
            ("tasks", &mut self.tasks),
            ("cancels", &mut self.cancels),
            ("forks", &mut self.forks),
            ("children", &mut self.children),
            ("queued", &mut self.queued),
            ("repeated starts", &mut self.repeated_starts),
            ("unknown outcomes", &mut self.unknown_outcomes),
            ("snapshots", &mut self.snapshots),
            ("loads", &mut self.loads),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = Self { ..*other };
        for ((_, sum), (_, more)) in self.all().into_iter().zip(other.all()) {
            *sum += *more;
        }
    }

    pub(crate) fn assert_everything_happened(&mut self) {
        for (name, count) in self.all() {
            assert!(*count > 0, "no {name} in all these seeds: the simulator misses a part of the engine");
        }
    }
}

/// Which faults a seed has; each class is absent in about half of them.
#[derive(Debug)]
struct Faults {
    crash: bool,
    failed_commit: bool,
    drain: bool,
    repeat: bool,
    outside: bool,
    people: bool,
    snapshots: bool,
    flood: bool,
}

/// Something that a client asked and whether it was answered.
#[derive(Debug, Clone)]
enum Asked {
    Start { marker: usize },
    Signal { execution: ExecutionId, marker: String, id: Option<String>, known: bool },
    Cancel { execution: ExecutionId },
    Task { execution: ExecutionId, op: OpId },
    Other,
}

/// A start that a client wants to see through.
struct Wanted {
    request: StartRequest,
    answered: Option<ExecutionId>,
    given_up: bool,
}

struct Simulation<'a> {
    random: Random,
    faults: Faults,
    catalogue: &'a Arc<Catalogue>,
    blobs: Arc<dyn BlobStore>,
    config: Config,
    store: MemStore,
    core: Core,
    checks: Checks,
    outside: Outside,
    loads: Vec<(ExecutionId, OpId, Tenant, BlobRef)>,
    calls: BTreeMap<CallId, Asked>,
    next_call: u64,
    now_ms: i64,
    starts: Vec<Wanted>,
    /// Signals with an id that were not answered before a crash; their clients send them again.
    unanswered: Vec<Asked>,
    promises: Vec<Asked>,
    executions: Vec<ExecutionId>,
    quiet: bool,
    seen: Seen,
    trace: bool,
}

fn new_core(config: &Config, catalogue: &Arc<Catalogue>, blobs: &Arc<dyn BlobStore>, random: &mut Random) -> Core {
    let entropy = u128::from(random.next()) << 64 | u128::from(random.next());
    Core::new(config.clone(), Arc::clone(catalogue), Arc::new(Runner), Arc::clone(blobs), entropy)
}

/// Runs one seed.
///
/// # Errors
/// The first promise that was broken.
pub(crate) fn run(seed: u64, catalogue: &Arc<Catalogue>, trace: bool) -> Result<Seen, String> {
    let mut random = Random::new(seed);
    let mut half = || random.percent(50);
    let faults = Faults {
        crash: half(),
        failed_commit: half(),
        drain: half(),
        repeat: half(),
        outside: half(),
        people: half(),
        snapshots: half(),
        flood: half() && half(),
    };
    let config = Config {
        step_slots: 1 + random.below(4),
        executions_max: 1 + random.below(4),
        idle_executions_max: random.below(3),
        batch_events_max: [1, 2, 5, 4096][random.below(4)],
        speculate: random.percent(70),
        keeps_secrets: false,
        allowances: Default::default(),
    };
    let blobs: Arc<dyn BlobStore> = Arc::new(MemBlobs::default());
    let core = new_core(&config, catalogue, &blobs, &mut random);
    let mut simulation = Simulation {
        checks: Checks::new(Arc::clone(catalogue), Arc::clone(&blobs)),
        random,
        faults,
        catalogue,
        blobs,
        config,
        store: MemStore::default(),
        core,
        outside: Outside::default(),
        loads: Vec::new(),
        calls: BTreeMap::new(),
        next_call: 0,
        now_ms: 1_000_000,
        starts: Vec::new(),
        unanswered: Vec::new(),
        promises: Vec::new(),
        executions: Vec::new(),
        quiet: false,
        seen: Seen::default(),
        trace,
    };
    simulation.play()?;
    Ok(simulation.seen)
}

impl Simulation<'_> {
    fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>8} {}", self.now_ms, what());
        }
    }

    fn play(&mut self) -> Checked {
        self.say(|| format!("{:?} {:?}", self.faults, self.config));
        let turns = 30 + self.random.below(60);
        for _ in 0..turns {
            self.now_ms += self.random.below(12) as i64;
            self.something_happens();
            if self.random.percent(45) {
                self.turn()?;
            }
        }
        self.come_to_rest()?;
        self.check_promises()
    }

    // --- What happens ------------------------------------------------------------------------------------------------

    fn handle(&mut self, input: Input) {
        self.core.handle(&self.store, self.now_ms, input);
    }

    fn call(&mut self, request: Request, asked: Asked) {
        self.say(|| match &request {
            Request::Start(_) => format!("{asked:?}"),
            other => format!("{other:?}"),
        });
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.calls.insert(call, asked);
        self.handle(Input::Call(call, Box::new(request)));
    }

    fn something_happens(&mut self) {
        let some = self.random.pick(&self.executions).copied();
        match (self.random.below(100), some) {
            (0..12, _) | (_, None) => self.start(),
            (12..50, _) => self.end_step(),
            (50..58, _) => self.load(),
            (58..64, _) if self.faults.repeat => {
                if let Some(input) = self.outside.tell_again(&mut self.random) {
                    self.seen.repeated_ends += 1;
                    self.handle(input);
                }
            }
            (64..72, Some(execution)) => {
                let count = if self.faults.flood { 1 + self.random.below(30) } else { 1 };
                for _ in 0..count {
                    self.signal(execution);
                }
            }
            (72..79, _) => self.complete_task(),
            (79..82, Some(execution)) => {
                let force = self.random.percent(30);
                self.call(Request::Cancel { execution, reason: None, force }, Asked::Cancel { execution });
            }
            (82..92, Some(execution)) if self.faults.people => self.people(execution),
            (92..95, _) => self.now_ms += self.random.below(200) as i64,
            (95..97, Some(execution)) if self.random.percent(50) => self.handle(Input::Follow(execution)),
            _ => self.start_again(),
        }
    }

    fn start(&mut self) {
        if self.starts.len() >= 7 {
            return;
        }
        let marker = self.starts.len();
        let tenant = ["acme", "brix"][self.random.below(2)].parse().expect("a tenant");
        let mut input = json!({"marker": marker});
        if self.random.percent(90) {
            // Without a lane the concurrency key cannot be made, and the start is refused.
            input["lane"] = json!(self.random.below(2));
        }
        let request = StartRequest {
            tenant,
            bundle: workload::workflow(self.random.next() % WORKFLOWS),
            input,
            grants: vec![],
            volumes: BTreeMap::new(),
            vars: Map::new(),
            secrets: GivenSecrets::default(),
            idempotency_key: self.random.percent(60).then(|| format!("key-{marker}")),
            debug: false,
            breakpoints: vec![],
            execution: None,
            trace: None,
            warnings: Vec::new(),
        };
        self.starts.push(Wanted { request: request.clone(), answered: None, given_up: false });
        self.call(Request::Start(Box::new(request)), Asked::Start { marker });
    }

    /// A client that was not answered, or does not remember, starts with the same key again.
    fn start_again(&mut self) {
        let keyed: Vec<usize> = (0..self.starts.len())
            .filter(|at| self.starts[*at].request.idempotency_key.is_some() && !self.starts[*at].given_up)
            .collect();
        if let Some(marker) = self.random.pick(&keyed).copied() {
            let request = self.starts[marker].request.clone();
            self.call(Request::Start(Box::new(request)), Asked::Start { marker });
        }
    }

    fn end_step(&mut self) {
        let faults = self.faults.outside && !self.quiet;
        if let Some(input) = self.outside.end_one(&mut self.random, self.blobs.as_ref(), faults) {
            self.say(|| format!("{input:?}"));
            self.seen.steps += 1;
            self.handle(input);
        }
    }

    fn load(&mut self) {
        if self.loads.is_empty() {
            return;
        }
        let at = self.random.below(self.loads.len());
        let (execution, op, tenant, blob) = self.loads.swap_remove(at);
        let value = if self.faults.outside && !self.quiet && self.random.percent(20) {
            Err(StepError::new(ErrorKind::Internal, "the blob store was not well"))
        } else {
            let bytes = self.blobs.get(&tenant, &blob.digest).expect("blobs are durable");
            Ok(serde_json::from_slice(&bytes).expect("a value"))
        };
        self.seen.loads += 1;
        self.handle(Input::Loaded { execution, op, value });
    }

    fn signal(&mut self, execution: ExecutionId) {
        let marker = format!("signal-{}", self.next_call);
        let id = self.random.percent(70).then(|| marker.clone());
        self.send_signal(Asked::Signal { execution, marker, id, known: false });
    }

    fn send_signal(&mut self, asked: Asked) {
        let Asked::Signal { execution, marker, id, .. } = &asked else { return };
        let request = Request::Signal {
            execution: *execution,
            name: "go".into(),
            key: None,
            payload: json!(marker),
            signal_id: id.clone(),
        };
        self.call(request, asked);
    }

    fn open_tasks(&self) -> Vec<(ExecutionId, OpId)> {
        let open = self.store.tasks.values().filter(|task| task.status == TaskStatus::Open);
        open.map(|task| (task.execution, task.op)).collect()
    }

    fn complete_task(&mut self) {
        let open = self.open_tasks();
        let Some((execution, op)) = self.random.pick(&open).copied() else { return };
        let approved = self.quiet || self.random.percent(70);
        let decision = Decision { approved, data: json!({}), by: Some("ada".into()), comment: None };
        self.call(Request::CompleteTask { execution, op, decision }, Asked::Task { execution, op });
    }

    fn people(&mut self, execution: ExecutionId) {
        let at = format!("n{}", self.random.below(6));
        let breakpoint = Breakpoint { at: at.clone(), condition: None, once: self.random.percent(50) };
        let mode = [StepMode::Into, StepMode::Over, StepMode::Out, StepMode::Continue][self.random.below(4)];
        let (path, value): (String, Value) = ("bb.a".into(), json!(self.random.below(9)));
        let request = match self.random.below(9) {
            0 => Request::Pause { execution },
            1 => Request::Resume { execution, secrets: GivenSecrets::default() },
            2 => Request::SetBreakpoint { execution, breakpoint },
            3 => Request::ClearBreakpoint { execution, at },
            4 => Request::Step { execution, mode },
            5 => Request::Edit { execution, path, value, at: None },
            6 => Request::Inspect { execution, at: None },
            7 => Request::Debug { execution, on: self.random.percent(50) },
            _ => {
                let edits = vec![(path, value)];
                Request::Fork { execution, at, edits, secrets: GivenSecrets::default(), made: None, trace: None }
            }
        };
        self.call(request, Asked::Other);
    }

    // --- Turns -------------------------------------------------------------------------------------------------------

    /// One batch, as the shell makes it, with the faults that can meet it.
    fn turn(&mut self) -> Checked {
        self.core.advance(&self.store, self.now_ms);
        let (batch, effects) = self.core.seal();
        let chance = if self.quiet { 100 } else { self.random.below(100) };
        let touched: BTreeSet<ExecutionId> = batch.writes.iter().filter_map(execution_of).collect();
        let snapshots: Vec<ExecutionId> = batch
            .writes
            .iter()
            .filter_map(|write| match write {
                Write::PutSnapshot { execution, .. } => Some(*execution),
                _ => None,
            })
            .collect();
        let fails = self.faults.failed_commit && (0..3).contains(&chance);
        self.store.write(batch);
        if self.faults.crash && (3..7).contains(&chance) || fails {
            self.seen.failed_commits += usize::from(fails);
            return self.crash();
        }
        self.store.sync().map_err(|refused| format!("the journal refuses a batch: {refused}"))?;
        self.seen.commits += 1;
        self.checks.read(&self.store, &touched)?;
        self.store.snapshots_are_damaged.set(false);
        for execution in snapshots {
            self.seen.snapshots += 1;
            let snapshot = akao_engine::Store::snapshot(&self.store, execution).ok().flatten();
            self.checks.check_snapshot(execution, &snapshot.ok_or("the snapshot is gone")?)?;
        }
        self.store.snapshots_are_damaged.set(self.faults.snapshots);
        if self.faults.crash && (7..11).contains(&chance) {
            return self.crash();
        }
        self.core.committed();
        self.core.run_durable(&self.store);
        self.let_go(effects)?;
        if self.faults.drain && (11..14).contains(&chance) {
            return self.drain();
        }
        Ok(())
    }

    fn let_go(&mut self, effects: Vec<Effect>) -> Checked {
        for effect in effects {
            match effect {
                Effect::Answer(call, answer) => {
                    let asked = self.calls.remove(&call).ok_or("a call was answered twice")?;
                    self.answered(asked, answer)?;
                }
                Effect::Run(job) => {
                    self.say(|| {
                        format!("run {} {} attempt {}", job.context.execution, job.context.op, job.context.attempt)
                    });
                    self.checks.check_step(&self.store, &job)?;
                    self.outside.begin(*job, self.now_ms)?;
                }
                Effect::Halt(execution, op) => self.outside.halt(execution, op),
                Effect::Load(execution, op, tenant, blob) => self.loads.push((execution, op, tenant, blob)),
                Effect::Quarantined(execution, reason) => return Err(format!("{execution} is quarantined: {reason}")),
                Effect::Feed(..) | Effect::Ended(..) => {}
            }
        }
        let (running, slots) = (self.outside.running.len(), self.config.step_slots);
        if running > slots || running != self.core.running_steps() {
            let counted = self.core.running_steps();
            return Err(format!("{running} steps run in {slots} slots, of which the engine counts {counted}"));
        }
        Ok(())
    }

    fn answered(&mut self, asked: Asked, answer: Result<Reply, CallError>) -> Checked {
        self.say(|| format!("answer {asked:?}: {answer:?}"));
        if let Err(CallError::Quarantined { execution, reason }) = &answer {
            return Err(format!("{execution} is quarantined: {reason}"));
        }
        match (asked, answer) {
            (Asked::Start { marker }, Ok(Reply::Started { execution, repeated, status, .. })) => {
                self.seen.queued += usize::from(status == ExecutionStatus::Queued);
                self.seen.repeated_starts += usize::from(repeated);
                if !self.store.executions.contains_key(&execution) {
                    return Err(format!("the start of {execution} was acknowledged and is not durable"));
                }
                match self.starts[marker].answered.replace(execution) {
                    Some(other) if other != execution => {
                        return Err(format!("one key started both {other} and {execution}"));
                    }
                    Some(_) => {}
                    None => self.executions.push(execution),
                }
            }
            (Asked::Start { marker }, Err(CallError::Invalid { .. })) => self.starts[marker].given_up = true,
            (Asked::Signal { execution, marker, id, .. }, Ok(_)) => {
                self.promises.push(Asked::Signal { execution, marker, id, known: true });
            }
            (asked @ Asked::Signal { .. }, Err(_)) => self.promises.push(asked),
            (asked @ (Asked::Cancel { .. } | Asked::Task { .. }), Ok(_)) => self.promises.push(asked),
            (Asked::Other, Ok(Reply::Started { execution, .. })) => {
                self.seen.forks += 1;
                self.executions.push(execution);
            }
            _ => {}
        }
        Ok(())
    }

    /// The process dies. What was not synced is lost, answers that were not given are never given, and a new process
    /// takes up what is on the disk.
    fn crash(&mut self) -> Checked {
        self.say(|| "crash".into());
        self.seen.crashes += 1;
        self.store.crash();
        self.outside.crash();
        self.loads.clear();
        for (_, asked) in std::mem::take(&mut self.calls) {
            match asked {
                Asked::Signal { ref id, .. } if id.is_some() => self.unanswered.push(asked),
                Asked::Start { marker } => {
                    // Without a key the client cannot know whether it has started something.
                    self.starts[marker].given_up |= self.starts[marker].request.idempotency_key.is_none();
                }
                _ => {}
            }
        }
        self.core = new_core(&self.config, self.catalogue, &self.blobs, &mut self.random);
        self.now_ms += self.random.below(100) as i64;
        self.core.recover(&self.store, self.now_ms).map_err(|problem| problem.to_string())
    }

    /// The process ends well: no step is begun, those that run come to their end, then it stops.
    fn drain(&mut self) -> Checked {
        self.say(|| "drain".into());
        self.seen.drains += 1;
        self.handle(Input::Drain);
        for _ in 0..1_000 {
            if self.core.running_steps() == 0 && !self.core.has_work() {
                break;
            }
            self.end_step();
            self.core.advance(&self.store, self.now_ms);
            let (batch, effects) = self.core.seal();
            if effects.iter().any(|effect| matches!(effect, Effect::Run(_))) {
                return Err("a step was begun after the drain".into());
            }
            let touched = batch.writes.iter().filter_map(execution_of).collect();
            self.store.write(batch);
            self.store.sync().map_err(|refused| format!("the journal refuses a batch: {refused}"))?;
            self.checks.read(&self.store, &touched)?;
            self.core.committed();
            self.core.run_durable(&self.store);
            self.let_go(effects)?;
        }
        if self.core.running_steps() > 0 {
            return Err("a drained engine does not end".into());
        }
        self.crash()
    }

    // --- The end -----------------------------------------------------------------------------------------------------

    /// No more faults: everything that was begun ends, by itself or by what people do about it.
    fn come_to_rest(&mut self) -> Checked {
        self.quiet = true;
        self.say(|| "quiet".into());
        self.turn()?;
        let mut pushes = 0;
        for _ in 0..QUIET_TURNS_MAX {
            for asked in std::mem::take(&mut self.unanswered) {
                self.send_signal(asked);
            }
            for marker in 0..self.starts.len() {
                let wanted = &self.starts[marker];
                let open = wanted.answered.is_none() && !wanted.given_up;
                if open && wanted.request.idempotency_key.is_some() {
                    let request = wanted.request.clone();
                    self.call(Request::Start(Box::new(request)), Asked::Start { marker });
                }
            }
            self.end_step();
            self.load();
            self.turn()?;
            if !self.outside.running.is_empty() || !self.loads.is_empty() || self.core.has_work() {
                continue;
            }
            if let Some(due) = self.core.next_due_ms() {
                self.now_ms = self.now_ms.max(due);
                continue;
            }
            if self.store.executions.values().all(|row| row.status.is_final()) {
                return self.check_rest();
            }
            self.push(pushes)?;
            pushes += 1;
        }
        Err(format!("the executions do not come to rest: {}", self.what_is_open()))
    }

    /// Nothing moves by itself any more. What is left must say that it waits for somebody, who now acts.
    fn push(&mut self, pushes: usize) -> Checked {
        let open: Vec<(ExecutionId, ExecutionStatus, Option<String>)> = self
            .store
            .executions
            .values()
            .filter(|row| !row.status.is_final())
            .map(|row| (row.id, row.status, row.waiting.clone()))
            .collect();
        let mut acted = false;
        for (execution, status, waiting) in open {
            // The engine has said that no time is due any more.
            if self.checks.outstanding(execution).iter().any(|command| matches!(command, Command::StartTimer { .. })) {
                return Err(format!("a timer of {execution} is forgotten"));
            }
            match status {
                ExecutionStatus::Paused => {
                    self.call(Request::Debug { execution, on: false }, Asked::Other);
                    self.call(Request::Resume { execution, secrets: GivenSecrets::default() }, Asked::Other);
                    acted = true;
                }
                ExecutionStatus::Waiting if waiting.is_none() => {
                    return Err(format!("{execution} waits and does not say for what"));
                }
                ExecutionStatus::Waiting if pushes < 60 => {
                    self.signal(execution);
                    acted = true;
                }
                ExecutionStatus::Waiting => {
                    self.call(Request::Cancel { execution, reason: None, force: true }, Asked::Cancel { execution });
                    acted = true;
                }
                // Its turn or its children's comes when others act.
                _ => {}
            }
        }
        self.complete_task();
        if acted {
            return Ok(());
        }
        Err(format!("nothing moves, and nobody is waited for: {}", self.what_is_open()))
    }

    fn what_is_open(&self) -> String {
        let open = self.store.executions.values().filter(|row| !row.status.is_final());
        let lines = open.map(|row| {
            let outstanding = self.checks.outstanding(row.id);
            format!("\n  {} {} {:?} {outstanding:?}", row.id, row.status, row.waiting)
        });
        lines.collect()
    }

    fn check_rest(&mut self) -> Checked {
        self.seen.executions = self.store.executions.len();
        self.seen.children = self.store.executions.values().filter(|row| row.parent.is_some()).count();
        let unknown = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains("outcome_unknown");
        self.seen.unknown_outcomes =
            self.store.executions.values().filter(|row| row.summary.as_ref().is_some_and(unknown)).count();
        if self.core.is_idle() && self.core.running_steps() == 0 && self.calls.is_empty() {
            return Ok(());
        }
        Err(format!("everything has ended and the engine still holds something; unanswered: {:?}", self.calls))
    }

    fn check_promises(&mut self) -> Checked {
        for wanted in &self.starts {
            let keyed = wanted.request.idempotency_key.is_some() && !wanted.given_up;
            if keyed && wanted.answered.is_none() {
                return Err("a start with a key was never answered".into());
            }
        }
        self.check_single_starts()?;
        for asked in std::mem::take(&mut self.promises) {
            match asked {
                Asked::Signal { execution, marker, id, known } => {
                    self.seen.signals += 1;
                    let times = self.checks.signals(execution, &marker);
                    let right = if known { times == 1 } else { times == 0 || id.is_some() && times == 1 };
                    if !right {
                        let word = if known { "acknowledged" } else { "refused" };
                        return Err(format!("{marker} for {execution} was {word} and taken {times} times"));
                    }
                }
                Asked::Cancel { execution } => {
                    self.seen.cancels += 1;
                    if !self.checks.is_cancelled(&self.store, execution) {
                        return Err(format!("an acknowledged cancel of {execution} was lost"));
                    }
                }
                Asked::Task { execution, op } => {
                    self.seen.tasks += 1;
                    if !self.checks.is_completed(execution, op) {
                        return Err(format!("an acknowledged decision for task {op} of {execution} was lost"));
                    }
                }
                Asked::Start { .. } | Asked::Other => {}
            }
        }
        Ok(())
    }

    /// However often it was asked, a key has started one execution.
    fn check_single_starts(&self) -> Checked {
        let mut started: BTreeMap<usize, BTreeSet<ExecutionId>> = BTreeMap::new();
        for row in self.store.executions.values() {
            let from_client = row.parent.is_none() && row.forked_from.is_none() && row.workflow.starts_with('w');
            let input = self.checks.input(row.id);
            if let (true, Some(marker)) = (from_client, input.and_then(|input| input["marker"].as_u64())) {
                started.entry(marker as usize).or_default().insert(row.id);
            }
        }
        for (marker, executions) in started {
            if executions.len() > 1 {
                return Err(format!("start {marker} made {} executions", executions.len()));
            }
        }
        Ok(())
    }
}

fn execution_of(write: &Write) -> Option<ExecutionId> {
    match write {
        Write::InsertExecution(row) => Some(row.id),
        Write::UpdateExecution { execution, .. }
        | Write::AppendFrame { execution, .. }
        | Write::PutOperation { execution, .. }
        | Write::DeleteOperation { execution, .. } => Some(*execution),
        _ => None,
    }
}
