//! One event being handled: the borrowed state, the messages still to be handled and the reaction so far.

use super::{
    HaltCause, OpKind, OpenOp, Reaction, State,
    command::{Command, Failure, Finish},
    event::{Event, Start},
    frame::{End, Frame, FrameIndex, NO_ITERATION, Phase},
    note::Note,
    scope::{ScopeData, ScopeIndex, ScopeKind, View},
};
use crate::{
    OnFailure,
    control::{self, State as ControlState},
    program::{Node, NodeIndex, Predicate, Program, Work},
};
use akao_contract::{Address, ErrorKind, ExecutionStatus, NodeStatus, OpId, Segment, StepError};
use akao_expression::{EvalError, Rendered, Template};
use serde_json::{Map, Value};
use std::{collections::VecDeque, sync::Arc};

/// Something that one frame tells another.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Start(FrameIndex),
    Ended {
        parent: FrameIndex,
        slot: u32,
        iteration: u64,
        scope: ScopeIndex,
        end: End,
    },
    Halt {
        frame: FrameIndex,
        birth: u64,
        force: bool,
    },
    /// A reactive composite looks at its conditions again.
    Wake {
        frame: FrameIndex,
        birth: u64,
    },
}

/// One event being handled.
pub(crate) struct Run<'a> {
    pub(crate) program: &'a Program,
    pub(crate) state: &'a mut State,
    pub(crate) now_ms: i64,
    trace: bool,
    reaction: &'a mut Reaction,
    messages: &'a mut VecDeque<Message>,
    fuel: u64,
}

/// An evaluation error as a step's error.
pub(crate) fn eval_error(problem: &EvalError) -> StepError {
    let error = StepError::new(ErrorKind::Input, problem.message.clone());
    match &problem.suggestion {
        Some(suggestion) => error.with_suggestion(suggestion.clone()),
        None => error,
    }
}

/// The address of a frame, from its chain of parents.
pub(crate) fn address(state: &State, frame: FrameIndex) -> Address {
    let mut address = Address::root();
    let mut below = NO_ITERATION;
    let mut at = frame;
    while let Some(found) = state.frames.get(at.0) {
        let iteration = (below != NO_ITERATION).then_some(below);
        if found.parent.is_none() {
            address.root_iteration = iteration;
        } else {
            address.segments.push(Segment { index: found.slot, iteration });
        }
        below = found.iteration;
        at = found.parent;
    }
    address.segments.reverse();
    address
}

