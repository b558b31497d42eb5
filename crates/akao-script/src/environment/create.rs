//! Making an environment: a node of Akao's own puts its packages together in a sandbox, then the content is sealed and named.

mod bundle;

pub use bundle::Bundler;

use super::{
    CONTENTS, Environment, EnvironmentPackage, Environments, FORMAT, Program,
    lease::{self, Lease},
    sweep,
};
use crate::{
    interpreter::{EnvironmentMaker, Interpreter},
    node_type::RESULT,
    package,
    runner::ENVIRONMENT_PLACE,
};
use akao_contract::{
    Address, Digest, ErrorKind, ExecutionId, Invocation, NodeId, OpId, Outcome, OutcomeStatus, Permission, StepContext,
    StepError, Tenant,
};
use akao_manifest::{EntryKind, FolderLimits, FolderList, list_folder};
use akao_nodes::ExternalNodes;
use akao_package::Store;
use akao_runtime::Wish;
use akao_step::StepIo;
use bundle::Bundled;
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{
        self,
        ErrorKind::{AlreadyExists, DirectoryNotEmpty},
    },
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What an environment may hold.
const LIMITS: FolderLimits = FolderLimits { entries_max: 200_000, bytes_max: 4 << 30, depth_max: 64 };

/// How the name of a folder begins in which an environment is put together.
pub(super) const MAKING: &str = ".making-";

/// The volume that it is put together in.
const VOLUME: &str = "environment";

/// An environment to be.
#[derive(Debug, Clone)]
pub struct EnvironmentOrder {
    /// Its name.
    pub name: String,
    /// Whose scripts use it.
    pub interpreter: &'static Interpreter,
    /// What runs its scripts; the machine's usual interpreter when absent.
    pub program: Option<Program>,
    /// The packages, each as the language's package client takes it.
    pub packages: Vec<String>,
    /// Options of the package client that say where packages come from.
    pub options: Vec<String>,
    /// What may be reached for that.
    pub grants: Vec<Permission>,
    /// Folders and files of this machine that are needed for that, by where they are seen.
    pub folders: BTreeMap<PathBuf, PathBuf>,
}

impl EnvironmentOrder {
    /// Folders, with what the order's own interpreter needs.
    fn seen(&self, mut folders: BTreeMap<PathBuf, PathBuf>) -> BTreeMap<PathBuf, PathBuf> {
        folders.extend(self.program.iter().flat_map(Program::folders));
        folders
    }

    fn path(&self) -> Option<PathBuf> {
        self.program.as_ref().map(|program| program.path.clone())
    }
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

/// What the script says that loads the packages.
#[derive(Deserialize)]
struct Loaded {
    /// The memory that they take, where the script knows it.
    #[serde(default)]
    bytes: u64,
    /// What could be loaded, where that is not everything.
    modules: Option<Vec<String>>,
    /// What could not, and why.
    #[serde(default)]
    refused: BTreeMap<String, String>,
}

/// What makes environments.
#[derive(Clone, Copy)]
pub struct EnvironmentMakers<'a> {
    /// Runs what puts packages together.
    pub nodes: &'a ExternalNodes,
    /// Where its packages are kept.
    pub packages: &'a Store,
    /// Puts modules together as one file, for the languages that have them so.
    pub bundler: &'a dyn Bundler,
}

/// What loading may take: milliseconds, and bytes.
const LOADING_MS_MAX: u64 = 120_000;
const LOADING_BYTES_MAX: u64 = 2_000_000_000;
/// How often a content is put in a place from which another is being removed.
const PUTS_MAX: usize = 1_000;
/// How much is kept of why a module could not be loaded.
const REASON_BYTES_MAX: usize = 500;

