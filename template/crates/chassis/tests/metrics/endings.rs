//! Every way in which a request ends, and when it is recorded.

use http::Response;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::{ACTIVE, DURATION, Observed, RESPONSE_SIZE, ended, support::*};

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
async fn body_dropped_behind_its_trailers() {
    let observed = Observed::new();
    let service = observed.around(sends(&[Step::Data("hello"), Step::Trailers, Step::End]));
    hang_up_after(2, service, get("/")).await;
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
async fn bodies_that_are_never_sent() {
    for status in [101, 204, 304] {
        let observed = Observed::new();
        let response = move || with_status(status).map(|_| Script::new(&[Step::End]));
        hang_up_after(0, observed.around(answers(response)), get("/")).await;
        assert_eq!(observed.ending(), ended(&status.to_string(), ""));
    }
}

#[tokio::test]
async fn a_connection_that_is_taken_over() {
    let observed = Observed::new();
    let app = axum::Router::new()
        .route("/", axum::routing::get(takes_over))
        .layer(observed.layer.clone());
    serve(app, talks_past_http).await;
    assert_eq!(observed.ending(), ended("101", ""));
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
async fn a_client_that_hangs_up() {
    use axum::{Router, body::Body, routing::get};

    let observed = Observed::new();
    let app = Router::new()
        .route("/", get(async || Body::new(Script::huge())))
        .layer(observed.layer.clone());
    serve(app, hangs_up_early).await;
    assert_eq!(observed.ending(), ended("200", "cancelled"));
}
