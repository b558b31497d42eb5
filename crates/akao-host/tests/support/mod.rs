//! What the tests of volumes share.

use akao_contract::{Address, ExecutionId, NodeId, OpId, StepContext, Tenant};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// A step that is given these volumes.
pub(crate) fn context(volumes: &[(&str, &Path)]) -> StepContext {
    let volumes = volumes.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(0, 0),
        workflow: "test".into(),
        node_id: NodeId::new("node"),
        step: Address::root(),
        op: OpId(1),
        attempt: 1,
        idempotency_key: "blake3:00".into(),
        deadline_ms: None,
        grants: Arc::default(),
        volumes: Arc::new(volumes.collect::<BTreeMap<_, _>>()),
        trace: None,
    }
}
