//! One execution as one self-contained file: JSON lines that `import` and `replay` accept on another machine.
//!
//! ```text
//! {"akao_export":1,"execution":{…},"definitions":{"sha256:…":{…}}}
//! {"blob":{"$blob":"sha256:…",…},"base64":"…"}        one line for each large value
//! {"first_seq":0,"entries":[…]}                        one line for each frame
//! ```
//! The same file is a bug report and a fixture: a later version must replay it.

use crate::{
    core::Summary,
    entry::Entry,
    replay::{ReplayError, Replica, Told},
    version::{StoredVersion, Version},
};
use akao_contract::{BlobRef, Digest, ExecutionId, ExecutionStatus, Tenant};
use akao_flow::{Catalogue, Event, Machine};
use akao_journal::{ExecutionRow, Frame, Reader, Write};
use akao_step::{BlobError, BlobStore};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

/// The format that is written; a reader accepts this one.
pub const EXPORT_FORMAT: u32 = 1;

/// One frame as a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct FrameLine {
    first_seq: u64,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    akao_export: u32,
    execution: ExportedRow,
    definitions: BTreeMap<Digest, StoredVersion>,
}

/// An execution's row in words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExportedRow {
    /// Its id.
    pub id: ExecutionId,
    /// Its owner.
    pub tenant: Tenant,
    /// The workflow's id.
    pub workflow: String,
    /// The workflow's version.
    pub version: String,
    /// Which definition.
    pub definition: Digest,
    /// Semantics level of the interpreter.
    pub semantics: u16,
    /// Its state.
    pub status: ExecutionStatus,
    /// What it was forked from, and before which event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked_from: Option<(ExecutionId, u64)>,
    /// When it was started, in Unix milliseconds.
    pub started_ms: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BlobLine {
    blob: BlobRef,
    base64: String,
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Export {
    /// The execution.
    pub row: ExportedRow,
    definitions: BTreeMap<Digest, StoredVersion>,
    blobs: Vec<(BlobRef, Vec<u8>)>,
    frames: Vec<FrameLine>,
}

/// Writes an execution as lines.
///
/// # Errors
/// Its record or one of its large values cannot be read.
pub fn export(reader: &Reader, blobs: &dyn BlobStore, id: ExecutionId) -> Result<String, String> {
    excerpt(reader, blobs, id, 0)
}

/// Writes what follows in an execution from one event on, in the same form; definitions are in the first excerpt alone.
///
/// # Errors
/// As [`export`].
pub fn excerpt(reader: &Reader, blobs: &dyn BlobStore, id: ExecutionId, from_seq: u64) -> Result<String, String> {
    let row = reader.execution(id).map_err(|problem| problem.to_string())?;
    let row = row.ok_or_else(|| format!("there is no execution {id}"))?;
    let mut definitions = BTreeMap::new();
    if from_seq == 0 {
        collect_definitions(reader, &row.tenant, row.definition, &mut definitions)?;
    }
    let mut frames = Vec::new();
    for frame in reader.frames(id, from_seq).map_err(|problem| problem.to_string())? {
        let entries = crate::entry::read_entries(&frame.body).map_err(|problem| problem.to_string())?;
        frames.push(FrameLine { first_seq: frame.first_seq, entries });
    }
    let summary = row.summary.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let head = Head {
        akao_export: EXPORT_FORMAT,
        execution: ExportedRow {
            id,
            tenant: row.tenant.clone(),
            workflow: row.workflow,
            version: row.version,
            definition: row.definition,
            semantics: row.semantics,
            status: row.status,
            forked_from: row.forked_from,
            started_ms: row.started_ms,
            ended_ms: row.ended_ms,
            summary,
        },
        definitions,
    };
    let mut text = line(&head)?;
    for blob in referenced(&frames, blobs, &row.tenant)? {
        text.push_str(&line(&blob)?);
    }
    for frame in &frames {
        text.push_str(&line(frame)?);
    }
    Ok(text)
}

fn line(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map(|text| text + "\n").map_err(|problem| problem.to_string())
}

fn collect_definitions(
    reader: &Reader,
    tenant: &Tenant,
    digest: Digest,
    into: &mut BTreeMap<Digest, StoredVersion>,
) -> Result<(), String> {
    if into.contains_key(&digest) {
        return Ok(());
    }
    let body = reader.definition(tenant, digest).map_err(|problem| problem.to_string())?;
    let body = body.ok_or_else(|| format!("the definition {digest} is not in the journal"))?;
    let stored: StoredVersion = serde_json::from_slice(&body).map_err(|problem| problem.to_string())?;
    let children: Vec<Digest> = stored.children.values().copied().collect();
    into.insert(digest, stored);
    children.into_iter().try_for_each(|child| collect_definitions(reader, tenant, child, into))
}

/// The large values that the history names, once each. Data that only looks like a reference is left out.
fn referenced(frames: &[FrameLine], blobs: &dyn BlobStore, tenant: &Tenant) -> Result<Vec<BlobLine>, String> {
    let mut found = BTreeMap::new();
    for entry in frames.iter().flat_map(|frame| &frame.entries) {
        let value = serde_json::to_value(&entry.event).map_err(|problem| problem.to_string())?;
        references(&value, &mut found);
    }
    let mut lines = Vec::new();
    for blob in found.into_values() {
        match blobs.get(tenant, &blob.digest) {
            Ok(bytes) => lines.push(BlobLine { blob, base64: STANDARD.encode(bytes) }),
            Err(BlobError::NotFound(_)) => {}
            Err(problem) => return Err(problem.to_string()),
        }
    }
    Ok(lines)
}

/// The reference by which an execution's history names a large value; none where it does not.
///
/// # Errors
/// Its record cannot be read.
pub fn reference(reader: &Reader, id: ExecutionId, digest: &Digest) -> Result<Option<BlobRef>, String> {
    let hex = digest.hex();
    let mut found = Ok(None);
    let look = |frame: &Frame| -> Result<Option<BlobRef>, String> {
        // Most frames do not have the text in them and need not be taken apart.
        if !std::str::from_utf8(&frame.body).is_ok_and(|text| text.contains(&hex)) {
            return Ok(None);
        }
        let mut all = BTreeMap::new();
        for entry in crate::entry::read_entries(&frame.body).map_err(|problem| problem.to_string())? {
            references(&serde_json::to_value(&entry.event).map_err(|problem| problem.to_string())?, &mut all);
        }
        Ok(all.remove(digest))
    };
    let read = reader.each_frame(id, 0, |frame| match look(&frame) {
        Ok(None) => ControlFlow::Continue(()),
        other => {
            found = other;
            ControlFlow::Break(())
        }
    });
    read.map_err(|problem| problem.to_string()).and(found)
}

/// Collects every blob reference inside a value.
pub fn references(value: &Value, into: &mut BTreeMap<Digest, BlobRef>) {
    if let Some(blob) = BlobRef::from_value(value) {
        into.insert(blob.digest, blob);
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        Value::Object(map) => map.values().for_each(|member| references(member, into)),
        _ => {}
    }
}

/// What an excerpt holds, as a journal has it.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// The execution.
    pub row: ExportedRow,
    /// Definitions by digest.
    pub definitions: BTreeMap<Digest, Vec<u8>>,
    /// Large values by digest.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    /// Frames, in order.
    pub frames: Vec<Frame>,
}

