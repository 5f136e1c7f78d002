//! A request that goes through two services is one trace.

use std::time::Duration;

use axum::{Router, extract::State, http::Request, response::Response, routing::get};
use axum_chassis::trace::{
    TraceLayer,
    client::{ClientTrace, ClientTraceLayer, Reqwest, UrlTemplate},
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

use crate::support::{Service, collector::Collector, token};

/// A service in front of the one that is tested, with the same layers.
struct Front {
    url: String,
    provider: SdkTracerProvider,
}

#[derive(Clone)]
struct Behind {
    client: ClientTrace<Reqwest, SdkTracer>,
    url: String,
}

impl Front {
    async fn before(service: &Service, collector: &Collector) -> Self {
        let exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(collector.endpoint())
            .with_timeout(Duration::from_secs(2))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter.unwrap())
            .build();
        let tracer = provider.tracer("front");
        let behind = Behind {
            client: ClientTraceLayer::new(tracer.clone()).layer(Reqwest::new(service.http.clone())),
            url: service.url("/api/v1/items?limit=1"),
        };
        let app = Router::new()
            .route("/shop", get(shop))
            .with_state(behind)
            .layer(TraceLayer::new(tracer));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/shop", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, provider }
    }
}

/// Asks the service behind, and passes its answer on.
async fn shop(State(behind): State<Behind>) -> Response {
    let bearer = format!("Bearer {}", token("alice", "items:read"));
    let mut request = Request::get(&behind.url)
        .header("authorization", bearer)
        .body(reqwest::Body::default())
        .unwrap();
    let template = UrlTemplate::new("/api/v1/items");
    request.extensions_mut().insert(template);
    let answer = behind.client.oneshot(request).await.unwrap();
    answer.map(axum::body::Body::new)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_through_two_services_is_one_trace() {
    let collector = Collector::start().await;
    let service = Service::with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ])
    .await;
    let front = Front::before(&service, &collector).await;

    let answer = service.http.get(&front.url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap();
    let provider = front.provider;
    let flush = tokio::task::spawn_blocking(move || provider.force_flush());
    flush.await.unwrap().unwrap();

    let first = collector.span(|span| span.name == "GET /shop").await;
    let call = collector
        .span(|span| span.parent_span_id == first.span_id)
        .await;
    let second = collector
        .span(|span| span.parent_span_id == call.span_id)
        .await;
    assert!(first.parent_span_id.is_empty());
    // By method and route, each from where it stands: client, then server.
    assert_eq!([&*call.name, &*second.name], ["GET /api/v1/items"; 2]);
    assert_eq!([call.kind, second.kind], [3, 2]);
    assert_eq!([&call.trace_id, &second.trace_id], [&first.trace_id; 2]);
}
