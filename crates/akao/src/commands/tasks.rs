//! `akao tasks`: what waits for people, and how they answer.

use super::executions::{ask, locate};
use crate::{
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::steps::timestamp,
    load,
    output::{plain, table},
    wiring,
};
use akao_contract::{OpId, Tenant};
use akao_engine::Request;
use akao_flow::Decision;
use akao_journal::{TaskFilter, TaskRow, TaskStatus};
use serde_json::{Value, json};

/// What `akao tasks` can do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List tasks.
    List(ListArgs),
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
        Command::Complete(args) => complete(&args, context),
    }
}

fn list(args: &ListArgs, context: &Context) -> Result<Exit, Failure> {
    let folder = wiring::data_dir(context)?;
    let filter = TaskFilter {
        tenant: Some(Tenant::local()),
        statuses: if args.all { Vec::new() } else { vec![TaskStatus::Open] },
        assignee: args.assignee.clone(),
        role: args.role.clone(),
        execution: None,
    };
    let rows = wiring::reader(&folder)?.tasks(&filter, args.limit)?;
    if context.output.json {
        let tasks: Vec<Value> = rows.iter().map(to_json).collect();
        context.output.document(&json!({"tasks": tasks}))?;
        return Ok(Exit::Success);
    }
    if rows.is_empty() {
        context.output.note("Nothing waits for anybody.");
        return Ok(Exit::Success);
    }
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    context.output.text(&table(&["TASK", "STATE", "FOR", "DUE", "TITLE"], &cells))?;
    context.output.note("Answer one with `akao tasks complete TASK --approve`, or `--reject`.");
    Ok(Exit::Success)
}

fn name(row: &TaskRow) -> String {
    format!("{}:{}", row.execution, row.op)
}

fn cells(row: &TaskRow) -> Vec<String> {
    let whom = row.assignee.as_deref().or(row.role.as_deref()).unwrap_or("anybody");
    let due = row.due_ms.map(timestamp).unwrap_or_default();
    vec![name(row), row.status.as_str().to_owned(), plain(whom), due, plain(&row.title)]
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

fn complete(args: &CompleteArgs, context: &Context) -> Result<Exit, Failure> {
    let not_a_task = || {
        Failure::usage(format!("`{}` does not name a task", args.task))
            .hint("A task is named EXECUTION:NUMBER; see `akao tasks list`.")
    };
    let (id, number) = args.task.split_once(':').ok_or_else(not_a_task)?;
    let op = OpId(number.parse().map_err(|_| not_a_task())?);
    let data = load::input::read_input(args.data.as_deref(), &[]);
    let data = data.map_err(|error| Failure::usage(error.to_string()))?;
    let decision = Decision { approved: !args.reject, data, by: args.by.clone(), comment: args.comment.clone() };
    let (folder, execution) = locate(id, context)?;
    ask(&folder, Request::CompleteTask { execution, op, decision })?;
    let word = if args.reject { "rejected" } else { "approved" };
    if context.output.json {
        context.output.document(&json!({"task": format!("{execution}:{op}"), "decision": word}))?;
    } else {
        context.output.note(&format!("The task is {word}."));
    }
    Ok(Exit::Success)
}
