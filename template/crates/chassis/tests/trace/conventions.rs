//! What a span tells by the semantic conventions.

use std::net::Ipv4Addr;

use axum_chassis::{Route, trace::ClientAddress};
use http::{
    Method, Request, Version,
    header::{ACCEPT, ACCEPT_LANGUAGE, COOKIE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use opentelemetry::trace::{SpanKind, Status};

use tower::Layer;

use crate::{Exported, attribute, support::*};

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

    read(exported.traced(sends(&[Step::Data("hello")])), request).await;

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
        read(exported.traced(sends(&[])), request).await;

        let span = exported.only();
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "http.route"), "");
        assert_eq!(attribute(&span, "http.request.method_original"), original);
    }
}

#[tokio::test]
async fn the_methods_that_are_known_can_be_others() {
    for (method, name, told, original) in [
        ("PROPFIND", "PROPFIND", "PROPFIND", ""),
        ("POST", "HTTP", "_OTHER", "POST"),
    ] {
        let exported = Exported::new();
        let layer = exported.layer().known_methods(["GET", "PROPFIND"]);
        let mut request = get("/");
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        read(layer.layer(sends(&[])), request).await;

        let span = exported.only();
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "http.request.method"), told);
        assert_eq!(attribute(&span, "http.request.method_original"), original);
    }
}

#[tokio::test]
async fn a_client_error_is_none_of_the_span() {
    for (status, ending) in [
        (401, ["complete", "", "INFO"]),
        (503, ["complete", "503", "ERROR"]),
    ] {
        let exported = Exported::new();
        read(
            exported.traced(answers(move || with_status(status))),
            get("/"),
        )
        .await;
        assert_eq!(exported.ending(), ending);
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_router_is_traced_by_its_templates() {
    use axum::{Router, routing::get};
    use axum_chassis::trace::current_trace_id;
    use opentelemetry_sdk::trace::SpanData;

    let exported = Exported::new();
    let tells = async || current_trace_id().map_or("none".to_owned(), |id| id.to_string());
    let app = Router::new()
        .route("/items/{id}", get(tells))
        .layer(exported.layer());

    let answers = serve(
        app,
        asks(&["GET /items/7", "HEAD /items/8", "GET /nowhere"]),
    )
    .await;

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

#[tokio::test]
async fn what_was_asked_for_is_recorded_and_secrets_are_not() {
    let exported = Exported::new();
    let mut secret = HeaderValue::from_static("s3cret");
    secret.set_sensitive(true);
    let mut request = get("/?page=2&token=s3cret");
    request
        .headers_mut()
        .append("x-shard", HeaderValue::from_static("1"));
    request
        .headers_mut()
        .append("x-shard", HeaderValue::from_static("2"));
    request.headers_mut().insert(COOKIE, secret);
    request
        .headers_mut()
        .insert(ACCEPT, HeaderValue::from_static("*/*"));
    let answer = || {
        let mut response = with_status(503);
        response.headers_mut().insert(RETRY_AFTER, 7.into());
        response
    };
    let layer = exported
        .layer()
        .record_query_parameters(["page"])
        .record_request_headers(["x-shard".parse().unwrap(), COOKIE, ACCEPT_LANGUAGE])
        .record_response_headers([RETRY_AFTER]);

    read(layer.layer(answers(answer)), request).await;

    let span = exported.only();
    for (name, value) in [
        ("url.query", "page=2&token=REDACTED"),
        ("http.request.header.x-shard", r#"["1","2"]"#),
        ("http.request.header.cookie", r#"["REDACTED"]"#),
        ("http.request.header.accept-language", ""),
        ("http.request.header.accept", ""),
        ("http.response.header.retry-after", r#"["7"]"#),
    ] {
        assert_eq!(attribute(&span, name), value, "{name}");
    }
    assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
}
