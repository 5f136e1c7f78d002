//! What a scrape shows of requests that end in every way there is.

#![cfg(feature = "metrics")]

mod support;

use axum_chassis::{
    Route,
    metrics::{Metrics, MetricsLayer},
};
use http::{Method, Request, Response, Version, header::CONTENT_LENGTH, uri::Scheme};
use http_body_util::BodyExt;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use support::*;
use tower::{Layer, ServiceExt};

const DURATION: &str = "http_server_request_duration_seconds_count";
const ACTIVE: &str = "http_server_active_requests";
const RESPONSE_SIZE: &str = "http_server_response_body_size_bytes_sum";

/// A layer and what Prometheus sees of it.
struct Observed {
    layer: MetricsLayer,
    registry: Registry,
    _provider: SdkMeterProvider,
}

impl Observed {
    fn new() -> Self {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .unwrap();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self {
            layer: MetricsLayer::new(&provider.meter("test")),
            registry,
            _provider: provider,
        }
    }

    fn around<S>(&self, service: S) -> Metrics<S> {
        self.layer.layer(service)
    }

    /// All series of a name: labels and value.
    fn series(&self, name: &str) -> Vec<String> {
        let text = TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines
            .filter(|line| line.starts_with('{'))
            .map(str::to_owned)
            .collect()
    }

    /// The one series of a name.
    fn only(&self, name: &str) -> String {
        let series = self.series(name);
        assert_eq!(series.len(), 1, "{name}: {series:?}");
        series.into_iter().next().unwrap()
    }

    /// The one request that was recorded: its status, and its error type.
    fn ending(&self) -> (String, String) {
        let series = self.only(DURATION);
        assert!(series.ends_with(" 1"), "{series}");
        assert!(self.only(ACTIVE).ends_with(" 0"), "one is left in flight");
        (
            label(&series, "http_response_status_code"),
            label(&series, "error_type"),
        )
    }
}

/// The value of a label; empty without it.
fn label(series: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let value = series.split_once(&start).map_or("", |(_, rest)| rest);
    value.split('"').next().unwrap_or_default().to_owned()
}

/// Status and error type of a request that ended so.
fn ended(status: &str, error_type: &str) -> (String, String) {
    (status.to_owned(), error_type.to_owned())
}

#[tokio::test]
async fn a_request_has_the_attributes_of_the_conventions() {
    let observed = Observed::new();
    let mut request = Request::post("/items/7?secret=1")
        .version(Version::HTTP_2)
        .header(CONTENT_LENGTH, "12")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Route::new("/items/{id}"));
    request.extensions_mut().insert(Scheme::HTTPS);

    let service = observed.around(sends(&[Step::Data("hello")]));
    read(service, request).await;

    let labels = r#"{http_request_method="POST",http_response_status_code="200",http_route="/items/{id}",network_protocol_version="2",url_scheme="https"}"#;
    assert_eq!(observed.only(DURATION), format!("{labels} 1"));
    assert_eq!(observed.only(RESPONSE_SIZE), format!("{labels} 5"));
    assert_eq!(
        observed.only("http_server_request_body_size_bytes_sum"),
        format!("{labels} 12")
    );
    assert_eq!(
        observed.only(ACTIVE),
        r#"{http_request_method="POST",url_scheme="https"} 0"#
    );
}

#[tokio::test]
async fn durations_have_the_buckets_of_the_conventions() {
    let observed = Observed::new();
    read(observed.around(sends(&[])), get("/")).await;

    let buckets = observed.series("http_server_request_duration_seconds_bucket");
    let bounds = buckets.iter().filter_map(|bucket| {
        let (_, bound) = bucket.split_once("le=\"")?;
        Some(bound.split_once('"')?.0)
    });
    assert_eq!(
        bounds.collect::<Vec<_>>().join(" "),
        "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf"
    );
}

#[tokio::test]
async fn made_up_paths_and_methods_make_one_series() {
    let observed = Observed::new();
    let service = observed.around(sends(&[]));
    for n in 0..100 {
        let method = Method::from_bytes(format!("MADE{n}").as_bytes()).unwrap();
        let mut request = get(&format!("/made/up/{n}"));
        *request.method_mut() = method;
        read(service.clone(), request).await;
    }
    assert_eq!(
        observed.only(DURATION),
        r#"{http_request_method="_OTHER",http_response_status_code="200",network_protocol_version="1.1",url_scheme="http"} 100"#
    );
}

