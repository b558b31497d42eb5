//! One execution with a strict observer: every event is applied to the machine and to one restored from its snapshot, and
//! everything that the machine promises is checked after it.

use crate::{
    schedule::{Action, Schedule},
    support::{answer, program, start_of},
    workflow::{stored, stored_items},
};
use akao_contract::{ErrorKind, ExecutionStatus, OpId, Outcome, StepError};
use akao_flow::{
    Breakpoint, Command, Decision, Event, Finish, Machine, Program, Reaction, Start, StepMode, fingerprint,
};
use proptest::{prop_assert, prop_assert_eq, test_runner::TestCaseError};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Checked = Result<(), TestCaseError>;

/// Events after which an execution that goes on by itself is left alone; loops without end are among the workflows.
const SETTLE_EVENTS_MAX: usize = 300;

/// Points of a history at which it is cancelled.
const HALTING_POINTS_MAX: usize = 12;

/// An event, what it led to, and the state after it.
struct Past {
    now_ms: i64,
    event: Event,
    fingerprint: u64,
    snapshot: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct World {
    program: Arc<Program>,
    machine: Machine,
    now_ms: i64,
    open: BTreeMap<OpId, Command>,
    last_op: OpId,
    halted: BTreeSet<OpId>,
    finish: Option<Finish>,
    start: Start,
    past: Arc<std::cell::RefCell<Vec<Past>>>,
    /// Whether events are kept and checked in full; not for the branches that are cancelled.
    thorough: bool,
}

fn restored(program: &Arc<Program>, bytes: &[u8]) -> Machine {
    let mut machine = Machine::restore(Arc::clone(program), bytes, false).expect("a snapshot is restored");
    for blob in machine.missing_blobs() {
        machine.supply(&blob, &stored_items());
    }
    machine
}

/// The operation that a command opens.
fn opened(command: &Command) -> Option<OpId> {
    match command {
        Command::RunStep(step) => Some(step.op),
        Command::StartTimer { op, .. }
        | Command::AwaitSignal { op, .. }
        | Command::OpenTask { op, .. }
        | Command::LoadBlob { op, .. } => Some(*op),
        Command::StartChild(child) => Some(child.op),
        _ => None,
    }
}

/// The operation that an event answers.
fn answered(event: &Event) -> Option<OpId> {
    match event {
        Event::StepFinished { op, .. }
        | Event::TimerFired { op }
        | Event::TaskCompleted { op, .. }
        | Event::ChildFinished { op, .. }
        | Event::BlobLoaded { op, .. } => Some(*op),
        _ => None,
    }
}

fn step_finished(op: OpId, outcome: Outcome) -> Event {
    Event::StepFinished { op, outcome, attempts: 1, started_ms: None, earlier: Vec::new() }
}

fn child_finished(op: OpId, status: ExecutionStatus) -> Event {
    let error = (status == ExecutionStatus::Failure).then(|| StepError::new(ErrorKind::User, "the child failed"));
    Event::ChildFinished { op, status, outputs: Map::new(), error }
}

fn pick<T: Clone>(mut from: impl Iterator<Item = T> + Clone, at: usize) -> Option<T> {
    let count = from.clone().count();
    if count == 0 { None } else { from.nth(at % count) }
}

impl World {
    pub(crate) fn start(workflow: &Value, schedule: &Schedule) -> Result<Self, TestCaseError> {
        let program = program(workflow.clone());
        let mut start = start_of(json!({"x": 1}));
        start.debug = schedule.debug;
        start.breakpoints = schedule
            .breakpoint
            .map(|node| Breakpoint { at: format!("n{node}"), condition: None, once: false })
            .into_iter()
            .collect();
        let mut reaction = Reaction::default();
        let machine = Machine::start(Arc::clone(&program), start.clone(), true, &mut reaction);
        let event = Event::Started(Box::new(start.clone()));
        let mut world = Self {
            program,
            machine,
            now_ms: start.at_ms,
            open: BTreeMap::new(),
            last_op: OpId(0),
            halted: BTreeSet::new(),
            finish: None,
            start,
            past: Arc::default(),
            thorough: true,
        };
        world.observe(&event, &reaction.commands)?;
        world.remember(event, &reaction.commands);
        Ok(world)
    }

