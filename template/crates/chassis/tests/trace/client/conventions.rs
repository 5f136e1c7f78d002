use std::sync::Mutex;

use axum_chassis::trace::{
    Propagation,
    client::{ResendCount, SecretUrl, UrlTemplate},
};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{FutureExt, SpanKind, Status, TraceContextExt},
};
use opentelemetry_sdk::trace::Sampler;
use tower::{Layer, Service, service_fn};

use crate::{Exported, PARENT, attribute, support::*};

fn to(url: &str) -> Request<()> {
    Request::get(url).body(()).expect("a valid URL")
}

/// A service that keeps the headers that it gets.
fn keeps(
    headers: &Mutex<HeaderMap>,
) -> impl Service<Request<()>, Response = http::Response<Script>, Error = Broken> {
    service_fn(async |request: Request<()>| {
        *headers.lock().expect("nobody panics with it") = request.headers().clone();
        Ok(with_status(200))
    })
}

/// The context of a request that is being served, with baggage.
fn serving() -> Context {
    let mut parent = HeaderMap::new();
    parent.insert("traceparent", HeaderValue::from_static(PARENT));
    let context = Propagation::w3c().extract_context(&parent);
    context.with_baggage([KeyValue::new("user", "ada")])
}

#[tokio::test]
async fn a_span_has_the_attributes_of_the_conventions() {
    let exported = Exported::new();
    let answer = || {
        let mut response = http::Response::new(Script::new(&[Step::Data("hello")]));
        *response.version_mut() = Version::HTTP_2;
        response
    };
    let mut request = to("https://ada:s3cret@[::1]:8443/items/7?page=2&token=s3cret");
    request
        .extensions_mut()
        .insert(UrlTemplate::new("/items/{id}"));
    request.extensions_mut().insert(ResendCount(2));
    let layer = exported.client_layer().record_query_parameters(["page"]);

    read(layer.layer(answers(answer)), request).await;

    let span = exported.only();
    assert_eq!(span.name, "GET /items/{id}");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.status, Status::Unset);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.request.method_original", ""),
        (
            "url.full",
            "https://REDACTED:REDACTED@[::1]:8443/items/7?page=2&token=REDACTED",
        ),
        ("url.template", "/items/{id}"),
        ("server.address", "::1"),
        ("server.port", "8443"),
        ("http.request.resend_count", "2"),
        ("http.response.status_code", "200"),
        ("http.response.body.size", "5"),
        ("network.protocol.version", "2"),
        ("error.type", ""),
        ("axum_chassis.ending", "complete"),
    ] {
        assert_eq!(attribute(&span, name), value, "{name}");
    }
    assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
}

#[tokio::test]
async fn a_secret_url_is_not_in_its_span() {
    let exported = Exported::new();
    let mut request = to("https://chat/hooks/s3cret?key=s3cret");
    request.extensions_mut().insert(SecretUrl);
    let layer = exported.client_layer().record_query_parameters(["key"]);
    read(layer.layer(sends(&[])), request).await;

    let span = exported.only();
    assert_eq!(attribute(&span, "url.full"), "https://chat/REDACTED");
    assert_eq!(attribute(&span, "server.address"), "chat");
    assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
}

#[tokio::test]
async fn without_a_port_it_is_the_schemes() {
    for (url, port) in [("http://inventory/", "80"), ("https://inventory/", "443")] {
        let exported = Exported::new();
        read(exported.client(sends(&[])), to(url)).await;
        let span = exported.only();
        assert_eq!(attribute(&span, "server.address"), "inventory");
        assert_eq!(attribute(&span, "server.port"), port);
    }
}

#[tokio::test]
async fn an_unknown_method_is_no_name() {
    let exported = Exported::new();
    let mut request = to("http://inventory/made/up");
    *request.method_mut() = Method::from_bytes(b"PROPFIND").unwrap();
    read(exported.client(sends(&[])), request).await;

    let span = exported.only();
    assert_eq!(span.name, "HTTP");
    assert_eq!(attribute(&span, "http.request.method"), "_OTHER");
    assert_eq!(attribute(&span, "http.request.method_original"), "PROPFIND");
}

#[tokio::test]
async fn the_methods_that_are_known_can_be_others() {
    for (method, name, told) in [
        ("PROPFIND", "PROPFIND", "PROPFIND"),
        ("POST", "HTTP", "_OTHER"),
    ] {
        let exported = Exported::new();
        let layer = exported.client_layer().known_methods(["PROPFIND"]);
        let mut request = to("http://inventory/");
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        read(layer.layer(sends(&[])), request).await;

        let span = exported.only();
        assert_eq!(span.name, name);
        assert_eq!(attribute(&span, "http.request.method"), told);
    }
}

#[tokio::test]
async fn every_error_of_the_other_side_is_one_of_the_span() {
    for (status, error) in [
        (200, ""),
        (304, ""),
        (404, "404"),
        (499, "499"),
        (503, "503"),
    ] {
        let exported = Exported::new();
        let client = exported.client(answers(move || with_status(status)));
        read(client, to("http://inventory/")).await;

        let span = exported.only();
        assert_eq!(attribute(&span, "error.type"), error);
        assert_eq!(span.status == Status::error(""), !error.is_empty());
        assert!(exported.events().is_empty());
    }
}

#[tokio::test]
async fn the_span_is_below_the_current_one_and_goes_along_with_its_baggage() {
    let exported = Exported::new();
    let sent = Mutex::default();
    let mut request = to("http://inventory/");
    let stale = "00-00000000000000000000000000000001-0000000000000001-00";
    request
        .headers_mut()
        .insert("traceparent", stale.parse().unwrap());
    read(exported.client(keeps(&sent)), request)
        .with_context(serving())
        .await;

    let span = exported.only();
    assert_eq!(span.parent_span_id.to_string(), PARENT[36..52]);
    let (sent, span_id) = (sent.lock().unwrap(), span.span_context.span_id());
    let expected = format!("00-{}-{span_id}-01", &PARENT[3..35]);
    assert_eq!(sent["traceparent"], expected);
    assert_eq!(sent["baggage"], "user=ada");
}

#[tokio::test]
async fn a_span_that_is_not_sampled_goes_along_too() {
    let exported = Exported::sampled_by(Sampler::AlwaysOff);
    let sent = Mutex::default();
    read(exported.client(keeps(&sent)), to("http://inventory/"))
        .with_context(serving())
        .await;

    assert!(exported.spans().is_empty());
    let sent = sent.lock().unwrap()["traceparent"].clone();
    let sent = sent.to_str().unwrap();
    assert_eq!(sent[3..35], PARENT[3..35]);
    assert_ne!(sent[36..52], PARENT[36..52]);
    assert!(sent.ends_with("-00"));
}

#[tokio::test]
async fn what_goes_along_is_chosen() {
    let exported = Exported::new();
    let sent = Mutex::default();
    let formats = Propagation::none().with_b3();
    let client = exported.client_layer().propagation(formats);
    read(client.layer(keeps(&sent)), to("http://inventory/"))
        .with_context(serving())
        .await;

    let sent = sent.lock().unwrap();
    assert!(sent.contains_key("b3"));
    assert_eq!(sent.len(), 1);
}

#[tokio::test]
async fn the_span_is_current_while_the_client_works_and_no_longer() {
    let exported = Exported::new();
    let client = exported.client(service_fn(async |_| {
        let current = Context::current();
        assert!(current.span().span_context().is_valid());
        Ok::<_, Broken>(with_status(200))
    }));
    read(client, to("http://inventory/")).await;
    assert!(!Context::current().has_active_span());
    assert_eq!(exported.spans().len(), 1);
}
