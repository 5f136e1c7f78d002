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
};

use super::{activity::Activity, metrics::Open};

/// A client's socket, which tells when bytes come and when none can be sent. As long
/// as it is there it counts as a connection, also when a WebSocket has taken it over.
pub(super) struct Socket {
    // The descriptor is given back before its place is.
    stream: TcpStream,
    activity: Arc<Activity>,
    _open: Open,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>, open: Open) -> Self {
        Self {
            stream,
            activity,
            _open: open,
        }
    }

    /// Takes what comes until the client has closed too. To bytes that come after it was
    /// closed the system answers with a reset, which takes from the client what is still on
    /// its way to it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [MaybeUninit::uninit(); 1024];
        loop {
            let mut read = ReadBuf::uninit(&mut bytes);
            let ended = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read));
            if ended.is_err() || read.filled().is_empty() {
                return Poll::Ready(());
            }
        }
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
        }
        Poll::Ready(Ok(()))
    }
}
