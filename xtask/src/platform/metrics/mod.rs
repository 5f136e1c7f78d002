//! Prometheus, Alertmanager and Thanos: what is shipped of them, read by their own tools.

mod config;
pub mod manifests;
pub mod operator;
mod programs;
mod queries;
mod routes;
mod rules;

use anyhow::Result;

pub use self::programs::Programs;
use crate::test::report::Report;

/// What is checked without a cluster, and without anything that runs for long.
pub fn run(report: &mut Report, programs: &Programs) -> Result<()> {
    config::run(report, programs)?;
    rules::run(report, programs)?;
    operator::run(report)?;
    queries::run(report, programs)?;
    routes::run(report, programs)
}
