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
    /// Threads, the runtime's and all others.
    pub const THREADS: &str = "process.thread.count";

    /// `user` or `system`.
    pub const CPU_MODE: &str = "cpu.mode";
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

    /// Which pool of connections.
    pub const POOL: &str = "db.client.connection.pool.name";
    /// `idle` or `used`.
    pub const STATE: &str = "db.client.connection.state";
}

/// What the listeners do, by [`LISTENER`](server::LISTENER).
pub mod server {
    /// Connections that are open.
    pub const OPEN_CONNECTIONS: &str = "http.server.open_connections";
    /// The most connections that may be open; further ones wait to be accepted.
    pub const CONNECTION_LIMIT: &str = "http.server.connection.limit";
    /// How often the last place for one was taken.
    pub const LIMIT_REACHED: &str = "http.server.connection.limit_reached";
    /// Connections that the service ended for their client's fault, by [`REASON`].
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
