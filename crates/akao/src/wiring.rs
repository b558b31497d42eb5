//! Wires the crates together: the data directory, the ports, the node types, the engine.
//!
//! The one place that knows which port stands behind which trait. Nothing here is made before it is needed, because most
//! commands need little of it.

use crate::{
    catalogue::{control_types, script_types},
    cli::Context,
    custom,
    failure::Failure,
    observe::Observer,
    operator::Operator,
    outside::Outside,
    tenants::ByTenant,
};
use akao_contract::{ExecutionId, Permission, Tenant, manifest::PinnedNode};
use akao_custom::{Compiler, Engine as BundleEngine, Shelf};
use akao_engine::{Config, Engine, EngineThread, Parts};
use akao_flow::Catalogue;
use akao_host::{BoundedBlobs, CheckedEgress, DiskBlobs, EgressOptions, ProjectVolumes};
use akao_install::{Installed, Places};
use akao_journal::{Journal, OpenOptions, Prefix, Reader};
use akao_nodes::{AuditLog, ExternalNodes, LaunchOptions, NoPackageGrants, NodesOptions, PackageGrants, Pinned};
use akao_package::Store;
use akao_registry::Registry;
use akao_runtime::RuntimeSettings;
use akao_sandbox::Tier;
use akao_script::{ScriptOptions, Scripts};
use akao_step::{Allowances, BlobStore, Ports, SecretSource, StepRunner};
use std::{
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::runtime::{Builder, Handle, Runtime};

/// The folder beside a project that holds its executions.
const PROJECT_FOLDER: &str = ".akao";

/// Threads that drive waiting work. Steps that use the processor or block on files have threads of their own.
const RUNTIME_WORKERS: usize = 2;

/// What belongs to external nodes within the data directory.
const NODES_FOLDER: &str = "nodes";

/// The folder of large values within the data directory.
const BLOBS_FOLDER: &str = "blobs";

/// The time, in Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The data directory: the one that was named, else the nearest `.akao` upwards, else the user's own.
///
/// # Errors
/// Neither a home directory nor a current directory is known.
pub(crate) fn data_dir(context: &Context) -> Result<PathBuf, Failure> {
    let found = match &context.data_dir {
        Some(named) => named.clone(),
        None => match nearest_project_folder() {
            Some(project) => project,
            None => {
                let home = std::env::home_dir().filter(|home| home.is_absolute());
                let no_home = || Failure::usage("no home directory is known").hint("Name a folder with `--data-dir`.");
                home.ok_or_else(no_home)?.join(".local/share/akao")
            }
        },
    };
    let failed = |error| Failure::storage(format!("cannot find {}", found.display())).because(&error);
    std::path::absolute(&found).map_err(failed)
}

fn nearest_project_folder() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(PROJECT_FOLDER)).find(|folder| folder.is_dir())
}

/// Makes the data directory when it is not there; only its owner can enter it. A folder that was made is synced in the one
/// above it, since nothing in it is durable before.
pub(crate) fn make_data_dir(folder: &Path) -> Result<(), Failure> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let synced = made.and_then(|()| {
        let mut above = missing.into_iter().filter_map(Path::parent);
        above.try_for_each(|folder| std::fs::File::open(folder)?.sync_all())
    });
    synced.map_err(|error| {
        Failure::storage(format!("cannot make the data directory {}", folder.display()))
            .because(&error)
            .hint("Name another folder with `--data-dir`.")
    })
}

/// The threads on which everything that waits is driven.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(RUNTIME_WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal("cannot start the threads of the program").because(&error))
}

/// Name and version of this program, as nodes are told it.
pub(crate) fn program() -> String {
    format!("akao/{}", env!("CARGO_PKG_VERSION"))
}

/// Where nodes keep values from call to call, by tenant.
pub(crate) fn state_folder(folder: &Path) -> PathBuf {
    folder.join(NODES_FOLDER).join("state")
}

/// Where the large values of a data directory are.
pub(crate) fn blobs_folder(folder: &Path) -> PathBuf {
    folder.join(BLOBS_FOLDER)
}

/// The large values of a data directory.
pub(crate) fn blobs(folder: &Path) -> Arc<dyn BlobStore> {
    Arc::new(DiskBlobs::new(blobs_folder(folder)))
}

