//! The primary dies under writes, and its replica is promoted by the runbook of
//! `template/deploy/host/README.md`: what was acknowledged is there.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use super::kill::{Known, names, write_until};
use crate::{
    fault::Outcome,
    load::thousands,
    replicas::Server,
    service::{Service, until},
    setup::Setup,
};

pub const GOAL: &str = "every acknowledged row is on the replica; writes go on";

const WRITERS: usize = 16;

pub async fn run(setup: Setup) -> Result<Outcome> {
    let (rounds, writes) = setup.of((5, 2000), (1, 200));
    let (mut missing, mut acknowledged, mut slowest) = (0, 0, Duration::ZERO);
    for _ in 0..rounds {
        let round = lose_the_primary(&setup, writes).await?;
        missing += round.missing;
        acknowledged += round.acknowledged;
        slowest = slowest.max(round.took);
    }
    Ok(Outcome::of(format!(
        "kill -9 of the primary, {rounds} times, while {WRITERS} clients write"
    ))
    .lost(format!(
        "{missing} of {} acknowledged rows",
        thousands(acknowledged as u64)
    ))
    .recovery(format!(
        "promoted, and written to by the service, after {:.1} s at most",
        slowest.as_secs_f64()
    ))
    .goal(missing == 0, "an acknowledged row is gone"))
}

struct Round {
    acknowledged: usize,
    missing: usize,
    took: Duration,
}

async fn lose_the_primary(setup: &Setup, writes: usize) -> Result<Round> {
    let mut primary = Server::primary().await?;
    // Nothing is acknowledged as long as there is no replica: there shall be one first.
    let replica = Server::replica_of(&primary).await?;
    let follows = "SELECT coalesce(max(sync_state), 'nobody') FROM pg_stat_replication";
    let in_step = async || {
        primary
            .ask(follows)
            .await
            .is_ok_and(|state| state == "quorum")
    };
    ensure!(until(in_step).await, "no replica follows in step");

    let service = of(setup, &primary.url()).await?;
    let (known, mut writers) = (Known::default(), JoinSet::new());
    for writer in 0..WRITERS {
        writers.spawn(write_until(&service, writer.to_string(), known.clone()));
    }
    let written = until(async || known.acknowledged() >= writes).await;
    ensure!(written, "too few writes: {}", known.acknowledged());
    primary.kill()?;
    let begun = Instant::now();
    for ended in writers.join_all().await {
        ended?;
    }
    service.signal("TERM")?;

    // The runbook, from its third step on.
    ensure!(
        replica.ask("SELECT pg_promote()::text").await? == "true",
        "not promoted"
    );
    replica
        .tell("ALTER SYSTEM SET synchronous_standby_names = ''")
        .await?;
    replica.tell("SELECT pg_reload_conf()").await?;
    let service = of(setup, &replica.url()).await?;
    let there = names(&service).await?;
    let one = Known::default();
    let writer = tokio::spawn(write_until(&service, "after".to_owned(), one.clone()));
    ensure!(
        until(async || one.acknowledged() > 0).await,
        "writes do not go on"
    );
    let took = begun.elapsed();
    writer.abort();

    let all: BTreeSet<_> = known.all_acknowledged();
    Ok(Round {
        acknowledged: all.len(),
        missing: all.difference(&there).count(),
        took,
    })
}

/// A service as it is shipped would wait for an answer no longer than this.
async fn of(setup: &Setup, url: &str) -> Result<Service> {
    let settings = [
        ("APP_STORE__URL", url),
        ("APP_SHUTDOWN__DRAIN_DELAY", "0s"),
        ("APP_STORE__ACQUIRE_TIMEOUT", "1500ms"),
    ];
    Service::of(setup, &setup.service, &settings).await
}
