//! The socket of a connection as this side waits for it: always for what the node writes, and for room only where there was
//! none.
//!
//! A stream of the runtime waits for both at all times. The kernel then wakes its thread twice for each call: when the node
//! has read the request, because that makes room, and when it has answered.

use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::{
    io,
    os::unix::net::UnixStream,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::io::{Interest, unix::AsyncFd};

/// See the module.
pub(crate) struct Socket {
    stream: AsyncFd<UnixStream>,
    /// Waits for room; only while it is waited for.
    room: Mutex<Option<AsyncFd<UnixStream>>>,
}

impl Socket {
    /// Takes the socket over from the runtime's own type.
    ///
    /// # Errors
    /// The system does not let it be waited for.
    pub(crate) fn new(stream: tokio::net::UnixStream) -> io::Result<Self> {
        let stream = AsyncFd::with_interest(stream.into_std()?, Interest::READABLE)?;
        Ok(Self { stream, room: Mutex::default() })
    }

    /// Reads what is there; none at the end.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.stream.poll_read_ready(context))?;
            match rustix::net::recv(self.stream.get_ref(), &mut *room, RecvFlags::DONTWAIT) {
                Ok((count, _)) => {
                    // What comes after a read that found less than there was room for is told anew.
                    if 0 < count && count < room.len() {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
        }
    }

    /// Writes what there is room for now.
    ///
    /// # Errors
    /// There is no room, which is told by [`Self::poll_room`] when there is some again; or the socket failed.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::io::retry_on_intr(|| rustix::net::send(self.stream.get_ref(), bytes, flags)).map_err(io::Error::from)
    }

    /// Waits for room after a write that found none.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = match &mut *room {
            Some(waits) => waits,
            // Another descriptor, because the runtime takes each once.
            none => none.insert(AsyncFd::with_interest(self.stream.get_ref().try_clone()?, Interest::WRITABLE)?),
        };
        ready!(waits.poll_write_ready(context))?.retain_ready();
        *room = None;
        Poll::Ready(Ok(()))
    }

    /// Closes both directions.
    pub(crate) fn shut(&self) {
        // It fails only where the other end is gone already.
        let _ = rustix::net::shutdown(self.stream.get_ref(), Shutdown::Both);
    }
}
