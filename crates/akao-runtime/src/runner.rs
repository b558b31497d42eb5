//! [`StepRunner`] over the nodes of packages: which package serves a node type, and which pool of it an execution.

use crate::{
    attempt::Attempt,
    failure,
    host::HostPorts,
    launch::{Launch, Wish},
    package::{Access, Node, NodePackage, PackageError},
    pool::{Inner, Rooms, Services},
    settings::RuntimeSettings,
    snapshot::PoolSnapshot,
    state::StateOwner,
};
use akao_contract::{ErrorKind, Invocation, Outcome, Permission, StepContext, StepError, Tenant, manifest::PackageId};
use akao_rpc::ValidateAnswer;
use akao_step::{BoxFuture, RunnerTraits, Secret, StepIo, StepRunner};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::Semaphore;

/// Files of nodes that are held in memory at once, over all processes.
const BLOBS_AT_ONCE_MAX: usize = 2;

/// Executions whose pool is remembered by their grants; beyond it the memory begins anew.
const REMEMBERED_MAX: usize = 64;

/// Pools of one package that are kept although nothing of them is in use, for instance because each execution brings its
/// own folder.
const UNUSED_POOLS_MAX: usize = 256;

/// Runs the nodes of packages in processes.
pub struct ProcessRunner {
    services: Arc<Services>,
    types: RwLock<BTreeMap<Arc<str>, (Arc<Served>, Arc<Node>)>>,
}

/// A package and its pools.
struct Served {
    package: Arc<NodePackage>,
    pools: Mutex<Pools>,
}

#[derive(Default)]
struct Pools {
    by_key: BTreeMap<(Tenant, Access), Arc<Inner>>,
    /// What was found for an execution's words, so that they are not understood again for each call.
    remembered: Vec<(Words, Arc<Inner>)>,
}

/// What a context says of what may be used.
struct Words {
    tenant: Tenant,
    grants: Arc<Vec<Permission>>,
    volumes: Arc<BTreeMap<String, String>>,
    secrets: Secrets,
    wish: Wish,
}

/// The secrets that an execution was given, by name.
pub type Secrets = Arc<BTreeMap<String, Secret>>;

impl Words {
    fn are_those_of(&self, context: &StepContext, secrets: &Secrets, wish: &Wish) -> bool {
        let same_grants = Arc::ptr_eq(&self.grants, &context.grants) || self.grants == context.grants;
        let same_volumes = Arc::ptr_eq(&self.volumes, &context.volumes) || self.volumes == context.volumes;
        let same_secrets = Arc::ptr_eq(&self.secrets, secrets) || self.secrets == *secrets;
        self.tenant == context.tenant && same_grants && same_volumes && same_secrets && self.wish == *wish
    }
}

impl Served {
    fn lock(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool that serves an execution.
    fn pool(
        &self,
        services: &Arc<Services>,
        context: &StepContext,
        secrets: &Secrets,
        wish: &Wish,
    ) -> Result<Arc<Inner>, StepError> {
        let mut pools = self.lock();
        if let Some((_, pool)) = pools.remembered.iter().find(|(words, _)| words.are_those_of(context, secrets, wish)) {
            return Ok(Arc::clone(pool));
        }
        let caps = &services.settings.caps;
        let refused = |error: &StepError| {
            let owner = StateOwner { tenant: context.tenant.clone(), package: self.package.manifest().id.clone() };
            services.host.denials.denied(&owner, error);
        };
        let access = self.package.access(context, secrets, wish, caps).inspect_err(refused)?;
        if pools.by_key.len() >= UNUSED_POOLS_MAX {
            pools.by_key.retain(|_, pool| pool.is_in_use());
            pools.remembered.clear();
        }
        let key = (context.tenant.clone(), access);
        let pool = pools.by_key.entry(key).or_insert_with_key(|(tenant, access)| {
            let spec = self.package.spec(tenant, access, caps);
            Inner::new(Arc::clone(&self.package), spec, Arc::clone(&access.secrets.0), Arc::clone(services))
        });
        let pool = Arc::clone(pool);
        if pools.remembered.len() >= REMEMBERED_MAX {
            pools.remembered.clear();
        }
        let words = Words {
            tenant: context.tenant.clone(),
            grants: Arc::clone(&context.grants),
            volumes: Arc::clone(&context.volumes),
            secrets: Arc::clone(secrets),
            wish: wish.clone(),
        };
        pools.remembered.push((words, Arc::clone(&pool)));
        Ok(pool)
    }

    fn all(&self) -> Vec<Arc<Inner>> {
        self.lock().by_key.values().cloned().collect()
    }
}

impl ProcessRunner {
    /// A runner without node types. Its processes are driven by the runtime in which its steps run.
    pub fn new(launch: Arc<dyn Launch>, host: HostPorts, settings: RuntimeSettings) -> Self {
        let services = Services {
            launch,
            host,
            rooms: Rooms::new(settings.processes_max),
            settings,
            blob_room: Arc::new(Semaphore::new(BLOBS_AT_ONCE_MAX)),
            pools: Mutex::default(),
            next_pool: AtomicU64::new(0),
            is_shut: AtomicBool::new(false),
        };
        Self { services: Arc::new(services), types: RwLock::default() }
    }

