//! What every handler can reach.

use axum::extract::FromRef;

use crate::{
    audit::AuditLog, idempotency::Idempotency, metrics::Metrics, reload::Live, store::Store,
    webhook::Webhook,
};

/// Cheap to clone: every part is a handle, and an extractor by itself.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// Where the data lives.
    pub store: Store,
    /// Who has changed what.
    pub audit: AuditLog,
    /// What requests with an `Idempotency-Key` share.
    pub idempotency: Idempotency,
    /// The configuration that is in effect.
    pub live: Live,
    /// What the business counts.
    pub metrics: Metrics,
    /// Who is told of new items.
    pub webhook: Webhook,
}
