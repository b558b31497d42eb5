//! Child programs: each is printed before it runs, so that a person can repeat it by hand.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::{Command as Process, ExitStatus, Output, Stdio},
};

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The program could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program's name or path.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program ran and said no.
    #[error("`{line}` ended with {status}")]
    Failed {
        /// The command as it was printed.
        line: String,
        /// How it ended.
        status: ExitStatus,
    },
}

/// A command that is about to run.
pub(crate) struct Command {
    program: OsString,
    process: Process,
    variables: Vec<String>,
}

impl Command {
    /// A command that runs `program` in the directory `directory`, without standard input.
    pub(crate) fn new(program: impl AsRef<OsStr>, directory: &Path) -> Self {
        let mut process = Process::new(program.as_ref());
        process.current_dir(directory).stdin(Stdio::null());
        Self { program: program.as_ref().to_owned(), process, variables: Vec::new() }
    }

    /// The command with more arguments.
    #[must_use]
    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.process.args(arguments);
        self
    }

    /// The command with an environment variable set.
    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.process.env(name, value);
        self.variables.push(format!("{name}={}", quoted(value)));
        self
    }

    /// The command with the terminal's standard input, for a program that may ask for a password.
    #[must_use]
    pub(crate) fn with_stdin(mut self) -> Self {
        self.process.stdin(Stdio::inherit());
        self
    }

    /// Prints the command, runs it with its output passed through and asks for success.
    pub(crate) fn run(self) -> Result<(), Error> {
        println!("$ {}", self.line());
        self.run_unannounced()
    }

    /// Runs the command with its output passed through and asks for success.
    pub(crate) fn run_unannounced(mut self) -> Result<(), Error> {
        let line = self.line();
        let status = self.process.status().map_err(|source| self.start_error(source))?;
        if status.success() { Ok(()) } else { Err(Error::Failed { line, status }) }
    }

    /// Runs the command without printing it and returns what it wrote, however it ended.
    pub(crate) fn output(mut self) -> Result<Output, Error> {
        self.process.output().map_err(|source| self.start_error(source))
    }

    /// Runs the command without printing it, asks for success and returns its standard output.
    pub(crate) fn read(mut self) -> Result<String, Error> {
        self.process.stderr(Stdio::inherit());
        let line = self.line();
        let output = self.output()?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Error::Failed { line, status: output.status }),
        }
    }

    /// Whether the command can be started and ends well; its output is dropped.
    pub(crate) fn succeeds(self) -> bool {
        self.output().is_ok_and(|output| output.status.success())
    }

    fn start_error(&self, source: std::io::Error) -> Error {
        Error::Start { program: self.program.to_string_lossy().into_owned(), source }
    }

    /// The command as one would type it; the toolchain's own path to cargo is shortened to its name.
    fn line(&self) -> String {
        let program = Path::new(&self.program).file_name().unwrap_or(&self.program).to_string_lossy().into_owned();
        let arguments = self.process.get_args().map(|argument| quoted(&argument.to_string_lossy()));
        self.variables.iter().cloned().chain([program]).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

/// `text` as a shell would need it.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Whether `program` is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_printed_as_one_would_type_it() {
        let command = Command::new("/opt/bin/cargo", Path::new("."))
            .args(["test", "--", "a b", "it's"])
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(command.line(), r"RUSTDOCFLAGS='-D warnings' cargo test -- 'a b' 'it'\''s'");
    }

    #[test]
    fn a_failing_command_names_itself_and_its_end() {
        let here = Path::new(".");
        let failed = Command::new("sh", here).args(["-c", "exit 3"]).run().expect_err("exit 3 is a failure");
        assert_eq!(failed.to_string(), "`sh -c 'exit 3'` ended with exit status: 3");
        let missing = Command::new("no-such-program", here).run().expect_err("there is no such program");
        assert_eq!(missing.to_string(), "cannot start `no-such-program`");
    }
}
