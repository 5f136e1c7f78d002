//! What every handler can reach.

use crate::store::Store;

/// Cheap to clone: every part is a handle.
#[derive(Clone)]
pub struct AppState {
    /// Where the data lives.
    pub store: Store,
}
