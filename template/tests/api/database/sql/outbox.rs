//! What is written is told of at least once and in its order, whatever happens in between.

use std::collections::BTreeMap;

use axum::Router;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    database::Database,
    support::{
        Service,
        collector::Collector,
        run, until,
        upstream::{Manner, Received, Upstream},
    },
};

const ITEMS: &str = "/api/v1/items";
/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1/events";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Tells who is there; what failed is tried again soon.
async fn telling(database: &Database, url: &str) -> Service {
    telling_by(database, url, "4").await
}

async fn telling_by(database: &Database, url: &str, workers: &str) -> Service {
    let settings = [
        ("APP_STORE__OUTBOX__WORKERS", workers),
        ("APP_STORE__OUTBOX__URL", url),
        ("APP_STORE__OUTBOX__INTERVAL", "50ms"),
        ("APP_STORE__OUTBOX__MAX_BACKOFF", "200ms"),
        ("APP_CLIENT__CALL_TIMEOUT", "1s"),
        ("APP_CLIENT__CIRCUIT_FAILURES", "1000000"),
    ];
    Service::with(&[&database.settings()[..], &settings].concat()).await
}

fn event(received: &Received) -> Value {
    serde_json::from_slice(&received.body).unwrap()
}

/// What was told, in its order: of which item, and what.
fn told(received: &[Received]) -> Vec<(String, String)> {
    let events = received.iter().map(event);
    let told = events.map(|event| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&event["data"]["item"]["name"]), text(&event["type"]))
    });
    told.collect()
}

/// How many events are recorded and have not arrived.
async fn count(database: &Database) -> i64 {
    let mut connection = database.connect().await;
    let count = sqlx::query_scalar("SELECT count(*) FROM outbox");
    count.fetch_one(&mut connection).await.unwrap()
}

async fn until_empty(database: &Database) {
    until("all events have arrived", async || {
        count(database).await == 0
    })
    .await;
}

async fn change(service: &Service, path: &str, etag: &str, quantity: u32) -> String {
    let body = json!({ "name": path, "quantity": quantity });
    let changed = service.put(path, &body).header("if-match", etag).send();
    let changed = changed.await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    changed.headers()["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_write_is_told_of_as_a_cloudevent() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Accept).await;
    let service = telling(&database, upstream.url()).await;
    let (path, etag, item) = service.create("lamp").await;
    change(&service, &path, &etag, 7).await;
    service.delete(&path).send().await.unwrap();

    let received = upstream.received(3).await;
    let events: Vec<_> = received.iter().map(event).collect();
    for (event, (kind, version, quantity)) in events.iter().zip([
        ("item.created", 1, 1),
        ("item.updated", 2, 7),
        ("item.deleted", 2, 7),
    ]) {
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], kind);
        assert_eq!(event["subject"], item["id"]);
        assert_eq!(event["data"]["owner"], "urn:development tester");
        assert_eq!(event["data"]["item"]["version"], version);
        assert_eq!(event["data"]["item"]["quantity"], quantity);
    }
    assert_eq!(events[0]["data"]["item"], item);
    let headers = &received[0].headers;
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    let key = format!("\"{}\"", events[0]["id"].as_str().unwrap());
    assert_eq!(headers["idempotency-key"], key);

    service.until_metrics("outbox_events 0").await;
    let published = r#"outbox_deliveries_total{outbox_outcome="published"} 3"#;
    service.until_metrics(published).await;
}

#[tokio::test]
async fn what_is_told_belongs_to_the_trace_of_its_request() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Accept).await;
    let service = telling(&database, upstream.url()).await;
    let caller = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    let create = service.post(ITEMS, &json!({ "name": "lamp" }));
    create.header("traceparent", &caller).send().await.unwrap();

    let received = upstream.received(1).await;
    let written = event(&received[0])["traceparent"]
        .as_str()
        .unwrap()
        .to_owned();
    let sent = &received[0].headers["traceparent"];
    // Three spans of one trace: the caller's, the request's, and the call's.
    for traceparent in [&written, sent] {
        assert_eq!(traceparent[3..35], *TRACE_ID);
        assert_ne!(*traceparent, caller);
    }
    assert_ne!(written, *sent);
}

