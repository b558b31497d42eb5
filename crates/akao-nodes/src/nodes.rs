//! The runner of pinned nodes: a package is taken out of the store when its first step comes.

use crate::{
    audit::{Audit, AuditEvent, Denial, Repeats, Subject},
    bundles::{self, BundleNode, Rates},
    launch::{LaunchOptions, SandboxLaunch},
    pin::Pinned,
};
use akao_contract::{
    Effects, ErrorKind, Invocation, Outcome, Permission, StepContext, StepError,
    manifest::{PackageId, PinnedNode, RuntimeKind},
};
use akao_package::{Store, StoreError};
use akao_runtime::{
    Denials, DiskState, HostPorts, NodePackage, PackageError, PoolSnapshot, ProcessRunner, RuntimeSettings, Secrets,
    StateOwner, Wish,
};
use akao_step::{BlobStore, BoxFuture, RunnerTraits, StepIo, StepRunner};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where everything is, and what holds.
pub struct NodesOptions {
    /// The packages' store.
    pub packages: Store,
    /// The folder in which nodes keep their state.
    pub state: PathBuf,
    /// Large values.
    pub blobs: Arc<dyn BlobStore>,
    /// Told of everything that runs and is denied.
    pub audit: Arc<dyn Audit>,
    /// What was granted to packages for good.
    pub grants: Arc<dyn PackageGrants>,
    /// How processes are managed.
    pub runtime: RuntimeSettings,
    /// How they are started.
    pub launch: LaunchOptions,
}

/// What was granted to packages when they were installed, whichever execution uses them.
pub trait PackageGrants: Send + Sync {
    /// The grants of the package of this content. May block; asked once for each content.
    fn of(&self, node: &PinnedNode) -> Vec<Permission>;

    /// Why this content must not run any more, also for executions that began with it. May block; asked as the grants are.
    fn blocked(&self, _: &PinnedNode) -> Option<String> {
        None
    }
}

/// How often a package is loaded that changes while it is.
const LOADS_MAX: usize = 8;

/// Nothing was granted for good.
pub struct NoPackageGrants;

impl PackageGrants for NoPackageGrants {
    fn of(&self, _: &PinnedNode) -> Vec<Permission> {
        Vec::new()
    }
}

/// Runs the nodes of stored packages.
pub struct ExternalNodes {
    launch: SandboxLaunch,
    shared: Arc<Shared>,
}

struct Shared {
    packages: Store,
    grants: Arc<dyn PackageGrants>,
    runner: ProcessRunner,
    /// Names whose package was added, with what the engine must know of them.
    known: Mutex<BTreeMap<Arc<str>, Known>>,
    /// How often nodes of bundles were called of late.
    rates: Rates,
    /// How often packages were forgotten.
    forgets: AtomicU64,
}

/// A node that is ready.
#[derive(Debug, Clone)]
struct Known {
    traits: RunnerTraits,
    /// What holds for it where it is the node of a bundle.
    bundle: Option<Arc<BundleNode>>,
}

impl ExternalNodes {
    /// Starts and reads nothing yet.
    pub fn new(options: NodesOptions) -> Self {
        let NodesOptions { packages, state, blobs, audit, grants, runtime, launch } = options;
        let outside = launch.outside.clone();
        let launch = SandboxLaunch::new(launch, Arc::clone(&audit));
        let denials = Arc::new(Refusals { audit, repeats: Repeats::default() });
        let host = HostPorts { blobs, state: Arc::new(DiskState::new(state)), denials, outside };
        let runner = ProcessRunner::new(Arc::new(launch.clone()), host, runtime);
        Self {
            launch,
            shared: Arc::new(Shared {
                packages,
                grants,
                runner,
                known: Mutex::default(),
                rates: Rates::default(),
                forgets: AtomicU64::new(0),
            }),
        }
    }

    /// Starts what the first process would start by itself: the spawner with its prepared sandboxes.
    ///
    /// # Errors
    /// This machine cannot isolate.
    pub async fn warm_up(&self) -> Result<(), StepError> {
        self.launch.warm_up().await.map_err(|error| error.to_step_error())
    }

    /// Has a process of a node ready before the first step asks for it, and another when that one ends, for executions
    /// like this one.
    ///
    /// # Errors
    /// The package is not there, or may not run.
    pub async fn preload(&self, node: &PinnedNode, context: &StepContext, secrets: &Secrets) -> Result<(), StepError> {
        let (work, name) = (Arc::clone(&self.shared), Arc::<str>::from(node.to_string()));
        let wanted = Arc::clone(&name);
        let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
        tokio::task::spawn_blocking(move || work.ready(&wanted)).await.unwrap_or_else(broken)?;
        self.shared.runner.preload(&name, context, secrets)
    }

