//! The service with routes that panic: all else is the service's own, but for its
//! command line.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Result, anyhow};
use axum::{Router, extract::State, routing::get};
use service::{
    config::{Config, Environment},
    panics, routes, runtime, server,
    telemetry::Telemetry,
};
use tokio::sync::Barrier;

/// So many requests wait for each other, and then panic at once.
const AT_ONCE: usize = 1000;

fn main() -> Result<ExitCode> {
    let loaded = Config::load(&Environment::of_process()).map_err(|f| anyhow!("{f}"))?;
    let telemetry = Telemetry::start(&loaded.config)?;
    panics::watch(&telemetry.meter());
    let routes = Router::from(routes::router()).merge(panicking());
    let runtime = runtime::start(&loaded.config.runtime)?;
    let ending = runtime.block_on(server::run(&loaded, &telemetry, routes, None))?;
    let flushed = telemetry.flush(loaded.config.shutdown.flush_timeout);
    Ok(if ending.is_clean() && flushed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn panicking<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/panic", get(panic))
        .route("/panic/at-once", get(panic_at_once))
        .with_state(Arc::new(Barrier::new(AT_ONCE)))
}

async fn panic() {
    panic!("in a handler")
}

async fn panic_at_once(State(barrier): State<Arc<Barrier>>) {
    barrier.wait().await;
    panic!("with all the others")
}
