//! The layer around an axum router, over a socket.

use axum::{Router, routing};
use axum_chassis::health::{Health, HealthLayer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

async fn exchange(health: &Health, request_line: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/hello", routing::get(async || "hello"))
        .layer(HealthLayer::new(health.clone()));
    let server = tokio::spawn(async { axum::serve(listener, router).await });

    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{request_line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    answer
}

#[tokio::test]
async fn it_answers_probes_and_passes_on_what_is_none() {
    let health = Health::builder().build();
    let live = exchange(&health, "GET /livez").await;
    assert!(
        live.starts_with("HTTP/1.1 200") && live.ends_with("\r\n\r\nok\n"),
        "{live}"
    );
    let ready = exchange(&health, "GET /readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 503") && ready.ends_with("unavailable\n"),
        "{ready}"
    );
    assert!(
        exchange(&health, "GET /hello")
            .await
            .ends_with("\r\n\r\nhello")
    );
    assert!(
        exchange(&health, "GET /unknown")
            .await
            .starts_with("HTTP/1.1 404")
    );
}

#[tokio::test]
async fn head_has_the_length_of_get_and_no_body() {
    let head = exchange(&Health::builder().build(), "HEAD /livez").await;
    assert!(
        head.to_ascii_lowercase().contains("content-length: 3\r\n"),
        "{head}"
    );
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}
