//! The chain of the audit: every line names the digest of the line before it, and a file beside says which is the last. So
//! an edited, removed, moved or inserted line is noticed, and so is an end that was cut off. Whoever can write both files
//! can write another history; who needs more copies the digest of the last line elsewhere from time to time.
//!
//! Lines of older versions have no chain. They may only stand before the first line that has, which names the digest of all
//! of them together.

use super::{AuditEntry, AuditError};
use akao_contract::Digest;
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The version of the file beside.
const FORMAT: u32 = 1;

/// Longest line that is read.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

/// The last line, as the file beside the audit names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    akao_audit: u32,
    /// The number of the last line, from 1.
    pub(super) seq: u64,
    /// The digest of its bytes, without the line feed.
    pub(super) line: Digest,
}

impl Head {
    /// The same place with a digest that no line has, so that whatever comes next does not follow from it.
    pub(super) fn mistrusted(self) -> Self {
        Self { line: Digest::of(b"the file that names the last entry was taken away"), ..self }
    }
}

/// What is wrong with an audit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// A line does not follow from the one before it.
    #[error(
        "line {line} does not follow from the line before it: something was edited, removed, moved or put in there"
    )]
    Broken {
        /// Which, from 1.
        line: usize,
    },
    /// A line is no entry.
    #[error("line {line} is no entry")]
    Damaged {
        /// Which, from 1.
        line: usize,
    },
    /// The end is not there.
    #[error("the last {missing} entries are missing")]
    Cut {
        /// How many.
        missing: u64,
    },
    /// The last line is not the one that was written.
    #[error("entry {seq} is not the one that was written")]
    Head {
        /// Its number.
        seq: u64,
    },
    /// More stands there than was written.
    #[error("{extra} entries stand behind the last one that was written")]
    Beyond {
        /// How many.
        extra: u64,
    },
    /// The file beside is not there, or cannot be understood.
    #[error("the file that names the last entry is missing or damaged")]
    NoHead,
}

/// What was found in a sound audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Lines that are in the chain.
    pub chained: u64,
    /// Lines of older versions, before the chain.
    pub unchained: u64,
    /// The digest of the last line of the chain.
    pub last: Option<Digest>,
}

/// The file beside an audit.
pub(super) fn head_path(audit: &Path) -> PathBuf {
    audit.with_extension("head")
}

/// The file beside, opened for the one who holds the audit's lock.
pub(super) struct HeadFile(File);

impl HeadFile {
    pub(super) fn open(audit: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let path = head_path(audit);
        let is_new = !path.exists();
        let file = options.open(&path)?;
        if is_new && let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self(file))
    }

    /// Who it says is the last. A file that cannot be understood says nothing; then the audit itself is asked.
    pub(super) fn read(&mut self) -> io::Result<Option<Head>> {
        let mut text = String::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_string(&mut text)?;
        Ok(parse(&text))
    }

    /// Names another as the last. It is one short line, which a file system writes whole.
    pub(super) fn write(&mut self, head: &Head) -> io::Result<()> {
        let text = serde_json::to_string(head).map_err(io::Error::other)?;
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(format!("{text}\n").as_bytes())?;
        let length = self.0.stream_position()?;
        self.0.set_len(length)?;
        // A head that a power cut takes back would look as if somebody had taken it away.
        self.0.sync_data()
    }
}

fn parse(text: &str) -> Option<Head> {
    serde_json::from_str::<Head>(text).ok().filter(|head| head.akao_audit == FORMAT)
}

/// The chain as far as it was followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    last: Option<Head>,
    /// The bytes before the chain, while it has not begun.
    before: Vec<u8>,
}

impl Chain {
    /// The chain at the end of an audit, of which the file beside names the last line.
    pub(super) fn at(head: Head) -> Self {
        Self { last: Some(head), before: Vec::new() }
    }

    /// Follows all lines of an audit. `line` is called for each that is not in the chain.
    pub(super) fn follow(bytes: &[u8]) -> Result<(Self, Verified), ChainBreak> {
        let (mut chain, mut verified) = (Self::default(), Verified::default());
        for (line, text) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            // Half a line at the end is what a killed program was writing.
            let Some(text) = text.strip_suffix(b"\n") else { break };
            let entry: AuditEntry = serde_json::from_slice(text).map_err(|_| ChainBreak::Damaged { line })?;
            match (entry.seq, entry.prev) {
                (None, None) if chain.last.is_none() => {
                    chain.before.extend_from_slice(text);
                    verified.unchained += 1;
                }
                (Some(seq), Some(prev)) if (seq, prev) == chain.next() => {
                    chain.put(seq, text);
                    verified.chained += 1;
                }
                _ => return Err(ChainBreak::Broken { line }),
            }
        }
        verified.last = chain.last.map(|head| head.line);
        Ok((chain, verified))
    }

    /// The number of the next line, and the digest that it names.
    pub(super) fn next(&self) -> (u64, Digest) {
        match &self.last {
            Some(head) => (head.seq + 1, head.line),
            None => (1, Digest::of(&self.before)),
        }
    }

    /// Takes the next line in.
    pub(super) fn put(&mut self, seq: u64, line: &[u8]) -> Head {
        let head = Head { akao_audit: FORMAT, seq, line: Digest::of(line) };
        self.last = Some(head);
        head
    }

    pub(super) fn head(&self) -> Option<Head> {
        self.last
    }
}

/// Holds an audit against its chain and the file beside it. Nothing is wrong with one that is not there.
///
/// # Errors
/// The outer one when a file cannot be read, the inner one when something is wrong.
pub(super) fn verify(path: &Path) -> Result<Result<Verified, ChainBreak>, AuditError> {
    let read = |path: &Path| match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(|source| AuditError::Io { path: path.to_owned(), source }),
    };
    // Whoever writes holds the lock while the two files do not fit each other.
    let held = match File::open(path) {
        Ok(file) => file.lock_shared().is_ok().then_some(file),
        Err(_) => None,
    };
    let head = read(&head_path(path))?.and_then(|bytes| parse(&String::from_utf8_lossy(&bytes)));
    let bytes = read(path)?.unwrap_or_default();
    drop(held);
    Ok(Chain::follow(&bytes).and_then(|(chain, verified)| against(&bytes, &chain, head).map(|()| verified)))
}

fn against(bytes: &[u8], chain: &Chain, head: Option<Head>) -> Result<(), ChainBreak> {
    let reached = chain.head().map_or(0, |last| last.seq);
    let Some(head) = head else {
        return if reached == 0 { Ok(()) } else { Err(ChainBreak::NoHead) };
    };
    if reached < head.seq {
        return Err(ChainBreak::Cut { missing: head.seq - reached });
    }
    // A program that was killed may have written a line that the file beside does not name yet.
    if reached > head.seq + 1 {
        return Err(ChainBreak::Beyond { extra: reached - head.seq });
    }
    let is_it = |line: &[u8]| {
        let entry = serde_json::from_slice::<AuditEntry>(line);
        entry.is_ok_and(|entry| entry.seq == Some(head.seq)) && Digest::of(line) == head.line
    };
    match bytes.split(|byte| *byte == b'\n').any(is_it) {
        true => Ok(()),
        false => Err(ChainBreak::Head { seq: head.seq }),
    }
}
