//! The debugger: stop at a step, look at values, change them, go on. The same words in a terminal and from a pipe.

use super::{ask, done, locate, steer::OneArgs};
use crate::{
    catalogue::catalogue,
    cli::Context,
    commands::run,
    exit::Exit,
    failure::Failure,
    live::{Follower, Steps},
    load,
    output::plain,
    owner, wiring,
};
use akao_contract::{Address, ExecutionId};
use akao_engine::{Executions, GivenSecrets, Reply, Request};
use akao_flow::StepMode;
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, Write},
    path::Path,
};
use tokio::sync::mpsc;

/// What can be typed.
const HELP: &str = "\
s, over         go on to the next step outside this one
i, into         go on to the next step that starts
o, out          go on to the next step outside the parent
c, continue     go on to the next breakpoint
p [PATH]        print the values that this step sees, or one of them
set PATH JSON   change a value
b STEP[:COND]   set a breakpoint
clear STEP      clear a breakpoint
bt              where it is held
q               leave; the execution stays where it is";

/// Arguments of `akao executions break`.
#[derive(Debug, clap::Args)]
pub(crate) struct BreakArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// A node id or an address, with `:CONDITION` if only sometimes.
    #[arg(value_name = "STEP[:CONDITION]")]
    step: String,
    /// Clear it instead.
    #[arg(long)]
    clear: bool,
}

/// How far to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// To the next step outside the one that is held.
    Over,
    /// To the next step that starts.
    Into,
    /// To the next step outside the parent.
    Out,
    /// To the next breakpoint.
    Continue,
}

impl From<Mode> for StepMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Over => Self::Over,
            Mode::Into => Self::Into,
            Mode::Out => Self::Out,
            Mode::Continue => Self::Continue,
        }
    }
}

/// Arguments of `akao executions step`.
#[derive(Debug, clap::Args)]
pub(crate) struct StepArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// How far.
    #[arg(default_value = "over")]
    mode: Mode,
}

/// Arguments of `akao executions values`.
#[derive(Debug, clap::Args)]
pub(crate) struct ValuesArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// The step that looks; the one that is held, or the root, when none is named.
    #[arg(long, value_name = "ADDRESS")]
    at: Option<Address>,
}

/// Arguments of `akao executions set`.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// The execution: its id or the unique beginning of it.
    id: String,
    /// What to change, such as bb.count=3.
    #[arg(value_name = "PATH=JSON")]
    assignment: String,
    /// The step from which the path is seen.
    #[arg(long, value_name = "ADDRESS")]
    at: Option<Address>,
}

/// Sets or clears a breakpoint.
pub(super) fn set_break(args: &BreakArgs, context: &Context) -> Result<Exit, Failure> {
    let (folder, execution) = locate(&args.id, context)?;
    let breakpoint = run::breakpoint(&args.step);
    let (request, words) = if args.clear {
        let words = format!("Cleared {}.", breakpoint.at);
        (Request::ClearBreakpoint { execution, at: breakpoint.at }, words)
    } else {
        let words = format!("Stops at {}.", breakpoint.at);
        (Request::SetBreakpoint { execution, breakpoint }, words)
    };
    ask(&folder, request)?;
    done(context, execution, &words)
}

/// Goes on to the next stop.
pub(super) fn step(args: &StepArgs, context: &Context) -> Result<Exit, Failure> {
    let (folder, execution) = locate(&args.id, context)?;
    ask(&folder, Request::Step { execution, mode: args.mode.into() })?;
    done(context, execution, &format!("{execution} goes on."))
}

/// Shows values.
pub(super) fn values(args: &ValuesArgs, context: &Context) -> Result<Exit, Failure> {
    let (folder, execution) = locate(&args.id, context)?;
    let row = wiring::reader(&folder)?.execution(execution)?;
    let ended = row.map(|row| row.status).filter(|status| status.is_final());
    let (values, held, status) = match ended {
        Some(status) => (last_values(&folder, execution, args.at.as_ref())?, Vec::new(), status),
        None => match ask(&folder, Request::Inspect { execution, at: args.at.clone() })? {
            Reply::Values { values, held, status } => (values, held, status),
            _ => return Err(Failure::internal("the engine did not answer with values")),
        },
    };
    if context.output.json {
        let held: Vec<Value> =
            held.iter().map(|(step, id, reason)| json!({"step": step, "id": id, "reason": reason})).collect();
        context.output.document(&json!({"execution": execution, "status": status, "held": held, "values": values}))?;
    } else {
        context.output.pretty(&values)?;
    }
    Ok(Exit::Success)
}

