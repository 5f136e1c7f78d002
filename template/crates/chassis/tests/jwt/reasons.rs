//! Why a token was refused is counted, and never told.

use std::{convert::Infallible, sync::Arc};

use axum_chassis::jwt::{JwtLayer, Rejection, TokenError};
use http::{
    Request, Response,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    issuer::{Issuer, claims, claims_with, claims_without, hs256_key, verifier},
    observed::Observed,
};

async fn call(layer: &JwtLayer, fields: &[&str]) -> Response<()> {
    let service = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(()))
    }));
    let mut request = Request::new(());
    for field in fields {
        request
            .headers_mut()
            .append(AUTHORIZATION, field.parse().unwrap());
    }
    service.oneshot(request).await.unwrap()
}

#[tokio::test]
async fn each_reason_is_one_value_of_a_label() {
    let observed = Observed::new(verifier(hs256_key()).revoked(|claims| claims.id().is_some()));
    let layer = JwtLayer::new(observed.verifier.clone());
    let issuer = Issuer::hs256();
    let bearer = |token: String| format!("Bearer {token}");
    for (kind, fields) in [
        ("no_token", vec![]),
        ("no_token", vec!["Basic YTpi".to_owned()]),
        ("malformed_header", vec![bearer("a b".into())]),
        (
            "repeated_header",
            vec![bearer("a".into()), bearer("a".into())],
        ),
        ("not_three_parts", vec![bearer("a".into())]),
        ("too_long", vec![bearer("a".repeat(9000))]),
        (
            "expired",
            vec![bearer(issuer.token(&claims_with("exp", 1)))],
        ),
        (
            "missing_claim",
            vec![bearer(issuer.token(&claims_without("sub")))],
        ),
        (
            "unknown_key",
            vec![bearer(Issuer::new("HS384").token(&claims()))],
        ),
        (
            "revoked",
            vec![bearer(issuer.token(&claims_with("jti", "1")))],
        ),
    ] {
        let before = observed.refused(kind);
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        let answer = call(&layer, &fields).await;
        assert!(answer.status().is_client_error(), "{kind}");
        let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(!challenge.contains(kind), "{challenge}");
        assert_eq!(observed.refused(kind), before + 1, "{kind}");
    }
    assert_eq!(observed.hits_and_misses(), (0, 0));
}

#[tokio::test]
async fn no_token_is_no_verification_where_none_is_needed() {
    let observed = Observed::new(verifier(hs256_key()));
    let layer = JwtLayer::new(observed.verifier.clone()).optional();
    assert!(call(&layer, &[]).await.status().is_success());
    assert_eq!(observed.refused("no_token"), 0);
}

#[test]
fn a_rejection_is_named_after_its_cause() {
    let lacks = |scope: &'static str| Rejection::InsufficientScope(scope.into());
    assert_eq!(lacks("a").kind(), lacks("b").kind());
    assert_eq!(
        Rejection::InvalidToken(TokenError::Expired).kind(),
        "expired"
    );
}

#[test]
fn a_verifier_without_a_meter_verifies_all_the_same() {
    let verifier = Arc::new(verifier(hs256_key()).build().unwrap());
    assert!(verifier.verify(&Issuer::hs256().token(&claims())).is_ok());
}
