//! A router without a layer, whose handler does what the service's does: it finds an
//! item in memory, and writes it as JSON with its ETag.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header::ETAG},
    response::{IntoResponse, Response},
    routing::get,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use uuid::Uuid;

/// As the service's.
#[derive(Clone, Deserialize, Serialize)]
struct Item {
    id: Uuid,
    name: String,
    description: Option<String>,
    quantity: u32,
    version: i64,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

type Items = Arc<Mutex<BTreeMap<Uuid, Item>>>;

/// Serves this one item until it is killed.
pub fn serve(address: &str, item: &str, identity: Option<(&str, &str)>) -> Result<()> {
    let item: Item = serde_json::from_slice(&fs::read(item)?)?;
    let items = Items::new(Mutex::new(BTreeMap::from([(item.id, item)])));
    let router = Router::new()
        .route("/api/v1/items/{id}", get(read))
        .with_state(items);
    let acceptor = identity.map(|(certificate, key)| acceptor(certificate, key));
    let acceptor = acceptor.transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        match acceptor {
            Some(acceptor) => axum::serve(Tls { listener, acceptor }, router).await?,
            None => axum::serve(listener, router).await?,
        }
        Ok(())
    })
}

async fn read(State(items): State<Items>, Path(id): Path<Uuid>) -> Response {
    let items = items.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(item) = items.get(&id).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = HeaderValue::try_from(format!("\"{}\"", item.version));
    let etag = etag.expect("digits in quotes make a header");
    ([(ETAG, etag)], Json(item)).into_response()
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            chain.collect::<Result<_, _>>()?,
            PrivateKeyDer::from_pem_file(key)?,
        )?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Connections after their handshake, one after the other: there are few, and they stay.
struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, peer) = axum::serve::Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
