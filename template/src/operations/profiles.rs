//! Where the time goes and where the memory is, for `go tool pprof` and its like.

use std::time::Duration;

use axum::{
    Router,
    extract::Query,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use axum_chassis::Cause;
use jemalloc_pprof::PROF_CTL;
use pprof::protos::Message;
use serde::Deserialize;
use tokio::{sync::Semaphore, time::sleep};

use super::Operations;
use crate::problem::Problem;

/// One profile at a time: each costs what it measures.
static TURN: Semaphore = Semaphore::const_new(1);

const DEFAULT_SECONDS: u64 = 10;
const LONGEST_SECONDS: u64 = 60;
/// Samples a second. Not 100: that would beat in time with what runs ten times a second.
const FREQUENCY_HERTZ: i32 = 99;
/// In these the stack cannot be walked from a signal.
const NOT_SAMPLED: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];

pub(super) fn router() -> Router<Operations> {
    Router::new()
        .route("/debug/pprof/profile", get(cpu))
        .route("/debug/pprof/heap", get(heap))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct For {
    #[serde(default = "default_seconds")]
    seconds: u64,
}

fn default_seconds() -> u64 {
    DEFAULT_SECONDS
}

/// Looks for some seconds at what the threads do. If the client leaves, it ends too.
async fn cpu(Query(For { seconds }): Query<For>) -> Response {
    if !(1..=LONGEST_SECONDS).contains(&seconds) {
        let detail = format!("seconds must be from 1 to {LONGEST_SECONDS}");
        return refused(StatusCode::BAD_REQUEST, detail);
    }
    let Ok(_turn) = TURN.try_acquire() else {
        return busy();
    };
    let profiler = pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY_HERTZ)
        .blocklist(&NOT_SAMPLED)
        .build();
    let profiler = match profiler {
        Ok(profiler) => profiler,
        Err(error) => return failed(error),
    };
    sleep(Duration::from_secs(seconds)).await;
    // To name the functions takes long.
    let encoded = tokio::task::spawn_blocking(move || {
        let profile = profiler.report().build()?.pprof()?;
        let encoded = profile.write_to_bytes().map_err(std::io::Error::other)?;
        Ok::<_, pprof::Error>(encoded)
    });
    match encoded.await {
        Ok(Ok(profile)) => attachment("cpu.pb", profile),
        Ok(Err(error)) => failed(error),
        Err(error) => failed(error),
    }
}

/// What is allocated and not freed, as far as it was sampled.
async fn heap() -> Response {
    let Ok(_turn) = TURN.try_acquire() else {
        return busy();
    };
    let Some(control) = PROF_CTL.as_ref() else {
        let detail = "start the service with _RJEM_MALLOC_CONF=prof:true,lg_prof_sample:19";
        return refused(StatusCode::NOT_IMPLEMENTED, detail);
    };
    let mut control = control.clone().lock_owned().await;
    match tokio::task::spawn_blocking(move || control.dump_pprof()).await {
        Ok(Ok(profile)) => attachment("heap.pb.gz", profile),
        Ok(Err(error)) => failed(std::io::Error::other(format!("{error:#}"))),
        Err(error) => failed(error),
    }
}

fn attachment(name: &str, profile: Vec<u8>) -> Response {
    let mut response = profile.into_response();
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, octets);
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}

fn busy() -> Response {
    let detail = "another profile is being made: wait for its end";
    refused(StatusCode::CONFLICT, detail)
}

fn refused(status: StatusCode, detail: impl Into<String>) -> Response {
    Problem::of_status(status).detail(detail).into_response()
}

/// There is no trace layer here that would log the cause.
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Response {
    tracing::error!(cause = %Cause::new(error), "there is no profile");
    refused(StatusCode::INTERNAL_SERVER_ERROR, "see the log")
}
