//! Metrics layers, each with the page or the exporter that its README has.

mod axum_otel_metrics;
mod axum_prometheus;
mod floor;
mod ours;

use anyhow::{Context, Result, ensure};

pub use self::{
    axum_otel_metrics::OTEL, axum_prometheus::PROMETHEUS, floor::FLOOR, ours::OURS, ours::PUSHED,
    ours::layer,
};

/// Checks that the lines of a Prometheus page that begin so have a label with
/// this value and count to so many requests.
pub fn prove(page: &str, beginning: &str, label: &str, requests: u64) -> Result<()> {
    let lines = page.lines().filter(|line| line.starts_with(beginning));
    let lines: Vec<_> = lines.filter(|line| line.contains(label)).collect();
    ensure!(!lines.is_empty(), "no {beginning} with {label} in:\n{page}");
    let mut counted = 0;
    for line in lines {
        let (_, value) = line.rsplit_once(' ').context("a line has a value")?;
        counted += value.parse::<u64>()?;
    }
    ensure!(
        counted == requests,
        "{counted} of {requests} requests are counted"
    );
    Ok(())
}
