//! `akao run`: runs a workflow file and shows how it goes.

mod follow;
mod result;
mod there;

pub(crate) use follow::{Seen, View, follow};
pub(crate) use result::Report;

use crate::{
    catalogue::catalogue,
    cli::Context,
    commands::invalid,
    exit::Exit,
    failure::Failure,
    load,
    owner::{self, Attached},
    problems,
    site::Site,
    wiring,
};
use akao_contract::{ExecutionId, Permission, Tenant};
use akao_engine::{Bundle, GivenSecrets, Reply, Request, StartRequest, input};
use akao_flow::{Breakpoint, Catalogue};
use akao_nodes::Pinned;
use akao_step::SecretSource;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Arguments of `akao run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow file; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// The input: JSON, or @FILE with JSON or YAML.
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) input: Option<String>,
    /// Set one value of the input; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Allow something, such as network.http=localhost:8080; may be given again.
    #[arg(long = "grant", value_name = "PERMISSION")]
    pub(crate) grants: Vec<String>,
    /// Let the workflow use a folder as NAME://, beside its own folder, which is project://; may be given again.
    #[arg(long = "volume", value_name = "NAME=FOLDER")]
    pub(crate) volumes: Vec<String>,
    /// Give a secret as NAME=@FILE or NAME=env:VARIABLE; may be given again.
    #[arg(long = "secret", value_name = "NAME=PLACE")]
    pub(crate) secrets: Vec<String>,
    /// Start it in the background, print its id and return.
    #[arg(long, conflicts_with_all = ["events", "debug"])]
    pub(crate) detach: bool,
    /// Print every event as a line of JSON while it runs.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) events: Option<EventsFormat>,
    /// Start only once for the same key, whatever happens in between.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// Stop at breakpoints and ask what to do.
    #[arg(long)]
    pub(crate) debug: bool,
    /// Stop before a step: a node id or an address, with `:CONDITION` if only sometimes; may be given again.
    #[arg(long = "break", value_name = "STEP[:CONDITION]")]
    pub(crate) breakpoints: Vec<String>,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EventsFormat {
    /// One JSON object a line.
    Jsonl,
}

/// Runs the workflow.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(remote) = Site::server_of(context)? {
        return there::run(&args, &remote, context);
    }
    let catalogue = catalogue();
    let (start, packages) = prepare(&args, context)?;
    let folder = wiring::data_dir(context)?;
    wiring::keep_packages(&folder, &packages)?;
    let runtime = wiring::runtime()?;
    let done = runtime.block_on(async {
        if args.detach {
            return detach(&folder, start, context).await;
        }
        let attached = owner::in_process(&folder).await?;
        attached.preload(&packages, &start).await;
        let seen = begin_and_follow(&args, &attached, &folder, start, catalogue, context).await;
        let (is_own, goes_on) = (attached.is_own(), !matches!(seen, Ok((_, Seen::Terminated))));
        // What is wrong with the journal explains better than what became of the question.
        attached.end(goes_on).await?;
        let (execution, seen) = seen?;
        match seen {
            Seen::End(_) => {}
            Seen::Left => left(&Site::Here(folder), execution, false, context)?,
            Seen::Terminated => left(&Site::Here(folder), execution, is_own, context)?,
        }
        Ok(seen.exit())
    });
    // Work that hangs in a system call must not keep the program from ending.
    runtime.shutdown_background();
    done
}

async fn begin_and_follow(
    args: &Args,
    attached: &Attached,
    folder: &Path,
    start: StartRequest,
    catalogue: Arc<Catalogue>,
    context: &Context,
) -> Result<(ExecutionId, Seen), Failure> {
    let (execution, told) = begin(attached.executions(), start).await?;
    if let Some(position) = told["position"].as_u64() {
        context.output.note(&format!("Queued at place {position}; execution {execution} starts when its turn comes."));
    }
    let (site, view) = (Site::Here(folder.to_owned()), view_of(args));
    let seen = follow(attached.executions(), &site, execution, &catalogue, view, context).await?;
    Ok((execution, seen))
}

fn view_of(args: &Args) -> View {
    View { events: args.events.is_some(), debug: args.debug, cancels: true }
}

/// Says what becomes of an execution that was left before its end. `rests` when the process that ran it has ended.
fn left(site: &Site, execution: ExecutionId, rests: bool, context: &Context) -> Result<(), Failure> {
    let row = site.row_left(execution)?;
    let (output, status) = (&context.output, row.status);
    output.note(&match (status.is_final(), rests) {
        (true, _) => format!("Execution {execution} has ended: {status}."),
        (false, true) => format!(
            "Stopped before the end; execution {execution} rests where it is. Any command that needs it takes it up again, \
             such as `akao executions events {execution} --follow`."
        ),
        (false, false) => {
            format!("Execution {execution} goes on in the background; see it with `akao executions show {execution}`.")
        }
    });
    if output.json {
        let (_, steps) = site.history(execution)?;
        output.document(&Report::new(row).to_json(&steps))?;
    }
    Ok(())
}

async fn begin(executions: &dyn akao_engine::Executions, start: StartRequest) -> Result<(ExecutionId, Value), Failure> {
    match executions.call(Request::Start(Box::new(start))).await? {
        Reply::Started { execution, status, repeated, position } => {
            let told = json!({"execution": execution, "status": status, "repeated": repeated, "position": position});
            Ok((execution, told))
        }
        other => Err(Failure::internal(format!("the engine answered a start with {other:?}"))),
    }
}

async fn detach(folder: &Path, start: StartRequest, context: &Context) -> Result<Exit, Failure> {
    let client = owner::background(folder).await?;
    let (execution, told) = begin(&client, start).await?;
    detached(execution, &told, context)
}

/// Says what was started and is not waited for.
fn detached(execution: ExecutionId, told: &Value, context: &Context) -> Result<Exit, Failure> {
    if context.output.json {
        context.output.document(told)?;
    } else {
        context.output.line(&execution.to_string())?;
        context.output.note(&format!("See how it goes with `akao executions show {execution}`."));
    }
    Ok(Exit::Success)
}

/// Everything that can be refused before anything is started.
fn prepare(args: &Args, context: &Context) -> Result<(StartRequest, Vec<Pinned>), Failure> {
    let (bundle, packages) = load_bundle(&args.file, context)?;
    let given = load::input::read_input("--input", args.input.as_deref(), &args.set)?;
    let input = input::accept(&bundle.definition, given).map_err(|problems| bad_input(&problems))?;
    let start = StartRequest {
        tenant: Tenant::local(),
        bundle,
        input,
        grants: grants(&args.grants)?,
        volumes: volumes(&args.file, &args.volumes)?,
        vars: serde_json::Map::new(),
        secrets: secrets(&args.secrets)?,
        idempotency_key: args.idempotency_key.clone(),
        debug: args.debug,
        breakpoints: args.breakpoints.iter().map(|text| breakpoint(text)).collect(),
        execution: None,
        trace: None,
        warnings: Vec::new(),
    };
    Ok((start, packages))
}

/// The workflow of a file with everything that belongs to it.
fn load_bundle(file: &Path, context: &Context) -> Result<(Bundle, Vec<Pinned>), Failure> {
    let mut loaded = load::load(file, &load::Sources::new(context))?;
    let Some(bundle) = loaded.bundle.take() else { return Err(invalid(&loaded, file, context)) };
    if !context.output.json {
        context.output.note_text(&problems::render(&loaded.problems, &loaded.texts, context.output.color_err));
    }
    Ok((bundle, loaded.packages))
}

fn bad_input(problems: &[String]) -> Failure {
    let failure = Failure::usage("the input does not fit the workflow").hint("Give it with `--input` or `--set`.");
    Failure { causes: problems.to_vec(), ..failure }
}

/// Permissions from their texts.
pub(crate) fn grants(texts: &[String]) -> Result<Vec<Permission>, Failure> {
    let read = |text: &String| {
        let permission: Permission = text.parse().map_err(|error: akao_contract::PermissionError| {
            Failure::usage(error.to_string()).hint("Write for example `--grant network.http=localhost:8080`.")
        })?;
        akao_host::check_grant(&permission).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(permission)
    };
    texts.iter().map(read).collect()
}

/// Secrets from where their specifications say they are. All are read now, so that a mistake is told before the start.
pub(crate) fn secrets(specs: &[String]) -> Result<GivenSecrets, Failure> {
    let places = akao_host::GivenSecrets::from_specs(specs.iter().map(String::as_str))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let mut given = BTreeMap::new();
    for name in places.names() {
        let secret = places.secret(&Tenant::local(), name).map_err(|error| Failure::usage(error.to_string()))?;
        given.insert(name.to_owned(), secret);
    }
    Ok(GivenSecrets(given))
}

/// The folders that the workflow may use: its own as `project`, and those that were named.
fn volumes(file: &Path, named: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let own = match file.parent() {
        Some(parent) if file != Path::new("-") && parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut volumes = BTreeMap::from([("project".to_owned(), volume_folder(&own)?)]);
    for (name, folder) in volume_folders(named)? {
        if name == "project" {
            let failure = Failure::usage("the volume `project` is there already");
            return Err(failure.hint("`project` is the workflow's own folder; give every volume a name of its own."));
        }
        volumes.insert(name, folder);
    }
    Ok(volumes)
}

/// Folders that were named as `NAME=FOLDER`.
pub(crate) fn volume_folders(named: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut volumes = BTreeMap::new();
    for text in named {
        let (name, folder) = text
            .split_once('=')
            .filter(|(name, folder)| is_volume_name(name) && !folder.is_empty())
            .ok_or_else(|| {
            Failure::usage(format!("`{text}` does not name a volume"))
                .hint("Write NAME=FOLDER, with a name of lower-case letters, digits and hyphens.")
        })?;
        if volumes.insert(name.to_owned(), volume_folder(Path::new(folder))?).is_some() {
            let failure = Failure::usage(format!("the volume `{name}` is there already"));
            return Err(failure.hint("Give every volume a name of its own."));
        }
    }
    Ok(volumes)
}

fn is_volume_name(name: &str) -> bool {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(inner)
}

fn volume_folder(folder: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::usage(format!("cannot find the folder {}", folder.display())).because(&error);
    let folder = folder.canonicalize().map_err(failed)?;
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", folder.display())));
    }
    let not_text = || Failure::usage(format!("the name of the folder {} is not UTF-8", folder.display()));
    Ok(folder.to_str().ok_or_else(not_text)?.to_owned())
}

/// A breakpoint from `STEP[:CONDITION]`. Addresses and ids hold no colon.
pub(crate) fn breakpoint(text: &str) -> Breakpoint {
    match text.split_once(':') {
        Some((at, condition)) if !condition.trim().is_empty() => {
            Breakpoint { at: at.trim().to_owned(), condition: Some(condition.trim().to_owned()), once: false }
        }
        _ => Breakpoint { at: text.trim_end_matches(':').trim().to_owned(), condition: None, once: false },
    }
}