impl State {
    pub(super) fn new(start: &Start) -> Self {
        let about = serde_json::json!({
            "id": start.execution.to_string(), "started_at": start.at_ms, "tenant": start.tenant.as_str(),
        });
        let mut scopes = super::frame::Slab::default();
        let root_scope = ScopeIndex(scopes.insert(ScopeData::new(ScopeIndex::NONE, ScopeKind::Root)));
        Self {
            execution: start.execution,
            tenant: start.tenant.clone(),
            semantics: start.semantics,
            started_ms: start.at_ms,
            input: Arc::new(start.input.clone()),
            vars: start.vars.iter().map(|(key, value)| (key.as_str().into(), Arc::new(value.clone()))).collect(),
            about: Arc::new(about),
            next_op: 1,
            next_birth: 1,
            frames: super::frame::Slab::default(),
            scopes,
            root_frame: FrameIndex::NONE,
            root_scope,
            ops: std::collections::BTreeMap::new(),
            busy: 0,
            signals: super::signals::Signals::default(),
            debug: super::debug::Debug::new(start),
            watchers: std::collections::BTreeMap::new(),
            soft_failures: Vec::new(),
            deadline: None,
            halted_by: None,
            forced: false,
            finished: None,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        program: &'a Program,
        state: &'a mut State,
        messages: &'a mut VecDeque<Message>,
        now_ms: i64,
        trace: bool,
        reaction: &'a mut Reaction,
    ) -> Self {
        Self { program, state, now_ms, trace, reaction, messages, fuel: super::FUEL_PER_EVENT }
    }

    /// Starts the root.
    pub(super) fn begin(&mut self) {
        if let Some(after_ms) = self.program.timeout_ms {
            self.state.deadline = Some(self.timer(FrameIndex::NONE, after_ms));
        }
        let scope = self.state.root_scope;
        let root = self.new_frame(self.program.root, FrameIndex::NONE, 0, NO_ITERATION, scope);
        self.state.root_frame = root;
        self.messages.push_back(Message::Start(root));
    }

    /// Brings an event to the frame that it concerns.
    pub(super) fn handle(&mut self, event: Event) {
        match event {
            Event::Started(_) => {}
            Event::StepFinished { op, outcome, attempts, .. } => self.step_finished(op, outcome, attempts),
            Event::TimerFired { op } => self.timer_fired(op),
            Event::Signal { name, key, payload } => self.signal_arrived(name, key, payload),
            Event::TaskCompleted { op, decision } => {
                if let Some(frame) = self.close_op(op, |kind| matches!(kind, OpKind::Task(_))) {
                    control::human_task::completed(self, frame, decision);
                }
            }
            Event::ChildFinished { op, status, outputs, error } => {
                if let Some(frame) = self.close_op(op, |kind| matches!(kind, OpKind::Child(_))) {
                    control::sub_workflow::child_finished(self, frame, status, outputs, error);
                }
            }
            Event::BlobLoaded { op, value, error } => {
                if let Some(frame) = self.close_op(op, |kind| matches!(kind, OpKind::Load(_))) {
                    control::for_each::loaded(self, frame, value, error);
                }
            }
            Event::CancelRequested { reason, force } => {
                self.halt_all(HaltCause::Cancelled { reason }, force);
            }
            Event::PauseRequested => self.state.debug.pause(),
            Event::ResumeRequested => self.resume(super::event::StepMode::Continue),
            Event::Stepped { mode } => self.resume(mode),
            Event::DebugAttached { on } => self.state.debug.enabled = on,
            Event::BreakpointSet(breakpoint) => self.state.debug.set(breakpoint),
            Event::BreakpointCleared { at } => self.state.debug.clear(&at),
            Event::ValueEdited { path, value, at } => self.edit(&path, value, at.as_ref()),
        }
    }

    /// Handles messages until none is left, then closes the execution if its root has ended.
    pub(super) fn settle(&mut self) {
        while let Some(message) = self.next_message() {
            if self.fuel == 0 {
                self.out_of_fuel();
                return;
            }
            self.fuel -= 1;
            match message {
                Message::Start(frame) => self.start(frame),
                Message::Ended { parent, slot, iteration, scope, end } => {
                    self.child_ended(parent, slot, (iteration, scope), end);
                }
                Message::Halt { frame, birth, force } => {
                    if self.is_same(frame, birth) {
                        self.halt_frame(frame, force);
                    }
                }
                Message::Wake { frame, birth } => {
                    if self.is_same(frame, birth) && self.phase(frame) == Some(Phase::Active) {
                        control::reactive::wake(self, frame);
                    }
                }
            }
        }
    }

    /// The next message. Once none is left after a cancel, the frames that it did not reach are let go: `finally` children
    /// that a pause held.
    fn next_message(&mut self) -> Option<Message> {
        if self.messages.is_empty() && !self.state.debug.paused {
            self.release_held();
        }
        self.messages.pop_front()
    }

    /// An endless loop without a step inside: nothing it holds can be trusted to end, so the whole execution fails.
    fn out_of_fuel(&mut self) {
        self.messages.clear();
        self.state.halted_by = Some(HaltCause::Fuel);
        let steps: Vec<OpId> = self.state.ops.keys().copied().collect();
        for op in steps {
            self.cancel_op(op);
            self.state.ops.remove(&op);
        }
        self.state.busy = 0;
        self.finish(&End::CANCELLED);
    }

    /// Gives fuel for work that is bounded by data, such as the elements of a loop.
    pub(crate) fn refuel(&mut self, amount: u64) {
        self.fuel = self.fuel.saturating_add(amount.saturating_mul(16));
    }

    /// Whether the frame that a message meant is still the one in its place.
    fn is_same(&self, frame: FrameIndex, birth: u64) -> bool {
        self.state.frames.get(frame.0).is_some_and(|found| found.birth == birth)
    }

    fn tell_halt(&mut self, frame: FrameIndex, force: bool) {
        if let Some(found) = self.state.frames.get(frame.0) {
            self.messages.push_back(Message::Halt { frame, birth: found.birth, force });
        }
    }

    fn phase(&self, frame: FrameIndex) -> Option<Phase> {
        self.state.frames.get(frame.0).map(|found| found.phase)
    }

    // --- Frames ------------------------------------------------------------------------------------------------------

    pub(crate) fn frame(&self, frame: FrameIndex) -> &Frame {
        self.state.frames.get(frame.0).expect("a frame lives until its end was told to its parent")
    }

    pub(crate) fn frame_mut(&mut self, frame: FrameIndex) -> &mut Frame {
        self.state.frames.get_mut(frame.0).expect("a frame lives until its end was told to its parent")
    }

    pub(crate) fn node_of(&self, frame: FrameIndex) -> &'a Node {
        self.program.node(self.frame(frame).node)
    }

