//! What a PostgreSQL server does, as postgres_exporter tells it.

use super::{
    board::{Board, Row, Variable},
    panel::{Panel, Source, unit},
};

pub fn board() -> Board {
    Board {
        title: "PostgreSQL",
        about: "PostgreSQL servers, as postgres_exporter tells of them: connections, transactions, the cache, locks, dead rows.",
        variables: vec![
            Variable::source(Source::Prometheus),
            Variable::label("namespace", "Namespace", "label_values(pg_up, namespace)"),
            Variable::label(
                "service",
                "Server",
                "label_values(pg_up{namespace=~\"$namespace\"}, job)",
            ),
            Variable::label(
                "database",
                "Database",
                "label_values(pg_database_size_bytes{namespace=~\"$namespace\", job=~\"$service\"}, datname)",
            ),
        ],
        rows: vec![
            Row::open("Now", now()),
            Row::open("Work", work()),
            Row::open("Waiting", waiting()),
            Row::closed("Tables", tables()),
        ],
    }
}

fn now() -> Vec<Panel> {
    vec![
        Panel::stat("Servers", unit::COUNT, "Servers that answer their exporter.")
            .ask("sum(pg_up{SERVICE})", "up"),
        Panel::gauge("Connections", unit::RATIO, "Of the connections that a server takes, those that there are; of the fullest one. At 1 nobody else comes in.")
            .ask("max(sum by (job, instance) (pg_stat_database_numbackends{SERVICE}) / sum by (job, instance) (pg_settings_max_connections{SERVICE}))", "connections")
            .full_at(1.0)
            .steps(&[(None, "green"), (Some(0.7), "orange"), (Some(0.9), "red")]),
        Panel::gauge("Read from memory", unit::RATIO, "The share of blocks that were in PostgreSQL's own memory. Below 0.95 for long: `shared_buffers` is small, or a query reads all.")
            .ask("sum(rate(pg_stat_database_blks_hit{DATABASE}[$__rate_interval])) / (sum(rate(pg_stat_database_blks_hit{DATABASE}[$__rate_interval])) + sum(rate(pg_stat_database_blks_read{DATABASE}[$__rate_interval])))", "hits")
            .full_at(1.0)
            .steps(&[(None, "red"), (Some(0.9), "orange"), (Some(0.95), "green")]),
        Panel::stat("Transactions", unit::EVENTS_PER_SECOND, "Transactions that were committed, a second.")
            .ask("sum(rate(pg_stat_database_xact_commit{DATABASE}[$__rate_interval]))", "commits"),
        Panel::stat("Size", unit::BYTES, "Bytes on the disk, of all databases that are chosen.")
            .ask("sum(pg_database_size_bytes{DATABASE})", "size"),
    ]
}

fn work() -> Vec<Panel> {
    vec![
        Panel::lines("Transactions", unit::EVENTS_PER_SECOND, "Committed, and rolled back: by the application, or for an error.")
            .ask("sum by (datname) (rate(pg_stat_database_xact_commit{DATABASE}[$__rate_interval]))", "{{datname}} committed")
            .ask("sum by (datname) (rate(pg_stat_database_xact_rollback{DATABASE}[$__rate_interval]))", "{{datname}} rolled back"),
        Panel::lines("Rows", unit::ROWS_PER_SECOND, "Rows that were looked at, given out, and changed. Many looked at for each given out is an index that is missing.")
            .ask("sum(rate(pg_stat_database_tup_returned{DATABASE}[$__rate_interval]))", "looked at")
            .ask("sum(rate(pg_stat_database_tup_fetched{DATABASE}[$__rate_interval]))", "fetched")
            .ask("sum(rate(pg_stat_database_tup_inserted{DATABASE}[$__rate_interval]))", "inserted")
            .ask("sum(rate(pg_stat_database_tup_updated{DATABASE}[$__rate_interval]))", "updated")
            .ask("sum(rate(pg_stat_database_tup_deleted{DATABASE}[$__rate_interval]))", "deleted"),
        Panel::lines("Temporary files", unit::BYTES_PER_SECOND, "What did not fit into `work_mem` and was sorted on the disk.")
            .ask("sum by (datname) (rate(pg_stat_database_temp_bytes{DATABASE}[$__rate_interval]))", "{{datname}}"),
        Panel::lines("Size", unit::BYTES, "Bytes on the disk, by database.")
            .ask("pg_database_size_bytes{DATABASE}", "{{datname}}"),
    ]
}

fn waiting() -> Vec<Panel> {
    vec![
        Panel::lines("Connections by state", unit::COUNT, "`idle in transaction` holds locks and keeps dead rows: its client forgot to commit.")
            .ask("sum by (state) (pg_stat_activity_count{DATABASE})", "{{state}}")
            .stacked(),
        Panel::lines("Longest transaction", unit::SECONDS, "How long the oldest transaction has run, by state.")
            .ask("max by (state) (pg_stat_activity_max_tx_duration{DATABASE})", "{{state}}"),
        Panel::lines("Locks", unit::COUNT, "Locks that are held or waited for, by mode.")
            .ask("sum by (mode) (pg_locks_count{DATABASE})", "{{mode}}"),
        Panel::lines("Deadlocks and conflicts", unit::EVENTS_PER_SECOND, "Transactions that had to end for another: each waited for the other's lock, or a replica had to go on.")
            .ask("sum(rate(pg_stat_database_deadlocks{DATABASE}[$__rate_interval]))", "deadlocks")
            .ask("sum(rate(pg_stat_database_conflicts{DATABASE}[$__rate_interval]))", "conflicts"),
        Panel::lines("Behind the primary", unit::BYTES, "Bytes of the log that a replica has not replayed, by replica; seen from the primary.")
            .ask("pg_stat_replication_pg_wal_lsn_diff{SERVICE}", "{{application_name}} {{slot_name}}"),
    ]
}

fn tables() -> Vec<Panel> {
    vec![
        Panel::table("Tables", "Rows that live and that are dead, and how often a table was read whole. Autovacuum takes dead rows away; where they stay, somebody holds an old transaction.")
            .column("Live rows", unit::COUNT, "sum by (datname, schemaname, relname) (pg_stat_user_tables_n_live_tup{DATABASE})")
            .column("Dead rows", unit::COUNT, "sum by (datname, schemaname, relname) (pg_stat_user_tables_n_dead_tup{DATABASE})")
            .column("Read whole", unit::EVENTS_PER_SECOND, "sum by (datname, schemaname, relname) (rate(pg_stat_user_tables_seq_scan{DATABASE}[5m]))"),
    ]
}
