//! Write nodes for [Akao](https://github.com/akaoio/akao) in Rust.
//!
//! A node is a function of a context and its inputs; [`serve`] answers the host until it closes. The README shows a whole node with its
//! test; it is `examples/greet.rs`.

mod calls;
mod context;
mod failure;
mod inputs;
mod node;
mod outputs;
mod serve;
mod session;
mod state;
pub mod testing;
mod turns;
mod wire;

pub use calls::Calls;
pub use context::{Blob, Context, Level};
pub use failure::{Failure, Kind};
pub use inputs::{InputType, Inputs, Problem, Schema};
pub use node::{Health, Node};
pub use serde_json::{json, Map, Value};
pub use serve::{serve, Package};

#[doc(hidden)]
pub use inputs::{field, name_of};
