use anyhow::Result;
use http::StatusCode;
use jwt_authorizer::{
    AuthError, IntoLayer, JwtAuthorizer, RegisteredClaims, Validation, layer::AuthorizationLayer,
};
use tower::ServiceBuilder;

use super::Shown;
use crate::{
    catalogue::{Entry, Kind},
    subjects::bare,
    tokens::{AUDIENCE, ISSUER},
};

pub const fn entry<const ALGORITHM: usize, const UNSEEN: bool>() -> Entry {
    Entry {
        name: "jwt-authorizer",
        kind: Kind::Peer,
        packages: &["jwt-authorizer", "jsonwebtoken 9"],
        about: "`AuthorizationLayer` with `from_jwks_text`, issuer, audience, `exp` and `nbf`; it \
                is made for axum 0.7, so that its answers to bad tokens are translated",
        prepare: || {
            let shown = Shown::new::<ALGORITHM, UNSEEN>()?;
            let stack = ServiceBuilder::new()
                .map_response(|Answer(response)| response)
                .layer(layer(&shown)?)
                .map_response(Answer);
            Ok(shown.subject(&bare::router().layer(stack)))
        },
    }
}

/// Its layer, which wants answers that can be made of its errors.
fn layer(shown: &Shown) -> Result<AuthorizationLayer<RegisteredClaims>> {
    let validation = Validation::new()
        .iss(&[ISSUER])
        .aud(&[AUDIENCE])
        .exp(true)
        .nbf(true);
    let authorizer = JwtAuthorizer::<RegisteredClaims>::from_jwks_text(&shown.issuer.jwks()?)
        .validation(validation)
        .build();
    Ok(super::block_on(authorizer)??.into_layer())
}

/// An answer of axum 0.8.
struct Answer(axum::response::Response);

impl From<AuthError> for Answer {
    fn from(_: AuthError) -> Self {
        let mut response = axum::response::Response::default();
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        Self(response)
    }
}
