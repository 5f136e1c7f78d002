use std::sync::Arc;

use anyhow::{Result, anyhow};
use axum::{Router, extract::FromRef, routing::get};
use axum_jwt_auth::{Claims, Decoder, LocalDecoder};
use jsonwebtoken_10::{Algorithm, DecodingKey, Validation, crypto::aws_lc, jwk::JwkSet};
use serde::Deserialize;

use super::Shown;
use crate::{
    catalogue::{Entry, Kind},
    subject::Subject,
    subjects::bare,
    tokens::{self, AUDIENCE, ISSUER},
};

pub const fn entry<const ALGORITHM: usize, const UNSEEN: bool>() -> Entry {
    Entry {
        name: "axum-jwt-auth",
        kind: Kind::Peer,
        packages: &["axum-jwt-auth", "jsonwebtoken 10"],
        about: "its extractor `Claims` with a `LocalDecoder`, and aws-lc-rs in the place of the \
                slower backend that it brings; issuer, audience and `exp`",
        prepare: prepare::<ALGORITHM, UNSEEN>,
    }
}

/// What its handler asks for.
#[derive(Deserialize)]
struct Registered {
    sub: String,
}

#[derive(Clone, FromRef)]
struct Keys {
    decoder: Decoder<Registered>,
}

async fn item(user: Claims<Registered>) -> &'static str {
    std::hint::black_box(&user.claims.sub);
    bare::ITEM
}

fn prepare<const ALGORITHM: usize, const UNSEEN: bool>() -> Result<Subject> {
    let installed = aws_lc::DEFAULT_PROVIDER.install_default();
    installed.map_err(|_| anyhow!("there is a backend already"))?;
    let shown = Shown::new::<ALGORITHM, UNSEEN>()?;
    let set: JwkSet = serde_json::from_str(&shown.issuer.jwks()?)?;
    let keys = set.keys.iter().map(DecodingKey::from_jwk);
    let mut validation = Validation::new(match tokens::Algorithm::at(ALGORITHM) {
        tokens::Algorithm::Rs256 => Algorithm::RS256,
        tokens::Algorithm::Es256 => Algorithm::ES256,
        tokens::Algorithm::EdDsa => Algorithm::EdDSA,
        tokens::Algorithm::Hs256 => Algorithm::HS256,
    });
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let decoder = LocalDecoder::builder()
        .keys(keys.collect::<Result<_, _>>()?)
        .validation(validation)
        .build()?;
    let keys = Keys {
        decoder: Arc::new(decoder),
    };
    let router = Router::new().route(bare::ROUTE, get(item)).with_state(keys);
    Ok(shown.subject(&router))
}
