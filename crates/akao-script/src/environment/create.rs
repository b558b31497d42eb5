//! Making an environment: a node of Akao's own puts its packages together in a sandbox, then the content is sealed and named.

use super::{CONTENTS, Environment, EnvironmentPackage, Environments, FORMAT};
use crate::{interpreter::Interpreter, node_type::RESULT, package, runner::ENVIRONMENT_PLACE};
use akao_contract::{
    Address, ErrorKind, ExecutionId, Invocation, NodeId, OpId, Outcome, OutcomeStatus, Permission, StepContext,
    StepError, Tenant,
};
use akao_manifest::{EntryKind, FolderLimits, FolderList, list_folder};
use akao_nodes::ExternalNodes;
use akao_package::Store;
use akao_runtime::Wish;
use akao_step::StepIo;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What an environment may hold.
const LIMITS: FolderLimits = FolderLimits { entries_max: 200_000, bytes_max: 4 << 30, depth_max: 64 };

/// How the name of a folder begins in which an environment is put together.
const MAKING: &str = ".making-";

/// The volume that it is put together in.
const VOLUME: &str = "environment";

/// An environment to be.
#[derive(Debug, Clone)]
pub struct EnvironmentOrder {
    /// Its name.
    pub name: String,
    /// Whose scripts use it.
    pub interpreter: &'static Interpreter,
    /// The packages, each as the language's package client takes it.
    pub packages: Vec<String>,
    /// Options of the package client that say where packages come from.
    pub options: Vec<String>,
    /// What may be reached for that.
    pub grants: Vec<Permission>,
    /// Folders and files of this machine that are needed for that, by where they are seen.
    pub folders: BTreeMap<PathBuf, PathBuf>,
}

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The packages could not be put together.
    #[error("{0}")]
    Packages(StepError),
    /// The language has no environments.
    #[error("scripts in {0} have no environments")]
    Language(&'static str),
    /// The disk refuses.
    #[error("the environment cannot be kept")]
    Io(#[from] io::Error),
}

/// What the node answers.
#[derive(Deserialize)]
struct Made {
    version: String,
    packages: Vec<EnvironmentPackage>,
    modules: Vec<String>,
}

/// Loads the packages as the runs of scripts will have them, and tells the memory that a run then shares.
const MEASURE: &str =
    "import os\nresult = int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE')";

/// What loading may take: milliseconds, and bytes.
const LOADING_MS_MAX: u64 = 120_000;
const LOADING_BYTES_MAX: u64 = 2_000_000_000;

impl Environments {
    /// Makes an environment, or makes it again. `io` is told how far it is.
    ///
    /// # Errors
    /// The packages are not to be had or not to be loaded, or the disk refuses. Then everything is as it was.
    pub async fn create(
        &self,
        nodes: &ExternalNodes,
        packages: &Store,
        order: &EnvironmentOrder,
        io: StepIo,
    ) -> Result<Environment, EnvironmentError> {
        let Some(maker) = &order.interpreter.environments else {
            return Err(EnvironmentError::Language(order.interpreter.language));
        };
        fs::create_dir_all(self.folder.join(CONTENTS))?;
        let staged = tempfile::Builder::new().prefix(MAKING).tempdir_in(&self.folder)?;
        if rustix::process::geteuid().is_root() {
            // The sandbox works as a user that is known only to it; nobody else comes as far as this folder.
            fs::set_permissions(staged.path(), fs::Permissions::from_mode(0o777))?;
        }
        let node = package::keep(order.interpreter.language, maker.files, packages, &self.folder)
            .map_err(EnvironmentError::Packages)?;
        let invocation = Invocation {
            context: context(order, staged.path()),
            node_type: node.to_string().into(),
            props: Map::from_iter([
                ("packages".to_owned(), json!(order.packages)),
                ("options".to_owned(), json!(order.options)),
            ]),
            blackboard: BTreeMap::new(),
        };
        let wish = Wish { folders: order.folders.clone(), ..Wish::default() };
        let outcome = nodes.run_as(invocation, io.clone(), wish).await;
        let made: Made = answered(outcome, "environment").map_err(EnvironmentError::Packages)?;
        let list = list_folder(staged.path(), &LIMITS, &mut |_, _| true).map_err(io::Error::other)?;
        seal(staged.path(), &list)?;
        let loaded = self.load_once(nodes, packages, order, staged.path(), io).await;
        match loaded {
            Ok(loaded_bytes) => self.keep(order, made, loaded_bytes, &list, staged),
            Err(error) => {
                unseal(staged.path())?;
                Err(EnvironmentError::Packages(error))
            }
        }
    }

    /// Has the interpreter load the packages; the memory that it takes, in bytes.
    async fn load_once(
        &self,
        nodes: &ExternalNodes,
        packages: &Store,
        order: &EnvironmentOrder,
        folder: &Path,
        io: StepIo,
    ) -> Result<u64, StepError> {
        let node = package::keep(order.interpreter.language, order.interpreter.files, packages, &self.folder)?;
        let props = json!({
            "script": MEASURE, "inputs": {}, "timeout_ms": LOADING_MS_MAX, "memory_bytes": LOADING_BYTES_MAX,
        });
        let invocation = Invocation {
            context: StepContext { grants: Arc::default(), volumes: Arc::default(), ..context(order, folder) },
            node_type: node.to_string().into(),
            props: props.as_object().cloned().unwrap_or_default(),
            blackboard: BTreeMap::new(),
        };
        let wish = Wish {
            memory_bytes: Some(2 * LOADING_BYTES_MAX),
            folders: BTreeMap::from([(ENVIRONMENT_PLACE.into(), folder.to_owned())]),
            ties_children: true,
            call_ms: Some(2 * LOADING_MS_MAX),
        };
        answered(nodes.run_as(invocation, io, wish).await, RESULT)
    }

    fn keep(
        &self,
        order: &EnvironmentOrder,
        made: Made,
        loaded_bytes: u64,
        list: &FolderList,
        staged: tempfile::TempDir,
    ) -> Result<Environment, EnvironmentError> {
        let digest = list.digest();
        let environment = Environment {
            environment: FORMAT,
            name: order.name.clone(),
            language: order.interpreter.language.to_owned(),
            version: made.version,
            content: digest.digest,
            bytes: digest.bytes,
            loaded_bytes,
            asked: order.packages.clone(),
            packages: made.packages,
            modules: made.modules,
        };
        let place = self.content(&environment);
        if !place.is_dir() {
            let staged = staged.keep();
            fs::rename(&staged, &place)
                .inspect_err(|_| drop(unseal(&staged).and_then(|()| fs::remove_dir_all(&staged))))?;
        } else {
            unseal(staged.path())?;
        }
        let before = self.find(&order.name).ok().flatten();
        self.write_record(&environment)?;
        if let Some(before) = before {
            self.collect(&before.content)?;
        }
        Ok(environment)
    }

    fn write_record(&self, environment: &Environment) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(MAKING).tempfile_in(&self.folder)?;
        serde_json::to_writer_pretty(&mut file, environment)?;
        file.as_file().sync_all()?;
        file.persist(self.record(&environment.name)).map_err(|error| error.error)?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

/// The context of the one step that makes an environment: it belongs to no execution.
fn context(order: &EnvironmentOrder, folder: &Path) -> StepContext {
    let mut grants = order.grants.clone();
    // The name of a volume is well formed.
    grants.extend(format!("filesystem.write=volume://{VOLUME}").parse::<Permission>());
    StepContext {
        tenant: Tenant::local(),
        execution: ExecutionId::from_parts(0, 0),
        workflow: "environment".into(),
        node_id: NodeId::new(&order.name),
        step: Address::default(),
        op: OpId(0),
        attempt: 1,
        idempotency_key: order.name.clone(),
        deadline_ms: None,
        grants: Arc::new(grants),
        volumes: Arc::new(BTreeMap::from([(VOLUME.to_owned(), folder.display().to_string())])),
    }
}

/// One of the outputs of a step that has ended well.
fn answered<T: DeserializeOwned>(outcome: Outcome, output: &str) -> Result<T, StepError> {
    if outcome.status != OutcomeStatus::Success {
        let broken_off = || StepError::new(ErrorKind::Cancelled, "the environment was not made: it was halted");
        return Err(outcome.error.unwrap_or_else(broken_off));
    }
    let made = outcome.outputs.get(output).cloned().unwrap_or(Value::Null);
    serde_json::from_value(made).map_err(|error| {
        StepError::new(ErrorKind::Protocol, format!("the environment was told in a form that is not its own: {error}"))
    })
}

/// Makes everything read-only and this process's own. Nothing is followed: what is listed is files and folders.
fn seal(root: &Path, list: &FolderList) -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let is_root = user == 0;
    let own = |path: &Path, mode: u32| {
        if is_root {
            chown(path, Some(user), Some(group))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    for entry in list.entries() {
        let mode = match entry.kind {
            EntryKind::File => 0o444,
            EntryKind::Program | EntryKind::Folder => 0o555,
        };
        own(&root.join(&entry.path), mode)?;
    }
    // The folder itself is still to be moved.
    own(root, 0o755)
}

/// Makes folders writable again, so that they can be removed.
pub(super) fn unseal(root: &Path) -> io::Result<()> {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            unseal(&entry.path())?;
        }
    }
    Ok(())
}
