//! Which items there can be.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Service, problem};

/// The pointers of the fields that are at fault.
async fn faults(service: &Service, body: Value) -> Vec<String> {
    let answer = service.post("/api/v1/items", &body).send().await.unwrap();
    if answer.status() == StatusCode::CREATED {
        return Vec::new();
    }
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    let problem = problem(answer).await;
    assert_eq!(problem["type"], "urn:problem-type:invalid-fields");
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_rule_has_its_edge() {
    let service = Service::start().await;
    let long = |length: usize| "ü".repeat(length);
    for (body, expected) in [
        (json!({ "name": "x" }), vec![]),
        (json!({ "name": long(100) }), vec![]),
        (json!({ "name": long(101) }), vec!["#/name"]),
        (json!({ "name": " \t " }), vec!["#/name"]),
        (json!({ "name": "two\nlines" }), vec!["#/name"]),
        (json!({ "name": "d", "description": long(1000) }), vec![]),
        (
            json!({ "name": "e", "description": long(1001) }),
            vec!["#/description"],
        ),
        (
            json!({ "name": "nul", "description": "a\0b" }),
            vec!["#/description"],
        ),
        (json!({ "name": "f", "quantity": 1_000_000 }), vec![]),
        (
            json!({ "name": "g", "quantity": 1_000_001 }),
            vec!["#/quantity"],
        ),
        (json!({ "name": "h", "quantity": -1 }), vec!["#/quantity"]),
        (json!({ "name": "i", "quantity": 0 }), vec![]),
    ] {
        assert_eq!(faults(&service, body.clone()).await, expected, "{body}");
    }
}

#[tokio::test]
async fn all_faulty_fields_are_told_at_once() {
    let service = Service::start().await;
    let body = json!({ "name": "", "description": "x".repeat(2000), "quantity": -5 });
    assert_eq!(
        faults(&service, body).await,
        ["#/name", "#/description", "#/quantity"]
    );
}

#[tokio::test]
async fn a_value_of_another_type_is_told_with_its_place() {
    let service = Service::start().await;
    assert_eq!(faults(&service, json!({ "name": 7 })).await, ["#/name"]);
    assert_eq!(
        faults(&service, json!({ "name": "x", "quantity": "3" })).await,
        ["#/quantity"]
    );
    assert_eq!(
        faults(&service, json!({ "name": "x", "colour": "red" })).await,
        ["#/colour"]
    );
    assert_eq!(faults(&service, json!({})).await, ["#"]);
    // What a client has made up may not stand in a fragment as it is.
    let body = json!({ "name": "x", "a/b 50% ü": 1 });
    assert_eq!(faults(&service, body).await, ["#/a~1b%2050%25%20%C3%BC"]);
}

#[tokio::test]
async fn a_change_keeps_the_same_rules() {
    let service = Service::start().await;
    let (path, etag, _) = service.create("lamp").await;
    let change = service
        .put(&path, &json!({ "name": "" }))
        .header("if-match", etag);
    assert_eq!(
        change.send().await.unwrap().status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
}
