use std::{path::PathBuf, time::Duration};

use humantime_serde::re::humantime::format_duration;
use serde::{Deserialize, Serialize};
use sqlx::{
    SqliteConnection, SqlitePool,
    error::DatabaseError,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::sql;
use crate::config::{Environment, Faults};

pub(super) type Database = sqlx::Sqlite;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Result code 5, the database is busy, and its extensions, of which it is the last byte.
pub(super) fn is_transient(code: &str) -> bool {
    code.parse().is_ok_and(|code: u32| code & 0xff == 5)
}

/// Whether an owner has an item of this name already: that one constraint was violated, of
/// which SQLite tells the columns, and no name.
pub(super) fn is_name_taken(error: &dyn DatabaseError) -> bool {
    error.message() == "UNIQUE constraint failed: items.owner, items.name"
}

/// It is in this process, and always answers.
pub(super) fn answer_timeout(_: &Config) -> Option<Duration> {
    None
}

/// How a work begins: at once with the one lock for writes, which others wait for.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Nothing to take: who has begun a work is alone.
pub(super) async fn try_lock(_: &mut SqliteConnection, _: i64) -> Result<bool, sqlx::Error> {
    Ok(true)
}

/// Claims an event of the outbox: of those that are the first of their subject the one that
/// has been due the longest. There is one writer at a time, so that no two claim the same.
pub(super) const CLAIM_EVENT: &str = "
    UPDATE outbox SET attempts = attempts + 1, due_at = $2
    WHERE seq = (
        SELECT seq FROM outbox AS head
        WHERE due_at <= $1 AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.subject = head.subject AND earlier.seq < head.seq
        )
        ORDER BY due_at, seq LIMIT 1
    )
    RETURNING seq, id, event, traceparent, attempts";

/// SQLite counts in milliseconds, by an `i32`.
const LONGEST_BUSY_TIMEOUT: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// A SQLite file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file; it is made if it is not there.
    pub path: PathBuf,
    /// Connections at most: many read, one writes.
    pub max_connections: u32,
    /// Time to wait for a connection; then 503.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// Time to wait for another's write; then 503.
    #[serde(with = "humantime_serde")]
    pub busy_timeout: Duration,
    /// Whether `serve` brings the schema up to date before it is ready.
    pub migrate_on_start: bool,
    /// Who is told of what has been written.
    pub outbox: sql::OutboxConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: PathBuf::from("service.db"),
            max_connections: 4,
            acquire_timeout: Duration::from_millis(1500),
            busy_timeout: Duration::from_secs(2),
            migrate_on_start: true,
            outbox: sql::OutboxConfig::default(),
        }
    }
}

impl Config {
    /// None but the one that is written.
    pub fn files_to_read(&self, _: &Environment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The database; beside it are its log and its index.
    pub fn file_to_write(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }

    pub(crate) fn validate(&self, faults: &mut Faults) {
        self.outbox.validate(faults);
        if self.path.as_os_str().is_empty() {
            faults.add("store.path", "", "must name a file, such as service.db");
        }
        if self.max_connections == 0 {
            faults.add("store.max_connections", 0, "must be 1 or more");
        }
        if self.acquire_timeout.is_zero() {
            let reason = "must be longer than nothing, such as 2s";
            faults.add("store.acquire_timeout", "0s", reason);
        }
        if self.busy_timeout > LONGEST_BUSY_TIMEOUT {
            let given = format_duration(self.busy_timeout);
            let reason = "must be at most 24days, such as 2s";
            faults.add("store.busy_timeout", given, reason);
        }
    }
}

/// None: a file has no other that follows it.
pub(super) fn replica(_: &Config, _: &sql::Patience) -> Result<Option<SqlitePool>, sqlx::Error> {
    Ok(None)
}

/// Not at all, if there were one.
pub(super) async fn lag_seconds(_: &SqlitePool) -> Result<f64, sqlx::Error> {
    Ok(0.0)
}

pub(super) async fn connect(
    config: &Config,
    patience: &sql::Patience,
) -> Result<SqlitePool, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(&config.path)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Safe with a write-ahead log: a crash of the system may lose the last
        // transactions, a crash of the process none.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(config.busy_timeout)
        // Its folder is all that a hardened process writes to.
        .pragma("temp_store", "MEMORY");
    patience
        .look_after(SqlitePoolOptions::new(), config.acquire_timeout)
        .max_connections(config.max_connections)
        .acquire_timeout(config.acquire_timeout)
        .connect_with(options)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_write_is_waited_for_as_long_as_sqlite_can_count() {
        let faults = |days: u32| {
            let mut faults = Faults::default();
            let config = Config {
                busy_timeout: days * Duration::from_secs(24 * 60 * 60),
                ..Config::default()
            };
            config.validate(&mut faults);
            faults.to_string()
        };
        assert!(faults(25).contains("store.busy_timeout = 25days"));
        assert!(faults(24).contains("0 faults"));
    }

    #[test]
    fn only_a_busy_database_is_worth_another_try() {
        // BUSY, BUSY_RECOVERY, BUSY_SNAPSHOT, BUSY_TIMEOUT
        for code in ["5", "261", "517", "773"] {
            assert!(is_transient(code), "{code}");
        }
        // IOERR_SHORT_READ, CORRUPT_SEQUENCE, FULL, IOERR_SHMLOCK
        for code in ["522", "523", "13", "5130"] {
            assert!(!is_transient(code), "{code}");
        }
    }
}
