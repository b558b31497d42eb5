//! Decides what each message of the node is for: an answer to a waiting call, an event of a running one, a request.

use crate::{
    RpcError,
    desk::Desk,
    events::{CallEvents, Telling},
    limits::{QUOTED_BYTES_MAX, STREAM_CREDIT_BYTES, STREAM_NAME_BYTES_MAX},
    message::{Incoming, our_id, read_message},
    meter::Meter,
    output::Taken,
    shared::{Answer, IdState, Shared, lock},
};
use akao_contract::shortened;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Instant};

/// Takes the messages of one connection, in their order.
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    pub(crate) desk: Desk,
    pub(crate) meter: Meter,
    /// When progress that is held has to be told.
    pub(crate) progress_due: Option<Instant>,
}

impl Dispatcher {
    pub(crate) fn new(shared: Arc<Shared>, desk: Desk) -> Self {
        Self { shared, desk, meter: Meter::default(), progress_due: None }
    }

    /// Handles one message. An error ends the connection.
    pub(crate) fn message(&mut self, bytes: &[u8]) -> Result<(), RpcError> {
        match read_message(bytes)? {
            Incoming::Answer { id, answer } => self.answer(id, answer),
            Incoming::Notification { method, params } => {
                let now = Instant::now();
                self.meter.told(now);
                self.notification(&method, params, now)
            }
            Incoming::Request { id, method, params } => {
                let now = Instant::now();
                self.meter.told(now);
                if self.desk.request(id, &method, params)? { Ok(()) } else { self.refuse(now) }
            }
        }
    }

    fn answer(&mut self, id: u64, answer: Answer) -> Result<(), RpcError> {
        let mut state = lock(&self.shared.state);
        let Some(mut pending) = state.calls.remove(&id) else {
            let id_state = state.id_state(id);
            return match id_state {
                IdState::Abandoned => {
                    state.abandoned.remove(&id);
                    state.counters.late_answers += 1;
                    Ok(())
                }
                IdState::Answered | IdState::Open => Err(RpcError::DuplicateAnswer { id: id.to_string() }),
                IdState::Unknown => Err(RpcError::UnknownId { id: id.to_string() }),
            };
        };
        state.counters.answers += 1;
        drop(state);
        if let Some(held) = pending.gate.held(None)
            && let Some(events) = &pending.gate.events
        {
            events.progress(held);
        }
        if let Some(output) = &pending.output {
            output.end();
        }
        // A caller that went away a moment ago has nothing to be told.
        let _ = pending.answer.send(answer);
        Ok(())
    }

    fn notification(&mut self, method: &str, params: Map<String, Value>, now: Instant) -> Result<(), RpcError> {
        match method {
            "$/progress" | "$/log" => self.event(method, params, now),
            "$/output" => self.output(params),
            // A later version may tell more than this one knows.
            _ => self.refuse(now),
        }
    }

    /// Counts a message with an unknown method or unusable parameters.
    fn refuse(&mut self, now: Instant) -> Result<(), RpcError> {
        lock(&self.shared.state).counters.refused += 1;
        self.meter.unsolicited(now)
    }

    fn event(&mut self, method: &str, params: Map<String, Value>, now: Instant) -> Result<(), RpcError> {
        let id = call_id(&params)?;
        let (events, telling) = {
            let mut state = lock(&self.shared.state);
            let state = &mut *state;
            let Some(pending) = state.calls.get_mut(&id) else {
                return late(state.id_state(id), id, &mut state.counters.late_events);
            };
            let gate = &mut pending.gate;
            let Some(events) = gate.events.clone() else { return Ok(()) };
            let telling = if method == "$/log" {
                gate.log(params, now, &mut state.counters).map(Telling::Log)
            } else {
                gate.progress(params, now, &mut state.counters).map(Telling::Progress)
            };
            self.progress_due = earlier(self.progress_due, gate.due());
            (events, telling)
        };
        if let Some(telling) = telling {
            telling.tell(&*events);
        }
        Ok(())
    }

    /// Tells progress whose time has come.
    pub(crate) fn tell_held(&mut self, now: Instant) {
        if self.progress_due.is_none_or(|due| now < due) {
            return;
        }
        let mut told: Vec<(Arc<dyn CallEvents>, Telling)> = Vec::new();
        let mut next = None;
        for pending in lock(&self.shared.state).calls.values_mut() {
            if let Some(held) = pending.gate.held(Some(now))
                && let Some(events) = &pending.gate.events
            {
                told.push((Arc::clone(events), Telling::Progress(held)));
            }
            next = earlier(next, pending.gate.due());
        }
        self.progress_due = next;
        told.into_iter().for_each(|(events, telling)| telling.tell(&*events));
    }

    fn output(&mut self, mut params: Map<String, Value>) -> Result<(), RpcError> {
        let id = call_id(&params)?;
        let (Some(Value::String(stream)), Some(Value::String(text))) =
            (params.remove("stream"), params.remove("chunk"))
        else {
            return Err(not_message("`stream` and `chunk` of an output are not strings"));
        };
        if stream.len() > STREAM_NAME_BYTES_MAX {
            return Err(not_message("`stream` is longer than 64 bytes"));
        }
        let queue = {
            let mut state = lock(&self.shared.state);
            let state = &mut *state;
            match state.calls.get(&id) {
                Some(pending) => pending.output.clone(),
                None => return late(state.id_state(id), id, &mut state.counters.late_events),
            }
        };
        let dropped = match &queue {
            Some(queue) => match queue.chunk(&stream, &text)? {
                Taken::Kept => return Ok(()),
                Taken::Dropped { bytes } => bytes,
            },
            None if text.len() > STREAM_CREDIT_BYTES => {
                let bytes = text.len() - STREAM_CREDIT_BYTES;
                return Err(RpcError::NoCredit { stream: shortened(&stream, QUOTED_BYTES_MAX), bytes });
            }
            None => text.len(),
        };
        lock(&self.shared.state).counters.output_dropped_bytes += dropped as u64;
        if dropped > 0 {
            self.shared.grant(id, &stream, dropped);
        }
        Ok(())
    }
}

/// An event for a call that is not open: late when the call had been made.
fn late(state: IdState, id: u64, late_events: &mut u64) -> Result<(), RpcError> {
    if matches!(state, IdState::Unknown) {
        return Err(RpcError::UnknownId { id: id.to_string() });
    }
    *late_events += 1;
    Ok(())
}

fn call_id(params: &Map<String, Value>) -> Result<u64, RpcError> {
    let text =
        params.get("id").and_then(Value::as_str).ok_or_else(|| not_message("`id` of an event is not a string"))?;
    our_id(text).ok_or_else(|| RpcError::UnknownId { id: shortened(text, QUOTED_BYTES_MAX) })
}

fn not_message(reason: &str) -> RpcError {
    RpcError::NotMessage { reason: reason.to_owned() }
}

pub(crate) fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
