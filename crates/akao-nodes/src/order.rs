//! A process as the manager asks for it, turned into a sandbox and the policy of its network.

use akao_broker::{Policy, PolicySpec};
use akao_contract::{Permission, manifest::RuntimeKind};
use akao_runtime::{LaunchError, ProcessSpec};
use akao_sandbox::{Bind, Command, Limits, Network, Profile, Source, SpawnSpec, Workspace};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Where a package's folder stands inside.
const PACKAGE_PLACE: &str = "/package";
/// Where what runs a bundle stands inside.
const ENGINE_PLACE: &str = "/engine";
/// Where volumes stand inside, each in a folder of its name.
const VOLUMES_PLACE: &str = "/volumes";
/// Where programs are looked for inside.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// The descriptor of the rules by which a process ties down its children, and the variable that says so.
pub(crate) const TIE: u32 = 4;
const TIE_VARIABLE: &str = "AKAO_TIE_FD";
/// The process manager ends processes by age; this is the belt beside it, 48 days.
const LIFE_MS_MAX: u64 = 48 * 24 * 3_600_000;
/// What the shell's SDK calls beside bash itself; it counts as what interprets a shell node.
const SHELL_TOOLS: [&str; 13] =
    ["cat", "cut", "dirname", "jq", "mkfifo", "mktemp", "mv", "realpath", "rm", "sleep", "tail", "tee", "tr"];

/// What runs the commands of packages, by the kind of their runtime, as paths in the base view.
#[derive(Debug, Clone)]
pub struct Interpreters(BTreeMap<RuntimeKind, Vec<PathBuf>>);

impl Default for Interpreters {
    /// Where systems usually have them; the first that is there is taken.
    fn default() -> Self {
        let usual = |names: &[&str]| {
            let folders = ["/usr/bin", "/usr/local/bin", "/bin"];
            names.iter().flat_map(|name| folders.map(|folder| Path::new(folder).join(name))).collect::<Vec<_>>()
        };
        Self(BTreeMap::from([
            (RuntimeKind::Python, usual(&["python3"])),
            (RuntimeKind::Node, usual(&["node", "nodejs"])),
            (RuntimeKind::Java, usual(&["java"])),
            (RuntimeKind::Shell, usual(&["bash"])),
        ]))
    }
}

impl Interpreters {
    /// Another interpreter for a kind of runtime.
    #[must_use]
    pub fn with(mut self, kind: RuntimeKind, path: PathBuf) -> Self {
        self.0.insert(kind, vec![path]);
        self
    }

    /// The interpreter of a kind that this machine has, if there is one.
    pub fn path(&self, kind: RuntimeKind) -> Option<PathBuf> {
        self.find(kind).ok().flatten()
    }

    /// The program that a kind of runtime needs and this machine does not have; none when nothing is missing.
    pub fn missing(&self, kind: RuntimeKind) -> Option<String> {
        match self.find(kind) {
            Err(LaunchError::Program { program, .. }) => Some(program),
            _ => None,
        }
    }

    /// The interpreter of a kind; none where the command runs by itself.
    pub(crate) fn find(&self, kind: RuntimeKind) -> Result<Option<PathBuf>, LaunchError> {
        let Some(places) = self.0.get(&kind) else { return Ok(None) };
        match places.iter().find(|place| place.is_file()) {
            Some(place) => Ok(Some(place.clone())),
            None => Err(LaunchError::Program {
                program: places
                    .first()
                    .and_then(|place| place.file_name())
                    .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
                reason: format!("a node of type `{}` needs it, and this machine does not have it", kind.as_str()),
            }),
        }
    }
}

/// What a process becomes.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) sandbox: SpawnSpec,
    /// None when the process has no network at all.
    pub(crate) policy: Option<Policy>,
}

/// What holds for the network of a process beside its grants.
#[derive(Debug, Clone, Default)]
pub(crate) struct NetworkRules {
    /// Networks beside the public Internet that are open when grants name them.
    pub(crate) open: Vec<String>,
    /// Whether a connection must name the granted host in its greeting.
    pub(crate) server_name_required: bool,
}

/// What runs a bundle: a folder, and the program in it.
pub(crate) struct Engine {
    pub(crate) folder: Source,
    pub(crate) program: &'static str,
}

