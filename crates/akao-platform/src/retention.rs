//! Finished executions that are not kept any more: removed a few at a time, and told in the audits of those whose they were.

use crate::{Error, Platform, audit, executions::unexpected};
use akao_contract::Tenant;
use akao_engine::{Reply, Request, steps::timestamp};
use serde_json::json;
use std::{collections::BTreeMap, sync::atomic::Ordering};

impl Platform {
    /// Removes the oldest executions of all tenants that ended before a time, at most so many; how many of each tenant. The
    /// engine does nothing else meanwhile.
    ///
    /// # Errors
    /// The engine does not answer, or the journal refuses.
    pub async fn prune_finished(
        &self,
        ended_before_ms: i64,
        executions_max: u64,
    ) -> Result<BTreeMap<Tenant, u64>, Error> {
        let request = Request::Prune { ended_before_ms, executions_max: Some(executions_max) };
        match self.parts().executions.call(request).await {
            Ok(Reply::Pruned { tenants, .. }) => Ok(tenants),
            other => Err(unexpected(other)),
        }
    }

    /// Whether executions may have been removed by hand since somebody asked last, so that large values may be left that nothing
    /// refers to. Once after a start they may: whoever is killed in between remembers nothing.
    pub fn take_removed(&self) -> bool {
        self.inner.has_removed.swap(false, Ordering::Relaxed)
    }

    /// Says in the audits of tenants what was removed of theirs. Blocks.
    ///
    /// # Errors
    /// Platform data refuse. Each tenant's line is written by itself, so that those of others are there all the same.
    pub fn record_pruned(&self, pruned: &BTreeMap<Tenant, u64>, ended_before_ms: i64) -> Result<(), Error> {
        let (now_ms, mut failed) = (self.now_ms(), None);
        // The command line's own executions belong to no tenant of the server, which has no audit for them.
        let known = self.read(|work| Ok::<_, Error>(work.accounts().tenants()?))?;
        for (tenant, executions) in pruned.iter().filter(|(tenant, _)| known.contains(tenant)) {
            let details = json!({"executions": executions, "ended_before": timestamp(ended_before_ms)});
            let by = json!({"server": true});
            let written =
                self.write_beside(|work| audit::record(work, tenant, now_ms, by, "executions.pruned", details));
            failed = written.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}
