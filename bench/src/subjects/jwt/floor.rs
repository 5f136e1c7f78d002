use anyhow::{Context, Result, ensure};
use aws_lc_rs::{
    hmac,
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    },
};
use axum::{Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;

use super::Shown;
use crate::{
    catalogue::{Entry, Kind},
    floor::token::{Claims, Known, Signature},
    subject::Subject,
    subjects::bare,
    tokens::{Algorithm, SECRET, SUBJECT},
};

pub const fn check<const ALGORITHM: usize>() -> Entry {
    Entry {
        name: "floor",
        kind: Kind::Floor,
        packages: &["aws-lc-rs"],
        about: "one check of a signature by aws-lc-rs: the key is parsed, the signature decoded, \
                the token not looked at",
        prepare: || {
            let shown = Shown::new::<ALGORITHM, true>()?;
            let checks = Signature::new(check_of(&shown, Algorithm::at(ALGORITHM))?);
            let router = bare::router().layer(checks.clone());
            let subject = Subject::router(&router, shown.requests());
            Ok(subject.prove(move |requests| {
                let checked = checks.checked();
                ensure!(checked == requests, "{checked} of {requests} are checked");
                Ok(())
            }))
        },
    }
}

/// Whether the token of some turn is signed by this issuer.
fn check_of(shown: &Shown, algorithm: Algorithm) -> Result<impl Fn(usize) -> bool + use<>> {
    let parts = shown.tokens.iter().map(|token| {
        let (message, signature) = token.rsplit_once('.').context("a signature")?;
        Ok((message.to_owned(), URL_SAFE_NO_PAD.decode(signature)?))
    });
    let parts: Vec<(String, Vec<u8>)> = parts.collect::<Result<_>>()?;
    let verification: Option<&'static dyn signature::VerificationAlgorithm> = match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
        Algorithm::EdDsa => Some(&ED25519),
        Algorithm::Hs256 => None,
    };
    let key = shown.issuer.public_key();
    let key = verification.map(|algorithm| ParsedPublicKey::new(algorithm, &key));
    let (key, secret) = (key.transpose()?, hmac::Key::new(hmac::HMAC_SHA256, SECRET));
    Ok(move |turn: usize| {
        let (message, signature) = &parts[turn % parts.len()];
        match &key {
            Some(key) => key.verify_sig(message.as_bytes(), signature).is_ok(),
            None => hmac::verify(&secret, message.as_bytes(), signature).is_ok(),
        }
    })
}

pub const fn repeated<const ALGORITHM: usize>() -> Entry {
    Entry {
        name: "floor",
        kind: Kind::Floor,
        packages: &[],
        about: "by hand: the token is found in a table that never changes, its expiry compared \
                with the clock, its claims put into the request's extensions",
        prepare: || {
            let shown = Shown::new::<ALGORITHM, false>()?;
            let router = bare::router().layer(known(&shown));
            let subject = Subject::router(&router, shown.requests());
            Ok(subject.prove(move |_| prove_known(&shown)))
        },
    }
}

/// The tokens that are shown are known to be good.
pub fn known(shown: &Shown) -> Known {
    Known::new(&shown.tokens, SUBJECT)
}

/// Checks that a handler finds what the token says.
fn prove_known(shown: &Shown) -> Result<()> {
    use axum::Extension;
    use std::sync::Arc;

    let has_subject =
        async |Extension(claims): Extension<Arc<Claims>>| match claims.subject.as_str() {
            SUBJECT => StatusCode::OK,
            _ => StatusCode::NOT_FOUND,
        };
    let router = Router::new().route(bare::ROUTE, get(has_subject));
    let router = router.layer(known(shown));
    let status = crate::caller::Caller::new(router, shown.requests(), 0).status();
    ensure!(status == StatusCode::OK, "the claims are not there");
    Ok(())
}
