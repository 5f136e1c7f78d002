//! One of two gateways is away.

use anyhow::Result;

use crate::{
    client::Client,
    modes,
    pki::Pki,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Trace},
};

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path())?;
    let sink = Sink::start().await?;
    let mut hybrid = modes::hybrid(&setup, &sink, &pki, &modes::all_are_kept()).await?;
    let client = Client::plain(&hybrid.agent.grpc())?;
    hybrid.gateways[1].stop().await?;
    let traces = Trace::some(setup.of(4_000, 400), Kind::Ordinary);
    client.traces(&traces, 100).await?;
    let (first, second): (Vec<_>, Vec<_>) = traces.iter().cloned().partition(is_first);
    sink.until("those of the gateway that is there have come", |sink| {
        sink.torn(&first) == 0
    })
    .await?;
    let early = second.len() - sink.torn(&second);
    hybrid.gateways[1].start_again().await?;
    sink.until("those of the other have come", |sink| {
        sink.torn(&second) == 0
    })
    .await?;
    let sent = (traces.len() * SPANS) as u64;
    Ok(Outcome::of(format!(
        "{} traces went through the gateway that was there, {} waited for the other and came when it did; {} spans twice",
        first.len(),
        second.len(),
        sink.counted() - sent,
    ))
    .goal(early == 0, format!("{early} traces took the wrong way"))
    .goal(!second.is_empty() && !first.is_empty(), "all traces were of one shard"))
}

/// As export-shards.yaml says it.
fn is_first(trace: &Trace) -> bool {
    trace.id.last().is_some_and(|last| last & 0x0f < 8)
}
