//! The page that Prometheus scrapes, of counters with three labels.

mod floor;
mod metrics_exporter;
mod opentelemetry;
mod ours;
mod prometheus;
mod prometheus_client;

use anyhow::{Result, ensure};

use crate::{catalogue::Entry, subject::Subject};

pub const OF_10_000: &[Entry] = &[
    floor::FLOOR,
    opentelemetry::OTEL,
    metrics_exporter::EXPORTER,
    prometheus::PROMETHEUS,
    prometheus_client::CLIENT,
    ours::OURS,
    ours::OPENMETRICS,
];

const SERIES: u64 = 10_000;

/// The labels of a counter, and what it has counted.
struct Sold {
    shop: String,
    article: String,
    outcome: &'static str,
    count: u64,
}

fn all() -> impl Iterator<Item = Sold> {
    (0..SERIES).map(|n| Sold {
        shop: format!("shop-{}", n / 100),
        article: format!("article-{}", n / 2 % 50),
        outcome: ["paid", "cancelled"][(n % 2) as usize],
        count: n * 37,
    })
}

/// A page that holds every series.
fn subject(render: impl Fn() -> String + Clone + Send + 'static) -> Subject {
    let page = render.clone();
    Subject::page(render).prove(move |_| prove(&page()))
}

fn prove(page: &str) -> Result<()> {
    let lines = page.lines().filter(|line| line.starts_with("sold_total{"));
    let (mut series, mut sum) = (0, 0);
    for line in lines {
        // Behind the hash there is an exemplar, if there is one.
        let line = line.split(" # ").next().unwrap_or_default();
        let (labels, value) = line.rsplit_once(' ').unwrap_or_default();
        let complete = ["shop=", "article=", "outcome="].map(|label| labels.contains(label));
        ensure!(complete == [true; 3], "a label is missing: {line}");
        series += 1;
        sum += value.parse::<u64>()?;
    }
    let expected: u64 = all().map(|sold| sold.count).sum();
    ensure!(
        series == SERIES && sum == expected,
        "{series} series with {sum}"
    );
    Ok(())
}
