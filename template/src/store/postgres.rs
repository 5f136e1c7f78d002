use std::{path::PathBuf, str::FromStr, time::Duration};

use humantime_serde::re::humantime::format_duration;
use serde::{Deserialize, Serialize};
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool,
    error::DatabaseError,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;
use url::Url;

use super::sql;
use crate::config::{Environment, Faults, Secret};

pub(super) type Database = sqlx::Postgres;

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// SQLSTATE classes 08 (connection), 53 (resources), 57 (operator, statement time-out), and
/// 55P03 (lock time-out), 40P01 (deadlock), 25006 (a primary that has become a replica). Not
/// all of class 40: a replica that is behind cancels a read by 40001, and is none the worse.
pub(super) fn is_transient(code: &str) -> bool {
    let starts = ["08", "53", "57", "55P03", "40P01", "25006"];
    starts.iter().any(|start| code.starts_with(start))
}

/// Whether an owner has an item of this name already: that one constraint was violated, by
/// the name that the server gave it.
pub(super) fn is_name_taken(error: &dyn DatabaseError) -> bool {
    error.constraint() == Some("items_owner_name_key")
}

/// What may be waited for an answer.
pub(super) fn answer_timeout(config: &Config) -> Option<Duration> {
    Some(config.answer_timeout)
}

/// How a work begins.
pub(super) const BEGIN: &str = "BEGIN";

/// Takes the lock of this id until the end of the transaction, unless somebody has it.
pub(super) async fn try_lock(connection: &mut PgConnection, id: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(id)
        .fetch_one(connection)
        .await
}

/// Claims an event of the outbox: of those that are the first of their subject the one that
/// has been due the longest, but for those that others are claiming.
pub(super) const CLAIM_EVENT: &str = "
    UPDATE outbox SET attempts = attempts + 1, due_at = $2
    WHERE seq = (
        SELECT seq FROM outbox AS head
        WHERE due_at <= $1 AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.subject = head.subject AND earlier.seq < head.seq
        )
        ORDER BY due_at, seq LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING seq, id, event, traceparent, attempts";

/// By how many seconds a replica is behind: nothing if it has done all that it was sent.
pub(super) async fn lag_seconds(replica: &PgPool) -> Result<f64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
         ELSE COALESCE(EXTRACT(EPOCH FROM now() - pg_last_xact_replay_timestamp()), 0)
         END::float8",
    )
    .fetch_one(replica)
    .await
}

/// The server counts in milliseconds, by an `i32`: none of them is no bound.
const SHORTEST_STATEMENT_TIMEOUT: Duration = Duration::from_millis(1);
const LONGEST_STATEMENT_TIMEOUT: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// A PostgreSQL server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `postgres://user:password@host:port/database`.
    pub url: Secret,
    /// A replica of it, written the same way: for reads that may be some time behind. While
    /// it is away, or if there is none, they go to `url`.
    pub replica_url: Option<Secret>,
    /// Connections at most. All replicas' together must stay below the server's
    /// `max_connections`.
    pub max_connections: u32,
    /// Connections that are there from the start. With as many as there may be, no request
    /// waits for a name server, a handshake and a login while another's is in use.
    pub min_connections: u32,
    /// Time to wait for a connection; then 503.
    #[serde(with = "humantime_serde")]
    pub acquire_timeout: Duration,
    /// Time for one statement, kept by the server.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// Time for the server's answer, the wait for a connection included; then 503. A
    /// server that is silent does not keep to anything.
    #[serde(with = "humantime_serde")]
    pub answer_timeout: Duration,
    /// Whether `serve` brings the schema up to date before it is ready.
    pub migrate_on_start: bool,
    /// Who is told of what has been written.
    pub outbox: sql::OutboxConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Secret::from("postgres://postgres@127.0.0.1:5432/postgres"),
            replica_url: None,
            max_connections: 20,
            min_connections: 20,
            acquire_timeout: Duration::from_millis(1500),
            statement_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_millis(1800),
            migrate_on_start: true,
            outbox: sql::OutboxConfig::default(),
        }
    }
}

impl Config {
    /// Certificates and keys, and libpq's file of passwords, where the URL or the environment
    /// names some.
    pub fn files_to_read(&self, environment: &Environment) -> Vec<PathBuf> {
        const FILES: [&str; 7] = [
            "sslrootcert",
            "ssl-root-cert",
            "ssl-ca",
            "sslcert",
            "ssl-cert",
            "sslkey",
            "ssl-key",
        ];
        const VARIABLES: [&str; 4] = ["PGPASSFILE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"];
        let urls = [Some(&self.url), self.replica_url.as_ref()];
        let urls = urls.into_iter().flatten();
        let named = VARIABLES.iter().filter_map(|name| environment.get(name));
        let mut files: Vec<_> = named.map(PathBuf::from).collect();
        for url in urls.filter_map(|url| Url::parse(url.expose()).ok()) {
            let named = url.query_pairs();
            let named = named.filter(|(name, _)| FILES.contains(&&**name));
            files.extend(named.map(|(_, file)| PathBuf::from(&*file)));
        }
        files
    }

    /// None: the server has them.
    pub fn file_to_write(&self) -> Option<PathBuf> {
        None
    }

