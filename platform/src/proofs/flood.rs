//! More than there is memory for.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::time::sleep;

use crate::{
    client::{Client, is_for_now},
    modes,
    pki::Pki,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Trace, requests},
};

/// As hybrid-gateway.env and the unit say it.
const LIMIT_MIB: f64 = 333.0;
const MEMORY_MAX_MIB: f64 = 512.0;
const CLIENTS: usize = 8;
const AT_ONCE: usize = 500;
const PATIENCE: Duration = Duration::from_secs(120);

/// What clients were answered.
#[derive(Default)]
struct Answers {
    taken: u64,
    refused: u64,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let pki = Pki::new(folder.path())?;
    let sink = Sink::start().await?;
    sink.only_count();
    // A gateway keeps traces in memory until it has decided.
    let settings = [
        ("COLLECTOR_MEMORY_MIB", LIMIT_MIB.to_string()),
        ("COLLECTOR_DECISION_WAIT", "30s".to_owned()),
        ("COLLECTOR_TRACES_WAITING", "400000".to_owned()),
        ("COLLECTOR_TRACE_PERCENT", "1".to_owned()),
    ];
    let mut gateway = modes::shard(&setup, &sink, &pki, &settings).await?;
    let time = Duration::from_secs(setup.of(40, 15));
    let clients = (0..CLIENTS).map(|_| {
        let client = Client::trusted(&gateway.grpc(), &pki);
        tokio::spawn(async move { flood(client?, time).await })
    });
    let mut sum = Answers::default();
    for client in clients.collect::<Vec<_>>() {
        let answers = client.await??;
        sum.taken += answers.taken;
        sum.refused += answers.refused;
    }
    let peak = gateway.usage()?.peak_mib;
    let is_alive = gateway.is_alive()?;
    let told = gateway
        .sum("otelcol_receiver_refused_spans", "otlp")
        .await?;
    let client = Client::trusted(&gateway.grpc(), &pki)?;
    let begun = Instant::now();
    while client
        .send(requests(&[Trace::new(Kind::Failed)]).remove(0))
        .await
        .is_err()
    {
        ensure!(
            begun.elapsed() < PATIENCE,
            "it does not take anything any more"
        );
        sleep(Duration::from_millis(100)).await;
    }
    Ok(Outcome::of(format!(
        "{} s of {CLIENTS} clients against a limit of {LIMIT_MIB} MiB: {} spans taken, {} requests refused for now; at most {peak:.0} MiB resident; it took again after {:.1} s",
        time.as_secs(),
        sum.taken,
        sum.refused,
        begun.elapsed().as_secs_f64(),
    ))
    .goal(sum.refused > 0, "nothing was refused: it was no flood")
    .goal(told > 0.0, "its metrics do not tell it")
    .goal(is_alive, "it died")
    .goal(peak < MEMORY_MAX_MIB, "more memory than that"))
}

/// For so long, and on a slow machine until it is a flood.
async fn flood(client: Client, time: Duration) -> Result<Answers> {
    let begun = Instant::now();
    let mut answers = Answers::default();
    while begun.elapsed() < time || answers.refused == 0 && begun.elapsed() < 4 * time {
        let traces = Trace::some(AT_ONCE, Kind::Ordinary);
        for request in requests(&traces) {
            match client.send(request).await {
                Ok(()) => answers.taken += (AT_ONCE * SPANS / 2) as u64,
                Err(status) if is_for_now(&status) => {
                    answers.refused += 1;
                    sleep(Duration::from_millis(10)).await;
                }
                Err(status) => bail!("refused for good: {status}"),
            }
        }
    }
    Ok(answers)
}
