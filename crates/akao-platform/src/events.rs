//! The events of an execution as a stream that can be left and taken up again.
//!
//! What is durable has a cursor: the number of its event in the history and its own number within that. Whoever comes back with
//! the last cursor that it saw gets what follows it, no gap and no repeat. Progress is not durable and has no cursor: who was
//! not there does not hear of it.

use crate::{Actor, Error, Platform};
use akao_contract::{Address, ExecutionId, ExecutionStatus, LogLevel, OpId};
use akao_engine::{
    Executions, Follower, Told, Update,
    steps::{Steps, failure_json, timestamp},
};
use akao_flow::{Finish, Note};
use akao_journal::ExecutionRow;
use akao_step::StepEvent;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    str::FromStr,
    sync::Arc,
};

/// Places of the `status` of an execution, and of its end, within their event: behind those of all notes.
const STATUS_INDEX: u32 = u32::MAX - 1;
const END_INDEX: u32 = u32::MAX;

/// Events that one note may become, each with a place of its own.
const EVENTS_OF_A_NOTE: u32 = 4;

/// Where a stream was left: an event of the history, and a place within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    seq: u64,
    index: u32,
}

impl Cursor {
    /// The place of a note, of which the first is 1, within an event of the history.
    pub(crate) fn of_note(seq: u64, place: u32) -> Self {
        Self { seq, index: place * EVENTS_OF_A_NOTE }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.index)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers = text.split_once('.').and_then(|(seq, index)| Some((seq.parse().ok()?, index.parse().ok()?)));
        let (seq, index) = numbers.ok_or_else(|| {
            Error::invalid("`Last-Event-ID` is not an id of this stream")
                .hint("Send the id of the last event that was seen.")
        })?;
        Ok(Self { seq, index })
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// Its place, when it is durable.
    pub cursor: Option<Cursor>,
    /// `start`, `status`, `stdout`, `stderr`, `progress`, `log`, `complete` or `error`.
    pub name: &'static str,
    /// What it says.
    pub data: Value,
}

/// The events of one execution, from a place on to its end.
pub struct EventStream {
    platform: Platform,
    execution: ExecutionId,
    follower: Follower,
    steps: Steps,
    /// What was seen before; it is not told again.
    after: Option<Cursor>,
    ready: VecDeque<StreamEvent>,
    status: Option<ExecutionStatus>,
    /// Whether lines are told while their step runs.
    live: bool,
    /// Lines that were told while their step ran and will come once more with its end.
    told_live: BTreeMap<OpId, Vec<(LogLevel, String)>>,
    ended: bool,
}

impl Platform {
    /// Follows an execution's events from behind a cursor. Blocks while it reads what there is.
    ///
    /// # Errors
    /// There is no such execution in the tenant.
    pub fn events(&self, actor: &Actor, id: &str, after: Option<Cursor>, live: bool) -> Result<EventStream, Error> {
        let execution = self.execution(actor, id)?.id;
        let mut follower = self.follower(execution)?;
        match after {
            // Whoever comes for the first time sees the beginning before the end was read.
            None => follower.begin()?,
            Some(_) => follower.catch_up()?,
        }
        let mut stream = EventStream {
            platform: self.clone(),
            execution,
            follower,
            steps: Steps::default(),
            after,
            ready: VecDeque::new(),
            status: None,
            live,
            told_live: BTreeMap::new(),
            ended: false,
        };
        for told in stream.follower.take_ready() {
            stream.take(&told);
        }
        Ok(stream)
    }
}

