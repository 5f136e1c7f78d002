//! What an adversary tries. Every table of what is refused stands beside its twin, the
//! nearest thing that is accepted: no test passes because nothing gets in.

mod by_hand;
mod confusion;
mod documents;
mod ecdsa;
mod eddsa;
mod field;
mod form;
mod injection;
mod json;
mod mutants;
mod mutator;
mod names;
mod rsa;
mod times;

use axum_chassis::jwt::{KeySet, TokenError, Verifier};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::issuer::{Issuer, claims, encode, verifier};

/// The verdict of this verifier.
fn verdict(verifier: &Verifier, token: &str) -> Result<(), TokenError> {
    verifier.verify(token).map(drop)
}

/// A verifier that has these keys.
fn having(keys: &[Value]) -> Verifier {
    let set = KeySet::from_jwks_json(&json!({ "keys": keys }).to_string());
    verifier(set.unwrap()).build().unwrap()
}

/// A JWK, but for one member.
fn jwk_with(jwk: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut jwk = jwk.clone();
    jwk[name] = value.into();
    jwk
}

/// What is signed in a good token of this algorithm.
fn message(alg: &str) -> String {
    let header = json!({ "alg": alg }).to_string();
    format!("{}.{}", encode(header), encode(claims().to_string()))
}

/// A message with any bytes for a signature.
fn signed(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", encode(signature))
}

/// A verifier for an issuer, a message that the issuer has signed, and its signature.
fn signed_by(issuer: &Issuer) -> (Verifier, String, Vec<u8>) {
    let message = message(issuer.alg);
    let signature = issuer.signature(&message);
    (having(&[issuer.jwk()]), message, signature)
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
