use axum::response::Response;

use super::{AuditLog, Entry};
use crate::step::Rest;

/// Writes its entry exactly once: when it is dropped, however the request has ended.
#[derive(Debug)]
pub struct Guard {
    log: AuditLog,
    entry: Entry,
}

impl Guard {
    pub(super) fn new(log: AuditLog, entry: Entry) -> Self {
        Self { log, entry }
    }
}

impl Rest for Guard {
    fn after(mut self, response: &mut Response) {
        self.entry.answered(response);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.entry.ended();
        self.log.write(&self.entry);
    }
}