/// Plans the sandbox of a process that sees this package.
pub(crate) fn plan(
    spec: &ProcessSpec,
    package: Source,
    engine: Option<Engine>,
    interpreters: &Interpreters,
    network: &NetworkRules,
) -> Result<Planned, LaunchError> {
    // A bundle has no sockets: the host sends what it fetches.
    let has_network = spec.kind != RuntimeKind::Bundle && !spec.wish.without_network;
    let policy = if has_network { policy(&spec.grants, network)? } else { None };
    let (program, arguments) = match &engine {
        Some(engine) => bundle_command(spec, engine.program),
        None => command(spec, interpreters)?,
    };
    let mut sandbox = SpawnSpec::new(Command::Path(program));
    sandbox.arguments = arguments;
    sandbox.environment = environment(spec);
    sandbox.binds = binds(spec, package)?;
    sandbox.binds.extend(engine.map(|engine| Bind {
        source: engine.folder,
        target: ENGINE_PLACE.into(),
        read_only: true,
        exec: true,
    }));
    sandbox.workspace = Workspace::Memory(spec.resources.disk_bytes);
    sandbox.limits = Limits {
        memory_bytes: spec.resources.memory_bytes,
        cpu_millis: spec.resources.cpu_millis,
        pids: spec.resources.pids,
        files: spec.resources.files,
        disk_bytes: spec.resources.disk_bytes,
        wall_ms: LIFE_MS_MAX,
    };
    sandbox.profile = match spec.kind {
        RuntimeKind::Python => Profile::Python,
        RuntimeKind::Node => Profile::Node,
        RuntimeKind::Java => Profile::Jvm,
        _ => Profile::Base,
    };
    sandbox.programs = programs(spec);
    sandbox.mark = spec.tenant.as_str().to_owned();
    if let Some(policy) = &policy {
        sandbox.network = Network::Brokered { tcp_ports: policy.ports().iter().copied().collect() };
    }
    Ok(Planned { sandbox, policy })
}

/// What runs the command: what was wished for, else what the machine usually has; none where the command runs by itself.
fn interpreter(spec: &ProcessSpec, interpreters: &Interpreters) -> Result<Option<PathBuf>, LaunchError> {
    match &spec.wish.interpreter {
        None => interpreters.find(spec.kind),
        Some(wished) if wished.is_file() => Ok(Some(wished.clone())),
        Some(wished) => Err(LaunchError::Program {
            program: wished.display().to_string(),
            reason: "it is not on this machine any more".to_owned(),
        }),
    }
}

/// The program with its arguments.
fn command(spec: &ProcessSpec, interpreters: &Interpreters) -> Result<(PathBuf, Vec<OsString>), LaunchError> {
    let file = Path::new(PACKAGE_PLACE).join(&spec.command);
    let own = spec.args.iter().map(OsString::from);
    let Some(interpreter) = interpreter(spec, interpreters)? else { return Ok((file, own.collect())) };
    let options: Vec<OsString> = match spec.kind {
        // Nothing of the environment or of a user's folder counts, nothing is compiled beside the package, lines come at once.
        RuntimeKind::Python => ["-E", "-s", "-B", "-u"].map(OsString::from).into(),
        // A quarter is left for what V8 does not count as its heap.
        RuntimeKind::Node => {
            let heap = (spec.resources.memory_bytes / 4 * 3 / (1 << 20)).max(16);
            vec![format!("--max-old-space-size={heap}").into()]
        }
        RuntimeKind::Java => {
            let heap = (spec.resources.memory_bytes / 2 / (1 << 20)).max(8);
            vec![format!("-Xmx{heap}m").into(), "-jar".into()]
        }
        _ => Vec::new(),
    };
    Ok((interpreter, options.into_iter().chain([file.into_os_string()]).chain(own).collect()))
}

/// The program of bundles with the bundle, and the name by which the package calls its one node.
fn bundle_command(spec: &ProcessSpec, program: &str) -> (PathBuf, Vec<OsString>) {
    let bundle = Path::new(PACKAGE_PLACE).join(&spec.command);
    let own =
        [OsString::from("bundle"), bundle.into_os_string(), spec.package.as_str().into(), (&*spec.version).into()];
    let arguments = own.into_iter().chain(spec.args.iter().map(OsString::from)).collect();
    (Path::new(ENGINE_PLACE).join(program), arguments)
}

