//! The hybrid chooses among whole traces.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::Result;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point::Value};
use tokio::time::sleep;

use crate::{
    client::Client,
    modes,
    pki::Pki,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Trace, ids},
};

const PERCENT: f64 = 10.0;
/// Standard deviations within which a sample is: outside once in two million runs.
const SIGMAS: f64 = 5.0;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (many, few) = (setup.of(20_000, 4_000), setup.of(2_000, 200));
    let ordinary = Trace::some(many, Kind::Ordinary);
    let special = [Trace::some(few, Kind::Failed), Trace::some(few, Kind::Slow)].concat();
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path())?;
    let sink = Sink::start().await?;
    let settings = [
        ("COLLECTOR_TRACE_PERCENT", PERCENT.to_string()),
        ("COLLECTOR_DECISION_WAIT", "3s".to_owned()),
        ("COLLECTOR_SPAN_METRICS_INTERVAL", "1s".to_owned()),
    ];
    let hybrid = modes::hybrid(&setup, &sink, &pki, &settings).await?;
    let mut traces = [ordinary.clone(), special.clone()].concat();
    fastrand::shuffle(&mut traces);
    let client = Client::plain(&hybrid.agent.grpc())?;
    client.traces(&traces, 100).await?;
    sink.until("all that failed or was slow has come", |sink| {
        sink.torn(&special) == 0
    })
    .await?;
    let sent = traces.len() * SPANS;
    sink.until("all spans are counted", |sink| {
        calls(&sink.metrics()) >= sent as f64
    })
    .await?;
    until_quiet(&sink).await;
    let come = sink.come();
    let kept = ids(&ordinary)
        .intersection(&come.keys().cloned().collect())
        .count();
    let expected = many as f64 * PERCENT / 100.0;
    let deviation = (expected * (1.0 - PERCENT / 100.0)).sqrt();
    let incomplete = come.values().filter(|ids| ids.len() != SPANS).count();
    let mut shares = Vec::new();
    for gateway in &hybrid.gateways {
        shares.push(gateway.sum("otelcol_receiver_accepted_spans", "").await? as usize);
    }
    let halves = sent as f64 / 2.0;
    let counted = calls(&sink.metrics());
    Ok(Outcome::of(format!(
        "{} of {} traces that failed or were slow, {kept} of {many} others ({:.1} %, {PERCENT} wanted); each whole; {counted} of {sent} spans counted before; the gateways got {} and {} spans",
        special.len(),
        special.len(),
        100.0 * kept as f64 / many as f64,
        shares[0],
        shares[1],
    ))
    .goal((kept as f64 - expected).abs() < SIGMAS * deviation, "not the ratio that was wanted")
    .goal(incomplete == 0, format!("{incomplete} traces are torn"))
    .goal(counted as usize == sent, "spans were not counted, or twice")
    .goal(
        shares.iter().all(|share| (*share as f64 - halves).abs() < halves / 5.0),
        "the gateways' shares differ",
    ))
}

/// Waits until nothing has come for longer than a decision takes.
async fn until_quiet(sink: &Sink) {
    let (mut counted, mut since) = (sink.counted(), Instant::now());
    while since.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(50)).await;
        if sink.counted() != counted {
            (counted, since) = (sink.counted(), Instant::now());
        }
    }
}

/// What both gateways have counted so far: the last value of each series.
fn calls(metrics: &[Metric]) -> f64 {
    let mut last = std::collections::BTreeMap::new();
    for metric in metrics
        .iter()
        .filter(|metric| metric.name.ends_with("calls"))
    {
        let Some(Data::Sum(sum)) = &metric.data else {
            continue;
        };
        for point in &sum.data_points {
            let labels: BTreeSet<_> = point.attributes.iter().map(|a| format!("{a:?}")).collect();
            let value = match point.value {
                Some(Value::AsInt(value)) => value as f64,
                Some(Value::AsDouble(value)) => value,
                None => 0.0,
            };
            last.insert(labels, value);
        }
    }
    last.values().sum()
}
