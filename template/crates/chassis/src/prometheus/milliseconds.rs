use std::time::{SystemTime, UNIX_EPOCH};

/// Since 1970; a thousand at least, so that there are seconds in it whatever the clock says.
#[derive(Clone, Copy)]
pub(super) struct Milliseconds(pub(super) u64);

impl Milliseconds {
    pub(super) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(since.unwrap_or_default().as_millis().max(1000) as u64)
    }
}
