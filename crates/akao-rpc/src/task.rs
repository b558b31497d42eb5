//! The one task of a connection: reads what the node sends, writes what callers put together, and keeps time.
//!
//! A call that is alone is written by its caller. When there are several, the first one wakes this task, which lets the
//! others run once before it writes, so that their messages leave in one system call.

use crate::{
    RpcError,
    dispatch::{Dispatcher, earlier},
    frame::FrameReader,
    limits::{READS_PER_TURN_MAX, REPLY_BYTES_HIGH},
    remote::code,
    shared::{Shared, is_gone, lock},
};
use serde_json::json;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Instant,
};
use tokio::time::Sleep;

/// See the module.
pub(crate) struct ConnectionTask {
    shared: Arc<Shared>,
    frames: FrameReader,
    dispatcher: Dispatcher,
    timer: Option<Pin<Box<Sleep>>>,
    /// Asked to write, it has let the others run once.
    has_yielded: bool,
}

impl ConnectionTask {
    pub(crate) fn new(shared: Arc<Shared>, dispatcher: Dispatcher) -> Self {
        Self { shared, frames: FrameReader::new(), dispatcher, timer: None, has_yielded: false }
    }

    /// Writes what waits, one turn after it was asked to.
    fn poll_write(&mut self, context: &mut Context<'_>) {
        if !self.shared.flush.load(Ordering::Acquire) {
            return;
        }
        if !self.has_yielded {
            self.has_yielded = true;
            context.waker().wake_by_ref();
            return;
        }
        if let (true, Some(socket)) = (self.shared.lacks_room.load(Ordering::Acquire), &self.shared.socket) {
            match socket.poll_room(context) {
                Poll::Pending => return,
                Poll::Ready(Err(error)) => return self.shared.end(RpcError::Io { reason: error.to_string() }),
                Poll::Ready(Ok(())) => self.shared.lacks_room.store(false, Ordering::Release),
            }
        }
        self.has_yielded = false;
        // Lowered before the batch is taken: who appends after that raises it again.
        self.shared.flush.store(false, Ordering::Release);
        let batch = lock(&self.shared.state).outbox.take();
        if let Some(batch) = batch {
            self.shared.write_batch(batch);
        }
    }

    /// Whether reading rests: the node tells too much, or does not read what it asked for.
    fn is_resting(&mut self, now: Instant) -> bool {
        if self.dispatcher.meter.rests_until().is_some_and(|until| now < until) {
            return true;
        }
        self.shared.is_reading_held.store(true, Ordering::Release);
        let is_full = lock(&self.shared.state).outbox.reply_bytes() > REPLY_BYTES_HIGH;
        self.shared.is_reading_held.store(is_full, Ordering::Release);
        is_full
    }

    fn poll_read(&mut self, context: &mut Context<'_>) {
        for _ in 0..READS_PER_TURN_MAX {
            if self.is_resting(Instant::now()) {
                return;
            }
            let Some(socket) = &self.shared.socket else { return };
            let count = match socket.poll_read(context, self.frames.room()) {
                Poll::Pending => return self.end_if_broken(),
                Poll::Ready(Err(error)) if is_gone(&error) => return self.at_end(),
                Poll::Ready(Err(error)) => return self.shared.end(RpcError::Io { reason: error.to_string() }),
                Poll::Ready(Ok(0)) => return self.at_end(),
                Poll::Ready(Ok(count)) => count,
            };
            self.frames.filled(count);
            if let Err(reason) = self.handle(count) {
                return self.shared.end(reason);
            }
        }
        // Others have their turn; what is still there is read in the next.
        context.waker().wake_by_ref();
    }

    fn handle(&mut self, count: usize) -> Result<(), RpcError> {
        let mut state = lock(&self.shared.state);
        state.counters.bytes_read += count as u64;
        let agreed = state.agreed;
        drop(state);
        self.frames.agree(agreed.message_bytes_max, agreed.compression);
        while let Some(message) = self.frames.next_message()? {
            self.dispatcher.message(message)?;
        }
        Ok(())
    }

    /// The node reads no more and has said nothing more.
    fn end_if_broken(&mut self) {
        let is_broken = lock(&self.shared.state).is_write_broken;
        if is_broken {
            self.at_end();
        }
    }

    fn at_end(&mut self) {
        let bytes = self.frames.unfinished();
        self.shared.end(if bytes > 0 { RpcError::HalfLine { bytes } } else { RpcError::Closed });
    }

    /// Tells held progress and sets the timer for what comes next.
    fn poll_time(&mut self, context: &mut Context<'_>) {
        loop {
            let due = earlier(self.dispatcher.progress_due, self.dispatcher.meter.rests_until());
            let Some(due) = due else {
                self.timer = None;
                return;
            };
            let now = Instant::now();
            if now < due {
                let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due.into())));
                if timer.deadline() != due.into() {
                    timer.as_mut().reset(due.into());
                }
                if timer.as_mut().poll(context).is_pending() {
                    return;
                }
            }
            self.dispatcher.tell_held(now);
            if self.dispatcher.meter.rested(now) {
                // Reading may have been skipped in this very turn.
                context.waker().wake_by_ref();
            }
        }
    }

    /// Says why, if the node broke the protocol, and closes both directions.
    fn finish(&mut self) {
        let mut state = lock(&self.shared.state);
        let reason = state.ended.clone();
        let has_begun = state.outbox.take().is_some_and(|batch| batch.written > 0);
        drop(state);
        let Some(socket) = &self.shared.socket else { return };
        if let Some(reason) = reason.filter(|reason| reason.is_offence() && !has_begun) {
            // A single try: whoever does not read is not waited for.
            let _ = socket.try_write(&last_word(&reason));
        }
        socket.shut();
    }
}

/// The error that a node finds in its log.
fn last_word(reason: &RpcError) -> Vec<u8> {
    let code = match reason {
        RpcError::NotJson { .. } | RpcError::NotUtf8 { .. } | RpcError::Nul | RpcError::LoneSurrogate => code::PARSE,
        RpcError::DuplicateKey { .. } | RpcError::TooDeep { .. } => code::PARSE,
        _ => code::INVALID_REQUEST,
    };
    let detail = json!({ "reason": reason.name() });
    let data = json!({ "kind": "protocol", "retryable": false, "message": reason.to_string(), "detail": detail });
    let error = json!({ "code": code, "message": reason.to_string(), "data": data });
    let mut line = json!({ "jsonrpc": "2.0", "id": null, "error": error }).to_string().into_bytes();
    line.push(b'\n');
    line
}

impl Future for ConnectionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.task.register(context.waker());
        let has_ended = |this: &Self| lock(&this.shared.state).ended.is_some();
        if !has_ended(this) {
            this.poll_write(context);
            this.poll_read(context);
            this.dispatcher.desk.poll(context);
            this.poll_time(context);
        }
        if has_ended(this) {
            this.finish();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        // Where the task ends early (a panic in a callback, the end of the runtime), nobody may wait for ever.
        self.shared.end(RpcError::Io { reason: "the connection's task was stopped".to_owned() });
    }
}
