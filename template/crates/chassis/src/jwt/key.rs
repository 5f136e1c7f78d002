use std::fmt;

use aws_lc_rs::{
    hmac,
    signature::{self, ParsedPublicKey, RsaParameters, RsaSubjectPublicKey, VerificationAlgorithm},
};

use super::{Algorithm, HmacAlgorithm, VerifierError, ed25519};

/// What a signature is checked with: a secret or a public key, for one algorithm.
///
/// A token that names a `kid` is checked with the key of that name. A key without one
/// stands in for every `kid` that no other key has, and for tokens that name none.
///
/// ```
/// use axum_chassis::jwt::{HmacAlgorithm, Key};
///
/// let secret = b"32 random bytes, from your vault";
/// let key = Key::hmac(HmacAlgorithm::Hs256, secret)?.kid("2026-01");
/// # Ok::<_, axum_chassis::jwt::VerifierError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Key {
    /// A secret that the issuer shares.
    ///
    /// # Errors
    ///
    /// If it is shorter than the hash (RFC 7518 section 3.2), or a PEM document: whoever
    /// has a public key could sign with it.
    pub fn hmac(algorithm: HmacAlgorithm, secret: &[u8]) -> Result<Self, VerifierError> {
        let (hmac, minimum_bytes) = match algorithm {
            HmacAlgorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            HmacAlgorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            HmacAlgorithm::Hs512 => (hmac::HMAC_SHA512, 64),
        };
        let algorithm = algorithm.into();
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(VerifierError::SecretIsPem);
        }
        if secret.len() < minimum_bytes {
            let actual_bytes = secret.len();
            return Err(VerifierError::SecretTooShort {
                algorithm,
                minimum_bytes,
                actual_bytes,
            });
        }
        let material = Material::Secret(Box::new(hmac::Key::new(hmac, secret)));
        Ok(Self {
            kid: None,
            algorithm,
            material,
        })
    }

    /// A public key: one PEM block, `PUBLIC KEY` or `RSA PUBLIC KEY` (RFC 7468 section 13).
    ///
    /// # Errors
    ///
    /// If it is something else, such as a private key or a certificate, is not for
    /// `algorithm`, or is an RSA key outside of 2048 to 8192 bits.
    pub fn pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, VerifierError> {
        let blocks = pem::parse_many(pem).map_err(|_| VerifierError::NotOnePem)?;
        let [block] = blocks.as_slice() else {
            return Err(VerifierError::NotOnePem);
        };
        match block.tag() {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::public(algorithm, block.contents()),
            other => Err(VerifierError::NotPublicKeyPem(other.to_owned())),
        }
    }

    /// A public key in DER, or an EC point, or the bytes of an Ed25519 key.
    pub(super) fn public(algorithm: Algorithm, key: &[u8]) -> Result<Self, VerifierError> {
        let verification = verification(algorithm).ok_or(VerifierError::NotForPem(algorithm))?;
        if algorithm.is_rsa() {
            check_rsa(algorithm, key)?;
        }
        if algorithm == Algorithm::EdDsa && ed25519::is_of_small_order(key) {
            return Err(VerifierError::UnfitKey(algorithm));
        }
        let key = ParsedPublicKey::new(verification, key)
            .map_err(|_| VerifierError::UnfitKey(algorithm))?;
        Ok(Self {
            kid: None,
            algorithm,
            material: Material::Public(key),
        })
    }

    /// The same key, chosen for tokens whose header names this `kid`.
    #[must_use]
    pub fn kid(self, kid: impl Into<String>) -> Self {
        Self {
            kid: Some(kid.into()),
            ..self
        }
    }

    /// The one algorithm that it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether `signature` is this key's over `message`. In constant time where the key
    /// is a secret.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

/// Names the key, never shows it.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// The check for an algorithm with public keys.
fn verification(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => return None,
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDsa => &signature::ED25519,
    })
}

/// The size is otherwise not looked at before the first signature is.
fn check_rsa(algorithm: Algorithm, der: &[u8]) -> Result<(), VerifierError> {
    let unfit = |_| VerifierError::UnfitKey(algorithm);
    let key = RsaSubjectPublicKey::from_der(der).map_err(|_| VerifierError::UnfitKey(algorithm))?;
    match RsaParameters::public_modulus_len(key.as_ref()).map_err(unfit)? {
        2048..=8192 => Ok(()),
        actual_bits => Err(VerifierError::RsaSize { actual_bits }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shorter_than_its_hash_is_refused() {
        for (algorithm, minimum) in [
            (HmacAlgorithm::Hs256, 32),
            (HmacAlgorithm::Hs384, 48),
            (HmacAlgorithm::Hs512, 64),
        ] {
            assert!(Key::hmac(algorithm, &vec![7; minimum]).is_ok());
            let error = Key::hmac(algorithm, &vec![7; minimum - 1]).unwrap_err();
            assert!(error.to_string().contains("random ones or more"), "{error}");
        }
    }

    #[test]
    fn debug_output_names_the_key_and_hides_the_secret() {
        let key = Key::hmac(HmacAlgorithm::Hs256, &[b's'; 32])
            .unwrap()
            .kid("a");
        assert_eq!(
            format!("{key:?}"),
            "Key { kid: Some(\"a\"), algorithm: Hs256, .. }"
        );
    }
}
