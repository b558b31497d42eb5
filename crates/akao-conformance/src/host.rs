//! The process under test and the host's end of its socket.

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::Shutdown,
    os::unix::{net::UnixStream, process::CommandExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// The descriptor that a node inherits.
const DESCRIPTOR: i32 = 3;
/// The variable that names it.
const VARIABLE: &str = "AKAO_RPC_FD";
/// A longer line of the node is a fault of its own.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1_048_576;
/// How often the end of a process is looked for.
const POLL: Duration = Duration::from_millis(2);

/// What the node did next.
pub(crate) enum Heard {
    /// It wrote a line.
    Line(Vec<u8>),
    /// It closed the connection.
    End,
    /// It did nothing in the time given.
    Nothing,
}

/// A started node.
pub(crate) struct Host {
    child: Child,
    socket: Option<UnixStream>,
    lines: Receiver<Vec<u8>>,
    stderr: Receiver<String>,
}

impl Host {
    /// Starts `command` with the descriptor, or without it as by hand. One write takes no longer than `timeout`.
    pub(crate) fn start(mut command: Command, with_descriptor: bool, timeout: Duration) -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_write_timeout(Some(timeout))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        if with_descriptor {
            command.env(VARIABLE, DESCRIPTOR.to_string());
            let mapping = FdMapping { parent_fd: theirs.into(), child_fd: DESCRIPTOR };
            command.fd_mappings(vec![mapping]).map_err(std::io::Error::other)?;
        } else {
            command.env_remove(VARIABLE);
        }
        let mut child = command.spawn()?;
        // The command holds the node's end; as long as it lives, the node's close would not be seen.
        drop(command);
        let (line_sender, lines) = channel();
        let mut reader = BufReader::new(ours.try_clone()?);
        thread::spawn(move || {
            let mut line = Vec::new();
            // One byte more than a message and its line feed is enough to see that a line is too long.
            while let Ok(1..) = (&mut reader).take(MESSAGE_BYTES_MAX as u64 + 2).read_until(b'\n', &mut line) {
                if line_sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let (text_sender, stderr) = channel();
        let pipe = child.stderr.take();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before a fault is still shown.
            let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            let _ = text_sender.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        Ok(Self { child, socket: Some(ours), lines, stderr })
    }

    /// Writes to the node, and says whether it still reads. A node that has gone shows in what is read next, so of that this
    /// says nothing.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        let written = self.socket.as_mut().map_or(Ok(()), |socket| socket.write_all(bytes));
        !written.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Closes the host's end for writing, as a host that ends does first.
    pub(crate) fn close(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    /// Waits for the node's next line.
    pub(crate) fn hear(&self, timeout: Duration) -> Heard {
        match self.lines.recv_timeout(timeout) {
            Ok(line) => Heard::Line(line),
            Err(RecvTimeoutError::Disconnected) => Heard::End,
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
        }
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
        let started = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) => return Ok(Some(status)),
                None if started.elapsed() >= timeout => return Ok(None),
                None => thread::sleep(POLL),
            }
        }
    }

    /// Ends the process and what it started, and gives what it wrote to standard error.
    pub(crate) fn end(mut self, timeout: Duration) -> String {
        self.close();
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        self.stderr.recv_timeout(timeout).unwrap_or_default()
    }
}
