//! An OTLP receiver, gRPC and HTTP on one port, that keeps the spans it is sent.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, sync::Notify, time::timeout};

use super::PATIENCE;

/// Receives until it is dropped with its runtime.
#[derive(Clone)]
pub struct Collector {
    address: SocketAddr,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    spans: Mutex<Vec<Span>>,
    more: Notify,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
        };
        let grpc = TraceServiceServer::new(collector.clone());
        let app = Router::new()
            .route("/v1/traces", post(http))
            .with_state(collector.clone())
            .route_service(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
                grpc,
            );
        tokio::spawn(async move { axum::serve(listener, app).await });
        collector
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for the first span that fits.
    pub async fn span(&self, fits: impl Fn(&Span) -> bool) -> Span {
        let waiting = async {
            loop {
                let more = self.received.more.notified();
                let found = self.spans().into_iter().find(&fits);
                if let Some(span) = found {
                    return span;
                }
                more.await;
            }
        };
        let found = timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("no span fits: {:#?}", self.spans()))
    }

    /// All that have come.
    pub fn spans(&self) -> Vec<Span> {
        self.received.spans.lock().unwrap().clone()
    }

    fn take(&self, request: ExportTraceServiceRequest) {
        let scopes = request
            .resource_spans
            .into_iter()
            .flat_map(|r| r.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        self.received.spans.lock().unwrap().extend(spans);
        self.received.more.notify_waiters();
    }
}

async fn http(State(collector): State<Collector>, body: Bytes) -> StatusCode {
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) => {
            collector.take(request);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.take(request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}
