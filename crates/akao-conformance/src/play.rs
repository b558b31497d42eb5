//! Plays a transcript against a program and says where it went another way.

use crate::{
    Captures,
    host::{Heard, Host, MESSAGE_BYTES_MAX},
    matches,
    pattern::shown,
    transcript::{Expected, Step, StepKind, Transcript},
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The variable that names the workspace, where it is not `/workspace`.
const WORKSPACE: &str = "AKAO_WORKSPACE";

/// How long a line that the node wrote before its end may take to be read.
const REST: Duration = Duration::from_millis(200);

/// How a transcript is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long one expected line, one line to the node, or the end of the process may take.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10) }
    }
}

/// Where a program did something else than the transcript.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Failure {
    /// The line of the transcript, from one.
    pub line: usize,
    /// What differed.
    pub message: String,
    /// What the program wrote to standard error.
    pub stderr: String,
}

/// Starts `command` and goes through the transcript with it. A transcript that does not say how the process ends has it
/// end with 0 after the host closes.
///
/// # Errors
///
/// The first step at which the program went another way.
pub fn play(transcript: &Transcript, mut command: Command, options: &Options) -> Result<(), Failure> {
    let failure = |message: String| Failure { line: 1, message, stderr: String::new() };
    let workspace = tempfile::tempdir().map_err(|error| failure(format!("no workspace: {error}")))?;
    command.env(WORKSPACE, workspace.path());
    let with_descriptor = !transcript.steps.iter().any(|step| step.kind == StepKind::StartWithoutDescriptor);
    let program = command.get_program().to_string_lossy().into_owned();
    let host = Host::start(command, with_descriptor, options.timeout);
    let host = host.map_err(|error| failure(format!("cannot start `{program}`: {error}")))?;
    let mut player = Player { host, workspace: workspace.path(), captures: Captures::new(), allowed: None, options };
    let played = player.play(&transcript.steps);
    let stderr = player.host.end(options.timeout);
    match played {
        Err((line, message)) => Err(Failure { line, message, stderr }),
        Ok(()) => said(&transcript.steps, stderr),
    }
}

/// Whether standard error holds what the transcript asks for.
fn said(steps: &[Step], stderr: String) -> Result<(), Failure> {
    let missing = steps.iter().find(|step| matches!(&step.kind, StepKind::Stderr(text) if !stderr.contains(text)));
    match missing {
        Some(Step { line, kind: StepKind::Stderr(text) }) => {
            Err(Failure { line: *line, message: format!("standard error does not hold `{text}`"), stderr })
        }
        _ => Ok(()),
    }
}

struct Player<'a> {
    host: Host,
    workspace: &'a Path,
    captures: Captures,
    /// Lines of this form may come at any time until the next step has been satisfied.
    allowed: Option<Value>,
    options: &'a Options,
}