/// The packages of external nodes that a data directory keeps.
pub(crate) fn packages(folder: &Path) -> Store {
    Store::new(folder.join(NODES_FOLDER).join("packages"))
}

/// The file in which a data directory tells what ran and what was denied.
pub(crate) fn audit_file(folder: &Path) -> PathBuf {
    folder.join(NODES_FOLDER).join("audit.jsonl")
}

/// Keeps the packages that a workflow uses, so that its executions find them whatever becomes of their folders.
///
/// # Errors
/// A folder has changed since it was read, or the disk refuses.
pub(crate) fn keep_packages(folder: &Path, packages: &[Pinned]) -> Result<(), Failure> {
    if !packages.is_empty() {
        make_data_dir(folder)?;
    }
    let store = self::packages(folder);
    // Also what is installed: its content must not be collected before the execution that names it is in the journal.
    for pinned in packages {
        let stored = store.put(&pinned.folder.path).map_err(|error| {
            let failure = Failure::storage("a package of the workflow cannot be kept").because(&error);
            failure.hint(error.suggestion())
        })?;
        if stored.digest != pinned.digest {
            let message = format!("{} was changed while it was read", pinned.folder.path.display());
            return Err(Failure::usage(message).hint("Run it again when nothing is being written there."));
        }
    }
    Ok(())
}

/// The least isolation that was named on the command line, for the life of this process.
static TIER: OnceLock<Tier> = OnceLock::new();

/// External nodes run from here on where this machine reaches `tier`.
pub(crate) fn accept_tier(tier: Tier) {
    // It is named once, by the command line.
    let _ = TIER.set(tier);
}

/// Who sees the steps of this process, for its life.
static OBSERVER: OnceLock<Observer> = OnceLock::new();

/// Steps are seen from here on by `observer`.
pub(crate) fn observe(observer: Observer) {
    // One command runs in a process.
    let _ = OBSERVER.set(observer);
}

/// The least isolation that was named on the command line, if it was.
pub(crate) fn named_tier() -> Option<Tier> {
    TIER.get().copied()
}

/// The least isolation that holds: what the command line names, else the data directory's file, else the usual.
///
/// # Errors
/// The file cannot be read or understood.
pub(crate) fn least_tier(context: &Context) -> Result<Tier, Failure> {
    Ok(Operator::read(&data_dir(context)?)?.sandbox_options().minimum)
}

/// What was granted when packages were installed, and to custom nodes when somebody approved them.
struct InstalledGrants(Installed, PathBuf);

impl PackageGrants for InstalledGrants {
    fn of(&self, node: &PinnedNode) -> Vec<Permission> {
        // A record that cannot be used grants nothing; the step says what it lacks.
        let installed = self.0.grants(&node.node, &node.digest).ok().flatten();
        installed.unwrap_or_else(|| custom::grants(&self.1, node))
    }

    fn blocked(&self, node: &PinnedNode) -> Option<String> {
        // A record that cannot be used says nothing here; installing and verifying tell of it.
        let installed = self.0.blocked(&node.node, &node.digest).ok().flatten();
        installed.or_else(|| custom::withdrawn(&self.1, node))
    }
}

/// The external nodes of a data directory, within what its tenants may use. Nothing is started before the first step of one.
///
/// # Errors
/// The audit cannot be begun, or what the operator has decided cannot be read.
pub(crate) fn external_nodes(
    folder: &Path,
    blobs: Arc<dyn BlobStore>,
    allowances: Allowances,
) -> Result<ExternalNodes, Failure> {
    external_nodes_with(folder, blobs, allowances, Arc::new(Outside::new()))
}

fn external_nodes_with(
    folder: &Path,
    blobs: Arc<dyn BlobStore>,
    allowances: Allowances,
    outside: Arc<Outside>,
) -> Result<ExternalNodes, Failure> {
    let audit = AuditLog::append(audit_file(folder))
        .map_err(|error| Failure::internal("cannot start the threads of the program").because(&error))?;
    let operator = Operator::read(folder)?;
    Ok(ExternalNodes::new(NodesOptions {
        grants: Arc::new(InstalledGrants(Installed::of(&Places::new(folder)), folder.to_owned())),
        packages: packages(folder),
        state: state_folder(folder),
        blobs,
        audit: Arc::new(audit),
        runtime: RuntimeSettings { allowances, ..operator.runtime() },
        launch: LaunchOptions {
            outside: Some(outside),
            bundles: Some(Arc::new(BundleEngine::new(packages(folder), scripts_folder(folder)))),
            ..operator.launch(Some(folder.join(NODES_FOLDER).join("bytecode")))
        },
    }))
}

