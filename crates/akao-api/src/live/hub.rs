//! What changes in any list, and what waits in the queue, read once for all connections; and how many connections there are.

use crate::{
    App, documents,
    shares::{Share, Shares},
};
use akao_contract::{ExecutionId, Tenant};
use akao_engine::QueueEntry;
use akao_platform::{Actor, Code, Error, UserId};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::broadcast::{
        self,
        error::{RecvError, TryRecvError},
    },
    time::Instant,
};

/// Connections of one person, in one tenant or several, of one tenant, and of all.
const OF_ONE_MAX: usize = 16;
const OF_TENANT_MAX: usize = 750;
const OF_ALL_MAX: usize = 1_000;

/// Changes that wait for a connection.
const WAITING_MAX: usize = 2_048;

/// Changes within this time are read together.
const TOGETHER: Duration = Duration::from_millis(50);

/// The engine is asked for its queue no more often than this, however many look at it.
pub(super) const QUEUE_EVERY: Duration = Duration::from_millis(500);

/// After this long without connections nothing is read any more.
const IDLE_AFTER: Duration = Duration::from_secs(5);

/// An execution that changed, as its tenant's lists show it.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) tenant: Tenant,
    /// The place of the journal up to which changes were read.
    pub(super) lsn: i64,
    pub(super) execution: Value,
    /// Its tasks, where one of them was opened or closed.
    pub(super) tasks: Option<Vec<Value>>,
}

/// What connections are told.
#[derive(Debug, Clone)]
pub(super) enum News {
    Changed(Arc<Changed>),
    /// There were more changes than could be kept: lists are to be read again.
    Missed,
}

/// What waits for a place, of all tenants.
pub(super) struct Queues {
    /// It was not read before this.
    pub(super) read_at: Instant,
    pub(super) entries: BTreeMap<Tenant, Vec<QueueEntry>>,
    pub(super) limit: u64,
}

/// Where connections hear of changes.
pub(crate) struct Hub {
    news: broadcast::Sender<News>,
    is_running: AtomicBool,
    connections: Mutex<BTreeMap<UserId, usize>>,
    tenants: Arc<Shares<Tenant>>,
    /// The queue as it was read last. Whoever reads it holds the lock, so that the others find it read.
    queues: tokio::sync::Mutex<Option<Arc<Queues>>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            news: broadcast::Sender::new(WAITING_MAX),
            is_running: AtomicBool::new(false),
            connections: Mutex::default(),
            tenants: Arc::default(),
            queues: tokio::sync::Mutex::default(),
        }
    }
}

/// A place among the connections.
pub(super) struct Place {
    app: Arc<App>,
    user: UserId,
    _of_tenant: Share<Tenant>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut connections = self.app.hub.connections.lock().unwrap_or_else(PoisonError::into_inner);
        match connections.get_mut(&self.user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                connections.remove(&self.user);
            }
        }
    }
}

impl Hub {
    /// How many connections there are.
    pub(crate) fn open(&self) -> usize {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

/// One more connection of a person.
pub(super) fn enter(app: &Arc<App>, actor: &Actor) -> Result<Place, Error> {
    let mut connections = app.hub.connections.lock().unwrap_or_else(PoisonError::into_inner);
    let all: usize = connections.values().sum();
    let count = connections.get(&actor.user).copied().unwrap_or_default();
    let full = |message: &str| Error { retry_after_s: Some(10), ..Error::new(Code::TooMany, message) };
    if count >= OF_ONE_MAX {
        return Err(full("one person has at most 16 live connections"));
    }
    if all >= OF_ALL_MAX {
        return Err(full("the server holds as many live connections as it can"));
    }
    let of_tenant = app.hub.tenants.take(&actor.tenant, OF_TENANT_MAX);
    let of_tenant = of_tenant.ok_or_else(|| full("one tenant has at most 750 live connections"))?;
    connections.insert(actor.user.clone(), count + 1);
    Ok(Place { app: Arc::clone(app), user: actor.user.clone(), _of_tenant: of_tenant })
}

/// The queue as it is, or was a moment ago.
pub(super) async fn queues(app: &App) -> Result<Arc<Queues>, Error> {
    let mut known = app.hub.queues.lock().await;
    if let Some(found) = known.as_ref().filter(|found| found.read_at.elapsed() < QUEUE_EVERY) {
        return Ok(Arc::clone(found));
    }
    let read_at = Instant::now();
    let (entries, limit) = app.platform.queues().await?;
    let found = Arc::new(Queues { read_at, entries, limit });
    *known = Some(Arc::clone(&found));
    Ok(found)
}

/// Hears of changes from now on.
pub(super) fn listen(app: &Arc<App>) -> broadcast::Receiver<News> {
    let heard = app.hub.news.subscribe();
    if !app.hub.is_running.swap(true, Ordering::SeqCst) {
        tokio::spawn(read(Arc::clone(app)));
    }
    heard
}

/// Reads what changes while somebody listens.
async fn read(app: Arc<App>) {
    let mut changes = app.platform.changes();
    loop {
        let first = tokio::time::timeout(IDLE_AFTER, changes.recv()).await;
        if app.hub.news.receiver_count() == 0 {
            app.hub.is_running.store(false, Ordering::SeqCst);
            // Somebody may have come between the two lines.
            if app.hub.news.receiver_count() == 0 || app.hub.is_running.swap(true, Ordering::SeqCst) {
                return;
            }
        }
        let mut changed: BTreeMap<ExecutionId, bool> = BTreeMap::new();
        match first {
            Err(_) => continue,
            Ok(Ok(change)) => {
                changed.insert(change.execution, change.tasks);
            }
            Ok(Err(RecvError::Lagged(_))) => drop(app.hub.news.send(News::Missed)),
            Ok(Err(RecvError::Closed)) => return,
        }
        tokio::time::sleep(TOGETHER).await;
        loop {
            match changes.try_recv() {
                Ok(change) => *changed.entry(change.execution).or_default() |= change.tasks,
                Err(TryRecvError::Lagged(_)) => drop(app.hub.news.send(News::Missed)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let found = app.platform.blocking(move |platform| platform.changed(&changed)).await;
        match found {
            Ok((lsn, rows)) => {
                for (row, tasks) in rows {
                    let news = Changed {
                        tenant: row.tenant.clone(),
                        lsn,
                        execution: documents::execution(&row),
                        tasks: tasks.map(|tasks| tasks.iter().map(documents::task).collect()),
                    };
                    drop(app.hub.news.send(News::Changed(Arc::new(news))));
                }
            }
            Err(_) => drop(app.hub.news.send(News::Missed)),
        }
    }
}
