//! What the service tells of a request, as a log, a trace and a metric.

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind},
};
use serde_json::Value as Json;

use crate::{
    database::Database,
    support::{Service, collector::Collector, until},
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn list_items(service: &Service) -> reqwest::Response {
    let request = service.get("/api/v1/items");
    request
        .header("traceparent", TRACEPARENT)
        .send()
        .await
        .unwrap()
}

fn finished(line: &Json) -> bool {
    line["message"] == "request finished"
}

#[tokio::test]
async fn a_log_line_carries_the_trace_that_the_caller_began() {
    let service = Service::start().await;
    assert_eq!(list_items(&service).await.status(), 200);
    let line = service.log_line(finished).await;
    assert_eq!(line["trace_id"], TRACE_ID);
    assert_eq!(line["span_id"].as_str().map(str::len), Some(16));
    assert_eq!(line["http.response.status_code"], 200);
}

#[tokio::test]
async fn an_error_names_its_trace_to_the_client_and_its_cause_to_the_log() {
    let service = Service::start().await;
    let url = service.url("/api/v1/items");
    let request = service.http.get(url).header("traceparent", TRACEPARENT);
    let problem: Json = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(problem["trace_id"], TRACE_ID);
    assert_eq!(problem["status"], 401);

    let line = service.log_line(finished).await;
    assert_eq!(line["trace_id"], TRACE_ID);
    assert_eq!(line["cause"], "there is no bearer token");
}

#[tokio::test]
async fn a_span_arrives_by_grpc() {
    a_span_arrives_by("grpc").await;
}

#[tokio::test]
async fn a_span_arrives_by_http() {
    a_span_arrives_by("http/protobuf").await;
}

async fn a_span_arrives_by(protocol: &str) {
    let collector = Collector::start().await;
    let service = Service::with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ])
    .await;
    list_items(&service).await;
    let span = collector
        .span(|span| span.name == "GET /api/v1/items")
        .await;
    assert_eq!(hex(&span.trace_id), TRACE_ID);
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
}

#[tokio::test]
async fn the_last_span_is_sent_before_the_process_ends() {
    let collector = Collector::start().await;
    let service = Service::with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "none"),
        // So late that only the flush can send it.
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
    ])
    .await;
    list_items(&service).await;
    assert_eq!(service.stop().await.code, Some(0));
    collector
        .span(|span| span.name == "GET /api/v1/items")
        .await;
}

#[tokio::test]
async fn a_collector_that_hangs_holds_the_shutdown_no_longer_than_its_deadline() {
    // Accepts connections, by the backlog, and never answers.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", hangs.local_addr().unwrap());
    let service = Service::with(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("APP_SHUTDOWN__FLUSH_TIMEOUT", "200ms"),
    ])
    .await;
    list_items(&service).await;
    let stopped = service.stop().await;
    assert_eq!(stopped.code, Some(75));
    assert_eq!(stopped.missed(), "shutdown.flush_timeout");
}

#[tokio::test]
async fn spans_that_a_collector_does_not_take_are_counted() {
    // Accepts connections, by the backlog, and never answers.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Service::with(&[
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            &format!("http://{}", hangs.local_addr().unwrap()),
        ),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "200"),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "2"),
        ("APP_SHUTDOWN__FLUSH_TIMEOUT", "200ms"),
    ])
    .await;
    let full = r#"otel_sdk_processor_span_processed_total{error_type="queue_full"}"#;
    let lost = "otel_sdk_exporter_span_exported_total{error_type=";
    assert_eq!(service.series(full, |_| true).await, 0.0);
    until("the queue is full", async || {
        list_items(&service).await;
        service.series(full, |_| true).await > 0.0
    })
    .await;
    until("spans are lost", async || {
        let metrics = service.metrics().await;
        let mut lines = metrics.lines().filter(|line| line.starts_with(lost));
        lines.any(|line| !line.ends_with(" 0"))
    })
    .await;
}

