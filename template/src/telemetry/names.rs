//! The names of what this service measures, in one place.
//!
//! `process.*`, `cpu.*` and `db.client.*` are those of the [semantic conventions]
//! of OpenTelemetry; there are none yet for Tokio. Prometheus sees dots as
//! underscores, and the unit at the end: `process_cpu_time_seconds_total`.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/

/// What the process uses.
pub mod process {
    /// Seconds of processor time, by [`CPU_MODE`].
    pub const CPU_TIME: &str = "process.cpu.time";
    /// Open files, sockets and the like.
    pub const FILE_DESCRIPTORS: &str = "process.unix.file_descriptor.count";
    /// Bytes of physical memory.
    pub const MEMORY_USAGE: &str = "process.memory.usage";
    /// Bytes of virtual memory.
    pub const MEMORY_VIRTUAL: &str = "process.memory.virtual";
    /// Panics, in handlers and in the background.
    pub const PANICS: &str = "process.panics";
    /// Threads, the runtime's and all others.
    pub const THREADS: &str = "process.thread.count";

    /// `user` or `system`.
    pub const CPU_MODE: &str = "cpu.mode";
}

/// Which build this is: a gauge of 1, whose labels tell.
pub mod build {
    /// The gauge.
    pub const INFO: &str = "build.info";

    /// Who hands out memory.
    pub const ALLOCATOR: &str = "allocator";
    /// `release` or `debug`.
    pub const PROFILE: &str = "profile";
    /// The commit, where the build was told.
    pub const REVISION: &str = "revision";
    /// The compiler.
    pub const RUSTC: &str = "rustc";
    /// The version of the crate.
    pub const VERSION: &str = "version";
}

/// What jemalloc tells, where it is built in.
pub mod allocator {
    /// Bytes in pages that hold something.
    pub const ACTIVE: &str = "allocator.active";
    /// Bytes that the program has asked for and not given back.
    pub const ALLOCATED: &str = "allocator.allocated";
    /// Bytes of physical memory that the allocator holds.
    pub const RESIDENT: &str = "allocator.resident";
    /// Bytes of address space that it keeps for later.
    pub const RETAINED: &str = "allocator.retained";
}

/// What becomes of new configurations.
pub mod config {
    /// Readings of a new configuration, by [`OUTCOME`].
    pub const RELOADS: &str = "config.reloads";
    /// Seconds since 1970 when one without a fault was last read.
    pub const LAST_SUCCESS: &str = "config.last_success_timestamp";
    /// A number that differs between instances that are configured differently.
    pub const HASH: &str = "config.hash";
    /// Keys whose new values wait for a restart.
    pub const WAITING: &str = "config.waiting_keys";

    /// `applied`, `unchanged` or `refused`.
    pub const OUTCOME: &str = "outcome";
}

/// What the runtime does.
pub mod tokio {
    /// Seconds for which its threads had work.
    pub const BUSY_TIME: &str = "tokio.runtime.busy_time";
    /// Tasks that wait for any of its threads.
    pub const GLOBAL_QUEUE_DEPTH: &str = "tokio.runtime.global_queue.depth";
    /// Tasks that are not over.
    pub const TASKS: &str = "tokio.runtime.alive_tasks";
    /// Its threads.
    pub const WORKERS: &str = "tokio.runtime.workers";
}

/// What the store uses.
pub mod store {
    /// Connections of a database, by [`POOL`] and [`STATE`].
    pub const CONNECTIONS: &str = "db.client.connection.count";
    /// The most connections that there may be, by [`POOL`].
    pub const CONNECTIONS_MAX: &str = "db.client.connection.max";
    /// Items in memory.
    pub const ITEMS: &str = "store.items";
    /// The most items that memory may hold.
    pub const ITEMS_MAX: &str = "store.items.max";

    /// Reads that may be some time behind, by [`REPLICA_OUTCOME`].
    pub const REPLICA_READS: &str = "store.replica.reads";
    /// Seconds by which the replica is behind, as it says itself.
    pub const REPLICA_LAG: &str = "store.replica.lag";
    /// `answered` by the replica; by the primary, as the replica `failed` or was `away`.
    pub const REPLICA_OUTCOME: &str = "store.replica.outcome";

    /// Which pool of connections.
    pub const POOL: &str = "db.client.connection.pool.name";
    /// `idle` or `used`.
    pub const STATE: &str = "db.client.connection.state";
}

/// What becomes of events for other services.
pub mod outbox {
    /// Events that have not been published.
    pub const EVENTS: &str = "outbox.events";
    /// Seconds for which the oldest of them has waited.
    pub const OLDEST_AGE: &str = "outbox.oldest_age";
    /// Events that were sent, by [`OUTCOME`].
    pub const DELIVERIES: &str = "outbox.deliveries";

    /// `published`, `refused` (by its status) or `failed`.
    pub const OUTCOME: &str = "outbox.outcome";
}

