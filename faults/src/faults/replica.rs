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

pub const GOAL: &str = "in step: every acknowledged row is on the replica; writes go on";

const WRITERS: usize = 16;

/// When a client is told that it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Acknowledged {
    /// When the replica has it, too: `synchronous_standby_names` as it is shipped.
    ByBoth,
    /// When the primary has it: the replica is behind by its lag.
    ByOne,
}

pub async fn run(setup: Setup) -> Result<Outcome> {
    let rounds = setup.of(5, 1);
    let both = sum(&setup, rounds, Acknowledged::ByBoth).await?;
    let one = sum(&setup, rounds, Acknowledged::ByOne).await?;
    let lost = |round: &Round| {
        let acknowledged = thousands(round.acknowledged as u64);
        format!("{} of {acknowledged} acknowledged rows", round.missing)
    };
    Ok(Outcome::of(format!(
        "kill -9 of the primary, {rounds} times in step and {rounds} times not, while {WRITERS} clients write"
    ))
    .lost(format!(
        "{}; not in step {}, with a lag of {:.1} ms at most",
        lost(&both),
        lost(&one),
        one.lag_ms
    ))
    .recovery(format!(
        "promoted, and written to by the service, after {:.1} s at most",
        both.took.max(one.took).as_secs_f64()
    ))
    .goal(both.missing == 0, "an acknowledged row is gone"))
}

async fn sum(setup: &Setup, rounds: usize, acknowledged: Acknowledged) -> Result<Round> {
    let writes = setup.of(2000, 200);
    let mut sum = Round::default();
    for _ in 0..rounds {
        let round = lose_the_primary(setup, writes, acknowledged).await?;
        sum.acknowledged += round.acknowledged;
        sum.missing += round.missing;
        sum.took = sum.took.max(round.took);
        sum.lag_ms = sum.lag_ms.max(round.lag_ms);
    }
    Ok(sum)
}

#[derive(Default)]
struct Round {
    acknowledged: usize,
    missing: usize,
    took: Duration,
    /// What the primary knew of it, last before it was killed.
    lag_ms: f64,
}

async fn lose_the_primary(
    setup: &Setup,
    writes: usize,
    acknowledged: Acknowledged,
) -> Result<Round> {
    let mut primary = Server::primary().await?;
    // Nothing is acknowledged as long as there is no replica: there shall be one first.
    let replica = Server::replica_of(&primary).await?;
    follows(&primary, "quorum").await?;
    if acknowledged == Acknowledged::ByOne {
        alone(&primary).await?;
        follows(&primary, "async").await?;
    }

    let service = of(setup, &primary.url()).await?;
    let (known, mut writers) = (Known::default(), JoinSet::new());
    for writer in 0..WRITERS {
        writers.spawn(write_until(&service, writer.to_string(), known.clone()));
    }
    let written = until(async || known.acknowledged() >= writes).await;
    ensure!(written, "too few writes: {}", known.acknowledged());
    let lag = "SELECT coalesce(extract(epoch FROM max(replay_lag)) * 1000, 0)::text FROM pg_stat_replication";
    let lag_ms = primary.ask(lag).await?.parse()?;
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
    alone(&replica).await?;
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
        lag_ms,
    })
}

/// Waits until a replica does, in this state.
async fn follows(primary: &Server, state: &str) -> Result<()> {
    let asked = "SELECT coalesce(max(sync_state), 'nobody') FROM pg_stat_replication";
    let so = async || primary.ask(asked).await.is_ok_and(|is| is == state);
    ensure!(until(so).await, "no replica follows, {state}");
    Ok(())
}

/// It waits for no replica from now on: the runbook's fourth step.
async fn alone(server: &Server) -> Result<()> {
    server
        .tell("ALTER SYSTEM SET synchronous_standby_names = ''")
        .await?;
    server.tell("SELECT pg_reload_conf()").await
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
