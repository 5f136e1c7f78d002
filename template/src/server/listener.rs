use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use axum::{Router, ServiceExt, extract::Request};
use axum_server::Handle;
use tokio::task::JoinHandle;
use tower_http::normalize_path::NormalizePath;

use super::ServeError;
use crate::config::Http;

/// An address that is taken, but not yet served: whether it can be had is known
/// before anything else is begun.
pub(super) struct Listener {
    name: &'static str,
    socket: TcpListener,
}

/// A listener that accepts connections.
pub(super) struct Running {
    handle: Handle<SocketAddr>,
    task: JoinHandle<io::Result<()>>,
}

impl Listener {
    pub(super) fn bind(
        name: &'static str,
        field: &'static str,
        address: SocketAddr,
    ) -> Result<Self, ServeError> {
        let socket = TcpListener::bind(address).map_err(|source| ServeError::Listen {
            name,
            field,
            address,
            source,
        })?;
        Ok(Self { name, socket })
    }

    /// Accepts from now on.
    pub(super) fn serve(
        self,
        service: NormalizePath<Router>,
        limits: &Http,
    ) -> Result<Running, ServeError> {
        let address = self.socket.local_addr()?;
        let handle = Handle::new();
        let mut server = axum_server::from_tcp(self.socket)?
            .handle(handle.clone())
            .first_request_timeout(limits.header_read_timeout);
        server
            .http_builder()
            .http1()
            .header_read_timeout(limits.header_read_timeout);
        let service =
            ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
        let task = tokio::spawn(server.serve(service));
        tracing::info!(listener = self.name, %address, "listening");
        Ok(Running { handle, task })
    }
}

impl Running {
    /// Accepts no more, and waits until the requests in flight are answered.
    pub(super) async fn drain(&mut self) -> io::Result<()> {
        self.handle.graceful_shutdown(None);
        (&mut self.task).await.unwrap_or_else(|e| Err(e.into()))
    }

    /// Connections that are open now.
    pub(super) fn connections(&self) -> usize {
        self.handle.connection_count()
    }

    /// Closes whatever is still open.
    pub(super) fn cut(&self) {
        self.handle.shutdown();
    }
}
