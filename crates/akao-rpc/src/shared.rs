//! What handles, calls and the connection's task share: the calls in flight, what waits to be written, and why it ended.
//!
//! One lock guards all of it and is never held across a system call or a callback.

use crate::{
    Counters, RpcError, Settings,
    events::EventGate,
    limits::{ABANDONED_MAX, OUTBOX_BYTES_MAX},
    methods::Agreed,
    outbox::{Batch, Outbox},
    output::OutputQueue,
    socket::Socket,
};
use futures_util::task::AtomicWaker;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{oneshot, watch};

/// Locks, also after a panic elsewhere: every section leaves the state whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of a call.
pub(crate) type Answer = Result<Value, RpcError>;

/// A call that is not answered yet.
pub(crate) struct Pending {
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) gate: EventGate,
    pub(crate) output: Option<OutputQueue>,
}

/// What is behind the lock.
pub(crate) struct State {
    pub(crate) outbox: Outbox,
    pub(crate) calls: BTreeMap<u64, Pending>,
    /// Calls that were given up and not answered.
    pub(crate) abandoned: BTreeSet<u64>,
    next_id: u64,
    pub(crate) agreed: Agreed,
    /// `node.info` was answered.
    pub(crate) is_ready: bool,
    /// Nodes that take many inputs in one call.
    pub(crate) batch_nodes: BTreeSet<String>,
    /// The node reads no more; what it sent before is still handled.
    pub(crate) is_write_broken: bool,
    pub(crate) ended: Option<RpcError>,
    pub(crate) counters: Counters,
}

/// What an id of the node's stands for.
pub(crate) enum IdState {
    /// The call is in flight.
    Open,
    /// It was given up.
    Abandoned,
    /// It was answered.
    Answered,
    /// It was never made.
    Unknown,
}

impl State {
    pub(crate) fn id_state(&self, id: u64) -> IdState {
        match () {
            () if self.calls.contains_key(&id) => IdState::Open,
            () if self.abandoned.contains(&id) => IdState::Abandoned,
            () if id > 0 && id < self.next_id => IdState::Answered,
            () => IdState::Unknown,
        }
    }
}

/// See the module.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) settings: Settings,
    /// Wakes the connection's task.
    pub(crate) task: AtomicWaker,
    /// The task was asked to write.
    pub(crate) flush: AtomicBool,
    /// The task reads no more until something was written.
    pub(crate) is_reading_held: AtomicBool,
    /// A write found no room; the task waits for some before the next one.
    pub(crate) lacks_room: AtomicBool,
    pub(crate) ended: watch::Sender<Option<RpcError>>,
    /// None where the system did not let it be waited for, which has ended the connection.
    pub(crate) socket: Option<Socket>,
}

/// What a new call needs to be sent.
pub(crate) struct NewCall<'a> {
    pub(crate) pending: Pending,
    /// Where the reader of its output grants credit.
    pub(crate) shared: Weak<Shared>,
    /// Whether it may come before `node.info` was answered.
    pub(crate) is_info: bool,
    /// Writes the message with this id, without its end of line.
    pub(crate) write: &'a dyn Fn(&mut Vec<u8>, u64) -> Result<(), RpcError>,
}

impl Shared {
    pub(crate) fn new(socket: Option<Socket>, settings: Settings) -> Self {
        let state = State {
            outbox: Outbox::default(),
            calls: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            next_id: 1,
            agreed: Agreed::default(),
            is_ready: false,
            batch_nodes: BTreeSet::new(),
            is_write_broken: false,
            ended: None,
            counters: Counters::default(),
        };
        Self {
            state: Mutex::new(state),
            settings,
            task: AtomicWaker::new(),
            flush: AtomicBool::new(false),
            is_reading_held: AtomicBool::new(false),
            lacks_room: AtomicBool::new(false),
            ended: watch::Sender::new(None),
            socket,
        }
    }

    /// Registers a call and sends it: at once when it is the only one, else together with others.
    pub(crate) fn start(&self, call: NewCall<'_>) -> Result<u64, RpcError> {
        let mut state = lock(&self.state);
        if let Some(reason) = &state.ended {
            return Err(reason.clone());
        }
        if state.is_write_broken {
            return Err(RpcError::Closed);
        }
        if !state.is_ready && !call.is_info {
            return Err(RpcError::NotReady);
        }
        if state.calls.len() >= self.settings.in_flight_max {
            return Err(RpcError::TooManyCalls { calls_max: self.settings.in_flight_max });
        }
        let waiting = state.outbox.bytes();
        if waiting > OUTBOX_BYTES_MAX {
            return Err(RpcError::Backlog { bytes: waiting });
        }
        let id = state.next_id;
        let agreed = state.agreed;
        state.outbox.push(false, |out| write_message(out, agreed, |out| (call.write)(out, id)))?;
        state.next_id += 1;
        state.counters.calls += 1;
        if let Some(output) = &call.pending.output {
            output.belongs_to(call.shared, id);
        }
        state.calls.insert(id, call.pending);
        // Alone, the call is written from here, without a turn of the task. Among others, the task writes them together.
        let batch = if state.calls.len() == 1 { state.outbox.take() } else { None };
        drop(state);
        match batch {
            Some(batch) => self.write_batch(batch),
            None => self.ask_for_flush(),
        }
        Ok(id)
    }

