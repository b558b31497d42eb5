//! `akao node run`: starts a node in its sandbox, gives it inputs, and shows requests, answers and lines as they come.

use super::{
    absolute, read_package,
    stand::{Given, Stand, Watch, Way},
};
use crate::{
    cli::Context,
    commands::run::{grants, secrets, volume_folders},
    exit::Exit,
    failure::Failure,
    load,
    output::{Output, Style, plain},
    wiring,
};
use akao_contract::{LogLevel, NodeType, Outcome, OutcomeStatus};
use akao_step::StepEvent;
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
    sync::Arc,
};

/// Arguments of `akao node run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's folder [default: the current one].
    folder: Option<PathBuf>,
    /// Which node of the package, where it holds several.
    #[arg(long, value_name = "ID")]
    node: Option<String>,
    /// The inputs: JSON, or @FILE with JSON or YAML. Without it and `--set`, lines of JSON are read from standard input.
    #[arg(long, value_name = "JSON|@FILE")]
    input: Option<String>,
    /// Set one input; may be given again.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    rights: Rights,
}

/// What a node is given to use.
#[derive(Debug, clap::Args)]
pub(super) struct Rights {
    /// Allow something that the manifest asks for, such as network.http=localhost:8080; may be given again.
    #[arg(long = "grant", value_name = "PERMISSION")]
    grants: Vec<String>,
    /// Allow all that the manifest asks for.
    #[arg(long)]
    grant_all: bool,
    /// Let the node use a folder as the volume NAME; may be given again.
    #[arg(long = "volume", value_name = "NAME=FOLDER")]
    volumes: Vec<String>,
    /// Give a secret as NAME=@FILE or NAME=env:VARIABLE; may be given again.
    #[arg(long = "secret", value_name = "NAME=PLACE")]
    secrets: Vec<String>,
}

impl Rights {
    /// What was given, for a package.
    pub(super) fn given(&self, stand: &Stand) -> Result<Given, Failure> {
        let mut granted = grants(&self.grants)?;
        if self.grant_all {
            let asked = stand.package().folder.manifest().permissions.iter();
            granted.extend(asked.filter(|permission| permission.scope().is_some()).cloned());
        }
        let secrets = secrets(&self.secrets)?.0;
        Ok(Given { grants: granted, volumes: volume_folders(&self.volumes)?, secrets })
    }
}

/// Runs the calls. Exit 0 when all succeed, else 1.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let folder = absolute(args.folder.clone())?;
    let package = read_package(&folder, context)?;
    let runtime = wiring::runtime()?;
    let done = runtime.block_on(calls(&args, package, context));
    runtime.shutdown_background();
    done
}

async fn calls(args: &Args, package: akao_nodes::Pinned, context: &Context) -> Result<Exit, Failure> {
    let output = context.output;
    let watch = (!output.quiet).then(|| watch(output));
    let stand = Stand::new(package, watch, context)?;
    let node = stand.node(args.node.as_deref())?;
    let given = args.rights.given(&stand)?;
    let mut exit = Exit::Success;
    for value in inputs(args)? {
        let parameters = stand.parameters(&node, value)?;
        if call(&stand, &node, parameters, &given, &output).await? != Exit::Success {
            exit = Exit::Failure;
        }
    }
    stand.end().await;
    Ok(exit)
}

/// The inputs of each call: those of the options, else each line of a standard input that is no terminal, else none.
fn inputs(args: &Args) -> Result<Vec<Value>, Failure> {
    let mut values = Vec::new();
    if args.input.is_none() && args.set.is_empty() && !io::stdin().is_terminal() {
        for (at, line) in io::stdin().lock().lines().enumerate() {
            let line = line.map_err(|error| Failure::usage("cannot read standard input").because(&error))?;
            if line.trim().is_empty() {
                continue;
            }
            let wrong =
                |error| Failure::usage(format!("line {} of standard input is not JSON", at + 1)).because(&error);
            values.push(serde_json::from_str(&line).map_err(wrong)?);
        }
    }
    if values.is_empty() {
        values.push(load::input::read_input("--input", args.input.as_deref(), &args.set)?);
    }
    Ok(values)
}

/// Shows messages: to the node with `→`, from it with `←`.
fn watch(output: Output) -> Watch {
    Arc::new(move |way, message| {
        let sign = match way {
            Way::In => output.err(Style::Active, "→"),
            Way::Out => output.err(Style::Good, "←"),
        };
        output.always(&format!("{sign} {}", plain(message)));
    })
}

async fn call(
    stand: &Stand,
    node: &NodeType,
    parameters: serde_json::Map<String, Value>,
    given: &Given,
    output: &Output,
) -> Result<Exit, Failure> {
    let done = stand.call(node, parameters, given, |event| show(event, output)).await;
    present(&done.outcome, output)?;
    Ok(if done.outcome.status == OutcomeStatus::Success { Exit::Success } else { Exit::Failure })
}

/// A line of the node's, or a step on its way.
fn show(event: &StepEvent, output: &Output) {
    match event {
        StepEvent::Log(line) => {
            let style = match line.level {
                LogLevel::Error => Style::Bad,
                LogLevel::Warn => Style::Warning,
                _ => Style::Dim,
            };
            output.note(&format!("{} {}", output.err(style, "|"), plain(&line.message)));
        }
        StepEvent::Progress { fraction, message } => {
            let done = fraction.map(|fraction| format!("{:.0} % ", fraction * 100.0)).unwrap_or_default();
            output.note(&format!("{} {done}{}", output.err(Style::Dim, "…"), plain(message)));
        }
    }
}

fn present(outcome: &Outcome, output: &Output) -> Result<(), Failure> {
    if output.json {
        let success = outcome.status == OutcomeStatus::Success;
        return output.document(&json!({"success": success, "outputs": outcome.outputs, "error": outcome.error}));
    }
    match &outcome.error {
        None => output.pretty(&Value::Object(outcome.outputs.clone())),
        Some(error) => {
            output.always(&format!("{} {}: {}", output.err(Style::Bad, "error:"), error.kind, plain(&error.message)));
            for line in error.detail.get("lines").and_then(Value::as_array).into_iter().flatten() {
                output.always(&format!("  | {}", plain(line.as_str().unwrap_or_default())));
            }
            if let Some(suggestion) = error.suggestion() {
                output.always(&format!("\n{} {}", output.err(Style::Active, "hint:"), plain(suggestion)));
            }
            Ok(())
        }
    }
}
