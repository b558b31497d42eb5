//! The end of a tenant, in steps each of which finds what the one before has left, so that whoever is killed on the way goes on at
//! the next start:
//!
//! | step | what |
//! |---|---|
//! | decided | in one transaction: its data keys are destroyed, nobody is let in any more, and the audits of who decided it keep where the tenant's own audit ended, signed |
//! | executions | those that run are cancelled, and all are removed |
//! | files | large values, what nodes keep, custom nodes |
//! | rows | everything else in platform data, some at a time; the tenant's own row last, with a line that it is done |
//!
//! For everybody else it is not there from the first step on. What it shared with others stays: accounts that belong to other
//! tenants too, packages, and what other audits say of it.

use crate::{Actor, Code, Error, Means, Platform, accounts::only_in_person, audit, executions::unexpected, setup};
use akao_contract::{ExecutionId, ExecutionStatus, Tenant};
use akao_engine::{CallError, Reply, Request};
use akao_journal::{ExecutionFilter, ReadError, Reader};
use akao_store::{Ending, Store, TenantRow, Work};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Longest pause between two looks for tenants that are to be deleted: the command line decides it past the server.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Pause after something that did not work.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// How long executions may take to end that were cancelled by force, before other tenants have their turn.
const CANCELLED_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks at whether they have ended.
const ENDED_YET: Duration = Duration::from_millis(200);

/// How long whoever reads platform data may hold up that their log is emptied, before other tenants have their turn.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// Between two attempts to empty it.
const SETTLED_YET: Duration = Duration::from_millis(100);

/// Executions that are cancelled, and removed, at once.
const TOGETHER: u32 = 64;

/// What lies in files of tenants, beside platform data and the journal.
pub trait TenantFiles: Send + Sync {
    /// Removes everything of a tenant, whose custom nodes were pinned by these names; what is not there any more is no error. Blocks.
    ///
    /// # Errors
    /// The disk refuses.
    fn remove(&self, tenant: &Tenant, custom_nodes: &[String]) -> Result<(), Error>;
}

/// Which tenant is to go.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// Its name.
    pub tenant: String,
    /// Its name once more, so that nobody deletes another one by a slip.
    pub confirmed: String,
    /// Whether executions that have not ended are cancelled.
    pub cancels: bool,
}

/// Who has decided it, as it is kept until the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Decided {
    by: Value,
    /// The tenants whose audits tell it.
    told: Vec<Tenant>,
}

impl Deletion {
    fn checked(&self) -> Result<Tenant, Error> {
        let tenant = setup::clean_tenant(&self.tenant)?;
        match self.confirmed == tenant.as_str() {
            true => Ok(tenant),
            false => Err(Error::invalid("what confirms the deletion is not the tenant's name")
                .hint(format!("Repeat the name `{tenant}`; what is deleted does not come back."))),
        }
    }

    /// Refuses a tenant with executions that have not ended, unless they are to be cancelled. To be looked at last: others may begin
    /// until it is decided.
    fn check_executions(&self, tenant: &Tenant, has_open: impl FnOnce() -> Result<bool, Error>) -> Result<(), Error> {
        match !self.cancels && has_open()? {
            false => Ok(()),
            true => Err(Error::new(Code::Conflict, format!("executions of the tenant `{tenant}` have not ended"))
                .hint("Wait until they have, or say that they are to be cancelled.")),
        }
    }
}

/// Decides that a tenant goes, for whoever has the data directory; the server does it, or the next one that is started. Blocks.
///
/// # Errors
/// As [`Platform::delete_tenant`].
pub fn delete_tenant(
    store: &Store,
    journal: Option<&Reader>,
    deletion: &Deletion,
    now_ms: i64,
) -> Result<TenantRow, Error> {
    let tenant = deletion.checked()?;
    let open = || journal.map_or(Ok(false), |reader| has_open(reader, &tenant));
    store.write(|work| {
        let row = found(work, &tenant)?;
        let mut told = Vec::new();
        for operator in work.accounts().operators()? {
            told.extend(work.accounts().memberships(&operator.id)?.into_iter().map(|of| of.tenant));
        }
        told.retain(|of| *of != tenant);
        deletion.check_executions(&tenant, open)?;
        decide(work, row, deletion.cancels, &Decided { by: json!({"machine": true}), told }, now_ms)
    })
}

/// The tenant's row; one that is being deleted already is told so.
fn found(work: &Work<'_>, tenant: &Tenant) -> Result<TenantRow, Error> {
    if let Some(row) = work.of(tenant).row()? {
        return Ok(row);
    }
    check_not_ending(work, tenant)?;
    Err(Error::not_found("such tenant"))
}

/// Refuses a tenant that is being deleted, whose name nobody has meanwhile.
pub(crate) fn check_not_ending(work: &Work<'_>, tenant: &Tenant) -> Result<(), Error> {
    match work.accounts().endings()?.iter().any(|ending| ending.tenant == *tenant) {
        true => Err(Error::new(Code::Conflict, format!("the tenant `{tenant}` is being deleted already"))
            .hint("Its name is free once nothing of it is left.")),
        false => Ok(()),
    }
}

