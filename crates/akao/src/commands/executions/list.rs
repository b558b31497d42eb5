//! `akao executions list`.

use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::{steps::timestamp, tree},
    output::{plain, table},
    site::Site,
    wiring,
};
use akao_contract::{BareNumber, ExecutionId, ExecutionStatus, parse_duration_ms};
use akao_engine::{QueueEntry, Reply};
use akao_journal::{ExecutionFilter, ExecutionRow};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Arguments of `akao executions list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those in this state; may be given again.
    #[arg(long, value_name = "STATE", value_parser = status)]
    status: Vec<ExecutionStatus>,
    /// Only those of the workflow with this id.
    #[arg(long)]
    workflow: Option<String>,
    /// Only those started since: a duration such as 2h, or a time such as 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those with this text in the workflow's id or at the start of their own.
    #[arg(long)]
    text: Option<String>,
    /// How many, at most 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Go on where an earlier list ended.
    #[arg(long)]
    cursor: Option<String>,
}

fn status(text: &str) -> Result<ExecutionStatus, String> {
    ExecutionStatus::parse(text).ok_or_else(|| {
        let names = ExecutionStatus::ALL.map(ExecutionStatus::as_str).join(", ");
        format!("the states are {names}")
    })
}

/// Lists executions.
pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let site = Site::of(context)?;
    let filter = ExecutionFilter {
        statuses: args.status.clone(),
        workflow: args.workflow.clone(),
        since_ms: args.since.as_deref().map(time).transpose()?,
        text: args.text.clone(),
        ..ExecutionFilter::default()
    };
    let any = filter == ExecutionFilter::default();
    let page = site.list(filter, args.cursor.as_deref(), args.limit)?;
    let queued = page.rows.iter().any(|row| row.status == ExecutionStatus::Queued);
    let positions = if queued { positions(&site)? } else { BTreeMap::new() };
    if context.output.json {
        let rows: Vec<Value> = page.rows.iter().map(|row| to_json(row, &positions)).collect();
        context.output.document(&json!({"executions": rows, "next": page.next}))?;
        return Ok(Exit::Success);
    }
    if page.rows.is_empty() {
        context.output.note(if any && args.cursor.is_none() {
            "There are no executions yet; start one with `akao run FILE`."
        } else {
            "There are no such executions."
        });
        return Ok(Exit::Success);
    }
    let rows: Vec<Vec<String>> = page.rows.iter().map(|row| cells(row, &positions)).collect();
    context.output.text(&table(&["ID", "WORKFLOW", "STATE", "STARTED", "TOOK", "WAITS FOR"], &rows))?;
    if let Some(next) = page.next {
        let next = next.as_str().map_or_else(|| next.to_string(), str::to_owned);
        context.output.note(&format!("There are more; go on with `--cursor {next}`."));
    }
    Ok(Exit::Success)
}

/// A time in Unix milliseconds: so long ago, or a moment.
pub(super) fn time(text: &str) -> Result<i64, Failure> {
    if let Ok(ago) = parse_duration_ms(text, BareNumber::Refused) {
        return Ok(wiring::now_ms().saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX)));
    }
    let moment: Result<jiff::Timestamp, _> = text.parse();
    moment.map(jiff::Timestamp::as_millisecond).map_err(|_| {
        Failure::usage(format!("`{text}` is neither a duration nor a time"))
            .hint("Write for example `2h`, `30d` or `2026-01-31T08:00:00Z`.")
    })
}

/// Places in the queue, as far as there is an owner who knows.
pub(super) fn positions(site: &Site) -> Result<BTreeMap<ExecutionId, u64>, Failure> {
    let queue = queue_of(site)?.map(|queue| queue.entries).unwrap_or_default();
    Ok(queue.into_iter().map(|entry| (entry.id, entry.position)).collect())
}

/// What waits for its turn, and for how many there is room.
struct Queue {
    entries: Vec<QueueEntry>,
    running: u64,
    limit: u64,
}

fn queue_of(site: &Site) -> Result<Option<Queue>, Failure> {
    Ok(match site.queue()? {
        Some(Reply::Queue { entries, running, limit }) => Some(Queue { entries, running, limit }),
        _ => None,
    })
}

/// Arguments of `akao executions queue`.
#[derive(Debug, clap::Args)]
pub(crate) struct QueueArgs {}

/// Shows what waits for its turn.
pub(super) fn queue(_: &QueueArgs, context: &Context) -> Result<Exit, Failure> {
    let queue = queue_of(&Site::of(context)?)?;
    let output = &context.output;
    let (running, limit) = queue.as_ref().map_or((0, None), |queue| (queue.running, Some(queue.limit)));
    let entries = queue.map(|queue| queue.entries).unwrap_or_default();
    if output.json {
        let list: Vec<Value> = entries.iter().map(queued_json).collect();
        output.document(&json!({"queue": list, "running": running, "limit": limit}))?;
        return Ok(Exit::Success);
    }
    if entries.is_empty() {
        output.note("Nothing waits for its turn.");
        return Ok(Exit::Success);
    }
    let cells = |entry: &QueueEntry| {
        let key = entry.key.as_deref().map(plain).unwrap_or_default();
        let since = timestamp(entry.enqueued_at);
        vec![entry.position.to_string(), entry.id.to_string(), plain(&entry.target), since, key]
    };
    let rows: Vec<Vec<String>> = entries.iter().map(cells).collect();
    output.text(&table(&["PLACE", "ID", "WORKFLOW", "QUEUED", "KEY"], &rows))?;
    output.note(&format!("{running} of at most {} run.", limit.unwrap_or_default()));
    Ok(Exit::Success)
}

fn queued_json(entry: &QueueEntry) -> Value {
    json!({
        "id": entry.id, "type": entry.kind, "target": entry.target, "action": entry.action,
        "enqueued_at": timestamp(entry.enqueued_at), "position": entry.position, "key": entry.key,
    })
}

fn took_ms(row: &ExecutionRow) -> Option<i64> {
    row.ended_ms.map(|ended| ended.saturating_sub(row.started_ms).max(0))
}

fn to_json(row: &ExecutionRow, positions: &BTreeMap<ExecutionId, u64>) -> Value {
    json!({
        "execution": row.id,
        "workflow": row.workflow,
        "version": row.version,
        "status": row.status,
        "started_at": timestamp(row.started_ms),
        "duration_ms": took_ms(row),
        "waiting": row.waiting,
        "position": positions.get(&row.id),
        "parent": row.parent.map(|(parent, _)| parent),
        "forked_from": row.forked_from.map(|(origin, _)| origin),
    })
}

fn cells(row: &ExecutionRow, positions: &BTreeMap<ExecutionId, u64>) -> Vec<String> {
    let place = positions.get(&row.id).map(|position| format!("place {position} in the queue"));
    vec![
        row.id.to_string(),
        plain(&format!("{} {}", row.workflow, row.version)),
        row.status.to_string(),
        timestamp(row.started_ms),
        took_ms(row).map(tree::duration).unwrap_or_default(),
        place.or_else(|| row.waiting.as_deref().map(plain)).unwrap_or_default(),
    ]
}
