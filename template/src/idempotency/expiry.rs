use std::time::Duration;

use axum_chassis::Cause;
use opentelemetry::metrics::Meter;
use time::OffsetDateTime;
use tokio::{task::JoinSet, time::interval};

use crate::{
    store::{Store, StoreError},
    telemetry::names::idempotency as names,
};

/// How many answers one statement deletes at most, so that it holds no lock for long.
const BATCH: u32 = 1000;

/// Deletes answers that have expired, now and then, until the set is dropped.
pub fn spawn_clean_up(store: Store, every: Duration, meter: &Meter) -> JoinSet<()> {
    let expired = meter
        .u64_counter(names::EXPIRED)
        .with_description("Kept answers that have expired and were deleted.")
        .with_unit("{answer}")
        .build();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut interval = interval(every);
        loop {
            interval.tick().await;
            match clean_up(&store).await {
                Ok(deleted) => expired.add(deleted, &[]),
                // Nobody waits for it: the next time may do.
                Err(error) => {
                    tracing::warn!(cause = %Cause::new(error), "expired answers are not deleted");
                }
            }
        }
    });
    tasks
}

async fn clean_up(store: &Store) -> Result<u64, StoreError> {
    let now = OffsetDateTime::now_utc();
    let mut deleted = 0;
    loop {
        let batch = store.forget_answers(now, BATCH).await?;
        deleted += batch;
        if batch < u64::from(BATCH) {
            return Ok(deleted);
        }
    }
}
