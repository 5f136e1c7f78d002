use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum_chassis::Cause;
use opentelemetry::{KeyValue, metrics::Meter};
use sqlx::Pool;
use tokio::time::sleep;

use super::{Database, Patience, StoreError, backend};
use crate::telemetry::names::store as names;

/// For so long a replica that did not answer is not asked again.
const AWAY: Duration = Duration::from_secs(5);
/// How often it is asked by how much it is behind, and how long it may think.
const LAG_INTERVAL: Duration = Duration::from_secs(2);

/// A replica of the database, for reads that may be some time behind. Nothing depends on
/// it: while it is away, the primary is asked.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pool: Pool<Database>,
    patience: Patience,
    away_until: Arc<Mutex<Option<Instant>>>,
    reads: Arc<Reads>,
}

/// Who has answered the reads.
#[derive(Debug, Default)]
struct Reads {
    answered: AtomicU64,
    failed: AtomicU64,
    away: AtomicU64,
}

impl Replica {
    pub(super) fn new(pool: Pool<Database>, patience: Patience) -> Self {
        Self {
            pool,
            patience,
            away_until: Arc::default(),
            reads: Arc::default(),
        }
    }

    pub(super) fn pool(&self) -> &Pool<Database> {
        &self.pool
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Whether it is worth to be asked.
    pub(super) fn is_here(&self) -> bool {
        let away_until = self.away_until.lock();
        let until = *away_until.unwrap_or_else(PoisonError::into_inner);
        let is_here = until.is_none_or(|until| Instant::now() >= until);
        if !is_here {
            self.reads.away.fetch_add(1, Relaxed);
        }
        is_here
    }

    pub(super) fn answered<T>(&self, answer: T) -> T {
        self.reads.answered.fetch_add(1, Relaxed);
        answer
    }

    /// It did not do it. A read that it had to cancel, for it was too far behind, is no
    /// reason to leave it alone.
    pub(super) fn failed(&self, error: StoreError) {
        self.reads.failed.fetch_add(1, Relaxed);
        if matches!(error, StoreError::Unavailable(_)) {
            let away_until = self.away_until.lock();
            *away_until.unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + AWAY);
        }
        tracing::warn!(cause = %Cause::new(error), "the replica was passed over");
    }

    /// Begins to tell who answers, and how far the replica is behind.
    pub(super) fn observe(&self, meter: &Meter) {
        let reads = Arc::clone(&self.reads);
        meter
            .u64_observable_counter(names::REPLICA_READS)
            .with_description("Reads that may be some time behind, by who has answered.")
            .with_unit("{read}")
            .with_callback(move |observer| {
                for (outcome, count) in [
                    ("answered", &reads.answered),
                    ("failed", &reads.failed),
                    ("away", &reads.away),
                ] {
                    let outcome = KeyValue::new(names::REPLICA_OUTCOME, outcome);
                    observer.observe(count.load(Relaxed), &[outcome]);
                }
            })
            .build();
        let lag = Arc::default();
        let (pool, patience) = (self.pool.clone(), self.patience.clone());
        tokio::spawn(follow(pool, patience, Arc::clone(&lag)));
        meter
            .f64_observable_gauge(names::REPLICA_LAG)
            .with_description("By how much the replica is behind, if it can be asked.")
            .with_unit("s")
            .with_callback(move |observer| {
                if let Some(seconds) = *lag.lock().unwrap_or_else(PoisonError::into_inner) {
                    observer.observe(seconds, &[]);
                }
            })
            .build();
    }
}

/// Asks the replica how far it is behind, until the pool is closed.
async fn follow(pool: Pool<Database>, patience: Patience, lag: Arc<Mutex<Option<f64>>>) {
    let asking = async {
        loop {
            let answer = patience.wait_for(LAG_INTERVAL, backend::lag_seconds(&pool));
            let seconds = answer.await.ok();
            *lag.lock().unwrap_or_else(PoisonError::into_inner) = seconds;
            sleep(LAG_INTERVAL).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = pool.close_event() => {}
    }
}
