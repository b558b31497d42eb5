//! The audit as a file of JSON lines, written by a thread of its own so that nobody waits for the disk.

use super::{
    Audit, AuditEntry, AuditEvent, ChainBreak, Subject, Verified,
    chain::{self, Chain, Head, HeadFile, LINE_BYTES_MAX},
};
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
            io::Read::take(&mut reader, LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes).map_err(failed)?;
            if bytes.last() != Some(&b'\n') && bytes.len() != LINE_BYTES_MAX {
                break;
            }
            let damaged = |_| AuditError::Damaged { path: path.to_owned(), line };
            entries.push(serde_json::from_slice(&bytes).map_err(damaged)?);
        }
        Ok(entries)
    }

    /// Whether there is one: its file, or the one beside it that names the last entry.
    pub fn is_there(path: &Path) -> bool {
        path.exists() || chain::head_path(path).exists()
    }

    /// Holds a file against its chain: whether anything was edited, removed, moved, put in, or cut off at the end.
    ///
    /// # Errors
    /// The outer one when it cannot be read, the inner one when something is wrong.
    pub fn verify(path: &Path) -> Result<Result<Verified, ChainBreak>, AuditError> {
        chain::verify(path)
    }
}

impl AuditLog {
    /// Waits until everything is written, and says how many entries were not.
    ///
    /// # Errors
    /// The number of entries that could not be written.
    pub fn finish(mut self) -> Result<(), u64> {
        self.join();
        match self.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => Err(lost),
        }
    }

    fn join(&mut self) {
        // The end of the channel ends the thread once it has written what waits.
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A writer that broke off has nothing left to do.
            let _ = thread.join();
        }
    }
}

impl Audit for AuditLog {
    fn record(&self, subject: &Subject, event: AuditEvent) {
        let entry = AuditEntry { at_ms: now_ms(), subject: subject.clone(), seq: None, prev: None, event };
        let sent = self.sender.as_ref().is_some_and(|sender| sender.try_send(entry).is_ok());
        if !sent {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.join();
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
                let event = AuditEvent::Lost { count: lost };
                self.write(AuditEntry { at_ms: entry.at_ms, subject, seq: None, prev: None, event });
            }
            self.write(entry);
        }
    }

    fn write(&mut self, entry: AuditEntry) {
        let path = self.path.clone();
        let written = self.file().and_then(|file| append(file, &path, entry));
        if written.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            // What was written of it is taken away before the next.
            self.file = None;
        }
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

/// Appends one entry as the next of the chain. Other programs append to the same file, so each does it alone: by the
/// lock of the file.
fn append(file: &mut File, path: &Path, mut entry: AuditEntry) -> io::Result<()> {
    file.lock()?;
    let done = (|| {
        end_with_a_line(file)?;
        let mut head = HeadFile::open(path)?;
        let mut chain = chain_at_end(file, &mut head)?;
        let (seq, prev) = chain.next();
        (entry.seq, entry.prev) = (Some(seq), Some(prev));
        let mut line = serde_json::to_vec(&entry)?;
        let last = chain.put(seq, &line);
        line.push(b'\n');
        let before = file.metadata()?.len();
        // After a power loss the file beside must not name a line that is not there.
        let written = file.write_all(&line).and_then(|()| file.sync_data()).and_then(|()| head.write(&last));
        if written.is_err() {
            // The entry counts as lost; a line that nothing names would be taken for somebody else's.
            file.set_len(before)?;
        }
        written
    })();
    let unlocked = file.unlock();
    done.and(unlocked)
}

/// Where the chain stands: at the line that the file beside names, when that is the last one. Otherwise the whole file is
/// followed, and a chain that is broken goes on from its last line: what was done to it stays to be seen.
fn chain_at_end(file: &mut File, head: &mut HeadFile) -> io::Result<Chain> {
    let length = file.seek(SeekFrom::End(0))?;
    let named = head.read()?;
    if let Some(named) = named {
        let from = length.saturating_sub(LINE_BYTES_MAX as u64 + 1);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        io::Read::take(&mut *file, LINE_BYTES_MAX as u64 + 1).read_to_end(&mut end)?;
        let last = end.strip_suffix(b"\n").and_then(|end| end.rsplit(|byte| *byte == b'\n').next());
        if last.is_some_and(|last| akao_contract::Digest::of(last) == named.line) {
            return Ok(Chain::at(named));
        }
    }
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let followed = Chain::follow(&bytes).map(|(chain, _)| chain);
    let reaches = |chain: &Chain, named: Head| chain.head().is_some_and(|last| last.seq >= named.seq);
    Ok(match (followed, named) {
        // The file beside is made with the first line. Where it is missing later, somebody took it away.
        (Ok(chain), None) => match chain.head() {
            Some(last) if last.seq > 1 => Chain::at(last.mistrusted()),
            _ => chain,
        },
        (Ok(chain), Some(named)) if reaches(&chain, named) => chain,
        // What is broken or cut off stays to be seen: the next line hangs on what the file beside named last.
        (_, Some(named)) => Chain::at(named),
        (Err(_), None) => Chain::default(),
    })
}

