use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::{
    server::Connections,
    telemetry::{ProcessUsage, process_usage},
};

/// What the process uses now: the same as some of the metrics, for a person's eyes.
#[derive(Serialize)]
pub(super) struct Usage {
    /// Open ones, by listener.
    connections: BTreeMap<&'static str, usize>,
    tokio: Tokio,
    /// Where the kernel tells of it.
    process: Option<ProcessUsage>,
}

#[derive(Serialize)]
struct Tokio {
    workers: usize,
    alive_tasks: usize,
    /// Tasks that wait for any worker.
    global_queue_depth: usize,
    /// For how long each worker had work.
    busy_seconds: Vec<f64>,
}

pub(super) async fn show(State(connections): State<Connections>) -> Json<Usage> {
    let runtime = Handle::current().metrics();
    let workers = runtime.num_workers();
    let busy = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker));
    Json(Usage {
        connections: connections.open(),
        tokio: Tokio {
            workers,
            alive_tasks: runtime.num_alive_tasks(),
            global_queue_depth: runtime.global_queue_depth(),
            busy_seconds: busy.map(|time| time.as_secs_f64()).collect(),
        },
        process: process_usage(),
    })
}
