//! Every way in which a request ends, and when its span does.

use http::Response;
use http_body_util::BodyExt;
use tower::{ServiceExt, service_fn};
use tracing::{Instrument, info_span};

use crate::{Exported, attribute, support::*};

#[tokio::test]
async fn a_span_lasts_until_its_body_has_ended() {
    let exported = Exported::new();
    let service = exported.traced(sends(&[Step::Data("hello"), Step::End]));

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
    read(exported.traced(spawns), get("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn empty_body() {
    let exported = Exported::new();
    let response = exported.traced(sends(&[])).oneshot(get("/")).await.unwrap();
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
    drop(response);
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn body_with_trailers() {
    let exported = Exported::new();
    let service = exported.traced(sends(&[Step::Data("hello"), Step::Trailers]));
    let body = service.oneshot(get("/")).await.unwrap().into_body();
    assert!(body.collect().await.unwrap().trailers().is_some());
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

/// As hyper does it; many a body does not know that its trailers were the last of it.
#[tokio::test]
async fn body_dropped_behind_its_trailers() {
    let exported = Exported::new();
    let service = exported.traced(sends(&[Step::Data("hello"), Step::Trailers, Step::End]));
    hang_up_after(2, service, get("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn body_with_error() {
    let exported = Exported::new();
    read(
        exported.traced(sends(&[Step::Data("hello"), Step::Fail])),
        get("/"),
    )
    .await;
    assert_eq!(exported.ending(), ["body_failed", "body_error", "ERROR"]);
    assert_eq!(exported.events()[0].field("cause"), "the pipe broke");
}

#[tokio::test]
async fn body_dropped_early() {
    let exported = Exported::new();
    let service = exported.traced(sends(&[Step::Data("hello"), Step::Data("world")]));
    hang_up_after(1, service, get("/")).await;
    assert_eq!(exported.ending(), ["body_dropped", "cancelled", "INFO"]);
}

#[tokio::test]
async fn body_of_known_size_dropped_when_it_was_read() {
    let exported = Exported::new();
    let body = || Script::new(&[Step::Data("hello"), Step::End]).of_size(5);
    hang_up_after(
        1,
        exported.traced(answers(move || Response::new(body()))),
        get("/"),
    )
    .await;
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
    hang_up_after(1, exported.traced(answers(response)), get("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn bodies_that_are_never_sent() {
    for status in [101, 204, 304] {
        let exported = Exported::new();
        let response = move || with_status(status).map(|_| Script::new(&[Step::End]));
        hang_up_after(0, exported.traced(answers(response)), get("/")).await;
        assert_eq!(exported.ending(), ["complete", "", "INFO"]);
    }
    let exported = Exported::new();
    hang_up_after(0, exported.traced(sends(&[Step::Data("hello")])), head("/")).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
}

#[tokio::test]
async fn a_connection_that_is_taken_over() {
    let exported = Exported::new();
    let app = axum::Router::new()
        .route("/", axum::routing::get(takes_over))
        .layer(exported.layer());
    serve(app, talks_past_http).await;
    assert_eq!(exported.ending(), ["complete", "", "INFO"]);
    let status = attribute(&exported.only(), "http.response.status_code");
    assert_eq!(status, "101");
}

#[tokio::test]
async fn body_panics() {
    let exported = Exported::new();
    survive(exported.traced(sends(&[Step::Panic])), get("/")).await;
    assert_eq!(exported.ending(), ["panicked", "panic", "ERROR"]);
}

#[tokio::test]
async fn service_fails() {
    let exported = Exported::new();
    read(exported.traced(fails()), get("/")).await;
    assert_eq!(
        exported.ending(),
        ["service_failed", "service_error", "ERROR"]
    );
    assert_eq!(attribute(&exported.only(), "http.response.status_code"), "");
}

#[tokio::test]
async fn service_panics() {
    let exported = Exported::new();
    survive(exported.traced(panics()), get("/")).await;
    assert_eq!(exported.ending(), ["panicked", "panic", "ERROR"]);
}

#[tokio::test]
async fn future_dropped() {
    let exported = Exported::new();
    cancel(exported.traced(hangs()), get("/")).await;
    assert_eq!(exported.ending(), ["cancelled", "cancelled", "INFO"]);
}

#[tokio::test]
async fn a_client_that_hangs_up() {
    use axum::{Router, body::Body, routing::get};

    let exported = Exported::new();
    let app = Router::new()
        .route("/", get(async || Body::new(Script::huge())))
        .layer(exported.layer());
    serve(app, hangs_up_early).await;
    assert_eq!(exported.ending(), ["body_dropped", "cancelled", "INFO"]);
}
