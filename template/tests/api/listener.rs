//! What a client may do with a connection, and what it may not.

use std::{fs, io::ErrorKind, process::Command};

use hyper::{StatusCode, Version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{
    BINARY, PATIENCE, Service,
    client::{Client, Stream, Transport, read_status, read_to_end},
    frames, http,
};

const PATH: &str = "/api/v1/items";
/// Short ones, each of its own length, so that a test knows which one cut.
const SHORT: [(&str, &str); 3] = [
    ("APP_HTTP__HEADER_READ_TIMEOUT", "300ms"),
    ("APP_HTTP__KEEP_ALIVE_TIMEOUT", "500ms"),
    ("APP_HTTP__WRITE_TIMEOUT", "700ms"),
];
const LONG: &str = "1h";

async fn connect(service: &Service) -> Stream {
    Transport::Plain.connect(service.public, &[]).await.unwrap()
}

async fn cut(service: &Service, reason: &str, times: f64) {
    let series =
        format!(r#"http_server_connection_cut_total{{listener="public",reason="{reason}"}}"#);
    service.series(&series, |count| count == times).await;
}

/// Sends the same again and again, as fast as metrics are told, until that is no longer taken.
async fn sends_until_cut(mut client: Stream, bytes: &[u8], service: &Service, reason: &str) {
    let told = format!("reason=\"{reason}\"");
    while client.write_all(bytes).await.is_ok() {
        if service.metrics().await.contains(&told) {
            break;
        }
    }
    cut(service, reason, 1.0).await;
}

#[tokio::test]
async fn whoever_begins_a_head_and_does_not_end_it_is_cut() {
    let service = Service::with(&[SHORT[0], ("APP_HTTP__KEEP_ALIVE_TIMEOUT", LONG)]).await;
    let preface = frames::PREFACE;
    let settings = [preface, &frames::settings()].concat();
    let beginnings: [&[u8]; 7] = [
        b"",
        b"GET / HTTP/1.1\r\nhost: x\r\n",
        &preface[..10],
        preface,
        &settings,
        &[&*settings, &frames::get(1)[..12]].concat(),
        &[&*settings, &frames::head_without_end(1)].concat(),
    ];
    for beginning in beginnings {
        let mut client = connect(&service).await;
        client.write_all(beginning).await.unwrap();
        read_to_end(&mut client).await;
    }
    cut(&service, "header_read_timeout", beginnings.len() as f64).await;
}

#[tokio::test]
async fn a_head_that_trickles_is_cut() {
    let service = Service::with(&[SHORT[0], ("APP_HTTP__KEEP_ALIVE_TIMEOUT", LONG)]).await;
    let mut client = connect(&service).await;
    // One field, for whoever sends too many is cut for that.
    client.write_all(b"GET / HTTP/1.1\r\na: ").await.unwrap();
    sends_until_cut(client, b"b", &service, "header_read_timeout").await;
}

#[tokio::test]
async fn whoever_is_idle_after_a_request_is_asked_to_leave() {
    let service =
        Service::with(&[("APP_HTTP__HEADER_READ_TIMEOUT", LONG), SHORT[1], SHORT[2]]).await;
    let mut client = connect(&service).await;
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let answer = read_to_end(&mut client).await;
    assert!(answer.starts_with(b"HTTP/1.1 404"), "{answer:?}");

    let mut client = connect(&service).await;
    let request = [frames::PREFACE, &frames::settings(), &frames::get(1)].concat();
    client.write_all(&request).await.unwrap();
    // It answers nothing, neither PING nor GOAWAY.
    let answer = frames::kinds(&read_to_end(&mut client).await);
    assert!(answer.contains(&frames::GOAWAY), "{answer:?}");
    cut(&service, "keep_alive_timeout", 2.0).await;
}

#[tokio::test]
async fn a_ping_does_not_keep_a_connection() {
    let service =
        Service::with(&[("APP_HTTP__HEADER_READ_TIMEOUT", LONG), SHORT[1], SHORT[2]]).await;
    let mut client = connect(&service).await;
    let request = [frames::PREFACE, &frames::settings(), &frames::get(1)].concat();
    client.write_all(&request).await.unwrap();
    sends_until_cut(client, &frames::ping(), &service, "keep_alive_timeout").await;
}

#[tokio::test]
async fn a_client_that_is_gone_with_a_request_in_flight_is_found_by_ping() {
    let service = Service::with(&[
        ("APP_HTTP2__PING_INTERVAL", "200ms"),
        ("APP_HTTP2__PING_TIMEOUT", "200ms"),
        ("APP_HTTP__REQUEST_BODY_TIMEOUT", LONG),
        ("APP_HTTP__REQUEST_TIMEOUT", LONG),
    ])
    .await;
    let mut client = connect(&service).await;
    let request = [
        frames::PREFACE,
        &frames::settings(),
        &frames::post_without_body(1),
    ]
    .concat();
    client.write_all(&request).await.unwrap();
    read_to_end(&mut client).await;
    cut(&service, "ping_timeout", 1.0).await;
}

#[tokio::test]
async fn whoever_does_not_end_a_body_that_is_refused_is_left_and_not_cut() {
    let service = Service::with(&SHORT).await;
    let mut client = connect(&service).await;
    let head = "POST /api/v1/items HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_status(&mut client).await, 401);
    let open = r#"http_server_open_connections{listener="public"}"#;
    service.series(open, |count| count == 0.0).await;
    let metrics = service.metrics().await;
    let cut = r#"http_server_connection_cut_total{listener="public""#;
    assert!(!metrics.contains(cut), "{metrics}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_by_either_version() {
    let service = Service::with(&[("APP_HTTP__HEADER_LIMIT_BYTES", "8192")]).await;
    let mut client = connect(&service).await;
    let head = format!(
        "GET / HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
        "b".repeat(9000)
    );
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_status(&mut client).await, 431);
    cut(&service, "header_too_large", 1.0).await;

    let client = Client::connect(&Transport::Plain, Version::HTTP_2, service.public).await;
    let mut client = client.unwrap();
    let large = format!("/{}", "b".repeat(9000));
    assert_eq!(client.status(&large).await, 431);
    assert_eq!(client.status(PATH).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn too_many_fields_are_431_by_either_version() {
    let service = Service::start().await;
    let fields: String = (0..100).map(|n| format!("a{n}: b\r\n")).collect();
    let mut client = connect(&service).await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\n{fields}\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_status(&mut client).await, 431);

    let http2 = reqwest::Client::builder()
        .timeout(PATIENCE)
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let ask = |fields: usize| {
        let request = http2.get(service.url(PATH));
        (0..fields)
            .fold(request, |r, n| r.header(format!("a{n}"), "b"))
            .send()
    };
    assert_eq!(ask(90).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(ask(101).await.unwrap().status(), 431);
    let refused = r#"limits_refused_requests_total{setting="http.header_limit_fields"}"#;
    service.series(refused, |count| count == 1.0).await;
}

#[tokio::test]
async fn whoever_takes_back_requests_without_end_is_told_to_calm_down() {
    let service = Service::start().await;
    let mut client = connect(&service).await;
    let mut flood = [frames::PREFACE, &*frames::settings()].concat();
    for stream in (1..4001).step_by(2) {
        flood.extend(frames::get(stream));
        flood.extend(frames::reset(stream));
    }
    // It may be cut while it sends.
    let _ = client.write_all(&flood).await;
    read_to_end(&mut client).await;
    cut(&service, "flood", 1.0).await;
}

#[tokio::test]
async fn at_the_limit_of_connections_a_further_one_waits_for_its_place() {
    let service = Service::with(&[("APP_HTTP__CONNECTIONS", "2")]).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let client = Client::connect(&Transport::Plain, Version::HTTP_11, service.public);
        let mut client = client.await.unwrap();
        client.status(PATH).await;
        clients.push(client);
    }
    let reached = r#"http_server_connection_limit_reached_total{listener="public"}"#;
    service.series(reached, |times| times == 1.0).await;
    let mut third = Client::connect(&Transport::Plain, Version::HTTP_11, service.public)
        .await
        .unwrap();
    let waiting = tokio::spawn(async move { third.status(PATH).await });
    assert_eq!(service.probe("/readyz").await, StatusCode::OK);
    assert!(!waiting.is_finished());
    clients.pop();
    assert_eq!(waiting.await.unwrap(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn open_connections_are_counted_as_long_as_they_are_open() {
    let service = Service::start().await;
    let open = r#"http_server_open_connections{listener="public"}"#;
    let client = TcpStream::connect(service.public).await.unwrap();
    service.series(open, |count| count == 1.0).await;
    drop(client);
    service.series(open, |count| count == 0.0).await;
}

#[tokio::test]
async fn no_more_connections_are_taken_than_the_limit_of_open_files_allows() {
    let mut command = Command::new("prlimit");
    command.args(["--nofile=160", BINARY, "serve"]);
    let service = Service::launch(command, &[]).await;
    let limit = r#"http_server_connection_limit{listener="public"}"#;
    service.series(limit, |limit| limit == 120.0).await;
    let mut clients = Vec::new();
    // More than twice as many wait as the standard library's backlog of 128 holds.
    for _ in 0..400 {
        clients.push(TcpStream::connect(service.public).await.unwrap());
    }
    let open = r#"http_server_open_connections{listener="public"}"#;
    service.series(open, |open| open == 120.0).await;
    assert_eq!(service.probe("/readyz").await, StatusCode::OK);
    let line = service.log_line(|line| line["limit"] == 160).await;
    assert_eq!(line["level"], "WARN");
}

/// Ticks of processor time that a process has used, by proc(5).
fn processor_time(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn without_descriptors_probes_are_answered_and_the_processor_rests() {
    // Nobody is cut meanwhile.
    let service = Service::with(&[("APP_HTTP__HEADER_READ_TIMEOUT", LONG)]).await;
    let limit = |descriptors: &str| {
        let process = service.id().to_string();
        let mut prlimit = Command::new("prlimit");
        let prlimit = prlimit.args(["--pid", &process, &format!("--nofile={descriptors}:")]);
        assert!(prlimit.status().unwrap().success());
    };
    // Numbers are given from the lowest on: none is free below the highest, but for what
    // these take.
    let open = fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap();
    let numbers = open.map(|fd| fd.unwrap().file_name().into_string().unwrap());
    let highest: u32 = numbers.map(|n| n.parse().unwrap()).max().unwrap();
    limit(&(highest + 1).to_string());
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(service.public).await.unwrap());
    }
    let waiting = Client::connect(&Transport::Plain, Version::HTTP_11, service.public);
    let mut waiting = waiting.await.unwrap();
    let waiting = tokio::spawn(async move { waiting.status(PATH).await });
    let failed = r#"http_server_accept_failures_total{listener="public",reason="descriptors"}"#;
    let before = processor_time(service.id());
    // Each is a try of the public listener; in between it must rest.
    let tries = service.series(failed, |tries| tries >= 5.0).await;
    let used = processor_time(service.id()) - before;
    assert!(tries < 100.0, "{tries} tries, {used} ticks");
    for _ in 0..20 {
        // By a connection of its own each, as an orchestrator asks.
        let url = format!("http://{}/livez", service.operations);
        let answer = http().get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert!(!waiting.is_finished());
    limit("1024");
    let answered = tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await;
    assert_eq!(answered.unwrap().unwrap(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whoever_asks_and_does_not_read_is_cut_and_told_so() {
    let service = Service::with(&[
        ("APP_HTTP__WRITE_TIMEOUT", "300ms"),
        ("APP_HTTP__HEADER_READ_TIMEOUT", LONG),
        ("APP_HTTP__KEEP_ALIVE_TIMEOUT", LONG),
    ])
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(service.public).await.unwrap();
    // Its 1.4 MB are more than Linux may take in the place of a client that reads nothing;
    // elsewhere they are to be more than the buffers of both sides hold.
    let requests = if cfg!(target_os = "linux") { 1 } else { 20 };
    let request = "GET /docs/ui/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n\r\n".repeat(requests);
    client.write_all(request.as_bytes()).await.unwrap();
    cut(&service, "write_timeout", 1.0).await;
    // By a reset: an end would wait in the system behind all that was not taken.
    let mut read = Vec::new();
    let told = tokio::time::timeout(PATIENCE, client.read_to_end(&mut read));
    let error = told.await.unwrap().expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn whoever_opens_no_window_for_an_answer_is_cut_though_it_answers_pings() {
    let service = Service::with(&[
        ("APP_HTTP__WRITE_TIMEOUT", "1s"),
        ("APP_HTTP2__PING_INTERVAL", "100ms"),
        ("APP_HTTP__HEADER_READ_TIMEOUT", LONG),
        ("APP_HTTP__KEEP_ALIVE_TIMEOUT", LONG),
    ])
    .await;
    let mut client = connect(&service).await;
    let request = [
        frames::PREFACE,
        &frames::settings_without_window(),
        &frames::get(1),
    ]
    .concat();
    client.write_all(&request).await.unwrap();
    // Any PING's: they hold eight bytes of the server's own.
    while let Some(payload) = frames::next_ping(&mut client).await {
        if client.write_all(&frames::pong(&payload)).await.is_err() {
            break;
        }
    }
    cut(&service, "write_timeout", 1.0).await;
}

#[tokio::test]
async fn what_is_no_http_is_told_so() {
    let service = Service::start().await;
    let mut client = connect(&service).await;
    client.write_all(b"\x00\x01\x02\r\n\r\n").await.unwrap();
    assert_eq!(read_status(&mut client).await, StatusCode::BAD_REQUEST);
    cut(&service, "malformed", 1.0).await;
}
