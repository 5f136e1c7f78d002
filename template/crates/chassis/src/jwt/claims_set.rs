use std::time::{Duration, SystemTime};

use super::{
    Part, TokenError,
    json::{self, Value},
};

/// 9999-12-31T23:59:59Z: later dates are mistakes, such as milliseconds for seconds.
const LAST_SECOND: u64 = 253_402_300_799;

const MAX_AUDIENCES: usize = 16;

/// The claims that have a meaning for us.
const NAMES: [&str; 8] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope"];

/// What a token claims, before anything of it is believed. Each claim has exactly the
/// type that its RFC gives it; `exp`, `iss`, `aud` and `sub` are there (RFC 9068
/// section 2.2).
pub(super) struct ClaimsSet {
    pub(super) issuer: Box<str>,
    pub(super) subject: Box<str>,
    pub(super) audiences: Vec<Box<str>>,
    pub(super) expires_at: SystemTime,
    pub(super) not_before: Option<SystemTime>,
    pub(super) issued_at: Option<SystemTime>,
    pub(super) id: Option<Box<str>>,
    pub(super) scope: Box<str>,
    /// None before the issuer is known, who says where they are.
    pub(super) roles: Vec<Box<str>>,
    /// All of it, for whoever asks for other claims.
    pub(super) json: String,
}

impl ClaimsSet {
    pub(super) fn read(json: String) -> Result<Self, TokenError> {
        let [iss, sub, aud, exp, nbf, iat, jti, scope] =
            json::members(Part::Claims, &json, &NAMES)?;
        let subject = required("sub", text("sub", sub)?)?;
        if subject.is_empty() {
            return Err(TokenError::MalformedClaim("sub"));
        }
        Ok(Self {
            issuer: required("iss", text("iss", iss)?)?,
            subject,
            audiences: audiences(required("aud", aud)?)?,
            expires_at: required("exp", date("exp", exp)?)?,
            not_before: date("nbf", nbf)?,
            issued_at: date("iat", iat)?,
            id: text("jti", jti)?,
            scope: text("scope", scope)?.unwrap_or_default(),
            roles: Vec::new(),
            json,
        })
    }

    /// How much memory it takes, about.
    pub(super) fn size_bytes(&self) -> usize {
        let texts = [&self.issuer, &self.subject, &self.scope];
        let lists = self.audiences.iter().chain(&self.roles).chain(&self.id);
        let heap: usize = texts
            .into_iter()
            .chain(lists)
            .map(|text| text.len() + ITEM_BYTES)
            .sum();
        size_of::<Self>() + self.json.capacity() + heap
    }
}

/// A text's place in a list, and what its allocation is rounded up by.
const ITEM_BYTES: usize = 32;

fn required<T>(name: &'static str, claim: Option<T>) -> Result<T, TokenError> {
    claim.ok_or(TokenError::MissingClaim(name))
}

fn text(name: &'static str, value: Option<Value<'_>>) -> Result<Option<Box<str>>, TokenError> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.into())),
        Some(_) => Err(TokenError::MalformedClaim(name)),
    }
}

/// One string, or an array of 1 to 16.
fn audiences(value: Value<'_>) -> Result<Vec<Box<str>>, TokenError> {
    let malformed = TokenError::MalformedClaim("aud");
    let audiences = match value {
        Value::List(audiences) => audiences,
        audience => vec![audience],
    };
    if audiences.is_empty() || audiences.len() > MAX_AUDIENCES {
        return Err(malformed);
    }
    let text = |audience| match audience {
        Value::Text(audience) => Ok(audience.into()),
        _ => Err(malformed.clone()),
    };
    audiences.into_iter().map(text).collect()
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970, with a fraction if need be.
fn date(name: &'static str, value: Option<Value<'_>>) -> Result<Option<SystemTime>, TokenError> {
    let since_1970 = match value {
        None => return Ok(None),
        Some(Value::Integer(seconds)) => Some(Duration::from_secs(seconds)),
        Some(Value::Number(seconds)) => Duration::try_from_secs_f64(seconds).ok(),
        Some(_) => None,
    };
    since_1970
        .filter(|since_1970| since_1970.as_secs() <= LAST_SECOND)
        .map(|since_1970| Some(SystemTime::UNIX_EPOCH + since_1970))
        .ok_or(TokenError::MalformedClaim(name))
}
