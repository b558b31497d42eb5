//! The audit as a file of JSON lines, written by a thread of its own so that nobody waits for the disk.

use super::{Audit, AuditEntry, AuditEvent, Subject};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{SystemTime, UNIX_EPOCH},
};

/// Entries that wait to be written.
const WAITING_MAX: usize = 4_096;

/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Why the audit cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be read.
    #[error("`{}` cannot be read", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is no entry.
    #[error("line {line} of `{}` is no entry of the audit", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

/// The audit of a data directory. What was recorded is written when this is dropped.
#[derive(Debug)]
pub struct AuditLog {
    sender: Option<SyncSender<AuditEntry>>,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl AuditLog {
    /// Appends to the file at `path`, which is made with the first entry, for its owner only.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn append(path: PathBuf) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { path, file: None, lost: Arc::clone(&lost) };
        let thread = std::thread::Builder::new().name("akao-audit".into()).spawn(move || writer.run(&receiver))?;
        Ok(Self { sender: Some(sender), lost, thread: Some(thread) })
    }

    /// Every entry of a file, oldest first; none when there is no file. Half a line at the end is what a killed program
    /// was writing, and is left out.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Vec<AuditEntry>, AuditError> {
        let failed = |source| AuditError::Io { path: path.to_owned(), source };
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed)?,
        };
        let mut reader = BufReader::new(file);
        let mut entries = Vec::new();
        for line in 1.. {
            let mut bytes = Vec::new();
            io::Read::take(&mut reader, LINE_BYTES_MAX).read_until(b'\n', &mut bytes).map_err(failed)?;
            if bytes.last() != Some(&b'\n') && bytes.len() as u64 != LINE_BYTES_MAX {
                break;
            }
            let damaged = |_| AuditError::Damaged { path: path.to_owned(), line };
            entries.push(serde_json::from_slice(&bytes).map_err(damaged)?);
        }
        Ok(entries)
    }
}

impl Audit for AuditLog {
    fn record(&self, subject: &Subject, event: AuditEvent) {
        let entry = AuditEntry { at_ms: now_ms(), subject: subject.clone(), event };
        let sent = self.sender.as_ref().is_some_and(|sender| sender.try_send(entry).is_ok());
        if !sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // The end of the channel ends the thread once it has written what waits.
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A writer that broke off has nothing left to do.
            let _ = thread.join();
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The thread's side.
struct Writer {
    path: PathBuf,
    file: Option<File>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, entries: &Receiver<AuditEntry>) {
        while let Ok(entry) = entries.recv() {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                let subject = Subject { process: None, version: None, ..entry.subject.clone() };
                self.write(&AuditEntry { at_ms: entry.at_ms, subject, event: AuditEvent::Lost { count: lost } });
            }
            self.write(&entry);
        }
    }

    fn write(&mut self, entry: &AuditEntry) {
        let Ok(mut line) = serde_json::to_vec(entry) else { return };
        line.push(b'\n');
        let written = self.file().and_then(|file| file.write_all(&line));
        if written.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            // What was written of it is taken away before the next.
            self.file = None;
        }
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
                end_with_a_line(&mut file)?;
                file
            }
        };
        Ok(self.file.insert(file))
    }
}

/// Takes away the half of a line with which a file ends when its writer was killed or the disk was full, so that the next
/// entry does not become part of it.
fn end_with_a_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    io::Read::take(&mut *file, LINE_BYTES_MAX).read_to_end(&mut end)?;
    match end.iter().rposition(|byte| *byte == b'\n') {
        Some(last) if last + 1 < end.len() => file.set_len(from + last as u64 + 1),
        None if from == 0 && !end.is_empty() => file.set_len(0),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            tenant: "local".into(),
            package: "com.example.a".into(),
            version: Some("1.0.0".into()),
            process: Some(7),
        }
    }

    fn denied(target: &str) -> AuditEvent {
        AuditEvent::Denied {
            act: "connect".into(),
            target: target.into(),
            reason: "it is not granted".into(),
            count: 1,
        }
    }

    #[test]
    fn what_is_recorded_is_read_back_in_order_and_a_torn_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        assert_eq!(AuditLog::read(&path).unwrap(), []);
        for round in 0..2 {
            let log = AuditLog::append(path.clone()).unwrap();
            log.record(&subject(), denied(&format!("a{round}:443")));
            log.record(&subject(), AuditEvent::Ended { cause: "killed".into(), cpu_ms: 1, memory_peak_bytes: 2 });
        }
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"at_ms\":1,").unwrap();
        let entries = AuditLog::read(&path).unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!((&entries[0].subject, &entries[0].event), (&subject(), &denied("a0:443")));
        assert_eq!(entries[2].event, denied("a1:443"));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "{}\n").unwrap();
        assert!(matches!(AuditLog::read(&path), Err(AuditError::Damaged { line: 1, .. })));
    }

    #[test]
    fn half_a_line_of_a_killed_program_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for (before, kept) in [("", 0), ("{\"at_ms\":1,", 0), ("whole", 1)] {
            let whole = {
                std::fs::remove_file(&path).unwrap_or_default();
                AuditLog::append(path.clone()).unwrap().record(&subject(), denied("first:443"));
                std::fs::read(&path).unwrap()
            };
            let left = if before == "whole" { [whole, b"{\"at_".to_vec()].concat() } else { before.into() };
            std::fs::write(&path, left).unwrap();
            AuditLog::append(path.clone()).unwrap().record(&subject(), denied("next:443"));
            let entries = AuditLog::read(&path).unwrap();
            assert_eq!(entries.len(), kept + 1, "{before}: {entries:?}");
            assert_eq!(entries[kept].event, denied("next:443"), "{before}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("later");
        let log = AuditLog::append(missing.join("audit.jsonl")).unwrap();
        log.record(&subject(), denied("a:443"));
        while log.lost.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        std::fs::create_dir(&missing).unwrap();
        log.record(&subject(), denied("b:443"));
        drop(log);
        let events: Vec<_> =
            AuditLog::read(&missing.join("audit.jsonl")).unwrap().into_iter().map(|entry| entry.event).collect();
        assert_eq!(events, [AuditEvent::Lost { count: 1 }, denied("b:443")]);
    }
}
