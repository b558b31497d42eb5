//! How the processes of external nodes are, as an owner tells its clients.

use akao_contract::Digest;
use akao_nodes::PoolSnapshot;
use serde::{Deserialize, Serialize};

/// The processes of a package that serve one tenant with one set of grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PoolState {
    /// The package.
    pub(crate) package: String,
    /// Its content.
    pub(crate) digest: Digest,
    /// Processes that are ready.
    pub(crate) processes: usize,
    /// Whether nothing is started for now, because it failed again and again.
    pub(crate) stopped: bool,
    /// The last failure of a process or of a start, while failures follow each other.
    pub(crate) failure: Option<String>,
    /// Whether a process said of itself that it is not well.
    pub(crate) unwell: bool,
}

impl PoolState {
    pub(crate) fn of(pool: &PoolSnapshot) -> Self {
        let fails = pool.failures != Some(0);
        Self {
            package: pool.package.clone(),
            digest: pool.digest,
            processes: pool.instances.len(),
            stopped: pool.is_stopped(),
            failure: pool.last_error.as_ref().filter(|_| fails).map(|error| error.message.clone()),
            unwell: pool.instances.iter().any(akao_nodes::InstanceSnapshot::is_unwell),
        }
    }
}
