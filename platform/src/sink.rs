//! What stands for the back ends: OTLP by gRPC and by HTTP on one port, and it can be away.

use std::{
    io::Read,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use flate2::read::GzDecoder;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::KeyValue,
    logs::v1::LogRecord,
    metrics::v1::Metric,
    trace::v1::ResourceSpans,
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tonic::codec::CompressionEncoding;

use crate::{
    addresses::free_address,
    spans::{self, Come, Seen, Trace},
};

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// It is gone when it goes out of scope.
pub struct Sink {
    pub address: SocketAddr,
    pub received: Arc<Received>,
    serving: JoinSet<()>,
}

/// All that has come.
#[derive(Default)]
pub struct Received {
    spans: Mutex<Vec<Seen>>,
    come: Mutex<Come>,
    metrics: Mutex<Vec<Metric>>,
    lines: Mutex<Vec<Line>>,
    counted: AtomicU64,
    only_counts: AtomicBool,
}

/// A line of a log, with what its resource says.
#[derive(Clone)]
pub struct Line {
    pub record: LogRecord,
    resource: Vec<KeyValue>,
}

impl Line {
    pub fn of_resource(&self, key: &str) -> Option<String> {
        spans::find(&self.resource, key)
    }
}

impl Sink {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(free_address()).await?;
        let mut sink = Self {
            address: listener.local_addr()?,
            received: Arc::default(),
            serving: JoinSet::new(),
        };
        sink.serve(listener);
        Ok(sink)
    }

    /// Spans are counted and not kept: for a load.
    pub fn only_count(&self) {
        self.received.only_counts.store(true, Ordering::Relaxed);
    }

    /// Refuses connections, and breaks those that there are.
    pub async fn go_away(&mut self) {
        self.serving.shutdown().await;
    }

    /// Is there again, where it was.
    pub async fn come_back(&mut self) -> Result<()> {
        self.serve(TcpListener::bind(self.address).await?);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let received = self.received.clone();
        let grpc = TraceServiceServer::new(Traces(received.clone()))
            .max_decoding_message_size(64 << 20)
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip);
        let app = Router::new()
            .route("/v1/metrics", post(metrics))
            .route("/v1/logs", post(logs))
            .with_state(received)
            .route_service(EXPORT, grpc);
        self.serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(app.clone());
                connections.spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    // What fails here is what the other side has closed.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    }

    /// All spans that have come, as often as they have.
    pub fn spans(&self) -> Vec<Seen> {
        lock(&self.received.spans).clone()
    }

    /// Of each trace that has come, the spans that have.
    pub fn come(&self) -> Come {
        lock(&self.received.come).clone()
    }

    /// How many of these are not whole.
    pub fn torn(&self, traces: &[Trace]) -> usize {
        spans::torn(traces, &lock(&self.received.come))
    }

    pub fn metrics(&self) -> Vec<Metric> {
        lock(&self.received.metrics).clone()
    }

    pub fn lines(&self) -> Vec<Line> {
        lock(&self.received.lines).clone()
    }

    pub fn logs(&self) -> Vec<LogRecord> {
        let lines = self.lines().into_iter();
        lines.map(|line| line.record).collect()
    }

    /// How many spans have come.
    pub fn counted(&self) -> u64 {
        self.received.counted.load(Ordering::Relaxed)
    }

    /// Waits until it is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !is_so(self) {
            let counted = self.counted();
            ensure!(
                begun.elapsed() < PATIENCE,
                "not so after {PATIENCE:?}: {what}; {counted} spans have come"
            );
            sleep(LOOK).await;
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while it is held")
}

impl Received {
    fn take(&self, resources: Vec<ResourceSpans>) {
        let spans: Vec<_> = spans::seen(resources).collect();
        self.counted
            .fetch_add(spans.len() as u64, Ordering::Relaxed);
        if self.only_counts.load(Ordering::Relaxed) {
            return;
        }
        let mut come = lock(&self.come);
        for seen in &spans {
            let ids = come.entry(seen.span.trace_id.clone()).or_default();
            ids.insert(seen.span.span_id.clone());
        }
        lock(&self.spans).extend(spans);
    }
}

struct Traces(Arc<Received>);

#[tonic::async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.take(request.into_inner().resource_spans);
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn metrics(
    State(received): State<Arc<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(request) = message::<ExportMetricsServiceRequest>(&headers, &body) else {
        return StatusCode::BAD_REQUEST;
    };
    let resources = request.resource_metrics.into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_metrics);
    lock(&received.metrics).extend(scopes.flat_map(|scope| scope.metrics));
    StatusCode::OK
}

async fn logs(
    State(received): State<Arc<Received>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Some(request) = message::<ExportLogsServiceRequest>(&headers, &body) else {
        return StatusCode::BAD_REQUEST;
    };
    let lines = request.resource_logs.into_iter().flat_map(|logs| {
        let resource = logs.resource.unwrap_or_default().attributes;
        let scopes = logs.scope_logs.into_iter();
        let records = scopes.flat_map(|scope| scope.log_records);
        records.map(move |record| Line {
            record,
            resource: resource.clone(),
        })
    });
    lock(&received.lines).extend(lines);
    StatusCode::OK
}

fn message<T: Message + Default>(headers: &HeaderMap, body: &Bytes) -> Option<T> {
    let is_gzip = headers
        .get("content-encoding")
        .is_some_and(|encoding| encoding == "gzip");
    if !is_gzip {
        return T::decode(&body[..]).ok();
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&body[..]).read_to_end(&mut unpacked).ok()?;
    T::decode(&unpacked[..]).ok()
}
