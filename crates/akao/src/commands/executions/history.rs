//! `akao executions replay`, `fork`, `export`, `import`, `remove` and `prune`.

use super::{done, list, locate};
use crate::{
    catalogue::catalogue,
    cli::Context,
    commands::{packages, run},
    exit::Exit,
    failure::Failure,
    load, output,
    replace::replace_file,
    shelf::{Standing, standing},
    site::Site,
    unreferenced::{self, Removed},
    wiring,
};
use akao_contract::{
    ExecutionId,
    manifest::{PinnedNode, format_bytes},
};
use akao_engine::{Reply, Request, StoredVersion, export};
use akao_install::Places;
use serde_json::json;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Arguments of `akao executions replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// An execution's id, the unique beginning of it, or an exported file.
    what: String,
}

/// Arguments of `akao executions fork`.
#[derive(Debug, clap::Args)]
pub(crate) struct ForkArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// The step before which the new execution begins: a node id or an address.
    #[arg(long, value_name = "STEP")]
    at: String,
    /// Change a value first, such as bb.count=3; may be given again.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Give a secret as NAME=@FILE or NAME=env:VARIABLE; may be given again.
    #[arg(long = "secret", value_name = "NAME=PLACE")]
    secrets: Vec<String>,
}

/// Arguments of `akao executions export`.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// The file to write; standard output when there is none.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `akao executions import`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// An exported file.
    file: PathBuf,
}

/// Arguments of `akao executions remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveArgs {
    /// The executions: their ids or the unique beginnings of them.
    #[arg(required = true)]
    ids: Vec<String>,
}

/// Arguments of `akao executions prune`.
#[derive(Debug, clap::Args)]
pub(crate) struct PruneArgs {
    /// Remove what ended longer ago than this.
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    older_than: String,
}

/// Replays an execution of the journal or of a file.
pub(super) fn replay(args: &ReplayArgs, context: &Context) -> Result<Exit, Failure> {
    let text = if Path::new(&args.what).is_file() {
        read(Path::new(&args.what))?
    } else {
        let (site, execution) = locate(&args.what, context)?;
        site.export(execution)?
    };
    let unreadable = |problem| Failure::usage(format!("{}: {problem}", args.what));
    let exported = export::Export::parse(&text).map_err(unreadable)?;
    let told = exported.replay(&catalogue()).map_err(|problem| {
        Failure::new("differs", Exit::Internal, problem)
            .hint("Keep a copy with `akao executions export` and report it with the version of Akao that recorded it.")
    })?;
    let events = told.len();
    if context.output.json {
        context.output.document(&json!({"execution": exported.row.id, "events": events, "equal": true}))?;
    } else {
        let events = output::count(events as u64, "event");
        context.output.line(&format!("{}: {events}, every decision is the recorded one", exported.row.id))?;
    }
    Ok(Exit::Success)
}

/// Starts a new execution from the state before a step.
pub(super) fn fork(args: &ForkArgs, context: &Context) -> Result<Exit, Failure> {
    let read = |text: &String| load::input::read_assignment(text).map_err(Failure::from);
    let edits = args.set.iter().map(read).collect::<Result<_, _>>()?;
    let secrets = run::secrets(&args.secrets)?;
    let (site, execution) = locate(&args.id, context)?;
    check_packages(&site, execution)?;
    let reply = site.ask(Request::Fork { execution, at: args.at.clone(), edits, secrets, made: None, trace: None })?;
    started(reply, context)
}

fn started(reply: Reply, context: &Context) -> Result<Exit, Failure> {
    let Reply::Started { execution, status, .. } = reply else {
        return Err(Failure::internal(format!("the engine answered with {reply:?}")));
    };
    if context.output.json {
        context.output.document(&json!({"execution": execution, "status": status}))?;
    } else {
        context.output.line(&execution.to_string())?;
        context.output.note(&format!("See how it goes with `akao executions show {execution}`."));
    }
    Ok(Exit::Success)
}

