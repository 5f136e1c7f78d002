use axum::response::Response;

use super::{AuditLog, Entry};

/// Writes its entry exactly once: when it is dropped, however the request has ended.
pub(super) struct Guard {
    log: AuditLog,
    entry: Entry,
}

impl Guard {
    pub(super) fn new(log: AuditLog, entry: Entry) -> Self {
        Self { log, entry }
    }

    pub(super) fn answered(mut self, response: &Response) {
        self.entry.answered(response);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.entry.ended();
        self.log.write(&self.entry);
    }
}
