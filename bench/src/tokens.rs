//! Tokens of an issuer whose keys everybody knows: they are in `keys/`, for this
//! benchmark alone.

use std::sync::Arc;

use anyhow::{Context, Result};
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.example.com";
pub const AUDIENCE: &str = "https://shop.example.com";
pub const SUBJECT: &str = "018f6b1e-5b1c-7d3e-9f1a-2b3c4d5e6f70";
pub const KID: &str = "2026-01";
pub const SECRET: &[u8; 32] = b"a secret that everybody may know";

/// 2100-01-01T00:00:00Z.
const EXPIRES: u64 = 4_102_444_800;

/// So many tokens are shown in turn where none has been seen before.
pub const IN_TURN: usize = 128;
/// So few of them are remembered then, that each is forgotten when its turn comes again.
pub const REMEMBERED: usize = 16;

/// What a token is signed with. Where it is the parameter of a function, it is so as its
/// place here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
    Hs256,
}

pub const RS256: usize = 0;
pub const ES256: usize = 1;
pub const EDDSA: usize = 2;
pub const HS256: usize = 3;

impl Algorithm {
    pub const fn at(place: usize) -> Self {
        [Self::Rs256, Self::Es256, Self::EdDsa, Self::Hs256][place]
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

/// Who signs.
pub struct Issuer {
    algorithm: Algorithm,
    key: SigningKey,
}

enum SigningKey {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Box<hmac::Key>),
}

impl Issuer {
    pub fn new(algorithm: Algorithm) -> Result<Self> {
        let key = match algorithm {
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(include_bytes!("../keys/rsa.pk8"))?;
                SigningKey::Rsa(pair)
            }
            Algorithm::Es256 => SigningKey::P256(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                include_bytes!("../keys/p256.pk8"),
            )?),
            Algorithm::EdDsa => {
                let pair = include_bytes!("../keys/ed25519.pk8");
                SigningKey::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pair)?)
            }
            Algorithm::Hs256 => {
                SigningKey::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, SECRET)))
            }
        };
        Ok(Self { algorithm, key })
    }

    /// So many access tokens (RFC 9068) of the same subject, each with an id of its own.
    pub fn tokens(&self, count: usize) -> Result<Vec<String>> {
        (0..count).map(|id| self.token(id)).collect()
    }

    fn token(&self, id: usize) -> Result<String> {
        let header = json!({ "alg": self.algorithm.name(), "typ": "at+jwt", "kid": KID });
        let claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": SUBJECT,
            "client_id": "a-client-of-the-shop",
            "scope": "items:read items:write",
            "iat": 1_700_000_000,
            "exp": EXPIRES,
            "jti": format!("018f6b1e-5b1c-7d3e-9f1a-{id:012}"),
        });
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let signature = self.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        Ok(match &self.key {
            SigningKey::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                signature
            }
            SigningKey::P256(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            SigningKey::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            SigningKey::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
        })
    }

    /// The key to check with, as aws-lc-rs takes it: DER for RSA, a point, the bytes.
    pub fn public_key(&self) -> Vec<u8> {
        match &self.key {
            SigningKey::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            SigningKey::P256(pair) => pair.public_key().as_ref().to_vec(),
            SigningKey::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            SigningKey::Secret(_) => SECRET.to_vec(),
        }
    }

    /// The JWK Set (RFC 7517) that it publishes.
    pub fn jwks(&self) -> Result<String> {
        let mut key = self.jwk()?;
        key["kid"] = json!(KID);
        key["alg"] = json!(self.algorithm.name());
        key["use"] = json!("sig");
        Ok(json!({ "keys": [key] }).to_string())
    }

    fn jwk(&self) -> Result<Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(match &self.key {
            SigningKey::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({
                    "kty": "RSA",
                    "n": text(n.big_endian_without_leading_zero()),
                    "e": text(e.big_endian_without_leading_zero()),
                })
            }
            SigningKey::P256(pair) => {
                // Not compressed: behind one byte that says so.
                let point = pair.public_key().as_ref().get(1..).context("a point")?;
                let (x, y) = point.split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            SigningKey::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
            SigningKey::Secret(_) => json!({ "kty": "oct", "k": text(SECRET) }),
        })
    }
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// The fields `Authorization` that show these tokens.
pub fn fields(tokens: &[String]) -> Arc<[HeaderValue]> {
    let field = |token: &String| {
        let field = HeaderValue::try_from(format!("Bearer {token}"));
        field.expect("a token is made of letters")
    };
    tokens.iter().map(field).collect()
}
