//! Journal entries: one event with its time and the fingerprint of what the interpreter answered.
//!
//! A frame's body is a JSON list of entries. Entries are written by hand around serde's text of the event, because an
//! event is consumed by the interpreter before its fingerprint is known.

use akao_flow::Event;
use serde::{Deserialize, Serialize};
use std::io::Write as _;

/// One event as the journal holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What happened.
    pub event: Event,
    /// Fingerprint of the commands that the interpreter answered with.
    pub hash: u64,
}

/// Consecutive entries of one execution, as bytes.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    pub(crate) first_seq: u64,
    pub(crate) count: u32,
    pub(crate) body: Vec<u8>,
}

impl FrameBuffer {
    /// Begins an entry; its fingerprint follows with [`FrameBuffer::close`].
    pub(crate) fn open(&mut self, seq: u64, at_ms: i64, event: &Event) {
        if self.count == 0 {
            self.first_seq = seq;
            self.body.push(b'[');
        } else {
            self.body.push(b',');
        }
        self.count += 1;
        // Writing to memory cannot fail, and events hold only what JSON can carry.
        let _ = write!(self.body, "{{\"at\":{at_ms},\"event\":");
        let _ = serde_json::to_writer(&mut self.body, event);
    }

    /// Ends the entry that was begun.
    pub(crate) fn close(&mut self, hash: u64) {
        let _ = write!(self.body, ",\"hash\":{hash}}}");
    }

    /// Takes the finished body.
    pub(crate) fn take(&mut self) -> (u64, u32, Vec<u8>) {
        self.body.push(b']');
        let taken = (self.first_seq, self.count, std::mem::take(&mut self.body));
        self.count = 0;
        taken
    }
}

/// Reads a frame's body.
///
/// # Errors
/// The body is not a list of entries, or holds an event that this version does not know.
pub fn read_entries(body: &[u8]) -> Result<Vec<Entry>, serde_json::Error> {
    serde_json::from_slice(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use akao_contract::OpId;

    #[test]
    fn a_frame_reads_back_as_its_entries() {
        let events = [Event::PauseRequested, Event::TimerFired { op: OpId(7) }];
        let mut buffer = FrameBuffer::default();
        for (seq, event) in (3..).zip(&events) {
            buffer.open(seq, 1_000, event);
            buffer.close(u64::MAX - seq);
        }
        let (first_seq, count, body) = buffer.take();
        let entries = read_entries(&body).unwrap();
        assert_eq!((first_seq, count), (3, 2));
        assert_eq!(entries[1], Entry { at: 1_000, event: events[1].clone(), hash: u64::MAX - 4 });
    }
}
