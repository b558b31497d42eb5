//! What a node keeps from call to call: small values by key, for each tenant and package.

mod disk;

pub use disk::DiskState;

use akao_contract::{ErrorKind, StepError, Tenant, manifest::PackageId};
use serde_json::Value;

/// Keys of one package and tenant.
pub const KEYS_MAX: usize = 1_000;

/// The JSON text of all values of one package and tenant: 1 MiB.
pub const STATE_BYTES_MAX: usize = 1 << 20;

/// Whose values. A connection knows it; no message names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateOwner {
    /// The tenant.
    pub tenant: Tenant,
    /// The package, in whatever version.
    pub package: PackageId,
}

/// Why a value could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It would be more than a package may keep.
    #[error("the node would keep more than {limit}")]
    Full {
        /// The bound, such as `1000 keys`.
        limit: String,
    },
    /// What is stored cannot be read. It is left as it is.
    #[error("the state kept in `{file}` is damaged: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage failed.
    #[error("the state of the node could not be stored: {0}")]
    Storage(#[from] std::io::Error),
}

impl StateError {
    /// What the node is told. The names of this machine's files are for the operator and not for the node.
    pub fn to_step_error(&self) -> StepError {
        match self {
            Self::Full { .. } => StepError::new(ErrorKind::Resource, self.to_string())
                .with_suggestion("Remove keys by putting null, or keep large things as blobs."),
            Self::Damaged { .. } => StepError::new(ErrorKind::Internal, "the state of the node is damaged"),
            Self::Storage(_) => StepError::new(ErrorKind::Internal, "the state of the node could not be stored"),
        }
    }
}

/// Keeps the values of nodes. When `put` returns, the value survives power loss.
pub trait NodeState: Send + Sync {
    /// The value under a key.
    ///
    /// # Errors
    /// What is stored cannot be read.
    fn get(&self, owner: &StateOwner, key: &str) -> Result<Option<Value>, StateError>;
    /// Keeps a value, or removes it.
    ///
    /// # Errors
    /// It would be too much, or it could not be stored; then what was kept before is still there.
    fn put(&self, owner: &StateOwner, key: &str, value: Option<Value>) -> Result<(), StateError>;
}
