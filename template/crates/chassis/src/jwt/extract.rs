use std::{convert::Infallible, fmt, marker::PhantomData, ops::Deref};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{Claims, Rejection, Requirement};

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

/// All [`Claims`] as a type of your own: 401 where there are none, or of another type.
///
/// ```
/// use axum_chassis::jwt::TypedClaims;
///
/// #[derive(serde::Deserialize)]
/// struct Member {
///     sub: String,
///     tenant: u64,
/// }
///
/// async fn tenant(TypedClaims(member): TypedClaims<Member>) -> String {
///     format!("{} of {}", member.sub, member.tenant)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TypedClaims<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for TypedClaims<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        typed(parts)?.ok_or(Rejection::NoToken)
    }
}

/// None where there are none; those of another type are still 401.
impl<T: DeserializeOwned, S: Sync> OptionalFromRequestParts<S> for TypedClaims<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        typed(parts)
    }
}

fn typed<T: DeserializeOwned>(parts: &Parts) -> Result<Option<TypedClaims<T>>, Rejection> {
    let claims = parts.extensions.get::<Claims>().map(Claims::parse);
    let claims = claims.transpose().map_err(Rejection::InvalidToken)?;
    Ok(claims.map(TypedClaims))
}

/// A [`Requirement`] by the name of a type, for [`Authorized`].
pub trait Permission {
    /// What is required. It is asked for at each request.
    fn requirement() -> Requirement;
}

/// The [`Claims`] of a request that meets the requirement of `P`: the handler cannot be
/// called without. 401 where there are no claims, 403 where they do not suffice.
///
/// ```
/// use axum_chassis::jwt::{Authorized, Permission, Requirement};
///
/// struct Admin;
///
/// impl Permission for Admin {
///     fn requirement() -> Requirement {
///         Requirement::role("admin")
///     }
/// }
///
/// async fn shut_down(admin: Authorized<Admin>) -> String {
///     format!("by order of {}", admin.subject())
/// }
/// ```
pub struct Authorized<P> {
    claims: Claims,
    permission: PhantomData<fn() -> P>,
}

impl<P> Authorized<P> {
    /// The claims, for whoever need not know by which right.
    pub fn into_claims(self) -> Claims {
        self.claims
    }
}

impl<P> Deref for Authorized<P> {
    type Target = Claims;

    fn deref(&self) -> &Claims {
        &self.claims
    }
}

impl<P> fmt::Debug for Authorized<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.claims).finish()
    }
}

impl<P: Permission, S: Sync> FromRequestParts<S> for Authorized<P> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        P::requirement().check(parts)?;
        let claims = parts.extensions.get().cloned().ok_or(Rejection::NoToken)?;
        Ok(Self {
            claims,
            permission: PhantomData,
        })
    }
}
