use std::{
    io,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{Connection, pool::PoolOptions};
use tokio::time::timeout;

use crate::store::{StoreError, backend::Database};

/// For how long an answer of one database is waited for. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::store) struct Patience {
    limit: Option<Duration>,
    lately: Arc<Mutex<Lately>>,
}

/// When an answer came in time, and when one did not, the last time.
#[derive(Debug, Default)]
struct Lately {
    answered: Option<Instant>,
    missed: Option<Instant>,
}

impl Patience {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            lately: Arc::default(),
        }
    }

    /// What is not answered in time is given up.
    pub(super) async fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let answer = match self.limit {
            Some(limit) => self.wait_for(limit, answer).await?,
            None => answer.await?,
        };
        lock(&self.lately).answered = Some(Instant::now());
        Ok(answer)
    }

    pub(super) async fn wait_for<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let mut answer = pin!(answer);
        match timeout(limit, answer.as_mut()).await {
            Ok(answered) => Ok(answered?),
            Err(_) => {
                // Before the answer's connection is given back, which is when this ends.
                lock(&self.lately).missed = Some(Instant::now());
                let reason = format!("no answer within {limit:?}");
                Err(StoreError::Unavailable(reason.into()))
            }
        }
    }

    /// Whether somebody was answered since this moment.
    pub(super) fn was_answered_since(&self, begun: Instant) -> bool {
        lock(&self.lately).answered.is_some_and(|at| at >= begun)
    }

    /// Has a pool look after connections that are given back while the database is in doubt.
    ///
    /// It asks each whether it is there, and waits for that without a bound: if the host has
    /// vanished, for a quarter of an hour, and the connection's place with it. So once an
    /// answer was missed, they are asked here before, with one.
    pub(in crate::store) fn look_after(
        &self,
        pool: PoolOptions<Database>,
        bound: Duration,
    ) -> PoolOptions<Database> {
        let lately = Arc::clone(&self.lately);
        pool.after_release(move |connection, _| {
            let missed = lock(&lately).missed;
            let in_doubt = missed.is_some_and(|at| at.elapsed() < bound);
            Box::pin(async move {
                if in_doubt {
                    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
                    timeout(bound, connection.ping()).await.map_err(late)??;
                }
                Ok(true)
            })
        })
    }
}

/// Poisoned or not: no panic leaves it half changed.
fn lock(lately: &Mutex<Lately>) -> MutexGuard<'_, Lately> {
    lately.lock().unwrap_or_else(PoisonError::into_inner)
}