    /// Puts a notification or an answer into the queue and has it written soon. Fails when it is longer than agreed.
    pub(crate) fn send(&self, message: &[u8]) -> Result<(), RpcError> {
        let mut state = lock(&self.state);
        if state.ended.is_some() || state.is_write_broken {
            return Ok(());
        }
        let agreed = state.agreed;
        state.outbox.push(true, |out| {
            write_message(out, agreed, |out| {
                out.extend_from_slice(message);
                Ok(())
            })
        })?;
        drop(state);
        self.ask_for_flush();
        Ok(())
    }

    /// Sends a small message before all that has not begun to be written.
    fn send_urgent(&self, mut message: Vec<u8>) {
        message.push(b'\n');
        let mut state = lock(&self.state);
        if state.ended.is_some() || state.is_write_broken {
            return;
        }
        state.outbox.push_urgent(&message);
        let batch = state.outbox.take();
        drop(state);
        match batch {
            Some(batch) => self.write_batch(batch),
            None => self.ask_for_flush(),
        }
    }

    /// Grants a stream more credit.
    pub(crate) fn grant(&self, id: u64, stream: &str, bytes: usize) {
        let params = serde_json::json!({ "id": id.to_string(), "stream": stream, "bytes": bytes });
        // It is far shorter than any limit.
        let _ = self.send(&notification("$/credit", &params));
    }

    /// Gives a call up: nobody waits for its answer any more.
    pub(crate) fn abandon(&self, id: u64) {
        let mut state = lock(&self.state);
        let Some(pending) = state.calls.remove(&id) else { return };
        state.abandoned.insert(id);
        let too_many = state.abandoned.len() > ABANDONED_MAX;
        let calls = state.abandoned.len();
        drop(state);
        if let Some(output) = &pending.output {
            output.end();
        }
        if too_many {
            self.end(RpcError::TooManyAbandoned { calls });
        } else {
            self.cancel(id);
        }
    }

    /// Tells the node that a call is no longer wanted.
    pub(crate) fn cancel(&self, id: u64) {
        self.send_urgent(notification("$/cancel", &serde_json::json!({ "id": id.to_string() })));
    }

    /// Ends the connection, if it has not ended for another reason. Every call ends with the reason.
    pub(crate) fn end(&self, reason: RpcError) {
        let mut state = lock(&self.state);
        if state.ended.is_some() {
            return;
        }
        state.ended = Some(reason.clone());
        let calls = std::mem::take(&mut state.calls);
        state.abandoned.clear();
        drop(state);
        for pending in calls.into_values() {
            if let Some(output) = &pending.output {
                output.end();
            }
            // The caller may have gone already.
            let _ = pending.answer.send(Err(reason.clone()));
        }
        self.ended.send_replace(Some(reason));
        self.task.wake();
    }

    pub(crate) fn ask_for_flush(&self) {
        if !self.flush.swap(true, Ordering::AcqRel) {
            self.task.wake();
        }
    }

    /// Writes as much of the batch as the socket takes now; the task writes the rest.
    pub(crate) fn write_batch(&self, mut batch: Batch) {
        let mut writes = 0;
        let mut failed = None;
        let before = batch.written;
        while let (false, Some(socket)) = (batch.rest().is_empty(), &self.socket) {
            match socket.try_write(batch.rest()) {
                Ok(count) => {
                    batch.written += count;
                    writes += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.lacks_room.store(true, Ordering::Release);
                    break;
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut state = lock(&self.state);
        state.counters.writes += writes;
        state.counters.bytes_written += (batch.written - before) as u64;
        state.outbox.give_back(batch);
        let is_waiting = state.outbox.is_waiting();
        if failed.is_some() {
            state.is_write_broken = true;
            state.outbox = Outbox::default();
        }
        drop(state);
        match failed {
            // The reading side may still find a last word of the node; then it ends the connection.
            Some(error) if is_gone(&error) => self.task.wake(),
            Some(error) => self.end(RpcError::Io { reason: error.to_string() }),
            None if is_waiting => self.ask_for_flush(),
            None => {}
        }
        if self.is_reading_held.load(Ordering::Acquire) {
            self.task.wake();
        }
    }
}

/// The node has closed its end.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// The bytes of a notification, without its end of line.
pub(crate) fn notification(method: &str, params: &Value) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#).into_bytes()
}

/// Lets `write` append a message, then checks its length and frames it.
fn write_message(
    out: &mut Vec<u8>,
    agreed: Agreed,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), RpcError>,
) -> Result<(), RpcError> {
    let start = out.len();
    write(out)?;
    let bytes = out.len() - start;
    if bytes > agreed.message_bytes_max {
        return Err(RpcError::RequestTooLong { bytes, bytes_max: agreed.message_bytes_max });
    }
    if agreed.compression && bytes > crate::limits::COMPRESS_BYTES_MIN {
        let message = out.split_off(start);
        crate::frame::frame_into(out, &message, true);
    } else {
        out.push(b'\n');
    }
    Ok(())
}