impl Player<'_> {
    fn play(&mut self, steps: &[Step]) -> Result<(), (usize, String)> {
        for step in steps {
            self.step(&step.kind).map_err(|(line, message)| (line.unwrap_or(step.line), message))?;
        }
        let last = steps.last().map_or(1, |step| step.line);
        if !steps.iter().any(|step| matches!(step.kind, StepKind::Exit(_))) {
            self.host.close();
            self.exit(0).map_err(|message| (last, message))?;
        }
        Ok(())
    }

    fn step(&mut self, kind: &StepKind) -> Result<(), (Option<usize>, String)> {
        let plain = |message| (None, message);
        match kind {
            StepKind::StartWithoutDescriptor | StepKind::Stderr(_) => Ok(()),
            StepKind::Send(text) => {
                let mut line = filled(&text.template, &self.captures).map_err(plain)?;
                line.push_str(if text.ends_line { "\n" } else { "" });
                self.send(line.as_bytes()).map_err(plain)
            }
            StepKind::SendBytes(bytes) => self.send(bytes).map_err(plain),
            StepKind::Expect(group) => self.expect(group),
            StepKind::Allow(pattern) => {
                self.allowed = Some(pattern.clone());
                Ok(())
            }
            StepKind::Output { id, stream, bytes } => self.output(id, stream, *bytes).map_err(plain),
            StepKind::Silence(duration) => self.silence(*duration).map_err(plain),
            StepKind::Close => {
                self.host.close();
                Ok(())
            }
            StepKind::Exit(code) => self.exit(*code).map_err(plain),
            StepKind::PutFile { name, text } => fs::write(self.workspace.join(name), text)
                .map_err(|error| plain(format!("cannot write `{name}`: {error}"))),
            StepKind::HasFile { name, text } => self.has_file(name, text).map_err(plain),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.host.send(bytes) { Ok(()) } else { Err("the node does not read what the host writes".into()) }
    }

    /// Reads lines until each of `group` has come once; what is allowed may come in between.
    fn expect(&mut self, group: &[Expected]) -> Result<(), (Option<usize>, String)> {
        let mut open: Vec<&Expected> = group.iter().collect();
        while let Some(first) = open.first() {
            let at = Some(first.line);
            let found =
                self.next().map_err(|message| (at, format!("{message}, expected {}", shown(&first.pattern))))?;
            let mut mismatch = String::new();
            let fits = open.iter().position(|expected| match matches(&expected.pattern, &found, &mut self.captures) {
                Ok(()) => true,
                Err(differs) => {
                    mismatch = format!("{mismatch}\n  {differs}");
                    false
                }
            });
            match fits {
                Some(index) => {
                    open.remove(index);
                }
                None if self.is_allowed(&found) => {}
                None => {
                    let all: Vec<String> =
                        open.iter().map(|expected| format!("- {}", shown(&expected.pattern))).collect();
                    return Err((at, format!("{}\n+ {}{mismatch}", all.join("\n"), shown(&found))));
                }
            }
        }
        self.allowed = None;
        Ok(())
    }

    fn is_allowed(&mut self, found: &Value) -> bool {
        self.allowed.as_ref().is_some_and(|pattern| matches(pattern, found, &mut self.captures).is_ok())
    }

    fn output(&mut self, id: &str, stream: &str, bytes: usize) -> Result<(), String> {
        let mut seen = 0;
        while seen < bytes {
            let found = self.next().map_err(|message| format!("{message} after {seen} of {bytes} bytes"))?;
            let params = &found["params"];
            let is_ours = found["method"] == "$/output" && params["id"] == id && params["stream"] == stream;
            match params["chunk"].as_str() {
                Some(chunk) if is_ours && !chunk.is_empty() => seen += chunk.len(),
                _ => return Err(format!("expected output on `{stream}` of `{id}`, found {}", shown(&found))),
            }
        }
        if seen == bytes { Ok(()) } else { Err(format!("expected {bytes} bytes of output, found {seen}")) }
    }

    fn silence(&mut self, duration: Duration) -> Result<(), String> {
        let until = Instant::now() + duration;
        loop {
            match self.host.hear(until.saturating_duration_since(Instant::now())) {
                Heard::Nothing => return Ok(()),
                Heard::End => return Err("the node closed the connection".into()),
                Heard::Line(line) => {
                    let found = read(&line)?;
                    if !self.is_allowed(&found) {
                        return Err(format!("expected nothing, found {}", shown(&found)));
                    }
                }
            }
        }
    }

    fn exit(&mut self, code: i32) -> Result<(), String> {
        let waited = self.host.wait(self.options.timeout).map_err(|error| format!("cannot wait: {error}"))?;
        let Some(status) = waited else {
            return Err(format!("expected an exit with {code}, and the process still runs"));
        };
        if status.code() != Some(code) {
            return Err(format!("expected an exit with {code}, found {status}"));
        }
        self.rest()
    }

    /// Nothing may be left that the node wrote before its end, such as a second answer. A process that it started may hold
    /// the connection open, so this waits for no more than what is there.
    fn rest(&mut self) -> Result<(), String> {
        while let Heard::Line(line) = self.host.hear(REST) {
            let found = read(&line)?;
            if !self.is_allowed(&found) {
                return Err(format!("expected nothing more, found {}", shown(&found)));
            }
        }
        Ok(())
    }

    fn has_file(&self, name: &str, text: &str) -> Result<(), String> {
        let found =
            fs::read_to_string(self.workspace.join(name)).map_err(|error| format!("no file `{name}`: {error}"))?;
        if found == text { Ok(()) } else { Err(format!("expected `{text}` in the file `{name}`, found `{found}`")) }
    }

    fn next(&mut self) -> Result<Value, String> {
        match self.host.hear(self.options.timeout) {
            Heard::Line(line) => read(&line),
            Heard::End => Err("the node closed the connection".into()),
            Heard::Nothing => Err("the node wrote nothing".into()),
        }
    }
}

/// A line of the node as a document, within the bound that hosts put on it.
fn read(line: &[u8]) -> Result<Value, String> {
    let text = line.strip_suffix(b"\n").ok_or("the node's last line has no line feed, or is too long")?;
    if text.len() > MESSAGE_BYTES_MAX {
        return Err(format!("the node wrote a line of {} bytes", text.len()));
    }
    serde_json::from_slice(text).map_err(|error| {
        let text = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
        format!("the node wrote `{text}`, which is not JSON: {error}")
    })
}

/// `template` with its `{{…}}` replaced: `{{repeat:TEXT:TIMES}}`, `{{pad:BYTES}}` (as many `x` as make the line so long),
/// or the name of a capture.
pub(crate) fn filled(template: &str, captures: &Captures) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = template;
    let mut pad = None;
    while let Some((before, after)) = rest.split_once("{{") {
        let (word, after) = after.split_once("}}").ok_or("an opening `{{` is not closed")?;
        result.push_str(before);
        match word.split_once(':') {
            Some(("repeat", what)) => {
                let (text, times) = what.rsplit_once(':').ok_or("repeat needs a text and a number")?;
                result.push_str(&text.repeat(times.parse().map_err(|_| format!("`{times}` is not a number"))?));
            }
            Some(("pad", bytes)) => {
                pad = Some((result.len(), bytes.parse::<usize>().map_err(|_| format!("`{bytes}` is not a number"))?));
            }
            _ => {
                result.push_str(captures.get(word).ok_or_else(|| format!("nothing was captured as `{word}`"))?);
            }
        }
        rest = after;
    }
    result.push_str(rest);
    if let Some((at, bytes)) = pad {
        result.insert_str(at, &"x".repeat(bytes.saturating_sub(result.len())));
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let captures = Captures::from([("call".to_owned(), "n1".to_owned())]);
        let cases = [
            ("a {{call}} b", Ok("a n1 b")),
            ("{{repeat:ab:3}}", Ok("ababab")),
            ("<{{pad:6}}>", Ok("<xxxx>")),
            ("{{other}}", Err("nothing was captured as `other`")),
            ("{{call", Err("an opening `{{` is not closed")),
            ("{{pad:x}}", Err("`x` is not a number")),
        ];
        for (template, expected) in cases {
            let found = filled(template, &captures);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{template}");
        }
    }

    #[test]
    fn a_line_of_the_node_is_whole_short_and_json() {
        assert!(read(b"{}\n").is_ok());
        assert!(read(b"{}").is_err());
        assert!(read(b"{]\n").expect_err("not JSON").contains("`{]`"));
    }
}