#[tokio::test]
async fn no_trace_shows_the_path_that_events_are_posted_to() {
    let database = Database::create().await;
    let collector = Collector::start().await;
    let upstream = Upstream::start(Manner::Accept).await;
    let settings = [
        ("APP_STORE__OUTBOX__URL", upstream.url()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let service = Service::with(&[&database.settings()[..], &settings].concat()).await;
    service.create("lamp").await;
    let call = collector.span(|span| span.kind == 3).await;
    let told = format!("{call:?}");
    assert!(told.contains("/REDACTED"), "{told}");
    assert!(!told.contains("/hooks"), "{told}");
}

#[tokio::test]
async fn what_is_undone_is_not_told_of() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Accept).await;
    let service = telling(&database, upstream.url()).await;
    let create = async |name: &str, key: &str| {
        let request = service.post(ITEMS, &json!({ "name": name }));
        let answer = request.header("idempotency-key", key).send().await.unwrap();
        answer.status()
    };
    let mut connection = database.connect().await;
    sqlx::query("CREATE UNIQUE INDEX only_one ON idempotency_keys (status)")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(create("lamp", "\"a\"").await, StatusCode::CREATED);
    // Answered from what is kept.
    assert_eq!(create("lamp", "\"a\"").await, StatusCode::CREATED);
    // Written, and its event too; then its answer could not be kept, by a constraint that
    // says nothing about the name.
    let failed = StatusCode::INTERNAL_SERVER_ERROR;
    assert_eq!(create("chair", "\"b\"").await, failed);
    let taken = service.post(ITEMS, &json!({ "name": "lamp" })).send().await;
    assert_eq!(taken.unwrap().status(), StatusCode::CONFLICT);

    service.create("table").await;
    until_empty(&database).await;
    let received = upstream.received(2).await;
    let made = |name: &str| (name.to_owned(), "item.created".to_owned());
    let mut told = told(&received);
    told.sort();
    assert_eq!(told, [made("lamp"), made("table")]);
}

#[tokio::test]
async fn a_crash_between_a_write_and_its_telling_loses_nothing() {
    let database = Database::create().await;
    let service = telling(&database, NOWHERE).await;
    service.create("lamp").await;
    service.signal("KILL");
    drop(service);

    let upstream = Upstream::start(Manner::Accept).await;
    let service = telling(&database, upstream.url()).await;
    assert_eq!(told(&upstream.received(1).await)[0].0, "lamp");
    until_empty(&database).await;
    assert_eq!(upstream.count(), 1);
    assert_eq!(service.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_crash_in_the_middle_of_telling_tells_the_same_again() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Hang).await;
    let service = telling(&database, upstream.url()).await;
    service.create("lamp").await;
    upstream.received(1).await;
    service.signal("KILL");
    drop(service);

    upstream.behave(Manner::Accept);
    let _service = telling(&database, upstream.url()).await;
    let received = upstream.received(2).await;
    assert_eq!(received[0].body, received[1].body);
    until_empty(&database).await;
}

#[tokio::test]
async fn who_refuses_is_told_later_and_nothing_is_lost() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Refuse("")).await;
    let service = telling(&database, upstream.url()).await;
    let names = ["chair", "lamp", "table"];
    for name in names {
        service.create(name).await;
    }
    service.until_metrics("outbox_events 3").await;
    service
        .series("outbox_oldest_age_seconds", |age| age > 0.0)
        .await;
    let refused = r#"outbox_deliveries_total{outbox_outcome="refused"}"#;
    service.series(refused, |count| count >= 6.0).await;
    let line = service
        .log_line(|line| line["message"] == "an event waits")
        .await;
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.ends_with("refused with 503 Service Unavailable"),
        "{cause}"
    );

    let before = upstream.count();
    upstream.behave(Manner::Accept);
    service.until_metrics("outbox_events 0").await;
    service
        .series("outbox_oldest_age_seconds", |age| age == 0.0)
        .await;
    let published = r#"outbox_deliveries_total{outbox_outcome="published"} 3"#;
    service.until_metrics(published).await;
    let received = upstream.received(before + 3).await;
    let told: Vec<_> = told(&received).into_iter().map(|(name, _)| name).collect();
    assert!(
        names
            .iter()
            .all(|name| told.iter().any(|told| told == name))
    );
}