impl Excerpt {
    /// Reads the lines of an excerpt.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head: Head = serde_json::from_str(lines.next().ok_or("the answer is empty")?)
            .map_err(|problem| format!("this is not the record of an execution: {problem}"))?;
        let (definitions, blobs, frames) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut excerpt = Self { row: head.execution, definitions, blobs, frames };
        for (digest, stored) in head.definitions {
            let body = serde_json::to_vec(&stored).map_err(|problem| problem.to_string())?;
            excerpt.definitions.insert(digest, body);
        }
        for text in lines {
            if text.starts_with("{\"blob\"") {
                let line: BlobLine = serde_json::from_str(text).map_err(|problem| problem.to_string())?;
                let bytes = STANDARD.decode(&line.base64).map_err(|problem| problem.to_string())?;
                excerpt.blobs.insert(line.blob.digest, bytes);
            } else {
                let line: FrameLine = serde_json::from_str(text).map_err(|problem| problem.to_string())?;
                excerpt.frames.push(Frame {
                    lsn: 0,
                    first_seq: line.first_seq,
                    count: u32::try_from(line.entries.len()).unwrap_or(u32::MAX),
                    at_ms: line.entries.first().map_or(0, |entry| entry.at),
                    body: serde_json::to_vec(&line.entries).map_err(|problem| problem.to_string())?,
                });
            }
        }
        Ok(excerpt)
    }
}

