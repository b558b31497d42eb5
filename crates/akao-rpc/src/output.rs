//! Streams of output with credit: a node may send what it was granted and no more, and is granted more as the reader
//! takes what came. What waits is therefore bounded by the credit.

use crate::{
    RpcError,
    limits::{QUOTED_BYTES_MAX, STREAM_CREDIT_BYTES, STREAMS_MAX},
    shared::{Shared, lock},
};
use akao_contract::shortened;
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, Weak},
    task::{Poll, Waker},
};

/// Text from one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputChunk {
    /// The stream's name.
    pub stream: String,
    /// What came since the last time; where one chunk ended and the next began is not kept.
    pub text: String,
}

struct Stream {
    name: String,
    /// What came and was not taken.
    text: String,
    /// What the node may still send.
    credit: usize,
    /// What was taken and not granted again.
    owed: usize,
}

#[derive(Default)]
struct State {
    streams: Vec<Stream>,
    /// Streams with text, the oldest first.
    ready: VecDeque<usize>,
    waker: Option<Waker>,
    call: Option<(Weak<Shared>, u64)>,
    has_ended: bool,
    reader_is_gone: bool,
}

/// The receiving end of a call's streams; the writing end lies with the call.
#[derive(Clone, Default)]
pub(crate) struct OutputQueue(Arc<Mutex<State>>);

/// Reads the output of one call, while the call runs and until all of it is taken.
pub struct OutputReader(OutputQueue);

/// What a chunk amounts to for the connection.
pub(crate) enum Taken {
    /// It waits for the reader.
    Kept,
    /// There is no reader any more; grant this much again.
    Dropped { bytes: usize },
}

impl OutputQueue {
    pub(crate) fn reader(&self) -> OutputReader {
        OutputReader(self.clone())
    }

    pub(crate) fn belongs_to(&self, shared: Weak<Shared>, id: u64) {
        lock(&self.0).call = Some((shared, id));
    }

    /// Takes a chunk from the node.
    pub(crate) fn chunk(&self, name: &str, text: &str) -> Result<Taken, RpcError> {
        let mut state = lock(&self.0);
        let at = match state.streams.iter().position(|stream| stream.name == name) {
            Some(at) => at,
            None if state.streams.len() >= STREAMS_MAX => {
                return Err(RpcError::TooManyStreams { streams_max: STREAMS_MAX });
            }
            None => {
                let (name, text) = (name.to_owned(), String::new());
                state.streams.push(Stream { name, text, credit: STREAM_CREDIT_BYTES, owed: 0 });
                state.streams.len() - 1
            }
        };
        let is_dropped = state.reader_is_gone;
        let stream = &mut state.streams[at];
        if text.len() > stream.credit {
            return Err(RpcError::NoCredit {
                stream: shortened(name, QUOTED_BYTES_MAX),
                bytes: text.len() - stream.credit,
            });
        }
        if is_dropped {
            return Ok(Taken::Dropped { bytes: text.len() });
        }
        stream.credit -= text.len();
        let was_empty = stream.text.is_empty();
        stream.text.push_str(text);
        if was_empty && !text.is_empty() {
            state.ready.push_back(at);
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        Ok(Taken::Kept)
    }

    /// Nothing more will come.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.0);
        state.has_ended = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl OutputReader {
    /// The next text of any stream; `None` when the call has ended and all was taken. Taking grants the node as much
    /// again.
    pub async fn next(&mut self) -> Option<OutputChunk> {
        poll_fn(|context| {
            let mut state = lock(&self.0.0);
            let Some(at) = state.ready.pop_front() else {
                if state.has_ended {
                    return Poll::Ready(None);
                }
                state.waker = Some(context.waker().clone());
                return Poll::Pending;
            };
            let stream = &mut state.streams[at];
            let text = std::mem::take(&mut stream.text);
            stream.owed += text.len();
            let chunk = OutputChunk { stream: stream.name.clone(), text };
            let grant = grant(&mut state, at);
            drop(state);
            if let Some((shared, id, bytes)) = grant {
                shared.grant(id, &chunk.stream, bytes);
            }
            Poll::Ready(Some(chunk))
        })
        .await
    }
}

/// Grants what was taken, unless the call is over.
fn grant(state: &mut State, at: usize) -> Option<(Arc<Shared>, u64, usize)> {
    if state.has_ended {
        return None;
    }
    let (shared, id) = state.call.as_ref()?;
    let (shared, id) = (shared.upgrade()?, *id);
    let stream = &mut state.streams[at];
    let bytes = std::mem::take(&mut stream.owed);
    stream.credit += bytes;
    Some((shared, id, bytes))
}

impl Drop for OutputReader {
    fn drop(&mut self) {
        let mut state = lock(&self.0.0);
        state.reader_is_gone = true;
        state.ready.clear();
        // What nobody will take is granted again, so that the node does not wait for ever.
        let mut grants = Vec::new();
        for at in 0..state.streams.len() {
            let stream = &mut state.streams[at];
            stream.owed += std::mem::take(&mut stream.text).len();
            let name = stream.name.clone();
            if stream.owed > 0
                && let Some((shared, id, bytes)) = grant(&mut state, at)
            {
                grants.push((shared, id, name, bytes));
            }
        }
        drop(state);
        for (shared, id, name, bytes) in grants {
            shared.grant(id, &name, bytes);
        }
    }
}
