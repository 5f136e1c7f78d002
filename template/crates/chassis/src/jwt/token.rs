use std::{borrow::Cow, sync::LazyLock};

use base64::{Engine, engine::general_purpose::NO_PAD};
use memchr::memchr_iter;

use super::{
    Part, TokenError,
    json::{self, Value},
};

/// The longest token that is looked at, in bytes: 8 KiB, what servers commonly allow a
/// header.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The header parameters that a key is found by; those that change what is signed, or
/// bring a key of their own (RFC 7515 section 4.1, RFC 7516 section 4.1.3, RFC 7797
/// section 3); and the mark of a token within a token (RFC 7519 section 5.2).
const PARAMETERS: [&str; 11] = [
    "alg", "kid", "typ", "crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "cty",
];

/// The media types of a JWT (RFC 7519 section 5.1) and of an access token (RFC 9068
/// section 4). Another one means that the token was issued for something else.
const JWT_TYPES: [&str; 2] = ["JWT", "application/jwt"];
const ACCESS_TOKEN_TYPES: [&str; 2] = ["at+jwt", "application/at+jwt"];

/// By as wide instructions as the processor has: a part of a token is some hundred bytes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Base64Url = base64::engine::Simd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64_URL: LazyLock<Base64Url> = LazyLock::new(|| Base64Url::url_safe(NO_PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static BASE64_URL: base64::engine::GeneralPurpose =
    base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token in compact serialisation (RFC 7515 section 7.1): three parts, still encoded.
pub(super) struct Token<'a> {
    /// What the signature is over.
    pub(super) signed: &'a [u8],
    pub(super) header: &'a [u8],
    claims: &'a [u8],
    signature: &'a [u8],
}

/// The parameters that a key is found by, and whether it says that it is an access token.
pub(super) struct Header {
    pub(super) alg: Box<str>,
    pub(super) kid: Option<Box<str>>,
    pub(super) is_access_token: bool,
}

impl<'a> Token<'a> {
    pub(super) fn split(token: &'a [u8]) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let mut dots = memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(TokenError::NotThreeParts);
        };
        Ok(Self {
            signed: &token[..second],
            header: &token[..first],
            claims: &token[first + 1..second],
            signature: &token[second + 1..],
        })
    }

    /// Of JSON, if it is a token.
    pub(super) fn header(&self) -> Result<Header, TokenError> {
        Header::read(&text(Part::Header, self.header)?)
    }

    /// JSON, if it is a token. Nobody's before the signature is checked.
    pub(super) fn claims(&self) -> Result<String, TokenError> {
        text(Part::Claims, self.claims)
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, TokenError> {
        decode(Part::Signature, self.signature)
    }
}

impl Header {
    fn read(json: &str) -> Result<Self, TokenError> {
        let [alg, kid, typ, forbidden @ ..] = json::members(Part::Header, json, &PARAMETERS)?;
        let names = PARAMETERS.iter().skip(3);
        if let Some((name, _)) = names.zip(forbidden).find(|(_, value)| value.is_some()) {
            return Err(TokenError::ForbiddenHeaderParameter(name));
        }
        let typ = parameter("typ", typ)?;
        let is_of = |types: &[&str]| {
            let is_typ = |typ: &str| types.iter().any(|known| known.eq_ignore_ascii_case(typ));
            typ.as_deref().is_some_and(is_typ)
        };
        let is_access_token = is_of(&ACCESS_TOKEN_TYPES);
        if typ.is_some() && !is_access_token && !is_of(&JWT_TYPES) {
            return Err(TokenError::WrongType);
        }
        Ok(Self {
            is_access_token,
            alg: parameter("alg", alg)?
                .ok_or(TokenError::HeaderParameter("alg"))?
                .into(),
            kid: parameter("kid", kid)?.map(Box::from),
        })
    }
}

fn parameter<'a>(
    name: &'static str,
    value: Option<Value<'a>>,
) -> Result<Option<Cow<'a, str>>, TokenError> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::HeaderParameter(name)),
    }
}

fn text(part: Part, encoded: &[u8]) -> Result<String, TokenError> {
    String::from_utf8(decode(part, encoded)?).map_err(|_| TokenError::NotAnObject(part))
}

/// Base64url without padding, and with all unused bits zero: a token has one spelling.
fn decode(part: Part, encoded: &[u8]) -> Result<Vec<u8>, TokenError> {
    BASE64_URL
        .decode(encoded)
        .map_err(|_| TokenError::NotBase64Url(part))
}