impl Environments {
    /// Makes an environment, or makes it again. `io` is told how far it is.
    ///
    /// # Errors
    /// The packages are not to be had or not to be loaded, or the disk refuses. Then everything is as it was.
    pub async fn create(
        &self,
        makers: EnvironmentMakers<'_>,
        order: &EnvironmentOrder,
        io: StepIo,
    ) -> Result<Environment, EnvironmentError> {
        let Some(maker) = &order.interpreter.environments else {
            return Err(EnvironmentError::Language(order.interpreter.language));
        };
        fs::create_dir_all(self.folder.join(CONTENTS))?;
        sweep(&self.folder);
        let (staged, making) = self.stage()?;
        if rustix::process::geteuid().is_root() {
            // The sandbox works as a user that is known only to it; nobody else comes as far as this folder.
            fs::set_permissions(staged.path(), fs::Permissions::from_mode(0o777))?;
        }
        let made = self.put_together(makers, maker, order, staged.path(), io.clone()).await?;
        let mut list = list_folder(staged.path(), &LIMITS, &mut |_, _| true).map_err(io::Error::other)?;
        let bundled = match maker.bundles {
            false => Bundled::default(),
            true => {
                let bundled = bundle::bundle(makers.bundler, staged.path(), &list, &made.modules).await?;
                list = list_folder(staged.path(), &LIMITS, &mut |_, _| true).map_err(io::Error::other)?;
                bundled
            }
        };
        seal(staged.path(), &list)?;
        match self.load_once(makers, maker, order, staged.path(), &made.modules, io).await {
            Ok(loaded) => {
                let loaded = Loaded { bytes: loaded.bytes.max(bundled.loaded_bytes()), ..loaded };
                self.keep(order, made, loaded, &list, (staged, making))
            }
            Err(error) => {
                unseal(staged.path())?;
                Err(EnvironmentError::Packages(error))
            }
        }
    }

    /// A folder to put an environment together in, with the lease that says that it is somebody's.
    fn stage(&self) -> io::Result<(tempfile::TempDir, Lease)> {
        for _ in 0..PUTS_MAX {
            let staged = tempfile::Builder::new().prefix(MAKING).tempdir_in(&self.folder)?;
            if let Some(lease) = Lease::take(staged.path())? {
                return Ok((staged, lease));
            }
            // Another has taken it for left behind.
        }
        Err(io::Error::other("no folder is to be had"))
    }

    /// Has the packages fetched into a folder.
    async fn put_together(
        &self,
        makers: EnvironmentMakers<'_>,
        maker: &EnvironmentMaker,
        order: &EnvironmentOrder,
        folder: &Path,
        io: StepIo,
    ) -> Result<Made, EnvironmentError> {
        let node = package::keep(order.interpreter.language, maker.files, makers.packages, &self.folder)
            .map_err(EnvironmentError::Packages)?;
        let invocation = Invocation {
            context: context(order, folder),
            node_type: node.to_string().into(),
            props: Map::from_iter([
                ("packages".to_owned(), json!(order.packages)),
                ("options".to_owned(), json!(order.options)),
            ]),
            blackboard: BTreeMap::new(),
            input: None,
        };
        let wish = Wish { folders: order.seen(order.folders.clone()), interpreter: order.path(), ..Wish::default() };
        let outcome = makers.nodes.run_as(invocation, io, wish).await;
        answered(outcome, "environment").map_err(EnvironmentError::Packages)
    }

    /// Has the interpreter load the packages; what came of it.
    async fn load_once(
        &self,
        makers: EnvironmentMakers<'_>,
        maker: &EnvironmentMaker,
        order: &EnvironmentOrder,
        folder: &Path,
        modules: &[String],
        io: StepIo,
    ) -> Result<Loaded, StepError> {
        let Interpreter { language, files, forks, .. } = *order.interpreter;
        let node = package::keep(language, files, makers.packages, &self.folder)?;
        let props = json!({
            "script": maker.load, "inputs": { "modules": modules }, "timeout_ms": LOADING_MS_MAX,
            "memory_bytes": LOADING_BYTES_MAX,
        });
        let invocation = Invocation {
            context: StepContext { grants: Arc::default(), volumes: Arc::default(), ..context(order, folder) },
            node_type: node.to_string().into(),
            props: props.as_object().cloned().unwrap_or_default(),
            blackboard: BTreeMap::new(),
            input: None,
        };
        let wish = Wish {
            memory_bytes: Some(2 * LOADING_BYTES_MAX),
            folders: order.seen(BTreeMap::from([(ENVIRONMENT_PLACE.into(), folder.to_owned())])),
            held: BTreeMap::new(),
            interpreter: order.path(),
            without_network: true,
            without_host_calls: true,
            ties_children: forks,
            call_ms: Some(2 * LOADING_MS_MAX),
            reasons: None,
        };
        answered(makers.nodes.run_as(invocation, io, wish).await, RESULT)
    }

