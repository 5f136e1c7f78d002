//! Two clients at once.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::Service;

#[tokio::test]
async fn of_many_changes_to_one_version_exactly_one_wins() {
    let service = Service::start().await;
    let (path, etag, _) = service.create("lamp").await;
    let changes: Vec<_> = (0..16)
        .map(|number| {
            let body = json!({ "name": format!("lamp {number}") });
            let change = service.put(&path, &body).header("if-match", &etag);
            tokio::spawn(change.send())
        })
        .collect();
    let mut won = 0;
    for change in changes {
        match change.await.unwrap().unwrap().status() {
            StatusCode::OK => won += 1,
            other => assert_eq!(other, StatusCode::PRECONDITION_FAILED),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn of_many_items_of_one_name_exactly_one_is_made() {
    let service = Service::start().await;
    let attempts: Vec<_> = (0..16)
        .map(|_| {
            let attempt = service.post("/api/v1/items", &json!({ "name": "lamp" }));
            tokio::spawn(attempt.send())
        })
        .collect();
    let mut made = 0;
    for attempt in attempts {
        match attempt.await.unwrap().unwrap().status() {
            StatusCode::CREATED => made += 1,
            other => assert_eq!(other, StatusCode::CONFLICT),
        }
    }
    assert_eq!(made, 1);
}
