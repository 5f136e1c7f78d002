//! What is exported and logged of requests that end in every way there is.

#![cfg(feature = "trace")]

mod support;

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use axum_chassis::{
    Cause, Route,
    trace::{ClientAddress, Trace, TraceLayer, current_trace_id, inject},
};
use http::{
    HeaderMap, Method, Request, Response, Version,
    header::{HOST, USER_AGENT},
};
use http_body_util::BodyExt;
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use support::*;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Instrument, Span, info_span, subscriber::DefaultGuard};
use tracing_subscriber::{Registry, layer::SubscriberExt};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What is exported of this thread's spans.
struct Exported {
    spans: InMemorySpanExporter,
    _subscriber: DefaultGuard,
    _provider: SdkTracerProvider,
}

impl Exported {
    fn new() -> Self {
        let spans = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(spans.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        Self {
            spans,
            _subscriber: tracing::subscriber::set_default(Registry::default().with(layer)),
            _provider: provider,
        }
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// The one span that has ended.
    fn only(&self) -> SpanData {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    /// How the one span has ended, and with which error type and level of its log event.
    fn ending(&self) -> [String; 3] {
        let span = self.only();
        let failed = matches!(span.status, Status::Error { .. });
        assert_eq!(failed, !attribute(&span, "error.type").is_empty());
        let [event] = &span.events.events[..] else {
            panic!("one log event a request, not {:?}", span.events);
        };
        assert_eq!(event.name, "request finished");
        let level = event
            .attributes
            .iter()
            .find(|kv| kv.key.as_str() == "level");
        [
            attribute(&span, "axum_chassis.ending"),
            attribute(&span, "error.type"),
            level.unwrap().value.to_string(),
        ]
    }
}

/// The value of an attribute; empty without it.
fn attribute(span: &SpanData, name: &str) -> String {
    let found = span.attributes.iter().find(|kv| kv.key.as_str() == name);
    found.map(|kv| kv.value.to_string()).unwrap_or_default()
}

fn traced<S>(service: S) -> Trace<S> {
    TraceLayer::new().layer(service)
}

#[tokio::test]
async fn a_span_has_the_attributes_of_the_conventions() {
    let exported = Exported::new();
    let mut request = Request::post("/items/7?secret=1")
        .version(Version::HTTP_2)
        .header(HOST, "user@[::1]:8080")
        .header(USER_AGENT, "curl/8")
        .body(())
        .unwrap();
    request.extensions_mut().insert(Route::new("/items/{id}"));
    request
        .extensions_mut()
        .insert(ClientAddress(Ipv4Addr::new(192, 0, 2, 1).into()));

    read(traced(sends(&[Step::Data("hello")])), request).await;

    let span = exported.only();
    assert_eq!(span.name, "POST /items/{id}");
    assert_eq!(span.span_kind, SpanKind::Server);
    assert_eq!(span.status, Status::Unset);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.request.method_original", ""),
        ("http.route", "/items/{id}"),
        ("url.scheme", "http"),
        ("url.path", "/items/7"),
        ("server.address", "::1"),
        ("server.port", "8080"),
        ("client.address", "192.0.2.1"),
        ("network.protocol.version", "2"),
        ("user_agent.original", "curl/8"),
        ("http.response.status_code", "200"),
        ("http.response.body.size", "5"),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(&span, name), value, "{name}");
    }
    let seconds: f64 = attribute(&span, "axum_chassis.time_to_head_seconds")
        .parse()
        .unwrap();
    assert!((0.0..1.0).contains(&seconds));
    assert!(!format!("{span:?}").contains("secret"), "{span:?}");
}

#[tokio::test]
async fn an_unmatched_path_and_an_unknown_method_are_no_name() {
    for (method, name, original) in [("GET", "GET", ""), ("PROPFIND", "HTTP", "PROPFIND")] {
        let exported = Exported::new();
        let mut request = get("/made/up");
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        read(traced(sends(&[])), request).await;

        let span = exported.only();
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "http.route"), "");
        assert_eq!(attribute(&span, "http.request.method_original"), original);
    }
}

