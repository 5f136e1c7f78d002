//! What every handler can reach.

use axum::extract::FromRef;

use crate::{metrics::Metrics, store::Store};

/// Cheap to clone: every part is a handle, and an extractor by itself.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// Where the data lives.
    pub store: Store,
    /// What the business counts.
    pub metrics: Metrics,
}
