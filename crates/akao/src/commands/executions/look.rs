//! `akao executions show`, `logs` and `events`: what the journal tells of one execution.

use super::{list, locate};
use crate::{
    catalogue::catalogue,
    cli::Context,
    commands::run::Report,
    exit::Exit,
    failure::Failure,
    live::{Follower, Steps, Update, steps, steps::timestamp, tree},
    output::{self, Style, plain},
    wiring,
};
use akao_contract::{Address, ExecutionStatus, LogLevel, NodeStatus};
use akao_engine::{Executions, Told};
use akao_flow::Note;
use serde_json::{Value, json};

/// Runs of a loop that are named when they failed.
const FAILED_RUNS_SHOWN: usize = 5;

/// Arguments of `akao executions show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// Show one step with its props, outputs, error and log: a node id, whose latest run is shown, or an address.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
}

/// Arguments of `akao executions logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct LogsArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// Only lines of this level or a more serious one: debug, info, warn or error.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<LogLevel>,
    /// Only lines with this text in them.
    #[arg(long)]
    text: Option<String>,
    /// Only lines of this step: a node id or an address.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
}

/// Arguments of `akao executions events`.
#[derive(Debug, clap::Args)]
pub(crate) struct EventsArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// Only events from this number on.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from: u64,
    /// Go on until the execution has ended.
    #[arg(long)]
    follow: bool,
}

fn level(text: &str) -> Result<LogLevel, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|_| "the levels are debug, info, warn, error".into())
}

/// Shows the tree, or one step.
pub(super) fn show(args: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    let (_, steps) = site.history(execution)?;
    if let Some(step) = &args.step {
        return show_step(&steps, step, context);
    }
    let row = site.row(execution)?;
    let row = row.ok_or_else(|| Failure::not_found(format!("there is no execution {execution}")))?;
    let report = Report::new(row);
    let output = &context.output;
    let row = &report.row;
    let queued = row.status == ExecutionStatus::Queued;
    let position = if queued { list::positions(&site)?.get(&execution).copied() } else { None };
    if output.json {
        let mut document = report.to_json(&steps);
        if let Value::Object(map) = &mut document {
            map.insert("held".to_owned(), json!(steps.held()));
            map.insert("position".to_owned(), json!(position));
            map.insert("parent".to_owned(), json!(row.parent.map(|(parent, _)| parent)));
            map.insert("forked_from".to_owned(), json!(row.forked_from.map(|(origin, _)| origin)));
        }
        output.document(&document)?;
        return Ok(Exit::Success);
    }
    let took = report.duration_ms().map(|ms| format!(" in {}", tree::duration(ms))).unwrap_or_default();
    output.line(&format!(
        "{} {} {}",
        output.out(Style::Strong, &row.id.to_string()),
        plain(&row.workflow),
        plain(&row.version)
    ))?;
    output.line(&format!("{}{took}, started {}", row.status, timestamp(row.started_ms)))?;
    if let Some(position) = position {
        output.line(&format!("place {position} in the queue"))?;
    }
    if let Some((origin, _)) = row.forked_from {
        output.line(&format!("forked from {origin}"))?;
    }
    if let Some((parent, _)) = row.parent {
        output.line(&format!("started by {parent}"))?;
    }
    if let Some(waiting) = &row.waiting {
        let word = if row.status == ExecutionStatus::Paused { "held by a" } else { "waits for" };
        output.line(&format!("{word} {}", plain(waiting)))?;
    }
    for warning in report.warnings() {
        output.line(&format!("{} {}", output.out(Style::Warning, "warning:"), plain(&warning)))?;
    }
    if !steps.places.is_empty() {
        output.line("")?;
    }
    for line in tree::lines(&steps, "●", wiring::now_ms(), output.color_out) {
        output.line(&line.text)?;
        failed_runs(&steps, &line.address, context)?;
    }
    if let Some(failure) = report.summary.as_ref().and_then(|summary| summary.failure.as_ref()) {
        let word = output.out(Style::Bad, "error:");
        output.line(&format!("\n{word} {}: {}", failure.error.kind, plain(&failure.error.message)))?;
        // What was cancelled in the queue has no step.
        if steps.all.get(&failure.step).is_some_and(|step| step.begun) {
            output.line(&format!("  at step {}", failure.step))?;
        }
    }
    if let Some(summary) = report.summary.as_ref().filter(|summary| !summary.outputs.is_empty()) {
        output.line("")?;
        output.pretty(&Value::Object(summary.outputs.clone()))?;
    }
    Ok(Exit::Success)
}

/// Names the first runs of a repeated leaf that failed.
fn failed_runs(steps: &Steps, address: &Address, context: &Context) -> Result<(), Failure> {
    let place = address.place();
    let Some(counts) = steps.places.get(&place).filter(|counts| counts.runs() > 1 && counts.failure > 0) else {
        return Ok(());
    };
    let failed = steps.all.iter().filter(|(address, step)| {
        let own = step.failure.as_ref().is_some_and(|failure| failure.step == **address);
        step.status == NodeStatus::Failure && own && address.place() == place
    });
    let indent = "  ".repeat(place.segments.len() + 1);
    let mut shown = 0;
    for (address, step) in failed.take(FAILED_RUNS_SHOWN) {
        let message = step.failure.as_ref().map(|failure| plain(&failure.error.message)).unwrap_or_default();
        context.output.line(&format!("{indent}✗ {address}  {message}"))?;
        shown += 1;
    }
    let more = counts.failure.saturating_sub(shown);
    if shown > 0 && more > 0 { context.output.line(&format!("{indent}✗ and {more} more")) } else { Ok(()) }
}

