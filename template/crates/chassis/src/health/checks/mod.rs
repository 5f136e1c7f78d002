//! Ready-made checks, each behind a feature of its own. All are degraded unless you
//! make them [critical](super::Check::critical): replicas share what they look at, and
//! would go all at once.
//!
//! | check | feature | warns | interval, time-out |
//! |---|---|---|---|
//! | `disk_space` | `health-disk` | below so many free bytes | 30 s, 1 s |
//! | `certificate` | `health-certificate` | so long before a certificate of a PEM file ends, and when it has | 60 s, 1 s |
//! | [`Outcomes::check`](super::Outcomes::check) | | when what happens anyway has failed for so long | 5 s, 1 s |
//! | `Outcomes::watch` | `health-export` | the same of an OpenTelemetry exporter | |
//!
//! # A connection pool
//!
//! needs no more than a closure. sqlx's, for one:
//!
//! ```ignore
//! // `acquire` waits for a free connection, within the time-out of the check.
//! let check = Check::new("store", move || {
//!     let pool = pool.clone();
//!     async move { Ok(pool.acquire().await?.ping().await?) }
//! });
//! ```
//!
//! A pool that is busy with requests has no connection to spare: let the check fail
//! [more than once](super::Check::failure_threshold) before it counts, or make it
//! [degraded](super::Check::degraded).

#[cfg(feature = "health-certificate")]
mod certificate;
#[cfg(feature = "health-disk")]
mod disk;

#[cfg(feature = "health-certificate")]
pub use certificate::{CERTIFICATE_NOTICE, certificate};
#[cfg(feature = "health-disk")]
pub use disk::disk_space;
