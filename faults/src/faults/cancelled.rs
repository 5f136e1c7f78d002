//! Clients that hang up while the database works for them leave no connection behind.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::{io::AsyncWriteExt, net::TcpStream};
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
/// So many are asked while the database answers, and as many when it does not.
const HALF: usize = 50;
const MOST: usize = 10_000;
/// What the database takes for each answer.
const SLOW: Duration = Duration::from_millis(20);

const COUNT: &str = "http_server_request_duration_seconds_count{error_type=\"cancelled\"";
const ACTIVE: &str = "http_server_active_requests";
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
    let before = service.usage()?;
    let mut clients = 0;
    let begun = Instant::now();
    while service.sum(COUNT).await? < CANCELLED {
        ensure!(clients < MOST, "too few are cut while in work");
        proxy.behave(Mode::Slow(SLOW));
        // Some are answered, some are in the middle of it when all comes to a halt.
        let mut batch = ask(&service, clients).await?;
        proxy.behave(Mode::Silence);
        batch.extend(ask(&service, clients + HALF).await?);
        service
            .until_sum(ACTIVE, |active| active >= HALF as f64)
            .await?;
        drop(batch);
        service.until_sum(ACTIVE, |active| active == 0.0).await?;
        clients += 2 * HALF;
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
        "{} clients in {:.1} s; the database takes {} ms for an answer, then none comes, and they \
         hang up",
        thousands(clients as u64),
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

/// Clients that have sent a request each, and wait for its answer.
async fn ask(service: &Service, first: usize) -> Result<Vec<TcpStream>> {
    let mut clients = Vec::new();
    for number in first..first + HALF {
        let mut stream = TcpStream::connect(service.public).await?;
        let request = request(service, number);
        stream.write_all(request.as_bytes()).await?;
        clients.push(stream);
    }
    Ok(clients)
}
