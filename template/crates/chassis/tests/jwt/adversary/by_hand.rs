//! An RSA issuer whose signatures are made by hand, so that they can be wrong.

use aws_lc_rs::digest::{self, Algorithm};
use axum_chassis::jwt::{TokenError, Verifier};
use num_bigint::BigUint;
use serde_json::json;

use super::{having, message, signed, verdict};
use crate::issuer::encode;

/// Two primes, known to everybody, that leave 2 when divided by 3: so an exponent of 3
/// is possible, too.
const PRIMES: [&[u8]; 2] = [
    b"c687e6bc813a4de0385602aa7b8a0ccb1b982c2302413c0be61409a17adbc52d\
      247897568783f28b63fc8f6b7a2576b5628724e13bdb89914a367f9659fe7987\
      f321f5faaf3f59ed6ae1750499cba802bdafd2ae1c6e0274cf3c0d73623c57de\
      f48b0f051585881fb33f38f7d75fad206e123250d49e4b9c76876db721cec6c3",
    b"d0f7ed88b43851feaf4c4ee0e638a53d859e2d8f056828af3520394544c8b815\
      692394d612d1a88ed996ad27d13c7a2df4018220edfb64404771730472e56dc5\
      2a15e10e5c78ee5885d4ad0d96fb43550727c61680c0b772e5ec4dab8d11f0e8\
      829c08bb2d09d94db8901b06afcf3f474de4bd39fedeeef53b730b8b719abb33",
];

/// How long the modulus and each signature are, in bytes.
pub const BYTES: usize = 256;

/// Known to everybody, as are the primes.
pub struct ByHand {
    modulus: BigUint,
    private_exponent: BigUint,
    verifier: Verifier,
    message: String,
}

impl ByHand {
    pub fn new(alg: &str, exponent: u32) -> Self {
        let [p, q] = PRIMES.map(|prime| BigUint::parse_bytes(prime, 16).unwrap());
        let exponent = BigUint::from(exponent);
        let modulus = &p * &q;
        let (n, e) = (modulus.to_bytes_be(), exponent.to_bytes_be());
        let jwk = json!({ "kty": "RSA", "alg": alg, "n": encode(n), "e": encode(e) });
        Self {
            modulus,
            private_exponent: exponent.modinv(&((p - 1_u8) * (q - 1_u8))).unwrap(),
            verifier: having(&[jwk]),
            message: message(alg),
        }
    }

    pub fn hash(&self, algorithm: &'static Algorithm) -> Vec<u8> {
        digest::digest(algorithm, self.message.as_bytes())
            .as_ref()
            .to_vec()
    }

    pub fn verdict(&self, signature: &BigUint) -> Result<(), TokenError> {
        let digits = signature.to_bytes_be();
        let signature = [vec![0; BYTES.saturating_sub(digits.len())], digits].concat();
        verdict(&self.verifier, &signed(&self.message, &signature))
    }

    /// On what the issuer signs as it stands.
    pub fn signing(&self, padded: &[u8]) -> Result<(), TokenError> {
        assert_eq!(padded.len(), BYTES);
        let number = BigUint::from_bytes_be(padded);
        self.verdict(&number.modpow(&self.private_exponent, &self.modulus))
    }
}
