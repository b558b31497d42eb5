//! Moves bytes between two open connections, in the kernel: from a socket into a pipe and from there into the other
//! socket, without a copy into this process.
//!
//! A connection ends when both sides have finished, when one breaks, when it is silent for too long, or when the sandbox
//! has moved all bytes it may. An end that is not the finish of both sides is passed on as a reset, so that nobody takes
//! half an answer for a whole one.

use crate::{
    audit::Reason,
    limits::{Direction, Limits, Tally},
};
use rustix::{
    net::{Shutdown, shutdown, sockopt::set_socket_linger},
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};
use std::{
    io,
    os::fd::AsFd,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::TcpStream,
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Most bytes that are moved at once; as many as a large pipe holds.
const CHUNK_BYTES: usize = 256 * 1024;

/// After how many bytes a direction gets a large pipe. All pipes of a user together may have about 64 MiB, so those that
/// move little keep the usual size.
const LARGE_PIPE_AFTER_BYTES: u64 = 1024 * 1024;

/// After how many chunks a busy connection lets others run.
const CHUNKS_PER_TURN: u32 = 8;

/// When bytes last moved, and whether a side has finished.
struct Pulse {
    begin: Instant,
    last_ms: AtomicU64,
    finished: AtomicBool,
    /// Told when the first side finishes, because the bound becomes another then.
    changed: Notify,
}

impl Pulse {
    fn new() -> Self {
        Self {
            begin: Instant::now(),
            last_ms: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    fn beat(&self) {
        let elapsed_ms = self.begin.elapsed().as_millis();
        self.last_ms.store(elapsed_ms.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn finish(&self) {
        self.beat();
        self.finished.store(true, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// When the connection has been silent for too long, if nothing moves until then.
    fn end(&self, limits: &Limits) -> Instant {
        let half_open = self.finished.load(Ordering::Relaxed);
        let bound = if half_open { limits.half_open_timeout } else { limits.idle_timeout };
        self.begin + Duration::from_millis(self.last_ms.load(Ordering::Relaxed)) + bound
    }
}

/// Relays until the connection ends. `prefix` was read from the inside already and goes out first.
pub(crate) async fn relay(
    inside: TcpStream,
    mut outside: TcpStream,
    prefix: &[u8],
    tally: &Tally,
    limits: &Limits,
) -> Result<(), Reason> {
    // Each chunk is passed on as it comes; waiting for more only adds delay.
    let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
    // However this ends, this process's death included, the kernel resets both sides; only a finish takes that back.
    let _ = (inside.set_zero_linger(), outside.set_zero_linger());
    let pulse = Pulse::new();
    let both = async {
        tally.spend(Direction::Out, prefix.len())?;
        outside.write_all(prefix).await.map_err(broken)?;
        let out = pump(&inside, &outside, Direction::Out, tally, &pulse);
        let back = pump(&outside, &inside, Direction::In, tally, &pulse);
        match tokio::try_join!(out, back)? {
            (End::Finished, End::Finished) => Ok(()),
            _ => Err(Reason::Broken),
        }
    };
    let ended = tokio::select! {
        ended = both => ended,
        () = silence(&pulse, limits) => Err(Reason::TooSlow),
    };
    if ended.is_ok() {
        let _ = (set_socket_linger(&inside, None), set_socket_linger(&outside, None));
    }
    ended
}

/// How one direction ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its sender has finished, and its receiver was told.
    Finished,
    /// Its receiver takes nothing any more. What that one has sent may still be read, such as an answer that came before
    /// the whole request was sent.
    Cut,
}

/// Moves one direction until it ends. That its sender broke off ends both directions, as an error.
async fn pump(
    from: &TcpStream,
    to: &TcpStream,
    direction: Direction,
    tally: &Tally,
    pulse: &Pulse,
) -> Result<End, Reason> {
    let (exit, entry) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|error| broken(error.into()))?;
    let (mut chunks, mut moved, mut large) = (0u32, 0u64, false);
    let end = 'chunks: loop {
        // The pipe is empty here, so `would block` can only mean that the socket is.
        let read = from.async_io(Interest::READABLE, || shift(from, &entry, CHUNK_BYTES)).await.map_err(broken)?;
        if read == 0 {
            break if shutdown(to, Shutdown::Write).is_ok() { End::Finished } else { End::Cut };
        }
        pulse.beat();
        tally.spend(direction, read)?;
        let mut left = read;
        while left > 0 {
            match to.async_io(Interest::WRITABLE, || shift(&exit, to, left)).await {
                Ok(written @ 1..) => left -= written,
                Ok(0) | Err(_) => break 'chunks End::Cut,
            }
            pulse.beat();
        }
        moved = moved.saturating_add(read as u64);
        if !large && moved >= LARGE_PIPE_AFTER_BYTES {
            // Where the user has no more room for pipes, the usual size has to do.
            let _ = fcntl_setpipe_size(&entry, CHUNK_BYTES);
            large = true;
        }
        chunks = chunks.wrapping_add(1);
        if chunks.is_multiple_of(CHUNKS_PER_TURN) {
            tokio::task::yield_now().await;
        }
    };
    pulse.finish();
    Ok(end)
}

fn shift(from: impl AsFd, to: impl AsFd, bytes: usize) -> io::Result<usize> {
    Ok(splice(from, None, to, None, bytes, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?)
}

/// Ends when nothing has moved for as long as the connection may be silent.
async fn silence(pulse: &Pulse, limits: &Limits) {
    loop {
        let end = pulse.end(limits);
        if Instant::now() >= end {
            return;
        }
        tokio::select! {
            () = sleep_until(end) => {}
            () = pulse.changed.notified() => {}
        }
    }
}

fn broken(_: io::Error) -> Reason {
    Reason::Broken
}
