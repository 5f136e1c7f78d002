use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::metrics::Meter;

use super::{
    Claims, Issuer, TokenCache, Verifier, VerifierError,
    cache::VerifiedTokens,
    headers::KnownHeaders,
    instruments::Instruments,
    verifier::{Clock, Policy, Revoked},
};

/// How much earlier or later another clock may run, unless
/// [`VerifierBuilder::leeway`] says otherwise.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// The longest leeway: "no more than a few minutes" (RFC 7519 section 4.1.4).
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

/// Builds a [`Verifier`].
#[must_use = "nothing is built before `build`"]
pub struct VerifierBuilder {
    issuers: Vec<Issuer>,
    leeway: Duration,
    clock: Clock,
    revoked: Option<Revoked>,
    cache: Option<TokenCache>,
    meter: Option<Meter>,
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            issuers: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            clock: Arc::new(SystemTime::now),
            revoked: None,
            cache: Some(TokenCache::default()),
            meter: None,
        }
    }

    /// Trusts this issuer, too. One is required.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// By how much an issuer's clock may differ, for `exp`, `nbf` and `iat`;
    /// [`DEFAULT_LEEWAY`] unless told, [`MAX_LEEWAY`] at most.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// Reads the time from elsewhere than the system's clock, as tests do.
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self {
            clock: Arc::new(clock),
            ..self
        }
    }

    /// Refuses tokens that this says are revoked, most likely by their
    /// [`id`](Claims::id). It is asked at each use of a token that is otherwise good,
    /// within the request: it should look into memory, and leave to a task to keep that
    /// up to date.
    ///
    /// ```
    /// use std::{collections::HashSet, sync::{Arc, RwLock}};
    ///
    /// use axum_chassis::jwt::{Claims, Verifier};
    ///
    /// let revoked: Arc<RwLock<HashSet<String>>> = Arc::default();
    /// let ids = Arc::clone(&revoked);
    /// let is_revoked = move |claims: &Claims| match (claims.id(), ids.read()) {
    ///     (Some(id), Ok(ids)) => ids.contains(id),
    ///     // What cannot be told apart from a revoked token is refused.
    ///     _ => true,
    /// };
    /// let verifier = Verifier::builder().revoked(is_revoked);
    /// ```
    pub fn revoked(self, revoked: impl Fn(&Claims) -> bool + Send + Sync + 'static) -> Self {
        Self {
            revoked: Some(Arc::new(revoked)),
            ..self
        }
    }

    /// How many verified tokens are remembered; `None` checks each signature each time.
    /// See the [module](super) for the bounds unless told.
    pub fn cache(self, cache: impl Into<Option<TokenCache>>) -> Self {
        Self {
            cache: cache.into(),
            ..self
        }
    }

    /// Counts with this meter what is verified, and why it is refused. See the
    /// [module](super) for the names. A meter is for one verifier.
    pub fn meter(self, meter: &Meter) -> Self {
        Self {
            meter: Some(meter.clone()),
            ..self
        }
    }

    /// Checks that everything is there and fits together.
    ///
    /// # Errors
    ///
    /// If there is no issuer, two have the same name, one has no name, no audience or no
    /// key that may be used, or the leeway is too long.
    pub fn build(self) -> Result<Verifier, VerifierError> {
        if self.issuers.is_empty() {
            return Err(VerifierError::NoIssuer);
        }
        let mut names = HashSet::new();
        for issuer in &self.issuers {
            issuer.check()?;
            if !names.insert(&issuer.name) {
                return Err(VerifierError::DuplicateIssuer(issuer.name.clone()));
            }
        }
        if self.leeway > MAX_LEEWAY {
            return Err(VerifierError::LeewayTooLong);
        }
        let cache = self.cache.as_ref().and_then(VerifiedTokens::new);
        let cache = cache.map(Arc::new);
        let instruments = self
            .meter
            .as_ref()
            .map(|meter| Instruments::new(meter, cache.as_ref()));
        Ok(Verifier::new(Policy {
            issuers: self.issuers,
            leeway: self.leeway,
            clock: self.clock,
            revoked: self.revoked,
            cache,
            headers: KnownHeaders::default(),
            instruments,
        }))
    }
}
