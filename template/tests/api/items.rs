//! Making, reading, changing and deleting an item.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Service, problem};

#[tokio::test]
async fn a_made_item_can_be_read_where_it_is_said_to_be() {
    let service = Service::start().await;
    let body = json!({ "name": "  lamp ", "description": "green", "quantity": 3 });
    let created = service.post("/api/v1/items", &body).send().await.unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    let etag = created.headers()["etag"].clone();
    let item: Value = created.json().await.unwrap();
    assert_eq!(item["name"], "lamp");
    assert_eq!(item["description"], "green");
    assert_eq!(item["quantity"], 3);
    assert_eq!(item["created_at"], item["updated_at"]);

    let read = service.get(&location).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    assert_eq!(read.headers()["etag"], etag);
    assert_eq!(read.json::<Value>().await.unwrap(), item);
}

#[tokio::test]
async fn an_item_that_the_client_has_is_not_sent_again() {
    let service = Service::start().await;
    let (path, etag, _) = service.create("lamp").await;
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"0\", {etag}"),
        "*".to_owned(),
    ] {
        let read = service.get(&path).header("if-none-match", known);
        assert_eq!(
            read.send().await.unwrap().status(),
            StatusCode::NOT_MODIFIED
        );
    }
    let read = service.get(&path).header("if-none-match", "\"0\"");
    assert_eq!(read.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_item_is_changed_by_whom_has_seen_its_last_version() {
    let service = Service::start().await;
    let (path, etag, made) = service.create("lamp").await;
    let body = json!({ "name": "bright lamp", "quantity": 5 });
    let changed = service.put(&path, &body).header("if-match", &etag);
    let changed = changed.send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    assert_ne!(changed.headers()["etag"], etag);
    let item: Value = changed.json().await.unwrap();
    assert_eq!(item["id"], made["id"]);
    assert_eq!(item["name"], "bright lamp");
    assert_eq!(item["description"], Value::Null);
    assert_eq!(item["version"], 2);
}

#[tokio::test]
async fn a_change_needs_a_condition_that_holds() {
    let service = Service::start().await;
    let (path, etag, _) = service.create("lamp").await;
    let body = json!({ "name": "bright lamp" });

    let unconditional = service.put(&path, &body).send().await.unwrap();
    assert_eq!(unconditional.status(), StatusCode::PRECONDITION_REQUIRED);
    let told = problem(unconditional).await;
    assert_eq!(told["type"], "urn:problem-type:precondition-required");

    // A weak tag never matches here (RFC 9110 section 13.1.1).
    for other in ["\"2\"".to_owned(), format!("W/{etag}"), "1".to_owned()] {
        let stale = service.put(&path, &body).header("if-match", other);
        let stale = stale.send().await.unwrap();
        assert_eq!(stale.status(), StatusCode::PRECONDITION_FAILED);
        let told = problem(stale).await;
        assert_eq!(told["type"], "urn:problem-type:precondition-failed");
    }
    for fitting in ["*".to_owned(), "\"0\", \"2\"".to_owned()] {
        let changed = service.put(&path, &body).header("if-match", fitting);
        assert_eq!(changed.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_deleted_item_is_gone() {
    let service = Service::start().await;
    let (path, _, _) = service.create("lamp").await;
    let deleted = service.delete(&path).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        service.get(&path).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        service.delete(&path).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_delete_honours_its_condition() {
    let service = Service::start().await;
    let (path, etag, _) = service.create("lamp").await;
    let stale = service.delete(&path).header("if-match", "\"9\"");
    assert_eq!(
        stale.send().await.unwrap().status(),
        StatusCode::PRECONDITION_FAILED
    );
    let known = service.delete(&path).header("if-match", etag);
    assert_eq!(known.send().await.unwrap().status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_name_is_taken_once_by_each_owner() {
    let service = Service::start().await;
    service.create("lamp").await;
    let (other, etag, _) = service.create("chair").await;

    let again = service.post("/api/v1/items", &json!({ "name": "lamp" }));
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert_eq!(problem(again).await["type"], "urn:problem-type:name-taken");

    let renamed = service.put(&other, &json!({ "name": "lamp" }));
    let renamed = renamed.header("if-match", etag).send().await.unwrap();
    assert_eq!(renamed.status(), StatusCode::CONFLICT);
}
