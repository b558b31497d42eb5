//! What must hold after each restart and at the end, read from the journal itself.

use crate::{
    facts::{Facts, Signalled},
    outside::Outside,
    shapes::{self, Expected, FLAKY_ATTEMPTS, FLAKY_REFUSALS, Shape},
};
use akao_contract::{ExecutionId, ExecutionStatus, OpId};
use akao_engine::{Entry, Summary, export, read_entries};
use akao_flow::{Catalogue, Event};
use akao_host::DiskBlobs;
use akao_journal::{ExecutionFilter, ExecutionRow, Reader};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

type Checked = Result<(), String>;

/// Reads a journal and compares it with what is owed.
pub(crate) struct Record {
    pub(crate) reader: Reader,
    blobs: DiskBlobs,
}

impl Record {
    pub(crate) fn open(data: &Path) -> Result<Self, String> {
        let reader = Reader::open(data).map_err(|error| error.to_string())?;
        Ok(Self { reader, blobs: DiskBlobs::new(data.join("blobs")) })
    }

    /// Every execution of the journal.
    pub(crate) fn rows(&self, statuses: &[ExecutionStatus]) -> Result<Vec<ExecutionRow>, String> {
        let filter = ExecutionFilter { statuses: statuses.to_vec(), ..ExecutionFilter::default() };
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.reader.list(&filter, cursor, 1_000).map_err(|error| error.to_string())?;
            rows.extend(page.rows);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(rows);
            }
        }
    }

    fn entries(&self, id: ExecutionId) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        for frame in self.reader.frames(id, 0).map_err(|error| error.to_string())? {
            entries.extend(read_entries(&frame.body).map_err(|error| format!("{id}: {error}"))?);
        }
        Ok(entries)
    }

    /// What was acknowledged is there, now, whatever goes on meanwhile.
    pub(crate) fn nothing_is_lost(&self, facts: &Facts) -> Checked {
        for (n, start) in &facts.starts {
            let Some(id) = &start.execution else { continue };
            let row = self.reader.execution(parse(id)?).map_err(|error| error.to_string())?;
            let row = row.ok_or_else(|| format!("start {n} was acknowledged as {id}, which is not in the journal"))?;
            if row.status == ExecutionStatus::Quarantined {
                return Err(format!("{id} ({}) is quarantined: {}", start.shape, row.waiting.unwrap_or_default()));
            }
        }
        for signal in facts.signals.iter().filter(|signal| signal.acknowledged) {
            let seen = self.reader.signal_seen(parse(&signal.execution)?, &signal.token);
            if !seen.map_err(|error| error.to_string())? {
                return Err(format!("signal `{}` was acknowledged and is not in the journal", signal.token));
            }
        }
        Ok(())
    }

    /// The last look at everything, when nothing runs any more.
    pub(crate) fn everything_is_right(&self, facts: &Facts, outside: &Outside, folder: &Path) -> Checked {
        let report = self.reader.verify().map_err(|error| error.to_string())?;
        if !report.damages.is_empty() {
            return Err(format!("the journal is damaged: {:?}", report.damages));
        }
        let catalogue = catalogue();
        let mut numbers: BTreeMap<u64, ExecutionId> = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for row in self.rows(&[])? {
            let id = row.id;
            let named = |problem: String| format!("{id} ({}): {problem}", row.workflow);
            if !row.status.is_final() || row.status == ExecutionStatus::Quarantined {
                return Err(named(format!("it is stuck as {}, {:?}", row.status, row.waiting)));
            }
            let text = export::export(&self.reader, &self.blobs, id).map_err(named)?;
            export::Export::parse(&text).and_then(|export| export.replay(&catalogue)).map_err(named)?;
            let entries = self.entries(id)?;
            closed_once(&entries).map_err(named)?;
            if row.parent.is_some() {
                continue;
            }
            let n = number(&entries).ok_or_else(|| named("its input holds no number".into()))?;
            if let Some(other) = numbers.insert(n, id) {
                return Err(format!("start {n} has made two executions, {other} and {id}"));
            }
            let shape = shapes::shape(&row.workflow).ok_or_else(|| named("nobody knows its workflow".into()))?;
            ended_as_expected(&row, shape, n).map_err(named)?;
            signals_taken_once(&facts.signals, id, &entries).map_err(named)?;
            if !keys_are_stable(&row, &entries, outside, &mut keys).map_err(named)? {
                return Err(named("two steps outside have the same idempotency key".into()));
            }
            let effects = Effects::of(id, folder)?;
            effects.are_right(&row, n).map_err(named)?;
        }
        self.starts_are_there(facts, &numbers)?;
        self.cancels_took_effect(facts)
    }

    fn starts_are_there(&self, facts: &Facts, numbers: &BTreeMap<u64, ExecutionId>) -> Checked {
        for (n, start) in &facts.starts {
            let found = numbers.get(n).map(ToString::to_string);
            match &start.execution {
                Some(known) if found.as_ref() != Some(known) => {
                    return Err(format!("start {n} was acknowledged as {known} and is {found:?}"));
                }
                None if start.key.is_some() => return Err(format!("start {n} was asked for again and never answered")),
                _ => {}
            }
        }
        match numbers.keys().find(|n| !facts.starts.contains_key(n) && !facts.foreground.contains(n)) {
            Some(n) => Err(format!("{n} was started by nobody")),
            None => Ok(()),
        }
    }

    fn cancels_took_effect(&self, facts: &Facts) -> Checked {
        for id in &facts.cancelled {
            let entries = self.entries(parse(id)?)?;
            if !entries.iter().any(|entry| matches!(entry.event, Event::CancelRequested { .. })) {
                return Err(format!("the cancel of {id} was acknowledged and is not in the journal"));
            }
        }
        Ok(())
    }
}

