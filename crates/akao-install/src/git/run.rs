//! Runs a program within bounds of time and of what it writes: what it answers, and what it puts into a folder.

use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    fs,
    io::{self, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// Most bytes of an answer. A list of files is the longest.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Most bytes of what is told on the other stream.
const TOLD_BYTES_MAX: u64 = 64 << 10;

/// How often the bounds are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long the streams of a program that has ended may stay open in the hands of what it started.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bounds of one run.
pub(super) struct Bounds<'a> {
    pub(super) timeout: Duration,
    /// What the program writes into.
    pub(super) folder: &'a Path,
    pub(super) bytes_max: u64,
}

/// How it ended.
pub(super) enum Ended {
    /// With this answer.
    Well(Vec<u8>),
    /// With an error that it told.
    Badly(String),
    /// It was ended for taking too long.
    Slow,
    /// It was ended for writing too much.
    Large,
}

/// Runs a program, which gets a process group of its own so that it is ended with all that it starts.
pub(super) fn run(mut command: Command, bounds: &Bounds<'_>) -> io::Result<Ended> {
    let mut child = command.process_group(0).spawn()?;
    let answer = gather(child.stdout.take(), ANSWER_BYTES_MAX);
    let told = gather(child.stderr.take(), TOLD_BYTES_MAX);
    let deadline = Instant::now() + bounds.timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let ended = match () {
            () if Instant::now() >= deadline => Some(Ended::Slow),
            () if bytes_below(bounds.folder) > bounds.bytes_max => Some(Ended::Large),
            () => None,
        };
        if let Some(ended) = ended {
            end(&mut child);
            return Ok(ended);
        }
        thread::sleep(LOOK);
    };
    let answer = answer.recv_timeout(PATIENCE).unwrap_or_default();
    if bytes_below(bounds.folder) > bounds.bytes_max || answer.len() as u64 > ANSWER_BYTES_MAX {
        return Ok(Ended::Large);
    }
    if status.success() {
        return Ok(Ended::Well(answer));
    }
    let told = told.recv_timeout(PATIENCE).unwrap_or_default();
    Ok(Ended::Badly(String::from_utf8_lossy(&told).into_owned()))
}

/// Ends a program with all that it started, and waits for it.
pub(super) fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// Reads a stream to its end in a thread of its own, one byte more than it may have at most.
fn gather(stream: Option<impl Read + Send + 'static>, bytes_max: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver): (Sender<Vec<u8>>, _) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(bytes_max + 1).read_to_end(&mut bytes);
            // What is more is thrown away, so that the program ends.
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        // Nobody listens any more when the program was ended.
        let _ = sender.send(bytes);
    });
    receiver
}

/// The bytes of all files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes_below(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    bytes.sum()
}
