//! An instance hangs and dies, of several behind the balancer of `template/deploy/host`: what it had
//! in work and may not be repeated is lost, and nothing else.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::time::sleep;

use super::rolling::replica;
use crate::{
    addresses::free_address,
    fault::Outcome,
    host::Machine,
    load::{paced::Paced, thousands},
    setup::Setup,
    shared::postgres,
};

pub const GOAL: &str =
    "no more errors than the killed ones had requests in flight; all of them POSTs, all on those";

const INSTANCES: usize = 3;
/// Between one kill and the next all is well for longer than nginx passes an instance over.
const CALM: Duration = Duration::from_secs(6);
const HANGING: Duration = Duration::from_millis(200);

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (kills, per_second) = setup.of((20, 1000), (1, 200));
    let url = postgres::new_database().await;
    let addresses = [(); INSTANCES].map(|()| free_address());
    let mut instances = Vec::new();
    for address in &addresses {
        instances.push(replica(&setup, *address, &url).await?);
    }
    let balancer = Machine::balancer(&setup, &addresses).await?;
    let load = Paced::by(
        &balancer.transport,
        balancer.address,
        &balancer.bearer(),
        per_second,
    );
    for kill in 0..kills {
        sleep(CALM).await;
        let place = kill % INSTANCES;
        let killed = instances.remove(place);
        // It hangs before it dies: so there are requests in flight.
        killed.signal("STOP")?;
        sleep(HANGING).await;
        killed.signal("KILL")?;
        killed.ended().await?;
        instances.insert(place, replica(&setup, addresses[place], &url).await?);
    }
    let (tally, attained) = load.end().await;

    let log = balancer.access_log()?;
    let in_flight = log.iter().filter(|line| was_in_flight(line)).count();
    let failed: Vec<_> = log.iter().filter(|line| failed(line)).collect();
    let elsewhere = failed
        .iter()
        .filter(|line| !was_in_flight(line) || line["method"] != "POST")
        .count();
    Ok(Outcome::of(format!(
        "kill -9, {kills} times, at {} requests/s, a tenth of them writes",
        thousands(attained.round() as u64)
    ))
    .lost(format!("{}; {in_flight} were in flight", tally.told()))
    .goal(in_flight > 0, "nothing was in flight")
    .goal(
        tally.failed() == failed.len() as u64 && failed.len() <= in_flight,
        format!("{} of {in_flight} in flight", tally.told()),
    )
    .goal(
        elsewhere == 0,
        format!(
            "{elsewhere} errors of others, one of all: {:?}",
            failed.first()
        ),
    )
    .goal(
        setup.quick || attained >= f64::from(per_second) * 0.95,
        format!("only {attained:.0} requests/s"),
    ))
}

/// Whether it had been sent to an instance that then ended: nginx was connected, and got no
/// answer from the first that it asked.
fn was_in_flight(line: &Value) -> bool {
    let first = |field: &str| {
        let all = line[field].as_str().unwrap_or_default();
        all.split(',').next().unwrap_or_default().to_owned()
    };
    first("upstream_status") == "502" && first("upstream_connect_seconds") != "-"
}

fn failed(line: &Value) -> bool {
    line["status"].as_u64().is_none_or(|status| status >= 400)
}
