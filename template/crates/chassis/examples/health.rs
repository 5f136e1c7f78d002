//! Gives a plain axum router its probes.
//!
//! `cargo run -p axum-chassis --example health --features axum,health`

use std::{error::Error, time::Duration};

use axum::{Router, routing::get};
use axum_chassis::health::{BoxError, Check, Health, HealthLayer};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let health = Health::builder()
        .check(Check::new("database", || connect("127.0.0.1:5432")))
        .check(Check::new("cache", || connect("127.0.0.1:6379")).degraded())
        .build();
    // The checks run for as long as this is kept.
    let _checks = health.spawn();

    let router = Router::new()
        .route("/", get(async || "Hello!\n"))
        .layer(HealthLayer::new(health.clone()));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("curl -i '{url}/livez'          # 200");
    println!("curl -i '{url}/readyz'         # 200 if something listens on port 5432");
    println!("curl -i '{url}/readyz?verbose' # and why not");
    println!("curl -i '{url}/readyz/cache'   # that check alone");
    println!("curl -i '{url}/readyz?exclude=database'");
    println!("Ctrl-C drains for ten seconds: readiness is red, liveness is not.");
    health.mark_started();
    axum::serve(listener, router)
        .with_graceful_shutdown(lame_duck(health))
        .await?;
    Ok(())
}

async fn connect(address: &str) -> Result<(), BoxError> {
    TcpStream::connect(address).await?;
    Ok(())
}

async fn lame_duck(health: Health) {
    if tokio::signal::ctrl_c().await.is_ok() {
        health.mark_draining();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}