    /// The control node's own state; taken out, changed and put back by its methods.
    pub(crate) fn state_of(&mut self, frame: FrameIndex) -> &mut ControlState {
        &mut self.frame_mut(frame).state
    }

    pub(crate) fn address(&self, frame: FrameIndex) -> Address {
        address(self.state, frame)
    }

    fn new_frame(
        &mut self,
        node: NodeIndex,
        parent: FrameIndex,
        slot: u32,
        iteration: u64,
        scope: ScopeIndex,
    ) -> FrameIndex {
        let next_sibling = self.state.frames.get(parent.0).map_or(FrameIndex::NONE, |found| found.first_child);
        let birth = self.state.next_birth;
        self.state.next_birth += 1;
        let frame = FrameIndex(self.state.frames.insert(Frame {
            birth,
            node,
            parent,
            slot,
            phase: Phase::Pending,
            released: false,
            iteration,
            scope,
            live: 0,
            first_child: FrameIndex::NONE,
            next_sibling,
            previous_sibling: FrameIndex::NONE,
            closing: None,
            op: None,
            state: ControlState::None,
        }));
        if let Some(sibling) = self.state.frames.get_mut(next_sibling.0) {
            sibling.previous_sibling = frame;
        }
        if let Some(parent) = self.state.frames.get_mut(parent.0) {
            parent.first_child = frame;
            parent.live += 1;
        }
        frame
    }

    /// Takes a frame out of its parent's list and frees it where it stands; moving it out first would cost more than all
    /// the rest.
    fn drop_frame(&mut self, frame: FrameIndex) {
        let Frame { parent, previous_sibling, next_sibling, .. } = *self.frame(frame);
        self.state.frames.discard(frame.0);
        match self.state.frames.get_mut(previous_sibling.0) {
            Some(previous) => previous.next_sibling = next_sibling,
            None => {
                if let Some(parent) = self.state.frames.get_mut(parent.0) {
                    parent.first_child = next_sibling;
                }
            }
        }
        if let Some(next) = self.state.frames.get_mut(next_sibling.0) {
            next.previous_sibling = previous_sibling;
        }
    }

    /// The live children of a frame, oldest first.
    pub(crate) fn live_children(&self, frame: FrameIndex) -> Vec<FrameIndex> {
        let mut children = Vec::with_capacity(self.frame(frame).live as usize);
        let mut at = self.frame(frame).first_child;
        while let Some(child) = self.state.frames.get(at.0) {
            children.push(at);
            at = child.next_sibling;
        }
        children.reverse();
        children
    }

    /// Starts child `slot` of a frame's node in the frame's own scope.
    pub(crate) fn start_child(&mut self, frame: FrameIndex, slot: u32) {
        let scope = self.frame(frame).scope;
        self.start_child_in(frame, slot, NO_ITERATION, scope);
    }

