use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::TokenError;

/// 9999-12-31T23:59:59Z: later dates are mistakes, such as milliseconds for seconds.
const LAST_SECOND: u64 = 253_402_300_799;

const MAX_AUDIENCES: usize = 16;

/// What a verified token says. Cheap to clone.
///
/// [`JwtLayer`](super::JwtLayer) puts it into the request's extensions; with feature
/// `axum` it is an extractor, too: `Claims` answers 401 where there is no token,
/// `Option<Claims>` does not.
#[derive(Clone)]
pub struct Claims(Arc<Set>);

struct Set {
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    expires_at: SystemTime,
    not_before: Option<SystemTime>,
    issued_at: Option<SystemTime>,
    id: Option<String>,
    scope: String,
    others: Map<String, Value>,
}

impl Claims {
    /// Who issued the token: `iss` (RFC 7519 section 4.1.1).
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Who it is about: `sub` (RFC 7519 section 4.1.2). Never empty, and unique within
    /// the issuer only.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Whom it is for: `aud` (RFC 7519 section 4.1.3). Ours is among them.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.0.audiences.iter().map(String::as_str)
    }

    /// When it expires: `exp` (RFC 7519 section 4.1.4).
    pub fn expires_at(&self) -> SystemTime {
        self.0.expires_at
    }

    /// When it became valid: `nbf` (RFC 7519 section 4.1.5).
    pub fn not_before(&self) -> Option<SystemTime> {
        self.0.not_before
    }

    /// When it was issued: `iat` (RFC 7519 section 4.1.6).
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.0.issued_at
    }

    /// Its own name: `jti` (RFC 7519 section 4.1.7).
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// What it allows: the words of `scope` (RFC 8693 section 4.2).
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.0.scope.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether `scope` is among the scopes, to the letter.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|held| held == scope)
    }

    /// A claim that has no method of its own.
    ///
    /// ```
    /// # fn tenant(claims: &axum_chassis::jwt::Claims) -> Option<String> {
    /// let roles: Vec<String> = claims.get("roles").ok()?.unwrap_or_default();
    /// # let tenant: Option<String> = claims.get("tenant").ok()?;
    /// # tenant
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it is there, but not a `T`: a malformed claim must not pass for a missing one.
    pub fn get<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, TokenError> {
        let read = |value| T::deserialize(value).map_err(|_| TokenError::MalformedClaim(name));
        self.0.others.get(name).map(read).transpose()
    }
}

/// Shows whose the claims are, and leaves out what may be personal.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.0.issuer)
            .field("subject", &self.0.subject)
            .field("scope", &self.0.scope)
            .finish_non_exhaustive()
    }
}

/// Each claim has exactly the type that its RFC gives it; `exp`, `iss`, `aud` and `sub`
/// are there (RFC 9068 section 2.2).
impl TryFrom<Map<String, Value>> for Claims {
    type Error = TokenError;

    fn try_from(mut claims: Map<String, Value>) -> Result<Self, TokenError> {
        let subject = required("sub", text(&mut claims, "sub")?)?;
        if subject.is_empty() {
            return Err(TokenError::MalformedClaim("sub"));
        }
        Ok(Self(Arc::new(Set {
            issuer: required("iss", text(&mut claims, "iss")?)?,
            subject,
            audiences: audiences(&mut claims)?,
            expires_at: required("exp", date(&mut claims, "exp")?)?,
            not_before: date(&mut claims, "nbf")?,
            issued_at: date(&mut claims, "iat")?,
            id: text(&mut claims, "jti")?,
            scope: text(&mut claims, "scope")?.unwrap_or_default(),
            others: claims,
        })))
    }
}

fn required<T>(name: &'static str, claim: Option<T>) -> Result<T, TokenError> {
    claim.ok_or(TokenError::MissingClaim(name))
}

fn text(claims: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, TokenError> {
    match claims.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenError::MalformedClaim(name)),
    }
}

/// One string, or an array of 1 to 16.
fn audiences(claims: &mut Map<String, Value>) -> Result<Vec<String>, TokenError> {
    let malformed = TokenError::MalformedClaim("aud");
    let audiences = match required("aud", claims.remove("aud"))? {
        Value::Array(audiences) => audiences,
        audience => vec![audience],
    };
    if audiences.is_empty() || audiences.len() > MAX_AUDIENCES {
        return Err(malformed);
    }
    let text = |audience| match audience {
        Value::String(audience) => Ok(audience),
        _ => Err(malformed.clone()),
    };
    audiences.into_iter().map(text).collect()
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970, with a fraction if need be.
fn date(
    claims: &mut Map<String, Value>,
    name: &'static str,
) -> Result<Option<SystemTime>, TokenError> {
    let Some(value) = claims.remove(name) else {
        return Ok(None);
    };
    let since_1970 = match value.as_u64() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => value
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    };
    since_1970
        .filter(|since_1970| since_1970.as_secs() <= LAST_SECOND)
        .map(|since_1970| Some(SystemTime::UNIX_EPOCH + since_1970))
        .ok_or(TokenError::MalformedClaim(name))
}
