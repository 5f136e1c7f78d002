//! No descriptor is left: probes are answered all the same, and it passes.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use hyper::Version;
use tokio::{task::JoinSet, time::sleep};

use crate::{
    fault::Outcome,
    load::asking::{Asking, Target},
    probing::Probing,
    service::{Service, until},
    setup::Setup,
    shared::client::{Client, Sent, Transport},
};

pub const GOAL: &str = "probes answer; recovered in 1 s";

const WAITING: usize = 200;
const RECOVERY: Duration = Duration::from_secs(1);

pub async fn run(setup: Setup) -> Result<Outcome> {
    let service = Service::start(&setup, &[]).await?;
    let target = Target::items(&service);
    let served = Asking::begin(&target, &[(Version::HTTP_11, 20)]);
    let warm = until(async || served.tally.succeeded() > 100).await;
    ensure!(warm, "no load: {}", served.tally.told());

    limit(&service, "16")?;
    let probing = Probing::begin(&service)?;
    let mut waiting = JoinSet::new();
    for _ in 0..WAITING {
        waiting.spawn(ask(target.clone()));
    }
    let failed = r#"http_server_accept_failures_total{listener="public",reason="descriptors"}"#;
    service.until_sum(failed, |times| times > 0.0).await?;
    let lasting = setup.of(Duration::from_secs(10), Duration::from_secs(2));
    sleep(lasting).await;
    ensure!(!waiting.is_empty(), "nobody waited");
    let before = waiting.len();
    let probed = probing.end().await?;

    limit(&service, "4096")?;
    let over = Instant::now();
    while let Some(answered) = waiting.join_next().await {
        answered??;
    }
    let recovered = over.elapsed();
    served.stop_asking();
    let served = served.finished().await;
    Ok(Outcome::of(format!(
        "none left for {} s; 20 clients are connected, {before} more wait",
        lasting.as_secs()
    ))
    .lost(format!("{}; {}", served.told(), probed.told()))
    .recovery(format!(
        "all {before} answered after {:.2} s",
        recovered.as_secs_f64()
    ))
    .goal(probed.red == 0, "a probe was red")
    .goal(served.failed() == 0, "who was connected lost a request")
    .goal(recovered <= RECOVERY, "too late"))
}

/// Sets how many descriptors the service may have from now on.
fn limit(service: &Service, descriptors: &str) -> Result<()> {
    let mut prlimit = Command::new("prlimit");
    prlimit
        .args(["--pid", &service.id().to_string()])
        .arg(format!("--nofile={descriptors}:"));
    ensure!(prlimit.status()?.success(), "prlimit failed");
    Ok(())
}

/// Connects and asks once.
async fn ask(target: Target) -> Result<()> {
    let client = Client::connect(&Transport::Plain, Version::HTTP_11, target.address);
    let mut client = client.await?;
    match client.send_request(target.request()).await {
        Sent::Answered(answer) if answer.status() == 200 => Ok(()),
        Sent::Answered(answer) => bail!("answered by {}", answer.status()),
        Sent::Unsent => bail!("the connection was closed"),
        Sent::Lost(error) => Err(error.into()),
    }
}