    fn remember(&self, event: Event, commands: &[Command]) {
        if self.thorough {
            let (fingerprint, snapshot) = (fingerprint(commands), self.machine.snapshot());
            self.past.borrow_mut().push(Past { now_ms: self.now_ms, event, fingerprint, snapshot });
        }
    }

    /// Applies an event, also to a machine that was restored just before it.
    fn apply(&mut self, event: Event) -> Checked {
        let mut reaction = Reaction::default();
        let mut twin = self.thorough.then(|| {
            let bytes = self.machine.snapshot();
            (restored(&self.program, &bytes), bytes)
        });
        self.machine.apply(self.now_ms, event.clone(), &mut reaction);
        if let Some((twin, bytes)) = &mut twin {
            prop_assert!(twin.snapshot() == *bytes, "snapshot and restore changed the state before {event:?}");
            let mut again = Reaction::default();
            twin.apply(self.now_ms, event.clone(), &mut again);
            prop_assert_eq!(&again.commands, &reaction.commands, "a restored machine decides otherwise at {:?}", event);
            prop_assert!(
                twin.snapshot() == self.machine.snapshot(),
                "a restored machine ends in another state after {event:?}"
            );
        }
        self.observe(&event, &reaction.commands)?;
        self.remember(event, &reaction.commands);
        Ok(())
    }

    /// What must hold after every event.
    fn observe(&mut self, event: &Event, commands: &[Command]) -> Checked {
        let before = self.open.clone();
        let answered = answered(event);
        let mut named: BTreeSet<OpId> = BTreeSet::new();
        for command in commands {
            prop_assert!(self.finish.is_none(), "{command:?} after the end");
            if let Some(op) = opened(command) {
                prop_assert!(op > self.last_op, "operation {op} is used again by {command:?}");
                self.last_op = op;
                if !matches!(command, Command::StartChild(child) if !child.wait) {
                    self.open.insert(op, command.clone());
                }
            }
            match command {
                Command::CancelStep { op } | Command::CancelChild { op, .. } => {
                    prop_assert!(self.open.contains_key(op), "{command:?} is not open");
                    prop_assert!(self.halted.insert(*op), "{command:?} is halted a second time");
                }
                Command::CancelTimer { op } | Command::CloseTask { op, .. } => {
                    prop_assert!(self.open.contains_key(op), "{command:?} is not open");
                    prop_assert!(named.insert(*op), "{command:?} is closed twice");
                }
                Command::Finish(finish) => self.finish = Some((**finish).clone()),
                _ => {}
            }
        }
        let outstanding: BTreeMap<OpId, Command> = self
            .machine
            .outstanding()
            .into_iter()
            .map(|command| (opened(&command).expect("it opens"), command))
            .collect();
        for (op, command) in &outstanding {
            prop_assert_eq!(Some(command), self.open.get(op), "an operation is outstanding that nothing opened");
        }
        let out_of_fuel = self.finish.as_ref().is_some_and(is_out_of_fuel);
        for (op, command) in &self.open {
            if outstanding.contains_key(op) {
                prop_assert!(!named.contains(op), "{command:?} was given up and is still outstanding");
                continue;
            }
            let by_event = answered == Some(*op) && before.contains_key(op);
            let right = match command {
                Command::RunStep(_) | Command::StartChild(_) => by_event || out_of_fuel,
                Command::StartTimer { .. } => by_event != named.contains(op),
                Command::OpenTask { .. } => by_event != named.contains(op),
                _ => true,
            };
            prop_assert!(right, "{command:?} was closed by nothing at {event:?}, or twice");
        }
        self.open = outstanding;
        self.check_life(out_of_fuel)
    }

    /// An execution has ended and left nothing, or waits for something that it names.
    fn check_life(&self, out_of_fuel: bool) -> Checked {
        let status = self.machine.status();
        let Some(finish) = &self.finish else {
            prop_assert!(!status.is_final(), "{status} without an end");
            prop_assert!(
                !self.open.is_empty() || !self.machine.held().is_empty(),
                "the execution is {status} and waits for nothing"
            );
            if status == ExecutionStatus::Waiting {
                prop_assert!(!self.machine.waits(self.now_ms).is_empty(), "it waits and does not say for what");
            }
            if status == ExecutionStatus::Running {
                prop_assert!(self.machine.is_busy(), "it runs and nothing is under way");
            }
            return Ok(());
        };
        prop_assert_eq!(finish.status, status);
        prop_assert!(self.open.is_empty(), "{:?} outlives the execution", self.open);
        if !out_of_fuel {
            self.check_leftovers()?;
        }
        Ok(())
    }

