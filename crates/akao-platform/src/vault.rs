//! Secrets that a HashiCorp Vault keeps for tenants, or what speaks as it does: its key-value engine, version 2, over HTTP.
//!
//! ```text
//! step starts ─► not kept here ─► in memory for a moment? ─► token, perhaps by a login ─► GET /v1/MOUNT/data/PATH ─► value
//! ```
//! The path holds the tenant's name as a segment of its own, and both it and the secret's name consist of letters, digits, `-` and
//! `_`: no tenant can name another one's place. Values stay in memory for as long as the operator allows, and are written nowhere.
//! Whoever looks at a step learns what kind of trouble there was; the operator finds the rest in the log.

mod login;
mod remote;
mod settings;

pub use settings::{VaultAuth, VaultError, VaultSettings};

use akao_contract::{Permission, Tenant, is_name};
use akao_step::{Egress, MASKED_BYTES_MIN, Secret, SecretError, SecretSource};
use login::Login;
use remote::{Remote, Trouble};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle};

/// Places that are remembered; beyond that all are forgotten.
const PLACES_MAX: usize = 10_000;

/// Requests at once.
const REQUESTS_MAX: usize = 8;

/// After a request without an answer, others fail at once for so long: as many threads as steps would wait otherwise.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is at one place: secrets by name.
type Place = Arc<BTreeMap<String, Secret>>;

/// Secrets of a Vault, for the steps that need them.
pub struct VaultSecrets {
    settings: VaultSettings,
    remote: Arc<Remote>,
    login: Arc<Login>,
    /// What keeps the token alive.
    keeping: JoinHandle<()>,
    places: Mutex<BTreeMap<String, (Instant, Place)>>,
    requests: Semaphore,
    failed: Mutex<Option<(Instant, Trouble)>>,
    runtime: Handle,
}

impl VaultSecrets {
    /// Those of a Vault, reached by this way out. Nothing is asked yet.
    ///
    /// # Errors
    /// What the operator has configured cannot be used.
    pub fn new(settings: VaultSettings, egress: Arc<dyn Egress>, runtime: Handle) -> Result<Self, VaultError> {
        let grant: Permission = settings.check()?;
        let remote = Arc::new(Remote::new(&settings, grant, egress));
        let login = Arc::new(Login::new(settings.auth.clone()));
        let (keeper, of) = (Arc::clone(&login), Arc::clone(&remote));
        Ok(Self {
            keeping: runtime.spawn(async move { keeper.keep_alive(&of).await }),
            remote,
            login,
            settings,
            places: Mutex::default(),
            requests: Semaphore::new(REQUESTS_MAX),
            failed: Mutex::default(),
            runtime,
        })
    }

    async fn find(&self, tenant: &Tenant, name: &str) -> Result<Secret, Trouble> {
        let (path, field) = self.settings.place(tenant, name);
        if let Some(found) = self.remembered(&path, field) {
            return Ok(found);
        }
        let _turn = self.requests.acquire().await.map_err(|_| Trouble::Unreachable("the server ends".to_owned()))?;
        // Somebody may have fetched it, or have waited in vain, while this one waited for its turn.
        if let Some(found) = self.remembered(&path, field) {
            return Ok(found);
        }
        if let Some(trouble) = self.has_just_failed() {
            return Err(trouble);
        }
        let place = self.fetch(&path).await.inspect_err(|trouble| self.failed(tenant, name, trouble))?;
        let found = place.get(field).cloned();
        if !self.settings.cache.is_zero() {
            let mut places = lock(&self.places);
            if places.len() >= PLACES_MAX {
                places.clear();
            }
            places.insert(path, (Instant::now(), place));
        }
        found.ok_or(Trouble::Absent)
    }

    fn remembered(&self, path: &str, field: &str) -> Option<Secret> {
        let places = lock(&self.places);
        let (at, place) = places.get(path)?;
        // What is not there may have been put there a moment ago.
        place.get(field).filter(|_| at.elapsed() < self.settings.cache).cloned()
    }

    /// What is at a path. A token that is not taken any more is replaced once.
    async fn fetch(&self, path: &str) -> Result<Place, Trouble> {
        let token = self.login.token(&self.remote).await?;
        match self.remote.read(path, &token).await {
            Err(Trouble::Denied(why)) => match self.login.another_token(&self.remote, &token).await? {
                Some(another) => self.remote.read(path, &another).await,
                None => Err(Trouble::Denied(why)),
            },
            answer => answer,
        }
    }

    fn has_just_failed(&self) -> Option<Trouble> {
        let failed = lock(&self.failed);
        failed.as_ref().filter(|(at, _)| at.elapsed() < AGAIN_AFTER).map(|(_, trouble)| trouble.clone())
    }

    fn failed(&self, tenant: &Tenant, name: &str, trouble: &Trouble) {
        if matches!(trouble, Trouble::Absent) {
            return;
        }
        tracing::warn!(%tenant, secret = name, "Vault does not give a secret: {}", trouble.for_operator());
        if matches!(trouble, Trouble::Unreachable(_) | Trouble::Sealed) {
            *lock(&self.failed) = Some((Instant::now(), trouble.clone()));
        }
    }
}

impl Drop for VaultSecrets {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SecretSource for VaultSecrets {
    fn secret(&self, tenant: &Tenant, name: &str) -> Result<Secret, SecretError> {
        if !is_name(name) {
            return Err(SecretError::Absent(name.to_owned()));
        }
        let unreadable = |reason: &str| SecretError::Unreadable { name: name.to_owned(), reason: reason.to_owned() };
        match self.runtime.block_on(self.find(tenant, name)) {
            // It could not be masked where it is shown, since it stands in ordinary text.
            Ok(secret) if secret.expose().len() < MASKED_BYTES_MIN => Err(unreadable(&format!(
                "what Vault has is shorter than {MASKED_BYTES_MIN} bytes and could not be masked"
            ))),
            Ok(secret) => Ok(secret),
            Err(Trouble::Absent) => Err(SecretError::Absent(name.to_owned())),
            Err(trouble) => Err(unreadable(trouble.for_anybody())),
        }
    }
}
