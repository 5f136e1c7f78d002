use std::{fmt, sync::Arc};

use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::{Claims, Issuer};

/// So many tokens a cache holds, unless [`TokenCache::max_tokens`] says otherwise.
pub const DEFAULT_CACHED_TOKENS: usize = 10_000;

/// So much memory a cache takes, in bytes, unless [`TokenCache::max_bytes`] says
/// otherwise: 8 MiB.
pub const DEFAULT_CACHED_BYTES: usize = 8 * 1024 * 1024;

/// What the cache itself needs for an entry, about: its place, and twice that in tables.
const ENTRY_BYTES: usize = 3 * size_of::<(Box<[u8]>, Claims)>();

/// How much a [`Verifier`](super::Verifier) remembers, so that a signature is checked
/// once.
///
/// ```
/// use axum_chassis::jwt::{TokenCache, Verifier};
///
/// let few = TokenCache::default().max_tokens(100);
/// let verifier = Verifier::builder().cache(few);
/// let verifier = Verifier::builder().cache(None);
/// ```
#[derive(Clone, Debug)]
pub struct TokenCache {
    max_tokens: usize,
    max_bytes: usize,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self {
            max_tokens: DEFAULT_CACHED_TOKENS,
            max_bytes: DEFAULT_CACHED_BYTES,
        }
    }
}

impl TokenCache {
    /// How many tokens; [`DEFAULT_CACHED_TOKENS`] unless told.
    #[must_use]
    pub fn max_tokens(self, max_tokens: usize) -> Self {
        Self { max_tokens, ..self }
    }

    /// How much memory for them, in bytes; [`DEFAULT_CACHED_BYTES`] unless told.
    #[must_use]
    pub fn max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }
}

/// Tokens that were good when they were first seen. What may change since is not in it:
/// whoever takes one out looks at its keys, the time and revocations again.
///
/// A token is found only by the whole of its text, its signature included: who can name
/// one has it. The hash merely leads there, so two tokens of one hash are two entries; and
/// its seed is not known outside, so that the time of a look-up does not tell how near a
/// guess came. Bad tokens are not in it: only an issuer could fill it.
pub(super) struct VerifiedTokens(Cache<Box<[u8]>, Claims, Weight>);

impl VerifiedTokens {
    /// None if nothing may be remembered.
    pub(super) fn new(bounds: &TokenCache) -> Option<Self> {
        if bounds.max_tokens == 0 || bounds.max_bytes == 0 {
            return None;
        }
        // Each token counts as so much at least. One more than allowed would not fit.
        let least_bytes = bounds.max_bytes / (bounds.max_tokens.saturating_add(1)) + 1;
        // By this it also bounds what it keeps of tokens that went: that they were there.
        let most_tokens = bounds.max_tokens.min(bounds.max_bytes / ENTRY_BYTES);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(most_tokens)
            .weight_capacity(bounds.max_bytes as u64)
            .build()
            .ok()?;
        Some(Self(Cache::with_options(
            options,
            Weight { least_bytes },
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        )))
    }

    /// The claims of a token that was good, if its issuer still has the same keys.
    pub(super) fn find(&self, token: &[u8], issuers: &[Issuer]) -> Option<Claims> {
        let claims = self.0.get(token)?;
        let origin = claims.origin();
        let keys = issuers.get(origin.issuer)?.keys.current();
        if Arc::ptr_eq(&origin.keys, &keys) {
            return Some(claims);
        }
        self.0.retain(|_, other| {
            let other = other.origin();
            other.issuer != origin.issuer || Arc::ptr_eq(&other.keys, &keys)
        });
        None
    }

    pub(super) fn insert(&self, token: &[u8], claims: Claims) {
        self.0.insert(token.into(), claims);
    }

    pub(super) fn tokens(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.weight()
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").finish_non_exhaustive()
    }
}

/// How much of the cache a token takes, in bytes.
#[derive(Clone)]
struct Weight {
    least_bytes: usize,
}

impl Weighter<Box<[u8]>, Claims> for Weight {
    fn weight(&self, token: &Box<[u8]>, claims: &Claims) -> u64 {
        let bytes = ENTRY_BYTES + token.len() + claims.size_bytes();
        bytes.max(self.least_bytes) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{HmacAlgorithm, Key, claims::Origin, claims_set::ClaimsSet};

    const JSON: &str = r#"{"iss":"a","sub":"ada","aud":"b","exp":1800000000}"#;

    fn issuer(name: &str) -> Issuer {
        let key = Key::hmac(HmacAlgorithm::Hs256, &[7; 32]).unwrap();
        Issuer::new(name, "b", key)
    }

    fn verified(issuer: usize, issuers: &[Issuer]) -> Claims {
        let keys = Arc::clone(&issuers[issuer].keys.current());
        let set = ClaimsSet::read(JSON.to_owned()).unwrap();
        Claims::verified(set, Origin { issuer, keys })
    }

    #[test]
    fn tokens_of_replaced_keys_are_forgotten_and_those_of_other_issuers_are_not() {
        let before = [issuer("a"), issuer("b")];
        let cache = VerifiedTokens::new(&TokenCache::default()).unwrap();
        for (token, issuer) in [(b"a1", 0), (b"a2", 0), (b"b1", 1)] {
            cache.insert(token, verified(issuer, &before));
        }
        assert!(cache.find(b"a1", &before).is_some());
        assert_eq!(cache.tokens(), 3);

        // The same keys once more are still others: whoever replaced them meant it.
        let after = [issuer("a"), before[1].clone()];
        assert!(cache.find(b"a1", &after).is_none());
        assert_eq!(cache.tokens(), 1);
        assert!(cache.find(b"b1", &after).is_some());

        cache.insert(b"a1", verified(0, &after));
        assert!(cache.find(b"a1", &after).is_some());
    }

    #[test]
    fn tokens_that_went_leave_no_more_behind_than_there_is_memory_for() {
        let issuers = [issuer("a")];
        let bounds = TokenCache::default().max_tokens(usize::MAX);
        let cache = VerifiedTokens::new(&bounds.max_bytes(20_000)).unwrap();
        for n in 0..20_000 {
            cache.insert(n.to_string().as_bytes(), verified(0, &issuers));
        }
        let used = cache.0.memory_used();
        assert!(used.entries + used.map < 100_000, "{used:?}");
    }
}
