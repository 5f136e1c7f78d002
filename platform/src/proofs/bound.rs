//! A queue with an end.

use anyhow::{Result, bail};

use crate::{
    client::{Client, is_for_now},
    modes,
    proof::Outcome,
    setup::Setup,
    sink::Sink,
    spans::{Kind, SPANS, Trace, requests},
};

const ITEMS: usize = 6_000;
const AT_ONCE: usize = 100;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let mut sink = Sink::start().await?;
    let mut settings = modes::all_are_kept();
    settings.push(("COLLECTOR_QUEUE_ITEMS", ITEMS.to_string()));
    let agent = modes::agent(&setup, &sink, &settings).await?;
    let client = Client::plain(&agent.grpc())?;
    sink.go_away().await;
    // Of each trace its first service's spans, then the other's: until one is refused.
    let (mut taken, mut refused) = (Vec::new(), 0);
    let code = 'full: loop {
        let traces = Trace::some(AT_ONCE, Kind::Ordinary);
        for request in requests(&traces) {
            if let Err(status) = client.send(request).await {
                if !is_for_now(&status) {
                    bail!("refused for good: {status}");
                }
                refused += 1;
                break 'full status.code();
            }
        }
        taken.extend(traces);
        if taken.len() * SPANS > 4 * ITEMS {
            bail!(
                "it took {} spans, and its queue holds {ITEMS}",
                taken.len() * SPANS
            );
        }
    };
    let capacity = agent
        .sum("otelcol_exporter_queue_capacity", "otlp_grpc/traces")
        .await?;
    let told = agent
        .sum("otelcol_exporter_enqueue_failed_spans", "otlp_grpc/traces")
        .await?;
    sink.come_back().await?;
    sink.until("all that was taken has come", |sink| sink.torn(&taken) == 0)
        .await?;
    let after = Trace::some(AT_ONCE, Kind::Ordinary);
    client.traces(&after, AT_ONCE).await?;
    sink.until("what is sent afterwards has come", |sink| {
        sink.torn(&after) == 0
    })
    .await?;
    let spans = taken.len() * SPANS;
    Ok(Outcome::of(format!(
        "a queue of {ITEMS} spans took {spans} while the back end was away, then refused with {code:?}; all {spans} came, and it took again"
    ))
    .goal(refused == 1, "nothing was refused")
    .goal(capacity as usize == ITEMS && told > 0.0, "its metrics do not tell it")
    // What is being sent is no more in the queue.
    .goal(spans + 2 * AT_ONCE >= ITEMS, "it refused too early"))
}
