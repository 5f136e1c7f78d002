use std::{io, time::Duration};

use axum::http::HeaderValue;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, rustls, server::TlsStream};

use super::{metrics::Reason, socket::Socket};
use crate::{
    config,
    tls::{Certificates, ClientCertificate},
};

/// TLS, where a listener speaks it.
pub(super) struct Tls {
    certificates: Certificates,
    handshake_timeout: Duration,
    /// What each answer says of plain HTTP.
    pub(super) hsts: Option<HeaderValue>,
}

impl Tls {
    pub(super) fn new(certificates: Certificates, tls: &config::Tls) -> Self {
        let hsts = tls.hsts_max_age.map(|age| {
            let hsts = format!("max-age={}", age.as_secs());
            HeaderValue::try_from(hsts).unwrap_or(HeaderValue::from_static("max-age=0"))
        });
        Self {
            certificates,
            handshake_timeout: tls.handshake_timeout,
            hsts,
        }
    }

    /// Shakes hands, and says who the client is, if it has told.
    pub(super) async fn accept(
        &self,
        socket: Socket,
    ) -> Result<(TlsStream<Socket>, Option<ClientCertificate>), Reason> {
        let acceptor = TlsAcceptor::from(self.certificates.current().server());
        let stream = match timeout(self.handshake_timeout, acceptor.accept(socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(reason(&error)),
            Err(_) => return Err(Reason::HandshakeTimeout),
        };
        let (_, session) = stream.get_ref();
        let certificates = session.peer_certificates().unwrap_or_default();
        let client = certificates.first().and_then(ClientCertificate::read);
        Ok((stream, client))
    }
}

fn reason(error: &io::Error) -> Reason {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    match error {
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            Reason::HandshakeCertificate
        }
        _ => Reason::HandshakeFailed,
    }
}
