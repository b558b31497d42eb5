//! The debugger of an execution: values as they are or were, breakpoints, going on step by step, changing a value.
//!
//! What is looked at comes from the history and needs nobody who holds the execution, so that one that has ended can be looked
//! at like one that runs. What changes something is in the audit; of a value that was changed its place, not the value.

use crate::{Actor, Error, Platform, executions::unexpected, steering::may_lead};
use akao_contract::{Address, ExecutionId, ExecutionStatus};
use akao_engine::{
    Reply, Request,
    steps::{Step, Steps},
};
use akao_flow::{Breakpoint, StepMode};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a debugger does.
#[derive(Debug, Clone)]
pub enum Debug {
    /// Stop there.
    Break(Breakpoint),
    /// Stop there no more.
    Clear {
        /// The place.
        at: String,
    },
    /// Go on so far.
    Go(StepMode),
    /// Change a value of an execution that is held.
    Set {
        /// Such as `bb.count`.
        path: String,
        /// The new value.
        value: Value,
        /// The step from which the path is seen.
        at: Option<Address>,
    },
}

impl Debug {
    fn what(&self) -> &'static str {
        match self {
            Self::Break(_) => "execution.breakpoint_set",
            Self::Clear { .. } => "execution.breakpoint_cleared",
            Self::Go(_) => "execution.stepped",
            Self::Set { .. } => "execution.value_set",
        }
    }

    /// What the audit says beside the execution.
    fn place(&self) -> Value {
        match self {
            Self::Break(breakpoint) => json!(breakpoint.at),
            Self::Clear { at } => json!(at),
            Self::Go(mode) => json!(mode),
            Self::Set { path, .. } => json!(path),
        }
    }

    fn request(self, execution: ExecutionId) -> Request {
        match self {
            Self::Break(breakpoint) => Request::SetBreakpoint { execution, breakpoint },
            Self::Clear { at } => Request::ClearBreakpoint { execution, at },
            Self::Go(mode) => Request::Step { execution, mode },
            Self::Set { path, value, at } => Request::Edit { execution, path, value, at },
        }
    }
}

/// Something that is held by a pause or a breakpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The step.
    pub step: Address,
    /// Its node.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// An execution as it was after an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// `input`, `bb`, `steps`, `item`, `index`, `vars`.
    pub values: Value,
    /// What is held.
    pub held: Vec<Held>,
    /// Where it stops.
    pub breakpoints: Vec<Breakpoint>,
    /// Its state.
    pub status: ExecutionStatus,
}

impl Platform {
    /// Values as a step sees them, now or after an event of the history. Blocks.
    ///
    /// # Errors
    /// There is no such execution, it had not begun then, or its history cannot be read.
    pub fn values(&self, actor: &Actor, id: &str, at: Option<&Address>, event: Option<u64>) -> Result<Values, Error> {
        let mut follower = self.follower(self.execution(actor, id)?.id)?;
        match event {
            Some(event) => follower.catch_up_to(event)?,
            None => follower.catch_up()?,
        }
        let machine = follower.machine().ok_or_else(|| Error::not_found("value of an execution that has not begun"))?;
        let held = machine.held().into_iter();
        Ok(Values {
            values: machine.values_at(at),
            held: held.map(|(step, id, reason)| Held { step, id: id.to_string(), reason }).collect(),
            breakpoints: machine.breakpoints().to_vec(),
            status: machine.status(),
        })
    }

    /// A step by its address, or the latest one of the node with this id. Blocks.
    ///
    /// # Errors
    /// There is no such execution or no such step, or the history cannot be read.
    pub fn step(&self, actor: &Actor, id: &str, at: &str) -> Result<(Address, Step), Error> {
        let mut steps: Steps = self.steps(actor, id)?;
        let found = steps.named(at).last().map(|address| (*address).clone());
        let missing = || Error::not_found(format_args!("step `{}`", akao_contract::shortened(at.to_owned(), 80)));
        let address = found.ok_or_else(missing)?;
        let step = steps.all.remove(&address).ok_or_else(missing)?;
        Ok((address, step))
    }

    /// Does what a debugger does, in the actor's name.
    ///
    /// # Errors
    /// There is no such execution, or its state does not allow it.
    pub async fn debug(&self, actor: &Arc<Actor>, id: &str, debug: Debug) -> Result<(), Error> {
        let row = self.execution(actor, id)?;
        if let Debug::Set { .. } = debug {
            may_lead(actor, &row)?;
        }
        let execution = row.id;
        let (what, place) = (debug.what(), debug.place());
        let (executions, request) = (Arc::clone(&self.parts().executions), debug.request(execution));
        let act = async move {
            match executions.call(request).await {
                Ok(Reply::Done) => Ok(()),
                other => Err(unexpected(other)),
            }
        };
        self.announced(actor, what, json!({"execution": execution, "at": place}), act).await
    }
}