/// Takes every event but those of lamps, which it answers with this status and so many bytes.
async fn takes_no_lamps(status: StatusCode, bytes: usize) -> String {
    let answer = move |event: String| async move {
        if event.contains("lamp") {
            (status, "x".repeat(bytes))
        } else {
            (StatusCode::OK, String::new())
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test]
async fn an_event_that_never_arrives_holds_up_no_other_items() {
    // It is refused; its answer is longer than anybody reads.
    for (status, bytes, outcome) in [(422, 0, "refused"), (200, 2 << 20, "failed")] {
        let database = Database::create().await;
        let status = StatusCode::from_u16(status).unwrap();
        let url = takes_no_lamps(status, bytes).await;
        let service = telling_by(&database, &url, "1").await;
        service.create("lamp").await;
        let not_taken = format!("outbox_deliveries_total{{outbox_outcome=\"{outcome}\"}}");
        service.series(&not_taken, |count| count >= 2.0).await;
        service.create("table").await;
        until("only the lamp waits", async || count(&database).await == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_tell_of_one_item_in_its_order_although_half_is_refused() {
    const NUMBER: usize = 4;
    const CHANGES: u32 = 10;

    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Flap).await;
    let instances = [
        telling(&database, upstream.url()).await,
        telling(&database, upstream.url()).await,
    ];
    for number in 0..NUMBER {
        let (path, mut etag, _) = instances[0].create(&format!("{number}")).await;
        for change_number in 0..CHANGES {
            let instance = &instances[change_number as usize % 2];
            etag = change(instance, &path, &etag, change_number).await;
        }
    }
    until_empty(&database).await;
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for event in upstream.received(0).await.iter().map(event) {
        let subject = event["subject"].as_str().unwrap().to_owned();
        let version = event["data"]["item"]["version"].as_i64().unwrap();
        versions.entry(subject).or_default().push(version);
    }
    assert_eq!(versions.len(), NUMBER);
    for mut versions in versions.into_values() {
        assert!(versions.is_sorted(), "{versions:?}");
        versions.dedup();
        assert_eq!(versions, Vec::from_iter(1..=i64::from(CHANGES) + 1));
    }
    for instance in &instances {
        let published = r#"outbox_deliveries_total{outbox_outcome="published"}"#;
        instance.series(published, |count| count > 0.0).await;
    }
}

#[tokio::test]
async fn what_is_written_during_the_drain_is_told_before_the_end() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Accept).await;
    let service = telling(&database, upstream.url()).await;
    let request = service.begin_create("lamp").await;
    service.signal("TERM");
    let unready = StatusCode::SERVICE_UNAVAILABLE;
    service.until_probe("/readyz", unready).await;
    assert_eq!(request.finish().await, StatusCode::CREATED);
    assert_eq!(service.ended().await.code, Some(0));
    assert_eq!(told(&upstream.received(1).await)[0].0, "lamp");
}

#[tokio::test]
async fn who_says_nothing_does_not_hold_the_end_and_is_told_later() {
    let database = Database::create().await;
    let upstream = Upstream::start(Manner::Hang).await;
    let service = telling(&database, upstream.url()).await;
    service.create("lamp").await;
    upstream.received(1).await;
    assert_eq!(service.stop().await.code, Some(0));

    upstream.behave(Manner::Accept);
    let _service = telling(&database, upstream.url()).await;
    let received = upstream.received(2).await;
    assert_eq!(received[0].body, received[1].body);
}

#[tokio::test]
async fn nothing_is_recorded_if_nobody_is_told() {
    let database = Database::create().await;
    let service = Service::with(&database.settings()).await;
    service.create("lamp").await;
    assert_eq!(count(&database).await, 0);
    assert!(!service.metrics().await.contains("outbox_"));
}

#[test]
fn what_is_wrong_with_its_settings_is_told() {
    let wrong = [
        ("APP_STORE__OUTBOX__URL", "nowhere"),
        ("APP_STORE__OUTBOX__WORKERS", "0"),
        ("APP_STORE__OUTBOX__INTERVAL", "0s"),
    ];
    let checked = run(&["config", "--check"], &wrong);
    assert_eq!(checked.status.code(), Some(78));
    let faults = String::from_utf8_lossy(&checked.stderr).into_owned();
    for field in ["url", "workers", "interval"] {
        let field = format!("store.outbox.{field}");
        assert!(faults.contains(&field), "{faults}");
    }
}
