//! A header that is signed is good if it names the algorithm of the key, brings nothing
//! of its own, and says each thing once.

#![no_main]

use axum_chassis::jwt::{Part, TokenError};
use fuzz::jwt::{CLAIMS, VERIFIER, signed, with_member};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const FORBIDDEN: [&str; 8] = ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "cty"];
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

fuzz_target!(|header: &[u8]| {
    let verify = |header: &[u8]| VERIFIER.verify(&signed(header, CLAIMS)).map(drop);
    match verify(header) {
        Ok(()) => {
            assert!(is_good(header));
            let twice = verify(&with_member(header, r#""alg":"HS256""#));
            assert!(matches!(
                twice,
                Err(TokenError::DuplicateName(Part::Header) | TokenError::TooLong)
            ));
        }
        Err(TokenError::DuplicateName(Part::Header) | TokenError::TooLong) => {}
        Err(_) => assert!(!is_good(header)),
    }
});

/// To somebody who lets the last of several members win.
fn is_good(header: &[u8]) -> bool {
    let Ok(Value::Object(header)) = serde_json::from_slice(header) else {
        return false;
    };
    let typ = header.get("typ").map(|typ| typ.as_str());
    let is_known = |typ: &str| TYPES.contains(&typ.to_ascii_lowercase().as_str());
    header.get("alg").is_some_and(|alg| alg == "HS256")
        && header.get("kid").is_none_or(Value::is_string)
        && typ.is_none_or(|typ| typ.is_some_and(is_known))
        && FORBIDDEN.iter().all(|name| !header.contains_key(*name))
}
