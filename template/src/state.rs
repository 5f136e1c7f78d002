//! What every handler can reach.

use axum::extract::FromRef;

use crate::{metrics::Metrics, reload::Live, store::Store};

/// Cheap to clone: every part is a handle, and an extractor by itself.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// Where the data lives.
    pub store: Store,
    /// The configuration that is in effect.
    pub live: Live,
    /// What the business counts.
    pub metrics: Metrics,
}
