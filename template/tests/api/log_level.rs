//! What is logged can be changed for a while.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Service, problem, until};

async fn put(service: &Service, body: &Value) -> Response {
    let request = service.operation(Method::PUT, "/log-level").json(body);
    request.send().await.unwrap()
}

async fn put_text(service: &Service, directives: &str) -> Response {
    let request = service.operation(Method::PUT, "/log-level");
    request.body(directives.to_owned()).send().await.unwrap()
}

fn of_path(path: &str) -> impl Fn(&Value) -> bool {
    move |line| line["message"] == "request finished" && line["url.path"] == path
}

/// Asks, and waits until the request is over for the service too.
async fn ask(service: &Service, path: &str) {
    service.get(path).send().await.unwrap();
    until("no request is in work", async || {
        let metrics = service.metrics().await;
        let mut active = metrics.lines();
        active.all(|l| !l.starts_with("http_server_active_requests") || l.ends_with(" 0"))
    })
    .await;
}

#[tokio::test]
async fn a_filter_holds_until_it_is_taken_back() {
    let service = Service::start().await;
    let body = json!({ "filter": "error", "expires_after": "1h" });
    let answer = put(&service, &body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let shown: Value = answer.json().await.unwrap();
    assert_eq!(shown["filter"], "error");
    assert_eq!(shown["configured"], "info");
    assert!(shown["expires_at"].is_string(), "{shown}");
    assert_eq!(service.log_level().await, shown);
    let chosen = |line: &Value| line["message"] == "the log's filter is chosen";
    let line = service.log_line(chosen).await;
    assert_eq!(line["filter"], "error");
    assert_eq!(line["expires_after"], "1h");

    ask(&service, "/unheard").await;
    let request = service.operation(Method::DELETE, "/log-level");
    let shown: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["filter"], "info");
    assert!(shown["expires_at"].is_null());
    ask(&service, "/heard").await;
    service.log_line(of_path("/heard")).await;
    let stopped = service.stop().await;
    assert!(!stopped.log.iter().any(of_path("/unheard")));
}

#[tokio::test]
async fn a_filter_ends_by_itself() {
    let service = Service::start().await;
    let body = json!({ "filter": "error", "expires_after": "100ms" });
    assert_eq!(put(&service, &body).await.status(), StatusCode::OK);
    service
        .log_line(|line| line["message"] == "the log's filter has expired")
        .await;
    assert_eq!(service.log_level().await["filter"], "info");
    ask(&service, "/heard").await;
    service.log_line(of_path("/heard")).await;
}

#[tokio::test]
async fn a_later_filter_is_not_ended_by_an_earlier_ones_end() {
    let service = Service::start().await;
    let short = json!({ "filter": "warn", "expires_after": "1ms" });
    put(&service, &short).await;
    put(&service, &json!({ "filter": "debug" })).await;
    put(&service, &short).await;
    put(&service, &json!({ "filter": "error,service=debug" })).await;
    let shown = service.log_level().await;
    // In the order in which the filter writes its directives.
    assert_eq!(shown["filter"], "service=debug,error");
    assert!(shown["expires_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn the_directives_alone_are_enough() {
    let service = Service::start().await;
    let answer = put_text(&service, "debug\n").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let shown: Value = answer.json().await.unwrap();
    assert_eq!(shown["filter"], "debug");
    assert!(shown["expires_at"].is_string(), "ends by default: {shown}");
}

#[tokio::test]
async fn what_is_no_filter_is_refused_with_the_field() {
    let service = Service::start().await;
    for (body, pointer) in [
        (json!({ "filter": "service=loud" }), "#/filter"),
        (json!({ "filter": " " }), "#/filter"),
        (
            json!({ "filter": "info", "expires_after": "25h" }),
            "#/expires_after",
        ),
        (
            json!({ "filter": "info", "expires_after": "0s" }),
            "#/expires_after",
        ),
    ] {
        let answer = put(&service, &body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let told = problem(answer).await;
        assert_eq!(told["errors"][0]["pointer"], pointer, "{told}");
    }
    let answer = put(&service, &json!({ "filter": "info,service=loud" })).await;
    let told = problem(answer).await;
    let detail = told["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("`service=loud`: "), "{told}");
    for body in [
        json!({}),
        json!({ "filter": "info", "expires_after": "soon" }),
    ] {
        let answer = put(&service, &body).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        problem(answer).await;
    }
    assert_eq!(service.log_level().await["filter"], "info");
}

#[tokio::test]
async fn a_body_of_another_kind_or_too_large_is_refused() {
    let service = Service::start().await;
    let request = service.operation(Method::PUT, "/log-level");
    let request = request.header("content-type", "text/html").body("debug");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    problem(answer).await;
    let answer = put_text(&service, &"a,".repeat(4096)).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    problem(answer).await;
}
