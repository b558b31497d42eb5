//! Node types that come from manifests, run in processes of their own.
//!
//! [`ProcessRunner`] is the [`akao_step::StepRunner`] of such node types. A [`NodePackage`] tells it what there is; a
//! [`Launch`] starts processes, isolated as it sees fit. Processes are started when somebody waits for them, kept warm,
//! watched, replaced and ended here; one never serves two tenants, two contents or two sets of grants. Whatever a node does
//! to its own socket, streams and process, its step has exactly one outcome and no other step notices.
//!
//! The wire is `akao-rpc`'s, manifests are `akao-manifest`'s, isolation is the launcher's. `docs/external-nodes.md` says
//! what the authors of nodes and workflows may rely on.

mod attempt;
mod circuit;
mod declared;
mod failure;
mod host;
mod instance;
mod launch;
mod lines;
mod mask;
mod outputs;
mod package;
mod pool;
mod runner;
mod settings;
mod snapshot;
mod state;
mod streams;
mod supervise;
mod validate;
mod workspace;

pub use akao_rpc::ValidateAnswer;
pub use circuit::{CircuitSettings, CircuitState};
pub use host::{Denials, HostPorts, NoDenials, Outside};
pub use launch::{
    EndCause, Ended, HeldFolder, Kill, Launch, LaunchError, Output, Process, ProcessSpec, Started, Usage, VolumeMount,
    Wish,
};
pub use lines::LineLimits;
pub use outputs::OutputSchemaError;
pub use package::{NodePackage, PackageError};
pub use pool::PoolCounters;
pub use runner::{ProcessRunner, Secrets};
pub use settings::RuntimeSettings;
pub use snapshot::{InstanceSnapshot, PoolSnapshot};
pub use state::{DiskState, KEYS_MAX, NodeState, STATE_BYTES_MAX, StateError, StateOwner};
