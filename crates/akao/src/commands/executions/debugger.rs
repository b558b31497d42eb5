//! The debugger's prompt: what is typed while an execution is held. The same words in a terminal and from a pipe.

use crate::{cli::Context, commands::run, failure::Failure, live::Steps, output::plain};
use akao_contract::ExecutionId;
use akao_engine::{Executions, GivenSecrets, Reply, Request};
use akao_flow::StepMode;
use serde_json::Value;
use std::io::{self, BufRead, Write};
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
    use serde_json::json;

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