    /// Starts child `slot` for run `iteration` of a loop, in `scope`.
    pub(crate) fn start_child_in(&mut self, frame: FrameIndex, slot: u32, iteration: u64, scope: ScopeIndex) {
        let node = self.node_of(frame).children[slot as usize];
        self.start_node(frame, node, slot, iteration, scope);
    }

    /// Starts a node that need not be among the children of the frame's node (the root of a tree).
    pub(crate) fn start_node(
        &mut self,
        frame: FrameIndex,
        node: NodeIndex,
        slot: u32,
        iteration: u64,
        scope: ScopeIndex,
    ) {
        let child = self.new_frame(node, frame, slot, iteration, scope);
        self.messages.push_back(Message::Start(child));
    }

    fn start(&mut self, frame: FrameIndex) {
        match self.phase(frame) {
            Some(Phase::Halting) => return self.end(frame, End::CANCELLED),
            Some(Phase::Pending) => {}
            _ => return,
        }
        if self.hold_if_asked(frame) {
            return;
        }
        let node = self.node_of(frame);
        if let Some(condition) = &node.condition {
            let view = View { state: self.state, program: self.program, scope: self.frame(frame).scope };
            match condition.holds(&view) {
                Ok(true) => {}
                Ok(false) => return self.end(frame, End::SKIPPED),
                Err(problem) => {
                    self.frame_mut(frame).phase = Phase::Active;
                    let error = eval_error(&problem);
                    let error = StepError { message: format!("`if` cannot be decided: {}", error.message), ..error };
                    return self.fail(frame, error);
                }
            }
        }
        self.frame_mut(frame).phase = Phase::Active;
        if let Some(pinned) = &node.pin {
            self.note_started(frame, None, None);
            return self.leaf_ended(frame, pinned.clone(), 0);
        }
        match &node.work {
            Work::Leaf(leaf) => self.start_leaf(frame, leaf),
            Work::Control(control) => {
                self.note_started(frame, None, None);
                control::start(self, frame, control);
            }
        }
    }

    fn child_ended(&mut self, parent: FrameIndex, slot: u32, turn: (u64, ScopeIndex), end: End) {
        let Some(found) = self.state.frames.get_mut(parent.0) else {
            // The root has no parent.
            return self.finish(&end);
        };
        found.live -= 1;
        let (live, halting, closing) = (found.live, found.phase == Phase::Halting, found.closing.is_some());
        if closing || halting {
            self.drop_turn(parent, turn.1);
            if live > 0 {
                return;
            }
            return match self.frame_mut(parent).closing.take() {
                Some(end) => self.end(parent, *end),
                None => control::halted(self, parent),
            };
        }
        let Work::Control(control) = &self.node_of(parent).work else { return };
        control::child_ended(self, parent, control, slot, turn, end);
    }

    /// Ends a frame as `end`, halting what still runs below it first.
    pub(crate) fn close(&mut self, frame: FrameIndex, end: End) {
        if self.frame(frame).live == 0 {
            return self.end(frame, end);
        }
        self.frame_mut(frame).closing = Some(Box::new(end));
        self.halt_children(frame, false);
    }

    /// Ends a frame with a failure that arose in it.
    pub(crate) fn fail(&mut self, frame: FrameIndex, error: StepError) {
        let failure = Box::new(Failure { error, step: self.address(frame) });
        self.close(frame, End::failed(failure));
    }

    /// Ends a frame that has no live child: tells its parent and frees it.
    pub(crate) fn end(&mut self, frame: FrameIndex, end: End) {
        self.end_giving(frame, end, None, None);
    }

    /// As `end`, with what the node gives out.
    pub(crate) fn end_with(&mut self, frame: FrameIndex, end: End, outputs: Map<String, Value>, attempts: Option<u32>) {
        self.end_giving(frame, end, Some(outputs), attempts);
    }

