//! Every error is problem+json, whoever made it.

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use serde_json::json;

use crate::support::{Service, problem, token};

#[tokio::test]
async fn an_unknown_path_is_404_with_a_token_or_without() {
    let service = Service::start().await;
    for request in [
        service.get("/api/v1/nothing"),
        service.http.get(service.url("/nothing")),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(problem(answer).await["type"], "about:blank");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_404() {
    let service = Service::start().await;
    let answer = service.get("/api/v1/items/17").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    problem(answer).await;
}

#[tokio::test]
async fn a_method_that_is_none_is_405_and_says_which_are() {
    let service = Service::start().await;
    let token = token("tester", "items:read items:write");
    let patch = service
        .http
        .patch(service.url("/api/v1/items"))
        .bearer_auth(token);
    let answer = patch.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allowed = answer.headers()["allow"].to_str().unwrap().to_owned();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
    problem(answer).await;
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_why() {
    let service = Service::start().await;
    for (body, said) in [
        ("{\"name\": ", "EOF"),
        ("", "EOF"),
        ("{\"name\": \"lamp\"} {}", "trailing characters"),
    ] {
        let request = service.post("/api/v1/items", &json!(null)).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let told = problem(answer).await["detail"].to_string();
        assert!(told.contains(said), "{body}: {told}");
    }
}

#[tokio::test]
async fn another_content_type_is_415() {
    let service = Service::start().await;
    for other in ["text/plain", "application/json-patch+json", ""] {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, other.parse().unwrap())]);
        let request = service.post("/api/v1/items", &json!({ "name": "lamp" }));
        let answer = request.headers(headers).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        problem(answer).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413_announced_or_not() {
    let service = Service::with(&[("APP_HTTP__REQUEST_BODY_LIMIT_BYTES", "1000")]).await;
    let body = json!({ "name": "lamp", "description": "x".repeat(2000) });
    let announced = service.post("/api/v1/items", &body).send().await.unwrap();
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    problem(announced).await;

    // A body that does not know its size is sent in chunks.
    let chunks = Full::new(Bytes::from(body.to_string())).map_frame(|frame| frame);
    let request = service.post("/api/v1/items", &json!(null));
    let request = request.body(reqwest::Body::wrap(chunks));
    let chunked = request.send().await.unwrap();
    assert_eq!(chunked.status(), StatusCode::PAYLOAD_TOO_LARGE);
    problem(chunked).await;
}

#[tokio::test]
async fn a_slash_at_the_end_makes_no_difference() {
    let service = Service::start().await;
    let answer = service.get("/api/v1/items/").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_browser_of_an_allowed_origin_can_read_an_error() {
    let service = Service::with(&[("APP_HTTP__ALLOWED_ORIGINS", "https://app.example")]).await;
    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://evil.example", false),
    ] {
        let request = service.http.get(service.url("/api/v1/items"));
        let answer = request.header("origin", origin).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let header = answer.headers().get("access-control-allow-origin");
        assert_eq!(header.is_some(), allowed, "{origin}");
        // What it says of when to come back, too.
        let readable = &answer.headers()["access-control-expose-headers"];
        assert!(readable.to_str().unwrap().contains("retry-after"));
    }
}
