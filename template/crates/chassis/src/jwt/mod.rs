//! Lets in who shows a valid bearer token, and knows what the token allows.
//!
//! [`JwtLayer`] checks the `Authorization` field (RFC 6750), and puts the [`Claims`] of
//! a good token into the request's extensions. [`RequireLayer`] asks for a
//! [`Requirement`]: a scope, a role, or a rule of your own. What does not pass is
//! answered at once, with an empty body:
//!
//! | request | status | `WWW-Authenticate` |
//! |---|---|---|
//! | no token | 401 | `Bearer realm="api"` |
//! | a malformed field, or two | 400 | `Bearer realm="api", error="invalid_request"` |
//! | a bad token | 401 | `Bearer realm="api", error="invalid_token"` |
//! | a token without the scope | 403 | `Bearer realm="api", error="insufficient_scope", scope="…"` |
//! | without the role, or against the rule | 403 | `Bearer realm="api", error="insufficient_scope"` |
//! | a token before there are keys | 503 | none, but `Retry-After` |
//!
//! RFC 6750 has that one error for too few privileges of any kind. A client can ask its
//! issuer for another scope, so that is named; for a role it cannot, so that is not.
//!
//! Why it was refused is a [`Rejection`], and rides as [`Cause`](crate::Cause) in the
//! response's extensions: the log may know it, the client must not.
//!
//! # What is a good token
//!
//! One for which all of this holds (RFC 7515, 7519, 8725, 9068):
//!
//! - It has at most 8 KiB, and exactly three parts in canonical base64url. Header and
//!   claims are JSON objects in which no name occurs twice.
//! - The key is found by `kid`. The key has one algorithm, and `alg` is that one. There
//!   is no `none`.
//! - The header has none of `crit`, `b64`, `zip`, `jku`, `jwk`, `x5u`, `x5c` and `cty`, and
//!   `typ` is absent, `JWT` or `at+jwt`; from an issuer of [access tokens
//!   only](Issuer::access_tokens_only) it is `at+jwt`.
//! - `exp`, `iss`, `aud` and `sub` are there. Each claim has exactly its type: times are
//!   numbers of seconds up to the year 9999, `iss`, `sub`, `jti` and `scope` are strings,
//!   `aud` is a string or an array of 1 to 16. `sub` is required because whoever owns
//!   something must have a name.
//! - `iss` names an issuer that is trusted, the key is one of its, and `aud` contains the
//!   audience that we are for it.
//! - It has not expired, and `nbf` and `iat` do not lie in the future, give or take the
//!   leeway.
//! - It has not been [revoked](VerifierBuilder::revoked).
//!
//! A verifier may trust several issuers. Each has its own name, audiences, algorithms,
//! keys and place for roles, and none can speak for another.
//!
//! Keys are checked before they are used: an HMAC secret is as long as its hash, an RSA
//! key has 2048 bits or more, an Ed25519 key is not of small order, and no two keys of an
//! issuer can be taken for each other.
//!
//! # The cache
//!
//! A signature is checked once. A token that was good is remembered by the whole of its
//! text, as long as its issuer's keys are the same; whether it has expired, and whether
//! it has been revoked, is looked at each time. Bad tokens are not remembered. It is on
//! unless [`VerifierBuilder::cache`] says otherwise, and has these bounds:
//!
//! | bound | default | unit | metric |
//! |---|---|---|---|
//! | [`TokenCache::max_tokens`] | 10,000 | tokens | `axum_chassis.jwt.cache.tokens` |
//! | [`TokenCache::max_bytes`] | 8 MiB | bytes, about | `axum_chassis.jwt.cache.size` |
//!
//! A token also counts as its share of the bytes at least, 839 by default. When there is
//! no more room, those go that were used the least.
//!
//! Of a token that is not remembered the header often is: all tokens of a key have the same
//! one. So many as 64 are known, each of a token that was good.
//!
//! # Metrics
//!
//! With [`VerifierBuilder::meter`], beside those of the cache:
//!
//! | metric | attribute | value |
//! |---|---|---|
//! | `axum_chassis.jwt.verifications` | `axum_chassis.jwt.cached` | of a good token: whether it was remembered |
//! | | `error.type` | of any other: [`Rejection::kind`], without the 403s |
//!
//! # Example
//!
//! ```
//! use axum_chassis::jwt::{Claims, HmacAlgorithm, Issuer, JwtLayer, Key, Verifier};
//! use http::{Request, Response, StatusCode, header::WWW_AUTHENTICATE};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = Key::hmac(HmacAlgorithm::Hs256, b"32 random bytes, from your vault")?;
//! let issuer = Issuer::new("https://issuer.example", "https://api.example", key);
//! let verifier = Verifier::builder().issuer(issuer).build()?;
//!
//! let service = ServiceBuilder::new()
//!     .layer(JwtLayer::new(verifier))
//!     .service(service_fn(async |request: Request<String>| {
//!         let claims = request.extensions().get::<Claims>();
//!         let greeting = claims.map(|claims| format!("Hello, {}!", claims.subject()));
//!         Ok::<_, std::convert::Infallible>(Response::new(greeting.unwrap_or_default()))
//!     }));
//!
//! let response = service.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Bearer realm="api""#);
//! # Ok(())
//! # }
//! ```
//!
//! In axum, use it as a route layer, so that an unknown path stays 404:
//! `router.route_layer(JwtLayer::new(verifier))`. With feature `axum`, [`Claims`],
//! `TypedClaims` and `Authorized` are extractors.
//!
//! # Live keys
//!
//! Keys that an issuer publishes come and go while the service runs. [`source`] has them
//! from a URL, by OpenID Connect discovery (feature `jwks`) or from a file, and keeps them
//! fresh; what it gives goes into an [`Issuer`] as any key does. A request whose token
//! names a new key waits for one fetch, which all others like it share.
//! [`Verifier::authenticate`] does so without the layer.

mod algorithm;
mod bearer;
mod cache;
mod claims;
mod claims_set;
mod ed25519;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod headers;
mod instruments;
mod issuer;
mod json;
mod jwks;
mod key;
mod key_set;
mod keys;
mod layer;
mod rejection;
mod require;
mod requirement;
mod roles;
mod service;
pub mod source;
mod token;
mod token_error;
mod verifier;
mod verifier_builder;
mod verifier_error;
mod wanted;

pub use algorithm::{Algorithm, HmacAlgorithm};
pub use cache::{DEFAULT_CACHED_BYTES, DEFAULT_CACHED_TOKENS, TokenCache};
pub use claims::Claims;
#[cfg(feature = "axum")]
pub use extract::{Authorized, Permission, TypedClaims};
pub use future::{JwtFuture, ResponseFuture};
pub use issuer::Issuer;
pub use key::Key;
pub use key_set::KeySet;
pub use keys::Keys;
pub use layer::JwtLayer;
pub use rejection::Rejection;
pub use require::{Require, RequireLayer};
pub use requirement::Requirement;
pub use service::Jwt;
pub use token::MAX_TOKEN_BYTES;
pub use token_error::{Part, TokenError};
pub use verifier::Verifier;
pub use verifier_builder::{DEFAULT_LEEWAY, MAX_LEEWAY, VerifierBuilder};
pub use verifier_error::VerifierError;
