use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::{Claims, Rejection};

/// 401 where there are none, as [`JwtLayer`](super::JwtLayer) itself answers.
impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        parts.extensions.get().cloned().ok_or(Rejection::NoToken)
    }
}

/// For routes behind [`JwtLayer::optional`](super::JwtLayer::optional).
impl<S: Sync> OptionalFromRequestParts<S> for Claims {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}