fn decide(work: &Work<'_>, row: TenantRow, cancels: bool, decided: &Decided, now_ms: i64) -> Result<TenantRow, Error> {
    let (scope, accounts) = (work.of(&row.name), work.accounts());
    for operator in accounts.operators()? {
        let of = accounts.memberships(&operator.id)?;
        if !of.is_empty() && of.iter().all(|of| of.tenant == row.name) {
            let message = format!("who looks after the server belongs to no other tenant than `{}`", row.name);
            return Err(Error::new(Code::Conflict, message)
                .hint("Let them join another tenant first: nobody signs in who belongs to none."));
        }
    }
    // Whoever kept lines of it can still prove that they are its own, and which was the last.
    let end = scope.audit().end()?;
    let head = scope
        .audit()
        .head()?
        .map(|head| json!({"head": head.head, "signature": head.signature, "public_key": head.public_key}));
    let lines = end.as_ref().map_or(0, |end| end.seq);
    let by = serde_json::to_string(decided).map_err(|error| Error::internal(&error))?;
    let Some(gone) = scope.begin_ending(now_ms, &by)? else {
        return Err(Error::new(Code::Changed, "the tenant was changed meanwhile"));
    };
    let details = json!({
        "tenant": row.name, "title": row.title, "cancels": cancels, "accounts": gone,
        "audit": {"lines": lines, "last": end.map(|end| end.digest()), "signed": head},
    });
    for tenant in &decided.told {
        audit::record(work, tenant, now_ms, decided.by.clone(), "tenant.deletion_decided", details.clone())?;
    }
    Ok(TenantRow { ending_ms: Some(now_ms), ..row })
}

fn open_of(reader: &Reader, tenant: &Tenant) -> Result<Vec<ExecutionId>, ReadError> {
    let mut open = Vec::new();
    // One whose row is damaged is nobody's as far as can be told, and is not waited for.
    reader.open_executions(|row| open.extend(row.ok().filter(|row| row.tenant == *tenant).map(|row| row.id)))?;
    Ok(open)
}

fn has_open(reader: &Reader, tenant: &Tenant) -> Result<bool, Error> {
    let statuses = ExecutionStatus::ALL.into_iter().filter(|status| !status.is_final()).collect();
    let filter = ExecutionFilter { tenant: Some(tenant.clone()), statuses, ..ExecutionFilter::default() };
    Ok(!reader.list(&filter, None, 1)?.rows.is_empty())
}

impl Platform {
    /// Decides that a tenant goes with everything of it, for the operator: from now on it is there for nobody, and goes on being
    /// removed also when the server is ended meanwhile. Blocks.
    ///
    /// # Errors
    /// There is no such tenant, its name is not confirmed, it is the actor's own, or executions of it have not ended.
    pub fn delete_tenant(&self, actor: &Actor, deletion: &Deletion) -> Result<TenantRow, Error> {
        let Means::Session { .. } = &actor.means else { return Err(only_in_person("delete a tenant")) };
        let (tenant, now_ms) = (deletion.checked()?, self.now_ms());
        let open = || self.journal(|reader| Ok(has_open(reader, &tenant)))?;
        let decided = self.write(|work| {
            let row = found(work, &tenant)?;
            if tenant == actor.tenant {
                let message = format!("you act in the tenant `{tenant}`, and would be signed out of it");
                return Err(Error::new(Code::Conflict, message).hint("Sign in to another tenant, and delete it there."));
            }
            deletion.check_executions(&tenant, open)?;
            let decided = Decided { by: actor.named(), told: vec![actor.tenant.clone()] };
            decide(work, row, deletion.cancels, &decided, now_ms)
        })?;
        self.inner.in_flight.forget_active();
        self.inner.deletions.notify_one();
        Ok(decided)
    }