/// The values with which an execution ended.
fn last_values(folder: &Path, execution: ExecutionId, at: Option<&Address>) -> Result<Value, Failure> {
    let mut follower = Follower::new(folder, execution, &catalogue())?;
    follower.catch_up()?;
    let never = || Failure::not_found(format!("execution {execution} never began, so that it has no values"));
    follower.machine().map(|machine| machine.values_at(at)).ok_or_else(never)
}

/// Changes a value.
pub(super) fn set(args: &SetArgs, context: &Context) -> Result<Exit, Failure> {
    let (path, value) = load::input::read_assignment(&args.assignment)?;
    let (folder, execution) = locate(&args.id, context)?;
    let words = format!("{path} is changed.");
    ask(&folder, Request::Edit { execution, path, value, at: args.at.clone() })?;
    done(context, execution, &words)
}

/// Debugs an execution that another process holds.
pub(super) fn debug(args: &OneArgs, context: &Context) -> Result<Exit, Failure> {
    let (folder, execution) = locate(&args.id, context)?;
    let runtime = wiring::runtime()?;
    let left = runtime.block_on(async {
        let client = owner::background(&folder).await?;
        client.call(Request::Debug { execution, on: true }).await?;
        let view = run::View { events: false, debug: true, cancels: false };
        let seen = run::follow(&client, &folder, execution, &catalogue(), view, context).await?;
        if matches!(seen, run::Seen::Left | run::Seen::Terminated) {
            context.output.note(&format!("Left; come back with `akao executions debug {execution}`."));
        }
        Ok(seen.exit())
    });
    runtime.shutdown_background();
    left
}