#[tokio::test]
async fn the_trace_of_the_caller_goes_on() {
    let exported = Exported::new();
    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", PARENT.parse().unwrap());
    request
        .headers_mut()
        .append("tracestate", "a=1".parse().unwrap());
    request
        .headers_mut()
        .append("tracestate", "b=2".parse().unwrap());
    let sent = Arc::new(Mutex::new(HeaderMap::new()));
    let calls_on = service_fn(async |_| {
        assert_eq!(current_trace_id().unwrap().to_string(), PARENT[3..35]);
        inject(&Span::current(), &mut sent.lock().unwrap());
        Ok::<_, Broken>(with_status(200))
    });

    read(traced(calls_on), request).await;

    let span = exported.only();
    assert_eq!(span.span_context.trace_id().to_string(), PARENT[3..35]);
    assert_eq!(span.parent_span_id.to_string(), PARENT[36..52]);
    assert!(span.parent_span_is_remote);
    let (sent, span_id) = (sent.lock().unwrap(), span.span_context.span_id());
    assert_eq!(
        sent["traceparent"],
        format!("00-{}-{span_id}-01", &PARENT[3..35])
    );
    assert_eq!(sent["tracestate"], "a=1,b=2");
}

#[tokio::test]
async fn a_malformed_traceparent_begins_a_new_trace() {
    let exported = Exported::new();
    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", PARENT.to_uppercase().parse().unwrap());
    read(traced(sends(&[])), request).await;

    let span = exported.only();
    assert_ne!(span.span_context.trace_id().to_string(), PARENT[3..35]);
    assert!(!span.parent_span_is_remote);
}

#[tokio::test]
async fn what_the_service_does_is_below_the_span() {
    let exported = Exported::new();
    let works = service_fn(|_| {
        async {
            tracing::warn!("nearly full");
            Ok::<_, Broken>(with_status(200))
        }
        .instrument(info_span!("work"))
    });
    read(traced(works), get("/")).await;

    let spans = exported.spans();
    let [work, request] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(work.name, "work");
    assert_eq!(work.parent_span_id, request.span_context.span_id());
    assert_eq!(work.events[0].name, "nearly full");
}

