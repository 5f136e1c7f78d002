//! The trace layer alone: one span and one log line a request.
//!
//! ```sh
//! cargo run -p axum-chassis --example trace --features axum,trace
//! curl -i http://127.0.0.1:3000/hello/Ada
//! curl -i http://127.0.0.1:3000/fail
//! curl -i http://127.0.0.1:3000/trace \
//!     -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
//! ```

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_chassis::{
    Cause,
    trace::{TraceLayer, current_trace_id},
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    tracing_subscriber::fmt().init();
    // Without an exporter, spans have ids all the same. Add one to send them off.
    let tracer = SdkTracerProvider::builder().build().tracer("example");

    let app = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/trace", get(trace))
        .route("/fail", get(fail))
        .layer(TraceLayer::new(tracer));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!(
        "try http://{}/hello/Ada, /trace and /fail",
        listener.local_addr()?
    );
    axum::serve(listener, app).await
}

async fn hello(Path(name): Path<String>) -> String {
    tracing::info!("someone says hello");
    format!("hello, {name}\n")
}

/// Shows the caller in which trace this is: the caller's own, if it has told one.
async fn trace() -> String {
    current_trace_id().map_or_else(String::new, |id| format!("{id}\n"))
}

/// The client sees the status, the log the cause.
async fn fail() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response
        .extensions_mut()
        .insert(Cause::new("the disk is full"));
    response
}
