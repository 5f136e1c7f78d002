//! A million mutants of good tokens, none of which is good.
//!
//! More of them, or fewer, and how they were refused:
//!
//! ```sh
//! JWT_MUTANTS=10000000 cargo test -p axum-chassis --features jwt --test jwt mutants -- --nocapture
//! ```

use std::{convert::Infallible, thread};

use axum_chassis::jwt::{JwtLayer, TokenError, Verifier};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

use super::{having, mutator::Mutator};
use crate::issuer::{AUDIENCE, Issuer, NOW, claims, claims_with};

/// Unless told: half a minute on two cores, in a debug build.
const MUTANTS: usize = 1_000_000;

/// Each with its own seed.
const THREADS: usize = 4;

/// One of so many goes through the layer as well.
const TO_THE_LAYER: usize = 16;

#[test]
fn no_mutant_of_a_good_token_is_accepted() {
    let count = std::env::var("JWT_MUTANTS").map_or(MUTANTS, |count| count.parse().unwrap());
    let issuers = Issuer::of_all_algorithms();
    let verifier = having(&issuers.each_ref().map(Issuer::jwk));
    let good: Vec<String> = issuers.iter().flat_map(good_tokens).collect();

    let refused = thread::scope(|scope| {
        let threads = (0..THREADS).map(|seed| {
            let (verifier, good) = (&verifier, &good);
            scope.spawn(move || try_mutants(verifier, good, seed, count.div_ceil(THREADS)))
        });
        let threads: Vec<_> = threads.collect();
        let refused = threads.into_iter().map(|thread| thread.join().unwrap());
        refused.fold(Refused::default(), Refused::and)
    });
    println!("{refused:?}");
    assert!(refused.total >= count);
    // A mutant that is refused for its looks says nothing of the signature.
    assert!(refused.by_signature > count / 6);
    assert!(refused.by_layer > count / 20);
}

/// A short one, one with all the claims that a token may have, and one with more header.
fn good_tokens(issuer: &Issuer) -> [String; 3] {
    let mut long = claims_with("aud", json!([AUDIENCE, "https://other.example"]));
    for (name, value) in [
        ("iat", json!(NOW - 10)),
        ("nbf", json!(NOW as f64 - 9.5)),
        ("jti", json!("5f0c")),
        ("scope", json!("items:read items:write")),
        ("roles", json!(["reader", "writer"])),
        (
            "custom",
            json!([{ "name": "r\u{f4}le", "since": 1.5e9 }, null, [[]]]),
        ),
    ] {
        long[name] = value;
    }
    let header = json!({ "alg": issuer.alg, "kid": "2026-01", "typ": "at+jwt" });
    [
        issuer.token(&claims()),
        issuer.token(&long),
        issuer.token_with_header(&header, &long),
    ]
}

#[derive(Debug, Default)]
struct Refused {
    total: usize,
    by_signature: usize,
    by_layer: usize,
}

impl Refused {
    fn and(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            by_signature: self.by_signature + other.by_signature,
            by_layer: self.by_layer + other.by_layer,
        }
    }
}

/// Goes on until so many are refused. What equals a good token is none of them.
fn try_mutants(verifier: &Verifier, good: &[String], seed: usize, count: usize) -> Refused {
    let mut mutator = Mutator::new(good, seed as u64);
    let mut refused = Refused::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    while refused.total < count {
        if refused.total % 1000 == 0 {
            let accepted = good.iter().all(|token| verifier.verify(token).is_ok());
            assert!(
                accepted,
                "a good token is refused after {} mutants",
                refused.total
            );
        }
        let mutant = mutator.mutant();
        // The layer trims spaces.
        if good.iter().any(|token| token == mutant.trim_matches(' ')) {
            continue;
        }
        let error = verifier.verify(&mutant).expect_err(&mutant);
        refused.by_signature += usize::from(error == TokenError::WrongSignature);
        if refused.total % TO_THE_LAYER == 0
            && let Ok(field) = HeaderValue::try_from(format!("Bearer {mutant}"))
        {
            let status = runtime.block_on(status(verifier, field));
            assert!([400, 401].contains(&status), "{status}: {mutant}");
            refused.by_layer += 1;
        }
        refused.total += 1;
    }
    refused
}

async fn status(verifier: &Verifier, field: HeaderValue) -> u16 {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let service = JwtLayer::new(verifier.clone()).layer(inner);
    let request = Request::builder().header(AUTHORIZATION, field);
    let answer = service.oneshot(request.body(()).unwrap()).await;
    answer.unwrap().status().as_u16()
}
