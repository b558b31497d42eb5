//! The standard nodes, one file each under `nodes/`, over the ports only.
//!
//! A node is its declaration ([`NodeType`]) and one function. Nothing here knows how a step is scheduled, journaled or
//! retried, and nothing opens a file or a socket but through [`akao_step::Ports`].

#![cfg_attr(
    test,
    expect(clippy::needless_pass_by_value, reason = "the helpers of test tables take what `json!` makes")
)]

mod arithmetic;
mod compare;
#[cfg(test)]
mod declarations;
mod declare;
mod functions;
mod limits;
mod nodes;
mod numbers;
mod outside;
mod path;
mod pattern;
mod props;
mod report;
mod rules;
mod runner;
mod schema;
mod scope;
mod script;
#[cfg(test)]
mod testing;
mod text;

use akao_contract::{Invocation, NodeType, Outcome};
use akao_step::{BoxFuture, Ports, StepIo};
use std::sync::Arc;

pub use nodes::all;
pub use runner::BuiltInRunner;

/// How a built-in does its work.
#[derive(Clone, Copy)]
pub enum Run {
    /// A function of its inputs that ends within microseconds.
    Inline(fn(&Invocation) -> Outcome),
    /// Work that uses the processor or blocks on files; runs on a thread where blocking is allowed.
    Blocking(fn(&Invocation, &StepIo, &Ports) -> Outcome),
    /// Work that waits for others.
    Async(fn(Invocation, StepIo, Ports) -> BoxFuture<'static, Outcome>),
}

/// A standard node: what it declares and what it does.
#[derive(Clone)]
pub struct BuiltIn {
    /// The declaration.
    pub node_type: Arc<NodeType>,
    /// The work.
    pub run: Run,
}