/// What a typed line asks for.
#[derive(Debug, PartialEq)]
enum Typed<'a> {
    Step(StepMode),
    Print(Option<&'a str>),
    Set(&'a str, &'a str),
    Break(&'a str),
    Clear(&'a str),
    Where,
    Quit,
    Help,
}

fn typed(line: &str) -> Typed<'_> {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = rest.trim();
    match word {
        "s" | "over" => Typed::Step(StepMode::Over),
        "i" | "into" => Typed::Step(StepMode::Into),
        "o" | "out" => Typed::Step(StepMode::Out),
        "c" | "continue" => Typed::Step(StepMode::Continue),
        "p" | "print" => Typed::Print(Some(rest).filter(|path| !path.is_empty())),
        "set" => match rest.split_once(char::is_whitespace) {
            Some((path, value)) => Typed::Set(path, value.trim()),
            None => Typed::Help,
        },
        "b" | "break" if !rest.is_empty() => Typed::Break(rest),
        "clear" if !rest.is_empty() => Typed::Clear(rest),
        "bt" | "where" => Typed::Where,
        "q" | "quit" => Typed::Quit,
        _ => Typed::Help,
    }
}

/// Asks what to do whenever the execution is held.
pub(crate) struct Debugger {
    execution: ExecutionId,
    typed: Option<mpsc::Receiver<io::Result<String>>>,
    prompted: bool,
    left: bool,
}

impl Debugger {
    /// A debugger of one execution.
    pub(crate) fn new(execution: ExecutionId) -> Self {
        Self { execution, typed: None, prompted: false, left: false }
    }

    /// Whether the person has left.
    pub(crate) fn has_left(&self) -> bool {
        self.left
    }

    /// The next line that is typed; none at the end of the input. May be given up and asked for again.
    pub(crate) async fn line(&mut self) -> Result<Option<String>, Failure> {
        if !std::mem::replace(&mut self.prompted, true) {
            eprint_prompt();
        }
        let line = self.typed.get_or_insert_with(type_lines).recv().await.transpose();
        self.prompted = false;
        line.map_err(|error| Failure::storage("cannot read standard input").because(&error))
    }

    /// The prompt is stale, because something was printed after it or the execution went on without it.
    pub(crate) fn interrupted(&mut self) {
        if std::mem::take(&mut self.prompted) {
            eprint_newline();
        }
    }

    /// Does what a line asks for; true when the execution goes on or the person leaves. The end of the input means: go on
    /// to the end.
    pub(crate) async fn take(
        &mut self,
        line: Option<&str>,
        executions: &dyn Executions,
        steps: &Steps,
        context: &Context,
    ) -> Result<bool, Failure> {
        let execution = self.execution;
        let Some(line) = line else {
            executions.call(Request::Debug { execution, on: false }).await?;
            executions.call(Request::Resume { execution, secrets: GivenSecrets::default() }).await?;
            return Ok(true);
        };
        self.obey(executions, steps, line, context).await.or_else(|failure| {
            context.output.failure_words(&failure);
            Ok(false)
        })
    }

    /// Does what was typed; true when there is nothing more to ask.
    async fn obey(
        &mut self,
        executions: &dyn Executions,
        steps: &Steps,
        line: &str,
        context: &Context,
    ) -> Result<bool, Failure> {
        let execution = self.execution;
        let at = steps.attention.iter().find(|address| steps.all.get(*address).is_some_and(|step| step.held.is_some()));
        let at = at.cloned();
        match typed(line) {
            Typed::Step(mode) => {
                executions.call(Request::Step { execution, mode }).await?;
                return Ok(true);
            }
            Typed::Print(path) => {
                let reply = executions.call(Request::Inspect { execution, at }).await?;
                let Reply::Values { values, .. } = reply else { return Ok(false) };
                let found = path.map_or(Some(&values), |path| find(&values, path));
                match found {
                    Some(value) => context.output.always(&plain(&format!("{value:#}"))),
                    None => context.output.always(&format!("there is no {}", path.unwrap_or_default())),
                }
            }
            Typed::Set(path, text) => {
                let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
                executions.call(Request::Edit { execution, path: path.to_owned(), value, at }).await?;
            }
            Typed::Break(text) => {
                executions.call(Request::SetBreakpoint { execution, breakpoint: run::breakpoint(text) }).await?;
            }
            Typed::Clear(at) => {
                executions.call(Request::ClearBreakpoint { execution, at: at.to_owned() }).await?;
            }
            Typed::Where => {
                let reply = executions.call(Request::Inspect { execution, at: None }).await?;
                let Reply::Values { held, .. } = reply else { return Ok(false) };
                for (address, id, reason) in held {
                    context.output.always(&format!("{address} {} ({reason})", plain(&id)));
                }
            }
            Typed::Quit => {
                self.left = true;
                return Ok(true);
            }
            Typed::Help => context.output.always(HELP),
        }
        Ok(false)
    }
}

/// A value along a path of names and positions; a name that is no namespace is looked for on the blackboard.
fn find<'v>(values: &'v Value, path: &str) -> Option<&'v Value> {
    let walk = |from: &'v Value| {
        path.split('.').try_fold(from, |value, name| match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            other => other.get(name),
        })
    };
    walk(values).or_else(|| walk(values.get("bb")?))
}

fn eprint_prompt() {
    let mut out = io::stderr().lock();
    // Without a standard error there is nobody to ask; the next line is read all the same.
    let _ = out.write_all(b"(akao) ").and_then(|()| out.flush());
}

/// Ends the line of a prompt.
fn eprint_newline() {
    // As with the prompt.
    let _ = io::stderr().lock().write_all(b"\n");
}

/// The lines of standard input as they are typed. Reading cannot be interrupted, so it has a thread of its own, which the
/// program's end ends.
fn type_lines() -> mpsc::Receiver<io::Result<String>> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        let cases = [
            ("s", Typed::Step(StepMode::Over)),
            (" into ", Typed::Step(StepMode::Into)),
            ("p", Typed::Print(None)),
            ("p bb.x", Typed::Print(Some("bb.x"))),
            ("set a  {\"b\": 1}", Typed::Set("a", "{\"b\": 1}")),
            ("set a", Typed::Help),
            ("b work: count > 3", Typed::Break("work: count > 3")),
            ("bt", Typed::Where),
            ("", Typed::Help),
        ];
        for (line, expected) in cases {
            assert_eq!(typed(line), expected, "{line}");
        }
    }

    #[test]
    fn values_are_found_along_paths() {
        let values = json!({"bb": {"list": [1, {"a": 2}]}, "input": {"x": 3}});
        assert_eq!(find(&values, "bb.list.1.a"), Some(&json!(2)));
        assert_eq!(find(&values, "list.0"), Some(&json!(1)));
        assert_eq!(find(&values, "input.y"), None);
    }
}
