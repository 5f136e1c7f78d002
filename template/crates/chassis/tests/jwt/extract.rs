//! The layers and the extractor in an axum router.

use axum::{Router, body::Body, response::Response, routing::get};
use axum_chassis::{
    Cause,
    jwt::{Authorized, Claims, JwtLayer, Permission, RequireLayer, Requirement, TypedClaims},
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
        .route("/authorized", get(authorized))
        .route("/tenant", get(tenant))
        .route("/maybe-tenant", get(maybe_tenant))
        .route_layer(JwtLayer::new(hs256_verifier()).optional())
}

async fn me(claims: Claims) -> String {
    claims.subject().to_owned()
}

async fn maybe(claims: Option<Claims>) -> String {
    claims.map_or("nobody".to_owned(), |claims| claims.subject().to_owned())
}

struct Admin;

impl Permission for Admin {
    fn requirement() -> Requirement {
        Requirement::role("admin")
    }
}

async fn authorized(admin: Authorized<Admin>) -> String {
    let subject = admin.subject().to_owned();
    format!("{subject} {}", admin.into_claims().issuer())
}

#[derive(serde::Deserialize)]
struct Member {
    sub: String,
    tenant: u64,
}

async fn tenant(TypedClaims(member): TypedClaims<Member>) -> String {
    format!("{} {}", member.sub, member.tenant)
}

async fn maybe_tenant(member: Option<TypedClaims<Member>>) -> String {
    member.map_or("none".to_owned(), |TypedClaims(member)| {
        member.tenant.to_string()
    })
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
async fn a_handler_may_name_the_permission_that_it_needs() {
    let admin = Issuer::hs256().token(&claims_with("roles", vec!["admin"]));
    let answer = get_from("/authorized", Some(&admin)).await;
    assert_eq!(text(answer).await, "ada https://issuer.example");

    let user = Issuer::hs256().token(&claims_with("roles", vec!["user"]));
    for (token, status) in [
        (Some(&*user), StatusCode::FORBIDDEN),
        (None, StatusCode::UNAUTHORIZED),
    ] {
        let answer = get_from("/authorized", token).await;
        assert_eq!(answer.status(), status);
        assert!(answer.extensions().get::<Cause>().is_some());
    }
}

#[tokio::test]
async fn a_handler_gets_claims_of_its_own_type() {
    let token = Issuer::hs256().token(&claims_with("tenant", 7));
    let answer = get_from("/tenant", Some(&token)).await;
    assert_eq!(text(answer).await, "ada 7");
    let answer = get_from("/maybe-tenant", Some(&token)).await;
    assert_eq!(text(answer).await, "7");
    assert_eq!(text(get_from("/maybe-tenant", None).await).await, "none");
}

#[tokio::test]
async fn claims_of_another_type_are_401_and_no_absence() {
    let token = Issuer::hs256().token(&claims_with("tenant", "seven"));
    for path in ["/tenant", "/maybe-tenant"] {
        let answer = get_from(path, Some(&token)).await;
        assert_eq!(
            answer.headers()[WWW_AUTHENTICATE],
            r#"Bearer realm="api", error="invalid_token""#
        );
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let nobody = get_from("/tenant", None).await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_unknown_path_is_404_even_with_a_bad_token() {
    assert_eq!(
        get_from("/unknown", Some("bad")).await.status(),
        StatusCode::NOT_FOUND
    );
}
