//! What a span tells of a gRPC call.

use axum_chassis::Route;
use http::{HeaderValue, Method, Request};
use http_body_util::BodyExt;
use opentelemetry::trace::Status;
use tower::ServiceExt;

use crate::{Exported, attribute, support::*};

pub fn call(method: &str) -> Request<()> {
    let mut call = get(method);
    *call.method_mut() = Method::POST;
    let media_type = HeaderValue::from_static("application/grpc+proto");
    call.headers_mut().insert("content-type", media_type);
    call
}

/// Calls a method that answers so.
async fn calls(exported: &Exported, method: &str, number: &'static str) {
    let answer = exported.traced(says(number)).oneshot(call(method)).await;
    let body = answer.expect("it answers").into_body();
    body.collect().await.expect("a whole body");
}

#[tokio::test]
async fn a_call_has_the_attributes_of_the_conventions_for_grpc() {
    let exported = Exported::new();
    calls(&exported, "/shop.Cart/Add", "0").await;

    let span = exported.only();
    assert_eq!(span.name, "shop.Cart/Add");
    assert_eq!(span.status, Status::Unset);
    for (name, value) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "shop.Cart/Add"),
        ("rpc.response.status_code", "OK"),
        ("error.type", ""),
        ("http.request.method", ""),
        ("http.response.status_code", ""),
    ] {
        assert_eq!(attribute(&span, name), value, "{name}");
    }
}

#[tokio::test]
async fn a_servers_fault_is_an_error_and_a_clients_is_not() {
    for (number, name, error, level) in [
        ("13", "INTERNAL", "INTERNAL", "ERROR"),
        ("5", "NOT_FOUND", "", "INFO"),
    ] {
        let exported = Exported::new();
        calls(&exported, "/shop.Cart/Add", number).await;
        assert_eq!(exported.ending(), ["complete", error, level]);
        assert_eq!(
            attribute(&exported.only(), "rpc.response.status_code"),
            name
        );
    }
}

#[tokio::test]
async fn a_status_may_come_with_the_head() {
    let exported = Exported::new();
    let refuses = answers(|| with_grpc_status(200, "16"));
    read(exported.traced(refuses), call("/shop.Cart/Add")).await;
    let told = attribute(&exported.only(), "rpc.response.status_code");
    assert_eq!(told, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_method_that_is_made_up_is_no_name() {
    let exported = Exported::new();
    calls(&exported, "/shop.Cart/Steal", "12").await;

    let span = exported.only();
    assert_eq!(span.name, "grpc");
    assert_eq!(attribute(&span, "rpc.method_original"), "shop.Cart/Steal");
    let method = span
        .attributes
        .iter()
        .rfind(|kv| kv.key.as_str() == "rpc.method");
    assert_eq!(method.unwrap().value.to_string(), "_OTHER");
}

#[tokio::test]
async fn a_request_that_is_answered_by_http_is_no_call_whatever_it_says() {
    let exported = Exported::new();
    let mut request = call("/items/7");
    request.extensions_mut().insert(Route::new("/items/{id}"));
    read(exported.traced(answers(|| with_status(503))), request).await;

    let span = exported.only();
    assert_eq!(span.name, "POST /items/{id}");
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/items/{id}"),
        ("url.path", "/items/7"),
        ("http.response.status_code", "503"),
        ("error.type", "503"),
        ("rpc.system.name", ""),
        ("rpc.method", ""),
    ] {
        assert_eq!(attribute(&span, name), value, "{name}");
    }
    assert_eq!(exported.ending(), ["complete", "503", "ERROR"]);
}

#[tokio::test]
async fn a_call_that_is_not_answered_does_not_name_its_span() {
    for way in [true, false] {
        let exported = Exported::new();
        let request = call("/shop.Cart/MadeUp");
        if way {
            cancel(exported.traced(hangs()), request).await;
        } else {
            read(exported.traced(fails()), request).await;
        }
        let span = exported.only();
        assert_eq!(span.name, "grpc");
        assert_eq!(attribute(&span, "rpc.method"), "_OTHER");
        assert_eq!(attribute(&span, "rpc.method_original"), "shop.Cart/MadeUp");
    }
}
