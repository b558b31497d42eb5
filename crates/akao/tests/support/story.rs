//! A folder with workflow files and a data directory of its own, in which commands are typed.
#![allow(dead_code, reason = "each test file uses its own part")]

use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything may take that is waited for.
const WITHIN: Duration = Duration::from_secs(40);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A folder to work in, with its own data directory.
pub(crate) struct Story {
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) const HELLO: &str = r#"akao: 1
id: hello
version: 1.0.0
inputs:
  who: { type: string, default: world }
outputs:
  text: "${steps.greet.outputs.message}"
root:
  type: Sequence
  children:
    - { type: LogMessage, id: greet, props: { message: "hello ${input.who}" } }
    - { type: SuccessNode, id: fine }
"#;

pub(crate) const FAILS: &str = "akao: 1\nid: fails\nversion: 1.0.0\nroot: { type: FailureNode, id: broken }\n";

pub(crate) const WAITS: &str = r#"akao: 1
id: waits
version: 1.0.0
outputs: { got: "${steps.go.outputs.payload}" }
root: { type: WaitForSignal, id: go, props: { signalName: go } }
"#;

pub(crate) const ASKS: &str = r#"akao: 1
id: asks
version: 1.0.0
outputs: { approved: "${steps.ask.outputs.decision.approved}" }
root:
  type: HumanTask
  id: ask
  props: { title: Ship it?, description: The build is green., timeoutMs: 0 }
"#;

impl Story {
    /// A folder with `hello.yaml`, `fails.yaml`, `waits.yaml` and `asks.yaml`.
    pub(crate) fn new() -> Self {
        let story = Self { folder: tempfile::tempdir().expect("a folder") };
        for (name, text) in [("hello.yaml", HELLO), ("fails.yaml", FAILS), ("waits.yaml", WAITS), ("asks.yaml", ASKS)] {
            story.write(name, text);
        }
        story
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(arguments).current_dir(self.path()).env("AKAO_DATA_DIR", self.path().join("data"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn akao(&self, arguments: &[&str]) -> Said {
        self.akao_with(arguments, "")
    }

    pub(crate) fn akao_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut child = self.command(arguments).spawn().expect("the program starts");
        // A command that asks for nothing may have ended before it was told anything.
        let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().unwrap_or_else(|| panic!("{arguments:?} ended with {}", output.status));
        Said { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// The exit code and the one document of a command with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, serde_json::Value) {
        let said = self.akao(arguments);
        assert_eq!(said.out.lines().count(), 1, "{arguments:?}: not one line: {} {}", said.out, said.err);
        (said.code, serde_json::from_str(&said.out).expect("JSON"))
    }

    /// Starts a workflow in the background; its id.
    pub(crate) fn detach(&self, arguments: &[&str]) -> String {
        let (code, started) = self.json(&[&["run", "--detach", "--json"], arguments].concat());
        assert_eq!(code, 0, "{started}");
        started["execution"].as_str().expect("an id").to_owned()
    }

    /// Waits until an execution is in this state.
    pub(crate) fn wait_for(&self, id: &str, status: &str) {
        let mut last = serde_json::Value::Null;
        wait(&format!("{id} to be {status}"), || {
            last = self.json(&["executions", "list", "--json", "--text", id]).1["executions"][0]["status"].clone();
            last == status
        });
    }

    /// Starts a command that goes on while others are typed.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Going {
        let mut child = self.command(arguments).spawn().expect("the program starts");
        let (told, lines) = mpsc::channel();
        let errors = BufReader::new(child.stderr.take().expect("its standard error"));
        std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).try_for_each(|line| told.send(line).map_err(drop))
        });
        Going { child, lines, err: String::new() }
    }

    /// The process that owns the data directory.
    pub(crate) fn owner(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.path().join("data/journal.lock")).ok()?;
        let pid = text.lines().find_map(|line| line.strip_prefix("pid = "))?.trim().parse().ok()?;
        Pid::from_raw(pid).filter(|pid| fs::exists(format!("/proc/{}", pid.as_raw_nonzero())).unwrap_or(false))
    }
}

impl Drop for Story {
    /// The background owner is asked to end; its folder must not be taken away under it.
    fn drop(&mut self) {
        let socket = self.path().join("data/control.sock");
        let end = Instant::now() + WITHIN;
        while socket.exists() && Instant::now() < end {
            if let Some(owner) = self.owner() {
                let _ = kill_process(owner, Signal::TERM);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// A command that has not ended yet.
pub(crate) struct Going {
    child: Child,
    lines: mpsc::Receiver<String>,
    err: String,
}

impl Going {
    /// Waits for a line on standard error with this text in it; the line.
    pub(crate) fn hears(&mut self, text: &str) -> String {
        let end = Instant::now() + WITHIN;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|problem| panic!("no `{text}` ({problem}) after:\n{}", self.err));
            self.err.push_str(&line);
            self.err.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("it reads");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        wait("the end of a command", || self.child.try_wait().expect("a child").is_some());
        let status = self.child.wait().expect("a child");
        let mut out = String::new();
        self.child.stdout.take().expect("its output").read_to_string(&mut out).expect("UTF-8");
        self.err.extend(self.lines.iter().map(|line| line + "\n"));
        let code = status.code().unwrap_or_else(|| panic!("it ended with {status}: {}", self.err));
        Said { code, out, err: std::mem::take(&mut self.err) }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + WITHIN;
    while !holds() {
        assert!(Instant::now() < end, "waited too long for {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