fn show_step(steps: &Steps, name: &str, context: &Context) -> Result<Exit, Failure> {
    let found = steps.named(name);
    let latest = found.last().and_then(|address| Some((*address, steps.all.get(*address)?)));
    let (address, step) = latest.ok_or_else(|| {
        Failure::not_found(format!("no step `{name}` was started"))
            .hint("Name a node id or an address such as `/0/2[17]/1`; see them with `akao executions show ID --json`.")
    })?;
    if let [first, .., _] = found.as_slice() {
        let runs = output::count(found.len() as u64, "run");
        context.output.note(&format!("{name} has {runs}; this is the latest, the first is {first}."));
    }
    let mut document = step.to_json(address);
    if let Value::Object(map) = &mut document {
        map.insert("props".to_owned(), json!(step.props));
        map.insert("outputs".to_owned(), json!(step.outputs));
        map.insert("logs".to_owned(), json!(step.logs));
        map.insert("usage".to_owned(), json!(step.usage));
        map.insert("waiting".to_owned(), json!(step.waiting));
        map.insert("held".to_owned(), json!(step.held));
    }
    if context.output.json {
        context.output.document(&document)?
    } else {
        context.output.pretty(&document)?
    }
    Ok(Exit::Success)
}

/// Shows log lines with their step.
pub(super) fn logs(args: &LogsArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    let (told, steps) = site.history(execution)?;
    let wanted_steps = args.step.as_ref().map(|name| steps.named(name));
    let mut documents = Vec::new();
    for told in &told {
        for note in &told.notes {
            let Note::Log { address, line } = note else { continue };
            let wanted = args.level.is_none_or(|level| rank(line.level) >= rank(level))
                && args.text.as_ref().is_none_or(|text| line.message.contains(text.as_str()))
                && wanted_steps.as_ref().is_none_or(|steps| steps.contains(&address));
            if !wanted {
                continue;
            }
            let id = steps.all.get(address).map(|step| step.id.clone()).unwrap_or_default();
            if context.output.json {
                documents.push(json!({"at": timestamp(told.at), "step": address, "id": id, "level": line.level, "message": line.message}));
            } else {
                let level = json!(line.level).as_str().unwrap_or_default().to_owned();
                let head = format!("{} {level:5} {address} {}", timestamp(told.at), plain(&id));
                context.output.line(&format!("{}  {}", context.output.out(Style::Dim, &head), plain(&line.message)))?;
            }
        }
    }
    if context.output.json {
        context.output.document(&json!({"execution": execution, "logs": documents}))?;
    }
    Ok(Exit::Success)
}

/// How serious a level is.
fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Debug => 0,
        LogLevel::Info => 1,
        LogLevel::Warn => 2,
        LogLevel::Error => 3,
    }
}

/// Prints events as JSON lines, or as one document with `--json`.
pub(super) fn events(args: &EventsArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution) = locate(&args.id, context)?;
    if args.follow && context.output.json {
        return Err(Failure::usage("`--follow` prints lines, `--json` one document").hint("Leave out `--json`."));
    }
    let mut follower = site.follower(execution, &catalogue())?;
    follower.catch_up()?;
    let print = |told: &Told| -> Result<(), Failure> {
        if told.seq < args.from {
            return Ok(());
        }
        steps::events(execution, told).iter().try_for_each(|line| context.output.document(line))
    };
    let mut steps = Steps::default();
    let ready = follower.take_ready();
    if context.output.json {
        let wanted = ready.iter().filter(|told| told.seq >= args.from);
        let events: Vec<Value> = wanted.flat_map(|told| steps::events(execution, told)).collect();
        context.output.document(&json!({"execution": execution, "events": events}))?;
        return Ok(Exit::Success);
    }
    for told in &ready {
        steps.take(told);
        print(told)?;
    }
    if args.follow && !follower.has_ended() {
        let runtime = wiring::runtime()?;
        let followed = runtime.block_on(async {
            let executions = site.executions().await?;
            follow(&mut follower, executions.as_ref(), context, |told| {
                steps.take(told);
                print(told)
            })
            .await
        });
        runtime.shutdown_background();
        followed?;
    }
    let row = site.row(execution)?;
    let Some(row) = row.filter(|row| row.status.is_final()) else { return Ok(Exit::Success) };
    // Who waits for the end gets its exit code, as from `akao run`.
    let exit = if args.follow { Exit::of(row.status) } else { Exit::Success };
    context.output.document(&Report::new(row).last_event(&steps))?;
    Ok(exit)
}

/// Prints what is added until the execution has ended or nobody reads any more.
async fn follow(
    follower: &mut Follower,
    executions: &dyn Executions,
    context: &Context,
    mut print: impl FnMut(&Told) -> Result<(), Failure>,
) -> Result<(), Failure> {
    while !context.output.reader_left() {
        let update = tokio::select! {
            update = follower.next(executions) => update?,
            () = output::reader_gone() => return Ok(()),
        };
        match update {
            None => return Ok(()),
            Some(Update::Told(told)) => print(&told)?,
            Some(Update::Step(..)) => {}
        }
    }
    Ok(())
}
