//! A connection that reads no more than a server has to say. The library waits for the end of a line, however long the line
//! becomes, so that a server without line ends could fill the memory until the step's time is over.
//!
//! A connection that is TLS from its first byte is made by the library itself; such a server has shown who it is.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Bytes that a server may send in one exchange.
const RECEIVED_BYTES_MAX: usize = 1 << 20;

/// A socket and what the server may still send.
#[derive(Debug)]
pub(super) struct BoundedStream {
    socket: TcpStream,
    left: usize,
}

impl BoundedStream {
    /// Connects to the first of the addresses that answers.
    pub(super) async fn connect(addresses: &[SocketAddr]) -> io::Result<Self> {
        Ok(Self { socket: TcpStream::connect(addresses).await?, left: RECEIVED_BYTES_MAX })
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let message = format!("the server sends more than {RECEIVED_BYTES_MAX} bytes");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for BoundedStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }
}
