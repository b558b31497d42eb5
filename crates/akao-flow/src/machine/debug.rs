//! Pause, breakpoints and stepping. All of it is state that events change, so it is durable and can be replayed.
//!
//! A stop holds frames that are about to start. What runs already goes on; what it leads to is held in turn.

use super::{
    Run,
    event::{Breakpoint, Start, StepMode},
    frame::{FrameIndex, Phase},
    note::Note,
};
use crate::control::Control;
use crate::program::Work;
use akao_contract::Address;
use akao_expression::Expression;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a debugger has asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Debug {
    /// Whether a debugger is there; `Breakpoint` nodes stop only then.
    pub(crate) enabled: bool,
    pub(crate) paused: bool,
    pub(crate) breakpoints: Vec<Breakpoint>,
    /// Stop at the next start, whatever it is, unless it stands under this frame.
    stepping: Option<Stepping>,
    /// Frames that are held, in the order in which they came, and why.
    pub(crate) held: Vec<(FrameIndex, String)>,
}

/// A single step under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stepping {
    /// Starts below this address do not stop; none means every start stops.
    not_below: Option<Address>,
}

impl Debug {
    pub(super) fn new(start: &Start) -> Self {
        Self { enabled: start.debug, breakpoints: start.breakpoints.clone(), ..Self::default() }
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    /// Ends a pause and a step by step run without starting anything.
    pub(super) fn let_go(&mut self) {
        self.paused = false;
        self.stepping = None;
    }

    pub(super) fn set(&mut self, breakpoint: Breakpoint) {
        self.breakpoints.retain(|other| other.at != breakpoint.at);
        self.breakpoints.push(breakpoint);
    }

    pub(super) fn clear(&mut self, at: &str) {
        self.breakpoints.retain(|breakpoint| breakpoint.at != at);
    }

    pub(super) fn forget(&mut self, frame: FrameIndex) {
        self.held.retain(|(held, _)| *held != frame);
    }

    fn is_idle(&self) -> bool {
        !self.paused && !self.enabled && self.breakpoints.is_empty() && self.stepping.is_none()
    }
}

/// Whether `address` stands below `above`, or is it.
fn is_below(address: &Address, above: &Address) -> bool {
    address.segments.len() >= above.segments.len()
        && address
            .segments
            .iter()
            .zip(&above.segments)
            .all(|(a, b)| a.index == b.index && (b.iteration.is_none() || a.iteration == b.iteration))
}

impl Run<'_> {
    /// Holds a frame that is about to start, if a pause, a step or a breakpoint asks for it.
    pub(super) fn hold_if_asked(&mut self, frame: FrameIndex) -> bool {
        if self.state.debug.is_idle() {
            return false;
        }
        if std::mem::take(&mut self.frame_mut(frame).released) {
            return false;
        }
        let Some(reason) = self.reason_to_hold(frame) else { return false };
        self.state.debug.paused = true;
        self.state.debug.stepping = None;
        self.frame_mut(frame).phase = Phase::Held;
        self.state.debug.held.push((frame, reason.to_owned()));
        if self.traces() {
            let note = Note::Held {
                address: self.address(frame),
                id: self.node_of(frame).id.clone(),
                node_type: Arc::clone(&self.node_of(frame).node_type),
                reason: reason.to_owned(),
            };
            self.note(note);
        }
        true
    }

    fn reason_to_hold(&mut self, frame: FrameIndex) -> Option<&'static str> {
        if self.state.debug.paused {
            return Some("pause");
        }
        if let Some(stepping) = &self.state.debug.stepping {
            let stops = match &stepping.not_below {
                None => true,
                Some(above) => !is_below(&self.address(frame), above),
            };
            if stops {
                return Some("step");
            }
        }
        if self.state.debug.enabled && matches!(self.node_of(frame).work, Work::Control(Control::Breakpoint)) {
            return Some("breakpoint");
        }
        let hit = (0..self.state.debug.breakpoints.len()).find(|at| self.hits(*at, frame))?;
        if self.state.debug.breakpoints[hit].once {
            self.state.debug.breakpoints.remove(hit);
        }
        Some("breakpoint")
    }

    fn hits(&self, at: usize, frame: FrameIndex) -> bool {
        let breakpoint = &self.state.debug.breakpoints[at];
        let node = self.node_of(frame);
        let place = match breakpoint.at.split_once("->") {
            Some((from, to)) => to.trim() == node.id.as_str() && self.is_edge(frame, from.trim()),
            None if breakpoint.at.starts_with('/') => {
                let address = self.address(frame).to_string();
                address == breakpoint.at || self.address(frame).place().to_string() == breakpoint.at
            }
            None => breakpoint.at == node.id.as_str(),
        };
        place && breakpoint.condition.as_deref().is_none_or(|condition| self.condition_text_holds(frame, condition))
    }

    /// Whether the frame's node needs a sibling of this id inside a Graph.
    fn is_edge(&self, frame: FrameIndex, from: &str) -> bool {
        let parent = self.frame(frame).parent;
        if parent.is_none() || !matches!(self.node_of(parent).work, Work::Control(Control::Graph(_))) {
            return false;
        }
        self.node_of(parent).children.iter().any(|sibling| self.program.node(*sibling).id.as_str() == from)
    }

    /// A condition that cannot be evaluated stops: a debugger would rather look than miss the place.
    fn condition_text_holds(&self, frame: FrameIndex, condition: &str) -> bool {
        match Expression::compile(condition) {
            Ok(expression) => self.holds(frame, &expression).unwrap_or(true),
            Err(_) => true,
        }
    }

    /// Lets everything that is held start.
    pub(super) fn release_held(&mut self) {
        for (frame, _) in std::mem::take(&mut self.state.debug.held) {
            self.release(frame);
        }
    }

    /// Lets go of what is held, up to the next stop.
    pub(super) fn resume(&mut self, mode: StepMode) {
        let first = self.state.debug.held.first().map(|(frame, _)| *frame);
        let not_below = match (mode, first) {
            (StepMode::Over, Some(frame)) => Some(self.address(frame)),
            (StepMode::Out, Some(frame)) => {
                let parent = self.frame(frame).parent;
                (!parent.is_none()).then(|| self.address(parent))
            }
            _ => None,
        };
        self.state.debug.paused = false;
        self.state.debug.stepping = match mode {
            StepMode::Continue => None,
            // Stepping out of the root, or over nothing, goes on to the end.
            StepMode::Out if not_below.is_none() => None,
            StepMode::Into | StepMode::Over | StepMode::Out => Some(Stepping { not_below }),
        };
        self.release_held();
    }
}
