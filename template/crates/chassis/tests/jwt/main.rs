//! The JWT layer against good tokens and against those of an adversary: every rule has
//! its refused case beside the accepted one.

#![cfg(feature = "jwt")]
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod adversary;
mod allocations;
mod authorise;
mod cache;
mod claims;
#[cfg(feature = "axum")]
mod extract;
mod files;
mod form;
mod header;
mod issuer;
mod keys;
mod layer;
mod observed;
mod random;
mod reasons;
mod roles;
mod signature;

use axum_chassis::jwt::TokenError;
use serde_json::Value;

use crate::issuer::{Issuer, claims, hs256_verifier};

/// The verdict on a token.
fn verify(token: &str) -> Result<(), TokenError> {
    hs256_verifier().verify(token).map(drop)
}

/// The verdict on a signed token that says this.
fn verify_claims(claims: &Value) -> Result<(), TokenError> {
    verify(&Issuer::hs256().token(claims))
}

/// The verdict on a signed token with this header, that says what is good.
fn verify_header(header: &Value) -> Result<(), TokenError> {
    verify(&Issuer::hs256().token_with_header(header, &claims()))
}