/// External nodes for what a command runs once: everything that they keep is in `folder`, which the command takes away.
///
/// # Errors
/// The audit cannot be begun, or what the operator has decided cannot be read.
pub(crate) fn trial_nodes(data_dir: &Path, folder: &Path) -> Result<ExternalNodes, Failure> {
    let audit = AuditLog::append(audit_file(data_dir))
        .map_err(|error| Failure::internal("cannot start the threads of the program").because(&error))?;
    let operator = Operator::read(data_dir)?;
    Ok(ExternalNodes::new(NodesOptions {
        grants: Arc::new(NoPackageGrants),
        packages: packages(folder),
        state: folder.join("state"),
        blobs: blobs(folder),
        audit: Arc::new(audit),
        runtime: operator.runtime(),
        launch: LaunchOptions {
            outside: Some(Arc::new(Outside::new())),
            bundles: Some(Arc::new(BundleEngine::new(packages(folder), folder.join("scripts")))),
            ..operator.launch(None)
        },
    }))
}

/// What belongs to scripts and custom nodes alone.
fn scripts_folder(folder: &Path) -> PathBuf {
    folder.join(NODES_FOLDER).join("scripts")
}

/// What compiles custom nodes.
pub(crate) fn compiler(folder: &Path, nodes: Arc<ExternalNodes>) -> Compiler {
    Compiler::new(nodes, packages(folder), scripts_folder(folder))
}

/// Where the custom nodes of all tenants are, a folder for each.
pub(crate) fn shelves(folder: &Path) -> PathBuf {
    folder.join(NODES_FOLDER).join("custom")
}

/// The custom nodes of a tenant of a data directory.
pub(crate) fn shelf(folder: &Path, tenant: &Tenant) -> Shelf {
    Shelf::of_tenant(&shelves(folder), tenant)
}

/// The folders of all versions of custom nodes of a data directory, of every tenant.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn custom_nodes(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    akao_custom::every_version(&shelves(folder))
}

/// External nodes that put packages together: for the operator, who is not bound by what is allowed to nodes, and with these
/// networks open where a grant names a host in them.
///
/// # Errors
/// The audit cannot be begun, or what the operator has decided cannot be read.
pub(crate) fn maker_nodes(folder: &Path, networks: Vec<String>) -> Result<ExternalNodes, Failure> {
    let audit = AuditLog::append(audit_file(folder))
        .map_err(|error| Failure::internal("cannot start the threads of the program").because(&error))?;
    let launch = Operator::read(folder)?.launch(None);
    Ok(ExternalNodes::new(NodesOptions {
        grants: Arc::new(NoPackageGrants),
        packages: packages(folder),
        state: state_folder(folder),
        blobs: blobs(folder),
        audit: Arc::new(audit),
        runtime: RuntimeSettings { host: program(), ..RuntimeSettings::default() },
        launch: LaunchOptions {
            operator_networks: launch.operator_networks.iter().cloned().chain(networks).collect(),
            ..launch
        },
    }))
}

/// What holds for the scripts of a data directory.
///
/// # Errors
/// What the operator has decided cannot be read.
pub(crate) fn scripts(folder: &Path) -> Result<ScriptOptions, Failure> {
    let operator = Operator::read(folder)?;
    Ok(operator.scripts(ScriptOptions::new(packages(folder), scripts_folder(folder))))
}

/// The node types with their runners over the ports of this machine.
fn registry(
    blobs: Arc<dyn BlobStore>,
    external: Arc<dyn StepRunner>,
    scripts: Arc<dyn StepRunner>,
) -> Result<Registry, Failure> {
    let ports = Ports {
        blobs,
        egress: Arc::new(CheckedEgress::new(EgressOptions::default())),
        volumes: Arc::new(ProjectVolumes::new()),
    };
    let built_in: Arc<dyn StepRunner> = Arc::new(ByTenant::new(ports));
    let mut registry = Registry::new();
    let taken = |error: akao_registry::NameTaken| Failure::internal("the node types collide").because(&error);
    registry.add(control_types(), None).map_err(taken)?;
    registry.add(akao_builtin::all().into_iter().map(|node| node.node_type), Some(&built_in)).map_err(taken)?;
    registry.add(script_types(), Some(&scripts)).map_err(taken)?;
    registry.set_pinned(external);
    Ok(registry)
}

