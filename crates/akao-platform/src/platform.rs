//! The platform's parts, and the ways from it to platform data and to executions.

use crate::{
    Clock, Error, NodeMaker, Outbound, PackageManager, Provider, Shelf, TenantFiles,
    announce::Announcements,
    authentication::Known,
    devices::Devices,
    hooks::{Buckets, Deliveries, Waiters},
    oidc::{Flows, Remotes},
    starts::Starts,
    throttle::Throttle,
    webhooks::InFlight,
};
use akao_contract::Tenant;
use akao_engine::{Changes, Executions, Reply, Request};
use akao_flow::Catalogue;
use akao_journal::{ReadError, Reader, Readers};
use akao_step::{Allowances, BlobError, BlobStore, Egress};
use akao_store::{Store, Work};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64},
    },
};
use tokio::sync::{Notify, Semaphore};

/// What a platform is made of.
pub struct Parts {
    /// Platform data.
    pub store: Arc<Store>,
    /// Executions.
    pub executions: Arc<dyn Executions>,
    /// The record of executions.
    pub readers: Arc<Readers>,
    /// Large values.
    pub blobs: Arc<dyn BlobStore>,
    /// How many bytes of large values a tenant has.
    pub blob_bytes: Arc<dyn Fn(&Tenant) -> Result<u64, BlobError> + Send + Sync>,
    /// What of tenants lies in files.
    pub files: Arc<dyn TenantFiles>,
    /// What tenants may use; filled by [`allow`](crate::allow) before the engine began.
    pub allowances: Allowances,
    /// The node types that every tenant may use.
    pub catalogue: Arc<Catalogue>,
    /// Who vouches for people besides passwords.
    pub providers: Vec<Provider>,
    /// The way out to them.
    pub egress: Arc<dyn Egress>,
    /// The address by which browsers reach the server.
    pub public_url: String,
    /// What makes nodes of uploads.
    pub nodes: Arc<dyn NodeMaker>,
    /// Which executions change.
    pub changes: Changes,
    /// What the operator has installed.
    pub shelf: Arc<dyn Shelf>,
    /// What changes that.
    pub packages: Arc<dyn PackageManager>,
    /// The way to the addresses of webhooks.
    pub outbound: Outbound,
    /// Whether secrets that this server does not keep may be somewhere else, which only the step that needs one finds out.
    pub secrets_elsewhere: bool,
    /// The time.
    pub clock: Clock,
    /// Whether a grant's scope can be meant; the reason when it cannot.
    pub check_grant: fn(&akao_contract::Permission) -> Result<(), String>,
}

/// The platform. Cheap to clone.
#[derive(Clone)]
pub struct Platform {
    pub(crate) inner: Arc<Inner>,
}

/// How many look something up at once: as many as keep their connections.
const LOOKS_MAX: usize = 8;

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) known: Known,
    pub(crate) throttle: Throttle,
    pub(crate) starts: Starts,
    pub(crate) flows: Flows,
    pub(crate) remotes: Remotes,
    pub(crate) devices: Devices,
    pub(crate) announcements: Announcements,
    /// Told when somebody has decided something about a schedule.
    pub(crate) schedules_changed: Notify,
    /// When schedules were looked at last; later than any time before the first look.
    pub(crate) schedules_looked_ms: AtomicI64,
    /// Up to which schedule of a tenant those with waiting times were looked at.
    pub(crate) waiting_after: Mutex<BTreeMap<Tenant, String>>,
    /// Told when somebody has decided something about a webhook.
    pub(crate) webhooks_changed: Notify,
    pub(crate) in_flight: InFlight,
    /// Told when somebody has decided that a tenant goes.
    pub(crate) deletions: Notify,
    /// Whether executions were removed that may have left large values; at the start nobody knows what a server before this one did.
    pub(crate) has_removed: AtomicBool,
    /// Places of those who look something up for a moment.
    looks: Semaphore,
    pub(crate) buckets: Buckets,
    pub(crate) waiters: Waiters,
    pub(crate) deliveries: Deliveries,
}

impl Platform {
    /// A platform of these parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            inner: Arc::new(Inner {
                parts,
                known: Known::default(),
                throttle: Throttle::default(),
                starts: Starts::default(),
                flows: Flows::default(),
                remotes: Remotes::default(),
                devices: Devices::default(),
                announcements: Announcements::default(),
                schedules_changed: Notify::new(),
                schedules_looked_ms: AtomicI64::new(i64::MAX),
                waiting_after: Mutex::default(),
                webhooks_changed: Notify::new(),
                in_flight: InFlight::default(),
                deletions: Notify::new(),
                has_removed: AtomicBool::new(true),
                looks: Semaphore::new(LOOKS_MAX),
                buckets: Buckets::default(),
                waiters: Waiters::default(),
                deliveries: Deliveries::default(),
            }),
        }
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// The time, in Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        (self.inner.parts.clock)()
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.inner.parts.store.read(read)
    }

    /// Changes platform data. Whoever is known by a secret is looked up again afterwards, those with an open stream at once.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let answer = self.inner.parts.store.write(write);
        self.inner.known.forget();
        answer
    }

    /// Changes what of platform data says nothing of people and of what they may: whoever is known stays known.
    pub(crate) fn write_beside<T>(&self, write: impl FnOnce(&Work<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.inner.parts.store.write(write)
    }

    pub(crate) fn journal<T>(&self, read: impl FnOnce(&Reader) -> Result<T, ReadError>) -> Result<T, Error> {
        Ok(self.inner.parts.readers.with(read)?)
    }

    /// Whether platform data and the engine answer.
    ///
    /// # Errors
    /// One of them does not.
    pub async fn is_ready(&self) -> Result<(), Error> {
        let platform = self.clone();
        let read = tokio::task::spawn_blocking(move || platform.read(|work| Ok(work.accounts().is_empty()?)));
        read.await.map_err(|error| Error::internal(&error))??;
        self.engine_health().await.map(drop)
    }

    /// How many executions the engine has in memory, and how many steps are under way.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn engine_health(&self) -> Result<(u64, u64), Error> {
        match self.parts().executions.call(Request::Health).await {
            Ok(Reply::Health { live, steps, .. }) => Ok((live, steps)),
            other => Err(crate::executions::unexpected(other)),
        }
    }

    /// How many executions of all tenants wait for a place, have one, and may have one.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn engine_queue(&self) -> Result<(u64, u64, u64), Error> {
        match self.parts().executions.call(Request::Queue).await {
            Ok(Reply::Queue { entries, running, limit }) => Ok((entries.len() as u64, running, limit)),
            other => Err(crate::executions::unexpected(other)),
        }
    }

    /// Does what blocks on a thread where blocking is allowed.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (platform, span) = (self.clone(), tracing::Span::current());
        match tokio::task::spawn_blocking(move || span.in_scope(|| work(&platform))).await {
            Ok(answer) => answer,
            Err(broken) => Err(Error::internal(&broken)),
        }
    }

    /// As [`Platform::blocking`], for what ends soon and is asked for by everybody at once: beyond some, it waits for its turn. As
    /// many threads as there are requests would take the processors from each other, and each a connection of its own.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn briefly<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.inner.looks.acquire().await.map_err(|closed| Error::internal(&closed))?;
        self.blocking(work).await
    }
}
