use anyhow::Result;
use axum::body::Body;
use jsonwebtoken::Algorithm as Allowed;
use tower_oauth2_resource_server::{
    claims::DefaultClaims, layer::OAuth2ResourceServerLayer, server::OAuth2ResourceServer,
    tenant::TenantConfiguration, validation::ClaimsValidationSpec,
};

use super::Shown;
use crate::{
    catalogue::{Entry, Kind},
    subjects::bare,
    tokens::{AUDIENCE, ISSUER},
};

pub const fn entry<const ALGORITHM: usize, const UNSEEN: bool>() -> Entry {
    Entry {
        name: "tower-oauth2-resource-server",
        kind: Kind::Peer,
        packages: &["tower-oauth2-resource-server", "jsonwebtoken 11"],
        about: "`OAuth2ResourceServer` with a static JWK Set and `jwt-aws-lc-rs`; issuer, audience \
                and `exp`",
        prepare: || {
            let shown = Shown::new::<ALGORITHM, UNSEEN>()?;
            Ok(shown.subject(&bare::router().layer(layer(&shown)?)))
        },
    }
}

pub fn layer(shown: &Shown) -> Result<OAuth2ResourceServerLayer<Body, DefaultClaims>> {
    let audiences = vec![AUDIENCE.to_owned()];
    let claims = ClaimsValidationSpec::new().iss(ISSUER).aud(&audiences);
    let tenant = TenantConfiguration::static_builder(shown.issuer.jwks()?)
        .claims_validation(claims.exp(true))
        .allowed_algorithms(&[
            Allowed::RS256,
            Allowed::ES256,
            Allowed::EdDSA,
            Allowed::HS256,
        ])
        .build()?;
    let server = OAuth2ResourceServer::<DefaultClaims>::builder();
    let server = super::block_on(server.add_tenant(tenant).build())??;
    Ok(server.into_layer())
}
