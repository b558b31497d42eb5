//! The real program: commands that are typed, owners that are killed.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a process may take to be gone after its end was asked for.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// A folder with workflow files and a data directory below it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
}

/// What a command answered with `--json`.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) document: Value,
}

impl Answer {
    pub(crate) fn is_done(&self) -> bool {
        self.code == 0
    }

    /// The kind, message or suggestion of its error.
    pub(crate) fn error(&self, part: &str) -> &str {
        self.document["error"][part].as_str().unwrap_or_default()
    }
}

impl Place {
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_akao"));
        command.args(arguments).arg("--data-dir").arg(self.data()).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs a command with `--json`.
    ///
    /// # Errors
    /// It broke off, or did not answer with one document.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Answer, String> {
        let output = self.command(arguments).arg("--json").output().map_err(|error| error.to_string())?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let what = || format!("akao {}: {}\n{out}{err}", arguments.join(" "), output.status);
        // A command that found no owner may have become it, and then it is what was killed.
        if output.status.signal() == Some(Signal::KILL.as_raw()) {
            return Ok(Answer { code: 1, document: serde_json::json!({"error": {"kind": "stopped"}}) });
        }
        // A panic ends with 101, a signal with none.
        let code = output.status.code().filter(|code| (0..=4).contains(code)).ok_or_else(what)?;
        let mut lines = out.lines();
        let document = lines.next().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(what)?;
        if lines.next().is_some() {
            return Err(format!("more than one document: {}", what()));
        }
        Ok(Answer { code, document })
    }

    /// Starts a process that becomes the owner if there is none.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let log = fs::File::options().create(true).append(true).open(self.folder.join("spawned.log")).expect("a log");
        let errors = log.try_clone().expect("a log");
        self.command(arguments).stdout(log).stderr(errors).spawn().expect("the program starts")
    }

    /// The process that holds the data directory, if it still lives.
    pub(crate) fn owner(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.data().join("journal.lock")).ok()?;
        let pid: i32 = text.lines().find_map(|line| line.strip_prefix("pid = "))?.trim().parse().ok()?;
        let pid = Pid::from_raw(pid)?;
        // A process id may have been given to somebody else since.
        let command_line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
        let named = self.data().into_os_string().into_encoded_bytes();
        command_line.split(|byte| *byte == 0).any(|argument| argument == named).then_some(pid)
    }

    /// Ends the owner, if there is one, by a signal, and waits until it is gone.
    ///
    /// # Errors
    /// It does not go.
    pub(crate) fn end_owner(&self, signal: Signal) -> Result<bool, String> {
        match self.owner() {
            Some(pid) if kill_process(pid, signal).is_ok() => wait_until_gone(pid).map(|()| true),
            _ => Ok(false),
        }
    }
}

/// Whether a process has ended; one that nobody has waited for yet counts as ended.
fn is_gone(pid: Pid) -> bool {
    match fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) {
        Ok(stat) => stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

pub(crate) fn wait_until_gone(pid: Pid) -> Result<(), String> {
    let end = Instant::now() + GONE_WITHIN;
    while !is_gone(pid) {
        if Instant::now() >= end {
            return Err(format!("process {} is still there", pid.as_raw_nonzero()));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// The end of a file, for messages.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
