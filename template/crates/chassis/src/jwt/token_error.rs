use std::{error::Error, fmt};

/// Why a token is refused: for the log, never for the client.
///
/// It holds nothing of the token itself.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenError {
    /// It is longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    TooLong,
    /// It is not `header.claims.signature` (RFC 7515 section 7.1).
    NotThreeParts,
    /// A part is not canonical, unpadded base64url (RFC 7515 section 2).
    NotBase64Url(Part),
    /// A part is not a JSON object in UTF-8.
    NotAnObject(Part),
    /// A part holds an object with the same name twice (RFC 7515 section 4, RFC 7519 section 4).
    DuplicateName(Part),
    /// A header parameter is missing or of the wrong type.
    HeaderParameter(&'static str),
    /// A header parameter that would change how the token is checked, or bring its own key.
    ForbiddenHeaderParameter(&'static str),
    /// `typ` names something else than a JWT or an access token (RFC 8725 section 3.11), or
    /// than an access token where there are to be [no others](super::Issuer::access_tokens_only).
    WrongType,
    /// No key fits its `kid` and `alg`.
    UnknownKey,
    /// It has no `kid`, and several keys are for its `alg`.
    AmbiguousKey,
    /// Its `alg` is not that of the key it names.
    WrongAlgorithm,
    /// The signature does not fit.
    WrongSignature,
    /// A required claim is missing.
    MissingClaim(&'static str),
    /// A claim is not of its type, or beyond its bounds.
    MalformedClaim(&'static str),
    /// It is from another issuer.
    WrongIssuer,
    /// It is for another audience.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come yet.
    NotYetValid,
    /// `iat` lies in the future.
    IssuedInTheFuture,
    /// [`VerifierBuilder::revoked`](super::VerifierBuilder::revoked) says so.
    Revoked,
    /// The claims are not of the type that they are read as.
    UnfitClaims,
}

/// A part of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// The JOSE header.
    Header,
    /// The claims set.
    Claims,
    /// The signature.
    Signature,
}

impl TokenError {
    /// A short name for it, of which there are few: the `error.type` of the metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotThreeParts => "not_three_parts",
            Self::NotBase64Url(_) => "not_base64url",
            Self::NotAnObject(_) => "not_an_object",
            Self::DuplicateName(_) => "duplicate_name",
            Self::HeaderParameter(_) => "header_parameter",
            Self::ForbiddenHeaderParameter(_) => "forbidden_header_parameter",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::AmbiguousKey => "ambiguous_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongSignature => "wrong_signature",
            Self::MissingClaim(_) => "missing_claim",
            Self::MalformedClaim(_) => "malformed_claim",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInTheFuture => "issued_in_the_future",
            Self::Revoked => "revoked",
            Self::UnfitClaims => "unfit_claims",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "the token is longer than {} bytes",
                super::MAX_TOKEN_BYTES
            ),
            Self::NotThreeParts => f.write_str("the token does not have three parts"),
            Self::NotBase64Url(part) => write!(f, "the {part} is not canonical base64url"),
            Self::NotAnObject(part) => write!(f, "the {part} is not a JSON object"),
            Self::DuplicateName(part) => write!(f, "the {part} has a name twice"),
            Self::HeaderParameter(name) => {
                write!(f, "the header parameter `{name}` is missing or malformed")
            }
            Self::ForbiddenHeaderParameter(name) => {
                write!(f, "the header parameter `{name}` is not allowed")
            }
            Self::WrongType => f.write_str("`typ` is not that of an access token"),
            Self::UnknownKey => f.write_str("no key fits the token's `kid` and `alg`"),
            Self::AmbiguousKey => f.write_str("the token names no key, and several could be meant"),
            Self::WrongAlgorithm => f.write_str("`alg` is not that of the key"),
            Self::WrongSignature => f.write_str("the signature does not fit"),
            Self::MissingClaim(name) => write!(f, "the claim `{name}` is missing"),
            Self::MalformedClaim(name) => write!(f, "the claim `{name}` is malformed"),
            Self::WrongIssuer => f.write_str("the token is from another issuer"),
            Self::WrongAudience => f.write_str("the token is for another audience"),
            Self::Expired => f.write_str("the token has expired"),
            Self::NotYetValid => f.write_str("the token is not valid yet"),
            Self::IssuedInTheFuture => f.write_str("the token was issued in the future"),
            Self::Revoked => f.write_str("the token is revoked"),
            Self::UnfitClaims => f.write_str("the claims are not of the type they are read as"),
        }
    }
}

impl Error for TokenError {}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Claims => "claims set",
            Self::Signature => "signature",
        })
    }
}