#[tokio::test]
async fn requests_are_measured_by_route_and_probes_are_not() {
    let service = Service::start().await;
    list_items(&service).await;
    let unknown = service.url("/nowhere/to/be/found");
    service.http.get(unknown).send().await.unwrap();
    service
        .log_line(|line| finished(line) && line["http.response.status_code"] == 404)
        .await;

    let metrics = service.metrics().await;
    let counted = |labels: &str| {
        let counts = metrics
            .lines()
            .filter(|l| l.starts_with("http_server_request_duration_seconds_count"));
        counts.filter(|line| line.contains(labels)).count()
    };
    assert_eq!(counted(r#"http_route="/api/v1/items""#), 1, "{metrics}");
    assert_eq!(counted("nowhere"), 0, "{metrics}");
    assert_eq!(counted("readyz"), 0, "{metrics}");
    assert_eq!(
        counted(r#"http_response_status_code="404""#),
        1,
        "{metrics}"
    );
}

#[tokio::test]
async fn the_id_of_a_request_leads_to_its_trace() {
    let collector = Collector::start().await;
    let endpoint = collector.endpoint();
    let service = Service::with(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ])
    .await;
    let chosen = service.get("/api/v1/items").header("x-request-id", "mine");
    let chosen = chosen.send().await.unwrap();
    assert_eq!(chosen.headers()["x-request-id"], "mine");
    let made = service.get("/api/v1/items").send().await.unwrap();
    let made = made.headers()["x-request-id"].to_str().unwrap();
    assert_eq!(made.len(), 36, "{made}");
    for id in ["mine", made] {
        collector.span(|span| request_id(span) == Some(id)).await;
    }
}

#[tokio::test]
async fn every_answer_names_its_trace_sampled_or_not() {
    let service = Service::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-00");
    let continued = service.get("/api/v1/items").header("traceparent", parent);
    let continued = continued.send().await.unwrap();
    assert_eq!(continued.headers()["x-trace-id"], trace);
    let unknown = service.get("/nowhere").send().await.unwrap();
    let trace = unknown.headers()["x-trace-id"].to_str().unwrap();
    assert_eq!(trace.len(), 32, "{trace}");
    service.log_line(|line| line["trace_id"] == trace).await;
}

fn request_id(span: &Span) -> Option<&str> {
    let mut attributes = span.attributes.iter();
    let id = attributes.find(|kv| kv.key == "http.request.header.x-request-id")?;
    let Some(Value::ArrayValue(ids)) = &id.value.as_ref()?.value else {
        return None;
    };
    match &ids.values.first()?.value {
        Some(Value::StringValue(id)) => Some(id),
        _ => None,
    }
}

#[tokio::test]
async fn probes_and_scrapes_are_not_traced() {
    let collector = Collector::start().await;
    let endpoint = collector.endpoint();
    let service = Service::with(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &*endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ])
    .await;
    for path in ["/livez", "/readyz?verbose", "/startupz", "/metrics"] {
        assert_eq!(service.probe(path).await, 200, "{path}");
    }
    list_items(&service).await;
    // Whatever was traced is sent by the end.
    assert_eq!(service.stop().await.code, Some(0));
    let spans = collector.spans();
    let servers = spans.iter().filter(|span| span.kind() == SpanKind::Server);
    let names: Vec<_> = servers.map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["GET /api/v1/items"]);
}

#[tokio::test]
async fn a_scrape_in_openmetrics_leads_from_a_duration_to_its_trace() {
    let service = Service::start().await;
    list_items(&service).await;
    service.log_line(finished).await;
    let scrape = service.scrape().header("accept", OPENMETRICS).send();
    let page = scrape.await.unwrap();
    assert_eq!(page.headers()["content-type"], OPENMETRICS);
    let page = page.text().await.unwrap();
    assert!(page.ends_with("# EOF\n"), "{page}");
    let exemplar = format!("# {{trace_id=\"{TRACE_ID}\"");
    let bucket = "http_server_request_duration_seconds_bucket{";
    let mut lines = page.lines();
    let leads = lines.any(|line| line.starts_with(bucket) && line.contains(&exemplar));
    assert!(leads, "{page}");
    assert!(page.contains("target_info{"), "{page}");
}

#[tokio::test]
async fn a_scrape_is_compressed_for_who_can_read_that() {
    let service = Service::start().await;
    let page = service.scrape().header("accept-encoding", "gzip").send();
    let page = page.await.unwrap();
    assert_eq!(page.headers()["content-encoding"], "gzip");
    assert_eq!(
        page.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert_eq!(page.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn the_service_tells_what_it_does_and_what_it_uses() {
    let service = Service::start().await;
    service.create("lamp").await;
    let metrics = service.metrics().await;
    for series in [
        "items_created_total",
        "items_quantity_count",
        "tokio_runtime_workers",
        "tokio_runtime_busy_time_seconds_total",
        #[cfg(target_os = "linux")]
        "process_memory_usage_bytes",
        #[cfg(target_os = "linux")]
        r#"process_cpu_time_seconds_total{cpu_mode="user"}"#,
        r#"build_info{allocator=""#,
        #[cfg(feature = "jemalloc")]
        "allocator_allocated_bytes",
        Database::FULLNESS,
    ] {
        assert!(
            metrics.lines().any(|line| line.starts_with(series)),
            "no {series} in {metrics}"
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
