//! Calls of another service by gRPC.

use axum_chassis::trace::client::SecretUrl;
use opentelemetry::trace::Status;

use crate::{Exported, attribute, grpc::call, support::*};

const ADD: &str = "http://shop:81/shop.Cart/Add";

#[tokio::test]
async fn a_call_has_the_attributes_of_the_conventions_for_grpc() {
    for (number, status, error) in [
        ("0", "OK", ""),
        ("5", "NOT_FOUND", "NOT_FOUND"),
        ("14", "UNAVAILABLE", "UNAVAILABLE"),
    ] {
        let exported = Exported::new();
        read(exported.client(says(number)), call(ADD)).await;

        let span = exported.only();
        assert_eq!(span.name, "shop.Cart/Add");
        assert_eq!(span.status == Status::error(""), !error.is_empty());
        for (name, value) in [
            ("rpc.system.name", "grpc"),
            ("rpc.method", "shop.Cart/Add"),
            ("rpc.response.status_code", status),
            ("server.address", "shop"),
            ("server.port", "81"),
            ("error.type", error),
            ("http.request.method", ""),
            ("http.response.status_code", ""),
            ("url.full", ""),
            ("axum_chassis.ending", "complete"),
        ] {
            assert_eq!(attribute(&span, name), value, "{number}: {name}");
        }
    }
}

#[tokio::test]
async fn a_status_may_come_with_the_head() {
    let exported = Exported::new();
    let refuses = answers(|| with_grpc_status(200, "16"));
    read(exported.client(refuses), call(ADD)).await;
    assert_eq!(attribute(&exported.only(), "error.type"), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_call_that_is_answered_by_http_has_the_status_of_that() {
    let exported = Exported::new();
    read(exported.client(answers(|| with_status(503))), call(ADD)).await;

    let span = exported.only();
    for (name, value) in [
        ("rpc.method", "shop.Cart/Add"),
        ("rpc.response.status_code", ""),
        ("http.response.status_code", "503"),
        ("error.type", "503"),
    ] {
        assert_eq!(attribute(&span, name), value, "{name}");
    }
}

#[tokio::test]
async fn a_secret_url_is_no_method_whatever_the_request_says() {
    let exported = Exported::new();
    let mut request = call("http://chat/hooks/s3cret");
    request.extensions_mut().insert(SecretUrl);
    read(exported.client(sends(&[])), request).await;
    let span = exported.only();
    assert_eq!(span.name, "POST");
    assert!(!format!("{span:?}").contains("s3cret"), "{span:?}");
}
