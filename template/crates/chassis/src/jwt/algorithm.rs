use std::fmt;

use serde::{Deserialize, Serialize};

/// What a token may be signed with (RFC 7518 section 3.1, RFC 8037 section 3.1).
///
/// A [`Key`](super::Key) has exactly one (RFC 8725 section 3.1). There is no `none`.
/// It is read and written by its registered name:
///
/// ```
/// use axum_chassis::jwt::Algorithm;
///
/// let algorithm: Algorithm = serde_json::from_str("\"ES256\"")?;
/// assert_eq!(algorithm, Algorithm::Es256);
/// assert_eq!(algorithm.to_string(), "ES256");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA on Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The algorithms whose key is a secret that issuer and service share.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "UPPERCASE")]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256; a secret of 32 bytes or more.
    Hs256,
    /// HMAC with SHA-384; a secret of 48 bytes or more.
    Hs384,
    /// HMAC with SHA-512; a secret of 64 bytes or more.
    Hs512,
}

impl Algorithm {
    const ALL: [Self; 12] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The registered name, as in the `alg` of a token's header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, to the letter: `Alg` is case-sensitive.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    pub(super) const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512
        )
    }

    /// The same, where the key is a shared secret.
    pub(super) const fn as_hmac(self) -> Option<HmacAlgorithm> {
        match self {
            Self::Hs256 => Some(HmacAlgorithm::Hs256),
            Self::Hs384 => Some(HmacAlgorithm::Hs384),
            Self::Hs512 => Some(HmacAlgorithm::Hs512),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<HmacAlgorithm> for Algorithm {
    fn from(algorithm: HmacAlgorithm) -> Self {
        match algorithm {
            HmacAlgorithm::Hs256 => Self::Hs256,
            HmacAlgorithm::Hs384 => Self::Hs384,
            HmacAlgorithm::Hs512 => Self::Hs512,
        }
    }
}

impl fmt::Display for HmacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Algorithm::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_read_and_written_by_its_registered_name() {
        for algorithm in Algorithm::ALL {
            let json = format!("\"{algorithm}\"");
            assert_eq!(serde_json::to_string(&algorithm).unwrap(), json);
            assert_eq!(serde_json::from_str::<Algorithm>(&json).unwrap(), algorithm);
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
    }

    #[test]
    fn none_in_no_spelling_is_an_algorithm() {
        for name in ["none", "None", "NONE", "nOnE", "", " none", "hs256"] {
            assert_eq!(Algorithm::named(name), None, "{name:?}");
        }
    }
}