/// Takes away the half of a line with which a file ends when its writer was killed or the disk was full, so that the next
/// entry does not become part of it.
fn end_with_a_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(LINE_BYTES_MAX as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    io::Read::take(&mut *file, LINE_BYTES_MAX as u64).read_to_end(&mut end)?;
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

    /// An audit of four entries, with its lines.
    fn four() -> (tempfile::TempDir, PathBuf, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for round in 0..2 {
            let log = AuditLog::append(path.clone()).unwrap();
            log.record(&subject(), denied(&format!("a{round}:443")));
            log.record(&subject(), denied(&format!("b{round}:443")));
        }
        let lines = std::fs::read_to_string(&path).unwrap().lines().map(|line| format!("{line}\n")).collect();
        (folder, path, lines)
    }

    #[test]
    fn the_chain_notices_an_edit_a_removal_another_order_an_insertion_and_a_cut_end() {
        let (_folder, path, lines) = four();
        let verified = AuditLog::verify(&path).unwrap().unwrap();
        assert_eq!((verified.chained, verified.unchained), (4, 0));
        let edited = lines[1].replace("b0:443", "b9:443");
        let broken = |line| ChainBreak::Broken { line };
        let last_edited = lines[3].replace("b1:443", "b9:443");
        let l = |at: usize| lines[at].as_str();
        let cases = [
            ("an edit", vec![l(0), edited.as_str(), l(2), l(3)], broken(3)),
            ("an edit of the last", vec![l(0), l(1), l(2), last_edited.as_str()], ChainBreak::Head { seq: 4 }),
            ("a removal", vec![l(0), l(2), l(3)], broken(2)),
            ("a removal of the first", vec![l(1), l(2), l(3)], broken(1)),
            ("another order", vec![l(0), l(2), l(1), l(3)], broken(2)),
            ("an insertion", vec![l(0), l(1), l(1), l(2), l(3)], broken(3)),
            (
                "an entry without a chain",
                vec![l(0), "{\"at_ms\":1,\"tenant\":\"a\",\"package\":\"b\",\"what\":\"lost\",\"count\":1}\n", l(1)],
                broken(2),
            ),
            ("a cut end", vec![l(0), l(1)], ChainBreak::Cut { missing: 2 }),
            ("half of a line", vec![l(0), l(1), l(2), &l(3)[..20]], ChainBreak::Cut { missing: 1 }),
            ("nothing left", vec![], ChainBreak::Cut { missing: 4 }),
            ("no entry", vec![l(0), "{}\n", l(2)], ChainBreak::Damaged { line: 2 }),
        ];
        for (what, lines, expected) in cases {
            std::fs::write(&path, lines.concat()).unwrap();
            assert_eq!(AuditLog::verify(&path).unwrap(), Err(expected), "{what}");
        }
        std::fs::write(&path, lines.concat()).unwrap();
        std::fs::remove_file(chain::head_path(&path)).unwrap();
        assert_eq!(AuditLog::verify(&path).unwrap(), Err(ChainBreak::NoHead));
    }

    #[test]
    fn what_happened_to_a_chain_stays_to_be_seen_when_it_goes_on() {
        let (_folder, path, lines) = four();
        for (left, without_head) in
            [(vec![0, 1, 3], false), (vec![0, 1], false), (vec![0, 1], true), (vec![0, 1, 2, 3], true)]
        {
            std::fs::write(&path, left.iter().map(|at| lines[*at].as_str()).collect::<String>()).unwrap();
            if without_head {
                std::fs::remove_file(chain::head_path(&path)).unwrap();
            }
            AuditLog::append(path.clone()).unwrap().record(&subject(), denied("later:443"));
            let found = AuditLog::verify(&path).unwrap();
            assert!(found.is_err(), "{left:?}: {found:?}");
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, lines.concat()).unwrap();
            let last = lines[3].trim_end().as_bytes();
            HeadFile::open(&path).unwrap().write(&Chain::default().put(4, last)).unwrap();
        }
    }

    #[test]
    fn lines_behind_the_last_one_are_noticed_unless_a_killed_writer_may_have_left_it() {
        let (_folder, path, mut lines) = four();
        let mut chain = Chain::at(HeadFile::open(&path).unwrap().read().unwrap().unwrap());
        for extra in 1..=2_u64 {
            let mut entry: AuditEntry = serde_json::from_str(&lines[3]).unwrap();
            let (seq, prev) = chain.next();
            (entry.seq, entry.prev) = (Some(seq), Some(prev));
            let line = serde_json::to_string(&entry).unwrap();
            chain.put(seq, line.as_bytes());
            lines.push(format!("{line}\n"));
            std::fs::write(&path, lines.concat()).unwrap();
            let found = AuditLog::verify(&path).unwrap();
            assert_eq!(found.err(), (extra > 1).then_some(ChainBreak::Beyond { extra }));
        }
    }

    #[test]
    fn entries_of_older_versions_come_before_the_chain_and_two_writers_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let old = "{\"at_ms\":1,\"tenant\":\"local\",\"package\":\"com.example.a\",\"what\":\"lost\",\"count\":1}\n";
        std::fs::write(&path, old).unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = path.clone();
                scope.spawn(move || {
                    let log = AuditLog::append(path).unwrap();
                    (0..25).for_each(|at| log.record(&subject(), denied(&format!("{writer}-{at}:443"))));
                });
            }
        });
        let verified = AuditLog::verify(&path).unwrap().unwrap();
        assert_eq!((verified.chained, verified.unchained), (100, 1));
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replacen("\"count\":1", "\"count\":2", 1))
            .unwrap();
        assert_eq!(AuditLog::verify(&path).unwrap(), Err(ChainBreak::Broken { line: 2 }));
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
