//! No descriptor is left: probes are answered all the same, and it passes.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use hyper::Version;
use tokio::{net::TcpStream, task::JoinSet, time::sleep};

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
const SILENT: usize = 300;
/// Nobody is cut meanwhile.
const PATIENT: [(&str, &str); 2] = [
    ("APP_HTTP__HEADER_READ_TIMEOUT", "1h"),
    ("APP_HTTP__KEEP_ALIVE_TIMEOUT", "1h"),
];

pub async fn run(setup: Setup) -> Result<Outcome> {
    // A quick run shares its machine with other tests.
    let recovery = Duration::from_secs(setup.of(1, 15));
    let service = Service::start(&setup, &PATIENT).await?;
    let target = Target::items(&service);
    let served = Asking::begin(&target, &[(Version::HTTP_11, 20)]);
    let warm = until(async || served.tally.succeeded() > 100).await;
    ensure!(warm, "no load: {}", served.tally.told());

    // Numbers are given from the lowest on: none is free below the highest.
    limit(&service, service.highest_descriptor()? + 1)?;
    // Some of these get what is free below, and keep it.
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(TcpStream::connect(service.public).await?);
    }
    let failed = r#"http_server_accept_failures_total{listener="public",reason="descriptors"}"#;
    service.until_sum(failed, |times| times > 0.0).await?;
    let probing = Probing::begin(&service)?;
    let mut waiting = JoinSet::new();
    for _ in 0..WAITING {
        waiting.spawn(ask(target.clone()));
    }
    let lasting = setup.of(Duration::from_secs(10), Duration::from_secs(2));
    sleep(lasting).await;
    while let Some(answered) = waiting.try_join_next() {
        answered??;
    }
    let before = waiting.len();
    ensure!(before > 0, "nobody waited");
    let probed = probing.end().await?;

    limit(&service, 4096)?;
    let over = Instant::now();
    while let Some(answered) = waiting.join_next().await {
        answered??;
    }
    let recovered = over.elapsed();
    served.stop_asking();
    let served = served.finished().await;
    drop(silent);
    Ok(Outcome::of(format!(
        "none left for {} s; 20 clients are connected, {before} more wait",
        lasting.as_secs()
    ))
    .lost(format!("{}; {}", served.told(), probed.told()))
    .recovery(format!(
        "all {before} answered after {:.2} s",
        recovered.as_secs_f64()
    ))
    .goal(probed.unanswered == 0, "a probe was not answered")
    .goal(served.failed() == 0, "who was connected lost a request")
    .goal(recovered <= recovery, "too late"))
}

/// Sets how many descriptors the service may have from now on.
fn limit(service: &Service, descriptors: u32) -> Result<()> {
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