#[tokio::test]
async fn a_request_is_in_flight_until_its_body_has_ended() {
    let observed = Observed::new();
    let service = observed.around(sends(&[Step::Data("hello"), Step::End]));

    let response = service.oneshot(get("/")).await.unwrap();
    assert_eq!(
        observed.only(ACTIVE),
        r#"{http_request_method="GET",url_scheme="http"} 1"#
    );
    assert_eq!(observed.series(DURATION), [""; 0]);

    response.into_body().collect().await.unwrap();
    assert_eq!(observed.ending(), ended("200", ""));
}

#[tokio::test]
async fn empty_body() {
    let observed = Observed::new();
    let service = observed.around(sends(&[]));

    let response = service.oneshot(get("/")).await.unwrap();
    assert_eq!(observed.ending(), ended("200", ""));
    drop(response);
    assert_eq!(observed.ending(), ended("200", ""));
}

#[tokio::test]
async fn body_with_trailers() {
    let observed = Observed::new();
    let service = observed.around(sends(&[Step::Data("hello"), Step::Trailers]));
    read(service, get("/")).await;
    assert_eq!(observed.ending(), ended("200", ""));
}

#[tokio::test]
async fn body_with_error() {
    let observed = Observed::new();
    read(
        observed.around(sends(&[Step::Data("hello"), Step::Fail])),
        get("/"),
    )
    .await;
    assert_eq!(observed.ending(), ended("200", "body_error"));
}

#[tokio::test]
async fn body_dropped_early() {
    let observed = Observed::new();
    let service = observed.around(sends(&[Step::Data("hello"), Step::Data("world")]));
    hang_up_after(1, service, get("/")).await;
    assert_eq!(observed.ending(), ended("200", "cancelled"));
    assert!(observed.only(RESPONSE_SIZE).ends_with(" 5"));
}

#[tokio::test]
async fn body_of_known_size_dropped_when_it_was_read() {
    let observed = Observed::new();
    let body = || Script::new(&[Step::Data("hello"), Step::End]).of_size(5);
    let service = observed.around(answers(move || Response::new(body())));
    hang_up_after(1, service, get("/")).await;
    assert_eq!(observed.ending(), ended("200", ""));
}

#[tokio::test]
async fn body_panics() {
    let observed = Observed::new();
    survive(observed.around(sends(&[Step::Panic])), get("/")).await;
    assert_eq!(observed.ending(), ended("200", "panic"));
}

#[tokio::test]
async fn service_fails() {
    let observed = Observed::new();
    read(observed.around(fails()), get("/")).await;
    assert_eq!(observed.ending(), ended("", "service_error"));
    assert_eq!(observed.series(RESPONSE_SIZE), [""; 0]);
}

#[tokio::test]
async fn service_panics() {
    let observed = Observed::new();
    survive(observed.around(panics()), get("/")).await;
    assert_eq!(observed.ending(), ended("", "panic"));
    assert_eq!(observed.series(RESPONSE_SIZE), [""; 0]);
}

#[tokio::test]
async fn future_dropped() {
    let observed = Observed::new();
    cancel(observed.around(hangs()), get("/")).await;
    assert_eq!(observed.ending(), ended("", "cancelled"));
    assert_eq!(observed.series(RESPONSE_SIZE), [""; 0]);
}

#[tokio::test]
async fn head_is_answered_without_the_body() {
    let observed = Observed::new();
    let service = observed.around(sends(&[Step::Data("hello")]));
    hang_up_after(0, service, head("/")).await;
    assert_eq!(observed.ending(), ended("200", ""));
    assert!(observed.only(RESPONSE_SIZE).ends_with(" 0"));
}

#[tokio::test]
async fn a_server_error_has_its_status_as_type_and_a_client_error_has_none() {
    for (status, error_type) in [(404, ""), (503, "503")] {
        let observed = Observed::new();
        let service = answers(move || with_status(status));
        read(observed.around(service), get("/")).await;
        assert_eq!(observed.ending(), ended(&status.to_string(), error_type));
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_router_is_scraped_by_its_templates() {
    use axum::{Router, routing::get};

    let observed = Observed::new();
    let app = Router::new()
        .route("/items/{id}", get(async || "hello"))
        .layer(observed.layer.clone());

    let answers = serve(app, &["GET /items/7", "HEAD /items/8", "GET /nowhere"]).await;

    assert!(answers[0].ends_with("hello"), "{answers:?}");
    let requests = observed.series(DURATION).into_iter().map(|series| {
        assert_eq!(label(&series, "error_type"), "");
        [
            "http_request_method",
            "http_route",
            "http_response_status_code",
        ]
        .map(|name| label(&series, name))
        .join(" ")
    });
    let mut requests: Vec<_> = requests.collect();
    requests.sort();
    assert_eq!(
        requests,
        ["GET  404", "GET /items/{id} 200", "HEAD /items/{id} 200"]
    );
}
