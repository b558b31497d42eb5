//! Lines of the audit about what is done elsewhere: an execution is started and steered in the engine, whose journal is another
//! file, so that the line cannot be in the same transaction. It is written before, durably; when the engine refuses, a second
//! line says so. Lines of requests that come together are one transaction, because each costs a sync of the disk.

use crate::{Actor, Error, Platform, audit};
use akao_contract::Tenant;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;
use tracing::Instrument;

/// A line that waits to be written.
struct Line {
    tenant: Tenant,
    /// When that tenant was made.
    made_ms: i64,
    by: Value,
    what: &'static str,
    details: Value,
    written: oneshot::Sender<Result<(), Error>>,
}

/// Lines that wait, and whose turn it is to write them.
#[derive(Default)]
pub(crate) struct Announcements {
    waiting: Mutex<Vec<Line>>,
    turn: tokio::sync::Mutex<()>,
}

/// What a second line says that was announced and did not happen.
const REFUSED: &str = "act.refused";

impl Platform {
    /// Writes a line of the audit; it is durable when this is answered.
    async fn announce(&self, actor: &Actor, what: &'static str, details: Value) -> Result<(), Error> {
        let (written, mut answer) = oneshot::channel();
        let (tenant, made_ms, by) = (actor.tenant.clone(), actor.tenant_made_ms, actor.named());
        let announcements = &self.inner.announcements;
        let lock = || announcements.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        lock().push(Line { tenant, made_ms, by, what, details, written });
        // Whoever has the turn writes for all that wait; the others find theirs written.
        let _turn = announcements.turn.lock().await;
        if let Ok(answer) = answer.try_recv() {
            return answer;
        }
        let lines = std::mem::take(&mut *lock());
        self.blocking(move |platform| {
            platform.write_lines(lines);
            Ok(())
        })
        .await?;
        answer.await.map_err(|error| Error::internal(&error))?
    }

    fn write_lines(&self, lines: Vec<Line>) {
        let now_ms = self.now_ms();
        // Nobody is known by what the audit says, so that nobody has to be looked up again.
        let write = |lines: &[Line]| {
            let mut of_tenants: BTreeMap<(&Tenant, i64), Vec<audit::Entry<'_>>> = BTreeMap::new();
            for Line { tenant, made_ms, by, what, details, .. } in lines {
                let entry = audit::Entry { by: by.clone(), what, details: details.clone() };
                of_tenants.entry((tenant, *made_ms)).or_default().push(entry);
            }
            self.parts().store.write(|work| {
                of_tenants.into_iter().try_for_each(|((tenant, made_ms), entries)| {
                    audit::append(work, tenant, Some(made_ms), now_ms, entries)
                })
            })
        };
        let together = write(&lines);
        for line in lines {
            // A line that cannot be written, because its tenant's audit is damaged, refuses nobody else.
            let written = match together.is_ok() {
                true => Ok(()),
                false => write(std::slice::from_ref(&line)),
            };
            // Who has gone away meanwhile does not want to know.
            let _ = line.written.send(written);
        }
    }

    /// Does what is announced first. It is not left half done when whoever asked goes away.
    pub(crate) async fn announced<T: Send + 'static>(
        &self,
        actor: &Arc<Actor>,
        what: &'static str,
        details: Value,
        act: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (platform, actor) = (self.clone(), Arc::clone(actor));
        let whole = async move {
            platform.announce(&actor, what, details.clone()).await?;
            let done = act.await;
            if let Err(refused) = &done {
                let details = json!({"act": what, "code": refused.code.as_str(), "details": details});
                platform.announce(&actor, REFUSED, details).await?;
            }
            done
        };
        tokio::spawn(whole.in_current_span()).await.map_err(|error| Error::internal(&error))?
    }
}