    fn keep(
        &self,
        order: &EnvironmentOrder,
        made: Made,
        loaded: Loaded,
        list: &FolderList,
        staged: (tempfile::TempDir, Lease),
    ) -> Result<Environment, EnvironmentError> {
        let digest = list.digest();
        // Packages ran while they were loaded, and what came of it is theirs to say: no more of it is kept than is meant.
        let asked = |module: &String| made.modules.contains(module);
        let modules = loaded.modules.map(|modules| modules.into_iter().filter(asked).collect());
        let refused = loaded.refused.into_iter().filter(|(module, _)| asked(module));
        let refused = refused.map(|(module, why)| (module, akao_contract::shortened(why, REASON_BYTES_MAX))).collect();
        let environment = Environment {
            environment: FORMAT,
            name: order.name.clone(),
            language: order.interpreter.language.to_owned(),
            version: made.version,
            interpreter: order.program.clone(),
            content: digest.digest,
            bytes: digest.bytes,
            loaded_bytes: loaded.bytes.min(LOADING_BYTES_MAX),
            asked: order.packages.clone(),
            packages: made.packages,
            modules: modules.unwrap_or(made.modules),
            refused,
        };
        // Until a record names it, nothing else says that it is used.
        let _lease = self.put(staged, &environment)?;
        self.write_record(&environment)?;
        // It is made. What is not removed now is tried again by the next.
        self.collect_all();
        Ok(environment)
    }

    /// Puts a content in its place, also where one stands there that is not what it should be any more.
    fn put(&self, (staged, making): (tempfile::TempDir, Lease), environment: &Environment) -> io::Result<Lease> {
        let place = self.content(environment);
        let put = self.put_at(staged.path(), &place, environment);
        drop(making);
        // Here is now what is not wanted: what was made once more, or what was damaged.
        match Lease::alone(staged.path()) {
            Ok(None) if staged.path().exists() => drop(staged.keep()),
            _ => drop(unseal(staged.path())),
        }
        put
    }

    fn put_at(&self, staged: &Path, place: &Path, environment: &Environment) -> io::Result<Lease> {
        for _ in 0..PUTS_MAX {
            match Lease::take(place)? {
                Some(there) if self.is_sound(environment) => return Ok(there),
                Some(there) => {
                    drop(there);
                    // At no moment nothing stands there. What runs have open stays theirs.
                    match renameat_with(CWD, staged, CWD, place, RenameFlags::EXCHANGE) {
                        // Not every file system can do it.
                        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => exchange_when_free(staged, place)?,
                        exchanged => exchanged?,
                    }
                }
                None => match fs::rename(staged, place) {
                    // File systems differ in how they say it.
                    Err(error) if matches!(error.kind(), DirectoryNotEmpty | AlreadyExists) => {
                        // It is on its way out.
                        lease::wait();
                        continue;
                    }
                    moved => moved?,
                },
            }
            if let Some(own) = Lease::take(place)? {
                return Ok(own);
            }
        }
        Err(io::Error::other("its place is not to be had"))
    }

