//! What the service's own tests use too: clients, frames, certificates, a log, a database.

#![expect(
    clippy::unwrap_used,
    reason = "written for tests; a fault that panics has failed"
)]

use std::time::Duration;

#[path = "../../template/tests/api/support/client.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
pub mod client;
#[path = "../../template/tests/api/support/frames.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
pub mod frames;
#[path = "../../template/tests/api/support/log.rs"]
pub mod log;
#[path = "../../template/tests/api/support/pki.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
pub mod pki;
#[path = "../../template/tests/api/database/postgres/server.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
pub mod postgres;

/// Far above what anything here takes, on a machine that is busy with much else too.
pub const PATIENCE: Duration = Duration::from_secs(180);