fn environment(spec: &ProcessSpec) -> Vec<(OsString, OsString)> {
    let usual = [("PATH", SEARCH_PATH), ("HOME", "/workspace"), ("TMPDIR", "/tmp"), ("LANG", "C.UTF-8")];
    let usual = usual.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let tie = spec.wish.ties_children.then(|| (TIE_VARIABLE.to_owned(), TIE.to_string()));
    let own = spec.environment.iter().cloned().chain(tie);
    let all: BTreeMap<String, String> = usual.into_iter().chain(own).collect();
    all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// A folder's path without links.
fn real(folder: &Path) -> Result<PathBuf, LaunchError> {
    folder.canonicalize().map_err(|error| LaunchError::Failed {
        stage: "volumes".to_owned(),
        reason: format!("the folder `{}` cannot be opened: {error}", folder.display()),
    })
}

/// The package's folder, and the volumes.
fn binds(spec: &ProcessSpec, package: Source) -> Result<Vec<Bind>, LaunchError> {
    let package = Bind {
        source: package,
        target: PACKAGE_PLACE.into(),
        read_only: true,
        // Libraries of the package are mapped as code; which files may be run is narrowed further inside.
        exec: true,
    };
    let mut binds = vec![package];
    for (target, folder) in &spec.wish.folders {
        let source = Source::Path(real(folder)?);
        binds.push(Bind { source, target: target.clone(), read_only: true, exec: true });
    }
    for (target, held) in &spec.wish.held {
        let (opened, name) = held.open().map_err(|error| LaunchError::Failed {
            stage: "volumes".to_owned(),
            reason: format!("the folder for `{}` cannot be opened: {error}", target.display()),
        })?;
        binds.push(Bind { source: Source::Opened(opened, name), target: target.clone(), read_only: true, exec: true });
    }
    for volume in &spec.volumes {
        let root = real(&volume.folder)?;
        let place = Path::new(VOLUMES_PLACE).join(&volume.name);
        let (source, target) = match volume.path.as_str() {
            "" => (Source::Path(root), place),
            below => (beneath(&root, below)?, place.join(below)),
        };
        binds.push(Bind { source, target, read_only: !volume.writable, exec: false });
    }
    Ok(binds)
}

/// A folder within a volume, reached without a link.
fn beneath(root: &Path, below: &str) -> Result<Source, LaunchError> {
    let shown = root.join(below);
    let failed = |error: std::io::Error| LaunchError::Failed {
        stage: "volumes".to_owned(),
        reason: format!("the folder `{}` cannot be opened: {error}", shown.display()),
    };
    let folder = std::fs::File::open(root).map_err(failed)?;
    let opened = akao_sandbox::open_beneath(&folder, Path::new(below)).map_err(failed)?;
    Ok(Source::Opened(opened, shown.clone()))
}

/// Programs that may be run beside the command: those that are granted, and what the shell's SDK calls.
fn programs(spec: &ProcessSpec) -> Vec<OsString> {
    let granted = spec.grants.iter().filter(|grant| grant.name() == "system.exec").filter_map(Permission::scope);
    let tools = if spec.kind == RuntimeKind::Shell { &SHELL_TOOLS[..] } else { &[] };
    let mut names: Vec<&str> = granted.chain(tools.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(OsString::from).collect()
}

/// The policy of the network; none when nothing is granted.
fn policy(grants: &[Permission], rules: &NetworkRules) -> Result<Option<Policy>, LaunchError> {
    let hosts = grants.iter().filter(|grant| matches!(grant.name(), "network.http" | "network.tcp"));
    let allow: Vec<String> = hosts.filter_map(Permission::scope).map(str::to_owned).collect();
    if allow.is_empty() {
        return Ok(None);
    }
    let spec =
        PolicySpec { allow, operator_networks: rules.open.clone(), server_name_required: rules.server_name_required };
    let refused = |error: akao_broker::PolicyError| LaunchError::Failed {
        stage: "network".to_owned(),
        reason: match std::error::Error::source(&error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    };
    Policy::new(&spec).map(Some).map_err(refused)
}