    /// Forgets packages whose installation has changed: what was granted to them is asked for anew by their next step, which
    /// takes a new process. Steps that run go on as they began, and so do executions: what they are pinned to stays in the
    /// store as long as they refer to it.
    pub fn forget(&self, packages: &[PackageId]) {
        let is_of = |node: &PackageId, package: &PackageId| {
            node.as_str().strip_prefix(package.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.shared.forgets.fetch_add(1, Ordering::SeqCst);
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| {
            let pinned = name.parse::<PinnedNode>();
            pinned.is_ok_and(|pinned| packages.iter().all(|package| !is_of(&pinned.node, package)))
        });
        packages.iter().for_each(|package| self.shared.runner.remove(package));
    }

    /// Runs a step in a process that is as it is wished.
    pub fn run_as(&self, invocation: Invocation, io: StepIo, wish: Wish) -> BoxFuture<'static, Outcome> {
        // It may have been forgotten since it became known.
        if let Some(known) = self.shared.known(&invocation.node_type)
            && self.shared.runner.traits(&invocation.node_type).is_some()
        {
            return self.shared.run_known(&known, invocation, io, wish);
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let (work, name) = (Arc::clone(&shared), Arc::clone(&invocation.node_type));
            let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
            match tokio::task::spawn_blocking(move || work.ready(&name)).await.unwrap_or_else(broken) {
                Ok(()) => match shared.known(&invocation.node_type) {
                    Some(known) => shared.run_known(&known, invocation, io, wish).await,
                    None => shared.runner.run_as(invocation, io, &wish).await,
                },
                Err(error) => Outcome::failure(error),
            }
        })
    }

    /// What runs.
    pub fn snapshot(&self) -> Vec<PoolSnapshot> {
        self.shared.runner.snapshot()
    }

    /// Ends every process; calls that run may end within the grace of a shutdown.
    pub async fn shutdown(&self) {
        self.shared.runner.shutdown().await;
        self.launch.settle().await;
    }
}

impl Shared {
    fn known(&self, name: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn run_known(
        self: &Arc<Self>,
        known: &Known,
        invocation: Invocation,
        io: StepIo,
        wish: Wish,
    ) -> BoxFuture<'static, Outcome> {
        let Some(bundle) = &known.bundle else { return self.runner.run_as(invocation, io, &wish) };
        if bundle.is_quick(&invocation) {
            return self.run_bundle(bundle, bundle.request(invocation, &self.rates), io, &wish);
        }
        let (shared, bundle) = (Arc::clone(self), Arc::clone(bundle));
        Box::pin(async move {
            let (work, own) = (Arc::clone(&shared), Arc::clone(&bundle));
            let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
            let checking = tokio::task::spawn_blocking(move || bundle.request(invocation, &work.rates));
            let request = checking.await.unwrap_or_else(broken);
            shared.run_bundle(&own, request, io, &wish).await
        })
    }

