//! Another service is told of new items, however badly that one behaves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Service,
    collector::Collector,
    until,
    upstream::{Manner, Upstream},
};

async fn service(upstream: &Upstream, settings: &[(&str, &str)]) -> Service {
    let url = [("APP_WEBHOOK__URL", upstream.url())];
    Service::with(&[&url, settings].concat()).await
}

/// Waits until so many notices have ended so.
async fn until_notices(service: &Service, outcome: &str, count: usize) {
    let series = format!("webhook_notices_total{{webhook_outcome=\"{outcome}\"}} {count}");
    service.until_metrics(&series).await;
}

#[tokio::test]
async fn a_new_item_is_told_of_and_a_replay_is_not() {
    let upstream = Upstream::start(Manner::Accept).await;
    let service = service(&upstream, &[]).await;
    let create = || {
        let request = service.post("/api/v1/items", &json!({ "name": "lamp" }));
        request.header("idempotency-key", "\"k\"").send()
    };
    let item: Value = create().await.unwrap().json().await.unwrap();
    create().await.unwrap();
    until_notices(&service, "delivered", 1).await;
    let notices = upstream.received(1).await;
    assert_eq!(notices.len(), 1);
    let notice: Value = serde_json::from_slice(&notices[0].body).unwrap();
    assert_eq!(notice, json!({ "event": "item.created", "item": item }));
    let headers = &notices[0].headers;
    assert_eq!(headers["content-type"], "application/json");
    let key = format!("\"item.created {}\"", item["id"].as_str().unwrap());
    assert_eq!(headers["idempotency-key"], key);
}

#[tokio::test]
async fn a_service_that_says_nothing_holds_up_no_request_and_is_given_up_in_time() {
    let upstream = Upstream::start(Manner::Hang).await;
    let settings = [
        ("APP_CLIENT__READ_TIMEOUT", "200ms"),
        ("APP_CLIENT__CALL_TIMEOUT", "500ms"),
    ];
    let service = service(&upstream, &settings).await;
    let start = Instant::now();
    // It waits for no notice: the first is still on its way when this returns.
    let (_, _, item) = service.create("lamp").await;
    until_notices(&service, "failed", 1).await;
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let line = service
        .log_line(|line| line["message"] == "a notice was not delivered")
        .await;
    assert!(line["cause"].is_string(), "{line}");
    assert_eq!(line["item"], item["id"]);
    assert_eq!(line["setting"], "webhook.url");
}

#[tokio::test]
async fn who_is_asked_to_come_back_later_does() {
    let upstream = Upstream::start(Manner::RefuseOnce("1")).await;
    let service = service(&upstream, &[]).await;
    service.create("lamp").await;
    until_notices(&service, "delivered", 1).await;
    let attempts = upstream.received(2).await;
    let waited = attempts[1].at - attempts[0].at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    // The same notice, in the same trace, by a span of its own.
    let header = |attempt: usize, name: &str| attempts[attempt].headers[name].clone();
    assert_eq!(header(0, "idempotency-key"), header(1, "idempotency-key"));
    let parents = [header(0, "traceparent"), header(1, "traceparent")];
    assert_eq!(parents[0][..35], parents[1][..35]);
    assert_ne!(parents[0], parents[1]);
}

#[tokio::test]
async fn who_is_asked_to_wait_too_long_gives_up() {
    let upstream = Upstream::start(Manner::RefuseOnce("3600")).await;
    let service = service(&upstream, &[]).await;
    let (_, _, item) = service.create("lamp").await;
    until_notices(&service, "refused", 1).await;
    assert_eq!(upstream.count(), 1);
    let line = service
        .log_line(|line| line["message"] == "a notice was refused")
        .await;
    assert_eq!(line["item"], item["id"]);
    assert_eq!(line["setting"], "webhook.url");
    assert_eq!(line["status"], 503);
}

