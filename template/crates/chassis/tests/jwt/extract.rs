//! The layers and the extractor in an axum router.

use axum::{Router, body::Body, response::Response, routing::get};
use axum_chassis::{
    Cause,
    jwt::{Claims, JwtLayer, RequireLayer, Requirement},
};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::issuer::{Issuer, claims_with, hs256_verifier};

fn router() -> Router {
    Router::new()
        .route(
            "/admin",
            get(me).route_layer(RequireLayer::new(Requirement::scope("admin"))),
        )
        .route("/me", get(me))
        .route("/maybe", get(maybe))
        .route_layer(JwtLayer::new(hs256_verifier()).optional())
}

async fn me(claims: Claims) -> String {
    claims.subject().to_owned()
}

async fn maybe(claims: Option<Claims>) -> String {
    claims.map_or("nobody".to_owned(), |claims| claims.subject().to_owned())
}

async fn get_from(path: &str, token: Option<&str>) -> Response {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_gets_the_claims() {
    let token = Issuer::hs256().token(&claims_with("scope", "admin"));
    for path in ["/me", "/maybe", "/admin"] {
        assert_eq!(
            text(get_from(path, Some(&token)).await).await,
            "ada",
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_handler_that_needs_claims_is_401_without() {
    let response = get_from("/me", None).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()[WWW_AUTHENTICATE],
        r#"Bearer realm="api""#
    );
    assert!(response.extensions().get::<Cause>().is_some());
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn a_handler_may_do_without_claims() {
    assert_eq!(text(get_from("/maybe", None).await).await, "nobody");
}

#[tokio::test]
async fn a_scope_protects_one_route() {
    let token = Issuer::hs256().token(&claims_with("scope", "user"));
    assert_eq!(
        get_from("/admin", Some(&token)).await.status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(get_from("/me", Some(&token)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_path_is_404_even_with_a_bad_token() {
    assert_eq!(
        get_from("/unknown", Some("bad")).await.status(),
        StatusCode::NOT_FOUND
    );
}
