//! A service that is told to stop under load loses no request.
//!
//! `DRAIN_CYCLES` says how often it is told, 2 times by default.

use std::{
    env, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use http_body_util::BodyExt;
use hyper::{StatusCode, Version};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::support::{
    PATIENCE, Service,
    client::{Client, Sent, Transport, read_to_end},
    frames,
    pki::Authority,
    until,
};

const HTTP1_CLIENTS: usize = 100;
const HTTP2_CLIENTS: usize = 50;
const SLOW_REQUESTS: usize = 50;
/// Rejected before the store: it is the connections that are tried here.
const PATH: &str = "/api/v1/items";

#[tokio::test(flavor = "multi_thread")]
async fn plain_clients_lose_nothing_when_the_service_stops() {
    for _ in 0..cycles() {
        stop_under_load(&Transport::Plain, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_tls_lose_nothing_when_the_service_stops() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let pair = authority.server(time::Duration::days(10));
    let (certificate, key) = pair.write(folder.path());
    let settings = [
        ("APP_TLS__CERTIFICATE_FILE", certificate.to_str().unwrap()),
        ("APP_TLS__KEY_FILE", key.to_str().unwrap()),
    ];
    for _ in 0..cycles() {
        stop_under_load(&Transport::tls(&authority), &settings).await;
    }
}

fn cycles() -> usize {
    env::var("DRAIN_CYCLES").map_or(2, |cycles| cycles.parse().unwrap())
}

/// What all clients share.
#[derive(Default)]
struct Load {
    /// The load balancer's view: from then on nobody connects any more.
    unready: AtomicBool,
    answered: AtomicUsize,
}

/// Starts a service, loads it, stops it, and counts.
async fn stop_under_load(transport: &Transport, settings: &[(&str, &str)]) {
    let own = [
        ("APP_SHUTDOWN__DRAIN_DELAY", "1s"),
        // The other lines would be tens of thousands.
        ("APP_LOG__FILTER", "warn,service::server=info"),
        // A machine that is busy with tests is no fault of the service.
        ("APP_HTTP__KEEP_ALIVE_TIMEOUT", "1m"),
        ("APP_HTTP__HEADER_READ_TIMEOUT", "1m"),
        ("APP_HTTP__REQUEST_TIMEOUT", "1m"),
        ("APP_HTTP__REQUEST_BODY_TIMEOUT", "1m"),
        ("APP_HTTP__WRITE_TIMEOUT", "1m"),
        ("APP_HTTP2__PING_TIMEOUT", "1m"),
        ("APP_SHUTDOWN__DRAIN_TIMEOUT", "1m"),
    ];
    let service = Service::with(&[&own, settings].concat()).await;
    let load = Arc::new(Load::default());
    let mut slow = Vec::new();
    for number in 0..SLOW_REQUESTS {
        slow.push(
            service
                .begin_create_by(transport, &format!("slow {number}"))
                .await,
        );
    }
    let versions = [Version::HTTP_11, Version::HTTP_2];
    let clients: Vec<_> = versions
        .into_iter()
        .zip([HTTP1_CLIENTS, HTTP2_CLIENTS])
        .flat_map(|(version, count)| std::iter::repeat_n(version, count))
        .map(|version| {
            let client = ask(
                Arc::clone(&load),
                transport.clone(),
                version,
                service.public,
            );
            tokio::spawn(client)
        })
        .collect();
    until("there is load", async || {
        load.answered.load(Ordering::Relaxed) > 10 * (HTTP1_CLIENTS + HTTP2_CLIENTS)
    })
    .await;

    service.signal("TERM");
    service
        .until_probe("/readyz", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    load.unready.store(true, Ordering::Relaxed);
    until("nobody listens", async || {
        TcpStream::connect(service.public).await.is_err()
    })
    .await;
    for request in slow {
        assert_eq!(request.finish().await, StatusCode::CREATED);
    }
    for client in clients {
        if let Err(lost) = client.await {
            panic!("{lost}: {:#?}", service.lines());
        }
    }
    assert_eq!(service.ended().await.code, Some(0));
}

/// Asks, one request after the other, as long as its connection may be used, and then
/// over the next one. No request that was sent may be without its answer.
async fn ask(
    load: Arc<Load>,
    transport: Transport,
    version: Version,
    address: std::net::SocketAddr,
) {
    while !load.unready.load(Ordering::Relaxed) {
        let mut client = match Client::connect(&transport, version, address).await {
            Ok(client) => client,
            // Later than the load balancer: it knows at once, and asks another.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            Err(error) => panic!("a connection by {version:?} is lost: {error:?}"),
        };
        loop {
            match client.send(PATH).await {
                Sent::Answered(answer) => {
                    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
                    let leaves = answer.headers().contains_key("connection");
                    let body = timeout(PATIENCE, answer.into_body().collect()).await;
                    body.expect("a body without an end").unwrap();
                    load.answered.fetch_add(1, Ordering::Relaxed);
                    if leaves {
                        break;
                    }
                }
                Sent::Unsent => break,
                Sent::Lost(error) => panic!("a request by {version:?} is lost: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_ignores_goaway_does_not_hold_the_drain() {
    let service = Service::with(&[
        ("APP_HTTP2__PING_INTERVAL", "1h"),
        // For so long it might still take its answer.
        ("APP_HTTP__WRITE_TIMEOUT", "1s"),
    ])
    .await;
    let mut deaf = Transport::Plain.connect(service.public, &[]).await.unwrap();
    let request = [frames::PREFACE, &frames::settings(), &frames::get(1)].concat();
    deaf.write_all(&request).await.unwrap();
    service
        .log_line(|line| line["message"] == "request finished")
        .await;
    assert_eq!(service.stop().await.code, Some(0));
    assert!(frames::kinds(&read_to_end(&mut deaf).await).contains(&frames::GOAWAY));
}

#[tokio::test]
async fn whoever_has_connected_but_not_asked_yet_does_not_hold_the_drain() {
    let service = Service::with(&[("APP_HTTP__HEADER_READ_TIMEOUT", "1h")]).await;
    let _silent = TcpStream::connect(service.public).await.unwrap();
    let open = r#"http_server_open_connections{listener="public"}"#;
    service.series(open, |count| count == 1.0).await;
    assert_eq!(service.stop().await.code, Some(0));
}
