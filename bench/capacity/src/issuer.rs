//! A certificate for 127.0.0.1, a key pair, a secret, and a token by each.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{CertifiedKey, KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::json;

/// It is good for one run.
const SECRET: &str = "a secret that everybody may know";
const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Writes all of it into this folder.
pub fn issue(folder: &Path) -> Result<()> {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text);
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names)?;
    write("certificate.pem", &cert.pem())?;
    write("key.pem", &signing_key.serialize_pem())?;

    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    write("es256.pem", &pair.public_key_pem())?;
    let key = EncodingKey::from_ec_der(&pair.serialize_der());
    write("es256.token", &token("es256", Algorithm::ES256, &key)?)?;

    write("hs256.secret", SECRET)?;
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    write("hs256.token", &token("hs256", Algorithm::HS256, &key)?)?;
    Ok(())
}

fn token(issuer: &str, algorithm: Algorithm, key: &EncodingKey) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let claims = json!({
        "iss": format!("https://{issuer}.example.com"),
        "aud": "capacity",
        "sub": "018f6b1e-5b1c-7d3e-9f1a-2b3c4d5e6f70",
        "scope": "items:read items:write",
        "iat": now.as_secs(),
        "exp": (now + LIFETIME).as_secs(),
    });
    Ok(encode(&Header::new(algorithm), &claims, key)?)
}
