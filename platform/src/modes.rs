//! The modes, as they are shipped for hosts, in front of a sink.

use anyhow::Result;

use crate::{collector::Collector, composition::Composition, pki::Pki, setup::Setup, sink::Sink};

type Settings<'a> = &'a [(&'a str, String)];

/// Where signals go.
pub fn to(sink: &Sink) -> Vec<(&'static str, String)> {
    let (address, url) = (sink.address.to_string(), format!("http://{}", sink.address));
    vec![
        ("COLLECTOR_TRACES_ENDPOINT", address),
        ("COLLECTOR_METRICS_ENDPOINT", url.clone()),
        ("COLLECTOR_LOGS_ENDPOINT", url),
    ]
}

pub async fn agent(setup: &Setup, sink: &Sink, settings: Settings<'_>) -> Result<Collector> {
    let composition = setup.composition("agent")?;
    agent_of(setup, composition, sink, settings).await
}

/// An agent with other layers.
pub async fn agent_of(
    setup: &Setup,
    composition: Composition,
    sink: &Sink,
    settings: Settings<'_>,
) -> Result<Collector> {
    let settings = [&to(sink), settings].concat();
    Collector::start(setup, "agent", composition, &settings).await
}

pub async fn gateway(
    setup: &Setup,
    sink: &Sink,
    pki: &Pki,
    settings: Settings<'_>,
) -> Result<Collector> {
    behind_tls(setup, "gateway", sink, pki, settings).await
}

/// An agent, and the gateways that it sends to.
pub struct Hybrid {
    pub agent: Collector,
    pub gateways: [Collector; 2],
}

pub async fn hybrid(
    setup: &Setup,
    sink: &Sink,
    pki: &Pki,
    of_gateways: Settings<'_>,
) -> Result<Hybrid> {
    let gateways = [
        shard(setup, sink, pki, of_gateways).await?,
        shard(setup, sink, pki, of_gateways).await?,
    ];
    let shards = [
        ("COLLECTOR_SHARD_0", gateways[0].grpc()),
        ("COLLECTOR_SHARD_1", gateways[1].grpc()),
    ];
    let settings = [&to(sink)[..], &pki.client, &shards].concat();
    let composition = setup.composition("hybrid-agent")?;
    let agent = Collector::start(setup, "hybrid-agent", composition, &settings).await?;
    Ok(Hybrid { agent, gateways })
}

/// A gateway of the hybrid, alone.
pub async fn shard(
    setup: &Setup,
    sink: &Sink,
    pki: &Pki,
    settings: Settings<'_>,
) -> Result<Collector> {
    behind_tls(setup, "hybrid-gateway", sink, pki, settings).await
}

/// In a mode that asks for TLS and a token.
async fn behind_tls(
    setup: &Setup,
    mode: &'static str,
    sink: &Sink,
    pki: &Pki,
    settings: Settings<'_>,
) -> Result<Collector> {
    let settings = [&to(sink), &pki.server, settings].concat();
    let composition = setup.composition(mode)?;
    Collector::start(setup, mode, composition, &settings).await
}

/// All traces are kept, and it is soon decided so.
pub fn all_are_kept() -> Vec<(&'static str, String)> {
    vec![
        ("COLLECTOR_TRACE_PERCENT", "100".to_owned()),
        ("COLLECTOR_DECISION_WAIT", "2s".to_owned()),
    ]
}
