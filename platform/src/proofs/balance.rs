//! The other way to the gateways: any number of them.

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

const GATEWAYS: usize = 3;
const AT_ONCE: usize = 100;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path())?;
    let sink = Sink::start().await?;
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(modes::shard(&setup, &sink, &pki, &modes::all_are_kept()).await?);
    }
    let addresses: Vec<_> = gateways.iter().map(|gateway| gateway.grpc()).collect();
    let extensions = "[health_check, file_storage, bearertokenauth/gateways]";
    let settings = [
        &pki.client[..],
        &modes::all_are_kept(),
        &[
            ("COLLECTOR_TRACES_TO", "[loadbalancing]".to_owned()),
            ("COLLECTOR_EXTENSIONS", extensions.to_owned()),
            ("COLLECTOR_GATEWAYS", format!("[{}]", addresses.join(", "))),
        ],
    ]
    .concat();
    let composition = setup.composition("agent")?.and("export-balance.yaml");
    let agent = modes::agent_of(&setup, composition, &sink, &settings).await?;
    let client = Client::plain(&agent.grpc())?;
    let traces = Trace::some(setup.of(6_000, 600), Kind::Ordinary);
    let (first, second) = traces.split_at(traces.len() / 2);
    client.traces(first, AT_ONCE).await?;
    sink.until("all have come", |sink| sink.torn(first) == 0)
        .await?;
    // A trace that two gateways got would have been decided on twice.
    let mut decided = 0.0;
    let name = "otelcol_processor_tail_sampling_new_trace_id_received";
    for gateway in &gateways {
        decided += gateway.sum(name, "").await?;
    }
    gateways[GATEWAYS - 1].stop().await?;
    client.traces(second, AT_ONCE).await?;
    gateways[GATEWAYS - 1].start_again().await?;
    sink.until("those sent while one was away have come", |sink| {
        sink.torn(second) == 0
    })
    .await?;
    let sent = (traces.len() * SPANS) as u64;
    Ok(Outcome::of(format!(
        "{} traces to {GATEWAYS} gateways, which saw {decided} different ones; {} more while one was away: all came, {} of {sent} spans twice",
        first.len(),
        second.len(),
        sink.counted() - sent,
    ))
    .goal(decided as usize == first.len(), "traces are torn"))
}
