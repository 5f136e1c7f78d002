use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum_chassis::Cause;
use sqlx::Pool;

use super::{Database, StoreError};

/// For so long a replica that did not answer is not asked again.
const AWAY: Duration = Duration::from_secs(5);

/// A replica of the database, for reads that may be some time behind. Nothing depends on
/// it: while it is away, the primary is asked.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pool: Pool<Database>,
    away_until: Arc<Mutex<Option<Instant>>>,
}

impl Replica {
    pub(super) fn new(pool: Pool<Database>) -> Self {
        Self {
            pool,
            away_until: Arc::default(),
        }
    }

    pub(super) fn pool(&self) -> &Pool<Database> {
        &self.pool
    }

    /// Whether it is worth to be asked.
    pub(super) fn is_here(&self) -> bool {
        let away_until = self.away_until.lock();
        let until = *away_until.unwrap_or_else(PoisonError::into_inner);
        until.is_none_or(|until| Instant::now() >= until)
    }

    /// It did not do it. A read that it had to cancel, for it was too far behind, is no
    /// reason to leave it alone.
    pub(super) fn failed(&self, error: StoreError) {
        if matches!(error, StoreError::Unavailable(_)) {
            let away_until = self.away_until.lock();
            *away_until.unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + AWAY);
        }
        tracing::warn!(cause = %Cause::new(error), "the replica was passed over");
    }
}
