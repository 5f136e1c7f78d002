//! What a client may ask: how much, how often, how large.

use std::{future::ready, io::Write};

use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response as Answer, body::Bytes};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;
use tower::{ServiceExt, service_fn};
use tower_http::decompression::Decompression;

use crate::support::{Service, problem};

/// A service that lets each client ask three times at once, behind a proxy on this host.
async fn thrifty() -> Service {
    Service::with(&[
        ("APP_CLIENTS__TRUSTED_PROXIES", "127.0.0.0/8"),
        ("APP_CLIENTS__REQUESTS_PER_SECOND", "1"),
        ("APP_CLIENTS__REQUEST_BURST", "3"),
    ])
    .await
}

async fn ask(service: &Service, client: &str) -> Response {
    let request = service.get("/api/v1/items");
    request
        .header("x-forwarded-for", client)
        .send()
        .await
        .unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

/// A request that makes an item, with its body packed.
fn packed(service: &Service, json: &[u8]) -> RequestBuilder {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(json).unwrap();
    service
        .post("/api/v1/items", &json!({}))
        .header("content-encoding", "gzip")
        .body(packer.finish().unwrap())
}

/// Whether so many requests were refused for this setting's sake.
async fn refused(service: &Service, setting: &str) -> bool {
    let series = format!("limits_refused_requests_total{{setting=\"{setting}\"");
    let metrics = service.metrics().await;
    metrics
        .lines()
        .any(|line| line.starts_with(&series) && line.ends_with(" 1"))
}

#[tokio::test]
async fn who_asks_too_much_is_told_when_to_come_back_and_nobody_else_suffers() {
    let service = thrifty().await;
    for left in [2, 1, 0] {
        let answer = ask(&service, "192.0.2.1").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(&answer, "ratelimit-policy"), r#""client";q=3;w=3"#);
        let state = header(&answer, "ratelimit");
        assert!(
            state.starts_with(&format!(r#""client";r={left};t="#)),
            "{state}"
        );
    }

    let refusal = ask(&service, "192.0.2.1").await;
    assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refusal, "retry-after"), "1");
    assert_eq!(problem(refusal).await["title"], "Too Many Requests");
    assert!(refused(&service, "clients.requests_per_second").await);

    assert_eq!(ask(&service, "192.0.2.2").await.status(), StatusCode::OK);
    assert_eq!(service.probe("/livez").await, StatusCode::OK);
}

#[tokio::test]
async fn the_largest_bounds_that_are_taken_let_requests_pass() {
    let most = i64::MAX.to_string();
    let service = Service::with(&[
        ("APP_CLIENTS__REQUESTS_PER_SECOND", "1000000000"),
        ("APP_CLIENTS__REQUEST_BURST", "4294967295"),
        ("APP_HTTP__CONCURRENT_REQUESTS", &*most),
        ("APP_HTTP__CONNECTIONS", &*most),
        ("APP_HTTP__HEADER_LIMIT_BYTES", "1048576"),
        ("APP_HTTP__HEADER_LIMIT_FIELDS", "16384"),
    ])
    .await;
    let mut request = service.get("/api/v1/items");
    // Beside those that the client itself sends.
    for number in 0..16_000 {
        request = request.header(format!("x-{number}"), "x");
    }
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_cannot_make_itself_another_by_a_header() {
    let service = Service::with(&[
        ("APP_CLIENTS__REQUESTS_PER_SECOND", "1"),
        ("APP_CLIENTS__REQUEST_BURST", "1"),
    ])
    .await;
    assert_eq!(ask(&service, "192.0.2.1").await.status(), StatusCode::OK);
    let disguised = ask(&service, "192.0.2.2").await;
    assert_eq!(disguised.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_network_are_one_client() {
    let service = thrifty().await;
    for client in ["2001:db8::1", "2001:db8::2", "2001:db8::3:0:0:1"] {
        assert_eq!(ask(&service, client).await.status(), StatusCode::OK);
    }
    let fourth = ask(&service, "2001:db8::4").await;
    assert_eq!(fourth.status(), StatusCode::TOO_MANY_REQUESTS);
    let elsewhere = ask(&service, "2001:db8:0:1::1").await;
    assert_eq!(elsewhere.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_may_come_packed_but_not_unfold_beyond_the_bound() {
    let service = Service::start().await;
    let small = packed(&service, br#"{"name": "lamp"}"#);
    // Packed beforehand: that may take longer than a connection is kept.
    let bomb = format!(r#"{{"name": "{}"}}"#, "a".repeat(64 * 1024 * 1024));
    let bomb = packed(&service, bomb.as_bytes());
    assert_eq!(small.send().await.unwrap().status(), StatusCode::CREATED);

    let bomb = bomb.send().await.unwrap();
    assert_eq!(bomb.status(), StatusCode::PAYLOAD_TOO_LARGE);
    problem(bomb).await;
    assert!(refused(&service, "http.request_body_limit_bytes").await);
}

/// What a packed body is, unpacked.
async fn unpacked(packing: &str, body: Bytes) -> Bytes {
    let packing = packing.to_owned();
    let answers = service_fn(move |_: Request<()>| {
        let answer = Answer::builder().header("content-encoding", &packing);
        ready(answer.body(Full::new(body.clone())))
    });
    let answer = Decompression::new(answers).oneshot(Request::new(())).await;
    let body = answer.unwrap().into_body();
    body.collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn an_answer_is_packed_as_its_client_can_read_it() {
    let service = Service::start().await;
    let (item, etag, _) = service.create("lamp").await;
    let get = |path: &str, packing: &str| {
        let request = service.get(path);
        request.header("accept-encoding", packing).send()
    };
    let plain = get("/api/v1/items", "identity").await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    let plain = plain.bytes().await.unwrap();
    for packing in ["br", "gzip", "zstd"] {
        let answer = get("/api/v1/items", packing).await.unwrap();
        assert_eq!(header(&answer, "content-encoding"), packing);
        let varies = answer.headers().get_all("vary").iter();
        let mut varies = varies.flat_map(|value| value.to_str().unwrap().split(','));
        assert!(varies.any(|name| name.trim().eq_ignore_ascii_case("accept-encoding")));
        let body = answer.bytes().await.unwrap();
        assert_ne!(body, plain);
        assert_eq!(unpacked(packing, body).await, plain, "{packing}");

        // A strong ETag is of these bytes, and no others.
        let item = get(&item, packing).await.unwrap();
        assert!(!item.headers().contains_key("content-encoding"));
        assert_eq!(header(&item, "etag"), etag);
    }
}

#[tokio::test]
async fn a_packing_that_is_unknown_is_refused_with_those_that_are_known() {
    let service = Service::start().await;
    let request = service.post("/api/v1/items", &json!({ "name": "lamp" }));
    let answer = request
        .header("content-encoding", "lzma")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let known = header(&answer, "accept-encoding").to_owned();
    assert!(known.contains("gzip") && known.contains("br"), "{known}");
    problem(answer).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_503_and_says_when_to_try_again() {
    let service = Service::with(&[("APP_HTTP__REQUEST_TIMEOUT", "50ms")]).await;
    let unfinished = service.begin_create("lamp").await;
    assert_eq!(unfinished.answer().await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused(&service, "http.request_timeout").await);
    let line = service
        .log_line(|line| line["http.response.status_code"] == 503)
        .await;
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.contains("http.request_timeout"), "{cause}");
}

#[tokio::test]
async fn a_body_that_takes_too_long_to_arrive_is_408() {
    let service = Service::with(&[("APP_HTTP__REQUEST_BODY_TIMEOUT", "50ms")]).await;
    let unfinished = service.begin_create("lamp").await;
    assert_eq!(unfinished.answer().await, StatusCode::REQUEST_TIMEOUT);
    assert!(refused(&service, "http.request_body_timeout").await);
}

#[tokio::test]
async fn every_answer_says_what_it_is_not_to_be_used_for() {
    let service = Service::start().await;
    let (item, _, _) = service.create("lamp").await;
    let list = service.get("/api/v1/items").send().await.unwrap();
    let item = service.get(&item).send().await.unwrap();
    let unauthorized = service.http.get(service.url("/api/v1/items")).send();
    let unauthorized = unauthorized.await.unwrap();
    for answer in [&list, &item, &unauthorized] {
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(answer, "x-frame-options"), "DENY");
        assert_eq!(header(answer, "referrer-policy"), "no-referrer");
        assert!(header(answer, "content-security-policy").starts_with("default-src 'none'"));
        assert!(!answer.headers().contains_key("server"));
    }
    assert_eq!(header(&list, "cache-control"), "no-store");
    assert_eq!(header(&unauthorized, "cache-control"), "no-store");
    assert_eq!(header(&item, "cache-control"), "private, no-cache");
}
