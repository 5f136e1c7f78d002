//! One machine, as `template/deploy/host` makes it, is upgraded again and again by its
//! script, and nobody notices; nor of an upgrade that is taken back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use http_body_util::Full;
use hyper::{Request, Version};
use serde_json::Value;

use crate::{
    fault::Outcome,
    host::Machine,
    load::{paced::Paced, thousands},
    setup::Setup,
    shared::{
        client::{Client, Sent},
        postgres,
    },
};

pub const GOAL: &str = "0 answers that are not 2xx; the bad build is taken back; each old process ends with 0; each line of the access log leads to its trace";

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (deployments, per_second) = setup.of((100, 1000), (2, 200));
    let url = postgres::new_database().await;
    let mut machine = Machine::prepare(&setup, &[("APP_STORE__URL", &url)]).await?;
    let first = machine.build()?;
    machine.install(&["service", &first]).await?.right()?;
    machine.with_nginx().await?;
    headers_are_there_once(&machine).await?;

    let load = Paced::by(
        &machine.transport,
        machine.address,
        &machine.bearer(),
        per_second,
    );
    let mut slowest = Duration::ZERO;
    for deployment in 0..deployments {
        if deployment == deployments / 2 {
            is_taken_back(&machine).await?;
        }
        let build = machine.build()?;
        let begun = Instant::now();
        machine.install(&["service", &build]).await?.right()?;
        slowest = slowest.max(begun.elapsed());
    }
    machine.install(&["rollback"]).await?.right()?;
    let waited = std::sync::Arc::clone(&load.times);
    let (tally, attained) = load.end().await;

    let endings = machine.endings();
    let bad = endings.iter().filter(|ended| *ended != "exit status: 0");
    // The bad build ends by itself, before it is ready.
    let bad = bad.count().saturating_sub(1);
    let log = machine.access_log()?;
    let untraced = log.iter().filter(|line| !is_traced(line)).count();
    Ok(Outcome::of(format!(
        "{deployments} upgrades, one that is taken back, one rollback, by TLS at {} requests/s, a tenth of them writes",
        thousands(attained.round() as u64)
    ))
    .lost(tally.told())
    .recovery(format!(
        "an upgrade took {:.1} s at most, a request waited {:.1} s",
        slowest.as_secs_f64(),
        waited.longest().as_secs_f64()
    ))
    .goal(tally.failed() == 0, tally.told())
    .goal(bad == 0, format!("{bad} processes ended badly: {endings:?}"))
    .goal(
        untraced == 0 && log.len() as u64 >= tally.all(),
        format!("{untraced} of {} lines of the access log lead nowhere", log.len()),
    )
    .goal(
        setup.quick || attained >= f64::from(per_second) * 0.95,
        format!("only {attained:.0} requests/s"),
    ))
}

/// A build that never becomes ready is followed by the one before.
async fn is_taken_back(machine: &Machine) -> Result<()> {
    let good = machine.release("current")?;
    let installed = machine.install(&["service", &machine.bad_build()?]).await?;
    ensure!(!installed.ok, "the bad build serves: {}", installed.said);
    ensure!(
        installed.said.contains("serves again") && machine.release("current")? == good,
        "{}",
        installed.said
    );
    Ok(())
}

/// nginx and the service each set headers, and none that the other has set.
async fn headers_are_there_once(machine: &Machine) -> Result<()> {
    let mut client = Client::connect(&machine.transport, Version::HTTP_2, machine.address).await?;
    let request = Request::get("https://localhost/api/v1/items").body(Full::default())?;
    let Sent::Answered(answer) = client.send_request(request).await else {
        anyhow::bail!("nginx does not answer by HTTP/2");
    };
    ensure!(answer.status() == 401, "{}", answer.status());
    let mut seen = BTreeMap::<_, usize>::new();
    for name in answer.headers().keys() {
        *seen.entry(name.as_str()).or_default() += answer.headers().get_all(name).iter().count();
    }
    for name in [
        "strict-transport-security",
        "content-security-policy",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "cache-control",
        "x-request-id",
        "x-trace-id",
    ] {
        ensure!(seen.get(name) == Some(&1), "{name}: {seen:?}");
    }
    Ok(())
}

fn is_traced(line: &Value) -> bool {
    let trace = line["trace_id"].as_str().unwrap_or_default();
    trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit())
}