    fn end_giving(
        &mut self,
        frame: FrameIndex,
        mut end: End,
        outputs: Option<Map<String, Value>>,
        attempts: Option<u32>,
    ) {
        let node = self.node_of(frame);
        if node.retained {
            self.record_step(frame, &end, outputs.as_ref());
        }
        if self.trace {
            let note = Note::Ended {
                address: self.address(frame),
                id: node.id.clone(),
                node_type: Arc::clone(&node.node_type),
                status: end.status,
                attempts,
                outputs: outputs.unwrap_or_default(),
                failure: end.failure.clone(),
            };
            self.note(note);
        }
        self.close_own_ops(frame);
        control::forget(self, frame);
        let Frame { parent, slot, iteration, scope, phase, .. } = *self.frame(frame);
        self.drop_frame(frame);
        if end.status == NodeStatus::Failure && node.on_failure == OnFailure::Continue {
            end = End::SUCCESS;
        }
        if phase == Phase::Halting && end.status != NodeStatus::Cancelled {
            // The parent asked for a halt; what the node made of it stays in its own record.
            end = End::CANCELLED;
        }
        self.messages.push_back(Message::Ended { parent, slot, iteration, scope, end });
    }

    // --- Halting -----------------------------------------------------------------------------------------------------

    pub(crate) fn halt_children(&mut self, frame: FrameIndex, force: bool) {
        for child in self.live_children(frame) {
            self.tell_halt(child, force);
        }
    }

    fn halt_all(&mut self, cause: HaltCause, force: bool) {
        if self.state.halted_by.is_none() {
            self.state.halted_by = Some(cause);
        } else if !force {
            return;
        }
        self.state.forced |= force;
        // A halt is not held up: what was paused ends, and `finally` children run.
        self.state.debug.let_go();
        self.tell_halt(self.state.root_frame, force);
    }

    fn halt_frame(&mut self, frame: FrameIndex, force: bool) {
        match self.phase(frame) {
            None => {}
            Some(Phase::Pending) => self.frame_mut(frame).phase = Phase::Halting,
            Some(Phase::Held) => {
                self.state.debug.forget(frame);
                self.frame_mut(frame).phase = Phase::Halting;
                self.end(frame, End::CANCELLED);
            }
            Some(Phase::Halting) if force => self.halt_children(frame, true),
            Some(Phase::Halting) => {}
            Some(Phase::Active) => {
                self.frame_mut(frame).phase = Phase::Halting;
                self.halt_active(frame, force);
            }
        }
    }

    fn halt_active(&mut self, frame: FrameIndex, force: bool) {
        if let Work::Leaf(_) = self.node_of(frame).work {
            match self.frame(frame).op {
                Some(op) => self.cancel_op(op),
                None => self.end(frame, End::CANCELLED),
            }
            return;
        }
        if self.frame(frame).live > 0 {
            if force || !control::shields_child(self, frame) {
                self.halt_children(frame, force);
            }
            return;
        }
        control::halted(self, frame);
    }

    // --- Operations --------------------------------------------------------------------------------------------------

    pub(crate) fn open_op(&mut self, frame: FrameIndex, kind: OpKind) -> OpId {
        let op = OpId(self.state.next_op);
        self.state.next_op += 1;
        if matches!(kind, OpKind::Step(_) | OpKind::Child(_) | OpKind::Load(_)) {
            self.state.busy += 1;
        }
        self.state.ops.insert(op, OpenOp { frame, kind });
        op
    }

    /// Closes an operation if it is open and of the expected kind; says whose it was.
    pub(crate) fn close_op(&mut self, op: OpId, expected: impl FnOnce(&OpKind) -> bool) -> Option<FrameIndex> {
        let open = self.state.ops.get(&op)?;
        if !expected(&open.kind) {
            return None;
        }
        let open = self.state.ops.remove(&op)?;
        if matches!(open.kind, OpKind::Step(_) | OpKind::Child(_) | OpKind::Load(_)) {
            self.state.busy -= 1;
        }
        if let Some(frame) = self.state.frames.get_mut(open.frame.0)
            && frame.op == Some(op)
        {
            frame.op = None;
        }
        Some(open.frame)
    }

