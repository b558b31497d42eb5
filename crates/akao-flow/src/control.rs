//! Control nodes: what orders steps. One file each; a node's whole behaviour stands in its file's header, which is also
//! its documentation.
//!
//! A control node is four functions over a frame: `start`, `child_ended`, `timer_fired` and `halted` (all children have
//! ended after a halt). This file only says which node has which.

mod breakpoint;
mod conditional;
mod declare;
mod delay;
pub(crate) mod for_each;
mod force_failure;
mod force_success;
mod graph;
pub(crate) mod human_task;
mod invert;
mod keep_running_until_failure;
mod memory_sequence;
mod parallel;
mod precondition;
mod props;
mod race;
pub(crate) mod reactive;
mod reactive_selector;
mod reactive_sequence;
mod recovery;
mod repeat;
mod retry;
mod run_once;
mod selector;
mod sequence;
mod soft_assert;
mod streaming_sink;
mod sub_tree;
pub(crate) mod sub_workflow;
mod switch;
mod timeout;
mod wait_action;
pub(crate) mod wait_for_signal;
mod while_loop;

pub(crate) use props::ControlProps;
pub(crate) use streaming_sink::CHANNEL_KEY;

use crate::{
    NodeDef,
    lower::{LowerError, Lowering},
    machine::{End, FrameIndex, Run, ScopeIndex},
    program::{Node, Work},
};
use akao_contract::{NodeType, OpId};
use serde::{Deserialize, Serialize};

/// A control node with what its definition says.
#[derive(Debug)]
pub(crate) enum Control {
    Sequence,
    Selector,
    MemorySequence,
    ReactiveSequence,
    ReactiveSelector,
    Parallel(ControlProps),
    Conditional,
    Switch(Box<switch::Plan>),
    ForEach(Box<for_each::Plan>),
    While(ControlProps),
    Recovery,
    Graph(Box<graph::Plan>),
    SubTree(Box<sub_tree::Plan>),
    SubWorkflow(Box<sub_workflow::Plan>),
    Race,
    Retry(ControlProps),
    Timeout(ControlProps),
    Delay(ControlProps),
    Repeat(ControlProps),
    Invert,
    ForceSuccess,
    ForceFailure,
    RunOnce(ControlProps),
    KeepRunningUntilFailure(ControlProps),
    Precondition(Box<precondition::Plan>),
    SoftAssert,
    StreamingSink(ControlProps),
    Breakpoint,
    WaitAction(ControlProps),
    WaitForSignal(ControlProps),
    HumanTask(ControlProps),
}

/// What an active control node remembers. Every frame has one, so what is larger than two words stands in a box.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum State {
    #[default]
    None,
    Sequence(sequence::Progress),
    Selector(Box<selector::Progress>),
    Reactive(Box<reactive::Progress>),
    Parallel(Box<parallel::Progress>),
    ForEach(Box<for_each::Each>),
    While(while_loop::Progress),
    Recovery(Box<recovery::Progress>),
    Graph(Box<graph::Progress>),
    Race(Box<race::Progress>),
    Retry(Box<retry::Progress>),
    Repeat(Box<repeat::Progress>),
    Timer(OpId),
    Scope(sub_tree::OwnScope),
    Wait(Box<wait_for_signal::Wait>),
}

/// Whether a node of this kind can have such a state: what is indexed by the node's children has their number.
pub(crate) fn fits(state: &State, node: &Node) -> bool {
    match (state, &node.work) {
        (State::Graph(progress), Work::Control(Control::Graph(plan))) => progress.fits(plan),
        (State::Graph(_), _) => false,
        _ => true,
    }
}

/// The declarations of every control node, sorted by name. Part of every catalogue.
pub fn control_types() -> Vec<NodeType> {
    let mut types = vec![
        breakpoint::node_type(),
        conditional::node_type(),
        delay::node_type(),
        force_failure::node_type(),
        force_success::node_type(),
        for_each::node_type(),
        graph::node_type(),
        human_task::node_type(),
        invert::node_type(),
        keep_running_until_failure::node_type(),
        memory_sequence::node_type(),
        parallel::node_type(),
        precondition::node_type(),
        race::node_type(),
        reactive_selector::node_type(),
        reactive_sequence::node_type(),
        recovery::node_type(),
        repeat::node_type(),
        retry::node_type(),
        run_once::node_type(),
        selector::node_type(),
        sequence::node_type(),
        soft_assert::node_type(),
        streaming_sink::node_type(),
        sub_tree::node_type(),
        sub_workflow::node_type(),
        switch::node_type(),
        timeout::node_type(),
        wait_action::node_type(),
        wait_for_signal::node_type(),
        while_loop::node_type(),
    ];
    types.sort_by(|a, b| a.name.cmp(&b.name));
    types
}

