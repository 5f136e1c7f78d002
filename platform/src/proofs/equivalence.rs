//! What a mode is, must not be seen in what comes out of it.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::{
    client::Client,
    modes,
    pki::Pki,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Seen, Trace},
};

/// What an agent knows of its machine, and a gateway cannot.
const OF_THE_MACHINE: [&str; 2] = ["host.name", "os.type"];

pub async fn run(setup: Setup) -> Result<Outcome> {
    let each = setup.of(1000, 100);
    let kinds = [Kind::Ordinary, Kind::Failed, Kind::Slow];
    let traces: Vec<_> = kinds
        .into_iter()
        .flat_map(|kind| Trace::some(each, kind))
        .collect();
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path())?;
    let through = [
        through_agent(&setup, &traces).await?,
        through_gateway(&setup, &traces, &pki).await?,
        through_hybrid(&setup, &traces, &pki).await?,
    ];
    let told = through.each_ref().map(|spans| told(spans));
    let [agent, gateway, hybrid] = &told;
    let sent = traces.len() * SPANS;
    Ok(Outcome::of(format!(
        "{sent} spans in, {} out of the agent, {} of the gateway, {} of the hybrid; all that they say is the same, but for {}",
        agent.len(),
        gateway.len(),
        hybrid.len(),
        OF_THE_MACHINE.join(" and "),
    ))
    .goal(agent.len() == sent, "the agent lost spans")
    .goal(agent == gateway, difference("gateway", agent, gateway))
    .goal(agent == hybrid, difference("hybrid", agent, hybrid)))
}

async fn through_agent(setup: &Setup, traces: &[Trace]) -> Result<Vec<Seen>> {
    let sink = Sink::start().await?;
    let agent = modes::agent(setup, &sink, &modes::all_are_kept()).await?;
    through(&Client::plain(&agent.grpc())?, traces, &sink).await
}

async fn through_gateway(setup: &Setup, traces: &[Trace], pki: &Pki) -> Result<Vec<Seen>> {
    let sink = Sink::start().await?;
    let gateway = modes::gateway(setup, &sink, pki, &modes::all_are_kept()).await?;
    through(&Client::trusted(&gateway.grpc(), pki)?, traces, &sink).await
}

async fn through_hybrid(setup: &Setup, traces: &[Trace], pki: &Pki) -> Result<Vec<Seen>> {
    let sink = Sink::start().await?;
    let hybrid = modes::hybrid(setup, &sink, pki, &modes::all_are_kept()).await?;
    through(&Client::plain(&hybrid.agent.grpc())?, traces, &sink).await
}

async fn through(client: &Client, traces: &[Trace], sink: &Sink) -> Result<Vec<Seen>> {
    client.traces(traces, 50).await?;
    let all = (traces.len() * SPANS) as u64;
    sink.until("all spans have come", |sink| sink.counted() >= all)
        .await?;
    Ok(sink.spans())
}

fn told(spans: &[Seen]) -> BTreeSet<String> {
    spans
        .iter()
        .map(|seen| seen.told(&OF_THE_MACHINE))
        .collect()
}

fn difference(name: &str, agent: &BTreeSet<String>, other: &BTreeSet<String>) -> String {
    let first = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
        a.difference(b).next().cloned().unwrap_or_default()
    };
    format!(
        "agent and {name} differ: {} and {}",
        first(agent, other),
        first(other, agent)
    )
}
