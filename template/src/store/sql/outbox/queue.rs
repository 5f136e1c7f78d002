use sqlx::{FromRow, Pool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{
    StoreError,
    backend::{self, Database},
    sql::Patience,
};

/// The rows of the outbox, as seen by who empties it.
pub(super) struct Queue {
    pool: Pool<Database>,
    patience: Patience,
}

/// An event that is claimed: nobody else takes it, nor a later one of its subject, until it
/// is removed, put off, or due again.
#[derive(FromRow)]
pub(super) struct Event {
    seq: i64,
    pub(super) id: Uuid,
    pub(super) event: String,
    pub(super) traceparent: Option<String>,
    /// How often it was claimed. Who was claimed from, for it took too long, knows by it.
    pub(super) attempts: i64,
}

/// What waits; 10,000 events are counted at most.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub(super) struct Waiting {
    pub(super) events: i64,
    pub(super) oldest: Option<OffsetDateTime>,
}

impl Waiting {
    /// Since when the oldest has waited; 0 if none does.
    pub(super) fn age_seconds(&self) -> f64 {
        let age = self.oldest.map(|oldest| OffsetDateTime::now_utc() - oldest);
        age.map_or(0.0, |age| age.as_seconds_f64().max(0.0))
    }
}

impl Queue {
    pub(super) fn new(pool: Pool<Database>, patience: Patience) -> Self {
        Self { pool, patience }
    }

    /// Claims, until then, the event that is the first of its subject and has been due the
    /// longest.
    pub(super) async fn claim(
        &self,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<Option<Event>, StoreError> {
        let claim = sqlx::query_as(backend::CLAIM_EVENT).bind(now).bind(until);
        self.patience.wait(claim.fetch_optional(&self.pool)).await
    }

    /// It has arrived.
    pub(super) async fn remove(&self, event: &Event) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM outbox WHERE seq = $1 AND attempts = $2")
            .bind(event.seq)
            .bind(event.attempts)
            .execute(&self.pool);
        self.patience.wait(done).await?;
        Ok(())
    }

    /// It has not.
    pub(super) async fn put_off(
        &self,
        event: &Event,
        until: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("UPDATE outbox SET due_at = $3 WHERE seq = $1 AND attempts = $2")
            .bind(event.seq)
            .bind(event.attempts)
            .bind(until)
            .execute(&self.pool);
        self.patience.wait(done).await?;
        Ok(())
    }

    pub(super) async fn waiting(&self) -> Result<Waiting, StoreError> {
        let asked = sqlx::query_as(
            "SELECT count(*) AS events, min(recorded_at) AS oldest
             FROM (SELECT recorded_at FROM outbox ORDER BY seq LIMIT 10000) AS oldest",
        )
        .fetch_one(&self.pool);
        self.patience.wait(asked).await
    }
}
