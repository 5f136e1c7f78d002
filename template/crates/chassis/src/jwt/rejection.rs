use std::{borrow::Cow, error::Error, fmt, time::Duration};

use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::TokenError;
use crate::Cause;

/// Why a request is not let in.
///
/// The client gets status and challenge (RFC 6750 section 3), and no more. The rest is
/// the [`Cause`] in the response's extensions.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// 401: there is no bearer token.
    NoToken,
    /// 400: there are several `Authorization` fields.
    RepeatedHeader,
    /// 400: the `Authorization` field is not `Bearer` and a token.
    MalformedHeader,
    /// 401: the token is not good.
    InvalidToken(TokenError),
    /// 403: the token is good, but lacks one of these scopes.
    InsufficientScope(Cow<'static, str>),
    /// 403: the token is good, but its subject lacks this role.
    MissingRole(Cow<'static, str>),
    /// 403: the token is good, but the rule of this name says no.
    Denied(Cow<'static, str>),
    /// 503: the issuer's keys are not there yet, which is no fault of the token.
    KeysUnavailable {
        /// When it may be worth asking again.
        retry_after: Duration,
    },
}

impl Rejection {
    /// Its status code (RFC 6750 section 3.1).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Self::RepeatedHeader | Self::MalformedHeader => StatusCode::BAD_REQUEST,
            Self::InsufficientScope(_) | Self::MissingRole(_) | Self::Denied(_) => {
                StatusCode::FORBIDDEN
            }
            Self::KeysUnavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// A short name for it, of which there are few: the `error.type` of the metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::RepeatedHeader => "repeated_header",
            Self::MalformedHeader => "malformed_header",
            Self::InvalidToken(error) => error.kind(),
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::MissingRole(_) => "missing_role",
            Self::Denied(_) => "denied",
            Self::KeysUnavailable { .. } => "keys_unavailable",
        }
    }

    /// `WWW-Authenticate`, without an error code where there was no token; `Retry-After`
    /// (RFC 9110 section 10.2.3) where other credentials would not help.
    fn field(&self) -> (HeaderName, HeaderValue) {
        match self {
            Self::KeysUnavailable { retry_after } => {
                (RETRY_AFTER, whole_seconds(*retry_after).into())
            }
            _ => (WWW_AUTHENTICATE, self.challenge()),
        }
    }

    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::NoToken | Self::KeysUnavailable { .. } => r#"Bearer realm="api""#,
            Self::RepeatedHeader | Self::MalformedHeader => {
                r#"Bearer realm="api", error="invalid_request""#
            }
            Self::InvalidToken(_) => r#"Bearer realm="api", error="invalid_token""#,
            Self::InsufficientScope(scope) => return insufficient_scope(scope),
            // The one code that RFC 6750 has for too few privileges. What they are is
            // nobody's to ask an issuer for, unlike a scope, so it is not told.
            Self::MissingRole(_) | Self::Denied(_) => INSUFFICIENT_SCOPE,
        })
    }

    /// The response, with an empty body.
    pub(super) fn into_response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        let (name, value) = self.field();
        response.headers_mut().insert(name, value);
        response.extensions_mut().insert(Cause::new(self));
        response
    }
}

const INSUFFICIENT_SCOPE: &str = r#"Bearer realm="api", error="insufficient_scope""#;

/// Rounded up, and never "at once".
fn whole_seconds(duration: Duration) -> u64 {
    let part = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(part).max(1)
}

fn insufficient_scope(scope: &str) -> HeaderValue {
    // A scope holds neither quote nor backslash (RFC 6749 section 3.3); one that does is
    // no secret, but would break the field. An empty one tells nothing to ask for.
    match scope.contains(['"', '\\']) || scope.trim().is_empty() {
        true => HeaderValue::from_static(INSUFFICIENT_SCOPE),
        false => HeaderValue::try_from(format!(r#"{INSUFFICIENT_SCOPE}, scope="{scope}""#))
            .unwrap_or(HeaderValue::from_static(INSUFFICIENT_SCOPE)),
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("there is no bearer token"),
            Self::RepeatedHeader => f.write_str("there are several Authorization fields"),
            Self::MalformedHeader => f.write_str("the Authorization field is malformed"),
            Self::InvalidToken(_) => f.write_str("the bearer token is refused"),
            Self::InsufficientScope(scope) => write!(f, "the token lacks the scope {scope:?}"),
            Self::MissingRole(role) => write!(f, "the subject lacks the role {role:?}"),
            Self::Denied(rule) => write!(f, "the rule {rule:?} denies it"),
            Self::KeysUnavailable { .. } => {
                f.write_str("the issuer's keys are not there to check the token with")
            }
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidToken(error) => Some(error),
            _ => None,
        }
    }
}

/// The answer that the layer gives, too.
#[cfg(feature = "axum")]
impl axum::response::IntoResponse for Rejection {
    fn into_response(self) -> axum::response::Response {
        self.into_response()
    }
}