/// What is refused.
pub mod limits {
    /// Requests that hit a bound, by [`SETTING`].
    pub const REFUSED: &str = "limits.refused_requests";

    /// The setting that moves the bound.
    pub const SETTING: &str = "setting";
}

/// How calls to other services go.
///
/// `http.client.request.duration` and its attributes are those of the semantic
/// conventions; there are none yet for retries and circuits.
pub mod client {
    /// Seconds of one attempt, from its beginning to the end of the answer's body.
    pub const REQUEST_DURATION: &str = "http.client.request.duration";
    /// Requests that could be repeated, by [`RETRY_OUTCOME`].
    pub const RETRIES: &str = "client.retries";
    /// Requests that were not sent, as the circuit was open.
    pub const REJECTIONS: &str = "client.circuit.rejections";
    /// 1 for the state in which the circuit is, by [`CIRCUIT_STATE`].
    pub const CIRCUIT: &str = "client.circuit.status";

    /// Which client: one for each service that is called.
    pub const CLIENT: &str = "client.name";
    /// `sent` or `no_budget`.
    pub const RETRY_OUTCOME: &str = "client.retry.outcome";
    /// `closed`, `half_open` or `open`.
    pub const CIRCUIT_STATE: &str = "client.circuit.state";
    /// The method.
    pub const METHOD: &str = "http.request.method";
    /// The host that is called.
    pub const ADDRESS: &str = "server.address";
    /// Its port.
    pub const PORT: &str = "server.port";
    /// The status code, if there is an answer.
    pub const STATUS: &str = "http.response.status_code";
    /// The status code of an error, or why there is no answer.
    pub const ERROR: &str = "error.type";
}

/// What becomes of notices of new items.
pub mod webhook {
    /// Notices, by [`OUTCOME`].
    pub const NOTICES: &str = "webhook.notices";

    /// `delivered`, `refused` (by its status), `failed`, or `dropped` (too many in work).
    pub const OUTCOME: &str = "webhook.outcome";
}

/// What the listeners do, by [`LISTENER`](server::LISTENER).
pub mod server {
    /// Connections that are open.
    pub const OPEN_CONNECTIONS: &str = "http.server.open_connections";
    /// The most connections that may be open; further ones wait to be accepted.
    pub const CONNECTION_LIMIT: &str = "http.server.connection.limit";
    /// How often the last place for one was taken.
    pub const LIMIT_REACHED: &str = "http.server.connection.limit_reached";
    /// Connections that the service ended, by [`REASON`].
    pub const CUT: &str = "http.server.connection.cut";
    /// Connections that could not be accepted, by [`REASON`].
    pub const ACCEPT_FAILURES: &str = "http.server.accept.failures";

    /// `public`, `operations` or `redirect`.
    pub const LISTENER: &str = "listener";
    /// Why, one of a few words.
    pub const REASON: &str = "reason";
}

/// What TLS does.
pub mod tls {
    /// Seconds since 1970: until when the certificate is valid.
    pub const CERTIFICATE_EXPIRY: &str = "tls.certificate.expiry_timestamp";
    /// New contents of the certificate's files, by [`OUTCOME`].
    pub const RELOADS: &str = "tls.certificate.reloads";

    /// `reloaded` or `refused`.
    pub const OUTCOME: &str = "outcome";
}

/// What the business counts.
pub mod items {
    /// Items that were made.
    pub const CREATED: &str = "items.created";
    /// Pieces of an item when it was made.
    pub const QUANTITY: &str = "items.quantity";
}

/// What becomes of requests with an `Idempotency-Key`.
pub mod idempotency {
    /// Requests with a key, by [`OUTCOME`].
    pub const REQUESTS: &str = "idempotency.requests";
    /// Kept answers that have expired and were deleted.
    pub const EXPIRED: &str = "idempotency.answers.expired";

    /// `done`, `replayed`, `conflict` (the first is in work) or `mismatch` (it was
    /// another request).
    pub const OUTCOME: &str = "idempotency.outcome";
}

/// What becomes of spans: OpenTelemetry's semantic conventions for SDK metrics.
pub mod export {
    /// Spans that left the queue to be sent, or, by [`ERROR`], found it full.
    pub const PROCESSED: &str = "otel.sdk.processor.span.processed";
    /// Spans that were sent, or, by [`ERROR`], could not be.
    pub const EXPORTED: &str = "otel.sdk.exporter.span.exported";

    /// `queue_full`; `timeout` or `failed`. Absent where all is well.
    pub const ERROR: &str = "error.type";
}

/// What the log tells of itself.
pub mod log {
    /// Lines that could not be written.
    pub const FAILURES: &str = "log.lines.lost";
}

/// What the audit log tells of itself.
pub mod audit {
    /// Entries that could not be written.
    pub const FAILURES: &str = "audit.entries.lost";
}
