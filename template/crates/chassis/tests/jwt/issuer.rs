//! An issuer of the tests' own. It signs whatever it is told to, byte for byte.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair},
};
use axum_chassis::jwt::{self, HmacAlgorithm, Key, Keys, Verifier, VerifierBuilder};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example";
pub const SECRET: &[u8; 64] = b"a secret for tests, long enough for each of the three HMAC hash!";

/// The time at which the tests take place, in seconds since 1970.
pub const NOW: u64 = 1_800_000_000;

pub const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

/// Signs tokens of one algorithm.
pub struct Issuer {
    pub alg: &'static str,
    key: SigningKey,
}

enum SigningKey {
    Secret(Box<hmac::Key>),
    Rsa(Arc<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Issuer {
    pub fn new(alg: &'static str) -> Self {
        Self {
            alg,
            key: SigningKey::generate(alg),
        }
    }

    /// One for the secret of the tests.
    pub fn hs256() -> Self {
        Self::new("HS256")
    }

    /// One of each algorithm. Those of RSA have one key pair, those of HMAC one secret:
    /// nothing but the algorithm tells them apart.
    pub fn of_all_algorithms() -> [Self; 12] {
        let pair = Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
        ALGORITHMS.map(|alg| Self {
            alg,
            key: SigningKey::with_rsa(alg, || pair.clone()),
        })
    }

    pub fn token(&self, claims: &Value) -> String {
        self.token_with_header(&json!({ "alg": self.alg }), claims)
    }

    pub fn token_with_header(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// Also of what is no JSON.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        self.sign(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// Appends the signature.
    pub fn sign(&self, message: &str) -> String {
        format!("{message}.{}", encode(self.key.sign(message.as_bytes())))
    }

    /// The signature, over whatever it is.
    pub fn signature(&self, message: &str) -> Vec<u8> {
        self.key.sign(message.as_bytes())
    }

    pub fn public_der(&self) -> Vec<u8> {
        self.key.public_der()
    }

    pub fn public_pem(&self) -> String {
        pem::encode(&pem::Pem::new("PUBLIC KEY", self.key.public_der()))
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = self.key.jwk();
        jwk["alg"] = self.alg.into();
        jwk
    }
}

impl SigningKey {
    fn generate(alg: &str) -> Self {
        Self::with_rsa(alg, || {
            Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
        })
    }

    fn with_rsa(alg: &str, rsa: impl Fn() -> Arc<RsaKeyPair>) -> Self {
        match alg {
            "HS256" => Self::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, SECRET))),
            "HS384" => Self::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA384, SECRET))),
            "HS512" => Self::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA512, SECRET))),
            "RS256" => Self::Rsa(rsa(), &signature::RSA_PKCS1_SHA256),
            "RS384" => Self::Rsa(rsa(), &signature::RSA_PKCS1_SHA384),
            "RS512" => Self::Rsa(rsa(), &signature::RSA_PKCS1_SHA512),
            "PS256" => Self::Rsa(rsa(), &signature::RSA_PSS_SHA256),
            "PS384" => Self::Rsa(rsa(), &signature::RSA_PSS_SHA384),
            "PS512" => Self::Rsa(rsa(), &signature::RSA_PSS_SHA512),
            "ES256" => Self::Ec(
                EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            ),
            "ES384" => Self::Ec(
                EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            ),
            "EdDSA" => Self::Ed25519(Ed25519KeyPair::generate().unwrap()),
            other => panic!("{other} is not an algorithm of the tests"),
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
            Self::Rsa(key, encoding) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(*encoding, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(key) => key
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn public_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Secret(_) => panic!("a secret has no public half"),
            Self::Rsa(key, _) => key.public_key().as_der().unwrap(),
            Self::Ec(key) => key.public_key().as_der().unwrap(),
            Self::Ed25519(key) => key.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    fn jwk(&self) -> Value {
        match self {
            Self::Secret(_) => json!({ "kty": "oct", "k": encode(SECRET) }),
            Self::Rsa(key, _) => {
                // The DER of a 2048-bit RSAPublicKey: nine bytes, the modulus, the exponent.
                let modulus = &key.public_key().as_ref()[9..265];
                json!({ "kty": "RSA", "n": encode(modulus), "e": "AQAB" })
            }
            Self::Ec(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": crv, "x": encode(x), "y": encode(y) })
            }
            Self::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key()) })
            }
        }
    }
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Claims with which a token is good.
pub fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 600 })
}

/// The good claims, but for one.
pub fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

pub fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// A verifier that trusts whoever has these keys.
pub fn verifier(keys: impl Into<Keys>) -> VerifierBuilder {
    Verifier::builder()
        .issuer(jwt::Issuer::new(ISSUER, AUDIENCE, keys))
        .clock(clock)
}

pub fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// A verifier for [`Issuer::hs256`].
pub fn hs256_verifier() -> Verifier {
    verifier(hs256_key()).build().unwrap()
}

pub fn hs256_key() -> Key {
    Key::hmac(HmacAlgorithm::Hs256, SECRET).unwrap()
}
