//! External nodes put together: a package that is kept by its digest becomes a process in a sandbox with the network that
//! was granted, and every denial becomes a line of the audit.
//!
//! [`pin`] turns a folder into the node types that a workflow uses; [`ExternalNodes`] is the [`akao_step::StepRunner`] of
//! their steps; [`SandboxLaunch`] starts their processes. How a process is spoken to and when it is replaced is
//! `akao-runtime`'s business, how it is isolated that of `akao-sandbox` and `akao-broker`; here they meet.

mod audit;
mod bundles;
mod bytecode;
mod checked;
mod launch;
mod nodes;
mod order;
mod pin;
mod process;
mod tie;

pub use akao_runtime::{InstanceSnapshot, PoolSnapshot};
pub use audit::{Audit, AuditEntry, AuditError, AuditEvent, AuditLog, ChainBreak, Subject, Verified};
pub use bundles::{NODE_FILE, check_bundle};
pub use launch::{BundleProgram, LaunchOptions, SandboxLaunch};
pub use nodes::{ExternalNodes, NoPackageGrants, NodesOptions, PackageGrants};
pub use order::Interpreters;
pub use pin::{PinError, Pinned, pin};
