//! `akao executions show`, `logs` and `events`: what the journal tells of one execution.

use super::locate;
use crate::{
    catalogue::catalogue,
    cli::Context,
    commands::run::Report,
    exit::Exit,
    failure::Failure,
    live::{Follower, Steps, Update, lines, steps::timestamp, tree},
    output::{Style, plain},
    owner, wiring,
};
use akao_contract::{Address, ExecutionId, LogLevel, NodeStatus};
use akao_engine::Told;
use akao_flow::Note;
use serde_json::{Value, json};
use std::path::Path;

/// Runs of a loop that are named when they failed.
const FAILED_RUNS_SHOWN: usize = 5;

/// Arguments of `akao executions show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// Show one step with its props, outputs, error and log.
    #[arg(long, value_name = "ADDRESS")]
    step: Option<Address>,
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
    /// Only lines of this step.
    #[arg(long, value_name = "ADDRESS")]
    step: Option<Address>,
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

/// The whole history as it stands now.
fn history(folder: &Path, execution: ExecutionId) -> Result<(Vec<Told>, Steps), Failure> {
    let mut follower = Follower::new(folder, execution, &catalogue())?;
    follower.catch_up()?;
    let told = follower.take_ready();
    let mut steps = Steps::default();
    told.iter().for_each(|told| steps.take(told));
    Ok((told, steps))
}

/// Shows the tree, or one step.
pub(super) fn show(args: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let (folder, execution) = locate(&args.id, context)?;
    let (_, steps) = history(&folder, execution)?;
    if let Some(address) = &args.step {
        return show_step(&steps, address, context);
    }
    let row = wiring::reader(&folder)?.execution(execution)?;
    let row = row.ok_or_else(|| Failure::not_found(format!("there is no execution {execution}")))?;
    let report = Report::new(row);
    let output = &context.output;
    if output.json {
        output.document(&report.to_json(&steps))?;
        return Ok(Exit::Success);
    }
    let row = &report.row;
    let took = report.duration_ms().map(|ms| format!(" in {}", tree::duration(ms))).unwrap_or_default();
    output.line(&format!(
        "{} {} {}",
        output.out(Style::Strong, &row.id.to_string()),
        plain(&row.workflow),
        row.version
    ))?;
    output.line(&format!("{}{took}, started {}", row.status, timestamp(row.started_ms)))?;
    if let Some(waiting) = &row.waiting {
        output.line(&format!("waits for {}", plain(waiting)))?;
    }
    output.line("")?;
    for line in tree::lines(&steps, "●", wiring::now_ms(), output.color_out) {
        output.line(&line.text)?;
        failed_runs(&steps, &line.address, context)?;
    }
    if let Some(failure) = report.summary.as_ref().and_then(|summary| summary.failure.as_ref()) {
        let word = output.out(Style::Bad, "error:");
        output.line(&format!("\n{word} {}: {}", failure.error.kind, plain(&failure.error.message)))?;
        output.line(&format!("  at step {}", failure.step))?;
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

fn show_step(steps: &Steps, address: &Address, context: &Context) -> Result<Exit, Failure> {
    let step = steps.all.get(address).ok_or_else(|| {
        Failure::not_found(format!("no step ran at {address}"))
            .hint("See the addresses with `akao executions show ID --json`.")
    })?;
    let mut document = step.to_json(address);
    if let Value::Object(map) = &mut document {
        map.insert("props".to_owned(), json!(step.props));
        map.insert("outputs".to_owned(), json!(step.outputs));
        map.insert("logs".to_owned(), json!(step.logs));
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
    let (folder, execution) = locate(&args.id, context)?;
    let (told, steps) = history(&folder, execution)?;
    let mut documents = Vec::new();
    for told in &told {
        for note in &told.notes {
            let Note::Log { address, line } = note else { continue };
            let wanted = args.level.is_none_or(|level| rank(line.level) >= rank(level))
                && args.text.as_ref().is_none_or(|text| line.message.contains(text.as_str()))
                && args.step.as_ref().is_none_or(|step| step == address);
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
    let (folder, execution) = locate(&args.id, context)?;
    if args.follow && context.output.json {
        return Err(Failure::usage("`--follow` prints lines, `--json` one document").hint("Leave out `--json`."));
    }
    let mut follower = Follower::new(&folder, execution, &catalogue())?;
    follower.catch_up()?;
    let print = |told: &Told| -> Result<(), Failure> {
        if told.seq < args.from {
            return Ok(());
        }
        lines::events(told).iter().try_for_each(|line| context.output.document(line))
    };
    let ready = follower.take_ready();
    if context.output.json {
        let wanted = ready.iter().filter(|told| told.seq >= args.from);
        let events: Vec<Value> = wanted.flat_map(lines::events).collect();
        context.output.document(&json!({"execution": execution, "events": events}))?;
        return Ok(Exit::Success);
    }
    ready.iter().try_for_each(print)?;
    if !args.follow || follower.has_ended() {
        return Ok(Exit::Success);
    }
    let runtime = wiring::runtime()?;
    let followed = runtime.block_on(async {
        let client = owner::background(&folder).await?;
        while let Some(update) = follower.next(&client).await? {
            if let Update::Told(told) = update {
                print(&told)?;
            }
        }
        Ok(Exit::Success)
    });
    runtime.shutdown_background();
    followed
}
