//! An endpoint with a certificate of its own.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, routing::get, serve::Listener};
use axum_chassis::jwt::source::KeyEndpoint;
use rcgen::CertifiedKey;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

use crate::{Live, Signer, jwks, telemetry::Seen};

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (connection, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(connection).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Its URL, its certificate in PEM, and what it lives by.
async fn endpoint(document: String) -> (String, String, JoinSet<()>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&tokio_rustls::rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/jwks", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let router = Router::new().route("/jwks", get(document));
    let mut server = JoinSet::new();
    server.spawn(async move {
        axum::serve(Tls { listener, acceptor }, router)
            .await
            .unwrap();
    });
    (url, cert.pem(), server)
}

#[tokio::test]
async fn an_issuer_with_a_root_of_its_own_is_trusted_if_that_is_given() {
    let signer = Signer::new("a");
    let (url, root, _server) = endpoint(jwks(&[&signer])).await;

    let trusting = KeyEndpoint::jwks(&url)
        .unwrap()
        .root_certificates(root.as_bytes());
    let live = Live::spawn(trusting.unwrap());
    assert_eq!(live.authenticate(&signer).await, Ok(()));

    let seen = Seen::default();
    let cautious = KeyEndpoint::jwks(&url).unwrap().meter(&seen.meter());
    let live = Live::spawn(cautious);
    assert!(live.authenticate(&signer).await.is_err());
    assert_eq!(seen.fetches("connection"), 1);
}
