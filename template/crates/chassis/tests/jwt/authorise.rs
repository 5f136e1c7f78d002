//! Who may do what, around a bare tower service.

use std::convert::Infallible;

use axum_chassis::{
    Cause,
    jwt::{Claims, JwtLayer, RequireLayer, Requirement},
};
use http::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

use crate::issuer::{Issuer, claims_with, hs256_verifier};

const BARE: &str = r#"Bearer realm="api", error="insufficient_scope""#;

async fn call(requirement: Requirement, request: Request<()>) -> Response<String> {
    let greet =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new("welcome".to_owned())));
    let required = RequireLayer::new(requirement).layer(greet);
    let service = JwtLayer::new(hs256_verifier()).optional().layer(required);
    service.oneshot(request).await.unwrap()
}

fn request(path: &str, token: &str) -> Request<()> {
    let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap()
}

fn with_roles(roles: &[&str]) -> Request<()> {
    request(
        "/",
        &Issuer::hs256().token(&claims_with("roles", json!(roles))),
    )
}

fn is_own_account(claims: &Claims, request: &http::request::Parts) -> bool {
    request.uri.path().strip_prefix("/accounts/") == Some(claims.subject())
}

fn own_account() -> Requirement {
    Requirement::new("own-account", is_own_account)
}

fn refusal(answer: &Response<String>) -> (StatusCode, &str, String) {
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    let cause = answer.extensions().get::<Cause>().unwrap().to_string();
    assert_eq!(answer.body(), "");
    (answer.status(), challenge, cause)
}

#[tokio::test]
async fn a_role_is_required_to_the_letter() {
    for held in [&["admin"][..], &["user", "admin"]] {
        let answer = call(Requirement::role("admin"), with_roles(held)).await;
        assert_eq!(answer.body(), "welcome", "{held:?}");
    }
    for held in [&[][..], &["Admin"], &["administrator", "user admin"], &[""]] {
        let answer = call(Requirement::role("admin"), with_roles(held)).await;
        let cause = r#"the subject lacks the role "admin""#.to_owned();
        assert_eq!(
            refusal(&answer),
            (StatusCode::FORBIDDEN, BARE, cause),
            "{held:?}"
        );
    }
}

#[tokio::test]
async fn what_asks_for_nothing_lets_nobody_in() {
    let scoped = Issuer::hs256().token(&claims_with("scope", "a b"));
    for scope in ["", " ", "   "] {
        let answer = call(Requirement::scope(scope), request("/", &scoped)).await;
        let cause = format!("the token lacks the scope {scope:?}");
        assert_eq!(refusal(&answer), (StatusCode::FORBIDDEN, BARE, cause));
    }
    let answer = call(Requirement::role(""), with_roles(&["", "admin"])).await;
    let cause = r#"the subject lacks the role """#.to_owned();
    assert_eq!(refusal(&answer), (StatusCode::FORBIDDEN, BARE, cause));
}

#[tokio::test]
async fn a_role_is_no_scope_and_a_scope_no_role() {
    let scoped = Issuer::hs256().token(&claims_with("scope", "admin"));
    let answer = call(Requirement::role("admin"), request("/", &scoped)).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let answer = call(Requirement::scope("admin"), with_roles(&["admin"])).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_rule_sees_the_claims_and_the_head_of_the_request() {
    let token = Issuer::hs256().token(&claims_with("sub", "ada"));
    let own = call(own_account(), request("/accounts/ada", &token)).await;
    assert_eq!(own.body(), "welcome");

    let other = call(own_account(), request("/accounts/bob", &token)).await;
    let cause = r#"the rule "own-account" denies it"#.to_owned();
    assert_eq!(refusal(&other), (StatusCode::FORBIDDEN, BARE, cause));
}

#[tokio::test]
async fn without_a_token_every_requirement_is_unauthorised() {
    for requirement in [
        Requirement::scope("a"),
        Requirement::scope(""),
        Requirement::role("a"),
        Requirement::new("anybody", |_, _| true),
    ] {
        let shown = format!("{requirement:?}");
        let answer = call(requirement, Request::new(())).await;
        let expected = (
            StatusCode::UNAUTHORIZED,
            r#"Bearer realm="api""#,
            "there is no bearer token".to_owned(),
        );
        assert_eq!(refusal(&answer), expected, "{shown}");
    }
}
