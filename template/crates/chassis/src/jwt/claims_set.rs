use std::{
    borrow::Cow,
    ops::Range,
    time::{Duration, SystemTime},
};

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
    issuer: Text,
    subject: Text,
    audiences: Vec<Text>,
    pub(super) expires_at: SystemTime,
    pub(super) not_before: Option<SystemTime>,
    pub(super) issued_at: Option<SystemTime>,
    id: Option<Text>,
    scope: Option<Text>,
    /// None before the issuer is known, who says where they are.
    pub(super) roles: Vec<Box<str>>,
    /// All of it, for the texts above, and for whoever asks for other claims.
    pub(super) json: String,
}

impl ClaimsSet {
    pub(super) fn read(json: String) -> Result<Self, TokenError> {
        let [iss, sub, aud, exp, nbf, iat, jti, scope] =
            json::members(Part::Claims, &json, &NAMES)?;
        let text = |name, value| text(&json, name, value);
        let subject = required("sub", text("sub", sub)?)?;
        if subject.of(&json).is_empty() {
            return Err(TokenError::MalformedClaim("sub"));
        }
        Ok(Self {
            issuer: required("iss", text("iss", iss)?)?,
            subject,
            audiences: audiences(&json, required("aud", aud)?)?,
            expires_at: required("exp", date("exp", exp)?)?,
            not_before: date("nbf", nbf)?,
            issued_at: date("iat", iat)?,
            id: text("jti", jti)?,
            scope: text("scope", scope)?,
            roles: Vec::new(),
            json,
        })
    }

    pub(super) fn issuer(&self) -> &str {
        self.issuer.of(&self.json)
    }

    pub(super) fn subject(&self) -> &str {
        self.subject.of(&self.json)
    }

    pub(super) fn audiences(&self) -> impl Iterator<Item = &str> {
        self.audiences.iter().map(|text| text.of(&self.json))
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_ref().map(|text| text.of(&self.json))
    }

    pub(super) fn scope(&self) -> &str {
        let scope = self.scope.as_ref();
        scope.map_or("", |text| text.of(&self.json))
    }

    /// How much memory it takes, about.
    pub(super) fn size_bytes(&self) -> usize {
        let texts = [&self.issuer, &self.subject].into_iter();
        let texts = texts.chain(&self.audiences).chain(&self.id);
        let texts = texts.chain(&self.scope).map(Text::heap_bytes);
        let roles = self.roles.iter().map(|role| role.len() + ITEM_BYTES);
        let heap: usize = texts.chain(roles).sum();
        size_of::<Self>() + self.json.capacity() + heap
    }
}

/// A text among the claims.
enum Text {
    /// As it stands in the JSON, between these bytes.
    Within(Range<usize>),
    /// In the JSON it is escaped.
    Unescaped(Box<str>),
}

impl Text {
    fn new(json: &str, text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => {
                let start = text.as_ptr().addr() - json.as_ptr().addr();
                Self::Within(start..start + text.len())
            }
            Cow::Owned(text) => Self::Unescaped(text.into()),
        }
    }

    fn of<'a>(&'a self, json: &'a str) -> &'a str {
        match self {
            Self::Within(bytes) => &json[bytes.clone()],
            Self::Unescaped(text) => text,
        }
    }

    /// The place in a list counts for one that is in none, too.
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Within(_) => ITEM_BYTES,
            Self::Unescaped(text) => text.len() + ITEM_BYTES,
        }
    }
}

/// A text's place in a list, and what its allocation is rounded up by.
const ITEM_BYTES: usize = 32;

fn required<T>(name: &'static str, claim: Option<T>) -> Result<T, TokenError> {
    claim.ok_or(TokenError::MissingClaim(name))
}

fn text(
    json: &str,
    name: &'static str,
    value: Option<Value<'_>>,
) -> Result<Option<Text>, TokenError> {
    match value {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(Text::new(json, text))),
        Some(_) => Err(TokenError::MalformedClaim(name)),
    }
}

/// One string, or an array of 1 to 16.
fn audiences(json: &str, value: Value<'_>) -> Result<Vec<Text>, TokenError> {
    let malformed = TokenError::MalformedClaim("aud");
    let audiences = match value {
        Value::List(audiences) => audiences,
        audience => vec![audience],
    };
    if audiences.is_empty() || audiences.len() > MAX_AUDIENCES {
        return Err(malformed);
    }
    let text = |audience| match audience {
        Value::Text(audience) => Ok(Text::new(json, audience)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_as_it_was_meant_escaped_or_not() {
        let json =
            r#"{"iss":"a\u0062c","sub":"\u00fc","aud":["x","\ty"],"exp":1,"jti":"","scope":"ü"}"#;
        let set = ClaimsSet::read(json.to_owned()).unwrap();
        assert_eq!((set.issuer(), set.subject()), ("abc", "ü"));
        assert_eq!(set.audiences().collect::<Vec<_>>(), ["x", "\ty"]);
        assert_eq!((set.id(), set.scope()), (Some(""), "ü"));
    }
}
