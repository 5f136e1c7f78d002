use anyhow::Result;
use axum_chassis::{
    jwt::{Issuer, JwtLayer, KeySet, TokenCache, Verifier},
    prometheus::Registry,
};
use opentelemetry::metrics::MeterProvider;

use super::Shown;
use crate::{
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::{bare, metrics},
    tokens::{AUDIENCE, ISSUER, REMEMBERED},
};

pub const fn entry<const ALGORITHM: usize, const UNSEEN: bool>() -> Entry {
    Entry {
        name: "ours",
        kind: Kind::Ours,
        packages: &["axum-chassis"],
        about: if UNSEEN {
            "`JwtLayer` with a `Verifier` of one issuer's JWK Set, which counts its verdicts; the \
             cache is so small that each token takes another's place"
        } else {
            "`JwtLayer` with a `Verifier` of one issuer's JWK Set, which counts its verdicts; with \
             the cache as it is unless told"
        },
        prepare: prepare::<ALGORITHM, UNSEEN>,
    }
}

fn prepare<const ALGORITHM: usize, const UNSEEN: bool>() -> Result<Subject> {
    let shown = Shown::new::<ALGORITHM, UNSEEN>()?;
    let registry = Registry::builder().build();
    let cache = TokenCache::default();
    let cache = if UNSEEN {
        cache.max_tokens(REMEMBERED)
    } else {
        cache
    };
    let router = bare::router().layer(layer(&shown, &registry, cache)?);
    let subject = shown.subject(&router);
    let refused = subject.prove;
    Ok(Subject {
        prove: Box::new(move |requests| {
            prove_counted(&registry, UNSEEN, requests)?;
            refused(requests)
        }),
        ..subject
    })
}

/// Our layer, with all that it needs.
pub fn layer(shown: &Shown, registry: &Registry, cache: TokenCache) -> Result<JwtLayer> {
    let keys = KeySet::from_jwks_json(&shown.issuer.jwks()?)?;
    let verifier = Verifier::builder()
        .issuer(Issuer::new(ISSUER, AUDIENCE, keys))
        .cache(cache)
        .meter(&registry.meter("bench"))
        .build()?;
    Ok(JwtLayer::new(verifier))
}

/// Checks that each token was verified, and which were known already.
fn prove_counted(registry: &Registry, unseen: bool, requests: u64) -> Result<()> {
    let page = registry.exposition(None).into_text();
    let cached = |is: bool| format!("axum_chassis_jwt_cached=\"{is}\"");
    let count = |label: &str, requests| {
        metrics::prove(
            &page,
            "axum_chassis_jwt_verifications_total",
            label,
            requests,
        )
    };
    if unseen {
        return count(&cached(false), requests);
    }
    let first = 1;
    count(&cached(false), first)?;
    count(&cached(true), requests - first)
}
