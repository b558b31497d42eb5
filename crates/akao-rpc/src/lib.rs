//! JSON-RPC 2.0 between Akao and a node process, over a connected Unix socket.
//!
//! [`Connection`] makes the five calls of the node protocol and keeps the other side within it: caps are checked while
//! bytes come in, queues are bounded, every offence has a name ([`RpcError`]) and ends the connection, and nothing of it
//! reaches another connection. [`HostCalls`] answers what the node asks for. The wire is described in
//! `docs/node-protocol.md`. Processes, restarts and grants are the business of others.

mod call;
mod connection;
mod counters;
mod desk;
mod dispatch;
mod error;
mod events;
mod frame;
mod host_calls;
mod json;
pub mod limits;
mod message;
mod meter;
mod methods;
mod outbox;
mod output;
mod remote;
mod settings;
mod shared;
mod socket;
mod task;

pub use call::Call;
pub use connection::{Connection, ExecuteIo};
pub use counters::Counters;
pub use error::RpcError;
pub use events::{CallEvents, LogEntry, Progress};
pub use frame::FrameReader;
pub use host_calls::{Fetch, Fetched, HostCalls, HostFuture, NoHostCalls, Redirect, SecretText, WorkspacePath};
pub use methods::{
    Agreed, BATCH_KEY, ExecuteAnswer, ExecuteContext, ExecuteRequest, HealthAnswer, HealthStatus, InfoAnswer,
    InfoRequest, ItemAnswer, Metadata, NodeInfo, ValidateAnswer, ValidateProblem, ValidateRequest, batch_parameters,
};
pub use output::{OutputChunk, OutputReader};
pub use remote::{RemoteError, code, code_of_kind, kind_named, kind_of_code};
pub use settings::Settings;
