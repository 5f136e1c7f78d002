use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{Part, TokenError, json};

/// The longest token that is looked at, in bytes: 8 KiB, what servers commonly allow a
/// header.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Header parameters that change what is signed, or bring a key of their own
/// (RFC 7515 section 4.1, RFC 7516 section 4.1.3, RFC 7797 section 3), and the mark of a
/// token within a token (RFC 7519 section 5.2).
const FORBIDDEN: [&str; 8] = ["crit", "b64", "zip", "jku", "jwk", "x5u", "x5c", "cty"];

/// The media types of a JWT and of an access token (RFC 7519 section 5.1, RFC 9068
/// section 4). Another one means that the token was issued for something else.
const TYPES: [&str; 4] = ["JWT", "at+jwt", "application/jwt", "application/at+jwt"];

/// A token in compact serialisation (RFC 7515 section 7.1), of which only the header is
/// decoded: the claims are nobody's before the signature is checked.
pub(super) struct Token<'a> {
    pub(super) header: Header,
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

/// The parameters that a key is found by.
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::NotThreeParts)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::NotThreeParts)?;
        if claims.contains('.') {
            return Err(TokenError::NotThreeParts);
        }
        let header = json::object(Part::Header, &decode(Part::Header, header)?)?;
        Ok(Self {
            header: Header::read(header)?,
            signed,
            claims,
            signature,
        })
    }

    /// What the signature is over.
    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, TokenError> {
        decode(Part::Signature, self.signature)
    }

    pub(super) fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        json::object(Part::Claims, &decode(Part::Claims, self.claims)?)
    }
}

impl Header {
    fn read(mut header: Map<String, Value>) -> Result<Self, TokenError> {
        if let Some(name) = FORBIDDEN
            .into_iter()
            .find(|name| header.contains_key(*name))
        {
            return Err(TokenError::ForbiddenHeaderParameter(name));
        }
        let mut text = |name| match header.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(TokenError::HeaderParameter(name)),
        };
        if let Some(typ) = text("typ")?
            && !TYPES.iter().any(|known| known.eq_ignore_ascii_case(&typ))
        {
            return Err(TokenError::WrongType);
        }
        let alg = text("alg")?.ok_or(TokenError::HeaderParameter("alg"))?;
        Ok(Self {
            alg,
            kid: text("kid")?,
        })
    }
}

/// Base64url without padding, and with all unused bits zero: a token has one spelling.
fn decode(part: Part, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| TokenError::NotBase64Url(part))
}
