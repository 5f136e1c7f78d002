//! The back end is away, and the Collector is killed meanwhile.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use crate::{
    client::Client,
    modes,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Trace},
};

const TRACES_PER_SECOND: usize = 200;
const PERIOD: Duration = Duration::from_millis(100);

pub async fn run(setup: Setup) -> Result<Outcome> {
    let away = setup.of(Duration::from_secs(70), Duration::from_secs(6));
    let mut sink = Sink::start().await?;
    let mut agent = modes::agent(&setup, &sink, &modes::all_are_kept()).await?;
    let client = Client::plain(&agent.grpc())?;
    let mut traces = send_for(&client, Duration::from_secs(1)).await?;
    sink.until("the first have come", |sink| sink.torn(&traces) == 0)
        .await?;
    sink.go_away().await;
    traces.extend(send_for(&client, away / 2).await?);
    let stored = agent.stored_mib()?;
    agent.kill()?;
    agent.start_again().await?;
    traces.extend(send_for(&client, away / 2).await?);
    sink.come_back().await?;
    let back = Instant::now();
    sink.until("all have come", |sink| sink.torn(&traces) == 0)
        .await?;
    let caught_up = back.elapsed();
    let sent = (traces.len() * SPANS) as u64;
    let twice = sink.counted() - sent;
    Ok(Outcome::of(format!(
        "away for {} s, the agent killed after {} s with {stored:.1} MiB in its queue: all {sent} spans came, {twice} of them twice, {:.1} s after it was back",
        away.as_secs(),
        away.as_secs() / 2,
        caught_up.as_secs_f64(),
    ))
    // What was on its way when it was killed is sent again.
    .goal(twice <= sent / 10, "too many came twice"))
}

/// Sends at a steady rate. Gives what was sent, all of which was acknowledged.
async fn send_for(client: &Client, time: Duration) -> Result<Vec<Trace>> {
    let begun = Instant::now();
    let mut sent = Vec::new();
    let at_once = TRACES_PER_SECOND * PERIOD.as_millis() as usize / 1000;
    while begun.elapsed() < time {
        let traces = Trace::some(at_once, Kind::Ordinary);
        client.traces(&traces, at_once).await?;
        sent.extend(traces);
        sleep(PERIOD).await;
    }
    Ok(sent)
}