/// An engine that runs.
pub(crate) struct Started {
    /// Its executions.
    pub(crate) engine: Engine,
    /// Its thread.
    pub(crate) thread: EngineThread,
    /// The processes of its steps.
    pub(crate) nodes: Arc<ExternalNodes>,
    /// Its large values.
    pub(crate) blobs: Arc<BoundedBlobs>,
}

/// Opens the journal for writing and starts the engine over it. Its tenants use no more than they are allowed.
///
/// # Errors
/// The journal cannot be opened, in particular because another process holds it.
pub(crate) fn start_engine(
    journal: Journal,
    folder: &Path,
    allowances: &Allowances,
    runtime: Handle,
    secrets: Option<Arc<dyn SecretSource>>,
) -> Result<Started, Failure> {
    let bounded = Arc::new(BoundedBlobs::new(DiskBlobs::new(blobs_folder(folder)), allowances.clone()));
    let blobs: Arc<dyn BlobStore> = Arc::clone(&bounded) as _;
    let outside = Arc::new(Outside::new());
    let nodes = external_nodes_with(folder, Arc::clone(&blobs), allowances.clone(), Arc::clone(&outside))?;
    let nodes = Arc::new(nodes);
    let scripts = Scripts::new(Arc::clone(&nodes), scripts(folder)?);
    let registry = registry(Arc::clone(&blobs), Arc::clone(&nodes) as Arc<dyn StepRunner>, Arc::new(scripts))?;
    let catalogue = Arc::new(Catalogue::from(registry.types().to_vec()));
    let runner: Arc<dyn StepRunner> = Arc::new(registry);
    outside.set_steps(&runner);
    let runner = OBSERVER.get().map_or(Arc::clone(&runner), |observer| observer.before(runner));
    let config = Config { allowances: allowances.clone(), ..Config::default() };
    let parts = Parts { journal, runner, blobs, secrets, catalogue, runtime, config, entropy: entropy()? };
    let (engine, thread) = Engine::start(parts)?;
    Ok(Started { engine, thread, nodes, blobs: bounded })
}

/// Opens the journal of a data directory for writing.
pub(crate) fn open_journal(folder: &Path) -> Result<Journal, akao_journal::OpenError> {
    let created_by = format!("akao {}", env!("CARGO_PKG_VERSION"));
    Journal::open(folder, &OpenOptions { created_by, now_ms: now_ms() })
}

/// Random bits.
pub(crate) fn entropy() -> Result<u128, Failure> {
    let mut bytes = [0; 16];
    let no_random = |error: getrandom::Error| Failure::internal("the system gives no random numbers").because(&error);
    getrandom::fill(&mut bytes).map_err(no_random)?;
    Ok(u128::from_ne_bytes(bytes))
}

/// Opens the journal of a data directory for reading; works beside the process that writes it.
pub(crate) fn reader(folder: &Path) -> Result<Reader, Failure> {
    Reader::open(folder).map_err(Failure::from)
}

/// Opens the journal of a data directory for reading; none when nothing was ever started there.
pub(crate) fn reader_if_any(folder: &Path) -> Result<Option<Reader>, Failure> {
    match Reader::open(folder) {
        Err(akao_journal::ReadError::Missing { .. }) => Ok(None),
        other => other.map(Some).map_err(Failure::from),
    }
}

/// The execution whose id begins with `text`.
///
/// # Errors
/// There is none, or more than one.
pub(crate) fn find_execution(reader: &Reader, text: &str) -> Result<ExecutionId, Failure> {
    match reader.find_by_prefix(&Tenant::local(), text)? {
        Prefix::Unique(id) => Ok(id),
        Prefix::Ambiguous(first, second) => {
            let message = format!("`{text}` begins more than one execution id, such as {first} and {second}");
            Err(Failure::usage(message).hint("Write more letters of the id."))
        }
        Prefix::NotFound => Err(Failure::not_found(format!("there is no execution `{text}`"))
            .hint("List the executions with `akao executions list`.")),
    }
}