/// Writes an execution as one file.
pub(super) fn export(args: &ExportArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    let text = site.export(execution)?;
    let Some(file) = &args.output else {
        if context.output.json {
            return Err(
                Failure::usage("an export is lines, `--json` one document").hint("Name a file with `--output`.")
            );
        }
        context.output.text(&text)?;
        return Ok(Exit::Success);
    };
    replace_file(file, text.as_bytes())?;
    done(context, execution, &format!("Wrote {}.", file.display()))
}

/// Takes in an exported execution.
pub(super) fn import(args: &ImportArgs, context: &Context) -> Result<Exit, Failure> {
    let export = read(&args.file)?;
    export::Export::parse(&export).map_err(|problem| Failure::usage(format!("{}: {problem}", args.file.display())))?;
    let reply = Site::of(context)?.ask(Request::Import { export })?;
    started(reply, context)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::usage(format!("cannot read {}", file.display())).because(&error);
    std::fs::read_to_string(file).map_err(failed)
}

/// Removes executions that have ended. Large values that they alone had go with the next prune, or when the server looks for them.
pub(super) fn remove(args: &RemoveArgs, context: &Context) -> Result<Exit, Failure> {
    let site = Site::of(context)?;
    // Each is looked for before one is removed: a slip removes nothing.
    let found = args.ids.iter().map(|id| site.find(id)).collect::<Result<BTreeSet<_>, Failure>>()?;
    for execution in &found {
        site.ask(Request::Remove { execution: *execution })?;
    }
    if context.output.json {
        context.output.document(&json!({"removed": found}))?;
    } else {
        context.output.line(&format!("removed {}", output::count(found.len() as u64, "execution")))?;
    }
    Ok(Exit::Success)
}

/// Removes executions that ended long ago, and the large values to which nothing refers any more.
pub(super) fn prune(args: &PruneArgs, context: &Context) -> Result<Exit, Failure> {
    let ended_before_ms = list::time(&args.older_than)?;
    let site = Site::of(context)?;
    let folder = site.folder()?;
    let executions = match wiring::reader_if_any(folder)? {
        None => 0,
        Some(_) => match site.ask(Request::Prune { ended_before_ms, executions_max: None })? {
            Reply::Pruned { executions, .. } => executions,
            _ => return Err(Failure::internal("the engine did not say what it removed")),
        },
    };
    // The executions are gone, whatever becomes of their values.
    let removed = unreferenced::remove(folder, SystemTime::now()).unwrap_or_else(|failure| {
        context.output.note(&format!("Large values stay: {}.", failure.full_message()));
        Removed::default()
    });
    if context.output.json {
        let values = json!({"removed": removed.values, "bytes": removed.bytes});
        context.output.document(&json!({"pruned": executions, "large_values": values}))?;
    } else {
        let values = match removed.values {
            0 => String::new(),
            count => format!(" and {} ({})", output::count(count, "large value"), format_bytes(removed.bytes)),
        };
        context.output.line(&format!("removed {}{values}", output::count(executions, "execution")))?;
    }
    Ok(Exit::Success)
}

/// Refuses to fork what uses a package that is disabled or must not run; a server looks by itself.
fn check_packages(site: &Site, execution: ExecutionId) -> Result<(), Failure> {
    let Site::Here(folder) = site else { return Ok(()) };
    let reader = wiring::reader(folder)?;
    let Some(row) = reader.execution(execution)? else { return Ok(()) };
    let places = Places::new(folder);
    for version in StoredVersion::with_children(&reader, &row.tenant, row.definition)? {
        for node in version.nodes.iter().filter_map(|node_type| node_type.name.parse::<PinnedNode>().ok()) {
            let standing = standing(&places, &node).map_err(|error| packages::refused(&error, error.suggestion()))?;
            if let Standing::Stopped(reason) = standing {
                let message = format!("`{}` cannot be forked: {reason}", version.definition.id);
                return Err(Failure::new("conflict", Exit::Failure, message)
                    .hint("Enable or update the package, or start the workflow anew without it."));
            }
        }
    }
    Ok(())
}
