//! What a step is given.

use crate::{Address, ExecutionId, NodeId, OpId, Permission, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Who asks, for which place of which execution, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepContext {
    /// The owner of the execution.
    pub tenant: Tenant,
    /// The execution.
    pub execution: ExecutionId,
    /// The workflow's own id.
    pub workflow: Arc<str>,
    /// The node in the definition.
    pub node_id: NodeId,
    /// The step's address.
    pub step: Address,
    /// The operation; with the execution it names this step for ever.
    pub op: OpId,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The same over every attempt, driver and restart: the execution, `-` and the operation.
    pub idempotency_key: String,
    /// When the attempt must have ended, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// What the execution's owner granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Arc<Vec<Permission>>,
    /// Volumes by name (`project`) and the host folder each stands for; empty in a server.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: Arc<BTreeMap<String, String>>,
    /// W3C `traceparent` under which the step's own work is told, where the execution's start had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<str>>,
}

impl StepContext {
    /// Of a step that belongs to no execution: the host itself has something done.
    pub fn apart(tenant: &Tenant, workflow: &str, node_id: &str) -> Self {
        Self {
            tenant: tenant.clone(),
            execution: ExecutionId::from_parts(0, 0),
            workflow: workflow.into(),
            node_id: NodeId::new(node_id),
            step: Address::default(),
            op: OpId(0),
            attempt: 1,
            idempotency_key: node_id.to_owned(),
            deadline_ms: None,
            grants: Arc::default(),
            volumes: Arc::default(),
            trace: None,
        }
    }
}

/// One attempt of a step: everything the node is given. Large values have been loaded and secrets filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// Who asks and where.
    pub context: StepContext,
    /// The node type's name.
    pub node_type: Arc<str>,
    /// The props after templates were rendered and defaults filled in.
    pub props: Map<String, Value>,
    /// The blackboard values that the node type declares it reads, by the path its props name. A name that is not on the
    /// blackboard is absent here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blackboard: BTreeMap<String, Value>,
    /// What the execution was started with, where the node type takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
}