    /// Starts a timer that fires in `after_ms` milliseconds.
    pub(crate) fn timer(&mut self, frame: FrameIndex, after_ms: u64) -> OpId {
        let fire_at_ms = self.now_ms.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX));
        self.timer_at(frame, fire_at_ms)
    }

    /// Starts a timer that fires at a given time.
    pub(crate) fn timer_at(&mut self, frame: FrameIndex, fire_at_ms: i64) -> OpId {
        let op = self.open_op(frame, OpKind::Timer { fire_at_ms });
        self.command(Command::StartTimer { op, fire_at_ms });
        op
    }

    fn timer_fired(&mut self, op: OpId) {
        let Some(frame) = self.close_op(op, |kind| matches!(kind, OpKind::Timer { .. })) else { return };
        if self.state.deadline == Some(op) {
            self.state.deadline = None;
            let after_ms = self.program.timeout_ms.unwrap_or_default();
            return self.halt_all(HaltCause::TimedOut { after_ms }, false);
        }
        if self.phase(frame) == Some(Phase::Active)
            && let Work::Control(control) = &self.node_of(frame).work
        {
            control::timer_fired(self, frame, control, op);
        }
    }

    /// Asks the driver to give up an operation. A step or a child still answers; the others are closed here.
    pub(crate) fn cancel_op(&mut self, op: OpId) {
        let Some(open) = self.state.ops.get(&op) else { return };
        match &open.kind {
            OpKind::Step(_) => self.command(Command::CancelStep { op }),
            OpKind::Child(child) => {
                let child = child.child;
                self.command(Command::CancelChild { op, child });
            }
            OpKind::Timer { .. } => {
                self.close_op(op, |_| true);
                self.command(Command::CancelTimer { op });
            }
            OpKind::Task(_) => {
                self.close_op(op, |_| true);
                self.command(Command::CloseTask { op, reason: super::TaskEnd::Cancelled });
            }
            OpKind::Signal(awaited) => {
                let name = awaited.name.clone();
                self.state.signals.forget(&name, op);
                self.close_op(op, |_| true);
            }
            OpKind::Load(_) => {
                self.close_op(op, |_| true);
            }
        }
    }

    /// Gives up what a frame that ends still has open of its own (a timer beside a signal, …).
    fn close_own_ops(&mut self, frame: FrameIndex) {
        for op in control::own_ops(self.frame(frame)).into_iter().flatten() {
            self.cancel_op(op);
        }
    }

    // --- Values ------------------------------------------------------------------------------------------------------

    pub(crate) fn view(&self, scope: ScopeIndex) -> View<'_> {
        View { state: self.state, program: self.program, scope }
    }

    pub(crate) fn render(&self, frame: FrameIndex, template: &Template) -> Result<Rendered, StepError> {
        self.render_in(self.frame(frame).scope, template)
    }

    pub(crate) fn render_in(&self, scope: ScopeIndex, template: &Template) -> Result<Rendered, StepError> {
        template.render(&self.view(scope)).map_err(|problem| {
            let error = eval_error(&problem);
            if problem.pointer.is_empty() {
                return error;
            }
            let place = problem.pointer.trim_start_matches('/').replace('/', ".");
            StepError { message: format!("{place}: {}", error.message), ..error }
        })
    }

    /// Renders a template whose result may not hold secrets, because it stays in the interpreter.
    pub(crate) fn render_plain(&self, frame: FrameIndex, template: &Template) -> Result<Value, StepError> {
        let rendered = self.render(frame, template)?;
        if rendered.secrets.is_empty() {
            return Ok(rendered.value);
        }
        Err(StepError::new(ErrorKind::Input, "secrets can only be given to leaf nodes, not to control nodes"))
    }

    pub(crate) fn holds(&self, frame: FrameIndex, predicate: &Predicate) -> Result<bool, StepError> {
        let value = predicate.evaluate(&self.view(self.frame(frame).scope)).map_err(|problem| eval_error(&problem))?;
        Ok(Predicate::is_true(&value))
    }

    pub(crate) fn new_scope(&mut self, scope: ScopeData) -> ScopeIndex {
        ScopeIndex(self.state.scopes.insert(scope))
    }

    /// Frees a scope. Steps that ended in it are what the scope around it sees as their last run.
    pub(crate) fn drop_scope(&mut self, scope: ScopeIndex) {
        let Some(found) = self.state.scopes.remove(scope.0) else { return };
        if found.takes_writes() || found.steps.is_empty() {
            return;
        }
        if let Some(parent) = self.state.scopes.get_mut(found.parent.0) {
            parent.steps.append(found.steps);
        }
    }

    /// Frees the scope of a loop's turn that has ended; other scopes are not the loop's.
    pub(crate) fn drop_turn(&mut self, frame: FrameIndex, scope: ScopeIndex) {
        let found = self.state.scopes.get(scope.0);
        if found.is_some_and(|found| matches!(found.kind, ScopeKind::Iteration { of, .. } if of == frame)) {
            self.drop_scope(scope);
        }
    }

    /// The scope that takes blackboard writes made from `scope`.
    pub(crate) fn write_scope(&self, mut scope: ScopeIndex) -> ScopeIndex {
        while let Some(found) = self.state.scopes.get(scope.0) {
            if found.takes_writes() {
                return scope;
            }
            scope = found.parent;
        }
        self.state.root_scope
    }

    pub(crate) fn write(&mut self, scope: ScopeIndex, key: &str, value: Value) {
        let scope = self.write_scope(scope);
        let value = Arc::new(value);
        if self.trace {
            self.note(Note::Wrote { key: key.to_owned(), value: Arc::clone(&value) });
        }
        let Some(found) = self.state.scopes.get_mut(scope.0) else { return };
        let same = found.values.insert(key.into(), Arc::clone(&value)).is_some_and(|old| old == value);
        if !same {
            self.wake_watchers(key);
        }
    }

    fn wake_watchers(&mut self, key: &str) {
        let any: &str = control::reactive::ANY_KEY;
        let watchers = [self.state.watchers.get(key), self.state.watchers.get(any)];
        let frames: std::collections::BTreeSet<FrameIndex> =
            watchers.into_iter().flatten().flatten().copied().collect();
        for frame in frames {
            if let Some(found) = self.state.frames.get(frame.0) {
                self.messages.push_back(Message::Wake { frame, birth: found.birth });
            }
        }
    }

    fn record_step(&mut self, frame: FrameIndex, end: &End, outputs: Option<&Map<String, Value>>) {
        let error = end.failure.as_ref().map(|failure| &failure.error);
        let none = Map::new();
        let outputs = outputs.unwrap_or(&none);
        let record = serde_json::json!({ "outputs": outputs, "status": end.status, "error": error });
        let (node, mut scope) = (self.frame(frame).node, self.frame(frame).scope);
        if matches!(self.state.scopes.get(scope.0).map(|found| &found.kind), Some(ScopeKind::Layer)) {
            scope = self.state.scopes.get(scope.0).map_or(scope, |found| found.parent);
        }
        if let Some(found) = self.state.scopes.get_mut(scope.0) {
            found.steps.insert(node, Arc::new(record));
        }
        let key = format!("steps.{}", self.program.node(node).id);
        if self.state.watchers.contains_key(key.as_str()) {
            self.wake_watchers(&key);
        }
    }

    // --- Reaction ----------------------------------------------------------------------------------------------------

    pub(crate) fn command(&mut self, command: Command) {
        self.reaction.commands.push(command);
    }

    pub(crate) fn traces(&self) -> bool {
        self.trace
    }

    pub(crate) fn note(&mut self, note: Note) {
        if self.trace {
            self.reaction.notes.push(note);
        }
    }

    pub(crate) fn note_started(&mut self, frame: FrameIndex, op: Option<OpId>, props: Option<Arc<Map<String, Value>>>) {
        if self.trace {
            let node = self.node_of(frame);
            let note = Note::Started {
                address: self.address(frame),
                id: node.id.clone(),
                node_type: Arc::clone(&node.node_type),
                name: node.name.clone(),
                op,
                props,
            };
            self.note(note);
        }
    }

    pub(crate) fn note_waiting(&mut self, frame: FrameIndex, what: &str, until_ms: Option<i64>) {
        if self.trace {
            let note = Note::Waiting { address: self.address(frame), what: what.to_owned(), until_ms };
            self.note(note);
        }
    }

    /// Puts a held frame back on its way.
    pub(super) fn release(&mut self, frame: FrameIndex) {
        let found = self.frame_mut(frame);
        found.phase = Phase::Pending;
        found.released = true;
        self.messages.push_back(Message::Start(frame));
    }

    pub(crate) fn soft_failure(&mut self, failure: &Failure) {
        if self.state.soft_failures.len() < super::SOFT_FAILURES_MAX {
            let (step, message) = (failure.step.clone(), failure.error.message.clone());
            self.state.soft_failures.push(super::SoftFailure { step, message, at_ms: self.now_ms });
        }
    }

    fn finish(&mut self, end: &End) {
        if let Some(op) = self.state.deadline.take() {
            self.cancel_op(op);
        }
        let mut finish = Finish {
            status: ExecutionStatus::Success,
            outputs: Map::new(),
            failure: end.failure.as_deref().cloned(),
            soft_failures: std::mem::take(&mut self.state.soft_failures),
        };
        match (&self.state.halted_by, end.status) {
            (Some(HaltCause::Fuel), _) => {
                let message = format!("more than {} moves within one event", super::FUEL_PER_EVENT);
                let error = StepError::new(ErrorKind::Resource, message)
                    .with_suggestion("A loop goes round without a step inside it; give it a step, a wait or an end.");
                finish.status = ExecutionStatus::Failure;
                finish.failure = Some(Failure { error, step: Address::root() });
            }
            (Some(HaltCause::TimedOut { after_ms }), NodeStatus::Cancelled) => {
                let after = akao_contract::format_duration_ms(*after_ms);
                let error = StepError::new(ErrorKind::Timeout, format!("the execution took longer than {after}"));
                finish.status = ExecutionStatus::Failure;
                finish.failure = Some(Failure { error, step: Address::root() });
            }
            (Some(HaltCause::Cancelled { reason }), NodeStatus::Cancelled) => {
                finish.status = ExecutionStatus::Cancelled;
                let message = reason.clone().unwrap_or_else(|| "the execution was cancelled".to_owned());
                let error = StepError::new(ErrorKind::Cancelled, message);
                finish.failure = Some(Failure { error, step: Address::root() });
            }
            (_, NodeStatus::Cancelled) => finish.status = ExecutionStatus::Cancelled,
            (_, NodeStatus::Skipped) => finish.status = ExecutionStatus::Skipped,
            (_, NodeStatus::Failure) => finish.status = ExecutionStatus::Failure,
            (_, NodeStatus::Success | NodeStatus::Running) => self.render_outputs(&mut finish),
        }
        self.state.finished = Some(finish.status);
        self.command(Command::Finish(Box::new(finish)));
    }

    fn render_outputs(&mut self, finish: &mut Finish) {
        for (name, template) in &self.program.outputs {
            let rendered = self.render_in(self.state.root_scope, template).and_then(|rendered| {
                let plain = rendered.secrets.is_empty();
                let refused = || StepError::new(ErrorKind::Input, "secrets cannot be outputs");
                plain.then_some(rendered.value).ok_or_else(refused)
            });
            match rendered {
                Ok(value) => {
                    finish.outputs.insert(name.clone(), value);
                }
                Err(error) => {
                    let message = format!("output `{name}` cannot be made: {}", error.message);
                    finish.status = ExecutionStatus::Failure;
                    finish.outputs.clear();
                    finish.failure = Some(Failure { error: StepError { message, ..error }, step: Address::root() });
                    return;
                }
            }
        }
    }
}
