//! A request with an `Idempotency-Key` is done once, however often it is sent.

use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Service, problem, token};

const KEY: &str = "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"";

fn create(service: &Service, name: &str, key: &str) -> RequestBuilder {
    let request = service.post("/api/v1/items", &json!({ "name": name }));
    request.header("idempotency-key", key)
}

fn is_replayed(answer: &Response) -> bool {
    answer.headers().contains_key("idempotent-replayed")
}

async fn count_items(service: &Service) -> usize {
    let page = service.get("/api/v1/items?limit=100").send().await.unwrap();
    let page: Value = page.json().await.unwrap();
    page["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_first_answer_again() {
    let service = Service::start().await;
    let first = create(&service, "lamp", KEY).send().await.unwrap();
    let second = create(&service, "lamp", KEY).send().await.unwrap();
    assert!(!is_replayed(&first));
    assert!(is_replayed(&second));
    assert_eq!(second.status(), StatusCode::CREATED);
    for header in ["location", "etag", "content-type"] {
        assert_eq!(first.headers()[header], second.headers()[header]);
    }
    assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap());
    assert_eq!(count_items(&service).await, 1);
}

#[tokio::test]
async fn of_fifty_at_once_one_is_done_and_the_others_are_told() {
    let service = Service::start().await;
    let requests: Vec<_> = (0..50)
        .map(|_| tokio::spawn(create(&service, "lamp", KEY).send()))
        .collect();
    let (mut done, mut replayed, mut in_work) = (0, 0, 0);
    for request in requests {
        let answer = request.await.unwrap().unwrap();
        match answer.status() {
            StatusCode::CREATED if is_replayed(&answer) => replayed += 1,
            StatusCode::CREATED => done += 1,
            other => {
                assert_eq!(other, StatusCode::CONFLICT);
                assert_eq!(answer.headers()["retry-after"], "1");
                let told = problem(answer).await;
                assert_eq!(told["type"], "urn:problem-type:idempotency-key-in-work");
                in_work += 1;
            }
        }
    }
    println!("done {done}, replayed {replayed}, in work {in_work}");
    assert_eq!((done, replayed + in_work), (1, 49));
    assert_eq!(count_items(&service).await, 1);
}

#[tokio::test]
async fn a_key_does_not_fit_another_request() {
    let service = Service::start().await;
    create(&service, "lamp", KEY).send().await.unwrap();
    let other = create(&service, "chair", KEY).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told = problem(other).await;
    assert_eq!(told["type"], "urn:problem-type:idempotency-key-reused");
    assert_eq!(count_items(&service).await, 1);
}

#[tokio::test]
async fn a_key_that_is_no_string_is_told_what_one_looks_like() {
    let service = Service::start().await;
    let long = format!("\"{}\"", "k".repeat(256));
    for key in ["8e03978e", "\"\"", "7", "\"a\", \"b\"", &long] {
        let answer = create(&service, "lamp", key).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{key}");
        let told = problem(answer).await;
        assert_eq!(told["type"], "urn:problem-type:idempotency-key-malformed");
    }
    assert_eq!(count_items(&service).await, 0);
}

#[tokio::test]
async fn a_key_is_its_owners_own() {
    let service = Service::start().await;
    create(&service, "lamp", KEY).send().await.unwrap();
    let other = token("somebody else", "items:write");
    let request = service.http.post(service.url("/api/v1/items"));
    let request = request.json(&json!({ "name": "lamp" })).bearer_auth(other);
    let answer = request.header("idempotency-key", KEY).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert!(!is_replayed(&answer));
}

#[tokio::test]
async fn of_a_request_that_failed_nothing_is_kept() {
    let service = Service::start().await;
    let (path, _, _) = service.create("lamp").await;
    let taken = create(&service, "lamp", KEY).send().await.unwrap();
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert_eq!(problem(taken).await["type"], "urn:problem-type:name-taken");

    service.delete(&path).send().await.unwrap();
    let again = create(&service, "lamp", KEY).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    assert!(!is_replayed(&again));
}

#[tokio::test]
async fn without_a_key_a_request_is_done_each_time() {
    let service = Service::start().await;
    service.create("lamp").await;
    let again = service.post("/api/v1/items", &json!({ "name": "lamp" }));
    assert_eq!(again.send().await.unwrap().status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_key_expires_and_its_answer_is_deleted() {
    let service = Service::with(&[
        ("APP_IDEMPOTENCY__RETENTION", "100ms"),
        ("APP_IDEMPOTENCY__CLEAN_UP_INTERVAL", "50ms"),
    ])
    .await;
    create(&service, "lamp", KEY).send().await.unwrap();
    service
        .until_metrics("idempotency_answers_expired_total 1")
        .await;
    let another = create(&service, "chair", KEY).send().await.unwrap();
    assert_eq!(another.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn what_becomes_of_keys_is_counted() {
    let service = Service::start().await;
    for (name, status) in [("lamp", 201), ("lamp", 201), ("chair", 422)] {
        let answer = create(&service, name, KEY).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    let metrics = service.metrics().await;
    for outcome in ["done", "replayed", "mismatch"] {
        let series = format!("idempotency_requests_total{{idempotency_outcome=\"{outcome}\"}} 1\n");
        assert!(metrics.contains(&series), "{metrics}");
    }
}
