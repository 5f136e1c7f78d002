mod outbox;
mod patience;
mod replica;
mod work;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use opentelemetry::{KeyValue, metrics::Meter};
use sqlx::{FromRow, Pool, error::DatabaseError, migrate::Migrator};
use time::OffsetDateTime;
use tokio::time::timeout;
use uuid::Uuid;

pub(super) use self::patience::Patience;
use self::replica::Replica;
pub use self::{outbox::Config as OutboxConfig, work::Work};
use super::{
    StoreError,
    backend::{self, Config, Database},
};
use crate::{
    config,
    items::{Draft, Item, Owner},
    telemetry::{Telemetry, names::store as names},
};

/// A schema that is newer stays as it is: it suits this release, which somebody went back to.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let known = backend::MIGRATIONS.iter().cloned().collect();
    let mut migrator = Migrator::with_migrations(known);
    migrator.set_ignore_missing(true);
    migrator
});

/// What a probe may wait for an answer.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// A pool of connections. One text of SQL serves PostgreSQL and SQLite.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool<Database>,
    replica: Option<Replica>,
    outbox: Option<outbox::Outbox>,
    patience: Patience,
}

impl Store {
    /// Whether what it holds outlives the process.
    pub const IS_KEPT: bool = true;

    /// Connects, and brings the schema up to date where the configuration says so.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or a migration fails.
    pub async fn open(config: &Config) -> Result<Self, StoreError> {
        let store = Self::connect(config).await?;
        if config.migrate_on_start {
            store.migrate().await?;
        }
        Ok(store)
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or refuses.
    pub async fn connect(config: &Config) -> Result<Self, StoreError> {
        let limit = backend::answer_timeout(config);
        let (patience, beside) = (Patience::new(limit), Patience::new(limit));
        let replica = backend::replica(config, &beside)?;
        Ok(Self {
            pool: backend::connect(config, &patience).await?,
            replica: replica.map(|pool| Replica::new(pool, beside)),
            outbox: outbox::Outbox::new(&config.outbox),
            patience,
        })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    ///
    /// If a migration fails, or one that was applied has been edited since.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let migrated = MIGRATIONS.run(&self.pool).await;
        migrated.map_err(|error| StoreError::Failed(error.into()))
    }

    /// Asks whether the database answers. Where all connections are in use, it will do that
    /// somebody else is answered: all instances are as busy, and must not leave together.
    ///
    /// # Errors
    ///
    /// If it does not, or not within half a second.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let begun = Instant::now();
        let ping = sqlx::query("SELECT 1").execute(&self.pool);
        let answered = match timeout(PING_TIMEOUT, ping).await {
            Ok(answered) => answered.map(drop).map_err(StoreError::from),
            Err(late) => Err(StoreError::Unavailable(late.into())),
        };
        match answered {
            Err(StoreError::Unavailable(_)) if self.patience.was_answered_since(begun) => Ok(()),
            answered => answered,
        }
    }

    /// Begins what goes on beside requests: it tells of itself, and publishes events.
    ///
    /// # Errors
    ///
    /// If there is no TLS to publish by.
    pub fn start(&self, config: &config::Config, telemetry: &Telemetry) -> Result<(), StoreError> {
        let meter = telemetry.meter();
        self.observe(&meter);
        if let Some(replica) = &self.replica {
            replica.observe(&meter);
        }
        match &self.outbox {
            Some(outbox) => {
                let (pool, patience) = (self.pool.clone(), self.patience.clone());
                outbox.start(pool, patience, config, telemetry)
            }
            None => Ok(()),
        }
    }

    /// How many connections there are, and what they do.
    fn observe(&self, meter: &Meter) {
        let pools = self.pools();
        meter
            .u64_observable_gauge(names::CONNECTIONS)
            .with_description("The number of connections that are in each state.")
            .with_unit("{connection}")
            .with_callback(move |observer| {
                for (name, pool) in &pools {
                    let idle = pool.num_idle() as u64;
                    let used = u64::from(pool.size()).saturating_sub(idle);
                    observer.observe(idle, &connections(name, "idle"));
                    observer.observe(used, &connections(name, "used"));
                }
            })
            .build();
        let pools = self.pools();
        meter
            .u64_observable_gauge(names::CONNECTIONS_MAX)
            .with_description("The maximum number of open connections allowed.")
            .with_unit("{connection}")
            .with_callback(move |observer| {
                for (name, pool) in &pools {
                    let max = pool.options().get_max_connections();
                    observer.observe(max.into(), &[pool_name(name)]);
                }
            })
            .build();
    }

    /// All pools, by the names that their metrics have.
    fn pools(&self) -> Vec<(&'static str, Pool<Database>)> {
        let replica = self.replica.as_ref();
        let replica = replica.map(|replica| ("replica", replica.pool().clone()));
        [("store", self.pool.clone())]
            .into_iter()
            .chain(replica)
            .collect()
    }