#[tokio::test]
async fn a_connection_that_is_reset_is_tried_again() {
    let upstream = Upstream::start(Manner::ResetOnce).await;
    let service = service(&upstream, &[]).await;
    service.create("lamp").await;
    until_notices(&service, "delivered", 1).await;
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_its_bound() {
    let upstream = Upstream::start(Manner::Endless).await;
    let bound = [("APP_CLIENT__RESPONSE_LIMIT_BYTES", "100000")];
    let service = service(&upstream, &bound).await;
    service.create("lamp").await;
    until_notices(&service, "failed", 1).await;
    assert_eq!(upstream.count(), 1);
    // The rest is what the sockets have taken.
    let sent = upstream.endless_bytes();
    println!("{sent} bytes were sent of an endless answer, 100000 allowed");
    assert!(sent < 20_000_000, "{sent}");
}

#[tokio::test]
async fn a_service_that_flaps_is_told_of_everything() {
    let upstream = Upstream::start(Manner::Flap).await;
    let settings = [
        ("APP_CLIENT__RETRY_BUDGET_PERCENT", "100"),
        ("APP_CLIENT__BACKOFF", "1ms"),
    ];
    let service = service(&upstream, &settings).await;
    for number in 1..=20 {
        service.create(&number.to_string()).await;
        until_notices(&service, "delivered", number).await;
    }
    assert_eq!(upstream.count(), 40);
}

#[tokio::test]
async fn a_service_in_trouble_is_not_made_to_drown_by_retries() {
    const CALLS: usize = 200;

    let upstream = Upstream::start(Manner::Refuse("0")).await;
    let settings = [
        ("APP_CLIENT__MAX_RETRIES", "10"),
        ("APP_CLIENT__RETRY_BUDGET_PERCENT", "10"),
        ("APP_CLIENT__RETRY_RESERVE_PER_SECOND", "0"),
        ("APP_CLIENT__CIRCUIT_FAILURES", "1000000"),
    ];
    let service = service(&upstream, &settings).await;
    for number in 1..=CALLS {
        service.create(&number.to_string()).await;
    }
    until_notices(&service, "refused", CALLS).await;
    let sent = upstream.count();
    let amplification = sent as f64 / CALLS as f64;
    println!(
        "{CALLS} calls, {sent} requests: amplification {amplification:.2}, 11 without a budget"
    );
    assert!(amplification <= 1.1, "{amplification}");
    assert!(sent > CALLS, "nothing is repeated");
}

#[tokio::test]
async fn a_circuit_opens_after_failures_and_closes_when_all_is_well() {
    let upstream = Upstream::start(Manner::Refuse("")).await;
    let settings = [
        ("APP_CLIENT__MAX_RETRIES", "0"),
        ("APP_CLIENT__CIRCUIT_FAILURES", "3"),
        ("APP_CLIENT__CIRCUIT_OPEN", "2s"),
    ];
    let service = service(&upstream, &settings).await;
    let state = |state: &str| {
        format!(
            "client_circuit_status{{client_circuit_state=\"{state}\",client_name=\"webhook\"}} 1"
        )
    };
    service.until_metrics(&state("closed")).await;
    for number in 1..=3 {
        service.create(&number.to_string()).await;
        until_notices(&service, "refused", number).await;
    }
    let opened = Instant::now();
    service.until_metrics(&state("open")).await;
    upstream.behave(Manner::Accept);
    let mut number = 3;
    until("it is called again", async || {
        number += 1;
        service.create(&number.to_string()).await;
        upstream.count() > 3
    })
    .await;
    let quiet = opened.elapsed();
    println!(
        "no call for {quiet:?}, 2s wanted; {} were rejected",
        number - 4
    );
    assert!(quiet > Duration::from_millis(1500), "{quiet:?}");
    service.until_metrics(&state("closed")).await;
    service.create("at last").await;
    upstream.received(5).await;
    let metrics = service.metrics().await;
    assert!(metrics.contains("client_circuit_rejections_total{client_name=\"webhook\"}"));
    assert!(metrics.contains("http_client_request_duration_seconds_count"));
}

#[tokio::test]
async fn a_circuit_opens_for_a_service_that_never_answers_in_time() {
    let upstream = Upstream::start(Manner::Hang).await;
    let settings = [
        ("APP_CLIENT__READ_TIMEOUT", "1h"),
        ("APP_CLIENT__CALL_TIMEOUT", "100ms"),
        ("APP_CLIENT__CIRCUIT_FAILURES", "2"),
        ("APP_CLIENT__CIRCUIT_OPEN", "1h"),
    ];
    let service = service(&upstream, &settings).await;
    for number in 1..=3 {
        service.create(&number.to_string()).await;
        until_notices(&service, "failed", number).await;
    }
    assert_eq!(upstream.count(), 2, "the third was not sent");
    let metrics = service.metrics().await;
    let timed_out = metrics.lines().any(|line| {
        line.starts_with("http_client_request_duration_seconds_count")
            && line.contains(r#"error_type="timeout""#)
            && line.ends_with(" 2")
    });
    assert!(timed_out, "{metrics}");
}

#[tokio::test]
async fn a_notice_is_a_part_of_the_trace_of_its_request() {
    let collector = Collector::start().await;
    let upstream = Upstream::start(Manner::Accept).await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_METRICS_EXPORTER", "none"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
    ];
    let service = service(&upstream, &settings).await;
    service.create("lamp").await;
    let request = collector
        .span(|span| span.name == "POST /api/v1/items")
        .await;
    let call = collector
        .span(|span| span.parent_span_id == request.span_id && span.kind == 3)
        .await;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let expected = format!("00-{}-{}-", hex(&request.trace_id), hex(&call.span_id));
    let received = upstream.received(1).await;
    let sent = &received[0].headers["traceparent"];
    assert!(sent.starts_with(&expected), "{sent}");
    // Who knows the path of a hook may post to it.
    let told = format!("{call:?}");
    assert!(told.contains("/REDACTED"), "{told}");
    assert!(!told.contains("/hooks"), "{told}");
}

#[tokio::test]
async fn a_notice_in_work_is_finished_before_the_end() {
    let upstream = Upstream::start(Manner::Hang).await;
    let service = service(&upstream, &[]).await;
    service.create("lamp").await;
    upstream.received(1).await;
    service.signal("TERM");
    service.log_line(|line| line["message"] == "draining").await;
    upstream.release();
    let stopped = service.ended().await;
    assert_eq!(stopped.code, Some(0));
    let lost = "a notice was not delivered";
    assert!(!stopped.log.iter().any(|line| line["message"] == lost));
}
