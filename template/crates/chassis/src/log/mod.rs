//! A log line of JSON for every event, with the ids of the trace it belongs to.
//!
//! ```json
//! {"timestamp":"2026-11-23T12:00:00.000000Z","level":"INFO","target":"shop::cart","message":"added","item":7,"trace_id":"0af7…","span_id":"b7ad…"}
//! ```
//!
//! | name | value |
//! |---|---|
//! | `timestamp` | RFC 3339, UTC, microseconds |
//! | `level` | `ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE` |
//! | `target` | the module that says it |
//! | `message` | what it says |
//! | `trace_id`, `span_id` | of the current [`opentelemetry::Context`], sampled or not: lower-case hexadecimal digits |
//! | `span` | the `name` and the fields of the innermost `tracing` span, if there is one |
//! | any other | the event's fields |
//!
//! A field of an event or a span that is called like one of these gets an underscore
//! after its name.
//!
//! Whatever is logged stays on its line, in valid JSON: control characters and
//! quotes are escaped (RFC 8259, section 7), and a number that JSON does not have,
//! such as NaN, is a text.
//!
//! # Example
//!
//! ```
//! use axum_chassis::log::Json;
//! use tracing_subscriber::fmt::format::JsonFields;
//!
//! tracing_subscriber::fmt()
//!     .event_format(Json)
//!     .fmt_fields(JsonFields::new())
//!     .init();
//! tracing::info!(item = 7, "added");
//! ```

mod json;
mod text;

pub use self::json::Json;
