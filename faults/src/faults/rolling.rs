//! Three replicas behind a proxy are restarted, one after the other, and nobody notices.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    addresses::free_address,
    fault::Outcome,
    load::{paced::Paced, thousands},
    nginx::Nginx,
    service::Service,
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str = "0 answers that are not 2xx";

const REPLICAS: usize = 3;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (restarts, per_second) = setup.of((20, 2000), (3, 300));
    let url = postgres::new_database().await;
    let addresses = [(); REPLICAS + 1].map(|()| free_address());
    let (front, addresses) = addresses.split_first().context("no free port")?;
    let mut replicas = Vec::new();
    for address in addresses {
        replicas.push(replica(&setup, *address, &url).await?);
    }
    let proxy = Nginx::start(*front, addresses).await?;
    let load = Paced::begin(proxy.address, &replicas[0].bearer(), per_second);
    let mut slowest = Duration::ZERO;
    for restart in 0..restarts {
        let place = restart % REPLICAS;
        let begun = Instant::now();
        let old = replicas.remove(place);
        old.signal("TERM")?;
        let ended = old.ended().await?;
        ensure!(ended.success(), "a replica ended by {}", ended);
        replicas.insert(place, replica(&setup, addresses[place], &url).await?);
        slowest = slowest.max(begun.elapsed());
    }
    let (tally, attained) = load.end().await;
    Ok(Outcome::of(format!(
        "{restarts} restarts at {} requests/s, a tenth of them writes",
        thousands(attained.round() as u64)
    ))
    .lost(tally.told())
    .recovery(format!(
        "ready again after {:.1} s at most",
        slowest.as_secs_f64()
    ))
    .goal(tally.failed() == 0, tally.told())
    .goal(
        setup.quick || attained >= f64::from(per_second) * 0.95,
        format!("only {attained:.0} requests/s"),
    ))
}

pub async fn replica(setup: &Setup, address: SocketAddr, database: &str) -> Result<Service> {
    let settings = [
        ("APP_HTTP__ADDRESS", &*address.to_string()),
        ("APP_STORE__URL", database),
        ("APP_SHUTDOWN__DRAIN_DELAY", "1s"),
    ];
    Service::of(setup, &setup.service, &settings).await
}