    /// Adds the nodes of a package under their pinned names. The same content may be added again, and other contents stand
    /// beside it: their processes end when nobody has asked for them for a while.
    ///
    /// # Errors
    /// The package is not run as a process, or its outputs cannot be checked.
    pub fn add(&self, package: NodePackage) -> Result<(), PackageError> {
        let nodes = package.nodes()?;
        let served = Arc::new(Served { package: Arc::new(package), pools: Mutex::default() });
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        for node in nodes {
            let name = served.package.pinned(&node.declaration.id).to_string();
            types.entry(name.into()).or_insert_with(|| (Arc::clone(&served), node));
        }
        Ok(())
    }

    /// Unloads a package in all its versions: none of its nodes is known until it is added again. Calls that run or wait are
    /// served as they would be, and each process ends when it is idle.
    pub fn remove(&self, package: &PackageId) {
        let mut gone = Vec::new();
        self.types.write().unwrap_or_else(PoisonError::into_inner).retain(|_, (served, _)| {
            let stays = served.package.manifest().id != *package;
            gone.extend((!stays).then(|| Arc::clone(served)));
            stays
        });
        gone.iter().flat_map(|served| served.all()).for_each(|pool| pool.let_go());
    }

    /// Has a process of a node type ready for executions like this one before the first step asks for it, and another when
    /// it ends.
    ///
    /// # Errors
    /// There is no such node type here, it may not run, or the runner was shut down.
    pub fn preload(&self, node_type: &str, context: &StepContext, secrets: &Secrets) -> Result<(), StepError> {
        let (served, _) = self.find(node_type).ok_or_else(|| unknown(node_type))?;
        served.pool(&self.services, context, secrets, &Wish::default())?.keep_warm()
    }

    /// Asks a node whether it could use these parameters in an execution like this one. Nothing is done.
    ///
    /// # Errors
    /// There is no such node type here, it may not run, the node did not answer as it should, or the runner was shut down.
    pub async fn validate(
        &self,
        node_type: &str,
        context: &StepContext,
        secrets: &Secrets,
        parameters: &Map<String, Value>,
    ) -> Result<ValidateAnswer, StepError> {
        let (served, node) = self.find(node_type).ok_or_else(|| unknown(node_type))?;
        let pool = served.pool(&self.services, context, secrets, &Wish::default())?;
        crate::validate::validate(&pool, &node, parameters).await
    }

    /// Runs a step in a process that is as it is wished.
    pub fn run_as(&self, invocation: Invocation, io: StepIo, wish: &Wish) -> BoxFuture<'static, Outcome> {
        let Some((served, node)) = self.find(&invocation.node_type) else {
            return Box::pin(std::future::ready(Outcome::failure(unknown(&invocation.node_type))));
        };
        let (call_ms, reasons) = (wish.call_ms, wish.reasons);
        match served.pool(&self.services, &invocation.context, &io.secrets, &wish.of_process()) {
            Ok(pool) if self.services.is_shut.load(Ordering::Acquire) => {
                Box::pin(std::future::ready(Outcome::failure(failure::closed(&pool.spec))))
            }
            Ok(pool) => Box::pin(Attempt { pool, node, invocation, io, call_ms, reasons }.run()),
            Err(error) => Box::pin(std::future::ready(Outcome::failure(error))),
        }
    }

    /// The node types whose manifests say `preload: true`, one of each package.
    pub fn preloaded(&self) -> Vec<String> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        let mut named: BTreeMap<&str, String> = BTreeMap::new();
        for (name, (served, _)) in types.iter().filter(|(_, (served, _))| served.package.manifest().preload) {
            named.entry(served.package.manifest().id.as_str()).or_insert_with(|| name.to_string());
        }
        named.into_values().collect()
    }

    /// What runs, for people and for tests.
    pub fn snapshot(&self) -> Vec<PoolSnapshot> {
        self.pools().iter().map(|pool| PoolSnapshot::of(pool)).collect()
    }

    /// Ends every process. Calls that wait are refused; calls that run may end within the grace of a shutdown, are then
    /// cancelled, and killed when they do not end within the graces of that.
    pub async fn shutdown(&self) {
        self.services.is_shut.store(true, Ordering::Release);
        // Also those that no package remembers any more.
        let pools = self.services.live_pools();
        futures_util::future::join_all(pools.iter().map(|pool| pool.shut())).await;
    }

    fn pools(&self) -> Vec<Arc<Inner>> {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        let mut served: Vec<&Arc<Served>> = types.values().map(|(served, _)| served).collect();
        served.sort_by_key(|served| Arc::as_ptr(*served));
        served.dedup_by(|one, other| Arc::ptr_eq(*one, *other));
        served.into_iter().flat_map(|served| served.all()).collect()
    }

    fn find(&self, node_type: &str) -> Option<(Arc<Served>, Arc<Node>)> {
        self.types.read().unwrap_or_else(PoisonError::into_inner).get(node_type).cloned()
    }
}

fn unknown(node_type: &str) -> StepError {
    StepError::new(ErrorKind::NotFound, format!("there is no external node `{node_type}`"))
        .with_suggestion("List the node types with `akao list-nodes`.")
}

impl StepRunner for ProcessRunner {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        self.find(node_type).map(|(_, node)| node.traits)
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        let message = format!("the node `{}` runs in a process of its own", invocation.node_type);
        Outcome::failure(StepError::new(ErrorKind::Internal, message))
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        self.run_as(invocation, io, &Wish::default())
    }
}
