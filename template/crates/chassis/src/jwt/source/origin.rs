use std::time::Duration;

use http::HeaderValue;

use super::KeySourceError;
use crate::jwt::{KeySet, VerifierError};

/// What a source does of its own; the rest is the [task](super::task)'s.
pub(super) trait Origin: Send + 'static {
    /// Gets the document, unless it is the known one.
    fn fetch(
        &self,
        known: Option<&Validator>,
    ) -> impl Future<Output = Result<Fetched, KeySourceError>> + Send;

    /// The keys of a document, and what is wrong with others that it has.
    fn read(&self, document: &[u8]) -> Result<(KeySet, Vec<VerifierError>), KeySourceError>;

    /// When to try again after so many failures in a row.
    fn pause_after(&self, failures: u32) -> Duration;
}

pub(super) struct Fetched {
    /// None if it is the known one.
    pub(super) document: Option<Document>,
    /// When to fetch again.
    pub(super) pause: Duration,
}

pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) validator: Option<Validator>,
}

/// What tells that a document is still the same (RFC 9110 section 8.8).
#[cfg_attr(not(feature = "jwks"), expect(dead_code, reason = "files have none"))]
pub(super) struct Validator {
    pub(super) url: String,
    pub(super) etag: HeaderValue,
}