    /// Deletes tenants of which that was decided, until `end` ends; what is left then is the next server's.
    pub async fn run_deletions(&self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            let pause = tokio::select! {
                () = &mut end => return,
                pause = self.look_at_deletions() => pause,
            };
            tokio::select! {
                () = &mut end => return,
                () = tokio::time::sleep(pause) => {}
                () = self.inner.deletions.notified() => {}
            }
        }
    }

    /// Deletes what is to be deleted; how long until somebody should look again.
    async fn look_at_deletions(&self) -> Duration {
        let endings = match self.blocking(|platform| platform.read(|work| Ok(work.accounts().endings()?))).await {
            Ok(endings) => endings,
            // Whoever answers requests meets the same, and the operator is told there.
            Err(_) => return TRY_AGAIN,
        };
        if !endings.is_empty() {
            // It may have been decided past this server, which knows people for a moment.
            self.inner.known.forget();
            self.inner.in_flight.forget_active();
        }
        let mut pause = LOOK_AGAIN;
        for ending in endings {
            let tenant = ending.tenant.clone();
            match self.end_tenant(ending).await {
                Ok(()) => tracing::info!(%tenant, "the tenant is deleted"),
                Err(error) => {
                    tracing::warn!(%tenant, "the tenant is not deleted yet, which is tried again: {error}");
                    pause = TRY_AGAIN;
                }
            }
        }
        pause
    }

    /// Takes everything of a tenant away.
    async fn end_tenant(&self, ending: Ending) -> Result<(), Error> {
        let tenant = &ending.tenant;
        // From here on its keys are nowhere, unless somebody reads just now: then that is so before its row goes.
        self.blocking(|platform| Ok(platform.parts().store.settle()?)).await?;
        self.cancel_all(tenant).await?;
        self.remove_executions(tenant).await?;
        self.remove_files(tenant).await?;
        loop {
            let of = tenant.clone();
            let more = self.blocking(move |platform| platform.write_beside(|work| Ok(work.of(&of).remove_some()?)));
            if !more.await? {
                break;
            }
        }
        // What somebody had begun before they were locked out has its end by now.
        self.cancel_all(tenant).await?;
        self.remove_executions(tenant).await?;
        self.remove_files(tenant).await?;
        self.settle_store().await?;
        self.blocking(move |platform| platform.forget_tenant(&ending)).await?;
        if let Err(error) = self.settle_store().await {
            // Nobody tries this again: what stands there is its name and its quota.
            tracing::warn!("the row of the tenant stands in the log of platform data for a while: {error}");
        }
        Ok(())
    }

    /// Waits until the log of platform data holds nothing any more of what was deleted.
    async fn settle_store(&self) -> Result<(), Error> {
        let begun = Instant::now();
        while !self.blocking(|platform| Ok(platform.parts().store.settle()?)).await? {
            if begun.elapsed() > SETTLED_WITHIN {
                let message = "somebody reads platform data, perhaps a backup, so that their log is not emptied";
                return Err(Error::new(Code::Unavailable, message));
            }
            tokio::time::sleep(SETTLED_YET).await;
        }
        Ok(())
    }

    async fn cancel_all(&self, tenant: &Tenant) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let of = tenant.clone();
            let open = self.blocking(move |platform| platform.journal(|reader| open_of(reader, &of))).await?;
            if open.is_empty() {
                return Ok(());
            }
            if begun.elapsed() > CANCELLED_WITHIN {
                let message = format!("{} of its executions do not end although they were cancelled", open.len());
                return Err(Error::new(Code::Conflict, message));
            }
            for execution in open.into_iter().take(TOGETHER as usize) {
                let reason = Some("the tenant is deleted".to_owned());
                match self.parts().executions.call(Request::Cancel { execution, reason, force: true }).await {
                    // It has ended meanwhile, or ends already.
                    Ok(_)
                    | Err(CallError::Conflict { .. } | CallError::NotFound { .. } | CallError::Quarantined { .. }) => {}
                    Err(refused) => return Err(refused.into()),
                }
            }
            tokio::time::sleep(ENDED_YET).await;
        }
    }

    async fn remove_executions(&self, tenant: &Tenant) -> Result<(), Error> {
        loop {
            let request = Request::RemoveOf { tenant: tenant.clone(), executions_max: TOGETHER.into() };
            match self.parts().executions.call(request).await {
                Ok(Reply::Pruned { executions: 0, .. }) => break,
                // Others have their turn in between.
                Ok(Reply::Pruned { .. }) => tokio::task::yield_now().await,
                other => return Err(unexpected(other)),
            }
        }
        let of = ExecutionFilter { tenant: Some(tenant.clone()), ..ExecutionFilter::default() };
        let left = self.blocking(move |platform| platform.journal(|reader| reader.list(&of, None, 1))).await?;
        match left.rows.is_empty() {
            true => Ok(()),
            false => Err(Error::new(Code::Conflict, "executions of it have not ended")),
        }
    }

    /// Removes what lies in files. The names of its custom nodes stand in rows that are still there at first.
    async fn remove_files(&self, tenant: &Tenant) -> Result<(), Error> {
        let of = tenant.clone();
        self.blocking(move |platform| {
            let pinned = platform.read(|work| Ok(work.of(&of).custom_nodes().pinned()?))?;
            platform.parts().files.remove(&of, &pinned)
        })
        .await
    }

    /// The last step: what is left goes in one transaction with the line that says so.
    fn forget_tenant(&self, ending: &Ending) -> Result<(), Error> {
        let (tenant, now_ms) = (&ending.tenant, self.now_ms());
        let decided: Decided = serde_json::from_str(&ending.by).map_err(|error| Error::internal(&error))?;
        self.write(|work| {
            while work.of(tenant).remove_some()? {}
            work.accounts().remove_tenant(tenant)?;
            for told in &decided.told {
                // It may have gone the same way.
                if work.of(told).row()?.is_some() {
                    audit::record(work, told, now_ms, decided.by.clone(), "tenant.deleted", json!({"tenant": tenant}))?;
                }
            }
            Ok(())
        })
    }
}
