//! The program that the demo plays with: its commands, as they are shown and as they are run.

use super::{Error, Stage, words};
use crate::command;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long an execution may take until it waits; a busy machine is slow.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Between two looks at an execution.
const LOOK_AGAIN: Duration = Duration::from_millis(40);
/// How long a person sees the execution wait before it is answered.
const PAUSE_FOR_PEOPLE: Duration = Duration::from_millis(1500);

/// Where the program looks for the data directory.
const DATA_DIR: &str = "AKAO_DATA_DIR";
/// Width of a command line, with room for the prompt and the mark of a line that goes on, in 80 columns.
const COMMAND_WIDTH: usize = 75;

/// The signal that the workflow waits for.
pub(super) const SIGNAL: &str = "approve";
/// What the demo answers.
pub(super) const PAYLOAD: &str = r#"{"by":"the demo","word":"looks fine, go on"}"#;

/// What becomes of a child's progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes where the demo's own words go.
    Shown,
    /// It is drawn on a terminal, and left out elsewhere.
    Drawn,
    /// Standard output is read by the demo, as events.
    Events,
}

/// The program with its data directory and workflow.
pub(super) struct Program {
    root: PathBuf,
    path: PathBuf,
    data: String,
    workflow: String,
    shown: String,
}

impl Program {
    /// The program at `path`.
    pub(super) fn new(stage: &Stage, path: PathBuf, data: PathBuf, workflow: PathBuf) -> Self {
        let (data, workflow, shown) = (stage.shown(&data), stage.shown(&workflow), stage.shown(&path));
        Self { root: stage.root.clone(), path, data, workflow, shown }
    }

    /// Where it stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How one says where the executions are, once for all the commands.
    pub(super) fn data_line(&self) -> String {
        format!("export {DATA_DIR}={}", command::quoted(&self.data))
    }

    /// A command line as one would type it in the workspace's folder; a long one goes on in the next line.
    pub(super) fn line(&self, arguments: &[&str]) -> String {
        let mut lines = vec![self.shown.clone()];
        for argument in arguments.iter().copied().map(command::quoted) {
            let last = lines.last_mut().expect("the program's name is the first line");
            if last.chars().count() + argument.chars().count() < COMMAND_WIDTH {
                last.push(' ');
                last.push_str(&argument);
            } else {
                lines.push(format!("    {argument}"));
            }
        }
        lines.join(" \\\n")
    }

    /// The arguments that start the workflow.
    pub(super) fn start<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["run", &self.workflow, "--volume", "source=."], more].concat()
    }

    /// Begins a command that goes on beside the demo.
    pub(super) fn begin(&self, arguments: &[&str], progress: Progress) -> Result<Child, Error> {
        let mut command = self.command(arguments);
        if progress == Progress::Drawn && !words::is_watched() {
            command.arg("--quiet");
        }
        let stdout = if progress == Progress::Events { Stdio::piped() } else { Stdio::null() };
        command.stdout(stdout).spawn().map_err(|source| super::cannot_use(&self.path, source))
    }

    /// Runs a command to its good end and returns what it printed.
    pub(super) fn read(&self, arguments: &[&str]) -> Result<String, Error> {
        let output = self.output(arguments)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let status = format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
        Err(Error::Ended { line: self.line(arguments), status })
    }

    /// Runs a command with `--json` and returns its document.
    pub(super) fn json(&self, arguments: &[&str]) -> Result<Value, Error> {
        let arguments = [arguments, &["--json"]].concat();
        let printed = self.read(&arguments)?;
        serde_json::from_str(&printed).map_err(|_| Error::NotJson { line: self.line(&arguments), printed })
    }

    /// The newest execution's row, once there is one.
    pub(super) fn newest(&self) -> Option<Value> {
        let list = self.json(&["executions", "list", "--limit", "1"]).ok()?;
        list["executions"].get(0).cloned()
    }

    /// Waits until the newest execution, which `child` runs, asks its question; answers it from a process of its own;
    /// waits for the child. The answer is the execution's id.
    pub(super) fn answer(&self, child: &mut Child, arguments: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
        let execution = self.until_waiting(child, arguments)?;
        if words::is_watched() {
            thread::sleep(PAUSE_FOR_PEOPLE);
        }
        self.read(&["executions", "signal", &execution, SIGNAL, "--payload", PAYLOAD])?;
        let status = child.wait()?;
        if status.success() { Ok(execution) } else { Err(self.ended(arguments, &status.to_string()).into()) }
    }

    fn until_waiting(&self, child: &mut Child, arguments: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
        let started = Instant::now();
        loop {
            let newest = self.newest().unwrap_or_default();
            if newest["status"] == "waiting" && newest["waiting"].as_str().is_some_and(|what| what.contains(SIGNAL)) {
                return Ok(text(&newest["execution"]));
            }
            if let Some(status) = child.try_wait()? {
                return Err(self.ended(arguments, &status.to_string()).into());
            }
            if started.elapsed() > WAIT_MAX {
                let state = if newest.is_null() { "not there".to_owned() } else { text(&newest["status"]) };
                child.kill()?;
                return Err(Error::NoWait { signal: SIGNAL, seconds: WAIT_MAX.as_secs(), state }.into());
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn ended(&self, arguments: &[&str], status: &str) -> Error {
        Error::Ended { line: self.line(arguments), status: status.to_owned() }
    }

    fn output(&self, arguments: &[&str]) -> Result<Output, Error> {
        self.command(arguments).output().map_err(|source| super::cannot_use(&self.path, source))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.root).args(arguments).env(DATA_DIR, &self.data).stdin(Stdio::null());
        command
    }
}

/// A JSON text without its quotation marks; anything else as JSON.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
