use std::sync::Arc;

use quick_cache::sync::Cache;

use super::token::Header;

/// So many headers are known: an issuer has one for each of its keys.
const KNOWN_HEADERS: usize = 64;

/// The headers of good tokens, so that each is read once: all tokens of a key have the same.
///
/// What is found says no more than what is read: which key to try. Only what a key has
/// signed is in it, so that nobody else fills it.
pub(super) struct KnownHeaders(Cache<Box<[u8]>, Arc<Header>>);

impl KnownHeaders {
    /// What the header says, still encoded.
    pub(super) fn find(&self, encoded: &[u8]) -> Option<Arc<Header>> {
        self.0.get(encoded)
    }

    pub(super) fn insert(&self, encoded: &[u8], header: Arc<Header>) {
        self.0.insert(encoded.into(), header);
    }
}

impl Default for KnownHeaders {
    fn default() -> Self {
        Self(Cache::new(KNOWN_HEADERS))
    }
}
