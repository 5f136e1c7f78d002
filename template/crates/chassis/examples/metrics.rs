//! The metrics layer, with a page for Prometheus to scrape.
//!
//! ```sh
//! cargo run -p axum-chassis --example metrics --features axum,metrics,prometheus
//! curl http://127.0.0.1:3000/hello/Ada
//! curl http://127.0.0.1:3000/made/up
//! curl http://127.0.0.1:3000/metrics
//! curl -H 'Accept: application/openmetrics-text' http://127.0.0.1:3000/metrics
//! ```

use std::error::Error;

use axum::{
    Router,
    extract::{Path, State},
    http::{
        HeaderMap,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::IntoResponse,
    routing::get,
};
use axum_chassis::{metrics::MetricsLayer, prometheus::Registry};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, MeterProvider},
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::builder()
        .resource([KeyValue::new("service.name", "example")])
        .build();
    let meter = registry.meter("example");
    // A metric of one's own goes the same way as those of the layer.
    let greetings = meter
        .u64_counter("greetings")
        .with_description("Greetings given.")
        .build();

    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .with_state(greetings)
        .layer(MetricsLayer::new(&meter))
        // Outside of the layer, and so not counted itself.
        .route("/metrics", get(scrape).with_state(registry));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "try http://{0}/hello/Ada and http://{0}/metrics",
        listener.local_addr()?
    );
    axum::serve(listener, app).await?;
    Ok(())
}

async fn hello(State(greetings): State<Counter<u64>>, Path(name): Path<String>) -> String {
    greetings.add(1, &[]);
    format!("hello, {name}\n")
}

async fn scrape(State(registry): State<Registry>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let page = registry.exposition(accept);
    ([(CONTENT_TYPE, page.content_type())], page.into_text())
}
