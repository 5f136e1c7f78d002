use std::{error::Error, fmt};

use super::Algorithm;

/// Why a [`Verifier`](super::Verifier) or one of its keys cannot be built. Each says
/// what to do about it, and none shows a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifierError {
    /// There is no issuer.
    NoIssuer,
    /// Two issuers have the same name.
    DuplicateIssuer(String),
    /// There is no audience.
    NoAudience,
    /// The leeway is longer than [`MAX_LEEWAY`](super::MAX_LEEWAY).
    LeewayTooLong,
    /// There is no key, or none for an allowed algorithm.
    NoKey,
    /// That is no JSON pointer to where the roles are (RFC 6901).
    RolesPointer(String),
    /// Two keys have the same `kid`.
    DuplicateKid(String),
    /// Two keys without a `kid` are for the same algorithm.
    AmbiguousKeys(Algorithm),
    /// An HMAC secret is shorter than its hash (RFC 7518 section 3.2).
    SecretTooShort {
        /// What the secret is for.
        algorithm: Algorithm,
        /// How long it must be at least.
        minimum_bytes: usize,
        /// How long it is.
        actual_bytes: usize,
    },
    /// An HMAC secret is a PEM document.
    SecretIsPem,
    /// A PEM document was given for an HMAC algorithm.
    NotForPem(Algorithm),
    /// The document is not exactly one PEM block.
    NotOnePem,
    /// The PEM block is something else than a public key; its label.
    NotPublicKeyPem(String),
    /// The key is not one for that algorithm, or is malformed.
    UnfitKey(Algorithm),
    /// An RSA modulus is below 2048 bits (RFC 7518 section 3.3) or above 8192.
    RsaSize {
        /// How long it is.
        actual_bits: u32,
    },
    /// The document is not a JWK Set (RFC 7517 section 5).
    NotAKeySet(String),
    /// A key of a set cannot be used.
    InSet {
        /// Its place in `keys`, from 0.
        index: usize,
        /// What is wrong with it.
        reason: Box<VerifierError>,
    },
    /// A member of a JWK is missing, or does not have the right form.
    JwkMember(&'static str),
    /// The members of a JWK contradict each other.
    JwkContradiction(&'static str),
    /// A JWK of an asymmetric key holds its private half.
    PrivateJwk,
    /// A JWK of a set that was fetched is an HMAC secret.
    PublishedSecret,
}

impl VerifierError {
    /// As what is wrong with the key at this place of a set.
    pub(super) fn at(self, index: usize) -> Self {
        Self::InSet {
            index,
            reason: Box::new(self),
        }
    }
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIssuer => f.write_str("there is no issuer: name who issues the tokens (`iss`)"),
            Self::DuplicateIssuer(name) => write!(
                f,
                "two issuers have the name {name:?}: give one all the audiences and keys"
            ),
            Self::NoAudience => {
                f.write_str("there is no audience: name whom the tokens are for (`aud`)")
            }
            Self::LeewayTooLong => f.write_str("the leeway is above five minutes: set the clocks"),
            Self::NoKey => f.write_str("there is no key for an allowed algorithm: add one"),
            Self::RolesPointer(pointer) => write!(
                f,
                "{pointer:?} does not point at roles: write it like \"/realm_access/roles\""
            ),
            Self::DuplicateKid(kid) => {
                write!(f, "two keys have the `kid` {kid:?}: give each its own")
            }
            Self::AmbiguousKeys(algorithm) => {
                write!(f, "two {algorithm} keys have no `kid`: give each its own")
            }
            Self::SecretTooShort {
                algorithm,
                minimum_bytes,
                actual_bytes,
            } => write!(
                f,
                "the {algorithm} secret has {actual_bytes} bytes: use {minimum_bytes} random ones or more"
            ),
            Self::SecretIsPem => {
                f.write_str("the HMAC secret is a PEM document: load it as a public key")
            }
            Self::NotForPem(algorithm) => {
                write!(f, "{algorithm} has no PEM keys: give its secret as bytes")
            }
            Self::NotOnePem => f.write_str("the document is not PEM: give exactly one PUBLIC KEY"),
            Self::NotPublicKeyPem(label) => write!(
                f,
                "the PEM document is a {label:?}: give the PUBLIC KEY alone (`openssl pkey -pubout`)"
            ),
            Self::UnfitKey(algorithm) => {
                write!(
                    f,
                    "the key is malformed or not for {algorithm}: check type and curve"
                )
            }
            Self::RsaSize { actual_bits } => {
                write!(f, "the RSA key has {actual_bits} bits: use 2048 to 8192")
            }
            Self::NotAKeySet(reason) => {
                write!(
                    f,
                    "the document is not a JWK Set ({reason}): give {{\"keys\": […]}}"
                )
            }
            Self::InSet { index, .. } => write!(f, "the key at place {index} of the set is unfit"),
            Self::JwkMember(name) => {
                write!(
                    f,
                    "`{name}` is missing or malformed: see RFC 7518 section 6"
                )
            }
            Self::JwkContradiction(names) => {
                write!(
                    f,
                    "{names} contradict each other: correct the key or leave it out"
                )
            }
            Self::PrivateJwk => f.write_str(
                "it holds a private half (`d`, `p`, …): leave that with the issuer, and replace the key",
            ),
            Self::PublishedSecret => f.write_str(
                "it is a secret (`oct`) that everyone can read: sign with an asymmetric key",
            ),
        }
    }
}

impl Error for VerifierError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InSet { reason, .. } => Some(reason),
            _ => None,
        }
    }
}
