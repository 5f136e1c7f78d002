use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use opentelemetry::metrics::Meter;
use socket2::{Domain, Protocol as Transport, SockRef, Socket, Type};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    ServeError,
    accept::{Acceptor, BACKLOG, Door},
    descriptors::Spares,
    exchange::App,
    handshake::Tls,
    metrics::{Connections, Metrics},
    protocol::Protocol,
};
use crate::limits::Refusals;

/// An address that is taken, but not yet served: whether it can be had is known
/// before anything else is begun.
pub(super) struct Listener {
    name: &'static str,
    socket: TcpListener,
}

/// Bytes that the system takes of us for a client beyond what is on its way to it. Else it
/// would take megabytes in the place of a client that reads nothing, and it would be
/// seconds until that is seen.
const UNSENT_LIMIT_BYTES: u32 = 128 * 1024;

/// As the standard library binds, but for the backlog: its 128 are full within
/// milliseconds when a thousand clients reconnect, and whoever finds it full asks again
/// after a second at the earliest.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Transport::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// How a listener serves.
pub(super) struct Serving<'a> {
    pub(super) protocol: Arc<Protocol>,
    pub(super) tls: Option<Tls>,
    /// The most connections at one time.
    pub(super) connections: usize,
    /// Descriptors that are kept for probes, and whether this listener may have them.
    pub(super) spares: Arc<Spares>,
    pub(super) may_use_spares: bool,
    /// Where those that are open are counted.
    pub(super) open: Connections,
    pub(super) meter: &'a Meter,
}

/// A listener that accepts connections.
pub(super) struct Running {
    stop: Stop,
    accepting: JoinHandle<()>,
}

/// What ends connections.
#[derive(Clone, Default)]
pub(super) struct Stop {
    /// No more are accepted; those that are open close when they have answered.
    pub(super) draining: CancellationToken,
    /// Those that are still open are cut.
    pub(super) cut: CancellationToken,
    /// Those that are open.
    pub(super) connections: TaskTracker,
}

impl Listener {
    /// The socket that was handed over, whatever the setting says; else a new one.
    pub(super) fn bind(
        name: &'static str,
        field: &'static str,
        address: SocketAddr,
        passed: Option<TcpListener>,
    ) -> Result<Self, ServeError> {
        if let Some(socket) = passed {
            return Ok(Self { name, socket });
        }
        let socket = listen(address).map_err(|source| ServeError::Listen {
            name,
            field,
            address,
            source,
        })?;
        Ok(Self { name, socket })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts from now on.
    pub(super) fn serve<S: App>(self, app: S, serving: Serving<'_>) -> io::Result<Running> {
        let address = self.address()?;
        self.socket.set_nonblocking(true)?;
        // Inherited by each connection. Not every system has it.
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&self.socket).set_tcp_notsent_lowat(UNSENT_LIMIT_BYTES);
        let listener = tokio::net::TcpListener::from_std(self.socket)?;
        let stop = Stop::default();
        let open = serving.open.of(self.name);
        let metrics = Metrics::new(serving.meter, self.name, serving.connections, open);
        let door = Door {
            app,
            protocol: serving.protocol,
            tls: serving.tls,
            metrics,
            refusals: Refusals::new(serving.meter),
            stop: stop.clone(),
        };
        let acceptor = Acceptor::new(
            door,
            serving.connections,
            serving.spares,
            serving.may_use_spares,
        );
        let accepting = tokio::spawn(acceptor.run(listener));
        tracing::info!(listener = self.name, %address, "listening");
        Ok(Running { stop, accepting })
    }
}

impl Running {
    /// Accepts no more, and asks those that are connected to leave.
    pub(super) fn close(&self) {
        self.stop.draining.cancel();
    }

    /// Waits, once it is closed, until the requests in flight are answered.
    pub(super) async fn drained(&mut self) {
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "a listener failed");
        }
        self.stop.connections.close();
        self.stop.connections.wait().await;
    }

    /// Connections that are open now.
    pub(super) fn connections(&self) -> usize {
        self.stop.connections.len()
    }

    /// Closes whatever is still open.
    pub(super) fn cut(&self) {
        self.close();
        self.stop.cut.cancel();
    }
}