impl Export {
    /// Reads the lines of an export.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty());
        let (_, first) = lines.next().ok_or("the file is empty")?;
        let head: Head = serde_json::from_str(first)
            .map_err(|problem| format!("line 1: this is not an exported execution: {problem}"))?;
        if head.akao_export != EXPORT_FORMAT {
            return Err(format!("the file has format {}; this version reads {EXPORT_FORMAT}", head.akao_export));
        }
        let mut export = Self { row: head.execution, definitions: head.definitions, blobs: vec![], frames: vec![] };
        let mut next_seq = 0;
        for (number, text) in lines {
            let wrong = |problem: String| format!("line {number}: {problem}");
            if text.starts_with("{\"blob\"") {
                let line: BlobLine = serde_json::from_str(text).map_err(|problem| wrong(problem.to_string()))?;
                let bytes = STANDARD.decode(&line.base64).map_err(|problem| wrong(problem.to_string()))?;
                if Digest::of(&bytes) != line.blob.digest {
                    return Err(wrong(format!("the bytes are not those of {}", line.blob.digest)));
                }
                export.blobs.push((line.blob, bytes));
            } else {
                let frame: FrameLine = serde_json::from_str(text).map_err(|problem| wrong(problem.to_string()))?;
                if frame.first_seq != next_seq || frame.entries.is_empty() {
                    let found = frame.first_seq;
                    return Err(wrong(format!(
                        "event {next_seq} must come next, not {} from {found}",
                        frame.entries.len()
                    )));
                }
                next_seq += frame.entries.len() as u64;
                export.frames.push(frame);
            }
        }
        if next_seq == 0 {
            return Err("the file holds no event".into());
        }
        Ok(export)
    }

    fn version(&self, catalogue: &Catalogue) -> Result<Arc<Version>, String> {
        let stored = self.definitions.get(&self.row.definition).ok_or("the workflow's definition is missing")?;
        let body = serde_json::to_vec(stored).map_err(|problem| problem.to_string())?;
        let version = Version::load(self.row.definition, &body, catalogue)?;
        let lock = (!version.children.is_empty()).then(|| serde_json::json!(version.children));
        if akao_flow::content_hash(&version.definition, lock.as_ref()) != self.row.definition {
            return Err("the definition does not have the digest that the execution names".into());
        }
        Ok(Arc::new(version))
    }

    /// Replays the history and tells every event.
    ///
    /// # Errors
    /// The file is incomplete, or the interpreter takes another decision than the recorded one.
    pub fn replay(&self, catalogue: &Catalogue) -> Result<Vec<Told>, String> {
        self.replayed(catalogue).map(|(_, told)| told)
    }

    fn replayed(&self, catalogue: &Catalogue) -> Result<(Replica, Vec<Told>), String> {
        let blobs = Arc::new(FileBlobs(self.blobs.iter().map(|(blob, bytes)| (blob.digest, bytes.clone())).collect()));
        let mut replica = Replica::new(self.version(catalogue)?, self.row.tenant.clone(), blobs);
        let mut told = Vec::new();
        for frame in &self.frames {
            let more = replica.apply_entries(frame.first_seq, &frame.entries);
            told.extend(more.map_err(|problem: ReplayError| problem.to_string())?);
        }
        Ok((replica, told))
    }

    /// Checks that the file is complete, replays, and says of its execution what its history says.
    pub(crate) fn check(&self, catalogue: &Catalogue) -> Result<(), String> {
        let (replica, _) = self.replayed(catalogue)?;
        let found = replica.machine().map(Machine::status).ok_or("the file holds no start")?;
        let told = self.row.status;
        // A quarantined execution is one whose history does not say how it stands.
        let differs = told.is_final() != found.is_final() || (told.is_final() && told != found);
        if differs && told != ExecutionStatus::Quarantined {
            return Err(format!("the file says {told}, its history {found}"));
        }
        match self.frames.first().and_then(|frame| frame.entries.first()).map(|entry| &entry.event) {
            Some(Event::Started(start)) if (start.execution, &start.tenant) == (self.row.id, &self.row.tenant) => {
                Ok(())
            }
            _ => Err("the history is that of another execution".into()),
        }
    }

    /// The large values, with their media types.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        self.blobs.iter().map(|(blob, bytes)| (blob.media_type.clone(), bytes.clone()))
    }

    pub(crate) fn definition_writes(&self) -> Vec<Write> {
        let write = |(digest, stored): (&Digest, &StoredVersion)| Write::PutDefinition {
            tenant: self.row.tenant.clone(),
            digest: *digest,
            body: serde_json::to_vec(stored).unwrap_or_default().into(),
        };
        self.definitions.iter().map(write).collect()
    }

    /// The row and the frames. An execution that had not ended arrives paused, so that it does nothing unasked.
    pub(crate) fn rows(&self) -> Result<(ExecutionRow, Vec<Write>), String> {
        let row = &self.row;
        let last_seq = self.frames.last().map_or(0, |frame| frame.first_seq + frame.entries.len() as u64 - 1);
        let last_ms =
            self.frames.last().and_then(|frame| frame.entries.last()).map_or(row.started_ms, |entry| entry.at);
        let status = if row.status.is_final() { row.status } else { ExecutionStatus::Paused };
        let summary =
            row.summary.as_ref().map(serde_json::to_vec).transpose().map_err(|problem| problem.to_string())?;
        let inserted = ExecutionRow {
            id: row.id,
            tenant: row.tenant.clone(),
            workflow: row.workflow.clone(),
            version: row.version.clone(),
            definition: row.definition,
            semantics: row.semantics,
            status,
            parent: None,
            forked_from: row.forked_from,
            queue_key: None,
            started_ms: row.started_ms,
            updated_ms: last_ms,
            ended_ms: row.ended_ms,
            next_timer_ms: None,
            last_seq,
            waiting: (!status.is_final()).then(|| "import: resume it to go on here".to_owned()),
            attributes: b"{}".to_vec(),
            summary,
        };
        let frames = self.frames.iter().map(|frame| {
            Ok(Write::AppendFrame {
                execution: row.id,
                first_seq: frame.first_seq,
                count: u32::try_from(frame.entries.len()).map_err(|problem| problem.to_string())?,
                at_ms: frame.entries.last().map_or(row.started_ms, |entry| entry.at),
                body: serde_json::to_vec(&frame.entries).map_err(|problem| problem.to_string())?,
            })
        });
        Ok((inserted, frames.collect::<Result<_, String>>()?))
    }
}

/// The large values of a file, for replay without a data directory.
struct FileBlobs(BTreeMap<Digest, Vec<u8>>);

impl BlobStore for FileBlobs {
    fn put(&self, _: &Tenant, _: &[u8], _: &str) -> Result<BlobRef, BlobError> {
        Err(BlobError::Storage(std::io::Error::other("a file cannot take new values")))
    }

    fn get(&self, _: &Tenant, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        self.0.get(digest).cloned().ok_or(BlobError::NotFound(*digest))
    }
}