    pub(crate) fn validate(&self, faults: &mut Faults) {
        self.outbox.validate(faults);
        for (field, url) in [
            ("store.url", Some(&self.url)),
            ("store.replica_url", self.replica_url.as_ref()),
        ] {
            let parsed = url.map(|url| PgConnectOptions::from_str(url.expose()));
            if let Some(Err(error)) = parsed {
                let reason = format!("{error}; write postgres://user:password@host:port/database");
                faults.add_hidden(field, reason);
            }
        }
        if self.max_connections == 0 {
            faults.add("store.max_connections", 0, "must be 1 or more");
        } else if self.min_connections > self.max_connections {
            let reason = format!(
                "must not exceed store.max_connections, {}",
                self.max_connections
            );
            faults.add("store.min_connections", self.min_connections, reason);
        }
        for (field, timeout) in [
            ("store.acquire_timeout", self.acquire_timeout),
            ("store.answer_timeout", self.answer_timeout),
        ] {
            if timeout.is_zero() {
                faults.add(field, "0s", "must be longer than nothing, such as 2s");
            }
        }
        let counted = SHORTEST_STATEMENT_TIMEOUT..=LONGEST_STATEMENT_TIMEOUT;
        if !counted.contains(&self.statement_timeout) {
            let given = format_duration(self.statement_timeout);
            let reason = "must be from 1ms to 24days, such as 5s";
            faults.add("store.statement_timeout", given, reason);
        }
    }
}

pub(super) async fn connect(
    config: &Config,
    patience: &sql::Patience,
) -> Result<PgPool, sqlx::Error> {
    let options = options(config, &config.url)?;
    // A pool says of a server that is not there only that it timed out; a single
    // connection says why.
    let first = timeout(config.acquire_timeout, options.connect()).await;
    first
        .map_err(|_| sqlx::Error::PoolTimedOut)??
        .close()
        .await?;
    let pool = pool_options(config, patience)
        .min_connections(config.min_connections)
        .acquire_timeout(config.acquire_timeout)
        .connect_lazy_with(options);
    fill(&pool, config.min_connections);
    Ok(pool)
}

/// All at once, and in the background: the pool by itself would take them one by one, and
/// fail if that takes too long. What does not come now comes when it is needed.
fn fill(pool: &PgPool, connections: u32) {
    for _ in 0..connections {
        let pool = pool.clone();
        tokio::spawn(async move { pool.acquire().await.map(drop) });
    }
}

/// What may be waited for a connection to the replica: the primary is there to be asked.
const REPLICA_ACQUIRE_TIMEOUT: Duration = Duration::from_millis(300);

/// It may be away when the service starts.
pub(super) fn replica(
    config: &Config,
    patience: &sql::Patience,
) -> Result<Option<PgPool>, sqlx::Error> {
    let Some(url) = &config.replica_url else {
        return Ok(None);
    };
    let pool = pool_options(config, patience)
        .acquire_timeout(REPLICA_ACQUIRE_TIMEOUT.min(config.acquire_timeout));
    Ok(Some(pool.connect_lazy_with(options(config, url)?)))
}

/// A server that is there has ended a statement, and answers, before a connection is given
/// up: there are never more of them than places.
fn pool_options(config: &Config, patience: &sql::Patience) -> PgPoolOptions {
    let bound = config
        .statement_timeout
        .saturating_add(config.answer_timeout);
    let options = PgPoolOptions::new().max_connections(config.max_connections);
    patience.look_after(options, bound)
}

fn options(config: &Config, url: &Secret) -> Result<PgConnectOptions, sqlx::Error> {
    let limit = format!("{}ms", config.statement_timeout.as_millis());
    let options = PgConnectOptions::from_str(url.expose())?
        .application_name(env!("CARGO_PKG_NAME"))
        .options([("statement_timeout", &limit), ("lock_timeout", &limit)]);
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_a_bound_that_the_server_takes() {
        let faults = |statement_timeout| {
            let mut faults = Faults::default();
            let config = Config {
                statement_timeout,
                ..Config::default()
            };
            config.validate(&mut faults);
            faults.to_string()
        };
        let day = Duration::from_secs(24 * 60 * 60);
        for refused in [Duration::ZERO, Duration::from_micros(999), 25 * day] {
            let told = faults(refused);
            assert!(told.contains("store.statement_timeout = "), "{told}");
        }
        for taken in [Duration::from_millis(1), 24 * day] {
            assert!(faults(taken).contains("0 faults"));
        }
    }

    #[test]
    fn certificates_are_read_where_the_url_or_the_environment_says() {
        let config = Config {
            url: Secret::from("postgres://a.example/items?ssl-ca=/opt/trust/ca.pem"),
            ..Config::default()
        };
        let environment = Environment::from_iter([
            ("PGSSLCERT", "/opt/own/tls.crt"),
            ("PGSSLKEY", "/opt/own/tls.key"),
        ]);
        let files = config.files_to_read(&environment);
        for file in ["/opt/trust/ca.pem", "/opt/own/tls.crt", "/opt/own/tls.key"] {
            assert!(files.contains(&PathBuf::from(file)), "{files:?}");
        }
    }

    #[test]
    fn only_what_may_pass_is_worth_another_try() {
        // connection_failure, too_many_connections, query_canceled, admin_shutdown,
        // lock_not_available, deadlock_detected, read_only_sql_transaction
        for code in [
            "08006", "53300", "57014", "57P01", "55P03", "40P01", "25006",
        ] {
            assert!(is_transient(code), "{code}");
        }
        // check_violation, undefined_table, serialization_failure, active_sql_transaction
        for code in ["23514", "42P01", "40001", "25001"] {
            assert!(!is_transient(code), "{code}");
        }
    }
}
