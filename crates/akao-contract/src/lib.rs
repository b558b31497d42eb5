//! The vocabulary of Akao as plain data.
//!
//! What a node type declares ([`NodeType`]), what a step is given ([`Invocation`]), what it answers ([`Outcome`]), how it
//! fails ([`StepError`]), what it may do ([`Permission`]) and the typed names all of that uses. Everything here is data:
//! nothing runs, waits, reads a clock or touches a file. The crate builds for `wasm32-unknown-unknown`.

mod address;
mod blob;
mod duration;
mod error;
mod ids;
mod invocation;
pub mod manifest;
mod node_type;
mod outcome;
mod permission;
mod properties;
mod status;
mod terminal;

pub use address::{Address, AddressError, Segment};
pub use blob::{BLOB_KEY, BlobRef, Digest, INLINE_VALUE_BYTES_MAX};
pub use duration::{BareNumber, DURATION_MS_MAX, DurationError, format_duration_ms, parse_duration_ms};
pub use error::{ErrorKind, StepError, shortened};
pub use ids::{ExecutionId, IdError, NodeId, OpId, Tenant, is_name};
pub use invocation::{Invocation, StepContext};
pub use node_type::{Category, Effects, ErrorDoc, Example, ITEMS_KEY, NodeType, OUTPUT_KEY, Reads, annotation};
pub use outcome::{LogLevel, LogLine, Outcome, OutcomeStatus, StepUsage};
pub use permission::{
    HostPattern, HostScope, HostScopeError, Permission, PermissionError, PortPattern, VolumeScope, VolumeScopeError,
};
pub use properties::{Properties, Property};
pub use status::{ExecutionStatus, NodeStatus};
pub use terminal::steers_terminal;