    /// A state without frames, scopes and waits that nobody frees any more.
    fn check_leftovers(&self) -> Checked {
        let snapshot: Value = serde_json::from_slice(&self.machine.snapshot()).expect("a snapshot is JSON");
        let state = &snapshot["state"];
        let live = |slab: &str| {
            let entries = state[slab]["entries"].as_array().into_iter().flatten();
            entries.filter(|entry| !entry.is_null()).count()
        };
        prop_assert_eq!(live("frames"), 0, "frames are left");
        prop_assert_eq!(live("scopes"), 1, "scopes are left: {}", state["scopes"]);
        prop_assert_eq!(&state["watchers"], &json!({}), "watchers are left");
        prop_assert_eq!(&state["signals"]["waits"], &json!({}), "waits for signals are left");
        Ok(())
    }

    // --- What happens ------------------------------------------------------------------------------------------------

    fn steps(&self) -> impl Iterator<Item = OpId> + Clone + '_ {
        self.open.values().filter_map(|command| match command {
            Command::RunStep(step) => Some(step.op),
            _ => None,
        })
    }

    fn ops(&self, wanted: fn(&Command) -> bool) -> impl Iterator<Item = OpId> + Clone + '_ {
        self.open.iter().filter(move |(_, command)| wanted(command)).map(|(op, _)| *op)
    }

    /// The timers that are open, earliest first.
    fn timers(&self) -> Vec<(i64, OpId)> {
        let mut timers: Vec<(i64, OpId)> = self
            .open
            .values()
            .filter_map(|command| match command {
                Command::StartTimer { op, fire_at_ms } => Some((*fire_at_ms, *op)),
                _ => None,
            })
            .collect();
        timers.sort_unstable();
        timers
    }

    fn fire(&mut self, (fire_at_ms, op): (i64, OpId)) -> Checked {
        self.now_ms = self.now_ms.max(fire_at_ms);
        self.apply(Event::TimerFired { op })
    }

    /// What a leaf answers by itself; none for one that hangs.
    fn own_answer(&self, op: OpId) -> Option<Outcome> {
        let Some(Command::RunStep(step)) = self.open.get(&op) else { return None };
        answer(self.program.node_type(step.node), &step.input)
    }

    pub(crate) fn act(&mut self, action: &Action) -> Checked {
        self.now_ms += 1;
        let event = match action {
            Action::Answer(at) => {
                pick(self.steps(), *at).and_then(|op| self.own_answer(op).map(|outcome| step_finished(op, outcome)))
            }
            Action::AnswerWith(at, how) => pick(self.steps(), *at).map(|op| {
                let failure = || Outcome::failure(StepError::new(ErrorKind::Connection, "lost"));
                step_finished(op, [Outcome::success(), failure(), Outcome::cancelled()][*how as usize].clone())
            }),
            Action::Timer | Action::AnyTimer(_) => {
                let at = if let Action::AnyTimer(at) = action { *at } else { 0 };
                let timers = self.timers();
                return match timers.get(at % timers.len().max(1)) {
                    Some(timer) => self.fire(*timer),
                    None => Ok(()),
                };
            }
            Action::Signal(name, key) => {
                let key = key.map(str::to_owned);
                let event = Event::Signal { name: (*name).to_owned(), key, payload: json!(self.now_ms) };
                self.machine.accepts_signal(&event).is_ok().then_some(event)
            }
            Action::Task(at, approved) => pick(self.ops(|command| matches!(command, Command::OpenTask { .. })), *at)
                .map(|op| {
                    let decision = Decision { approved: *approved, data: json!({}), by: None, comment: None };
                    Event::TaskCompleted { op, decision }
                }),
            Action::Child(at, how) => {
                pick(self.ops(|command| matches!(command, Command::StartChild(_))), *at).map(|op| {
                    use ExecutionStatus::{Cancelled, Failure, Skipped, Success};
                    child_finished(op, [Success, Failure, Skipped, Cancelled][*how as usize])
                })
            }
            Action::Load(at, well) => {
                pick(self.ops(|command| matches!(command, Command::LoadBlob { .. })), *at).map(|op| load(op, *well))
            }
            Action::Cancel(force) => Some(Event::CancelRequested { reason: None, force: *force }),
            Action::Pause => Some(Event::PauseRequested),
            Action::Resume => Some(Event::ResumeRequested),
            Action::Debug(on) => Some(Event::DebugAttached { on: *on }),
            Action::Stepped(mode) => {
                let modes = [StepMode::Continue, StepMode::Into, StepMode::Over, StepMode::Out];
                Some(Event::Stepped { mode: modes[*mode as usize] })
            }
            Action::Breakpoint { node, once, condition } => Some(Event::BreakpointSet(Breakpoint {
                at: format!("n{node}"),
                condition: condition.map(str::to_owned),
                once: *once,
            })),
            Action::ClearBreakpoint(node) => Some(Event::BreakpointCleared { at: format!("n{node}") }),
            Action::Edit(path, value) => (self.machine.status() == ExecutionStatus::Paused).then(|| {
                let at = self.machine.held().first().map(|(address, _, _)| address.clone());
                Event::ValueEdited { path: (*path).to_owned(), value: json!(value), at }
            }),
            Action::Again(at) => return self.answer_again(*at),
            Action::Nonsense(at) => return self.answer_nonsense(*at),
        };
        event.map_or(Ok(()), |event| self.apply(event))
    }

    /// A completion of a closed operation changes nothing.
    fn answer_again(&mut self, at: usize) -> Checked {
        let repeated = {
            let past = self.past.borrow();
            let closed = |past: &&Past| answered(&past.event).is_some_and(|op| !self.open.contains_key(&op));
            pick(past.iter().filter(closed), at).map(|past| past.event.clone())
        };
        let Some(event) = repeated else { return Ok(()) };
        self.changes_nothing(&event)
    }

    /// A completion of the wrong kind, or of an operation that never was, changes nothing.
    fn answer_nonsense(&mut self, at: usize) -> Checked {
        let timer = self.timers().first().map(|(_, op)| *op);
        let step = pick(self.steps(), at);
        let event = match at % 4 {
            0 => step_finished(OpId(self.last_op.0 + 1), Outcome::success()),
            1 => timer.map_or(Event::TimerFired { op: OpId(0) }, |op| step_finished(op, Outcome::success())),
            2 => step.map_or(Event::TimerFired { op: OpId(u64::MAX) }, |op| Event::TimerFired { op }),
            _ => step.map_or(load(OpId(0), true), |op| child_finished(op, ExecutionStatus::Success)),
        };
        self.changes_nothing(&event)
    }

    fn changes_nothing(&mut self, event: &Event) -> Checked {
        let before = self.machine.snapshot();
        self.apply(event.clone())?;
        prop_assert!(self.machine.snapshot() == before, "{event:?} changed something");
        Ok(())
    }

    // --- The end -----------------------------------------------------------------------------------------------------

    /// One move of a fair driver that answers everything: halted steps first, then whatever ends by itself.
    fn move_on(&mut self) -> Result<bool, TestCaseError> {
        self.now_ms += 1;
        let halted = self.halted.iter().find(|op| self.open.contains_key(op)).copied();
        let event = if let Some(op) = halted {
            match &self.open[&op] {
                Command::StartChild(_) => Some(child_finished(op, ExecutionStatus::Cancelled)),
                // A halted step may also have come to its end just before.
                _ if op.0 % 3 == 0 => Some(step_finished(op, Outcome::success())),
                _ => Some(step_finished(op, Outcome::cancelled())),
            }
        } else if self.machine.status() == ExecutionStatus::Paused && !self.machine.held().is_empty() {
            Some(Event::ResumeRequested)
        } else {
            let step = self.steps().find_map(|op| Some(step_finished(op, self.own_answer(op)?)));
            let child = self.ops(|command| matches!(command, Command::StartChild(_))).next();
            let loading = self.ops(|command| matches!(command, Command::LoadBlob { .. })).next();
            step.or(child.map(|op| child_finished(op, ExecutionStatus::Success))).or(loading.map(|op| load(op, true)))
        };
        if let Some(event) = event {
            self.apply(event)?;
            return Ok(true);
        }
        match self.timers().first().copied() {
            Some(timer) => self.fire(timer).map(|()| true),
            None => Ok(false),
        }
    }

    /// Answers what can be answered until the execution ends or waits for people, signals and steps that hang.
    pub(crate) fn settle(&mut self) -> Checked {
        for _ in 0..SETTLE_EVENTS_MAX {
            if self.finish.is_some() || !self.move_on()? {
                break;
            }
        }
        Ok(())
    }

    /// The recorded history leads to the same decisions and the same state after every one of its events.
    pub(crate) fn check_replay(&self) -> Checked {
        let mut reaction = Reaction::default();
        let mut machine = Machine::start(Arc::clone(&self.program), self.start.clone(), false, &mut reaction);
        for (at, past) in self.past.borrow().iter().enumerate() {
            if at > 0 {
                reaction.clear();
                machine.apply(past.now_ms, past.event.clone(), &mut reaction);
            }
            prop_assert_eq!(fingerprint(&reaction.commands), past.fingerprint, "replay decides otherwise at {}", at);
            prop_assert!(machine.snapshot() == past.snapshot, "replay has another state at {at}");
        }
        Ok(())
    }

    /// From every point of the history a cancel leads to the end, and nothing that was started is forgotten on the way.
    pub(crate) fn check_halting(&self) -> Checked {
        let mut branch = World::start_again(self)?;
        let past = self.past.borrow();
        let every = past.len().div_ceil(HALTING_POINTS_MAX);
        for (at, past) in past.iter().enumerate() {
            if at > 0 {
                branch.now_ms = past.now_ms;
                branch.apply(past.event.clone())?;
            }
            if at % every == 0 && branch.finish.is_none() {
                branch.clone().halt(at % 2 == 1)?;
            }
        }
        Ok(())
    }

    fn start_again(world: &Self) -> Result<Self, TestCaseError> {
        let mut reaction = Reaction::default();
        let machine = Machine::start(Arc::clone(&world.program), world.start.clone(), false, &mut reaction);
        let mut branch = Self {
            machine,
            program: Arc::clone(&world.program),
            start: world.start.clone(),
            now_ms: world.start.at_ms,
            open: BTreeMap::new(),
            last_op: OpId(0),
            halted: BTreeSet::new(),
            finish: None,
            past: Arc::default(),
            thorough: false,
        };
        branch.observe(&Event::Started(Box::new(world.start.clone())), &reaction.commands)?;
        Ok(branch)
    }

    /// Cancels, answers the halts, and expects the end. What `finally` children start may hang; force ends that too.
    fn halt(mut self, force: bool) -> Checked {
        for force in [force, true] {
            if self.finish.is_none() {
                self.apply(Event::CancelRequested { reason: None, force })?;
            }
            // A person who had paused the execution lets go of it.
            self.apply(Event::DebugAttached { on: false })?;
            for _ in 0..SETTLE_EVENTS_MAX {
                if self.finish.is_some() || !self.move_on()? {
                    break;
                }
            }
        }
        let Some(finish) = &self.finish else {
            return Err(TestCaseError::fail(format!("a cancelled execution does not end; open: {:?}", self.open)));
        };
        let timed_out = finish.failure.as_ref().is_some_and(|failure| failure.error.kind == ErrorKind::Timeout);
        let cancelled = finish.status == ExecutionStatus::Cancelled || timed_out || is_out_of_fuel(finish);
        prop_assert!(cancelled, "a cancelled execution ended as {finish:?}");
        Ok(())
    }
}

fn load(op: OpId, well: bool) -> Event {
    let error = (!well).then(|| StepError::new(ErrorKind::Internal, "it is gone"));
    Event::BlobLoaded { op, value: well.then(|| Arc::new(stored_items())), error }
}

fn is_out_of_fuel(finish: &Finish) -> bool {
    finish.failure.as_ref().is_some_and(|failure| failure.error.message.contains("moves within one event"))
}

/// The stored collection that workflows name is the one that is loaded.
#[test]
fn the_stored_collection_has_its_digest() {
    let bytes = stored_items().to_string().into_bytes();
    assert_eq!(stored().digest, akao_contract::Digest::of(&bytes));
}
