//! The metrics layer alone, with a page for Prometheus to scrape.
//!
//! ```sh
//! cargo run -p axum-chassis --example metrics --features axum,metrics
//! curl http://127.0.0.1:3000/hello/Ada
//! curl http://127.0.0.1:3000/made/up
//! curl http://127.0.0.1:3000/metrics
//! ```

use std::error::Error;

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use axum_chassis::metrics::MetricsLayer;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .build()?;
    let provider = SdkMeterProvider::builder().with_reader(reader).build();

    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .layer(MetricsLayer::new(&provider.meter("example")))
        // Outside of the layer, and so not counted itself.
        .route("/metrics", get(async move || scrape(&registry)));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "try http://{0}/hello/Ada and http://{0}/metrics",
        listener.local_addr()?
    );
    axum::serve(listener, app).await?;
    Ok(())
}

async fn hello(Path(name): Path<String>) -> String {
    format!("hello, {name}\n")
}

fn scrape(registry: &Registry) -> Result<String, StatusCode> {
    let page = TextEncoder::new().encode_to_string(&registry.gather());
    page.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
