//! Clients that hang up while the database works for them leave no connection behind.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet, time::sleep};
use url::Url;

use crate::{
    fault::Outcome,
    load::thousands,
    proxy::{Mode, Proxy},
    service::{Service, until},
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str = "1,000 cancelled requests leak no connection";

const CANCELLED: f64 = 1000.0;
const BATCH: usize = 100;
const MOST_BATCHES: usize = 200;
/// What the database takes for each answer: long enough to hang up meanwhile.
const SLOW: Duration = Duration::from_millis(20);
const HANG_UP: Duration = Duration::from_millis(30);

const COUNT: &str = "http_server_request_duration_seconds_count{error_type=\"cancelled\"";
const USED: &str = "db_client_connection_count{db_client_connection_pool_name=\"store\",\
                    db_client_connection_state=\"used\"}";
/// What the server knows of connections that do something, or hold something.
const BUSY: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND pid <> pg_backend_pid() AND state <> 'idle'";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let direct = postgres::new_database().await;
    let mut url = Url::parse(&direct)?;
    let port = url.port().context("a port")?;
    let proxy = Proxy::start(([127, 0, 0, 1], port).into()).await?;
    // It can be set, for there is a host.
    let _ = url.set_port(Some(proxy.address.port()));
    let service = Service::of(&setup, &setup.service, &[("APP_STORE__URL", url.as_str())]).await?;
    proxy.behave(Mode::Slow(SLOW));
    let before = service.usage()?;
    let mut clients = 0;
    let begun = std::time::Instant::now();
    while service.sum(COUNT).await? < CANCELLED {
        ensure!(
            clients < BATCH * MOST_BATCHES,
            "too few are cut while in work"
        );
        let mut batch = JoinSet::new();
        for _ in 0..BATCH {
            clients += 1;
            batch.spawn(hang_up(request(&service, clients), service.public));
        }
        for hung_up in batch.join_all().await {
            hung_up?;
        }
    }
    proxy.behave(Mode::Pass);
    let took = begun.elapsed();
    let cancelled = service.sum(COUNT).await?;
    let mut server = PgConnection::connect(&direct).await?;
    let mut busy = i64::MAX;
    let given_back = until(async || {
        busy = sqlx::query_scalar(BUSY)
            .fetch_one(&mut server)
            .await
            .unwrap_or(i64::MAX);
        busy == 0 && service.sum(USED).await.is_ok_and(|used| used == 0.0)
    })
    .await;
    let descriptors = service.usage()?.descriptors;
    let served = service.get("/api/v1/items").await?;
    Ok(Outcome::of(format!(
        "{} clients hang up after {} ms, in {:.1} s; the database takes {} ms for an answer",
        thousands(clients as u64),
        HANG_UP.as_millis(),
        took.as_secs_f64(),
        SLOW.as_millis(),
    ))
    .lost(format!(
        "{} requests cut in work, {} connections with them; descriptors {} → {descriptors}",
        thousands(cancelled as u64),
        if given_back { 0 } else { busy },
        before.descriptors,
    ))
    .goal(given_back, "connections are not given back")
    .goal(
        served == 200,
        format!("the next request is answered by {served}"),
    ))
}

/// Each second one writes.
fn request(service: &Service, number: usize) -> String {
    let head = format!(
        "HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-type: application/json",
        service.bearer()
    );
    if number.is_multiple_of(2) {
        return format!("GET /api/v1/items {head}\r\n\r\n");
    }
    let body = json!({ "name": format!("cancelled {number}") }).to_string();
    let length = body.len();
    format!("POST /api/v1/items {head}\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Sends a request whole, and does not wait for the answer.
async fn hang_up(request: String, address: std::net::SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    sleep(HANG_UP).await;
    Ok(())
}