    /// Ends what [`Self::start`] began, waits until every connection is given back, and
    /// closes them.
    pub async fn close(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.stop().await;
        }
        for (_, pool) in self.pools() {
            pool.close().await;
        }
    }

    /// Asks the replica, which may be some time behind; the primary, if there is none or
    /// it does not answer.
    async fn read<T, A>(&self, ask: impl Fn(Pool<Database>) -> A) -> Result<T, StoreError>
    where
        A: Future<Output = Result<T, sqlx::Error>>,
    {
        if let Some(replica) = self.replica.as_ref().filter(|replica| replica.is_here()) {
            match replica.patience().wait(ask(replica.pool().clone())).await {
                Ok(answer) => return Ok(replica.answered(answer)),
                Err(error) => replica.failed(error),
            }
        }
        self.patience.wait(ask(self.pool.clone())).await
    }

    /// Begins a work that happens whole or not at all.
    ///
    /// # Errors
    ///
    /// If there is no connection to be had.
    pub async fn begin(&self) -> Result<Work, StoreError> {
        // What may have to connect is large. In a box it is there for as long as that takes:
        // else every handler that writes has room for it while the body is still to come.
        let begun = Box::pin(self.pool.begin_with(backend::BEGIN));
        let transaction = self.patience.wait(begun).await?;
        let (outbox, patience) = (self.outbox.clone(), self.patience.clone());
        Ok(Work::new(transaction, outbox, patience))
    }

    /// Deletes kept answers that have expired by now, at most so many, and says how
    /// many those were.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn forget_answers(&self, now: OffsetDateTime, most: u32) -> Result<u64, StoreError> {
        let asked = sqlx::query(
            "DELETE FROM idempotency_keys WHERE id IN
             (SELECT id FROM idempotency_keys WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        )
        .bind(now)
        .bind(i64::from(most))
        .execute(&self.pool);
        let done = self.patience.wait(asked).await?;
        Ok(done.rows_affected())
    }

    /// One item of this owner.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn item(&self, owner: &Owner, id: Uuid) -> Result<Option<Item>, StoreError> {
        let asked = sqlx::query_as(
            "SELECT id, name, description, quantity, version, created_at, updated_at
             FROM items WHERE id = $1 AND owner = $2",
        )
        .bind(id)
        .bind(owner.as_str())
        .fetch_optional(&self.pool);
        let row: Option<Row> = self.patience.wait(asked).await?;
        row.map(Item::try_from).transpose()
    }

    /// Items of this owner, the oldest first, from behind `after` on. Of a replica, if
    /// there is one: what was written a moment ago may be missing.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn list_items(
        &self,
        owner: &Owner,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Item>, StoreError> {
        let ask = |pool| async move {
            sqlx::query_as(
                "SELECT id, name, description, quantity, version, created_at, updated_at
                 FROM items WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3",
            )
            .bind(owner.as_str())
            .bind(after.unwrap_or(Uuid::nil()))
            .bind(i64::from(limit))
            .fetch_all(&pool)
            .await
        };
        let rows: Vec<Row> = self.read(ask).await?;
        rows.into_iter().map(Item::try_from).collect()
    }

    /// Changes an item if it still has this version; `None` if it has not.
    ///
    /// # Errors
    ///
    /// [`StoreError::NameTaken`] if its owner has another of the new name.
    pub async fn update_item(
        &self,
        owner: &Owner,
        id: Uuid,
        version: i64,
        draft: &Draft,
    ) -> Result<Option<Item>, StoreError> {
        let mut work = self.begin().await?;
        let item = work.update_item(owner, id, version, draft).await?;
        work.commit().await?;
        Ok(item)
    }

    /// Deletes an item, if it still has this version where one is given.
    ///
    /// # Errors
    ///
    /// Only if the database fails.
    pub async fn delete_item(
        &self,
        owner: &Owner,
        id: Uuid,
        version: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut work = self.begin().await?;
        let deleted = work.delete_item(owner, id, version).await?;
        work.commit().await?;
        Ok(deleted)
    }
}

fn connections(pool: &'static str, state: &'static str) -> [KeyValue; 2] {
    [pool_name(pool), KeyValue::new(names::STATE, state)]
}

fn pool_name(pool: &'static str) -> KeyValue {
    KeyValue::new(names::POOL, pool)
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    description: Option<String>,
    quantity: i64,
    version: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Row> for Item {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let quantity = u32::try_from(row.quantity);
        Ok(Self {
            id: row.id,
            name: row.name,
            description: row.description,
            quantity: quantity.map_err(|error| StoreError::Failed(error.into()))?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};

        match error {
            Database(error) if backend::is_name_taken(&*error) => Self::NameTaken,
            Database(error) if is_transient(&*error) => Self::Unavailable(error.into()),
            // Who is cut off in the middle of a login has an error of the protocol.
            Io(_) | PoolClosed | PoolTimedOut | Protocol(_) | Tls(_) | WorkerCrashed => {
                Self::Unavailable(error.into())
            }
            _ => Self::Failed(error.into()),
        }
    }
}

/// Whether the same may well succeed later: the database is starting, stopping,
/// full of connections or locks, or was too slow.
fn is_transient(error: &dyn DatabaseError) -> bool {
    let code = error.code();
    code.is_some_and(|code| backend::is_transient(&code))
}
