//! Who has changed what: one line for each request that could change something.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Service, token};

/// The lines of the audit log, when the service has ended.
async fn audited(service: Service) -> Vec<Value> {
    let mut lines = service.stop().await.log;
    lines.retain(|line| line["stream"] == "audit");
    lines
}

#[tokio::test]
async fn a_line_says_who_has_done_what_to_which_with_what_outcome() {
    let service = Service::start().await;
    let (path, etag, item) = service.create("lamp").await;
    let body = json!({ "name": "a secret name" });
    let change = service.put(&path, &body).header("if-match", etag);
    assert_eq!(change.send().await.unwrap().status(), StatusCode::OK);
    service.delete(&path).send().await.unwrap();

    let lines = audited(service).await;
    let actions: Vec<_> = lines.iter().map(|line| &line["action"]).collect();
    assert_eq!(actions, ["create", "replace", "delete"]);
    for line in &lines {
        assert_eq!(line["issuer"], "urn:development");
        assert_eq!(line["subject"], "tester");
        assert_eq!(line["resource_type"], "items");
        assert_eq!(line["resource_id"], item["id"]);
        assert_eq!(line["outcome"], "success");
        assert_eq!(line["client_address"], "127.0.0.1");
        assert_eq!(line["trace_id"].as_str().map(str::len), Some(32));
        assert!(!line.to_string().contains("secret"), "{line}");
    }
}

#[tokio::test]
async fn each_write_has_one_line_also_the_ones_that_fail() {
    let service = Service::start().await;
    let (path, _, _) = service.create("lamp").await;
    let lamp = json!({ "name": "lamp" });
    let reader = token("reader", "items:read");
    let none = "/api/v1/items/00000000-0000-7000-8000-000000000000";
    let key = "idempotency-key";
    for (request, status) in [
        (service.post("/api/v1/items", &lamp), 409),
        (service.post("/api/v1/items", &json!({})), 422),
        (service.post("/api/v1/items", &lamp).header(key, "a"), 400),
        (service.put(&path, &lamp), 428),
        (service.put(&path, &lamp).header("if-match", "\"9\""), 412),
        (service.delete(none), 404),
        (
            service.http.delete(service.url(&path)).bearer_auth(reader),
            403,
        ),
    ] {
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    // These change nothing.
    service.get(&path).send().await.unwrap();
    service.get("/api/v1/items").send().await.unwrap();

    let mut seen = BTreeMap::new();
    for line in audited(service).await {
        *seen.entry(line["status"].to_string()).or_insert(0) += 1;
        let failed = line["status"] != 201;
        let outcome = if failed { "failure" } else { "success" };
        assert_eq!(line["outcome"], outcome, "{line}");
    }
    let seen: Vec<_> = seen.iter().map(|(s, n)| (s.as_str(), *n)).collect();
    let expected = ["201", "400", "403", "404", "409", "412", "422", "428"];
    assert_eq!(seen, expected.map(|status| (status, 1)));
}

#[tokio::test]
async fn no_filter_of_the_log_holds_a_line_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let service = Service::with(&[("APP_AUDIT__FILE", file.to_str().unwrap())]).await;
    service.create("lamp").await;
    // It is in the file before the answer is there.
    let lines = std::fs::read_to_string(&file).unwrap();
    let line: Value = serde_json::from_str(lines.trim_end()).unwrap();
    assert_eq!(line["action"], "create");
    assert!(lines.ends_with("}\n"));
    assert!(audited(service).await.is_empty());
}

#[tokio::test]
async fn what_an_earlier_request_has_done_is_marked() {
    let service = Service::start().await;
    let create = || {
        let request = service.post("/api/v1/items", &json!({ "name": "lamp" }));
        request.header("idempotency-key", "\"k\"").send()
    };
    create().await.unwrap();
    create().await.unwrap();
    let lines = audited(service).await;
    let replayed: Vec<_> = lines.iter().map(|line| &line["replayed"]).collect();
    assert_eq!(replayed, [false, true]);
    assert_eq!(lines[0]["resource_id"], lines[1]["resource_id"]);
}

#[tokio::test]
async fn a_request_that_is_cut_off_has_a_line_too() {
    let service = Service::with(&[
        ("APP_SHUTDOWN__DRAIN_TIMEOUT", "100ms"),
        ("APP_HTTP__WRITE_TIMEOUT", "100ms"),
    ])
    .await;
    let _never_finished = service.begin_create("never finished").await;
    let lines = audited(service).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["outcome"], "unknown");
    assert_eq!(lines[0]["status"], Value::Null);
}

#[test]
fn a_file_that_cannot_be_appended_to_is_told_with_exit_78() {
    let ended = crate::support::run(
        &["serve"],
        &[
            ("APP_AUDIT__FILE", "/no/such/folder/audit.log"),
            ("APP_HTTP__ADDRESS", "127.0.0.1:0"),
            ("APP_OPERATIONS__ADDRESS", "127.0.0.1:0"),
        ],
    );
    let log = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert_eq!(ended.status.code(), Some(78), "{log}");
    assert!(log.contains("audit.file"), "{log}");
}
