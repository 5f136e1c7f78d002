use tokio::sync::watch;

use super::Health;

/// Waits for what a probe or a check says to become another. Of many changes at once it
/// tells once.
///
/// ```
/// use axum_chassis::health::Health;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let health = Health::builder().build();
/// let mut changes = health.changes();
/// health.mark_started();
/// changes.changed().await;
/// assert!(health.is_ready());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct HealthChanges {
    changes: watch::Receiver<()>,
    /// Keeps the other half alive.
    _health: Health,
}

impl HealthChanges {
    pub(super) fn new(changes: watch::Receiver<()>, health: Health) -> Self {
        Self {
            changes,
            _health: health,
        }
    }

    /// Returns when something has changed since the last time, or since there is this.
    pub async fn changed(&mut self) {
        self.changes
            .changed()
            .await
            .expect("the health that is kept holds the sender");
    }
}
