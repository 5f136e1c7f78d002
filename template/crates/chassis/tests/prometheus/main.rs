//! What a scrape shows of the instruments of OpenTelemetry.

#![cfg(feature = "prometheus")]

mod bounds;
mod exemplars;
mod formats;
mod instruments;
mod names;
mod observables;
mod parse;
mod push;
mod random;
mod threads;

use axum_chassis::prometheus::Registry;
use opentelemetry::metrics::{Meter, MeterProvider};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

fn meter(registry: &Registry) -> Meter {
    registry.meter("test")
}

/// The exposition in the text format.
fn text(registry: &Registry) -> String {
    registry.exposition(None).into_text()
}

/// The exposition in OpenMetrics.
fn open_metrics(registry: &Registry) -> String {
    registry.exposition(Some(OPEN_METRICS)).into_text()
}

/// The lines of the text format that begin so, without what they begin with.
fn lines(registry: &Registry, start: &str) -> Vec<String> {
    let text = text(registry);
    let lines = text.lines().filter_map(|line| line.strip_prefix(start));
    lines.map(str::to_owned).collect()
}