/// Lowers a control node; none when `definition.node_type` is a leaf. `definition.props` has its defaults filled in.
pub(crate) fn lower(definition: &NodeDef, lowering: &mut Lowering<'_>) -> Result<Option<Control>, LowerError> {
    Ok(Some(match definition.node_type.as_str() {
        "Sequence" => Control::Sequence,
        "Selector" => Control::Selector,
        "MemorySequence" => Control::MemorySequence,
        "ReactiveSequence" => Control::ReactiveSequence,
        "ReactiveSelector" => Control::ReactiveSelector,
        "Parallel" => Control::Parallel(lowering.props(definition)?),
        "Conditional" => Control::Conditional,
        "Switch" => Control::Switch(Box::new(switch::lower(definition, lowering)?)),
        "ForEach" => Control::ForEach(Box::new(for_each::lower(definition, lowering)?)),
        "While" => Control::While(lowering.props(definition)?),
        "Recovery" => Control::Recovery,
        "Graph" => Control::Graph(Box::new(graph::lower(definition, lowering)?)),
        "SubTree" => Control::SubTree(Box::new(sub_tree::lower(definition, lowering)?)),
        "SubWorkflow" => Control::SubWorkflow(Box::new(sub_workflow::lower(definition, lowering)?)),
        "Race" => Control::Race,
        "Retry" => Control::Retry(lowering.props(definition)?),
        "Timeout" => Control::Timeout(lowering.props(definition)?),
        "Delay" => Control::Delay(lowering.props(definition)?),
        "Repeat" => Control::Repeat(lowering.props(definition)?),
        "Invert" => Control::Invert,
        "ForceSuccess" => Control::ForceSuccess,
        "ForceFailure" => Control::ForceFailure,
        "RunOnce" => Control::RunOnce(lowering.props(definition)?),
        "KeepRunningUntilFailure" => Control::KeepRunningUntilFailure(lowering.props(definition)?),
        "Precondition" => Control::Precondition(Box::new(precondition::lower(definition, lowering)?)),
        "SoftAssert" => Control::SoftAssert,
        "StreamingSink" => Control::StreamingSink(lowering.props(definition)?),
        "Breakpoint" => Control::Breakpoint,
        "WaitAction" => Control::WaitAction(lowering.props(definition)?),
        "WaitForSignal" => Control::WaitForSignal(lowering.props(definition)?),
        "HumanTask" => Control::HumanTask(lowering.props(definition)?),
        _ => return Ok(None),
    }))
}

/// A control node's turn begins.
pub(crate) fn start(run: &mut Run<'_>, frame: FrameIndex, control: &Control) {
    match control {
        Control::Sequence => sequence::start(run, frame),
        Control::Selector => selector::start(run, frame),
        Control::MemorySequence => memory_sequence::start(run, frame),
        Control::ReactiveSequence => reactive_sequence::start(run, frame),
        Control::ReactiveSelector => reactive_selector::start(run, frame),
        Control::Parallel(props) => parallel::start(run, frame, props),
        Control::Conditional => conditional::start(run, frame),
        Control::Switch(plan) => switch::start(run, frame, plan),
        Control::ForEach(plan) => for_each::start(run, frame, plan),
        Control::While(props) => while_loop::start(run, frame, props),
        Control::Recovery => recovery::start(run, frame),
        Control::Graph(plan) => graph::start(run, frame, plan),
        Control::SubTree(plan) => sub_tree::start(run, frame, plan),
        Control::SubWorkflow(plan) => sub_workflow::start(run, frame, plan),
        Control::Race => race::start(run, frame),
        Control::Retry(props) => retry::start(run, frame, props),
        Control::Timeout(props) => timeout::start(run, frame, props),
        Control::Delay(props) => delay::start(run, frame, props),
        Control::Repeat(props) => repeat::start(run, frame, props),
        Control::RunOnce(props) => run_once::start(run, frame, props),
        Control::KeepRunningUntilFailure(_) => keep_running_until_failure::start(run, frame),
        Control::Precondition(plan) => precondition::start(run, frame, plan),
        Control::StreamingSink(props) => streaming_sink::start(run, frame, props),
        Control::Breakpoint => breakpoint::start(run, frame),
        Control::Invert | Control::ForceSuccess | Control::ForceFailure | Control::SoftAssert => {
            run.start_child(frame, 0);
        }
        Control::WaitAction(props) => wait_action::start(run, frame, props),
        Control::WaitForSignal(props) => wait_for_signal::start(run, frame, props),
        Control::HumanTask(props) => human_task::start(run, frame, props),
    }
}

