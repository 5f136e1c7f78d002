use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    metrics::{BoundCounter, Counter, Meter},
};

use super::{TokenError, cache::VerifiedTokens};
use crate::names::{
    ERROR_TYPE,
    jwt::{CACHE_SIZE, CACHE_TOKENS, CACHED, VERIFICATIONS},
};

/// What verifications are counted with. Those of good tokens are bound to their series:
/// a look-up would cost a repeated token as much as its own.
pub(super) struct Instruments {
    verifications: Counter<u64>,
    known: BoundCounter<u64>,
    new: BoundCounter<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter, cache: Option<&Arc<VerifiedTokens>>) -> Self {
        if let Some(cache) = cache {
            observe(meter, cache);
        }
        let verifications = meter
            .u64_counter(VERIFICATIONS)
            .with_description("Bearer tokens that were verified or refused.")
            .with_unit("{verification}")
            .build();
        let good = |is_cached: bool| verifications.bind(&[KeyValue::new(CACHED, is_cached)]);
        Self {
            known: good(true),
            new: good(false),
            verifications,
        }
    }

    pub(super) fn verified(&self, is_cached: bool, error: Option<&TokenError>) {
        match error {
            Some(error) => self.refused(error.kind()),
            None if is_cached => self.known.add(1),
            None => self.new.add(1),
        }
    }

    pub(super) fn refused(&self, kind: &'static str) {
        self.verifications
            .add(1, &[KeyValue::new(ERROR_TYPE, kind)]);
    }
}

/// As long as the cache is there. It is the meter that keeps the instruments.
fn observe(meter: &Meter, cache: &Arc<VerifiedTokens>) {
    let tokens = Arc::downgrade(cache);
    let size = Arc::downgrade(cache);
    meter
        .u64_observable_gauge(CACHE_TOKENS)
        .with_description("Verified tokens that are remembered.")
        .with_unit("{token}")
        .with_callback(move |observer| {
            if let Some(cache) = tokens.upgrade() {
                observer.observe(cache.tokens() as u64, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge(CACHE_SIZE)
        .with_description("Memory for verified tokens that are remembered.")
        .with_unit("By")
        .with_callback(move |observer| {
            if let Some(cache) = size.upgrade() {
                observer.observe(cache.bytes(), &[]);
            }
        })
        .build();
}
