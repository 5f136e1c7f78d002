//! An issuer for the fuzz targets, and what trusts it.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use aws_lc_rs::hmac;
use axum_chassis::jwt::{Issuer, KeySet, Keys, Verifier};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A public key or secret for each algorithm. The private halves are gone; what they
/// have signed is in the seeds.
pub const JWKS: &str = include_str!("../seeds/jwks/every_algorithm");
const SECRET: &[u8] = b"a secret for tests, long enough for each of the three HMAC hash!";

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example";

/// The time at which all targets take place, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;
pub const LEEWAY: u64 = 60;

/// A header and claims that are good.
pub const HEADER: &str = r#"{"alg":"HS256"}"#;
pub const CLAIMS: &str =
    r#"{"aud":"https://api.example","exp":1800000600,"iss":"https://issuer.example","sub":"ada"}"#;

/// Trusts the issuer.
pub static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let keys = KeySet::from_jwks_json(JWKS).expect("the keys are good");
    trusting(keys).expect("the issuer is good")
});

/// Trusts an issuer with these keys; none if there is no key.
pub fn trusting(keys: impl Into<Keys>) -> Option<Verifier> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    Verifier::builder()
        .issuer(Issuer::new(ISSUER, AUDIENCE, keys))
        .leeway(Duration::from_secs(LEEWAY))
        .clock(move || now)
        .build()
        .ok()
}

/// A token of anything, signed by HS256 as it should be.
pub fn signed(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", encode(signature))
}

/// In base64url, as each part of a token is.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The object with one more member, in front.
pub fn with_member(object: &[u8], member: &str) -> Vec<u8> {
    let start = object.iter().position(|byte| *byte == b'{');
    let (before, after) = object.split_at(start.map_or(0, |start| start + 1));
    [before, member.as_bytes(), b",", after].concat()
}