/// A child of a control node has ended, and the node is neither halting nor closing. `turn` is the run of a loop that the
/// child belonged to and the scope that it ran in.
pub(crate) fn child_ended(
    run: &mut Run<'_>,
    frame: FrameIndex,
    control: &Control,
    slot: u32,
    turn: (u64, ScopeIndex),
    end: End,
) {
    match control {
        Control::Sequence => sequence::child_ended(run, frame, slot, end),
        Control::Selector => selector::child_ended(run, frame, slot, end),
        Control::MemorySequence => memory_sequence::child_ended(run, frame, slot, end),
        Control::ReactiveSequence | Control::ReactiveSelector => reactive::child_ended(run, frame, slot, end),
        Control::Parallel(_) => parallel::child_ended(run, frame, slot, end),
        Control::Conditional => conditional::child_ended(run, frame, slot, end),
        Control::ForEach(plan) => for_each::child_ended(run, frame, plan, turn, end),
        Control::While(props) => while_loop::child_ended(run, frame, props, slot, end),
        Control::Recovery => recovery::child_ended(run, frame, slot, end),
        Control::Graph(plan) => graph::child_ended(run, frame, plan, slot, end),
        Control::SubTree(plan) => sub_tree::child_ended(run, frame, plan, end),
        Control::Race => race::child_ended(run, frame, end),
        Control::Retry(props) => retry::child_ended(run, frame, props, end),
        Control::Repeat(props) => repeat::child_ended(run, frame, props, end),
        Control::RunOnce(_) => run_once::child_ended(run, frame, end),
        Control::KeepRunningUntilFailure(props) => keep_running_until_failure::child_ended(run, frame, props, end),
        Control::Invert => invert::child_ended(run, frame, end),
        Control::ForceSuccess => force_success::child_ended(run, frame, end),
        Control::ForceFailure => force_failure::child_ended(run, frame, end),
        Control::SoftAssert => soft_assert::child_ended(run, frame, end),
        Control::Switch(_)
        | Control::Timeout(_)
        | Control::Delay(_)
        | Control::Precondition(_)
        | Control::StreamingSink(_)
        | Control::Breakpoint => run.end(frame, end),
        Control::SubWorkflow(_) | Control::WaitAction(_) | Control::WaitForSignal(_) | Control::HumanTask(_) => {}
    }
}

/// A timer that an active control node started has fired.
pub(crate) fn timer_fired(run: &mut Run<'_>, frame: FrameIndex, control: &Control, op: OpId) {
    match control {
        Control::Timeout(props) => timeout::timer_fired(run, frame, props),
        Control::Delay(_) => delay::timer_fired(run, frame),
        Control::Retry(_) => retry::timer_fired(run, frame),
        Control::WaitAction(_) => run.end(frame, End::SUCCESS),
        Control::WaitForSignal(_) => wait_for_signal::timer_fired(run, frame, op),
        Control::HumanTask(props) => human_task::timer_fired(run, frame, props),
        _ => {}
    }
}

/// A halted control node has no live child any more.
pub(crate) fn halted(run: &mut Run<'_>, frame: FrameIndex) {
    match &run.node_of(frame).work {
        crate::program::Work::Control(Control::Recovery) => recovery::halted(run, frame),
        crate::program::Work::Control(Control::SubWorkflow(_)) => sub_workflow::halted(run, frame),
        _ => run.end(frame, End::CANCELLED),
    }
}

/// Whether a halt that is not forced leaves the running child of a node alone: `finally` runs to its end.
pub(crate) fn shields_child(run: &mut Run<'_>, frame: FrameIndex) -> bool {
    matches!(run.state_of(frame), State::Recovery(progress) if progress.is_in_finally())
}

/// A frame is about to be freed: what it registered elsewhere goes with it.
pub(crate) fn forget(run: &mut Run<'_>, frame: FrameIndex) {
    let state = run.state_of(frame);
    if !matches!(state, State::Reactive(_) | State::Scope(_) | State::Recovery(_)) {
        return;
    }
    match std::mem::take(state) {
        State::Reactive(progress) => reactive::forget(run, frame, &progress),
        State::Scope(own) => run.drop_scope(own.scope),
        State::Recovery(progress) => recovery::forget(run, &progress),
        _ => {}
    }
}

/// The operations that a frame holds besides its children.
pub(crate) fn own_ops(frame: &crate::machine::Frame) -> [Option<OpId>; 2] {
    let timer = match &frame.state {
        State::Timer(op) => Some(*op),
        State::Retry(progress) => progress.timer,
        State::Wait(wait) => wait.timer,
        _ => None,
    };
    [frame.op, timer]
}
