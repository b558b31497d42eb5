//! `akao tasks`: what waits for people, and how they answer.

use super::executions::locate;
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::steps::timestamp,
    load,
    output::{plain, table},
    site::Site,
};
use akao_contract::{ExecutionId, OpId};
use akao_engine::Request;
use akao_flow::Decision;
use akao_journal::{TaskFilter, TaskRow, TaskStatus};
use serde_json::{Value, json};

/// What `akao tasks` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List tasks.
    List(ListArgs),
    /// Show a task with its form.
    Show(ShowArgs),
    /// Answer a task.
    Complete(CompleteArgs),
}

/// Arguments of `akao tasks list`.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Closed ones too.
    #[arg(long)]
    all: bool,
    /// Only those for this person.
    #[arg(long)]
    assignee: Option<String>,
    /// Only those for this role.
    #[arg(long)]
    role: Option<String>,
    /// How many, at most 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Arguments of `akao tasks show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// The task as the list names it.
    #[arg(value_name = "EXECUTION:NUMBER")]
    task: String,
}

/// Arguments of `akao tasks complete`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompleteArgs {
    /// The task as the list names it.
    #[arg(value_name = "EXECUTION:NUMBER")]
    task: String,
    /// Say no.
    #[arg(long)]
    reject: bool,
    /// Say yes, which is usual.
    #[arg(long, conflicts_with = "reject")]
    approve: bool,
    /// The form's content: JSON, or @FILE with JSON or YAML.
    #[arg(long, value_name = "JSON|@FILE")]
    data: Option<String>,
    /// Who answers.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// In your own words.
    #[arg(long)]
    comment: Option<String>,
}

/// Carries the command out.
pub(crate) fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::List(args) => list(&args, context),
        Command::Show(args) => show(&args, context),
        Command::Complete(args) => complete(&args, context),
    }
}

fn list(args: &ListArgs, context: &Context) -> Result<Exit, Failure> {
    let filter = TaskFilter {
        tenant: None,
        statuses: if args.all { Vec::new() } else { vec![TaskStatus::Open] },
        assignee: args.assignee.clone(),
        role: args.role.clone(),
        execution: None,
        since_ms: None,
        after: None,
    };
    let rows = Site::of(context)?.tasks(filter, args.limit)?;
    if context.output.json {
        let tasks: Vec<Value> = rows.iter().map(to_json).collect();
        context.output.document(&json!({"tasks": tasks}))?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        context.output.note("Nothing waits for anybody.");
        return Ok(Exit::Success);
    }
    let cells: Vec<Vec<String>> = rows.iter().map(|row| cells(row).to_vec()).collect();
    context.output.text(&table(&["TASK", "STATE", "FOR", "DUE", "TITLE"], &cells))?;
    if rows.iter().any(|row| row.status == TaskStatus::Open) {
        context.output.note("Answer one with `akao tasks complete TASK --approve`, or `--reject`.");
    }
    Ok(Exit::Success)
}

fn name(row: &TaskRow) -> String {
    format!("{}:{}", row.execution, row.op)
}

fn cells(row: &TaskRow) -> [String; 5] {
    let whom = row.assignee.as_deref().or(row.role.as_deref()).unwrap_or("anybody");
    let due = row.due_ms.map(timestamp).unwrap_or_default();
    [name(row), row.status.as_str().to_owned(), plain(whom), due, plain(&row.title)]
}

fn to_json(row: &TaskRow) -> Value {
    let opaque = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    json!({
        "task": name(row),
        "execution": row.execution,
        "title": row.title,
        "assignee": row.assignee,
        "role": row.role,
        "due_at": row.due_ms.map(timestamp),
        "status": row.status.as_str(),
        "created_at": timestamp(row.created_ms),
        "closed_at": row.closed_ms.map(timestamp),
        "details": opaque(&row.body),
        "result": row.result.as_deref().map(opaque),
    })
}

/// The execution and the number that a task's name holds.
fn named(task: &str, context: &Context) -> Result<(Site, ExecutionId, OpId), Failure> {
    let not_a_task = || {
        Failure::usage(format!("`{task}` does not name a task"))
            .hint("A task is named EXECUTION:NUMBER; see `akao tasks list`.")
    };
    let (id, number) = task.split_once(':').ok_or_else(not_a_task)?;
    let op = OpId(number.parse().map_err(|_| not_a_task())?);
    let (site, execution) = locate(id, context)?;
    Ok((site, execution, op))
}

/// Tasks of one execution among which one is looked for.
const TASKS_MAX: u32 = 1_000;

fn find(site: &Site, execution: ExecutionId, op: OpId) -> Result<TaskRow, Failure> {
    let filter = TaskFilter { execution: Some(execution), ..TaskFilter::default() };
    let rows = site.tasks(filter, TASKS_MAX)?;
    rows.into_iter().find(|row| row.op == op).ok_or_else(|| {
        Failure::not_found(format!("there is no task {execution}:{op}")).hint("See `akao tasks list --all`.")
    })
}

fn show(args: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let (site, execution, op) = named(&args.task, context)?;
    let row = find(&site, execution, op)?;
    let document = to_json(&row);
    let output = &context.output;
    if output.json {
        output.document(&document)?;
        return Ok(Exit::Success);
    }
    output.line(&plain(&row.title))?;
    if let Some(description) = document["details"]["description"].as_str() {
        output.line(&plain(description))?;
    }
    let [_, state, whom, due, _] = cells(&row);
    let due = if due.is_empty() { due } else { format!(", due {due}") };
    output.line(&format!("{state}, for {whom}{due}"))?;
    for (word, value) in [("form", &document["details"]["form"]), ("result", &document["result"])] {
        if !value.is_null() {
            output.line(&format!("\n{word}:"))?;
            output.pretty(value)?;
        }
    }
    Ok(Exit::Success)
}

fn complete(args: &CompleteArgs, context: &Context) -> Result<Exit, Failure> {
    let data = load::input::read_input("--data", args.data.as_deref(), &[])?;
    let decision = Decision { approved: !args.reject, data, by: args.by.clone(), comment: args.comment.clone() };
    let (site, execution, op) = named(&args.task, context)?;
    let name = format!("{execution}:{op}");
    site.ask(Request::CompleteTask { execution, op, decision }).map_err(|failure| match failure.hint {
        None if failure.exit == Exit::Usage => {
            failure.hint(format!("`akao tasks show {name}` shows the form; give its content with `--data '{{…}}'`."))
        }
        _ => failure,
    })?;
    let word = if args.reject { "rejected" } else { "approved" };
    if context.output.json {
        context.output.document(&json!({"task": name, "decision": word}))?;
    } else {
        context.output.note(&format!("The task is {word}."));
    }
    Ok(Exit::Success)
}
