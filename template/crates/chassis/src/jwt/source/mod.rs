//! Where live keys come from, and how they stay fresh.
//!
//! A [`KeyFile`] or, with feature `jwks`, a `KeyEndpoint` is spawned, and gives
//! [`Keys`](super::Keys) for an [`Issuer`](super::Issuer) with a task that renews them.
//! The task is the only one that fetches, so there is one fetch in flight at most.
//!
//! | bound | default | |
//! |---|---|---|
//! | [`FILE_INTERVAL`] | 10 s | how often a file is read again |
//! | [`FETCH_TIMEOUT`] | 5 s | for a whole fetch: name, connection, discovery, body |
//! | [`MAX_DOCUMENT_BYTES`] | 256 KiB | of each document, counted as it comes in |
//! | [`DEFAULT_LIFETIME`] | 1 h | of fetched keys whose answer has no `Cache-Control` |
//! | [`MIN_LIFETIME`], [`MAX_LIFETIME`] | 1 min, 24 h | whatever `Cache-Control` says |
//! | [`MIN_RETRY`], [`MAX_RETRY`] | 1 s, 60 s | between failures: doubled each time, less up to half |
//! | [`KEY_COOLDOWN`] | 30 s | between two fetches for the sake of unknown keys |
//! | [`MAX_WAITING`] | 1024 | requests that wait for a source at a time |
//!
//! # Ahead of need
//!
//! Keys are fetched again when between 75 and 90 % of their lifetime is over: `max-age`
//! less `Age` (RFC 9111 section 4.2), and the shortest for `no-store` and `no-cache`.
//! What the keys are changes only if the document does. If it cannot be had, or is not
//! sound, **the last good keys stay, for as long as it takes**: an outage of the issuer
//! must not become ours. A set without any key that is of use counts as not sound.
//!
//! # Unknown keys
//!
//! A token that names a key nobody knows may be the first after a rotation, or one of a
//! million forgeries. Its request waits for a fetch, one for all that wait, and is then
//! judged by the keys as they are. After that fetch has begun, the next one for the sake
//! of an unknown key does not begin before the cool-down is over; meanwhile such tokens
//! are refused at once, with 401. Requests with known keys never wait. An issuer that
//! publishes a key an hour before it uses it never makes anyone wait.
//!
//! As long as there has been no key at all, requests wait for the fetch in flight. If it
//! fails, or none is in flight, they get 503 with `Retry-After`: the token may be good.
//!
//! A key without a `kid` is not seen to be replaced before its lifetime is over.
//!
//! # Telemetry
//!
//! | metric | | labels |
//! |---|---|---|
//! | `axum_chassis.jwks.fetches` | attempts | `axum_chassis.jwks.source`, `axum_chassis.jwks.outcome` |
//! | `axum_chassis.jwks.fetch.duration` | how long they took, in seconds | source |
//! | `axum_chassis.jwks.last_success.timestamp` | in seconds since 1970 | source |
//! | `axum_chassis.jwks.keys` | how many there are | source |
//! | `axum_chassis.jwks.cooldown_refusals` | tokens with an unknown key that did not wait | source |
//!
//! An outcome is `changed`, `unchanged`, `connection`, `timeout`, `redirect`, `status`,
//! `too_large`, `discovery`, `file` or `keys`. Events tell of keys that come and go
//! (`INFO`), of keys that are of no use, and of failures (`WARN`, each kind once until it
//! changes); never what a document says.

#[cfg(feature = "jwks")]
mod backoff;
#[cfg(feature = "jwks")]
mod discovery;
#[cfg(feature = "jwks")]
mod endpoint;
mod error;
mod file;
#[cfg(feature = "jwks")]
mod freshness;
#[cfg(feature = "health")]
mod health;
#[cfg(feature = "jwks")]
mod http_get;
mod origin;
mod renewal;
mod task;
mod telemetry;
#[cfg(all(test, feature = "jwks"))]
mod tests;

use std::time::Duration;

#[cfg(feature = "jwks")]
pub use endpoint::KeyEndpoint;
pub use error::KeySourceError;
pub use file::KeyFile;
pub(super) use renewal::{Answer, Renewal};
pub use task::KeysTask;

/// How often a file is read again, unless [`KeyFile::interval`] says otherwise.
pub const FILE_INTERVAL: Duration = Duration::from_secs(10);

/// How long a whole fetch may take, unless told otherwise.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest document that is read, in bytes: 256 KiB, some five hundred keys.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// How long fetched keys are fresh if the answer does not say.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// The shortest time that fetched keys count as fresh.
pub const MIN_LIFETIME: Duration = Duration::from_secs(60);

/// The longest time that fetched keys count as fresh.
pub const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// The pause after the first failure.
pub const MIN_RETRY: Duration = Duration::from_secs(1);

/// The pause after many failures.
pub const MAX_RETRY: Duration = Duration::from_secs(60);

/// The pause between two fetches for the sake of unknown keys, unless told otherwise.
pub const KEY_COOLDOWN: Duration = Duration::from_secs(30);

/// How many requests may wait for a source at a time; more get 503.
pub const MAX_WAITING: usize = 1024;