    fn run_bundle(
        &self,
        bundle: &BundleNode,
        request: Result<Invocation, StepError>,
        io: StepIo,
        wish: &Wish,
    ) -> BoxFuture<'static, Outcome> {
        match request {
            Ok(request) => {
                let (running, asked_bytes) = (self.runner.run_as(request, io, wish), bundle.asked_bytes);
                Box::pin(async move { bundles::outcome(running.await, asked_bytes) })
            }
            Err(error) => Box::pin(std::future::ready(Outcome::failure(error))),
        }
    }

    /// What the engine must know before the package itself was checked. A package that cannot be read is taken for one whose
    /// steps do something that cannot be repeated; running it says what is wrong.
    fn traits(&self, name: &str) -> Option<RunnerTraits> {
        if let Some(known) = self.known(name) {
            return Some(known.traits);
        }
        let pinned: PinnedNode = name.parse().ok()?;
        let folder = akao_manifest::read_folder(&self.packages.path(&pinned.digest)).ok();
        let declared = folder.as_ref().and_then(|folder| folder.manifest().node(&pinned.node));
        let (inline, only_waits) = (false, true);
        let takes_input = folder.as_ref().is_some_and(|folder| folder.manifest().runtime.kind == RuntimeKind::Bundle);
        Some(match declared {
            Some(node) => RunnerTraits {
                effects: node.effects,
                idempotent: node.idempotent,
                once_when_granted: false,
                inline,
                only_waits,
                takes_input,
            },
            None => RunnerTraits {
                effects: Effects::Write,
                idempotent: false,
                once_when_granted: false,
                inline,
                only_waits,
                takes_input,
            },
        })
    }

    /// Has the package of `name` ready to run, held against its digest, with what is granted to it now. Blocks.
    fn ready(&self, name: &Arc<str>) -> Result<(), StepError> {
        for _ in 0..LOADS_MAX {
            if self.known(name).is_some() || self.load(name)? {
                return Ok(());
            }
        }
        let message = format!("the installation of `{}` changes without end", PinnedNode::shown(name));
        let mut error = StepError::new(ErrorKind::Internal, message);
        error.retryable = true;
        Err(error)
    }

    /// Loads a package; false when something was forgotten meanwhile, so that what was read of it may be old.
    fn load(&self, name: &Arc<str>) -> Result<bool, StepError> {
        let pinned: PinnedNode = name.parse().map_err(|error| unknown(name, &error))?;
        let forgets = self.forgets.load(Ordering::SeqCst);
        if let Some(reason) = self.grants.blocked(&pinned) {
            return Err(killed(&pinned, &reason));
        }
        let stored = self.packages.get(&pinned.digest).map_err(|error| unavailable(&pinned, &error))?;
        let bundle = BundleNode::of(&stored.folder)?.map(Arc::new);
        let package = Pinned { folder: stored.folder, digest: stored.digest }.to_package();
        let package = NodePackage { granted: self.grants.of(&pinned), ..package };
        let id = package.parsed.manifest.id.clone();
        self.runner.add(package).map_err(|error| cannot_run(&pinned, &error))?;
        let traits = self.runner.traits(name).ok_or_else(|| {
            let message = format!("the package of `{}` does not declare it", PinnedNode::shown(name));
            StepError::new(ErrorKind::NotFound, message)
        })?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = self.forgets.load(Ordering::SeqCst) == forgets;
        if is_current {
            let traits = RunnerTraits { takes_input: bundle.is_some(), ..traits };
            known.insert(Arc::clone(name), Known { traits, bundle });
        } else {
            // Whoever forgot it may have found nothing to unload yet.
            self.runner.remove(&id);
        }
        Ok(is_current)
    }
}

fn killed(pinned: &PinnedNode, reason: &str) -> StepError {
    let message = format!("`{}@{}` must not run any more: {reason}", pinned.node, pinned.version);
    StepError::new(ErrorKind::Permission, message)
        .with_detail("reason", "killed")
        .with_suggestion("Start the workflow anew with another version; `akao node-info` shows which there are.")
}

fn unknown(name: &str, error: &akao_contract::manifest::PinnedNodeError) -> StepError {
    StepError::new(
        ErrorKind::NotFound,
        format!("`{}` is not the name of a pinned node: {error}", PinnedNode::shown(name)),
    )
}

fn unavailable(pinned: &PinnedNode, error: &StoreError) -> StepError {
    let kind = if matches!(error, StoreError::Absent(_)) { ErrorKind::NotFound } else { ErrorKind::Internal };
    StepError::new(kind, format!("the package of `{}@{}` cannot be used: {error}", pinned.node, pinned.version))
        .with_detail("digest", pinned.digest.to_string())
        .with_suggestion(error.suggestion())
}

fn cannot_run(pinned: &PinnedNode, error: &PackageError) -> StepError {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let message = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    StepError::new(ErrorKind::Input, format!("`{}@{}` cannot be run: {message}", pinned.node, pinned.version))
        .with_suggestion("Correct the manifest, then start the workflow from its file again.")
}

impl StepRunner for ExternalNodes {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        self.shared.traits(node_type)
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        self.shared.runner.run_inline(invocation)
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        self.run_as(invocation, io, Wish::default())
    }
}

/// Records what the process manager refused.
struct Refusals {
    audit: Arc<dyn Audit>,
    repeats: Repeats,
}

impl Denials for Refusals {
    fn denied(&self, owner: &StateOwner, error: &StepError) {
        let subject = Subject {
            tenant: owner.tenant.as_str().to_owned(),
            package: owner.package.as_str().to_owned(),
            version: None,
            process: None,
        };
        let (act, target, reason) = AuditEvent::of_refusal(error);
        self.repeats.tell(&*self.audit, &subject, Denial { act, target, reason });
    }
}
