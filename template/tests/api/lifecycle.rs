//! Up in order, and down without losing a request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::{RequestBuilder, StatusCode};

use crate::support::{Service, run};

#[tokio::test]
async fn a_started_service_is_live_ready_and_started() {
    let service = Service::start().await;
    for probe in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(service.probe(probe).await, StatusCode::OK, "{probe}");
    }
}

#[tokio::test]
async fn the_api_and_the_probes_are_on_listeners_of_their_own() {
    let service = Service::start().await;
    let probe = service
        .http
        .get(service.url("/readyz"))
        .send()
        .await
        .unwrap();
    assert_eq!(probe.status(), StatusCode::NOT_FOUND);
    assert_eq!(service.probe("/api/v1/items").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn at_a_signal_the_service_is_unready_at_once_and_serves_on() {
    let service = Service::with(&[("APP_SHUTDOWN__DRAIN_DELAY", "30s")]).await;
    service.signal("TERM");
    service.log_line(|line| line["message"] == "draining").await;
    service
        .until_probe("/readyz", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert_eq!(service.probe("/livez").await, StatusCode::OK);

    let answer = service.get("/api/v1/items").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["connection"], "close");
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_says_so() {
    let service = Service::with(&[("APP_SHUTDOWN__DRAIN_DELAY", "1h")]).await;
    service.signal("TERM");
    service.log_line(|line| line["message"] == "draining").await;
    let stopped = service.stop().await;
    assert_eq!(stopped.code, Some(75));
    assert_eq!(stopped.missed(), "the drain, by a second signal");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_end() {
    let service = Service::start().await;
    let request = service.begin_create("in flight").await;
    service.signal("TERM");
    service.log_line(|line| line["message"] == "draining").await;
    assert_eq!(request.finish().await, StatusCode::CREATED);
    assert_eq!(service.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_at_the_deadline_that_is_named() {
    let service = Service::with(&[
        ("APP_SHUTDOWN__DRAIN_TIMEOUT", "100ms"),
        ("APP_HTTP__WRITE_TIMEOUT", "100ms"),
    ])
    .await;
    let _never_finished = service.begin_create("never finished").await;
    let stopped = service.stop().await;
    assert_eq!(stopped.code, Some(75));
    assert_eq!(stopped.missed(), "shutdown.drain_timeout");
}

#[tokio::test]
async fn clients_that_leave_when_it_is_unready_lose_no_request() {
    let service = Service::with(&[("APP_SHUTDOWN__DRAIN_DELAY", "3s")]).await;
    let ready = Arc::new(AtomicBool::new(true));
    let clients: Vec<_> = (0..20)
        .map(|_| tokio::spawn(ask_while(Arc::clone(&ready), service.get("/api/v1/items"))))
        .collect();
    service
        .log_line(|line| line["message"] == "request finished")
        .await;
    service.signal("TERM");
    service
        .until_probe("/readyz", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    ready.store(false, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    assert_eq!(service.ended().await.code, Some(0));
}

/// A client of a load balancer: asks over a kept-alive connection as long as the
/// service is known to be ready. No request may fail.
async fn ask_while(ready: Arc<AtomicBool>, request: RequestBuilder) -> usize {
    let mut answered = 0;
    while ready.load(Ordering::Relaxed) {
        let answer = request.try_clone().unwrap().send().await;
        let answer = answer.unwrap_or_else(|lost| panic!("after {answered}: {lost:?}"));
        assert_eq!(answer.status(), StatusCode::OK);
        answered += 1;
    }
    answered
}

#[tokio::test]
async fn healthcheck_asks_the_probe_of_the_running_service() {
    let service = Service::start().await;
    let address = service.operations.to_string();
    let healthy = run(&["healthcheck"], &[("APP_OPERATIONS__ADDRESS", &*address)]);
    assert_eq!(healthy.status.code(), Some(0));
    // A service that runs goes on with its last good configuration.
    let settings = [
        ("APP_OPERATIONS__ADDRESS", &*address),
        ("APP_LOG__FORMAT", "xml"),
        ("APP_TLS__KEY_FILE", "/no/such/key.pem"),
    ];
    assert_eq!(run(&["healthcheck"], &settings).status.code(), Some(0));
    service.stop().await;

    let gone = run(&["healthcheck"], &[("APP_OPERATIONS__ADDRESS", &*address)]);
    assert_eq!(gone.status.code(), Some(1));
    let told = String::from_utf8_lossy(&gone.stderr);
    assert!(told.contains("refused"), "{told}");
    assert!(told.contains(&address), "{told}");
    assert!(told.contains("operations.address"), "{told}");
}

#[tokio::test]
async fn an_address_in_use_is_named_with_the_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(
        &[],
        &[
            ("APP_HTTP__ADDRESS", &*address),
            ("APP_OPERATIONS__ADDRESS", "127.0.0.1:0"),
        ],
    );
    assert_eq!(ended.status.code(), Some(69));
    let log = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(log.contains("set http.address"), "{log}");
}

#[tokio::test]
async fn a_slow_head_is_cut() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let service = Service::with(&[("APP_HTTP__HEADER_READ_TIMEOUT", "200ms")]).await;
    let mut slow = tokio::net::TcpStream::connect(service.public)
        .await
        .unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let cut = tokio::time::timeout(Duration::from_secs(5), slow.read_to_end(&mut answer)).await;
    cut.expect("the connection is closed").unwrap();
}