    fn write_record(&self, environment: &Environment) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(MAKING).tempfile_in(&self.folder)?;
        serde_json::to_writer_pretty(&mut file, environment)?;
        file.as_file().sync_all()?;
        file.persist(self.record(&environment.language, &environment.name)).map_err(|error| error.error)?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

/// Exchanges two folders by one rename after the other, as soon as nobody uses what stands there.
fn exchange_when_free(staged: &Path, place: &Path) -> io::Result<()> {
    for _ in 0..PUTS_MAX {
        if exchange(staged, place)? {
            return Ok(());
        }
        lease::wait();
    }
    let text = "scripts use it, and this file system exchanges no folders: make it again when none of them runs";
    Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
}

/// Exchanges two folders by one rename after the other; false where somebody uses what stands there.
fn exchange(staged: &Path, place: &Path) -> io::Result<bool> {
    let Some(_alone) = Lease::alone(place)? else { return Ok(false) };
    let aside = staged.with_extension("aside");
    fs::rename(place, &aside)?;
    if let Err(error) = fs::rename(staged, place) {
        fs::rename(&aside, place)?;
        return Err(error);
    }
    fs::rename(&aside, staged)?;
    Ok(true)
}

/// The digest of what a folder holds; none where that cannot be read.
pub(super) fn digest_of(folder: &Path) -> Option<Digest> {
    Some(list_folder(folder, &LIMITS, &mut |_, _| true).ok()?.digest().digest)
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
        trace: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(environments: &Environments) -> (tempfile::TempDir, Lease) {
        let (staged, lease) = environments.stage().unwrap();
        fs::create_dir(staged.path().join("site")).unwrap();
        fs::write(staged.path().join("site/module.py"), "word = 'whole'\n").unwrap();
        let list = list_folder(staged.path(), &LIMITS, &mut |_, _| true).unwrap();
        seal(staged.path(), &list).unwrap();
        (staged, lease)
    }

    #[test]
    fn folders_are_exchanged_one_after_the_other_unless_one_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let [staged, place] = [".making-a", "place"].map(|name| folder.path().join(name));
        for path in [&staged, &place] {
            fs::create_dir(path).unwrap();
            fs::write(path.join("name"), path.file_name().unwrap().as_encoded_bytes()).unwrap();
        }
        let names = || [&staged, &place].map(|path| fs::read_to_string(path.join("name")).unwrap());
        let used = Lease::take(&place).unwrap().unwrap();
        assert!(!exchange(&staged, &place).unwrap());
        assert_eq!(names(), [".making-a", "place"]);
        drop(used);
        assert!(exchange(&staged, &place).unwrap());
        assert_eq!(names(), ["place", ".making-a"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_content_that_is_damaged_is_replaced_when_it_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let environments = Environments::new(folder.path().to_owned());
        fs::create_dir(folder.path().join(CONTENTS)).unwrap();
        let first = staged(&environments);
        let environment = Environment {
            environment: FORMAT,
            name: "a".to_owned(),
            language: "Python".to_owned(),
            version: "3.11".to_owned(),
            interpreter: None,
            content: digest_of(first.0.path()).unwrap(),
            bytes: 1,
            loaded_bytes: 2,
            asked: Vec::new(),
            packages: Vec::new(),
            modules: Vec::new(),
            refused: BTreeMap::new(),
        };
        let module = environments.content(&environment).join("site/module.py");
        let standing = || {
            let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with(MAKING)).count()
        };
        let damage = |text: &str| {
            fs::set_permissions(&module, fs::Permissions::from_mode(0o644)).unwrap();
            fs::write(&module, text).unwrap();
            assert!(!environments.is_sound(&environment));
        };
        drop(environments.put(first, &environment).unwrap());
        assert!(environments.is_sound(&environment));
        drop(environments.put(staged(&environments), &environment).unwrap());
        assert_eq!(standing(), 0, "the same again is thrown away");

        damage("word = 'damaged'\n");
        drop(environments.put(staged(&environments), &environment).unwrap());
        assert!(environments.is_sound(&environment) && standing() == 0);

        // A run goes on with what it has.
        damage("word = 'damaged again'\n");
        let used = Lease::take(&environments.content(&environment)).unwrap().unwrap();
        drop(environments.put(staged(&environments), &environment).unwrap());
        assert!(environments.is_sound(&environment));
        sweep(folder.path());
        assert_eq!(standing(), 1, "what is used stays");
        drop(used);
        sweep(folder.path());
        assert_eq!(standing(), 0, "and goes with the next");
    }
}
