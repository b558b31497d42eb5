//! [`StepRunner`] of the interpreters: a script becomes a step of the interpreter's own node.

use crate::{
    environment::{DEFAULT_ENVIRONMENT, Environment, Environments, Lease, Program},
    interpreter::{INTERPRETERS, Interpreter, ScriptRuntime},
    package,
    request::ScriptRequest,
    told::{self, Told},
};
use akao_contract::{Effects, ErrorKind, Invocation, Outcome, Permission, StepError};
use akao_nodes::ExternalNodes;
use akao_package::Store;
use akao_runtime::{HeldFolder, Wish};
use akao_step::{BoxFuture, RunnerTraits, StepIo, StepRunner};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What an interpreter itself needs beside its script, in bytes: its own memory, and the folders that a script may fill.
pub(crate) const OWN_BYTES: u64 = 64_000_000;

/// How much longer than its `timeout` a run may take before its interpreter is ended from outside, in milliseconds.
const OUTSIDE_MS: u64 = 1_000;

/// Where an interpreter sees its environment.
pub(crate) const ENVIRONMENT_PLACE: &str = "/environment";

/// A run whose interpreter was ended from outside is run again, up to so many times.
const RUNS_MAX: u32 = 3;

/// Where everything is, and what an operator allows.
#[derive(Debug, Clone)]
pub struct ScriptOptions {
    /// The packages' store.
    pub packages: Store,
    /// The folder of what belongs to scripts alone.
    pub folder: PathBuf,
    /// The environments.
    pub environments: Environments,
    /// The longest that a script may run, in milliseconds.
    pub timeout_ms_max: u64,
    /// The most memory that a script may have, in bytes.
    pub memory_bytes_max: u64,
}

impl ScriptOptions {
    /// The caps where an operator sets none: 5 minutes, 2 GB.
    pub const TIMEOUT_MS_MAX: u64 = 300_000;
    /// See [`Self::TIMEOUT_MS_MAX`].
    pub const MEMORY_BYTES_MAX: u64 = 2_000_000_000;

    /// The usual caps.
    pub fn new(packages: Store, folder: PathBuf) -> Self {
        Self {
            packages,
            environments: Environments::new(folder.join("environments")),
            folder,
            timeout_ms_max: Self::TIMEOUT_MS_MAX,
            memory_bytes_max: Self::MEMORY_BYTES_MAX,
        }
    }
}

/// Runs scripts.
pub struct Scripts(Arc<Shared>);

struct Shared {
    nodes: Arc<ExternalNodes>,
    options: ScriptOptions,
    /// The nodes of interpreters whose packages have been kept.
    kept: Mutex<BTreeMap<&'static str, Arc<str>>>,
}

impl Scripts {
    /// Starts and keeps nothing yet.
    pub fn new(nodes: Arc<ExternalNodes>, options: ScriptOptions) -> Self {
        Self(Arc::new(Shared { nodes, options, kept: Mutex::default() }))
    }
}

