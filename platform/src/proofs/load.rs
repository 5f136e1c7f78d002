//! What a span costs each Collector, by its own processor time: others on the machine do
//! not change it much.

use std::time::Instant;

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::{
    client::Client,
    collector::{Collector, Usage},
    modes,
    pki::Pki,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Trace, requests},
};

const AT_ONCE: usize = 200;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path())?;
    let mut told = vec![
        agent(&setup, setup.of(1_500_000, 60_000)).await?,
        gateway(&setup, &pki, setup.of(1_500_000, 60_000)).await?,
    ];
    told.extend(hybrid(&setup, &pki, setup.of(1_500_000, 60_000)).await?);
    Ok(Outcome::of(told.join("; ")))
}

async fn agent(setup: &Setup, spans: usize) -> Result<String> {
    let sink = Sink::start().await?;
    sink.only_count();
    let agent = modes::agent(setup, &sink, &modes::all_are_kept()).await?;
    let client = Client::plain(&agent.grpc())?;
    let spent = push(&client, spans, &sink, spans, &[&agent]).await?;
    Ok(tell("agent", spans, &spent[0]))
}

async fn gateway(setup: &Setup, pki: &Pki, spans: usize) -> Result<String> {
    let sink = Sink::start().await?;
    sink.only_count();
    let gateway = modes::gateway(setup, &sink, pki, &modes::all_are_kept()).await?;
    let client = Client::trusted(&gateway.grpc(), pki)?;
    let spent = push(&client, spans, &sink, spans, &[&gateway]).await?;
    Ok(tell("gateway", spans, &spent[0]))
}

async fn hybrid(setup: &Setup, pki: &Pki, spans: usize) -> Result<Vec<String>> {
    let sink = Sink::start().await?;
    sink.only_count();
    // A tenth is kept: what is decided soon takes little memory.
    let settings = [
        ("COLLECTOR_TRACE_PERCENT", "10".to_owned()),
        ("COLLECTOR_DECISION_WAIT", "2s".to_owned()),
    ];
    let hybrid = modes::hybrid(setup, &sink, pki, &settings).await?;
    let client = Client::plain(&hybrid.agent.grpc())?;
    let all = [&hybrid.agent, &hybrid.gateways[0], &hybrid.gateways[1]];
    let kept = spans * 9 / 100;
    let spent = push(&client, spans, &sink, kept, &all).await?;
    Ok(vec![
        tell("agent of the hybrid", spans, &spent[0]),
        tell("gateway of the hybrid", spans / 2, &spent[1]),
    ])
}

/// What a Collector spent, and how much memory it had at most.
struct Spent {
    seconds: f64,
    usage: Usage,
    took: f64,
}

/// Sends so many spans as fast as they are taken, until so many have come.
async fn push(
    client: &Client,
    spans: usize,
    sink: &Sink,
    come: usize,
    collectors: &[&Collector],
) -> Result<Vec<Spent>> {
    let of = |collector: &&Collector| collector.usage();
    let before: Vec<_> = collectors.iter().map(of).collect::<Result<_>>()?;
    let begun = Instant::now();
    let mut sent = 0;
    while sent < spans {
        let traces = Trace::some(AT_ONCE, Kind::Ordinary);
        let [shop, stock]: [ExportTraceServiceRequest; 2] = requests(&traces)
            .try_into()
            .unwrap_or_else(|_| unreachable!("two services"));
        let (shop, stock) = tokio::join!(client.insist(shop), client.insist(stock));
        shop?;
        stock?;
        sent += AT_ONCE * SPANS;
    }
    sink.until("what is kept has come", |sink| {
        sink.counted() >= come as u64
    })
    .await?;
    let took = begun.elapsed().as_secs_f64();
    let after = collectors.iter().map(of).collect::<Result<Vec<_>>>()?;
    let spent = before.iter().zip(after).map(|(before, after)| Spent {
        seconds: after.processor_seconds - before.processor_seconds,
        usage: after,
        took,
    });
    Ok(spent.collect())
}

fn tell(name: &str, spans: usize, spent: &Spent) -> String {
    format!(
        "{name}: {:.0} spans a second of a core, {:.1} µs each, {:.0} MiB at most ({:.0} a second here)",
        spans as f64 / spent.seconds,
        1e6 * spent.seconds / spans as f64,
        spent.usage.peak_mib,
        spans as f64 / spent.took,
    )
}