#[tokio::test]
async fn a_span_lasts_until_its_body_has_ended() {
    let exported = Exported::new();
    let service = traced(sends(&[Step::Data("hello"), Step::End]));

    let response = service.oneshot(get("/")).await.unwrap();
    assert!(exported.spans().is_empty());

    response.into_body().collect().await.unwrap();
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn a_task_that_outlives_the_request_does_not_hold_its_span() {
    let exported = Exported::new();
    let spawns = service_fn(async |_| {
        tokio::spawn(std::future::pending::<()>().instrument(info_span!("background")));
        Ok::<_, Broken>(with_status(202))
    });
    read(traced(spawns), get("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn empty_body() {
    let exported = Exported::new();
    let response = traced(sends(&[])).oneshot(get("/")).await.unwrap();
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
    drop(response);
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn body_with_trailers() {
    let exported = Exported::new();
    let service = traced(sends(&[Step::Data("hello"), Step::Trailers]));
    let body = service.oneshot(get("/")).await.unwrap().into_body();
    assert!(body.collect().await.unwrap().trailers().is_some());
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn body_with_error() {
    let exported = Exported::new();
    read(traced(sends(&[Step::Data("hello"), Step::Fail])), get("/")).await;
    assert_eq!(exported.ending(), ["body_failed", "body_error", "ERROR"]);
    assert!(format!("{:?}", exported.only().events).contains("the pipe broke"));
}

#[tokio::test]
async fn body_dropped_early() {
    let exported = Exported::new();
    let service = traced(sends(&[Step::Data("hello"), Step::Data("world")]));
    hang_up_after(1, service, get("/")).await;
    assert_eq!(exported.ending(), ["body_dropped", "cancelled", "INFO"]);
}

#[tokio::test]
async fn body_of_known_size_dropped_when_it_was_read() {
    let exported = Exported::new();
    let body = || Script::new(&[Step::Data("hello"), Step::End]).of_size(5);
    hang_up_after(1, traced(answers(move || Response::new(body()))), get("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn body_of_announced_length_dropped_when_it_was_read() {
    let exported = Exported::new();
    let response = || {
        let mut response = Response::new(Script::new(&[Step::Data("hello"), Step::End]));
        response.headers_mut().insert("content-length", 5.into());
        response
    };
    hang_up_after(1, traced(answers(response)), get("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn bodies_that_are_never_sent() {
    for status in [204, 304] {
        let exported = Exported::new();
        let response = move || with_status(status).map(|_| Script::new(&[Step::End]));
        hang_up_after(0, traced(answers(response)), get("/")).await;
        assert_eq!(exported.ending(), ["complete", "", "INFO"]);
    }
    let exported = Exported::new();
    hang_up_after(0, traced(sends(&[Step::Data("hello")])), head("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn body_panics() {
    let exported = Exported::new();
    survive(traced(sends(&[Step::Panic])), get("/")).await;
    assert_eq!(exported.ending(), ["panicked", "panic", "ERROR"]);
}

#[tokio::test]
async fn service_fails() {
    let exported = Exported::new();
    read(traced(fails()), get("/")).await;
    assert_eq!(
        exported.ending(),
        ["service_failed", "service_error", "ERROR"]
    );
    assert_eq!(attribute(&exported.only(), "http.response.status_code"), "");
}

#[tokio::test]
async fn service_panics() {
    let exported = Exported::new();
    survive(traced(panics()), get("/")).await;
    assert_eq!(exported.ending(), ["panicked", "panic", "ERROR"]);
}

#[tokio::test]
async fn future_dropped() {
    let exported = Exported::new();
    cancel(traced(hangs()), get("/")).await;
    assert_eq!(exported.ending(), ["cancelled", "cancelled", "INFO"]);
}

#[tokio::test]
async fn what_a_service_says_when_it_is_cancelled_is_in_its_span() {
    let exported = Exported::new();
    struct SaysGoodbye;
    impl Drop for SaysGoodbye {
        fn drop(&mut self) {
            tracing::info!("goodbye");
        }
    }
    let hangs = service_fn(async |_| {
        let _goodbye = SaysGoodbye;
        std::future::pending::<Result<Response<Script>, Broken>>().await
    });
    cancel(traced(hangs), get("/")).await;

    let events = exported.only().events;
    let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["goodbye", "request finished"]);
}

#[tokio::test]
async fn a_client_error_is_none_of_the_span() {
    for (status, ending) in [
        (401, ["complete", "", "INFO"]),
        (503, ["complete", "503", "ERROR"]),
    ] {
        let exported = Exported::new();
        read(traced(answers(move || with_status(status))), get("/")).await;
        assert_eq!(exported.ending(), ending);
    }
}

#[tokio::test]
async fn without_opentelemetry_there_are_the_logs_with_the_cause_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let refuses = || {
        let mut response = with_status(401);
        response
            .extensions_mut()
            .insert(Cause::new("the token has expired"));
        response
    };

    let mut request = get("/");
    request
        .headers_mut()
        .insert("traceparent", PARENT.parse().unwrap());
    read(traced(answers(refuses)), request).await;

    let lines = log.lines();
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(line.contains(" INFO request{"), "{line}");
    assert!(line.contains(r#"url.path="/""#), "{line}");
    assert!(
        line.contains("request finished http.response.status_code=401 "),
        "{line}"
    );
    assert!(line.contains(" duration_seconds="), "{line}");
    assert!(line.ends_with(" cause=the token has expired"), "{line}");
}

/// What was written, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_router_is_traced_by_its_templates() {
    use axum::{Router, routing::get};

    let exported = Exported::new();
    let tells = async || current_trace_id().map_or("none".to_owned(), |id| id.to_string());
    let app = Router::new()
        .route("/items/{id}", get(tells))
        .layer(TraceLayer::new());

    let answers = serve(app, &["GET /items/7", "HEAD /items/8", "GET /nowhere"]).await;

    let spans = exported.spans();
    let seen = |span: &SpanData| {
        let status = attribute(span, "http.response.status_code");
        format!(
            "{} {status} {}",
            span.name,
            attribute(span, "axum_chassis.ending")
        )
    };
    assert_eq!(
        spans.iter().map(seen).collect::<Vec<_>>(),
        [
            "GET /items/{id} 200 complete",
            "HEAD /items/{id} 200 complete",
            "GET 404 complete",
        ]
    );
    assert!(answers[0].ends_with(&spans[0].span_context.trace_id().to_string()));
    assert_eq!(attribute(&spans[0], "server.address"), "test");
}
