use std::{io, net::SocketAddr, ops::ControlFlow, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::{
    activity::Activity,
    connection,
    descriptors::Spares,
    exchange::{App, Exchange},
    handshake::Tls,
    listener::Stop,
    metrics::{Metrics, Reason},
    protocol::Protocol,
    socket::Socket,
};
use crate::limits::Refusals;

/// How long nothing is accepted after the system has refused a descriptor.
const BACKOFF: Duration = Duration::from_millis(100);

/// As many as may wait in the system's backlog, which holds no more than Linux'
/// `net.core.somaxconn`: 4096 by default.
pub(super) const BACKLOG: i32 = 4096;

/// EMFILE and ENFILE: the process, or the system, may have no more descriptors.
const NO_DESCRIPTORS: [i32; 2] = [24, 23];

/// Accepts connections, as many as may be open at one time.
///
/// At the limit it stops accepting, and the system's backlog queues those that come.
/// To accept and close them would cost a descriptor and a handshake each, and tell the
/// client less than a wait does: places become free within seconds, for whoever is
/// idle, slow or silent is cut.
pub(super) struct Acceptor<S> {
    door: Arc<Door<S>>,
    places: Arc<Semaphore>,
    spares: Arc<Spares>,
    may_use_spares: bool,
    /// The last attempt failed for want of descriptors.
    exhausted: bool,
    /// A spare was given up for the connection that waits.
    has_given: bool,
}

/// What every connection of a listener needs.
pub(super) struct Door<S> {
    pub(super) app: S,
    pub(super) protocol: Arc<Protocol>,
    pub(super) tls: Option<Tls>,
    pub(super) metrics: Metrics,
    pub(super) refusals: Refusals,
    pub(super) stop: Stop,
}

impl<S: App> Acceptor<S> {
    pub(super) fn new(
        door: Door<S>,
        connections: usize,
        spares: Arc<Spares>,
        may_use_spares: bool,
    ) -> Self {
        Self {
            door: Arc::new(door),
            places: Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS))),
            spares,
            may_use_spares,
            exhausted: false,
            has_given: false,
        }
    }

    pub(super) async fn run(mut self, listener: TcpListener) {
        let draining = self.door.stop.draining.clone();
        let accepting = async {
            loop {
                self.accept_one(&listener).await;
            }
        };
        tokio::select! {
            biased;
            () = draining.cancelled() => {}
            () = accepting => {}
        }
        self.accept_backlog(listener).await;
    }

    async fn accept_one(&mut self, listener: &TcpListener) {
        let Some(place) = self.place().await else {
            return;
        };
        let has_given = std::mem::take(&mut self.has_given);
        if !has_given && !self.spares.refill() && !self.may_use_spares {
            self.failed("descriptors");
            return sleep(BACKOFF).await;
        }
        match listener.accept().await {
            Ok((stream, peer)) => {
                if std::mem::take(&mut self.exhausted) {
                    tracing::info!("connections are accepted again");
                }
                self.admit(stream, peer, place);
            }
            Err(error) => {
                if let ControlFlow::Break(pause) = self.refused(&error) {
                    sleep(pause).await;
                }
            }
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.door.metrics.limit_reached();
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Whether to go on at once, or after which pause.
    fn refused(&mut self, error: &io::Error) -> ControlFlow<Duration> {
        if is_of_one(error) {
            self.door.metrics.accept_failed("client");
            return ControlFlow::Continue(());
        }
        if error
            .raw_os_error()
            .is_some_and(|code| NO_DESCRIPTORS.contains(&code))
        {
            self.failed("descriptors");
            if self.may_use_spares && self.spares.give_one() {
                self.has_given = true;
                return ControlFlow::Continue(());
            }
        } else {
            tracing::error!(%error, "no connection can be accepted");
            self.door.metrics.accept_failed("other");
        }
        ControlFlow::Break(BACKOFF)
    }

    /// Counts each time, and tells the first.
    fn failed(&mut self, reason: &'static str) {
        self.door.metrics.accept_failed(reason);
        if !std::mem::replace(&mut self.exhausted, true) {
            tracing::error!(
                "no connection can be accepted: all file descriptors are in use, raise the limit"
            );
        }
    }

    /// Whoever has connected before the listener closes is answered, when there is a place.
    async fn accept_backlog(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        let waiting = waiting(|| listener.accept());
        drop(listener);
        for (stream, peer) in waiting {
            let Some(place) = self.place().await else {
                return;
            };
            let stream = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.admit(stream, peer, place);
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        // An answer goes out when it is written, not when a packet is full.
        let _ = stream.set_nodelay(true);
        let activity = Activity::begin_now();
        let open = self.door.metrics.opened(place);
        let socket = Socket::new(stream, Arc::clone(&activity), open);
        let door = Arc::clone(&self.door);
        self.door.stop.connections.spawn(async move {
            let ended = tokio::select! {
                biased;
                ended = door.serve(socket, peer, activity) => ended,
                () = door.stop.cut.cancelled() => Some(Reason::Shutdown),
            };
            if let Some(reason) = ended {
                door.metrics.cut(reason);
                tracing::debug!(%peer, ?reason, "a connection is cut");
            }
        });
    }
}

/// Whether it is about one connection, whose client is gone: the next may be accepted.
fn is_of_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// All who wait, without those who have gone meanwhile.
fn waiting<T>(mut accept: impl FnMut() -> io::Result<T>) -> Vec<T> {
    let each = (0..BACKLOG).map_while(|_| match accept() {
        Ok(connection) => Some(Some(connection)),
        Err(error) => is_of_one(&error).then_some(None),
    });
    each.flatten().collect()
}

impl<S: App> Door<S> {
    /// Serves one connection; see [`connection::serve`].
    async fn serve(
        &self,
        socket: Socket,
        peer: SocketAddr,
        activity: Arc<Activity>,
    ) -> Option<Reason> {
        let Protocol {
            builder,
            patience,
            header_limit_fields,
        } = &*self.protocol;
        let mut exchange = Exchange {
            app: self.app.clone(),
            peer,
            client: None,
            hsts: None,
            header_limit_fields: *header_limit_fields,
            refusals: self.refusals.clone(),
            activity: Arc::clone(&activity),
        };
        let draining = &self.stop.draining;
        let Some(tls) = &self.tls else {
            return connection::serve(builder, socket, exchange, patience, draining).await;
        };
        let (stream, client) = match tls.accept(socket).await {
            Ok(accepted) => accepted,
            Err(reason) => return Some(reason),
        };
        activity.restart();
        exchange.client = client;
        exchange.hsts.clone_from(&tls.hsts);
        connection::serve(builder, stream, exchange, patience, draining).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_left_the_backlog_does_not_keep_the_others_out() {
        let left = || io::Result::Err(io::ErrorKind::ConnectionAborted.into());
        let nobody = || io::Result::Err(io::ErrorKind::WouldBlock.into());
        let mut backlog = [Ok(1), left(), left(), Ok(2), nobody(), Ok(3)].into_iter();
        let waiting = waiting(|| backlog.next().expect("it is not asked again"));
        assert_eq!(waiting, [1, 2]);
    }
}
