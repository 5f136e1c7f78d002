//! A Collector that takes all it is sent, by gRPC and by HTTP.

use std::{convert::Infallible, net::SocketAddr};

use anyhow::Result;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{net::TcpListener, task::JoinSet};

/// An empty message of gRPC: not compressed, no bytes.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];
const GRPC: &str = "application/grpc";

/// It is gone when it goes out of scope.
pub struct Collector {
    pub address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Collector {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let stream = TokioIo::new(stream);
                    // What fails here is what the client has closed.
                    let _ = server.serve_connection(stream, service_fn(take)).await;
                });
            }
        });
        Ok(Self {
            address,
            _serving: serving,
        })
    }
}

async fn take(
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    request.into_body().collect().await?;
    let is_grpc = content_type.as_ref().is_some_and(|kind| kind == GRPC);
    let body = if is_grpc {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let message = Full::from(EMPTY_MESSAGE.to_vec());
        message.with_trailers(async { Some(Ok(trailers)) }).boxed()
    } else {
        Full::default().boxed()
    };
    let mut response = Response::new(body);
    if let Some(kind) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    Ok(response)
}
