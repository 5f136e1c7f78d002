//! Whatever set of keys an issuer publishes, nobody else's signature fits one of them.

#![no_main]

use axum_chassis::jwt::KeySet;
use fuzz::jwt::{CLAIMS, encode, trusting};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

fuzz_target!(|document: &str| {
    let Ok(set) = KeySet::from_jwks_json(document) else {
        return;
    };
    let read: Value = serde_json::from_str(document).expect("a set is JSON");
    let keys = read["keys"].as_array().expect("a set has keys");
    assert!(set.len() <= keys.len());
    let is_empty = set.is_empty();
    let Some(verifier) = trusting(set) else {
        return assert!(is_empty);
    };
    for alg in ALGORITHMS {
        for kid in [None, keys.first().and_then(|key| key["kid"].as_str())] {
            let message = [header(alg, kid), CLAIMS.to_owned()].map(encode).join(".");
            for signature in signatures(alg) {
                let forged = format!("{message}.{}", encode(signature));
                assert!(verifier.verify(&forged).is_err());
            }
        }
    }
});

fn header(alg: &str, kid: Option<&str>) -> String {
    match kid {
        Some(kid) => json!({ "alg": alg, "kid": kid }),
        None => json!({ "alg": alg }),
    }
    .to_string()
}

/// What needs no key: zero and one in each byte order, as long as the real ones.
fn signatures(alg: &str) -> [Vec<u8>; 3] {
    let bytes = match alg {
        "HS256" => 32,
        "HS384" => 48,
        "HS512" | "ES256" | "EdDSA" => 64,
        "ES384" => 96,
        _ => 256,
    };
    let zero = vec![0; bytes];
    let (mut first, mut last) = (zero.clone(), zero.clone());
    (first[0], last[bytes - 1]) = (1, 1);
    [zero, first, last]
}
