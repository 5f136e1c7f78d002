//! Whose tokens are good, by keys that stay fresh.

use axum_chassis::{
    health::Check,
    jwt::{
        self, Keys, TokenCache, Verifier, VerifierError,
        source::{KeySourceError, KeysTask, MAX_LIFETIME},
    },
};
use opentelemetry::metrics::Meter;

use crate::config::{Auth, Issuer, KeySource, KeysError};

/// The issuers that are trusted. Their keys are renewed until it is dropped.
#[derive(Debug)]
pub struct Trust {
    verifier: Verifier,
    live: Vec<LiveKeys>,
}

/// Keys that may change, under the name that their issuer has in the configuration.
#[derive(Debug)]
struct LiveKeys {
    issuer: String,
    keys: Keys,
    _renewal: KeysTask,
}

/// Why tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// What the configuration says of keys does not hold any more.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The keys cannot be had.
    #[error(transparent)]
    Source(#[from] KeySourceError),
    /// Issuers and keys do not fit together.
    #[error(transparent)]
    Verifier(#[from] VerifierError),
}

impl Trust {
    /// Begins to look for the keys of all issuers. Waits for none.
    ///
    /// # Errors
    ///
    /// If a file with keys cannot be used, or there is no way to fetch them.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(auth: &Auth, meter: &Meter) -> Result<Self, TrustError> {
        // With a bound of 0 it remembers none.
        let cache = TokenCache::default()
            .max_tokens(auth.cached_tokens)
            .max_bytes(auth.cache_limit_bytes);
        let mut verifier = Verifier::builder()
            .leeway(auth.leeway)
            .cache(cache)
            .meter(meter);
        let mut live = Vec::new();
        for (name, issuer) in &auth.issuers {
            let (keys, renewal) = keys(issuer, meter)?;
            live.extend(renewal.map(|renewal| LiveKeys {
                issuer: name.clone(),
                keys: keys.clone(),
                _renewal: renewal,
            }));
            let mut trusted = jwt::Issuer::new(&issuer.issuer, &issuer.audience, keys);
            if issuer.access_tokens_only {
                trusted = trusted.access_tokens_only();
            }
            verifier = verifier.issuer(trusted.roles_at(&issuer.roles_at)?);
        }
        let verifier = verifier.build()?;
        Ok(Self { verifier, live })
    }

    /// Decides which tokens are good.
    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// The service is not ready before each issuer's first keys are there. When none came
    /// for longer than any keys live, that is told, and the last good ones stay in use.
    pub fn checks(&self) -> impl Iterator<Item = Check> {
        self.live.iter().flat_map(|LiveKeys { issuer, keys, .. }| {
            [
                keys.available_check(format!("keys-{issuer}")),
                keys.fresh_check(format!("keys-{issuer}-fresh"), MAX_LIFETIME),
            ]
        })
    }
}

fn keys(issuer: &Issuer, meter: &Meter) -> Result<(Keys, Option<KeysTask>), TrustError> {
    let (keys, renewal) = match issuer.key_source()? {
        KeySource::Secret(key) => return Ok((key.into(), None)),
        KeySource::File(file) => file.meter(meter).spawn()?,
        KeySource::Endpoint(endpoint) => endpoint.meter(meter).spawn()?,
    };
    Ok((keys, Some(renewal)))
}