fn parse(id: &str) -> Result<ExecutionId, String> {
    id.parse().map_err(|_| format!("`{id}` is no id"))
}

fn catalogue() -> Catalogue {
    let leaves = akao_builtin::all().into_iter().map(|node| node.node_type);
    Catalogue::from(akao_flow::control_types().into_iter().map(Into::into).chain(leaves).collect::<Vec<_>>())
}

/// The number of the start in an execution's input.
pub(crate) fn number(entries: &[Entry]) -> Option<u64> {
    match &entries.first()?.event {
        Event::Started(start) => start.input["n"].as_u64(),
        _ => None,
    }
}

/// No operation has two ends.
fn closed_once(entries: &[Entry]) -> Checked {
    let mut closed: BTreeSet<OpId> = BTreeSet::new();
    for entry in entries {
        let op = match &entry.event {
            Event::StepFinished { op, .. }
            | Event::TimerFired { op }
            | Event::TaskCompleted { op, .. }
            | Event::ChildFinished { op, .. }
            | Event::BlobLoaded { op, .. } => *op,
            _ => continue,
        };
        if !closed.insert(op) {
            return Err(format!("operation {} was completed twice", op.0));
        }
    }
    Ok(())
}

fn summary(row: &ExecutionRow) -> Option<Summary> {
    serde_json::from_slice(row.summary.as_deref()?).ok()
}

/// Whether it failed because a step that may not run twice was cut off.
fn is_unknown(summary: &Summary) -> bool {
    summary
        .failure
        .as_ref()
        .is_some_and(|failure| failure.error.detail.get("reason").is_some_and(|reason| reason == "outcome_unknown"))
}

