use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::{
    activity::{Activity, GRACE},
    metrics::Open,
};

/// A client's socket, which tells when bytes come and when none can be sent. As long
/// as it is there it counts as a connection, also when a WebSocket has taken it over.
pub(super) struct Socket {
    // The descriptor is given back before its place is.
    stream: TcpStream,
    activity: Arc<Activity>,
    /// Until when a body is taken that nobody reads.
    taken_until: Option<Pin<Box<Sleep>>>,
    _open: Open,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>, open: Open) -> Self {
        Self {
            stream,
            activity,
            taken_until: None,
            _open: open,
        }
    }

    /// Takes what comes until the client has closed too. To bytes that come after it was
    /// closed the system answers with a reset, which takes from the client what is still on
    /// its way to it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [MaybeUninit::uninit(); 8192];
        loop {
            let mut read = ReadBuf::uninit(&mut bytes);
            let ended = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
            if ended.is_err() || read.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }

    /// The same, but no longer than a connection may take to close. The clock is asked first:
    /// a task that has read as much as it may in one go is told nothing more.
    fn poll_end_of_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self
            .taken_until
            .get_or_insert_with(|| Box::pin(sleep(GRACE)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        self.poll_end(cx)
    }

    fn written<T>(&self, result: Poll<T>) -> Poll<T> {
        self.activity.write(result.is_pending());
        result
    }
}

impl Drop for Socket {
    /// A client that takes nothing is reset: else the system would keep what was sent to it,
    /// and the connection, for minutes.
    fn drop(&mut self) {
        if self.activity.is_write_blocked() {
            // If it fails, it is closed as any other.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if self.activity.lingers() {
            ready!(self.poll_end(cx));
        } else if self.activity.leaves() {
            ready!(self.poll_end_of_body(cx));
        }
        Poll::Ready(Ok(()))
    }
}
