//! How much runs now, of a tenant and of all: what a runner tells of itself.

use crate::{Actor, Error, Platform, executions::unexpected};
use akao_engine::{Reply, Request};

/// What runs now, and what may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Executions that run.
    pub executions: u64,
    /// Executions that may run at once; none is no bound.
    pub executions_max: Option<u64>,
    /// Executions that wait for a place.
    pub queued: u64,
    /// Steps that run.
    pub steps: u64,
    /// Steps that may run at once; none is no bound.
    pub steps_max: Option<u64>,
    /// Processor time that sandboxed processes may have together, in thousandths of one processor; none is no bound.
    pub cpu_millis: Option<u64>,
    /// Memory that they may have together; none is no bound.
    pub memory_bytes: Option<u64>,
}

impl Platform {
    /// What runs of the actor's tenant, and what it may run.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn load(&self, actor: &Actor) -> Result<Load, Error> {
        let (executions, queued, steps) =
            match self.parts().executions.call(Request::Usage { tenant: actor.tenant.clone() }).await {
                Ok(Reply::Usage { executions, queued, steps }) => (executions, queued, steps),
                other => return Err(unexpected(other)),
            };
        let may = self.parts().allowances.of(&actor.tenant);
        Ok(Load {
            executions,
            executions_max: may.executions,
            queued,
            steps,
            steps_max: may.steps,
            cpu_millis: may.cpu_millis,
            memory_bytes: may.memory_bytes,
        })
    }

    /// What runs of all tenants together. What bounds them all beside the number of executions is not known here.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn whole_load(&self) -> Result<Load, Error> {
        let (_, steps) = self.engine_health().await?;
        let (queued, executions, limit) = self.engine_queue().await?;
        Ok(Load {
            executions,
            executions_max: Some(limit),
            queued,
            steps,
            steps_max: None,
            cpu_millis: None,
            memory_bytes: None,
        })
    }
}