impl EventStream {
    /// The next event; none when the execution has ended and everything was told.
    ///
    /// # Errors
    /// The journal cannot be read, or the engine does not answer.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>, Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            if self.follower.go_on()? {
                for told in self.follower.take_ready() {
                    self.take(&told);
                }
                continue;
            }
            let executions: Arc<dyn Executions> = Arc::clone(&self.platform.parts().executions);
            match self.follower.next(executions.as_ref()).await? {
                Some(Update::Told(told)) => self.take(&told),
                Some(Update::Step(op, event)) => self.take_step(op, &event),
                None => self.take_end()?,
            }
        }
    }

    /// Whether the execution has ended and nothing is left to tell: whoever comes back has seen everything.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_over(&mut self) -> Result<bool, Error> {
        if self.ready.is_empty() && !self.ended && self.follower.has_ended() {
            self.take_end()?;
        }
        Ok(self.ended && self.ready.is_empty())
    }

    fn put(&mut self, cursor: Cursor, name: &'static str, data: Value) {
        if self.after.is_none_or(|after| cursor > after) {
            self.ready.push_back(StreamEvent { cursor: Some(cursor), name, data });
        }
    }

    fn take(&mut self, told: &Told) {
        self.steps.take(told);
        let (seq, at) = (told.seq, timestamp(told.at));
        if seq == 0 {
            self.put(Cursor { seq, index: 0 }, "start", json!({"execution": self.execution, "at": at}));
        }
        for (place, note) in (1..).zip(&told.notes) {
            self.take_note(Cursor::of_note(seq, place), &at, note);
        }
        if self.status != Some(told.status) {
            self.status = Some(told.status);
            let data = json!({"execution": self.execution, "at": at, "status": told.status});
            self.put(Cursor { seq, index: STATUS_INDEX }, "status", data);
        }
    }

    fn take_note(&mut self, cursor: Cursor, at: &str, note: &Note) {
        match note {
            Note::Started { address, id, node_type, .. } => {
                let data = json!({"at": at, "step": address, "id": id, "type": node_type, "status": "running"});
                self.put(cursor, "status", data);
            }
            Note::Ended { address, id, node_type, status, attempts, outputs, failure } => {
                let Cursor { seq, index } = cursor;
                for (name, index) in [("stdout", index + 1), ("stderr", index + 2)] {
                    if let Some(Value::String(text)) = outputs.get(name) {
                        let data = json!({"at": at, "step": address, "id": id, "text": text});
                        self.put(Cursor { seq, index }, name, data);
                    }
                }
                let error = failure.as_ref().map(|failure| &failure.error);
                let data = json!({
                    "at": at, "step": address, "id": id, "type": node_type, "status": status, "attempts": attempts,
                    "error": error,
                });
                self.put(Cursor { seq, index: index + 3 }, "status", data);
            }
            Note::Log { address, line } => {
                if !self.was_told_live(address, line.level, &line.message) {
                    let data = json!({"at": at, "step": address, "level": line.level, "message": line.message});
                    self.put(cursor, "log", data);
                }
            }
            Note::Waiting { address, what, until_ms } => {
                let until = until_ms.map(timestamp);
                let data = json!({"at": at, "step": address, "status": "waiting", "waiting": what, "until": until});
                self.put(cursor, "status", data);
            }
            Note::Held { address, id, node_type, reason } => {
                let data = json!({
                    "at": at, "step": address, "id": id, "type": node_type, "status": "held", "reason": reason,
                });
                self.put(cursor, "status", data);
            }
            Note::Wrote { .. } | Note::Buffered { .. } => {}
        }
    }

    fn take_step(&mut self, op: OpId, event: &StepEvent) {
        let Some(address) = self.steps.address_of(op).cloned() else { return };
        let event = match event {
            StepEvent::Progress { fraction, message } => {
                let data = json!({"step": address, "fraction": fraction, "message": message});
                StreamEvent { cursor: None, name: "progress", data }
            }
            StepEvent::Log(line) if self.live => {
                self.told_live.entry(op).or_default().push((line.level, line.message.clone()));
                let data = json!({"step": address, "level": line.level, "message": line.message});
                StreamEvent { cursor: None, name: "log", data }
            }
            StepEvent::Log(_) => return,
        };
        self.ready.push_back(event);
    }

    /// Whether a line was told while its step ran; each is found once.
    fn was_told_live(&mut self, address: &Address, level: LogLevel, message: &str) -> bool {
        for (op, lines) in &mut self.told_live {
            if self.steps.address_of(*op) == Some(address)
                && let Some(at) = lines.iter().position(|line| (line.0, line.1.as_str()) == (level, message))
            {
                lines.remove(at);
                return true;
            }
        }
        false
    }

    fn take_end(&mut self) -> Result<(), Error> {
        self.ended = true;
        let id = self.execution;
        let row = self.platform.journal(|reader| reader.execution(id))?;
        let Some(row) = row else { return Ok(()) };
        let (name, data) = end(&row, &self.steps);
        self.put(Cursor { seq: row.last_seq, index: END_INDEX }, name, data);
        Ok(())
    }
}

/// How an execution ended, as the last event of its stream.
fn end(row: &ExecutionRow, steps: &Steps) -> (&'static str, Value) {
    let finish = row.summary.as_deref().and_then(|bytes| serde_json::from_slice::<Finish>(bytes).ok());
    let at = row.ended_ms.map(timestamp);
    match row.status {
        ExecutionStatus::Success | ExecutionStatus::Skipped => {
            let outputs = finish.map(|finish| finish.outputs).unwrap_or_default();
            ("complete", json!({"execution": row.id, "at": at, "status": row.status, "outputs": outputs}))
        }
        _ => {
            let failure = finish.and_then(|finish| finish.failure);
            let error = failure.map(|failure| failure_json(steps, &failure));
            ("error", json!({"execution": row.id, "at": at, "status": row.status, "error": error}))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_ordered_as_the_stream_is() {
        let read = |text: &str| text.parse::<Cursor>();
        let first = read("3.1").unwrap();
        assert_eq!(first.to_string(), "3.1");
        assert!(first < read("3.10").unwrap() && read("3.10").unwrap() < read("4.0").unwrap());
        assert!(read("9.4294967295").unwrap() > read("9.4294967294").unwrap());
        for bad in ["", "3", "3.", ".1", "a.b", "-1.0", "1.4294967296"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
