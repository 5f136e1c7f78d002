use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::config::{Config, Profile};

/// By which a token says that it is an access token (RFC 9068 section 2.1).
const ACCESS_TOKEN: &str = "at+jwt";

/// Why no token is minted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("tokens are minted in the development profile only: set APP_PROFILE=development")]
    NotDevelopment,
    #[error("no issuer of auth has a secret to sign with: leave auth.issuers.development as it is")]
    NoSecret,
    #[error("the clock is before 1970")]
    Clock(#[from] std::time::SystemTimeError),
    #[error("the token cannot be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Mints a token that this configuration accepts: for developers and tests.
pub(crate) fn mint(
    config: &Config,
    subject: &str,
    scope: &str,
    lifetime: Duration,
) -> Result<String, TokenError> {
    if config.profile != Profile::Development {
        return Err(TokenError::NotDevelopment);
    }
    let mut issuers = config.auth.issuers.values();
    let (issuer, secret) = issuers
        .find_map(|issuer| Some((issuer, issuer.hmac_secret.as_ref()?)))
        .ok_or(TokenError::NoSecret)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let claims = json!({
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "sub": subject,
        "scope": scope,
        "iat": now.as_secs(),
        "exp": (now + lifetime).as_secs(),
    });
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    let header = Header {
        // Where others are accepted, this is too.
        typ: Some(ACCESS_TOKEN.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    Ok(encode(&header, &claims, &key)?)
}
