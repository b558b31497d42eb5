//! What waits to be written. Messages are put together and written at once; an urgent one (`$/cancel`) goes before all
//! that has not begun.

use std::collections::VecDeque;

/// One message of a buffer, its end of line included.
#[derive(Debug, Clone, Copy)]
struct Piece {
    bytes: usize,
    /// It answers the node or grants it something, rather than being a call.
    is_reply: bool,
}

/// Bytes that one writer has taken; what is left comes back with [`Outbox::give_back`].
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// What is written of it.
    pub(crate) written: usize,
    pieces: VecDeque<Piece>,
}

impl Batch {
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }
}

/// The queue of one connection. At most one batch is out at a time, so that bytes keep their order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// A message of which a part is written.
    begun: Option<Batch>,
    urgent: Vec<u8>,
    queue: Vec<u8>,
    pieces: VecDeque<Piece>,
    is_taken: bool,
    /// Length of the batch that is out.
    taken_bytes: usize,
    /// Length of all replies that are not written whole.
    reply_bytes: usize,
    /// Kept so that a batch needs no new memory.
    spare: Vec<u8>,
}

/// Buffers larger than this are not kept.
const SPARE_BYTES_MAX: usize = 64 * 1024;

impl Outbox {
    /// Everything that is not written yet.
    pub(crate) fn bytes(&self) -> usize {
        let begun = self.begun.as_ref().map_or(0, |batch| batch.rest().len());
        begun + self.urgent.len() + self.queue.len() + self.taken_bytes
    }

    /// What of it the node asked for.
    pub(crate) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    /// Whether there is something to take.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.is_taken && (self.begun.is_some() || !self.urgent.is_empty() || !self.queue.is_empty())
    }

    /// Appends a message that `write` puts into the buffer whole, with its end of line. Nothing stays of it on an error.
    pub(crate) fn push<E>(
        &mut self,
        is_reply: bool,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.queue.len();
        if let Err(error) = write(&mut self.queue) {
            self.queue.truncate(start);
            return Err(error);
        }
        let bytes = self.queue.len() - start;
        self.pieces.push_back(Piece { bytes, is_reply });
        if is_reply {
            self.reply_bytes += bytes;
        }
        Ok(())
    }

    /// Puts a small message before all that has not begun.
    pub(crate) fn push_urgent(&mut self, message: &[u8]) {
        self.urgent.extend_from_slice(message);
    }

    /// Takes what is to be written next; `None` when there is nothing or another writer has it.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if !self.is_waiting() {
            return None;
        }
        let batch = match self.begun.take() {
            Some(begun) => begun,
            None => self.gather(),
        };
        self.is_taken = true;
        self.taken_bytes = batch.rest().len();
        Some(batch)
    }

    fn gather(&mut self) -> Batch {
        if self.urgent.is_empty() {
            let bytes = std::mem::replace(&mut self.queue, std::mem::take(&mut self.spare));
            return Batch { bytes, written: 0, pieces: std::mem::take(&mut self.pieces) };
        }
        // The urgent messages go alone: they are small and few, and what they must not wait for stays where it is.
        let bytes = std::mem::take(&mut self.urgent);
        let pieces = VecDeque::from([Piece { bytes: bytes.len(), is_reply: false }]);
        Batch { bytes, written: 0, pieces }
    }

    /// Takes the batch back after a write: what has begun goes on first, the rest of it returns to the queue.
    pub(crate) fn give_back(&mut self, mut batch: Batch) {
        self.is_taken = false;
        self.taken_bytes = 0;
        let mut end = 0;
        while let Some(piece) = batch.pieces.front().filter(|piece| end + piece.bytes <= batch.written) {
            end += piece.bytes;
            if piece.is_reply {
                self.reply_bytes -= piece.bytes;
            }
            batch.pieces.pop_front();
        }
        if batch.rest().is_empty() {
            return self.keep(batch);
        }
        let begun = if end < batch.written { batch.pieces.pop_front() } else { None };
        let after = batch.bytes.split_off(end + begun.map_or(0, |piece| piece.bytes));
        self.put_before(after, std::mem::take(&mut batch.pieces));
        if let Some(piece) = begun {
            // Its bytes begin where the last whole message ended, so that lengths stay right.
            batch.bytes.drain(..end);
            batch.written -= end;
            batch.pieces.push_back(piece);
            self.begun = Some(batch);
        }
    }

    /// Puts messages that have not begun back to the front of the queue.
    fn put_before(&mut self, mut bytes: Vec<u8>, mut pieces: VecDeque<Piece>) {
        if !bytes.is_empty() {
            bytes.append(&mut self.queue);
            pieces.append(&mut self.pieces);
            (self.queue, self.pieces) = (bytes, pieces);
        }
    }

    fn keep(&mut self, mut batch: Batch) {
        if batch.bytes.capacity() <= SPARE_BYTES_MAX && self.spare.capacity() < batch.bytes.capacity() {
            batch.bytes.clear();
            self.spare = batch.bytes;
        }
        if self.pieces.capacity() == 0 {
            self.pieces = batch.pieces;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(outbox: &mut Outbox, text: &str) {
        let _: Result<_, ()> = outbox.push(true, |out| {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        });
    }

    /// Writes `step` bytes at a time and gives everything in the order in which it was written.
    fn drain(outbox: &mut Outbox, step: usize, mut during: impl FnMut(&mut Outbox, usize)) -> String {
        let mut written = Vec::new();
        let mut turn = 0;
        while let Some(mut batch) = outbox.take() {
            let count = step.min(batch.rest().len());
            written.extend_from_slice(&batch.rest()[..count]);
            batch.written += count;
            during(outbox, turn);
            outbox.give_back(batch);
            turn += 1;
        }
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn bytes_keep_their_order_whatever_a_write_takes() {
        for step in 1..30 {
            let mut outbox = Outbox::default();
            ["one\n", "two\n", "three\n"].iter().for_each(|text| push(&mut outbox, text));
            let written = drain(&mut outbox, step, |outbox, turn| {
                if turn == 1 {
                    push(outbox, "four\n");
                }
            });
            assert!(written.starts_with("one\ntwo\nthree\n"), "{step}: {written}");
            assert_eq!((outbox.bytes(), outbox.reply_bytes()), (0, 0), "{step}");
        }
    }

    #[test]
    fn an_urgent_message_waits_for_the_message_that_has_begun_and_for_no_other() {
        for (step, expected) in [(2, "one\n!\ntwo\n"), (4, "one\n!\ntwo\n"), (5, "one\ntwo\n!\n"), (8, "one\ntwo\n!\n")]
        {
            let mut outbox = Outbox::default();
            push(&mut outbox, "one\n");
            push(&mut outbox, "two\n");
            let written = drain(&mut outbox, step, |outbox, turn| {
                if turn == 0 {
                    outbox.push_urgent(b"!\n");
                }
            });
            assert_eq!(written, expected, "{step}");
        }
    }

    #[test]
    fn a_message_that_cannot_be_written_leaves_nothing() {
        let mut outbox = Outbox::default();
        push(&mut outbox, "one\n");
        let failed = outbox.push(true, |out| {
            out.extend_from_slice(b"half");
            Err(())
        });
        assert!(failed.is_err());
        assert_eq!(drain(&mut outbox, 100, |_, _| {}), "one\n");
    }
}