impl Shared {
    /// The name under which the interpreter's node is run, or another runtime's; its package is kept with the first script.
    async fn node(
        self: &Arc<Self>,
        interpreter: &'static Interpreter,
        runtime: Option<&'static ScriptRuntime>,
        is_networked: bool,
    ) -> Result<Arc<str>, StepError> {
        let own = (interpreter.package, interpreter.files);
        let own = interpreter.networked.filter(|_| is_networked).unwrap_or(own);
        let (id, files) = runtime.map_or(own, |runtime| (runtime.package, runtime.files));
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(kept));
        }
        let work = Arc::clone(self);
        let broken = |_| Err(StepError::new(ErrorKind::Internal, "the host broke off"));
        let keep = move || {
            let ScriptOptions { packages, folder, .. } = &work.options;
            package::keep(interpreter.language, files, packages, folder)
        };
        let pinned = tokio::task::spawn_blocking(keep).await.unwrap_or_else(broken)?;
        let name = Arc::<str>::from(pinned.to_string());
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&name));
        Ok(name)
    }

    /// The environment of a step: the one that it names, else the default one; none where that is what the language has of its own.
    async fn environment(
        &self,
        interpreter: &Interpreter,
        name: Option<&str>,
    ) -> Result<Option<(Environment, Lease)>, StepError> {
        let wanted = name.unwrap_or(DEFAULT_ENVIRONMENT);
        let environments = &self.options.environments;
        let found = environments.lend(interpreter.language, wanted).await.map_err(|error| {
            StepError::new(ErrorKind::Internal, format!("the environment `{wanted}` cannot be read: {error}"))
                .with_suggestion(format!("Remove it with `akao env remove {wanted}` and make it again."))
        })?;
        match (found, name) {
            (None, Some(name)) if name != DEFAULT_ENVIRONMENT => {
                let all = environments.list().unwrap_or_default();
                if let Some(other) = all.iter().find(|other| other.name == name) {
                    let language = interpreter.language;
                    let message = format!("the environment `{name}` is one of {}, not of {language}", other.language);
                    let suggestion = "`akao env list` shows the environments.";
                    return Err(StepError::new(ErrorKind::Input, message).with_suggestion(suggestion));
                }
                let option = interpreter.environments.map_or("", |maker| maker.option);
                let suggestion = format!(
                    "Make it with `akao env create {name} {option} --packages …`; `akao env list` shows those that are there."
                );
                Err(StepError::new(ErrorKind::NotFound, format!("there is no environment `{name}`"))
                    .with_suggestion(suggestion))
            }
            (found, _) => Ok(found),
        }
    }

    /// The content that a run is lent, by where it sees it.
    fn held(
        &self,
        environment: Option<&Environment>,
        lease: Option<&Lease>,
    ) -> Result<BTreeMap<PathBuf, HeldFolder>, StepError> {
        let (Some(environment), Some(lease)) = (environment, lease) else { return Ok(BTreeMap::new()) };
        let folder = lease.folder(self.options.environments.content(environment)).map_err(|error| {
            let message = format!("the environment `{}` cannot be opened: {error}", environment.name);
            StepError::new(ErrorKind::Internal, message)
        })?;
        Ok(BTreeMap::from([(ENVIRONMENT_PLACE.into(), folder)]))
    }

    async fn run(self: Arc<Self>, mut invocation: Invocation, io: StepIo) -> Outcome {
        let Some(interpreter) = Interpreter::of(&invocation.node_type) else {
            return Outcome::failure(unknown(&invocation.node_type));
        };
        let request = match ScriptRequest::read(interpreter, &mut invocation, &self.options) {
            Ok(request) => request,
            Err(error) => return Outcome::failure(error),
        };
        let is_networked = invocation.context.grants.iter().any(is_of_network);
        let node_type = match self.node(interpreter, request.runtime, is_networked).await {
            Ok(node_type) => node_type,
            Err(error) => return Outcome::failure(error),
        };
        // What it is lent stays until this run has ended, whatever becomes of the environment.
        let (environment, lease) = match self.environment(interpreter, request.environment.as_deref()).await {
            Ok(lent) => lent.unzip(),
            Err(error) => return Outcome::failure(error),
        };
        // A process that was started with another content by the same name goes on with that, and is none for this run.
        let held = match self.held(environment.as_ref(), lease.as_ref()) {
            Ok(held) => held,
            Err(error) => return Outcome::failure(error),
        };
        // What is loaded of an environment is counted more than once while it is loaded. Another runtime loads it by itself.
        let loaded_bytes = environment.as_ref().filter(|_| request.runtime.is_none());
        let loaded_bytes = loaded_bytes.map_or(0, |environment| environment.loaded_bytes.saturating_mul(2));
        let own_bytes = request.own_bytes();
        let interpreter_of = |found: &Environment| found.interpreter.clone().filter(|_| request.runtime.is_none());
        let program = environment.as_ref().and_then(interpreter_of);
        let wish = Wish {
            memory_bytes: Some(request.memory_bytes.saturating_add(own_bytes).saturating_add(loaded_bytes)),
            folders: program.iter().flat_map(Program::folders).collect(),
            held,
            interpreter: program.as_ref().map(|program| program.path.clone()),
            // What scripts in QuickJS fetch, the host sends. Others have a network of their own that reaches what was granted.
            without_network: request.runtime.is_none() && interpreter.networked.is_none(),
            // What such an interpreter says, its script may have said. None of them asks for anything.
            without_host_calls: told::is_within_reach(interpreter, &request),
            ties_children: interpreter.forks,
            // An interpreter ends its runs itself; one that cannot is ended.
            call_ms: Some(request.timeout_ms.saturating_add(OUTSIDE_MS)),
            reasons: told::is_within_reach(interpreter, &request).then_some(told::REASONS),
        };
        // A process that serves one script alone was ended by it, and what a script may fetch may have changed something.
        let changes_nothing = !interpreter.fetches || invocation.context.grants.is_empty();
        let may_repeat = request.runtime.is_none() && changes_nothing;
        let mut runs = 0;
        loop {
            runs += 1;
            let own = Invocation {
                context: invocation.context.clone(),
                node_type: Arc::clone(&node_type),
                props: request.parameters(),
                blackboard: BTreeMap::new(),
                input: None,
            };
            let outcome = self.nodes.run_as(own, io.clone(), wish.clone()).await;
            let again = told::was_not_begun(&outcome) || (may_repeat && told::was_ended_from_outside(&outcome));
            if runs < RUNS_MAX && !io.cancel.is_cancelled() && again {
                continue;
            }
            let (environments, grants) = (&self.options.environments, &*invocation.context.grants);
            return Told { interpreter, request: &request, environments, grants }.outcome(outcome);
        }
    }
}

/// Whether a permission opens something of the network.
pub(crate) fn is_of_network(permission: &Permission) -> bool {
    matches!(permission.name(), "network.http" | "network.tcp")
}

fn unknown(node_type: &str) -> StepError {
    StepError::new(ErrorKind::NotFound, format!("there is no interpreter `{node_type}`"))
        .with_suggestion("List the node types with `akao list-nodes`.")
}

impl StepRunner for Scripts {
    fn traits(&self, node_type: &str) -> Option<RunnerTraits> {
        let interpreter = INTERPRETERS.iter().find(|interpreter| interpreter.node_type == node_type)?;
        Some(RunnerTraits {
            effects: Effects::None,
            idempotent: true,
            once_when_granted: interpreter.fetches,
            inline: false,
            only_waits: true,
            takes_input: false,
        })
    }

    fn run_inline(&self, invocation: &Invocation) -> Outcome {
        let message = format!("the node `{}` runs in a process of its own", invocation.node_type);
        Outcome::failure(StepError::new(ErrorKind::Internal, message))
    }

    fn run(&self, invocation: Invocation, io: StepIo) -> BoxFuture<'static, Outcome> {
        Box::pin(Arc::clone(&self.0).run(invocation, io))
    }
}