fn ended_as_expected(row: &ExecutionRow, shape: &Shape, n: u64) -> Checked {
    let summary = summary(row).ok_or("it has ended without a summary")?;
    let outputs = Value::Object(summary.outputs.clone());
    let told = || format!("it ended as {} with {outputs} and {:?}", row.status, summary.failure);
    let as_expected = match shape.expected {
        Expected::Cancelled => row.status == ExecutionStatus::Cancelled,
        Expected::SuccessOrUnknown if is_unknown(&summary) => row.status == ExecutionStatus::Failure,
        Expected::Signals => {
            let token = |name: &str| format!("{} {name}", row.id);
            row.status == ExecutionStatus::Success
                && shapes::SIGNALS.iter().all(|name| outputs[name]["token"] == token(name))
        }
        Expected::Success | Expected::SuccessOrUnknown => {
            row.status == ExecutionStatus::Success && outputs == shapes::outputs(shape, n)
        }
    };
    if as_expected { Ok(()) } else { Err(told()) }
}

fn signals_taken_once(signals: &[Signalled], id: ExecutionId, entries: &[Entry]) -> Checked {
    for signal in signals.iter().filter(|signal| signal.execution == id.to_string()) {
        let carries = |entry: &&Entry| matches!(&entry.event, Event::Signal { payload, .. } if payload["token"] == signal.token.as_str());
        let taken = entries.iter().filter(carries).count();
        if taken > 1 || taken == 0 && signal.acknowledged {
            return Err(format!("signal `{}` was taken {taken} times", signal.token));
        }
    }
    Ok(())
}

/// Checks what arrived at the server from an execution; false when a key of it belongs to another one.
fn keys_are_stable(
    row: &ExecutionRow,
    entries: &[Entry],
    outside: &Outside,
    keys: &mut BTreeSet<String>,
) -> Result<bool, String> {
    let arrived = outside.keys(&format!("/{}/{}", row.workflow, row.id));
    let unique: BTreeSet<&String> = arrived.iter().collect();
    if unique.len() > 1 || unique.iter().any(|key| key.is_empty()) {
        return Err(format!("one step has the idempotency keys {unique:?}"));
    }
    let succeeded = row.status == ExecutionStatus::Success;
    let (least, most) = match row.workflow.as_str() {
        "once" => (usize::from(succeeded), 1),
        "flaky" => (if succeeded { FLAKY_REFUSALS + 1 } else { 0 }, attempts(entries).min(FLAKY_ATTEMPTS)),
        _ => (0, 0),
    };
    if !(least..=most).contains(&arrived.len()) {
        return Err(format!("{} requests arrived; {least} to {most} are right", arrived.len()));
    }
    Ok(unique.into_iter().all(|key| keys.insert(key.clone())))
}

/// Attempts of the last step that ended.
fn attempts(entries: &[Entry]) -> usize {
    let ended = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::StepFinished { attempts, .. } => Some(*attempts as usize),
        _ => None,
    });
    ended.unwrap_or(0)
}

/// What an execution left in files.
struct Effects {
    rows: i64,
    file: Option<Value>,
}

impl Effects {
    fn of(id: ExecutionId, folder: &Path) -> Result<Self, String> {
        let database = rusqlite::Connection::open(folder.join("effects.db")).map_err(|error| error.to_string())?;
        let count = "select count(*) from effect where execution = ?1";
        let rows = database.query_row(count, [id.to_string()], |row| row.get(0)).map_err(|error| error.to_string())?;
        let text = std::fs::read_to_string(folder.join(format!("out/{id}.json"))).ok();
        let file = text.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Self { rows, file: file.map_err(|error| format!("{id} left half a file: {error}"))? })
    }

    /// The row at most once, the file whole; both when the execution has succeeded.
    fn are_right(&self, row: &ExecutionRow, n: u64) -> Checked {
        let succeeded = row.workflow == "once" && row.status == ExecutionStatus::Success;
        if self.rows > 1 || succeeded && self.rows != 1 {
            return Err(format!("its row was inserted {} times", self.rows));
        }
        match &self.file {
            None if succeeded => Err("its file is not there".into()),
            Some(file) if file["n"] != n => Err(format!("its file holds {file}")),
            _ => Ok(()),
        }
    }
}
